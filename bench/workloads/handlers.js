import { performance } from 'node:perf_hooks'
import { expect } from '../frame/loops.js'

export default {
  name: 'handlers',
  title: 'handlers of 5 ms, made at once, against the ideal time of their workers',
  needs: ['acall'],
  cases: [{ name: '400-on-2', regime: 'free', workers: 2, calls: 400, ms: 5 }],
  figure: { metric: 'ofIdeal', unit: 'of ideal', better: 'higher' },
  beside: { metric: 'elapsed', unit: 'ms' },
  variants: ['plump-ipc-pipe'],
  python: true,
  goals: [{ case: '400-on-2', atLeast: 0.97 }],
  async run({ start, case: { workers, calls, ms } }) {
    const { acall } = await start({ workers })
    await Promise.all(Array.from({ length: workers * 8 }, () => acall('burn', ms)))
    const before = performance.now()
    const answers = await Promise.all(Array.from({ length: calls }, () => acall('burn', ms)))
    const elapsed = performance.now() - before
    for (const answer of answers) expect(answer, ms)
    return { ofIdeal: (calls * ms) / workers / elapsed, elapsed }
  },
}
