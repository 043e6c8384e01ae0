// Imported, not taken from the global object, where a getter is behind that name.
import { Buffer } from 'node:buffer'
import { PlumpSerializationError } from '../errors.js'
import { fillerOf } from './fillers.js'
import {
  isAssignableKey,
  knownShape,
  lookAtObjectPrototype,
  mayBeInherited,
  rememberShape,
  type KnownShape,
} from './known-shapes.js'
import { MAX_RESIZABLE_BYTES, type CodecLimits } from './limits.js'
import { alignSegment } from './outgoing.js'
import { readNumbers, widthOf } from './packed-numbers.js'
import { readLatin1, sliceUtf16 } from './strings.js'
import {
  ARRAY,
  ARRAY_FLOAT64,
  ARRAY_INT16,
  ARRAY_INT32,
  ARRAY_INT8,
  ARRAY_KEYED,
  BIGINT,
  BIGINT64,
  BOXED,
  DATE,
  DOM_EXCEPTION,
  END,
  ERROR,
  ERROR_CAUSE,
  ERROR_CLASSES,
  ERROR_MESSAGE,
  ERROR_STACK,
  FALSE,
  FLAG_BUFFERS,
  FLAG_REFERENCES,
  FLOAT64,
  HEADER_BYTES,
  INT16,
  INT32,
  INT8,
  MAP,
  NULL,
  OBJECT,
  OBJECT_WIDE,
  REFERENCE,
  REGEXP,
  REGION_BLOCK,
  REGION_RESIZABLE,
  REGION_SEGMENT,
  SET,
  SHORT_ARRAY,
  SHORT_STRING,
  STRING_LATIN1,
  STRING_UTF16,
  TRUE,
  UNDEFINED,
  VIEW,
  VIEW_KINDS,
  VIEW_TRACKING,
} from './tags.js'
import { MAX_VARINT_BYTES } from './varint.js'
import { elementBytes } from './views.js'

/** Bytes of an ArrayBuffer of the message: part of what came in, until somebody needs it. */
interface Region {
  /** Of a segment it is known when all regions are. */
  start: number
  readonly length: number
  /** Largest length if resizable, else -1. */
  readonly max: number
  readonly isSegment: boolean
  /** Nobody minds if its views show a part of something larger. */
  readonly isBlock: boolean
  /** The ArrayBuffer itself is part of the value, so it must end where its bytes end. */
  isExposed: boolean
  views: number
  buffer: ArrayBuffer | undefined
  /** Where the region begins in `buffer`. */
  offset: number
}

interface View {
  readonly kind: number
  readonly region: Region
  readonly offset: number
  readonly length: number
  readonly isTracking: boolean
}

/** Arrays up to this length are made with their elements. */
const LITERAL_ELEMENTS = 4
/** Objects with that many keys, and more to come that are no part of a shape, are dictionaries. */
const DICTIONARY_KEYS = 32
/** Up to here bytes are copied by a loop. */
const LOOPED_BYTES = 32
/** A function of its own pays only for a shape that comes again and again. */
const OBJECTS_BEFORE_FILLER = 100

const NO_VIEWS: View[] = []

// The state of the one message being decoded. Nothing of the user's runs meanwhile, so there is never a second one.
let bytes: Buffer = Buffer.alloc(0)
let view = new DataView(bytes.buffer)
let position = 0
let limit = 0
let depth = 0
let maxDepth = 0
let isOwned = false
let keepsReferences = false
let nextView = 0
let knowsObjectPrototype = false
let shapeCount = 0
const shapes: KnownShape[] = []
let views: View[] = NO_VIEWS
const references: object[] = []

// Messages mostly come in one scratch buffer: its DataView is kept.
let scratch: Buffer = bytes
let scratchView = view

function malformed(what: string, cause?: unknown): PlumpSerializationError {
  return new PlumpSerializationError(
    'ERR_PLUMP_DECODE',
    `The bytes that came from the other process are no valid payload: ${what}. Do both sides use the same codec and version?`,
    cause === undefined ? undefined : { cause },
  )
}

