import { expect, timeOneByOne } from '../frame/loops.js'
import { touch } from '../tasks.js'

const MIB = 1 << 20

export default {
  name: 'buffer-to-worker',
  title: 'a buffer to the worker, every page read there',
  needs: ['acall', 'call', 'copy'],
  cases: [
    { name: '1m', regime: 'free', bytes: MIB },
    { name: '64m', regime: 'free', bytes: 64 * MIB },
  ],
  figure: { metric: 'p50', unit: 'µs', better: 'lower' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  floor: 'memcpy',
  python: true,
  goals: [
    { case: '64m', against: 'worker-threads', times: 8 },
    { case: '64m', against: 'fork-advanced', times: 20 },
    { case: '64m', against: 'memcpy', times: 0.7 },
    { case: '1m', against: 'best-peer', times: 1 },
  ],
  async run({ seconds, start, case: { bytes } }) {
    const { acall, call } = await start({ payloadBytes: bytes })
    const payload = Buffer.alloc(bytes, 1)
    const invoke = acall ?? call
    const others = touch(payload) - payload[0]
    return timeOneByOne(
      seconds,
      async (index) => {
        expect(await invoke('touch', payload), others + (index % 256))
      },
      countInFirstByte(payload),
    )
  },
}

/** Changes the payload before every call, so that each answer belongs to its own delivery. */
function countInFirstByte(payload) {
  let index = 0
  return () => {
    payload[0] = index++ % 256
  }
}
