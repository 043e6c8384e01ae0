import { performance } from 'node:perf_hooks'
import { expect, sleep } from '../frame/loops.js'
import { Samples } from '../frame/samples.js'

const LEAST_CALLS = 5

export default {
  name: 'cold-calls',
  title: 'acall() after a pause',
  needs: ['acall'],
  cases: [
    { name: '1ms', regime: 'free', pauseMs: 1 },
    { name: '10ms', regime: 'free', pauseMs: 10 },
    { name: '100ms', regime: 'free', pauseMs: 100 },
  ],
  figure: { metric: 'p50', unit: 'µs', better: 'lower' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  python: true,
  // Not above worker_threads by more than a fifth.
  goals: ['1ms', '10ms', '100ms'].map((name) => ({
    case: name,
    against: 'worker-threads',
    times: 1 / 1.2,
  })),
  async run({ seconds, start, case: { pauseMs } }) {
    const { acall } = await start()
    for (let index = 0; index < 200; index++) expect(await acall('add', index, 2), index + 2)
    const samples = new Samples()
    const end = performance.now() + seconds * 1000
    let index = 0
    while (performance.now() < end || index < LEAST_CALLS) {
      await sleep(pauseMs)
      const before = performance.now()
      const sum = await acall('add', index, 2)
      samples.push((performance.now() - before) * 1000)
      expect(sum, index++ + 2)
    }
    return samples.summary()
  },
}
