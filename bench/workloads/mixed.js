import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { expect, sleep } from '../frame/loops.js'
import { Samples } from '../frame/samples.js'
import { spin } from '../tasks.js'

const WORKERS = 2
const SHORT_US = 10
const LONG_US = 100_000
const SHORTS = 10_000
/** A long call is made with every so many short ones: ten of them, never two at a time if they start at once. */
const SHORTS_PER_LONG = 1000
const SHORTS_PER_MS = 6
const WARM_UP_SHORTS = 3000

export default {
  name: 'mixed',
  title:
    'short calls (10 µs) on 2 workers, and ten long ones (100 ms) among ten thousand: the short',
  needs: ['pool'],
  cases: [
    { name: 'short-alone', regime: 'free', long: false },
    { name: 'with-long', regime: 'free', long: 'calls' },
    // What the long ones cost the short by taking a CPU, and no more: they run in a process that is none of the pool's.
    { name: 'beside-long', regime: 'free', long: 'elsewhere' },
  ],
  figure: { metric: 'p99', unit: 'µs', better: 'lower' },
  beside: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  variants: ['plump-ipc-pipe'],
  goals: ['short-alone', 'with-long'].flatMap((name) => [
    { case: name, against: 'best-pool', times: 1 },
    // The rate is given; who keeps up with it is ahead of nobody, and behind nobody.
    { case: name, against: 'best-pool', times: 0.98, beside: true },
  ]),
  async run({ start, case: { long } }) {
    const other = long === 'elsewhere' ? await startOther() : undefined
    try {
      // Where some tasks are long, no peer is told to put several on one worker.
      const { acall } = await start({ workers: WORKERS })
      await makeCalls(acall, WARM_UP_SHORTS, undefined)
      const runLong = long === 'calls' ? () => acall('spin', LONG_US) : other?.spin
      return await makeCalls(acall, SHORTS, runLong)
    } finally {
      other?.end()
    }
  },
}

/**
 * Makes calls at a given rate, however long they take, as requests come to a server: those that wait behind a long one
 * do not keep others from being made, so all that a long call holds up is counted. Short calls are made in
 * groups, as often as a timer of 1 ms fires.
 */
async function makeCalls(acall, shorts, runLong) {
  const shortAnswer = spin(SHORT_US)
  const longAnswer = spin(LONG_US)
  const latencies = new Samples()
  const lateness = new Samples()
  const longs = new Samples()
  const answers = []
  const call = async (make, answer, samples) => {
    const before = performance.now()
    const value = await make()
    samples.push((performance.now() - before) * 1000)
    expect(value, answer)
  }
  const runShort = () => acall('spin', SHORT_US)
  const begun = performance.now()
  for (let made = 0; made < shorts;) {
    const now = performance.now() - begun
    const due = Math.min(shorts, Math.floor(now * SHORTS_PER_MS))
    if (made < due) lateness.push((now - made / SHORTS_PER_MS) * 1000)
    for (; made < due; made++) {
      if (runLong && made % SHORTS_PER_LONG === SHORTS_PER_LONG / 2) {
        answers.push(call(runLong, longAnswer, longs))
      }
      answers.push(call(runShort, shortAnswer, latencies))
    }
    await sleep(1)
  }
  await Promise.all(answers)
  const elapsed = performance.now() - begun
  return {
    ...latencies.summary(),
    perSecond: (answers.length / elapsed) * 1000,
    // How late the host made its calls: what a peer does to the host's own event loop.
    lateP99: lateness.summary().p99,
    longP50: runLong ? longs.summary().p50 : undefined,
  }
}

/** A process that the peers know nothing of. */
async function startOther() {
  const child = fork(join(import.meta.dirname, '../workers/other.js'))
  const spin = async () => {
    child.send(LONG_US)
    const [answer] = await once(child, 'message')
    return answer
  }
  await spin()
  return { spin, end: () => child.kill() }
}