/**
 * Reads the payload in `bytes[start..end)`.
 *
 * Nothing in it is trusted: every length is compared with the bytes that are there before anything is made of
 * it, so memory stays proportional to the input, and no key reaches a prototype.
 *
 * `owned` says that `bytes.buffer` belongs to this message alone and will not be written again. Then a large
 * Buffer shows its part of it instead of a copy, as small ones show a part of Node's pool; everything else is
 * copied all the same, so that its `buffer` and `byteOffset` are those that `structuredClone()` gives. Without
 * `owned` nothing of `bytes` is kept.
 *
 * @throws PlumpSerializationError `ERR_PLUMP_DECODE`, and nothing else.
 */
export function decodeStructured(
  from: Uint8Array,
  start: number,
  end: number,
  limits: CodecLimits,
  owned: boolean,
): unknown {
  if (!(start >= 0 && end <= from.length && end - start > HEADER_BYTES)) {
    throw malformed('it is too short')
  }
  if (from !== scratch) takeOver(from, owned)
  isOwned = owned
  depth = 0
  // The list of arguments is a level here and none for the sender.
  maxDepth = limits.maxDepth + 1
  try {
    const flags = bytes[start]!
    if (flags > (FLAG_REFERENCES | FLAG_BUFFERS)) throw malformed('it has unknown flags')
    keepsReferences = (flags & FLAG_REFERENCES) !== 0
    const trailer = view.getUint32(start + 1, true)
    let valueEnd = end
    if (trailer !== 0) {
      valueEnd = start + trailer
      if (trailer <= HEADER_BYTES || valueEnd > end) throw malformed('its trailer is out of bounds')
      readTrailer(start, valueEnd, end, flags)
    } else if ((flags & FLAG_BUFFERS) !== 0) {
      throw malformed('its trailer is missing')
    }
    position = start + HEADER_BYTES
    limit = valueEnd
    const value = readValue()
    if (position !== limit) throw malformed('bytes are left over')
    if (nextView !== views.length) throw malformed('a view is left over')
    return value
  } catch (error) {
    if (error instanceof PlumpSerializationError && error.code === 'ERR_PLUMP_DECODE') throw error
    throw malformed('a value in it cannot be made', error)
  } finally {
    shapeCount = 0
    nextView = 0
    knowsObjectPrototype = false
    if (views !== NO_VIEWS) views = NO_VIEWS
    if (references.length > 0) references.length = 0
    if (owned) {
      bytes = scratch
      view = scratchView
    }
  }
}

/** Makes `from` the bytes that are read. */
function takeOver(from: Uint8Array, owned: boolean): void {
  bytes = Buffer.isBuffer(from) ? from : Buffer.from(from.buffer, from.byteOffset, from.byteLength)
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!owned) {
    scratch = bytes
    scratchView = view
  }
}

function take(length: number): number {
  const at = position
  if (length > limit - at) throw malformed('it ends too early')
  position = at + length
  return at
}

function readVarint(): number {
  const byte = bytes[take(1)]!
  return byte < 0x80 ? byte : readLongVarint(byte)
}

function readLongVarint(first: number): number {
  let value = first & 0x7f
  let scale = 0x80
  for (let i = 1; i < MAX_VARINT_BYTES; i++) {
    const byte = bytes[take(1)]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) break
      return value
    }
    scale *= 0x80
  }
  throw malformed('a number in it is too large')
}

/** A count of things that take at least `each` bytes. */
function readCount(each: number): number {
  const count = readVarint()
  if (count * each > limit - position) throw malformed('it counts more than it holds')
  return count
}

function readTrailer(start: number, from: number, end: number, flags: number): void {
  position = from
  limit = end
  // 4 for the hash, 1 for the length, 1 for the number of keys.
  const count = readCount(6)
  for (let i = 0; i < count; i++) shapes[i] = readShape()
  shapeCount = count
  if ((flags & FLAG_BUFFERS) !== 0) {
    readViews(start, end)
  } else if (position !== end) {
    throw malformed('bytes are left over')
  }
}

