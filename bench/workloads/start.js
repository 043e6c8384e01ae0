import { performance } from 'node:perf_hooks'
import { expect } from '../frame/loops.js'
import { Samples } from '../frame/samples.js'

const LEAST_STARTS = 3
const MOST_STARTS = 8

export default {
  name: 'start',
  title: 'start to the first answer of a new worker',
  needs: ['acall', 'call'],
  cases: [{ name: 'first-answer', regime: 'free' }],
  figure: { metric: 'p50', unit: 'ms', better: 'lower' },
  beside: { metric: 'max', unit: 'ms' },
  variants: ['plump-ipc-pipe'],
  python: true,
  // At most 1.15 times fork's.
  goals: ['fork-json', 'fork-advanced'].map((against) => ({
    case: 'first-answer',
    against,
    times: 1 / 1.15,
  })),
  async run({ adapter, seconds, track, stop }) {
    const samples = new Samples()
    const end = performance.now() + seconds * 1000
    do {
      const before = performance.now()
      const session = track(adapter.start())
      if (session.acall === undefined) {
        expect(session.call('add', 1, 2), 3)
      } else {
        // A socket that is not there yet cannot take a call; the others queue it themselves.
        if (session.connectsLater) await session.ready
        expect(await session.acall('add', 1, 2), 3)
      }
      samples.push(performance.now() - before)
      await stop(session)
    } while (
      !adapter.startsOnce &&
      samples.total < MOST_STARTS &&
      (samples.total < LEAST_STARTS || performance.now() < end)
    )
    return samples.summary()
  },
}
