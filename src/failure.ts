import { decodeThrown } from './codec/thrown.js'
import { resolveCodec } from './codec/codec.js'
import { withoutFrames } from './codec/decoder.js'
import { createError, type PlumpError } from './errors.js'
import { codeOfNumber, type PlumpErrorCode } from './generated/codes.js'
import type { Failure } from './native.js'
import { once } from './shared.js'

// A worker that ends says why in this form, whatever codec its calls have: that may be what there is to tell.
const structured = resolveCodec('structured')

/** What a failure entry says: the JSON of the core, and the cause that the worker reported, if any. */
export interface FailureEntry<T = Failure> {
  readonly facts: T
  readonly cause: unknown
}

/** Reads the bytes of a failure entry (see `Failure` in native.ts). */
export function readFailure<T = Failure>(
  bytes: Buffer,
  start: number,
  end: number,
): FailureEntry<T> {
  const json = start + 4
  const jsonEnd = json + bytes.readUInt32LE(start)
  const facts = JSON.parse(bytes.toString('utf8', json, jsonEnd)) as T
  let cause: unknown
  if (jsonEnd < end) {
    try {
      cause = decodeThrown(bytes, jsonEnd, end, structured)
    } catch (error) {
      // A worker that dies may leave garbage; that explains the death better than nothing.
      cause = error
    }
  }
  return { facts, cause }
}

/** Of calls that were refused untried. Their codes do not tell: a handler's own calls may fail with the same. */
const refusals = once('refusals', () => new WeakSet<PlumpError>())

/** Whether a call failed with it that was refused untried: too much waits, or too many workers fail. */
export function isRefusal(error: unknown): error is PlumpError {
  return refusals.has(error as PlumpError)
}

/** The error for a failure that the core decided. */
export function failureError({ facts, cause }: FailureEntry, hint = ''): PlumpError {
  const code = codeOf(facts.kind)
  const message = facts.message === '' ? undefined : facts.message + hint
  // Where it is noticed says nothing; the caller's frames are added where the call is known.
  const error = withoutFrames(() => createError(code, message, { ...facts, cause }))
  if (code === 'ERR_PLUMP_CIRCUIT_OPEN' && facts.runs === undefined) refusals.add(error)
  return error
}

/** The error for a status that a native function left in the words. */
export function statusError(status: number, message?: string): PlumpError {
  const error = createError(codeOf(status), message)
  if (error.code === 'ERR_PLUMP_QUEUE_FULL') refusals.add(error)
  return error
}

/** The error for what a native function threw: an `Error` whose message begins with one of our codes. */
export function nativeError(error: unknown): unknown {
  const message = (error as { message?: unknown } | null)?.message
  const parts = typeof message === 'string' ? /^(ERR_PLUMP_[A-Z_]+): ?(.*)$/s.exec(message) : null
  if (parts === null || !codeOfNumber.includes(parts[1] as PlumpErrorCode)) return error
  return createError(parts[1] as PlumpErrorCode, parts[2] === '' ? undefined : parts[2])
}

function codeOf(number: number): PlumpErrorCode {
  return codeOfNumber[number] ?? 'ERR_PLUMP_PROTOCOL'
}
