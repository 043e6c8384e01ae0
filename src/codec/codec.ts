import { Buffer } from 'node:buffer'
import { PlumpSerializationError } from '../errors.js'
import { decodeJson, encodeJson } from './json.js'
import { DEFAULT_CODEC_LIMITS, type CodecLimits, type PayloadRoot } from './limits.js'
import { payloadTooLarge, type Outgoing } from './outgoing.js'
import { encodePlain } from './plain.js'
import { decodeStructured, encodeStructured } from './structured.js'
import { SEGMENT_BYTES } from './views.js'

/**
 * Turns values into bytes and back. Both sides of a link must use the same one: names are compared when they meet.
 */
export interface Codec {
  readonly name: string
  /**
   * Called with the list of arguments, a result, a thrown value that is no error, or an event. A string is sent
   * as UTF-8. What it throws rejects that call alone, as the cause of `ERR_PLUMP_CODEC`.
   */
  encode(value: unknown): Uint8Array | string
  /** Called with a private copy of the bytes, which it may keep. */
  decode(bytes: Uint8Array): unknown
}

/**
 * `'structured'` (default): the values of structured clone. `'json'`: what JSON can say, as `JSON.stringify()` says it.
 * Or one of your own.
 */
export type CodecOption = 'structured' | 'json' | Codec

/** A codec as the calls use it. */
export interface PayloadCodec {
  readonly name: string
  /**
   * Appends one payload to `out`, or throws a PlumpSerializationError and leaves `out` as it was.
   * `root` is the first word of the path in that error.
   */
  encode(value: unknown, out: Outgoing, root: PayloadRoot): void
  /**
   * Reads the payload in `bytes[start..end)`. Keeps nothing of `bytes` unless `owned`.
   * @throws PlumpSerializationError
   */
  decode(bytes: Uint8Array, start: number, end: number, owned: boolean): unknown
}

/** @throws PlumpSerializationError `ERR_PLUMP_CODEC` if it is none. */
export function resolveCodec(
  option: CodecOption,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): PayloadCodec {
  switch (option) {
    case 'structured':
      return {
        name: 'structured',
        encode: (value, out, root) => {
          if (!encodePlain(value, out, limits.maxPayloadBytes, root))
            encodeStructured(value, out, limits, root)
        },
        decode: (bytes, start, end, owned) => decodeStructured(bytes, start, end, limits, owned),
      }
    case 'json':
      return {
        name: 'json',
        encode: (value, out, root) => encodeJson(value, out, limits, root),
        decode: decodeJson,
      }
    default:
      return custom(option, limits)
  }
}

function custom(codec: Codec, limits: CodecLimits): PayloadCodec {
  const given: unknown = codec
  if (typeof given !== 'object' || given === null) throw notACodec()
  const { name } = codec
  if (
    typeof name !== 'string' ||
    name === '' ||
    typeof codec.encode !== 'function' ||
    typeof codec.decode !== 'function'
  ) {
    throw notACodec()
  }
  return {
    name,
    encode(value, out, root) {
      let encoded: unknown
      try {
        encoded = codec.encode(value)
      } catch (error) {
        throw failed(name, `threw while it encoded ${described(root)}`, error)
      }
      append(name, encoded, out, limits)
    },
    decode(bytes, start, end) {
      const copy = new Uint8Array(end - start)
      copy.set(bytes.subarray(start, end))
      try {
        return codec.decode(copy)
      } catch (error) {
        throw failed(name, 'threw while it decoded', error)
      }
    },
  }
}

function append(name: string, encoded: unknown, out: Outgoing, limits: CodecLimits): void {
  if (typeof encoded === 'string') {
    const length = Buffer.byteLength(encoded)
    if (length > limits.maxPayloadBytes) throw payloadTooLarge(limits.maxPayloadBytes)
    out.reserve(length)
    out.position += out.bytes.write(encoded, out.position, 'utf8')
  } else if (encoded instanceof Uint8Array) {
    const length = encoded.byteLength
    if (length > limits.maxPayloadBytes) throw payloadTooLarge(limits.maxPayloadBytes)
    if (length >= SEGMENT_BYTES) {
      out.addSegment(encoded)
      return
    }
    out.reserve(length)
    out.bytes.set(encoded, out.position)
    out.position += length
  } else {
    throw failed(name, 'returned neither a Uint8Array nor a string from encode()')
  }
}

const described = (root: PayloadRoot): string =>
  root === 'args' ? 'the arguments' : root === 'result' ? 'the result' : 'the event'

const notACodec = (): PlumpSerializationError =>
  new PlumpSerializationError(
    'ERR_PLUMP_CODEC',
    "A codec is 'structured', 'json' or an object with a name and the functions encode and decode.",
  )

const failed = (name: string, what: string, cause?: unknown): PlumpSerializationError =>
  new PlumpSerializationError(
    'ERR_PLUMP_CODEC',
    `The codec ${JSON.stringify(name)} ${what}.`,
    cause === undefined ? undefined : { cause },
  )
