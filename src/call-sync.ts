import { send } from './call.js'
import type { Pool } from './pool.js'
import { addCallerStack } from './rejected.js'

/** Makes a call and blocks this thread until it has settled; what other calls are answered meanwhile waits. */
export function callSync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  timeoutMs: number,
): unknown {
  const slot = send(pool, name, args, timeoutMs, 1)
  try {
    return pool.exchange.wait(slot, pool, name)
  } catch (error) {
    // A failure made here has the caller's stack already; what the worker threw has only the worker's.
    if (error instanceof Error) addCallerStack(error)
    throw error
  }
}
