// The timing loops. Every one warms up for a fifth of its time first: what is measured is the
// steady state; starting is a workload of its own.
import { performance } from 'node:perf_hooks'
import { Samples } from './samples.js'

const WARM_SHARE = 0.2
const LEAST_SAMPLES = 3
const MICROSECONDS = 1000

/** One blocking call after the other: latencies in µs. */
export function timeBlocking(seconds, once) {
  let index = 0
  const warmUntil = performance.now() + seconds * 1000 * WARM_SHARE
  do once(index++)
  while (performance.now() < warmUntil)
  const samples = new Samples()
  const started = performance.now()
  const end = started + seconds * 1000
  let now = started
  do {
    const before = performance.now()
    once(index++)
    now = performance.now()
    samples.push((now - before) * MICROSECONDS)
  } while (now < end || samples.total < LEAST_SAMPLES)
  return { ...samples.summary(), perSecond: (samples.total / (now - started)) * 1000 }
}

/**
 * One call after the other, each awaited: latencies in µs.
 * @param prepare runs before each call, outside its time
 */
export async function timeOneByOne(seconds, once, prepare = () => undefined) {
  let index = 0
  const warmUntil = performance.now() + seconds * 1000 * WARM_SHARE
  do {
    const prepared = prepare()
    await once(index++, prepared)
  } while (performance.now() < warmUntil)
  const samples = new Samples()
  const started = performance.now()
  const end = started + seconds * 1000
  let now = started
  do {
    const prepared = prepare()
    const before = performance.now()
    await once(index++, prepared)
    now = performance.now()
    samples.push((now - before) * MICROSECONDS)
  } while (now < end || samples.total < LEAST_SAMPLES)
  return { ...samples.summary(), perSecond: (samples.total / (now - started)) * 1000 }
}

/** `width` chains of calls at once: calls per second, latencies in µs. */
export async function timeInFlight(seconds, width, once) {
  await keepInFlight(seconds * WARM_SHARE, width, once)
  return keepInFlight(seconds, width, once)
}

async function keepInFlight(seconds, width, once) {
  const samples = new Samples()
  const started = performance.now()
  const end = started + seconds * 1000
  let next = 0
  let last = started
  const chain = async () => {
    let before = performance.now()
    do {
      await once(next++)
      last = performance.now()
      samples.push((last - before) * MICROSECONDS)
      before = last
    } while (last < end)
  }
  await Promise.all(Array.from({ length: width }, chain))
  return { ...samples.summary(), perSecond: (samples.total / (last - started)) * 1000 }
}

/** `size` calls made at once, again and again: calls per second of the median burst. */
export async function timeBursts(seconds, size, once) {
  const burst = async () => {
    const before = performance.now()
    const calls = new Array(size)
    for (let index = 0; index < size; index++) calls[index] = once(index)
    await Promise.all(calls)
    return performance.now() - before
  }
  await burst()
  const samples = new Samples()
  const end = performance.now() + seconds * 1000
  do samples.push(await burst())
  while (performance.now() < end || samples.total < LEAST_SAMPLES)
  const summary = samples.summary()
  return { ...summary, perSecond: (size / summary.p50) * 1000 }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A wrong answer ends the cell: a fast peer that loses values has not done the work. */
export function expect(actual, wanted) {
  if (actual !== wanted) throw new Error(`wrong answer: ${actual} instead of ${wanted}`)
}
