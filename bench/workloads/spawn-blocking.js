import { performance } from 'node:perf_hooks'
import { sleep } from '../frame/loops.js'
import { Samples } from '../frame/samples.js'

const MIB = 1 << 20
const LEAST_STARTS = 3
const MOST_STARTS = 8

export default {
  name: 'spawn-blocking',
  title: 'how long starting a worker blocks the host',
  needs: ['blocking-start'],
  cases: [
    { name: '50mb', regime: 'free', residentMiB: 50 },
    { name: '600mb', regime: 'free', residentMiB: 600 },
  ],
  figure: { metric: 'p50', unit: 'ms', better: 'lower' },
  beside: { metric: 'max', unit: 'ms' },
  variants: ['plump-ipc-pipe'],
  goals: ['50mb', '600mb'].map((name) => ({ case: name, atMost: 1 })),
  async run({ adapter, seconds, track, stop, case: { residentMiB } }) {
    // Touched page by page, so that it is really resident.
    const missing = residentMiB - process.memoryUsage().rss / MIB
    const ballast = missing > 0 ? Buffer.alloc(Math.ceil(missing) * MIB, 1) : undefined
    const samples = new Samples()
    const end = performance.now() + seconds * 1000
    let resident = 0
    do {
      const before = performance.now()
      const session = track(adapter.start())
      samples.push(performance.now() - before)
      resident = process.memoryUsage().rss / MIB
      if (session.acall) await session.acall('add', 1, 2)
      else session.call('add', 1, 2)
      await stop(session)
      await sleep(5)
    } while (
      !adapter.startsOnce &&
      samples.total < MOST_STARTS &&
      (samples.total < LEAST_STARTS || performance.now() < end)
    )
    return { ...samples.summary(), residentMiB: resident, ballast: ballast?.length ?? 0 }
  },
}
