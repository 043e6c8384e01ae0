import { expect, timeInFlight } from '../frame/loops.js'

export default {
  name: 'acall-in-flight',
  title: 'acall(), small arguments, many in flight',
  needs: ['acall'],
  cases: [{ name: '64', regime: 'free', width: 64 }],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  floor: 'local',
  python: true,
  goals: [
    { case: '64', against: 'worker-threads', times: 5 },
    { case: '64', against: 'fork-advanced', times: 20 },
    { case: '64', against: 'best-peer', times: 3 },
    { case: '64', peer: 'plump-ipc-pipe', against: 'best-process', times: 1 },
  ],
  async run({ seconds, start, case: { width } }) {
    const { acall } = await start({ inFlight: width })
    return timeInFlight(seconds, width, async (index) =>
      expect(await acall('add', index, 2), index + 2),
    )
  },
}
