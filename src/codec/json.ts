import { Buffer } from 'node:buffer'
import { types } from 'node:util'
import { PlumpSerializationError } from '../errors.js'
import type { CodecLimits, PayloadRoot } from './limits.js'
import { payloadTooLarge, type Outgoing } from './outgoing.js'
import { propertyStep, Refusal } from './refusal.js'
import { sliceUtf8 } from './strings.js'

/**
 * Appends `value` as JSON text.
 *
 * What JSON has no word for becomes what `JSON.stringify()` makes of it: inside an array or object `undefined`,
 * functions and symbols are null or left out, NaN and Infinity null, Dates strings, Maps `{}`. `undefined` itself is no
 * bytes at all, so a function without a result keeps none. Refused with the path: BigInt, cycles, getters and
 * `toJSON()` that throw, and functions and symbols that are an argument or the result themselves.
 *
 * @throws PlumpSerializationError, and `out` is as it was before.
 */
export function encodeJson(
  value: unknown,
  out: Outgoing,
  limits: CodecLimits,
  root: PayloadRoot = 'result',
): void {
  refuseCode(value, root)
  let text: string | undefined
  const { busy } = out
  out.busy = true
  try {
    text = JSON.stringify(value) as string | undefined
  } catch (error) {
    throw unserializable(value, error).toError(root)
  } finally {
    out.busy = busy
  }
  if (text === undefined) return
  if (isTooDeep(text, limits.maxDepth)) {
    throw new Refusal(
      'ERR_PLUMP_TOO_DEEP',
      `is nested deeper than ${limits.maxDepth} levels. Flatten it, or raise maxDepth.`,
    ).toError(root)
  }
  const length = Buffer.byteLength(text)
  if (length > limits.maxPayloadBytes) throw payloadTooLarge(limits.maxPayloadBytes)
  out.reserve(length)
  out.position += out.bytes.write(text, out.position, 'utf8')
}

/** @throws PlumpSerializationError `ERR_PLUMP_DECODE` */
export function decodeJson(from: Uint8Array, start: number, end: number): unknown {
  if (start === end) return undefined
  const bytes = Buffer.isBuffer(from)
    ? from
    : Buffer.from(from.buffer, from.byteOffset, from.byteLength)
  try {
    return JSON.parse(sliceUtf8(bytes, start, end)) as unknown
  } catch (cause) {
    throw new PlumpSerializationError(
      'ERR_PLUMP_DECODE',
      'The bytes that came from the other process are not JSON. Do both sides use the same codec?',
      { cause },
    )
  }
}

function refuseCode(value: unknown, root: PayloadRoot): void {
  const members = root === 'args' && Array.isArray(value) ? (value as unknown[]) : undefined
  const suspects = members ?? [value]
  for (let i = 0; i < suspects.length; i++) {
    const kind = typeof suspects[i]
    if (kind !== 'function' && kind !== 'symbol') continue
    const refusal = new Refusal('ERR_PLUMP_UNSERIALIZABLE', `is a ${kind}, which cannot be sent.`)
    throw (members === undefined ? refusal : Refusal.at(refusal, `[${i}]`)).toError(root)
  }
}

/** Text can only be that deep if it has that many brackets, so short text is never read again. */
function isTooDeep(text: string, maxDepth: number): boolean {
  // One level more, for the list of arguments.
  const most = maxDepth + 1
  if (text.length < most * 2) return false
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i++
      else if (code === 0x22) inString = false
    } else if (code === 0x22) {
      inString = true
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > most) return true
    } else if (code === 0x5d || code === 0x7d) {
      depth--
    }
  }
  return false
}

const SEARCHED_VALUES = 100_000

/**
 * `JSON.stringify()` does not say where it failed, so the value is walked again until the first thing that
 * could have made it fail. Only then: a replacer function, which would know, makes every message slower.
 */
function unserializable(root: unknown, error: unknown): Refusal {
  let left = SEARCHED_VALUES
  const ancestors: unknown[] = []
  const search = (value: unknown): Refusal | undefined => {
    if (left-- <= 0) return undefined
    if (typeof value === 'bigint') {
      return new Refusal(
        'ERR_PLUMP_UNSERIALIZABLE',
        "is a BigInt, which JSON has no form for. Send a string, or use the codec 'structured'.",
        error,
      )
    }
    if (typeof value !== 'object' || value === null) return undefined
    if (ancestors.includes(value)) {
      return new Refusal(
        'ERR_PLUMP_UNSERIALIZABLE',
        "contains itself, which JSON has no form for. Use the codec 'structured'.",
        error,
      )
    }
    if (ancestors.length > 2000 || types.isProxy(value)) return undefined
    ancestors.push(value)
    for (const key of Object.keys(value)) {
      const step = Array.isArray(value) ? `[${key}]` : propertyStep(key)
      let found: Refusal | undefined
      try {
        found = search((value as Record<string, unknown>)[key])
      } catch (thrown) {
        return Refusal.at(thrown, step)
      }
      if (found !== undefined) return Refusal.at(found, step)
    }
    ancestors.pop()
    return undefined
  }
  try {
    return search(root) ?? Refusal.thrown(error)
  } catch (thrown) {
    return Refusal.thrown(thrown)
  }
}
