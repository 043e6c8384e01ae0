import type { Pool } from './pool.js'
import { addCallerStack } from './rejected.js'

/** Makes a call and blocks this thread until it has settled; what other calls are answered meanwhile waits. */
export function callSync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  timeoutMs: number,
): unknown {
  const command = pool.numberOf(name)
  pool.used()
  try {
    return pool.exchange.call(pool, command, name, args, timeoutMs)
  } catch (error) {
    // A failure made here has the caller's stack already; what the worker threw has only the worker's.
    if (error instanceof Error) addCallerStack(error)
    throw error
  }
}
