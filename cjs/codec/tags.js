"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.VIEW_TRACKING = exports.VIEW_KINDS = exports.REGION_RESIZABLE = exports.REGION_SEGMENT = exports.ERROR_CAUSE = exports.ERROR_STACK = exports.ERROR_MESSAGE = exports.ERROR_CLASSES = exports.ARRAY_FLOAT64 = exports.ARRAY_INT32 = exports.ARRAY_INT16 = exports.ARRAY_INT8 = exports.VIEW = exports.DOM_EXCEPTION = exports.ERROR = exports.BOXED = exports.REGEXP = exports.DATE = exports.SET = exports.MAP = exports.END = exports.OBJECT_WIDE = exports.OBJECT = exports.ARRAY_KEYED = exports.ARRAY = exports.REFERENCE = exports.STRING_UTF16 = exports.STRING_LATIN1 = exports.BIGINT = exports.BIGINT64 = exports.FLOAT64 = exports.INT32 = exports.INT16 = exports.INT8 = exports.FALSE = exports.TRUE = exports.NULL = exports.UNDEFINED = exports.SHORT_ARRAY_LIMIT = exports.SHORT_ARRAY = exports.SHORT_STRING_LIMIT = exports.SHORT_STRING = exports.SMALL_INT_LIMIT = exports.HEADER_BYTES = exports.FLAG_BUFFERS = exports.FLAG_REFERENCES = void 0;
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
exports.FLAG_REFERENCES = 1;
exports.FLAG_BUFFERS = 2;
exports.HEADER_BYTES = 5;
/** 0x00 to 0x7f: that integer. */
exports.SMALL_INT_LIMIT = 0x80;
/** 0x80 to 0x9f: a string of 0 to 31 characters, one byte each. */
exports.SHORT_STRING = 0x80;
exports.SHORT_STRING_LIMIT = 32;
/** 0xa0 to 0xaf: a dense array of 0 to 15 elements. */
exports.SHORT_ARRAY = 0xa0;
exports.SHORT_ARRAY_LIMIT = 16;
exports.UNDEFINED = 0xb0;
exports.NULL = 0xb1;
exports.TRUE = 0xb2;
exports.FALSE = 0xb3;
exports.INT8 = 0xb4;
exports.INT16 = 0xb5;
exports.INT32 = 0xb6;
exports.FLOAT64 = 0xb7;
exports.BIGINT64 = 0xb8;
/** sign:u8 length:varint, then the magnitude, highest byte first. */
exports.BIGINT = 0xb9;
/** length:u32, then one byte a character. */
exports.STRING_LATIN1 = 0xba;
/** bytes:u32, then UTF-16. Not UTF-8, which Node 20 reads at a fiftieth of the speed and which has no lone surrogates. */
exports.STRING_UTF16 = 0xbb;
/** number:varint of an object of this message, counted in the order of their tags. */
exports.REFERENCE = 0xbc;
/** length:varint, then the elements. */
exports.ARRAY = 0xc0;
/** length:varint, then pairs of a key (integer or string) and its value, up to END. */
exports.ARRAY_KEYED = 0xc1;
/** shape:u16, then the values. */
exports.OBJECT = 0xc2;
/** As OBJECT, then pairs of a string and its value, up to END. */
exports.OBJECT_WIDE = 0xc3;
exports.END = 0xc4;
/** count:varint, then key and value in turn. */
exports.MAP = 0xc5;
/** count:varint, then the members. */
exports.SET = 0xc6;
/** Milliseconds as a float64; NaN is the invalid date. */
exports.DATE = 0xc7;
/** Two strings: source, flags. */
exports.REGEXP = 0xc8;
/** The primitive as a value. */
exports.BOXED = 0xc9;
/** class:u8 parts:u8, then of message, stack and cause those that parts names. */
exports.ERROR = 0xca;
/** parts:u8, message and name as strings, then stack if parts names it. */
exports.DOM_EXCEPTION = 0xcb;
/** The next view of the trailer. */
exports.VIEW = 0xcc;
/** length:varint, then that many integers of 1, 2 or 4 bytes. */
exports.ARRAY_INT8 = 0xcd;
exports.ARRAY_INT16 = 0xce;
exports.ARRAY_INT32 = 0xcf;
/** length:varint, then that many float64. */
exports.ARRAY_FLOAT64 = 0xd0;
exports.ERROR_CLASSES = [
    'Error',
    'EvalError',
    'RangeError',
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
];
exports.ERROR_MESSAGE = 1;
exports.ERROR_STACK = 2;
exports.ERROR_CAUSE = 4;
/** A region's bytes are the next segment after the trailer, not here. */
exports.REGION_SEGMENT = 1;
/** The region's buffer is resizable up to `max`. */
exports.REGION_RESIZABLE = 2;
/** kind:u8 of a view is an index into this, and VIEW_TRACKING if it grows with its resizable buffer. */
exports.VIEW_KINDS = [
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
];
exports.VIEW_TRACKING = 0x80;
//# sourceMappingURL=tags.js.map