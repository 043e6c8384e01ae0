import { throwIfAborted } from './call-async.js'
import { type CallSettings, within } from './call-settings.js'
import { callsAreWatched, watchCall } from './diagnostics.js'
import type { Pool } from './pool.js'
import { addCallerStack } from './rejected.js'
import { leftInContext } from './worker/left.js'

/** Makes a call and blocks this thread until it has settled; what other calls are answered meanwhile waits. */
export function callSync(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  settings: CallSettings,
): unknown {
  const settled = callsAreWatched() ? watchCall(pool.name, name) : undefined
  try {
    const result = make(pool, name, args, settings)
    settled?.()
    return result
  } catch (error) {
    settled?.({ is: error })
    throw error
  }
}

function make(pool: Pool, name: string, args: readonly unknown[], settings: CallSettings): unknown {
  const command = pool.numberOf(name)
  try {
    throwIfAborted(settings.signal, name)
    const leftMs = leftInContext()
    if (leftMs !== undefined) settings = within(settings, leftMs)
    return pool.exchange.call(pool, command, name, args, settings)
  } catch (error) {
    // A failure made here has the caller's stack already; what the worker threw has only the worker's.
    if (error instanceof Error) addCallerStack(error)
    throw error
  }
}