function readShape(): KnownShape {
  const hash = view.getUint32(take(4), true)
  const length = readVarint()
  const from = take(length)
  const known = knownShape(view, from, length, hash)
  if (known !== undefined) return known
  const end = limit
  position = from
  limit = from + length
  const keys: string[] = []
  for (let left = readCount(1); left > 0; left--) keys.push(readString())
  if (position !== limit) throw malformed('bytes are left over')
  limit = end
  return rememberShape(bytes, from, length, hash, keys)
}

function readViews(start: number, end: number): void {
  // Most messages that have one have one alone: a list made with its element has no room for others.
  let left = readCount(2)
  const regions = left === 0 ? [] : [readRegion()]
  let reserved = left === 0 ? 0 : Math.max(0, regions[0]!.max)
  for (left--; left > 0; left--) {
    const region = readRegion()
    reserved += Math.max(0, region.max)
    regions.push(region)
  }
  if (reserved > MAX_RESIZABLE_BYTES) throw malformed('an ArrayBuffer is too large')
  left = readCount(4)
  views = left === 0 ? NO_VIEWS : [readViewEntry(regions)]
  for (left--; left > 0; left--) views.push(readViewEntry(regions))
  let at = position - start
  for (let i = 0; i < regions.length; i++) {
    const region = regions[i]!
    if (!region.isSegment) continue
    at = alignSegment(at)
    if (region.length > end - start - at) throw malformed('it ends too early')
    region.start = start + at
    at += region.length
  }
  if (start + at !== end) throw malformed('bytes are left over')
}

function readRegion(): Region {
  const flags = bytes[take(1)]!
  if (flags > (REGION_SEGMENT | REGION_RESIZABLE | REGION_BLOCK))
    throw malformed('it has unknown flags')
  const length = readVarint()
  const max = (flags & REGION_RESIZABLE) === 0 ? -1 : readVarint()
  if (max !== -1 && (max < length || max > MAX_RESIZABLE_BYTES)) {
    throw malformed('an ArrayBuffer is too large')
  }
  const isSegment = (flags & REGION_SEGMENT) !== 0
  return {
    start: isSegment ? -1 : take(length),
    length,
    max,
    isSegment,
    isBlock: (flags & REGION_BLOCK) !== 0,
    isExposed: false,
    views: 0,
    buffer: undefined,
    offset: 0,
  }
}

function readViewEntry(regions: readonly Region[]): View {
  const kind = bytes[take(1)]!
  const region = regions[readVarint()]
  const offset = readVarint()
  const length = readVarint()
  if (region === undefined) throw malformed('a view has no bytes')
  if (offset + length > region.length) throw malformed('a view is out of bounds')
  const isTracking = (kind & VIEW_TRACKING) !== 0
  if (isTracking && region.max === -1) throw malformed('a view cannot grow')
  const found: View = { kind: kind & ~VIEW_TRACKING, region, offset, length, isTracking }
  if (found.kind === 0) {
    if (length !== region.length) throw malformed('an ArrayBuffer is out of bounds')
    region.isExposed = true
  }
  region.views++
  return found
}

/** Small enough to become part of whoever reads a value; the rest is behind a call. */
function readValue(): unknown {
  const at = position
  if (at >= limit) throw malformed('it ends too early')
  const tag = bytes[at]!
  position = at + 1
  if (tag < SHORT_STRING) return tag
  if (tag < SHORT_ARRAY) return readShortString(tag & 0x1f)
  if (tag < UNDEFINED) return readArray(tag & 0x0f)
  return readTagged(tag)
}

function readShortString(length: number): string {
  const at = position
  if (length > limit - at) throw malformed('it ends too early')
  position = at + length
  return readLatin1(bytes, at, length)
}

