import { type CallSettings, within } from './call-settings.js'
import { callsAreWatched, watchCall } from './diagnostics.js'
import { PlumpAbortError, withoutFrames } from './errors.js'
import { type CancellableCall, type Exchange, nobody } from './exchange.js'
import type { Pool } from './pool.js'
import { isWorker } from './shared.js'
import { leftInContext } from './worker/left.js'

const ONCE = { once: true } as const

// One listener for all calls of a signal: Node compares each new one with all that are there, and warns of more than ten.
// Most signals have one call, for which no set is made.
const listening = new WeakMap<AbortSignal, AbortableCall | Set<AbortableCall>>()

function listen(signal: AbortSignal, call: AbortableCall): void {
  const others = listening.get(signal)
  if (others === undefined) {
    listening.set(signal, call)
    signal.addEventListener('abort', abortAll, ONCE)
  } else if (others instanceof Set) others.add(call)
  else listening.set(signal, new Set([others, call]))
}

function stopListening(signal: AbortSignal, call: AbortableCall): void {
  const others = listening.get(signal)
  if (others === undefined) return
  if (others !== call) {
    if (!(others instanceof Set) || !others.delete(call) || others.size > 0) return
  }
  listening.delete(signal)
  signal.removeEventListener('abort', abortAll)
}

function abortAll(this: AbortSignal): void {
  const calls = listening.get(this)
  listening.delete(this)
  if (calls instanceof Set) for (const call of calls) call.abort()
  else calls?.abort()
}

// One executor for all promises, which leaves what it was given here: a closure per call costs more than the promise.
let given: (value: unknown) => void
let givenReject: (reason: unknown) => void
const executor = (resolve: (value: unknown) => void): void => {
  given = resolve
}
const executorOfAbortable = (
  resolve: (value: unknown) => void,
  reject: (reason: unknown) => void,
): void => {
  given = resolve
  givenReject = reject
}

/** The same, told to those who listen. */
async function watched(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  settings: CallSettings,
): Promise<unknown> {
  const settled = watchCall(pool.name, name)
  try {
    const result = await callAsync(pool, name, args, settings, false)
    settled()
    return result
  } catch (error) {
    settled({ is: error })
    throw error
  }
}

/** Makes a call whose answer settles the promise. Never throws: what is wrong at once rejects it too. */
export function callAsync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  settings: CallSettings,
  isWatched = callsAreWatched(),
): Promise<unknown> {
  if (isWatched) return watched(pool, name, args, settings)
  try {
    const command = pool.numberOf(name)
    const leftMs = isWorker ? leftInContext() : undefined
    if (leftMs !== undefined) settings = within(settings, leftMs)
    if (settings.signal !== undefined)
      return makeAbortable(pool, command, name, args, settings, settings.signal)
    const promise = new Promise<unknown>(executor)
    const resolve = given
    // What settles a promise keeps its value.
    given = nobody
    pool.exchange.post(pool, command, name, args, settings, resolve)
    return promise
  } catch (error) {
    return Promise.reject(error)
  }
}

/** @throws PlumpAbortError when the signal is aborted already */
export function throwIfAborted(signal: AbortSignal | undefined, name: string): void {
  if (signal?.aborted === true) throw aborted(signal, name)
}

/** A call whose signal gives it up. Not two closures: V8 compiles each in the middle of the first storm of cancellations. */
class AbortableCall implements CancellableCall {
  record = -1
  token = 0
  low = 0
  high = 0
  isSettled = false
  readonly signal: AbortSignal
  readonly #exchange: Exchange
  readonly #name: string
  readonly #reject: (reason: unknown) => void

  constructor(
    signal: AbortSignal,
    exchange: Exchange,
    name: string,
    reject: (reason: unknown) => void,
  ) {
    this.signal = signal
    this.#exchange = exchange
    this.#name = name
    this.#reject = reject
  }

  settled(): void {
    this.isSettled = true
    stopListening(this.signal, this)
  }

  abort(): void {
    this.#exchange.giveUp(this)
    this.rejectAborted()
  }

  rejectAborted(): void {
    this.#reject(aborted(this.signal, this.#name))
  }
}

function makeAbortable(
  pool: Pool,
  command: number,
  name: string,
  args: readonly unknown[],
  settings: CallSettings,
  signal: AbortSignal,
): Promise<unknown> {
  throwIfAborted(signal, name)
  const { exchange } = pool
  const promise = new Promise<unknown>(executorOfAbortable)
  const resolve = given
  const settle = (value: unknown): void => {
    // The outcome of one that was decided before it was given up, and that nobody takes any more.
    if (signal.aborted && value instanceof Promise) value.catch(nobody)
    resolve(value)
  }
  const call = new AbortableCall(signal, exchange, name, givenReject)
  given = nobody
  givenReject = nobody
  exchange.post(pool, command, name, args, settings, settle, call)
  if (signal.aborted) call.rejectAborted()
  // Of one that was refused at once nobody would ever take the listener away.
  else if (!call.isSettled) listen(signal, call)
  return promise
}

function aborted(signal: AbortSignal, command: string): PlumpAbortError {
  const cause: unknown = signal.reason
  const make = (): PlumpAbortError =>
    new PlumpAbortError(
      'ERR_PLUMP_CANCELLED',
      `The call of '${command}' was cancelled: its signal was aborted.`,
      { cause, command },
    )
  // The stack from here is that of `abort()`, and the reason has it; a second one would be most of the price of giving a
  // call up, and a storm of them holds up the workers of a machine with few CPUs.
  return cause instanceof Error ? withoutFrames(make) : make()
}
