// The worker's side of the bus workloads; how an event leaves is the peer's own business.
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Events between two turns of the publisher's event loop. */
const CHUNK = 64

export function event(sequence) {
  return { sequence, kind: 'tick', progress: 0.5 }
}

/**
 * Publishes for `ms` milliseconds as fast as `publish` takes events, then one event `end`.
 * `publish` may return a promise where the peer tells that it cannot take more.
 */
export async function publishFor(ms, publish) {
  const end = performance.now() + ms
  let sequence = 0
  while (performance.now() < end) {
    for (let index = 0; index < CHUNK; index++) {
      const taken = publish(event(sequence++))
      if (taken) await taken
    }
    await nextTurn()
  }
  const taken = publish({ sequence, kind: 'end' })
  if (taken) await taken
  return sequence
}

/**
 * Counts the events that the host sends to this worker, between the first and the last. A report
 * begins the next count; sequence numbers go on, as any single event may be dropped.
 */
export function counter() {
  let count = 0
  let disorder = 0
  let last = -1
  let first = 0
  let latest = 0
  return {
    receive(received) {
      if (received === null || typeof received !== 'object' || received.kind !== 'tick') return
      if (received.sequence <= last) disorder++
      last = received.sequence
      latest = performance.now()
      if (count++ === 0) first = latest
    },
    report() {
      const report = { count, disorder, ms: latest - first, pid: process.pid }
      count = 0
      disorder = 0
      return report
    },
  }
}
