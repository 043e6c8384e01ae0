import { performance } from 'node:perf_hooks'
import { expect } from '../frame/loops.js'
import { watchLoopDelay } from '../frame/loop-delay.js'
import { touch } from '../tasks.js'

const BUFFER_BYTES = 64 << 20

export default {
  name: 'loop-delay',
  title: 'event-loop delay of the host',
  needs: ['acall'],
  cases: [
    { name: 'handlers-5ms', regime: 'free', workers: 2, width: 8, load: 'burn' },
    { name: 'storm', regime: 'free', workers: 1, width: 64, load: 'add' },
    { name: 'buffers-64m', regime: 'free', workers: 1, width: 1, load: 'touch' },
  ],
  figure: { metric: 'p99', unit: 'ms', better: 'lower' },
  beside: { metric: 'perSecond', unit: 'calls/s' },
  variants: ['plump-ipc-pipe'],
  goals: ['handlers-5ms', 'storm', 'buffers-64m'].flatMap((name) =>
    ['worker-threads', 'fork-advanced'].map((against) => ({ case: name, against, times: 1 })),
  ),
  async run({ seconds, start, case: { workers, width, load } }) {
    // Handlers of 5 ms are long tasks: no peer is told to put several on one worker.
    const { acall } = await start({
      workers,
      inFlight: load === 'burn' ? 1 : width,
      ...(load === 'touch' ? { payloadBytes: BUFFER_BYTES } : {}),
    })
    const once = loadOf(load, acall)
    await once(0)
    const watch = watchLoopDelay()
    const started = performance.now()
    const end = started + seconds * 1000
    let calls = 0
    const chain = async () => {
      do await once(calls++)
      while (performance.now() < end)
    }
    await Promise.all(Array.from({ length: width }, chain))
    const elapsed = performance.now() - started
    return { ...watch.stop(), perSecond: (calls / elapsed) * 1000, calls }
  },
}

function loadOf(load, acall) {
  if (load === 'burn') return async () => expect(await acall('burn', 5), 5)
  if (load === 'add') return async (index) => expect(await acall('add', index, 2), index + 2)
  const payload = Buffer.alloc(BUFFER_BYTES, 3)
  const sum = touch(payload)
  return async () => expect(await acall('touch', payload), sum)
}