function readTagged(tag: number): unknown {
  switch (tag) {
    case UNDEFINED:
      return undefined
    case NULL:
      return null
    case TRUE:
      return true
    case FALSE:
      return false
    case INT8:
      return view.getInt8(take(1))
    case INT16:
      return view.getInt16(take(2), true)
    case INT32:
      return view.getInt32(take(4), true)
    case FLOAT64:
      return view.getFloat64(take(8), true)
    case BIGINT64:
      return view.getBigInt64(take(8), true)
    case BIGINT:
      return readBigInt()
    case STRING_LATIN1:
    case STRING_UTF16:
      position--
      return readString()
    case REFERENCE:
      return readReference()
    case ARRAY:
      return readArray(readCount(1))
    case ARRAY_KEYED:
      return readKeyedArray()
    case OBJECT:
      return readObject()
    case OBJECT_WIDE:
      return readWideObject()
    case MAP:
      return readMap()
    case SET:
      return readSet()
    case DATE:
      return referable(new Date(view.getFloat64(take(8), true)))
    case REGEXP:
      return referable(new RegExp(readString(), readString()))
    case BOXED:
      return readBoxed()
    case ERROR:
      return readError()
    case DOM_EXCEPTION:
      return readDomException()
    case VIEW:
      return readView()
    case ARRAY_INT8:
    case ARRAY_INT16:
    case ARRAY_INT32:
    case ARRAY_FLOAT64:
      return readPackedArray(tag)
    default:
      throw malformed(`it has an unknown tag, ${tag}`)
  }
}

function referable<T extends object>(object: T): T {
  if (keepsReferences) references.push(object)
  return object
}

function enter(): void {
  if (++depth > maxDepth) throw malformed(`it is nested deeper than ${maxDepth - 1} levels`)
}

function readReference(): object {
  const object = references[readVarint()]
  if (object === undefined) throw malformed('it refers to an object that did not come before')
  return object
}

function readString(): string {
  const tag = bytes[take(1)]!
  if (tag >= SHORT_STRING && tag < SHORT_ARRAY) {
    const length = tag & 0x1f
    return readLatin1(bytes, take(length), length)
  }
  const length = view.getUint32(take(4), true)
  const at = take(length)
  switch (tag) {
    case STRING_LATIN1:
      return readLatin1(bytes, at, length)
    case STRING_UTF16:
      if (length % 2 === 1) throw malformed('half a character')
      return sliceUtf16(bytes, at, at + length)
    default:
      throw malformed('a string is expected')
  }
}

function readBigInt(): bigint {
  const isNegative = bytes[take(1)] !== 0
  const length = readCount(1)
  const at = take(length)
  if (length === 0) return 0n
  const magnitude = BigInt(`0x${bytes.toString('hex', at, at + length)}`)
  return isNegative ? -magnitude : magnitude
}

function readArray(length: number): unknown[] {
  if (length > limit - position) throw malformed('it ends too early')
  enter()
  let array: unknown[]
  if (keepsReferences || length > LITERAL_ELEMENTS) array = readLongArray(length)
  // An array that is made with its elements has room for them and for no more; one that grows takes room for 17.
  else if (length === 2) array = [readValue(), readValue()]
  else if (length === 1) array = [readValue()]
  else if (length === 0) array = []
  else if (length === 3) array = [readValue(), readValue(), readValue()]
  else array = [readValue(), readValue(), readValue(), readValue()]
  depth--
  return array
}

function readLongArray(length: number): unknown[] {
  const array: unknown[] = []
  if (keepsReferences) references.push(array)
  // Filled from empty, not made with its length: the engine keeps arrays apart that had holes once.
  for (let i = 0; i < length; i++) array[i] = readValue()
  return array
}

function readPackedArray(tag: number): number[] {
  const width = widthOf(tag)
  const length = readCount(width)
  enter()
  depth--
  return referable(readNumbers(tag, view, take(length * width), length))
}

function readKeyedArray(): unknown[] {
  const length = readVarint()
  if (length > 0xffffffff) throw malformed('an array is too long')
  const array: unknown[] = []
  // An array as long as this says, but held as a dictionary, is as large as what is in it.
  if (length > 1024 && length > limit - position) array.length = 0xffffffff
  array.length = length
  referable(array)
  enter()
  while (!atEnd()) {
    const key = readValue()
    if (typeof key === 'number') {
      if (!(Number.isInteger(key) && key >= 0 && key < length))
        throw malformed('an index is out of bounds')
      array[key] = readValue()
    } else if (typeof key === 'string' && key !== 'length' && !isIndex(key)) {
      define(array, key, readValue())
    } else {
      throw malformed('an array has a key that is none')
    }
  }
  depth--
  return array
}

