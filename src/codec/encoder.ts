import { types } from 'node:util'
import { partsOf } from '../block.js'
import { PROXY_REFUSAL, refusedKind, verdictOn } from './carriage.js'
import type { CodecLimits, PayloadRoot } from './limits.js'
import { payloadTooLarge, type Outgoing } from './outgoing.js'
import {
  areMostlyIntegers,
  FLOAT64_BYTES,
  INT32_BYTES,
  narrow,
  readNumbers,
  widen,
  widthOf,
} from './packed-numbers.js'
import { isInt32, writePlain } from './plain.js'
import { arrayBucket, OTHER_BUCKET, References } from './references.js'
import { propertyStep, Refusal } from './refusal.js'
import { shapeRoot, type ShapeNode } from './shapes.js'
import { writeLongString, writeString } from './strings.js'
import {
  ARRAY,
  ARRAY_FLOAT64,
  ARRAY_INT32,
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
  FLAG_BUFFERS,
  FLAG_REFERENCES,
  HEADER_BYTES,
  MAP,
  OBJECT,
  OBJECT_WIDE,
  REFERENCE,
  REGEXP,
  SET,
  SHORT_ARRAY,
  SHORT_ARRAY_LIMIT,
  VIEW,
} from './tags.js'
import { MAX_VARINT_BYTES, writeVarint } from './varint.js'
import { Views } from './views.js'

/** Room that is there at the beginning of every value: for a tag and all that is not written by the piece. */
const ROOM_BYTES = 64
/** From this length on the indexes of an array are not made into strings to see whether it has other keys. */
const LISTED_ELEMENTS = 256

/** The text of their indexes: made by the engine each time it costs more than the rest of a small array. */
const INDEXES = Array.from({ length: LISTED_ELEMENTS }, (_, index) => String(index))

const hasOwn = Object.prototype.hasOwnProperty
const { getPrototypeOf, keys: keysOf, values: valuesOf } = Object
const { isArray } = Array
const { isView } = ArrayBuffer
const { isProxy } = types
const mapForEach = Map.prototype.forEach
const setForEach = Set.prototype.forEach
const dateTime = Date.prototype.getTime
const regexpSource = Object.getOwnPropertyDescriptor(RegExp.prototype, 'source')!
  .get as unknown as (this: RegExp) => string
const regexpFlags = Object.getOwnPropertyDescriptor(RegExp.prototype, 'flags')!.get as unknown as (
  this: RegExp,
) => string

/**
 * Counts for tests: values that the encoder wrote beside its fast path (all but primitives, plain objects and
 * instances, dense arrays), and messages.
 */
export const encoderCounts = { messages: 0, slowValues: 0 }

let messageSerial = 0

/**
 * One message being encoded. Kept and used again, since all that it allocates would otherwise be paid by every
 * message; a message that is encoded while another one is (by a getter that makes a call) takes its own.
 */
export class Encoder {
  #out!: Outgoing
  #maxDepth = 0
  #maxBytes = 0
  #depth = 0
  #message = 0
  #root!: ShapeNode
  /** Never shortened: setting an array's length costs as much as a small message, and shapes hold no values. */
  readonly #shapes: ShapeNode[] = []
  #shapeCount = 0
  readonly #references = new References()
  #hasReferences = false
  readonly #views = new Views()
  /** What is encoded are the arguments of a call, to which blocks can be passed. */
  #takesBlocks = false

  /**
   * Appends one payload to `out`. If it throws, `out` is as it was.
   * @throws PlumpSerializationError
   */
  encode(value: unknown, out: Outgoing, limits: CodecLimits, root: PayloadRoot): void {
    const start = out.position
    const segments = out.segments.length
    const { segmentBytes, busy } = out
    this.#out = out
    this.#maxDepth = limits.maxDepth
    this.#maxBytes = limits.maxPayloadBytes
    this.#depth = 0
    this.#message = ++messageSerial
    this.#root = shapeRoot()
    this.#takesBlocks = root === 'args'
    encoderCounts.messages++
    out.busy = true
    try {
      if (out.bytes.length - out.position < ROOM_BYTES) out.reserve(ROOM_BYTES)
      out.position = start + HEADER_BYTES
      if (root === 'args' && isArray(value)) this.#writeArguments(value)
      else this.#write(value)
      this.#finish(start, segments)
    } catch (error) {
      out.rewind(start, segments, segmentBytes)
      throw (error instanceof Refusal ? error : Refusal.thrown(error)).toError(root)
    } finally {
      out.busy = busy
      this.#release()
    }
  }

