import { send } from './call.js'
import type { Pool } from './pool.js'

// One executor for all promises, which leaves what it was given here: a closure per call costs more than the promise.
let resolve: (value: unknown) => void
const executor = (given: (value: unknown) => void): void => {
  resolve = given
}

/** Makes a call whose answer settles the promise. Never throws: what is wrong at once rejects it too. */
export function callAsync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  timeoutMs: number,
): Promise<unknown> {
  let slot: number
  try {
    slot = send(pool, name, args, timeoutMs, 0)
  } catch (error) {
    return Promise.reject(error)
  }
  const promise = new Promise<unknown>(executor)
  pool.exchange.expect(slot, pool, name, resolve)
  return promise
}
