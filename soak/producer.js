// A producer that makes calls ten times as fast as two workers can serve them: what waits stays within its limits, and so does
// the memory of this process.

import { setTimeout as sleep } from 'node:timers/promises'
import { spawn } from '../dist/index.js'
import { complainsTo } from './found.js'
import { residentNow, watchResident } from './resident.js'

const MIB = 1024 ** 2
/** Aimed at: 11. */
const TIMES = 10
const HANDLER_MS = 1
const WORKERS = 2
/** How many calls are made in one turn, when the machine has kept the producer waiting. */
const MOST_AT_ONCE = 300
const WARM_UP_SECONDS = 20
const WARM_UP_CALLS = 12_000

/** How a producer meets a full queue, and which of the two limits is to be reached. */
export const variants = {
  reject: { whenFull: 'reject', maxQueue: 4_000 },
  wait: { whenFull: 'wait', maxQueue: 1_000 },
  drained: { whenFull: 'reject', maxQueue: 100_000, holdsBack: true },
}

export async function producer({
  channel,
  variant,
  seconds,
  queueMib = 64,
  cold = false,
  random,
  violations,
  say,
}) {
  const maxQueueBytes = queueMib * MIB
  /** By what the process may be larger than before, beside `maxQueueBytes`. */
  const fifth = maxQueueBytes / 5
  const { holdsBack = false, ...limits } = variants[variant]
  const common = { channel, execArgv: [], workers: WORKERS, concurrency: 1 }
  const module = new URL('./workers/slow.js', import.meta.url)
  // The test's own memory: payloads that all calls share, one byte for each call.
  const payloads = Array.from({ length: 64 }, (_, i) =>
    Buffer.alloc(1024 + Math.floor(random() * 15 * 1024), i),
  )

  const small = spawn(module, { ...common, maxQueue: WARM_UP_CALLS })
  const servedPerSecond = await capacity(small, payloads, 3)
  const perSecond = servedPerSecond * TIMES * 1.1
  const most = Math.ceil(perSecond * (seconds + 5) * 3)
  const outcomes = new Uint8Array(most).fill(1).fill(0)
  // As many calls as later and as many that wait, of next to no bytes each: V8 makes its heap as large as the garbage of this
  // rate makes it. So what JavaScript has of the calls that wait is in the baseline: 1,000 bytes for each.
  if (!cold) {
    const nothing = payloads.map((_, i) => Buffer.alloc(1, i))
    await produce(small, {
      payloads: nothing,
      perSecond,
      seconds: WARM_UP_SECONDS,
      random,
      outcomes,
      most,
    })
  }
  await small.close()
  outcomes.fill(0)

  const pool = spawn(module, { ...common, ...limits, maxQueueBytes })
  await pool.ready()
  await Promise.all([
    pool.acall('serve', 0, payloads[0], 0),
    pool.acall('serve', 0, payloads[0], 0),
  ])
  await sleep(500)
  const baseline = residentNow()
  const heapBefore = process.memoryUsage().heapTotal
  const peakOf = watchResident()
  const made = await produce(pool, {
    payloads,
    perSecond,
    seconds,
    random,
    outcomes,
    most,
    holdsBack,
  })
  const { samples, peak, sampledPeak, kernelPeak } = peakOf()
  const heapGrown = process.memoryUsage().heapTotal - heapBefore
  const stats = pool.stats()
  await pool.close()

  const grown = peak - baseline
  const offered = made.calls / made.secondsOffering
  const served = made.doneInTime / made.seconds
  const figures = {
    seconds: round(made.seconds),
    servedAlonePerSecond: Math.round(servedPerSecond),
    offeredPerSecond: Math.round(offered),
    servedPerSecond: Math.round(served),
    timesFaster: round(offered / served),
    secondsHeldBack: round(made.seconds - made.secondsOffering),
    calls: made.calls,
    done: made.done,
    full: made.full,
    mostQueued: made.mostQueued,
    maxQueue: limits.maxQueue,
    mostQueuedMiB: round(made.mostQueuedBytes / MIB),
    maxQueueMiB: queueMib,
    baselineMiB: round(baseline / MIB),
    peakAboveBaselineMiB: round(grown / MIB),
    sampledPeakAboveBaselineMiB: round((sampledPeak - baseline) / MIB),
    kernelPeakAboveBaselineMiB:
      kernelPeak === undefined ? null : round((kernelPeak - baseline) / MIB),
    heapOfV8GrownMiB: round(heapGrown / MIB),
    allowedMiB: round((maxQueueBytes + fifth) / MIB),
    samples,
    waitedInWarmUp: cold ? 0 : WARM_UP_CALLS,
    heldByTheTestMiB: round(
      (outcomes.length + payloads.reduce((sum, b) => sum + b.length, 0)) / MIB,
    ),
  }
  say(JSON.stringify(figures))

  violations.push(...made.wrong)
  if (made.lost > 0) violations.push(`${made.lost} calls never settled`)
  if (made.ranUnanswered > 0)
    violations.push(`${made.ranUnanswered} handlers ran whose call was told otherwise`)
  if (stats.queued !== 0) violations.push(`${stats.queued} calls wait after the end`)
  if (grown > maxQueueBytes + fifth)
    violations.push(`memory grew by ${figures.peakAboveBaselineMiB} MiB`)
  if (made.mostQueuedBytes > maxQueueBytes) violations.push(`${made.mostQueuedBytes} bytes waited`)
  if (holdsBack && made.full > 0)
    violations.push(`${made.full} calls were refused though nothing said to hold back`)
  if (limits.whenFull === 'reject' && made.mostQueued > limits.maxQueue)
    violations.push(`${made.mostQueued} calls waited`)
  if (offered / served < TIMES)
    violations.push(`the producer was only ${figures.timesFaster} times faster: nothing is shown`)
  if (made.mostQueued < 0.9 * limits.maxQueue && made.mostQueuedBytes < 0.9 * maxQueueBytes)
    violations.push('no limit was reached: nothing is shown')
  return figures
}

