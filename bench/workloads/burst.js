import { expect, timeBursts } from '../frame/loops.js'

export default {
  name: 'burst',
  title: 'acall(), small arguments, all made at once',
  needs: ['acall'],
  cases: [{ name: '10000', regime: 'free', size: 10_000 }],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'max', unit: 'ms' },
  variants: ['plump-ipc-pipe'],
  floor: 'local',
  python: true,
  goals: [
    { case: '10000', against: 'worker-threads', times: 5 },
    { case: '10000', against: 'fork-advanced', times: 20 },
    { case: '10000', against: 'best-peer', times: 3 },
    { case: '10000', peer: 'plump-ipc-pipe', against: 'best-process', times: 1 },
  ],
  async run({ seconds, start, case: { size } }) {
    const { acall } = await start({ inFlight: size })
    return timeBursts(seconds, size, async (index) =>
      expect(await acall('add', index, 2), index + 2),
    )
  },
}