function isIndex(key: string): boolean {
  const index = Number(key) >>> 0
  return index !== 0xffffffff && String(index) === key
}

/** Steps over the end of a list, if it is here. */
function atEnd(): boolean {
  if (position >= limit) throw malformed('it ends too early')
  if (bytes[position] !== END) return false
  position++
  return true
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

function readObject(): Record<string, unknown> {
  const shape = readShapeNumber()
  const object: Record<string, unknown> = {}
  if (keepsReferences) references.push(object)
  enter()
  const { fill } = shape
  if (fill !== undefined) fill(object)
  else readMembers(object, shape)
  depth--
  return object
}

function readShapeNumber(): KnownShape {
  const number = view.getUint16(take(2), true)
  if (number >= shapeCount) throw malformed('an object has no shape')
  return shapes[number]!
}

function readMembers(object: Record<string, unknown>, shape: KnownShape): void {
  const { keys, isAssignable } = shape
  if (isAssignable) {
    for (let i = 0; i < keys.length; i++) object[keys[i]!] = readValue()
    if (++shape.built === OBJECTS_BEFORE_FILLER) shape.fill = fillerOf(keys, readValue)
  } else {
    for (let i = 0; i < keys.length; i++) define(object, keys[i]!, readValue())
  }
}

function readWideObject(): Record<string, unknown> {
  const shape = readShapeNumber()
  const object = referable(shape.keys.length < DICTIONARY_KEYS ? {} : emptyDictionary())
  if (!knowsObjectPrototype) {
    lookAtObjectPrototype()
    knowsObjectPrototype = true
  }
  enter()
  readMembers(object, shape)
  while (!atEnd()) {
    const key = readString()
    const value = readValue()
    if (!mayBeInherited(key) || isAssignableKey(key)) object[key] = value
    else define(object, key, value)
  }
  depth--
  return object
}

/**
 * An object that the engine holds as a table from the beginning. One that has become large before it gets
 * there is searched from end to end for each new key.
 */
function emptyDictionary(): Record<string, unknown> {
  const object: Record<string, unknown> = { first: undefined, second: undefined }
  // Taking away what is not the last property does it.
  delete object['first']
  delete object['second']
  return object
}

function readMap(): Map<unknown, unknown> {
  const map = referable(new Map<unknown, unknown>())
  const count = readCount(2)
  enter()
  for (let i = 0; i < count; i++) {
    const key = readValue()
    map.set(key, readValue())
  }
  depth--
  return map
}

function readSet(): Set<unknown> {
  const set = referable(new Set())
  const count = readCount(1)
  enter()
  for (let i = 0; i < count; i++) set.add(readValue())
  depth--
  return set
}

function readBoxed(): object {
  // Its place among the references comes before that of the primitive, which has none.
  const value = readValue()
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
      return referable(Object(value) as object)
    default:
      throw malformed('an object is boxed')
  }
}

const ERROR_CONSTRUCTORS = ERROR_CLASSES.map(
  (name) => (globalThis as unknown as Record<string, ErrorConstructor>)[name]!,
)

function readError(): Error {
  const constructor = ERROR_CONSTRUCTORS[bytes[take(1)]!]
  if (constructor === undefined) throw malformed('an error has no class')
  const parts = bytes[take(1)]!
  const message = (parts & ERROR_MESSAGE) === 0 ? undefined : readString()
  const stack = (parts & ERROR_STACK) === 0 ? undefined : readString()
  const error = referable(withoutFrames(() => new constructor(message)))
  setStack(error, stack)
  if ((parts & ERROR_CAUSE) !== 0) {
    enter()
    Object.defineProperty(error, 'cause', {
      value: readValue(),
      writable: true,
      enumerable: false,
      configurable: true,
    })
    depth--
  }
  return error
}

