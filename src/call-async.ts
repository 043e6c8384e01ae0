import { type CallSettings, within } from './call-settings.js'
import { callsAreWatched, watchCall } from './diagnostics.js'
import { PlumpAbortError, withoutFrames } from './errors.js'
import { nobody } from './exchange.js'
import type { Pool } from './pool.js'
import { isWorker } from './shared.js'
import { leftInContext } from './worker/left.js'

const ONCE = { once: true } as const

// One listener for all calls of a signal: Node compares each new one with all that are there, and warns of more than ten.
// Most signals have one call, for which no set is made.
type Abort = () => void
const listening = new WeakMap<AbortSignal, Abort | Set<Abort>>()

function listen(signal: AbortSignal, abort: Abort): void {
  const others = listening.get(signal)
  if (others === undefined) {
    listening.set(signal, abort)
    signal.addEventListener('abort', abortAll, ONCE)
  } else if (typeof others === 'function') listening.set(signal, new Set([others, abort]))
  else others.add(abort)
}

function stopListening(signal: AbortSignal, abort: Abort): void {
  const others = listening.get(signal)
  if (others === undefined) return
  if (others !== abort) {
    if (typeof others === 'function' || !others.delete(abort) || others.size > 0) return
  }
  listening.delete(signal)
  signal.removeEventListener('abort', abortAll)
}

function abortAll(this: AbortSignal): void {
  const aborts = listening.get(this)
  listening.delete(this)
  if (typeof aborts === 'function') aborts()
  else if (aborts !== undefined) for (const abort of aborts) abort()
}

// One executor for all promises, which leaves what it was given here: a closure per call costs more than the promise.
let given: (value: unknown) => void
const executor = (resolve: (value: unknown) => void): void => {
  given = resolve
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
      return makeCancellable(pool, command, name, args, settings, settings.signal)
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

function makeCancellable(
  pool: Pool,
  command: number,
  name: string,
  args: readonly unknown[],
  settings: CallSettings,
  signal: AbortSignal,
): Promise<unknown> {
  throwIfAborted(signal, name)
  // What is thrown in here rejects it.
  return new Promise((resolve, reject) => {
    const { exchange } = pool
    const abort = (): void => {
      exchange.giveUp(call)
      reject(aborted(signal, name))
    }
    let isSettled = false
    const settle = (value: unknown): void => {
      isSettled = true
      stopListening(signal, abort)
      // The outcome of one that was decided before it was given up, and that nobody takes any more.
      if (signal.aborted && value instanceof Promise) value.catch(nobody)
      resolve(value)
    }
    const call = exchange.postCancellable(pool, command, name, args, settings, settle, signal)
    if (signal.aborted) reject(aborted(signal, name))
    // Of one that was refused at once nobody would ever take the listener away.
    else if (!isSettled) listen(signal, abort)
  })
}

function aborted(signal: AbortSignal, command: string): PlumpAbortError {
  const make = (): PlumpAbortError =>
    new PlumpAbortError(
      'ERR_PLUMP_CANCELLED',
      `The call of '${command}' was cancelled: its signal was aborted.`,
      { cause: signal.reason, command },
    )
  // The stack from here is that of `abort()`, and the reason has it; a second one would be most of the price of giving a
  // call up, and a storm of them holds up the workers of a machine with few CPUs.
  return signal.reason instanceof Error ? withoutFrames(make) : make()
}
