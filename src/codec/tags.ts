/**
 * The first byte of every encoded value. `docs` of the layout, all numbers little-endian, `varint` = 7 bits a
 * byte, lowest first:
 *
 * ```
 * payload  flags:u8 trailer:u32 value trailer?      trailer = offset from the payload's start, 0 if there is none
 * trailer  shapes buffers?                          buffers only if FLAG_BUFFERS is set
 * shapes   count:varint { hash:u32 length:varint keys }     keys = count:varint then that many strings
 * buffers  count:varint { region } count:varint { view }
 * region   flags:u8 length:varint max:varint? bytes?        bytes here, or as the next segment after the trailer
 * view     kind:u8 region:varint offset:varint length:varint   in the order in which their tags appear
 * ```
 *
 * What an object's keys are is said once a message, in the trailer, because it is known only after the
 * object has been walked; walking twice would run its getters twice.
 */
export const FLAG_REFERENCES = 1
export const FLAG_BUFFERS = 2
export const HEADER_BYTES = 5

/** 0x00 to 0x7f: that integer. */
export const SMALL_INT_LIMIT = 0x80
/** 0x80 to 0x9f: a string of 0 to 31 characters, one byte each. */
export const SHORT_STRING = 0x80
export const SHORT_STRING_LIMIT = 32
/** 0xa0 to 0xaf: a dense array of 0 to 15 elements. */
export const SHORT_ARRAY = 0xa0
export const SHORT_ARRAY_LIMIT = 16

export const UNDEFINED = 0xb0
export const NULL = 0xb1
export const TRUE = 0xb2
export const FALSE = 0xb3
export const INT8 = 0xb4
export const INT16 = 0xb5
export const INT32 = 0xb6
export const FLOAT64 = 0xb7
export const BIGINT64 = 0xb8
/** sign:u8 length:varint, then the magnitude, highest byte first. */
export const BIGINT = 0xb9
/** length:u32, then one byte a character. */
export const STRING_LATIN1 = 0xba
/** bytes:u32, then UTF-16. Not UTF-8, which Node 20 reads at a fiftieth of the speed and which has no lone surrogates. */
export const STRING_UTF16 = 0xbb
/** number:varint of an object of this message, counted in the order of their tags. */
export const REFERENCE = 0xbc

/** length:varint, then the elements. */
export const ARRAY = 0xc0
/** length:varint, then pairs of a key (integer or string) and its value, up to END. */
export const ARRAY_KEYED = 0xc1
/** shape:u16, then the values. */
export const OBJECT = 0xc2
/** As OBJECT, then pairs of a string and its value, up to END. */
export const OBJECT_WIDE = 0xc3
export const END = 0xc4
/** count:varint, then key and value in turn. */
export const MAP = 0xc5
/** count:varint, then the members. */
export const SET = 0xc6
/** Milliseconds as a float64; NaN is the invalid date. */
export const DATE = 0xc7
/** Two strings: source, flags. */
export const REGEXP = 0xc8
/** The primitive as a value. */
export const BOXED = 0xc9
/** class:u8 parts:u8, then of message, stack and cause those that parts names. */
export const ERROR = 0xca
/** parts:u8, message and name as strings, then stack if parts names it. */
export const DOM_EXCEPTION = 0xcb
/** The next view of the trailer. */
export const VIEW = 0xcc
/** length:varint, then that many integers of 1, 2 or 4 bytes. */
export const ARRAY_INT8 = 0xcd
export const ARRAY_INT16 = 0xce
export const ARRAY_INT32 = 0xcf
/** length:varint, then that many float64. */
export const ARRAY_FLOAT64 = 0xd0

export const ERROR_CLASSES = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
] as const
export const ERROR_MESSAGE = 1
export const ERROR_STACK = 2
export const ERROR_CAUSE = 4

/** A region's bytes are the next segment after the trailer, not here. */
export const REGION_SEGMENT = 1
/** The region's buffer is resizable up to `max`. */
export const REGION_RESIZABLE = 2
/** The region is the memory of a block: a view of it may show what came in, whatever its class. */
export const REGION_BLOCK = 4

/** kind:u8 of a view is an index into this, and VIEW_TRACKING if it grows with its resizable buffer. */
export const VIEW_KINDS = [
  'ArrayBuffer',
  'Buffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const
export type ViewKind = (typeof VIEW_KINDS)[number]
export const VIEW_TRACKING = 0x80
