// The errors that this package throws. What a handler throws reaches its caller as it was, not wrapped in these.

import { codes, type ErrorClassName, type PlumpErrorCode } from './generated/codes.js'

export type { PlumpErrorCode }

const family = Symbol.for('plump-ipc.error')

/**
 * What every error of this package is.
 *
 * `code` never changes between versions and is what programs should look at; docs/errors.md has one heading for each.
 */
export class PlumpError extends Error {
  /** Stable, one of the union. */
  readonly code: PlumpErrorCode
  /** What to do about it, in one sentence. */
  readonly remedy: string

  constructor(code: PlumpErrorCode, message = codes[code].summary, options?: ErrorOptions) {
    super(message, options && causeOf(options))
    this.code = code
    this.remedy = codes[code].remedy
  }

  /**
   * One process may have loaded this package twice, from two places; `instanceof` holds across the two. Sharing
   * the classes through `globalThis` was refused: their types would no longer be classes in the declarations.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    const name = Object.hasOwn(this, family) ? (this as unknown as Branded)[family] : undefined
    for (let at: unknown = name === undefined ? null : value; isObject(at); at = prototypeOf(at)) {
      const maker = Object.getOwnPropertyDescriptor(at, 'constructor')?.value as unknown
      if (typeof maker === 'function' && (maker as unknown as Branded)[family] === name) return true
    }
    return false
  }
}

/** The link to a worker can't be made, or was closed. */
export class PlumpConnectionError extends PlumpError {}

export interface WorkerErrorDetails {
  cause?: unknown
  /** Process id of the worker. */
  pid?: number | undefined
  /** Its exit code, if it exited by itself. */
  exitCode?: number | undefined
  /** Name of the signal that ended it, if one did. */
  signal?: string | undefined
  /** Name of the command that was called. */
  command?: string | undefined
  /** The last that it wrote to stderr, at most 4 KiB. */
  stderr?: string | undefined
  /** Id of the call because of which it was ended. */
  causedBy?: string | undefined
  /** How many workers had the call. */
  runs?: number | undefined
}

/** The worker failed to start, or ended while the call was on it. */
export class PlumpWorkerError extends PlumpError {
  /** Process id of the worker. */
  declare readonly pid?: number
  /** Its exit code, if it exited by itself and that is known. */
  declare readonly exitCode?: number
  /** Name of the signal that ended it, if one did. */
  declare readonly signal?: string
  /** Name of the command that was called. */
  declare readonly command?: string
  /** The last that the worker wrote to stderr, at most 4 KiB. */
  declare readonly stderr?: string
  /** With `ERR_PLUMP_WORKER_ENDED`: `context.callId` of the call because of which it was ended. */
  declare readonly causedBy?: string
  /**
   * How many workers had the call, each of which may have begun it: 1, or more for an idempotent command. Absent where none
   * had.
   */
  declare readonly runs?: number

  constructor(code: PlumpErrorCode, message?: string, details: WorkerErrorDetails = {}) {
    super(code, message, details)
    keep(this, 'pid', details.pid)
    keep(this, 'exitCode', details.exitCode)
    keep(this, 'signal', details.signal)
    keep(this, 'command', details.command)
    keep(this, 'stderr', details.stderr)
    keep(this, 'causedBy', details.causedBy)
    keep(this, 'runs', details.runs)
  }
}

/** A value can't travel, or bytes that came are none. */
export class PlumpSerializationError extends PlumpError {
  /** Where in the arguments or the result the value is, for example `args[0].user.callback`. */
  declare readonly path?: string

  constructor(
    code: PlumpErrorCode,
    message?: string,
    details: { cause?: unknown; path?: string | undefined } = {},
  ) {
    super(code, message, details)
    keep(this, 'path', details.path)
  }
}

/** A limit of time was reached. */
export class PlumpTimeoutError extends PlumpError {
  /** The limit, in milliseconds. */
  declare readonly timeoutMs?: number
  /** Name of the command, when it was a call. */
  declare readonly command?: string

  constructor(
    code: PlumpErrorCode,
    message?: string,
    details: { cause?: unknown; timeoutMs?: number | undefined; command?: string | undefined } = {},
  ) {
    super(code, message, details)
    keep(this, 'timeoutMs', details.timeoutMs)
    keep(this, 'command', details.command)
  }
}

/** The caller gave the call up: its `signal` was aborted. `name` is `'AbortError'`, as on the web; `cause` is the signal's reason. */
export class PlumpAbortError extends PlumpError {
  /** Name of the command. */
  declare readonly command?: string

  constructor(
    code: PlumpErrorCode,
    message?: string,
    details: { cause?: unknown; command?: string | undefined } = {},
  ) {
    super(code, message, details)
    // The property that `keep` would make, sooner: a storm of cancelled calls makes thousands.
    if (details.command !== undefined) this.command = details.command
  }
}

/** The classes by the names that the list in Rust gives them. */
export const errorClasses = {
  PlumpError,
  PlumpConnectionError,
  PlumpWorkerError,
  PlumpSerializationError,
  PlumpTimeoutError,
  PlumpAbortError,
} as const satisfies Record<ErrorClassName, typeof PlumpError>

for (const [name, constructor] of Object.entries(errorClasses)) {
  // On the prototype, as the built-in classes have it: an own `name` would print twice and travel with each error.
  Object.defineProperty(constructor.prototype, 'name', {
    // Whatever is meant to be told from failures by its name must have the web's.
    value: name === 'PlumpAbortError' ? 'AbortError' : name,
    writable: true,
    configurable: true,
  })
  Object.defineProperty(constructor, family, { value: name })
}

/** What the constructors take together. */
export type ErrorDetails = WorkerErrorDetails & {
  path?: string | undefined
  timeoutMs?: number | undefined
}

/** The error of `code` in the class that the list gives it; details that the class has no place for are left out. */
export function createError(
  code: PlumpErrorCode,
  message?: string,
  details: ErrorDetails = {},
): PlumpError {
  const constructor = errorClasses[codes[code].class] as new (
    code: PlumpErrorCode,
    message?: string,
    details?: ErrorDetails,
  ) => PlumpError
  return new constructor(code, message, details)
}

interface Branded {
  readonly [family]?: ErrorClassName
}

/** What `make` returns, an error whose stack has no frames. */
export function withoutFrames<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit
  if (!setStackTraceLimit(0)) return make()
  try {
    return make()
  } finally {
    setStackTraceLimit(limit)
  }
}

/** `false` where the program has frozen it. An assignment is much cheaper than `Reflect.set`. */
function setStackTraceLimit(limit: number): boolean {
  try {
    Error.stackTraceLimit = limit
    return true
  } catch {
    return false
  }
}

// `new Error(message, { cause: undefined })` would make an own property that says nothing.
function causeOf(details: ErrorOptions): ErrorOptions | undefined {
  return details.cause === undefined ? undefined : { cause: details.cause }
}

// Undefined ones stay away, so that printing the error shows what is known and nothing else.
function keep(error: PlumpError, name: string, value: unknown): void {
  if (value !== undefined)
    Object.defineProperty(error, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function prototypeOf(value: object): unknown {
  return Object.getPrototypeOf(value) as unknown
}
