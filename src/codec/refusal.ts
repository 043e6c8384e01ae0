import { PlumpSerializationError } from '../errors.js'
import type { PayloadRoot } from './limits.js'

type RefusalCode =
  | 'ERR_PLUMP_UNSERIALIZABLE'
  | 'ERR_PLUMP_TOO_DEEP'
  | 'ERR_PLUMP_PAYLOAD_TOO_LARGE'
  | 'ERR_PLUMP_BLOCK_GONE'

/**
 * Thrown inside the encoder. Not an Error: the path is known only step by step, while this climbs out of the
 * value, and the real error is made once, at the top. Keeping the path at all times instead would cost every
 * property of every message.
 */
export class Refusal {
  readonly code: RefusalCode
  /** What follows the path in the message, e.g. `is a function: …`. */
  readonly reason: string
  readonly cause: unknown
  /** Steps from the value up to the root. */
  readonly #steps: string[] = []

  constructor(code: RefusalCode, reason: string, cause?: unknown) {
    this.code = code
    this.reason = reason
    this.cause = cause
  }

  /** `error`, one step further up; anything that is not a Refusal came out of the user's own code. */
  static at(error: unknown, step: string): Refusal {
    const refusal = error instanceof Refusal ? error : Refusal.thrown(error)
    refusal.#steps.push(step)
    return refusal
  }

  static thrown(error: unknown): Refusal {
    if (error instanceof PlumpSerializationError && error.code === 'ERR_PLUMP_PAYLOAD_TOO_LARGE') {
      return new Refusal('ERR_PLUMP_PAYLOAD_TOO_LARGE', error.message)
    }
    if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
      return new Refusal('ERR_PLUMP_TOO_DEEP', 'is nested deeper than the stack reaches.', error)
    }
    return new Refusal('ERR_PLUMP_UNSERIALIZABLE', `could not be read: ${described(error)}`, error)
  }

  toError(root: PayloadRoot): PlumpSerializationError {
    if (this.code === 'ERR_PLUMP_PAYLOAD_TOO_LARGE') {
      return new PlumpSerializationError(this.code, this.reason)
    }
    const path = this.#path(root)
    return new PlumpSerializationError(
      this.code,
      `${path} ${this.reason}`,
      this.cause === undefined ? { path } : { path, cause: this.cause },
    )
  }

  /** Of a very deep path only both ends are told. */
  #path(root: PayloadRoot): string {
    const steps = this.#steps
    if (steps.length <= 40) return root + steps.toReversed().join('')
    return `${root}${steps.slice(-20).toReversed().join('')}…${steps.slice(0, 20).toReversed().join('')}`
  }
}

/** What needs no brackets. Not a literal: V8 reads those with the file, and these properties take it half a millisecond. */
let identifier: RegExp | undefined

/** The step to a property, as one would write it in a program. */
export function propertyStep(key: string): string {
  identifier ??= new RegExp('^[\\p{ID_Start}$_][\\p{ID_Continue}$]*$', 'u')
  if (identifier.test(key)) return `.${key}`
  return `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`
}

function described(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'something was thrown that has no text'
  }
}
