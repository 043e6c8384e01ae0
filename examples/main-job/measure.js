// What is measured and how it is summed up; every figure in milliseconds.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often the event loop's delay is sampled. */
const RESOLUTION_MS = 5

/** @typedef {{ p50: number, p99: number, max: number }} Distribution */

/**
 * By nearest rank, so that every figure is one that was really seen.
 *
 * @param {number[]} values
 * @returns {Distribution} of zeros when there are none
 */
export function distribution(values) {
  const sorted = Float64Array.from(values).sort()
  /** @param {number} share */
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/**
 * Watches the event loop of this process until the returned function is called.
 *
 * @returns {() => Promise<Distribution>}
 */
export function watchEventLoopDelay() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return async () => {
    // A block that ends right now is recorded by the next sample only.
    await sleep(2 * RESOLUTION_MS)
    histogram.disable()
    // Node records the whole time between two samples: the delay is what exceeds the planned part.
    /** @param {number} nanoseconds */
    const delay = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    if (histogram.count === 0) return { p50: 0, p99: 0, max: 0 }
    return {
      p50: delay(histogram.percentile(50)),
      p99: delay(histogram.percentile(99)),
      max: delay(histogram.max),
    }
  }
}