function readDomException(): DOMException {
  const parts = bytes[take(1)]!
  const message = readString()
  const name = readString()
  const stack = (parts & ERROR_STACK) === 0 ? undefined : readString()
  const error = referable(withoutFrames(() => new DOMException(message, name)))
  setStack(error, stack)
  return error
}

/** Assigned, not defined, if it is there: where the own `stack` is an accessor this goes through it. */
export function setStack(error: Error, stack: string | undefined): void {
  if (Object.hasOwn(error, 'stack')) {
    error.stack = stack as string
  } else {
    Object.defineProperty(error, 'stack', {
      value: stack,
      writable: true,
      enumerable: false,
      configurable: true,
    })
  }
}

/** An error made here has its stack from elsewhere; collecting one costs more than all the rest. */
export function withoutFrames<T>(make: () => T): T {
  const { stackTraceLimit } = Error
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return make()
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

type ViewConstructor = new (
  buffer: ArrayBuffer,
  offset?: number,
  length?: number,
) => ArrayBufferView

const VIEW_CONSTRUCTORS = VIEW_KINDS.map(
  (name) => (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name],
)

function readView(): object {
  const found = views[nextView++]
  if (found === undefined) throw malformed('a view is missing')
  const { kind, region, offset, length, isTracking } = found
  const name = VIEW_KINDS[kind]
  if (name === undefined) throw malformed('a view has no class')
  const elements = length / elementBytes(kind)
  if (!Number.isInteger(elements)) throw malformed('a view ends inside an element')
  if (name === 'ArrayBuffer') return referable(bufferOf(region, false))
  if (name === 'Buffer' && isAlone(region) && length === region.length && !isShown(region)) {
    return referable(bufferAlone(region.start, length))
  }
  const buffer = bufferOf(region, name === 'Buffer' || region.isBlock)
  const at = region.offset + offset
  if (name === 'Buffer') return referable(Buffer.from(buffer, at, length))
  const constructor = VIEW_CONSTRUCTORS[kind]
  if (constructor === undefined) throw malformed(`there is no ${name} here`)
  return referable(isTracking ? new constructor(buffer, at) : new constructor(buffer, at, elements))
}

/** Whether one view alone shows the region, and nobody could resize it. */
function isAlone({ views, isExposed, max }: Region): boolean {
  return views === 1 && !isExposed && max === -1
}

/**
 * Whether a Buffer may show the bytes that came in themselves. Nobody expects a Buffer to be alone in its ArrayBuffer;
 * of a typed array `structuredClone()` makes one that is; who passes a block wants it as it lies.
 */
function isShown(region: Region): boolean {
  if (!isOwned || !region.isSegment) return false
  return region.isBlock ? !region.isExposed && region.max === -1 : isAlone(region)
}

/**
 * A Buffer with memory of its own. The engine keeps up to 64 bytes in the object itself until somebody asks for its
 * ArrayBuffer, which costs three times the rest.
 */
function bufferAlone(start: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  if (length <= LOOPED_BYTES) {
    for (let i = 0; i < length; i++) buffer[i] = bytes[start + i]!
  } else {
    bytes.copy(buffer, 0, start, start + length)
  }
  return buffer
}

/** The memory of a region: the message's own for a block, and a large Buffer that shares it with no other view, else a copy. */
function bufferOf(region: Region, mayShow: boolean): ArrayBuffer {
  if (region.buffer !== undefined) return region.buffer
  const { start, length, max } = region
  if (mayShow && isShown(region)) {
    region.offset = bytes.byteOffset + start
    return (region.buffer = bytes.buffer as ArrayBuffer)
  }
  if (max !== -1) {
    const resizable = new (
      ArrayBuffer as unknown as new (
        length: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer
    )(length, { maxByteLength: max })
    new Uint8Array(resizable).set(bytes.subarray(start, start + length))
    return (region.buffer = resizable)
  }
  // Not `new ArrayBuffer()`, which would write all the memory with zeros first.
  const copy = Buffer.allocUnsafeSlow(length)
  bytes.copy(copy, 0, start, start + length)
  return (region.buffer = copy.buffer as ArrayBuffer)
}
