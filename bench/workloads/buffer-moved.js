import { expect, timeOneByOne } from '../frame/loops.js'

const MIB = 1 << 20

export default {
  name: 'buffer-moved',
  title: 'a buffer given away to the worker (allocate(), transfer), pages already touched',
  needs: ['move'],
  cases: [
    { name: '1m', regime: 'free', bytes: MIB, task: 'ends' },
    { name: '64m', regime: 'free', bytes: 64 * MIB, task: 'ends' },
    { name: '64m-read', regime: 'free', bytes: 64 * MIB, task: 'touch' },
  ],
  figure: { metric: 'p50', unit: 'µs', better: 'lower' },
  beside: { metric: 'p99', unit: 'µs' },
  goals: [
    { case: '64m', against: 'worker-threads', times: 1 },
    // Independent of the size: 64 MiB at most twice what 1 MiB takes.
    { case: '64m', against: 'plump-ipc', againstCase: '1m', times: 0.5 },
  ],
  async run({ seconds, start, case: { bytes, task } }) {
    const session = await start()
    if (session.move === undefined) return { notOffered: 'a buffer that is given away' }
    const wanted = task === 'ends' ? 7 + 9 : 7 * (bytes / 4096)
    // A buffer is gone once it was given away: each call gets a fresh one, made and filled
    // outside of the time.
    const prepare = () => {
      const movable = session.move(bytes)
      movable.bytes.fill(7)
      if (task === 'ends') movable.bytes[bytes - 1] = 9
      return movable
    }
    return timeOneByOne(
      seconds,
      async (_index, movable) => expect(await movable.acall(task), wanted),
      prepare,
    )
  },
}
