import { expect, timeInFlight } from '../frame/loops.js'
import { smallObject } from '../payloads.js'

export default {
  name: 'small-objects',
  title: 'acall(), echo of { id, name, tags, ok }',
  needs: ['acall'],
  cases: [{ name: '64', regime: 'free', width: 64 }],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  floor: 'local',
  python: true,
  goals: [
    { case: '64', against: 'worker-threads', times: 6 },
    { case: '64', against: 'fork-advanced', times: 20 },
    { case: '64', peer: 'plump-ipc-pipe', against: 'best-process', times: 1 },
  ],
  async run({ seconds, start, case: { width } }) {
    const { acall } = await start({ inFlight: width })
    return timeInFlight(seconds, width, async (index) => {
      const answer = await acall('echo', smallObject(index))
      expect(answer.id, index)
      expect(answer.tags[1], 'sale')
    })
  },
}
