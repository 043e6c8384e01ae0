import type { Pool } from './pool.js'

// One executor for all promises, which leaves what it was given here: a closure per call costs more than the promise.
let given: (value: unknown) => void
const executor = (resolve: (value: unknown) => void): void => {
  given = resolve
}

/** Makes a call whose answer settles the promise. Never throws: what is wrong at once rejects it too. */
export function callAsync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  timeoutMs: number,
): Promise<unknown> {
  const promise = new Promise<unknown>(executor)
  const resolve = given
  try {
    const command = pool.numberOf(name)
    pool.used()
    pool.exchange.post(pool, command, name, args, timeoutMs, resolve)
  } catch (error) {
    return Promise.reject(error)
  }
  return promise
}