  #finish(start: number, segments: number): void {
    const out = this.#out
    let flags = this.#hasReferences ? FLAG_REFERENCES : 0
    let trailer = 0
    const shapes = this.#shapes
    const shapeCount = this.#shapeCount
    if (shapeCount > 0 || this.#views.count > 0) {
      trailer = out.position - start
      this.#reserve(MAX_VARINT_BYTES)
      writeVarint(out, shapeCount)
      for (let i = 0; i < shapeCount; i++) this.#writeShape(shapes[i]!)
      if (this.#views.count > 0) {
        flags |= FLAG_BUFFERS
        this.#views.write(out, this.#maxBytes)
      }
    }
    const total =
      out.segments.length === segments ? out.position - start : out.payloadBytes(start, segments)
    if (total > this.#maxBytes || out.position - start > 0xffffffff) {
      throw payloadTooLarge(this.#maxBytes)
    }
    out.bytes[start] = flags
    out.view.setUint32(start + 1, trailer, true)
  }

  /** By words of 4 bytes, the last of which may reach beyond the end. */
  #writeShape(shape: ShapeNode): void {
    const out = this.#out
    const { definition, definitionBytes } = shape
    this.#reserve(definitionBytes + 4)
    const { view, position } = out
    for (let i = 0; i < definitionBytes; i += 4) {
      view.setInt32(position + i, definition.getInt32(i, true), true)
    }
    out.position = position + definitionBytes
  }

  /** Nothing of the user's may stay alive because it was sent once. */
  #release(): void {
    this.#references.clear()
    this.#hasReferences = false
    this.#shapeCount = 0
    if (this.#views.count > 0) this.#views.clear()
  }

  #reserve(bytes: number): void {
    const out = this.#out
    if (out.bytes.length - out.position < bytes) out.reserve(bytes)
  }

  #write(value: unknown): void {
    const out = this.#out
    if (out.bytes.length - out.position < ROOM_BYTES) out.reserve(ROOM_BYTES)
    if (writePlain(out, value)) return
    if (typeof value === 'object') {
      // Not null, which is plain.
      this.#writeObject(value!)
    } else if (typeof value === 'string') {
      writeLongString(out, value, this.#maxBytes)
    } else if (typeof value === 'bigint') {
      this.#writeBigInt(value)
    } else if (typeof value === 'function') {
      throw new Refusal(
        'ERR_PLUMP_UNSERIALIZABLE',
        'is a function, which cannot be sent to another process. Send data and keep the code on its own side.',
      )
    } else {
      throw new Refusal(
        'ERR_PLUMP_UNSERIALIZABLE',
        'is a symbol, which means nothing to another process. Send its description.',
      )
    }
  }

  #writeBigInt(value: bigint): void {
    const out = this.#out
    if (BigInt.asIntN(64, value) === value) {
      out.bytes[out.position] = BIGINT64
      out.view.setBigInt64(out.position + 1, value, true)
      out.position += 9
      return
    }
    const isNegative = value < 0n
    let hex = (isNegative ? -value : value).toString(16)
    if (hex.length % 2 === 1) hex = `0${hex}`
    const length = hex.length / 2
    if (length > this.#maxBytes) throw payloadTooLarge(this.#maxBytes)
    this.#reserve(2 + MAX_VARINT_BYTES + length)
    out.bytes[out.position++] = BIGINT
    out.bytes[out.position++] = isNegative ? 1 : 0
    writeVarint(out, length)
    out.bytes.write(hex, out.position, 'hex')
    out.position += length
  }

  #writeObject(value: object): void {
    // Before anything else: every question that is put to a proxy runs somebody's code.
    if (isProxy(value)) throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', PROXY_REFUSAL)
    const references = this.#references
    // Most messages have few objects: these are looked for at once, before it is known what they are.
    let number = -1
    if (references.isFew) {
      number = references.count
      const known = references.meetFew(value)
      if (known !== -1) return this.#writeReference(known)
      this.#enter()
    }
    if (isArray(value)) {
      const bucket = arrayBucket(value.length)
      if (number !== -1) references.place(number, bucket)
      else if (!this.#isNew(value, bucket)) return
      this.#writeArray(value)
      this.#depth--
      return
    }
    const prototype = getPrototypeOf(value) as object | null
    if (prototype === Object.prototype) this.#writePlain(value, number)
    else this.#writeOther(value, prototype, number)
  }

  /** Goes one level down into an object that is met for the first time; of another one writes the reference. */
  #isNew(value: object, bucket: number): boolean {
    const known = this.#references.meet(value, bucket)
    if (known !== -1) {
      this.#writeReference(known)
      return false
    }
    this.#enter()
    return true
  }

  #writeReference(number: number): void {
    const out = this.#out
    this.#hasReferences = true
    out.bytes[out.position++] = REFERENCE
    writeVarint(out, number)
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) {
      throw new Refusal(
        'ERR_PLUMP_TOO_DEEP',
        `is nested deeper than ${this.#maxDepth} levels. Flatten it, or raise maxDepth.`,
      )
    }
  }

  /**
   * Writes own enumerable properties. Values are read and written while the keys come in, in one pass, so that
   * a getter runs once; the shape's number is filled in when it is known. `number` is that of the object among the
   * references, or -1 if it has not been looked for, which can be done when its first key is known.
   */
  #writePlain(value: object, number: number): void {
    const out = this.#out
    const slot = out.position
    out.position = slot + 3
    const root = this.#root
    let node: ShapeNode = root
    let isWide = false
    let isEntered = false
    let at = ''
    try {
      for (const key in value) {
        if (!hasOwn.call(value, key)) continue
        if (!isWide) {
          const child = node.lastKey === key ? node.lastChild! : node.next(key)
          if (child === undefined) isWide = true
          else node = child
        }
        if (!isEntered) {
          if (number === -1) {
            out.position = slot
            if (!this.#isNew(value, node.bucket)) return
            out.position = slot + 3
          } else {
            this.#references.place(number, node.bucket)
          }
          isEntered = true
        }
        at = key
        const member = (value as Record<string, unknown>)[key]
        if (isWide) writeString(out, key, this.#maxBytes)
        this.#write(member)
      }
    } catch (error) {
      throw isEntered ? Refusal.at(error, propertyStep(at)) : error
    }
    if (!isEntered && number === -1) {
      out.position = slot
      if (!this.#isNew(value, OTHER_BUCKET)) return
      out.position = slot + 3
    }
    if (node.suspicious) {
      const refusal = refusedKind(value)
      if (refusal !== '') throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', refusal)
      if (!isEntered && this.#isSpecial(value)) {
        out.position = slot
        this.#writeSpecial(value)
        this.#depth--
        return
      }
    }
    this.#depth--
    if (isWide) {
      this.#reserve(ROOM_BYTES)
      out.bytes[out.position++] = END
    }
    const { bytes } = out
    const shape = node.message === this.#message ? node.number : this.#nameShape(node)
    bytes[slot] = isWide ? OBJECT_WIDE : OBJECT
    bytes[slot + 1] = shape
    bytes[slot + 2] = shape >> 8
  }

  #nameShape(node: ShapeNode): number {
    const number = this.#shapeCount++
    this.#shapes[number] = node
    // The trie holds fewer shapes than that; only messages that encode messages could get there.
    if (number > 0xffff) throw payloadTooLarge(this.#maxBytes)
    node.message = this.#message
    node.number = number
    return number
  }

  /**
   * The array that a call makes of its arguments: fresh, dense and without other keys, so nothing is looked
   * at, nothing can refer to it, and it is no level of nesting.
   */
  #writeArguments(values: readonly unknown[]): void {
    this.#writeArrayHead(values.length)
    this.#references.pass()
    this.#writeElements(values, values.length)
  }

  #writeArray(value: readonly unknown[]): void {
    const { length } = value
    if (length < LISTED_ELEMENTS) {
      const keys = keysOf(value)
      // Indexes come first and in order: if the last of as many keys is the last index, they are all indexes.
      if (keys.length !== length || (length > 0 && keys[length - 1] !== INDEXES[length - 1])) {
        this.#writeKeyedArray(value, keys)
      } else if (length < SHORT_ARRAY_LIMIT) {
        this.#writeArrayHead(length)
        this.#writeElements(value, length)
      } else {
        this.#writeLongArray(value, length)
      }
    } else {
      const elements = denseElements(value, length)
      if (elements === undefined) this.#writeKeyedArray(value, keysOf(value))
      else this.#writeLongArray(elements, length)
    }
  }

  /** Of an array whose elements have tags. */
  #writeArrayHead(length: number): void {
    const out = this.#out
    if (length < SHORT_ARRAY_LIMIT) {
      out.bytes[out.position++] = SHORT_ARRAY | length
    } else {
      out.bytes[out.position++] = ARRAY
      writeVarint(out, length)
    }
  }

  #writeElements(value: readonly unknown[], length: number): void {
    let i = 0
    try {
      for (; i < length; i++) this.#write(value[i])
    } catch (error) {
      throw Refusal.at(error, `[${i}]`)
    }
  }

  /**
   * An array that is too long to have its length in the tag. If it has nothing but numbers they are written without
   * tags. Each element is read once, since a getter may be behind it; so integers are taken for all there is until a
   * number is none, and are written anew then.
   */
  #writeLongArray(value: readonly unknown[], length: number): void {
    const out = this.#out
    const head = out.position
    out.position = head + 1
    writeVarint(out, length)
    const start = out.position
    let i = 0
    let earlier: readonly number[] = []
    try {
      let member = value[0]
      if (typeof member === 'number' && length * INT32_BYTES <= this.#maxBytes) {
        this.#reserve(length * INT32_BYTES)
        let lowest = 0
        let highest = 0
        for (
          const { view } = out;
          typeof member === 'number' && isInt32(member);
          member = value[i]
        ) {
          view.setInt32(start + i * INT32_BYTES, member, true)
          if (member < lowest) lowest = member
          else if (member > highest) highest = member
          if (++i === length) {
            const tag = narrow(view, start, length, lowest, highest)
            out.bytes[head] = tag
            out.position = start + length * widthOf(tag)
            return
          }
        }
        if (typeof member === 'number' && length * FLOAT64_BYTES <= this.#maxBytes) {
          out.position = start + i * INT32_BYTES
          this.#reserve(length * FLOAT64_BYTES)
          const { view } = out
          widen(view, start, i)
          for (; typeof member === 'number'; member = value[i]) {
            view.setFloat64(start + i * FLOAT64_BYTES, member, true)
            if (++i === length) {
              if (areMostlyIntegers(view, start, length)) break
              out.bytes[head] = ARRAY_FLOAT64
              out.position = start + length * FLOAT64_BYTES
              return
            }
          }
          earlier = readNumbers(ARRAY_FLOAT64, view, start, i)
        } else {
          earlier = readNumbers(ARRAY_INT32, out.view, start, i)
        }
      }
      out.bytes[head] = ARRAY
      out.position = start
      for (let k = 0; k < earlier.length; k++) this.#write(earlier[k])
      while (i < length) {
        this.#write(member)
        if (++i < length) member = value[i]
      }
    } catch (error) {
      throw Refusal.at(error, `[${i}]`)
    }
  }

  /** Holes, keys that are no indexes, elements that are not enumerable. */
  #writeKeyedArray(value: readonly unknown[], keys: readonly string[]): void {
    const out = this.#out
    encoderCounts.slowValues++
    out.bytes[out.position++] = ARRAY_KEYED
    writeVarint(out, value.length)
    for (const key of keys) {
      // A getter that ran before can have removed it.
      if (!hasOwn.call(value, key)) continue
      const index = Number(key) >>> 0
      const isIndex = index !== 0xffffffff && String(index) === key
      try {
        const member = value[key as unknown as number]
        this.#reserve(ROOM_BYTES)
        if (isIndex) writePlain(out, index)
        else writeString(out, key, this.#maxBytes)
        this.#write(member)
      } catch (error) {
        throw Refusal.at(error, isIndex ? `[${key}]` : propertyStep(key))
      }
    }
    this.#reserve(ROOM_BYTES)
    out.bytes[out.position++] = END
  }

  #writeOther(value: object, prototype: object | null, number: number): void {
    const verdict = prototype === null ? undefined : verdictOn(prototype)
    if (verdict?.isOrdinary === true) {
      this.#writePlain(value, number)
    } else if (verdict?.isBlock === true) {
      if (number !== -1 || this.#isNew(value, OTHER_BUCKET)) {
        this.#writeBlock(value)
        this.#depth--
      }
    } else if (isView(value)) {
      if (number !== -1 || this.#isNew(value, OTHER_BUCKET)) {
        encoderCounts.slowValues++
        this.#writeView(value)
        this.#depth--
      }
    } else if (this.#isSpecial(value)) {
      if (number !== -1 || this.#isNew(value, OTHER_BUCKET)) {
        this.#writeSpecial(value)
        this.#depth--
      }
    } else {
      const refusal = verdict?.refusal || refusedKind(value)
      if (refusal !== '') throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', refusal)
      this.#writePlain(value, number)
    }
  }

  /** Has an own form, whatever its prototype is now. */
  #isSpecial(value: object): boolean {
    return (
      types.isDate(value) ||
      types.isMap(value) ||
      types.isSet(value) ||
      types.isNativeError(value) ||
      types.isRegExp(value) ||
      types.isArrayBuffer(value) ||
      types.isBoxedPrimitive(value) ||
      isView(value) ||
      (keepsDomExceptions() && value instanceof DOMException)
    )
  }

  #writeSpecial(value: object): void {
    const out = this.#out
    encoderCounts.slowValues++
    if (types.isDate(value)) {
      out.bytes[out.position] = DATE
      out.view.setFloat64(out.position + 1, dateTime.call(value), true)
      out.position += 9
    } else if (types.isMap(value)) {
      this.#writeMap(value)
    } else if (types.isSet(value)) {
      this.#writeSet(value)
    } else if (keepsDomExceptions() && value instanceof DOMException) {
      this.#writeDomException(value)
    } else if (types.isNativeError(value)) {
      this.#writeError(value)
    } else if (types.isRegExp(value)) {
      out.bytes[out.position++] = REGEXP
      writeString(out, regexpSource.call(value), this.#maxBytes)
      writeString(out, regexpFlags.call(value), this.#maxBytes)
    } else if (types.isArrayBuffer(value)) {
      this.#views.addBuffer(value)
      out.bytes[out.position++] = VIEW
    } else if (types.isBoxedPrimitive(value)) {
      out.bytes[out.position++] = BOXED
      this.#write(unboxed(value))
    } else {
      this.#writeView(value as ArrayBufferView)
    }
  }

  #writeView(value: ArrayBufferView): void {
    const out = this.#out
    this.#views.addView(value)
    out.bytes[out.position++] = VIEW
  }

  #writeBlock(value: object): void {
    const parts = partsOf(value)
    if (parts === undefined || !this.#takesBlocks)
      throw new Refusal(
        'ERR_PLUMP_UNSERIALIZABLE',
        'is a block, which can only be passed to a call. Send its bytes.',
      )
    const { bytes } = parts
    if (bytes === undefined)
      throw new Refusal(
        'ERR_PLUMP_BLOCK_GONE',
        'is a block that was passed to a call or released before. Allocate one for each call.',
      )
    this.#writeView(bytes)
    this.#views.addBlock(parts)
    this.#out.addBlock(parts)
  }

  #writeMap(map: Map<unknown, unknown>): void {
    const out = this.#out
    // Copied first, as structured clone does: a getter inside can change the map while it is read.
    const entries: unknown[] = []
    mapForEach.call(map, (value, key) => entries.push(key, value))
    out.bytes[out.position++] = MAP
    writeVarint(out, entries.length / 2)
    let i = 0
    try {
      for (; i < entries.length; i++) this.#write(entries[i])
    } catch (error) {
      throw Refusal.at(error, `.${i % 2 === 0 ? 'keys' : 'values'}()[${i >> 1}]`)
    }
  }

  #writeSet(set: Set<unknown>): void {
    const out = this.#out
    const members: unknown[] = []
    setForEach.call(set, (member) => members.push(member))
    out.bytes[out.position++] = SET
    writeVarint(out, members.length)
    let i = 0
    try {
      for (; i < members.length; i++) this.#write(members[i])
    } catch (error) {
      throw Refusal.at(error, `.values()[${i}]`)
    }
  }

  /**
   * As structured clone: the class is what `name` says, if it is a class of the language; message and cause
   * only if they are own properties with a value; nothing else.
   */
  #writeError(error: Error): void {
    const out = this.#out
    const name = read(() => requireText(error.name), '.name')
    const message = Object.getOwnPropertyDescriptor(error, 'message')
    const cause = Object.getOwnPropertyDescriptor(error, 'cause')
    const hasMessage = message !== undefined && 'value' in message
    const hasCause = cause !== undefined && 'value' in cause
    const text = hasMessage ? read(() => requireText(message.value), '.message') : ''
    const stack: unknown = read(() => error.stack, '.stack')
    this.#reserve(ROOM_BYTES)
    out.bytes[out.position++] = ERROR
    out.bytes[out.position++] = Math.max(0, (ERROR_CLASSES as readonly string[]).indexOf(name))
    out.bytes[out.position++] =
      (hasMessage ? ERROR_MESSAGE : 0) |
      (typeof stack === 'string' ? ERROR_STACK : 0) |
      (hasCause ? ERROR_CAUSE : 0)
    if (hasMessage) writeString(out, text, this.#maxBytes)
    if (typeof stack === 'string') writeString(out, stack, this.#maxBytes)
    if (hasCause) {
      try {
        this.#write(cause.value)
      } catch (refusal) {
        throw Refusal.at(refusal, '.cause')
      }
    }
  }

  #writeDomException(error: DOMException): void {
    const out = this.#out
    const stack: unknown = read(() => error.stack, '.stack')
    const message = read(() => requireText(error.message), '.message')
    const name = read(() => requireText(error.name), '.name')
    out.bytes[out.position++] = DOM_EXCEPTION
    out.bytes[out.position++] = typeof stack === 'string' ? ERROR_STACK : 0
    writeString(out, message, this.#maxBytes)
    writeString(out, name, this.#maxBytes)
    if (typeof stack === 'string') writeString(out, stack, this.#maxBytes)
  }
}

/**
 * The elements of an array that has neither holes nor other keys, else undefined. It does not make a string of each
 * index to see that, and is a copy, so that getters among the elements run this once.
 */
function denseElements(value: readonly unknown[], length: number): readonly unknown[] | undefined {
  // Sparse arrays can be billions long; they have far fewer keys.
  for (let i = 0; i < length; i++) {
    if (!(i in value)) return undefined
  }
  const elements = valuesOf(value)
  return elements.length === length ? elements : undefined
}

function unboxed(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value)
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value)
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value)
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value)
  return Symbol.prototype.valueOf.call(value)
}

/** As the language makes strings where it converts by itself: not of symbols. */
function requireText(value: unknown): string {
  return `${value as string}`
}

function read<T>(reading: () => T, step: string): T {
  try {
    return reading()
  } catch (error) {
    throw Refusal.at(error, step)
  }
}

let domExceptions: boolean | undefined

/** Node 20 clones a DOMException as `{}`, later ones as itself: what this Node does is done here too. */
function keepsDomExceptions(): boolean {
  if (domExceptions === undefined) {
    try {
      domExceptions = structuredClone(new DOMException('')) instanceof DOMException
    } catch {
      domExceptions = false
    }
  }
  return domExceptions
}
