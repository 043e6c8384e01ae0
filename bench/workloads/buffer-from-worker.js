import { expect, timeOneByOne } from '../frame/loops.js'
import { bytesOf, touch } from '../tasks.js'

const MIB = 1 << 20

export default {
  name: 'buffer-from-worker',
  title: 'a buffer from the worker, every page read in the host',
  needs: ['acall', 'call'],
  cases: [
    { name: '1m', regime: 'free', bytes: MIB },
    { name: '64m', regime: 'free', bytes: 64 * MIB },
  ],
  figure: { metric: 'p50', unit: 'µs', better: 'lower' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe', 'plump-ipc-trusted'],
  python: true,
  goals: [
    { case: '64m', against: 'worker-threads', times: 4 },
    { case: '64m', against: 'fork-advanced', times: 10 },
    { case: '64m', peer: 'plump-ipc-trusted', against: 'worker-threads', times: 8 },
    { case: '64m', peer: 'plump-ipc-trusted', against: 'fork-advanced', times: 20 },
  ],
  async run({ seconds, start, case: { bytes } }) {
    const { acall, call } = await start({ payloadBytes: bytes })
    const invoke = acall ?? call
    let others
    return timeOneByOne(seconds, async (index) => {
      const received = bytesOf(await invoke('give', bytes, index))
      expect(received.length, bytes)
      expect(received[0], index % 256)
      const sum = touch(received) - received[0]
      others ??= sum
      expect(sum, others)
    })
  },
}
