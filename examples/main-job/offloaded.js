// The second way: the same module, given to plump workers; this process only serves and waits.

import { PlumpError, plumpBus, spawn } from 'plump-ipc'
import { settle } from './settle.js'

/** @type {import('plump-ipc').PlumpIPC<typeof import('./job.js')> | undefined} */
let pool

/**
 * @param {string[]} paths
 * @param {(progress: import('./job.js').Progress) => void} report fed by the bus
 */
export async function work(paths, report) {
  // One file at a time in each worker: minifying never waits for anything, so interleaving several
  // would only have them compete, with each other and with this server, and finish in bursts.
  const options = /** @type {const} */ ({ workers: 'auto', concurrency: 1 })
  const workers = (pool = spawn(new URL('./job.js', import.meta.url), options))
  const listener = plumpBus.setupAsyncListener((event) =>
    report(/** @type {import('./job.js').Progress} */ (event)),
  )
  // A worker that is lost is no property of the file: it must not be counted as unparsable.
  const isFatal = (/** @type {unknown} */ error) => error instanceof PlumpError
  const outcomes = await Promise.all(
    paths.map((path) => settle(path, () => workers.acall('compress', path), isFatal)),
  )
  await workers.close()
  listener.close()
  return outcomes
}

/** Ends the workers at once, whatever they are doing. */
export async function stop() {
  await pool?.close({ graceMs: 0 })
}
