import { performance } from 'node:perf_hooks'
import { Samples } from './samples.js'

const PERIOD_MS = 1

/**
 * How late a timer of 1 ms fires, in ms, until `stop()`. A plain timer and not
 * `monitorEventLoopDelay()`, whose figures include its own period.
 */
export function watchLoopDelay() {
  const samples = new Samples()
  let due = performance.now() + PERIOD_MS
  let timer = setTimeout(tick, PERIOD_MS)
  function tick() {
    const now = performance.now()
    samples.push(Math.max(0, now - due))
    due = now + PERIOD_MS
    timer = setTimeout(tick, PERIOD_MS)
  }
  return {
    stop() {
      clearTimeout(timer)
      // A loop that is blocked to the end never fires the last timer: that delay counts too.
      samples.push(Math.max(0, performance.now() - due))
      return samples.summary()
    },
  }
}
