import { performance } from 'node:perf_hooks'
import { everyWorkerAnswers } from '../frame/every-worker.js'
import { expect } from '../frame/loops.js'
import { median, Samples } from '../frame/samples.js'
import { spin } from '../tasks.js'

const WORKERS = 2
const CALLS = 1000
const HANDLER_US = 1000
const LEAST_STORMS = 3

export default {
  name: 'cancel-storm',
  title: '1,000 calls of 1 ms on 2 workers, nine in ten cancelled at once: the others',
  needs: ['cancel'],
  // Peers end a worker to cancel what it runs. `waiting` keeps the first calls, which are the ones that can have begun;
  // `begun` cancels those, too.
  cases: [
    { name: 'waiting', regime: 'free', kept: (index) => index < WORKERS || isOneInTen(index + 1) },
    { name: 'begun', regime: 'free', kept: isOneInTen },
  ],
  figure: { metric: 'usefulPerSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'ms', better: 'lower' },
  variants: ['plump-ipc-pipe'],
  goals: ['waiting', 'begun'].flatMap((name) => [
    { case: name, against: 'best-pool', times: 1 },
    { case: name, against: 'best-pool', times: 1, beside: true },
  ]),
  async run({ seconds, start, case: { kept } }) {
    const session = await start({ workers: WORKERS, cancels: true })
    if (session.cancellable === undefined) return { notOffered: 'cancelling a call' }
    await Promise.all(Array.from({ length: 200 }, () => session.acall('spin', HANDLER_US)))
    const answer = spin(HANDLER_US)
    const latencies = new Samples()
    const rates = []
    const end = performance.now() + seconds * 1000
    let answeredAnyway = 0
    do {
      // A peer that has ended workers gets the time to replace them, outside of what is measured.
      await everyWorkerAnswers(session, WORKERS)
      const storm = await makeStorm(session, kept, answer, latencies)
      rates.push((storm.useful / storm.elapsed) * 1000)
      answeredAnyway += storm.answeredAnyway
    } while (performance.now() < end || rates.length < LEAST_STORMS)
    return {
      ...latencies.summary(),
      usefulPerSecond: median(rates),
      storms: rates.length,
      answeredAnywayPerStorm: answeredAnyway / rates.length,
    }
  },
}

function isOneInTen(index) {
  return index % 10 === 9
}

async function makeStorm({ cancellable }, isKept, answer, latencies) {
  const begun = performance.now()
  let last = begun
  const use = async (call, before) => {
    let value
    try {
      value = await call.answer
    } catch (error) {
      throw new Error(`a call that nobody cancelled failed: ${error.message}`, { cause: error })
    }
    expect(value, answer)
    last = performance.now()
    latencies.push(last - before)
  }
  // Who had begun may answer all the same; that is no error, and is counted.
  const drop = async (call) => {
    let value
    try {
      value = await call.answer
    } catch {
      return 0
    }
    expect(value, answer)
    return 1
  }
  const useful = []
  const dropped = []
  const toCancel = []
  for (let index = 0; index < CALLS; index++) {
    const before = performance.now()
    const call = cancellable('spin', HANDLER_US)
    if (isKept(index)) {
      useful.push(use(call, before))
    } else {
      toCancel.push(call)
      dropped.push(drop(call))
    }
  }
  for (const call of toCancel) call.cancel()
  await Promise.all(useful)
  const elapsed = last - begun
  const answered = await Promise.all(dropped)
  return {
    useful: useful.length,
    elapsed,
    answeredAnyway: answered.reduce((sum, one) => sum + one, 0),
  }
}
