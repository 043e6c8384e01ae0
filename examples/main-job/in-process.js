// The first way: the work is done on the event loop that also serves the requests.

import { setImmediate } from 'node:timers/promises'
import { compress } from './job.js'
import { settle } from './settle.js'

/**
 * @param {string[]} paths
 * @param {(progress: import('./job.js').Progress) => void} report called directly
 * @param {() => boolean} timeIsUp looked at between files
 */
export async function work(paths, report, timeIsUp) {
  const outcomes = []
  for (const path of paths) {
    if (timeIsUp()) break
    outcomes.push(await settle(path, () => compress(path, report)))
    // What a considerate program does: between two files the server gets a turn.
    await setImmediate()
  }
  return outcomes
}

/** There is nothing to stop: the work and this process are the same thing. */
export async function stop() {}