/** Calls that the pool serves in a second when it always has some. */
async function capacity(pool, payloads, seconds) {
  await pool.ready()
  const end = performance.now() + seconds * 1000
  let done = 0
  const lane = async () => {
    while (performance.now() < end) {
      await pool.acall('serve', 0, payloads[done % payloads.length], HANDLER_MS)
      done++
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  return done / seconds
}

const WAITS = 0
const DONE = 1
const FULL = 2

async function produce(pool, { payloads, perSecond, seconds, random, outcomes, most, holdsBack }) {
  const counts = { calls: 0, done: 0, full: 0, lost: 0, mostQueued: 0, mostQueuedBytes: 0 }
  const wrong = []
  const complain = complainsTo(wrong)
  const servedBy = new Map()
  const settle = (id, outcome) => {
    if (outcomes[id] !== WAITS) complain(`call ${id} settled twice`)
    outcomes[id] = outcome
  }
  const onDone = ([id, length, last, pid, served]) => {
    const payload = payloads[id % payloads.length]
    if (length !== payload.length || last !== id % payloads.length)
      complain(`call ${id} got the answer of another one`)
    settle(id, DONE)
    counts.done++
    const by = servedBy.get(pid) ?? { answers: 0, least: served, most: 0 }
    servedBy.set(pid, by)
    by.answers++
    by.least = Math.min(by.least, served)
    by.most = Math.max(by.most, served)
  }
  const begun = performance.now()
  let heldBack = 0
  /** When what is due now was first due. */
  let from = begun
  let due = 0
  let second = { from: begun, done: 0 }
  while (performance.now() < begun + seconds * 1000) {
    if (performance.now() > second.from + 1_000) {
      // What workers can serve changes with what else the machine does.
      const served = ((counts.done - second.done) * 1_000) / (performance.now() - second.from)
      perSecond = Math.max(perSecond, served * TIMES * 1.1)
      second = { from: performance.now(), done: counts.done }
    }
    due += ((performance.now() - from) / 1000) * perSecond
    from = performance.now()
    // What is refused is garbage only when its promise has been looked at, in the next turn: never the calls of seconds at once.
    due = Math.min(due, MOST_AT_ONCE)
    for (; due >= 1 && counts.calls < most; due--) {
      if (holdsBack && pool.needsDrain) break
      const id = counts.calls++
      pool.acall('serve', id, payloads[id % payloads.length], HANDLER_MS).then(onDone, (error) => {
        if (error.code !== 'ERR_PLUMP_QUEUE_FULL') complain(`call ${id}: ${error.code} ${error}`)
        settle(id, FULL)
        counts.full++
      })
    }
    const { queued, queuedBytes } = pool.stats()
    counts.mostQueued = Math.max(counts.mostQueued, queued)
    counts.mostQueuedBytes = Math.max(counts.mostQueuedBytes, queuedBytes)
    if (holdsBack && pool.needsDrain) {
      const since = performance.now()
      await pool.drained()
      heldBack += performance.now() - since
      from = performance.now()
      due = 0
    }
    await sleep(random() < 0.5 ? 1 : 2)
  }
  const took = performance.now() - begun
  const doneInTime = counts.done
  const end = performance.now() + 120_000
  while (counts.done + counts.full < counts.calls && performance.now() < end) await sleep(10)
  const ran = [...servedBy.values()].reduce((sum, { least, most }) => sum + most - least + 1, 0)
  return {
    ...counts,
    wrong,
    seconds: took / 1000,
    secondsOffering: (took - heldBack) / 1000,
    lost: outcomes.subarray(0, counts.calls).filter((outcome) => outcome === WAITS).length,
    ranUnanswered: ran - counts.done,
    doneInTime,
  }
}

function round(value) {
  return Math.round(value * 100) / 100
}
