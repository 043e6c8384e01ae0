import { expect, timeInFlight } from '../frame/loops.js'
import { nestedObject } from '../payloads.js'

export default {
  name: 'nested-objects',
  title: 'acall(), echo of a nested object of 10 KB',
  needs: ['acall'],
  cases: [
    { name: '1', regime: 'free', width: 1 },
    { name: '16', regime: 'free', width: 16 },
  ],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  python: true,
  goals: [
    { case: '1', against: 'worker-threads', times: 1.5 },
    { case: '1', against: 'fork-advanced', times: 2 },
    { case: '16', against: 'worker-threads', times: 2.5 },
    { case: '16', against: 'fork-advanced', times: 4 },
  ],
  async run({ seconds, seed, start, case: { width } }) {
    const { acall } = await start({ inFlight: width })
    const objects = Array.from({ length: 16 }, (_unused, index) => nestedObject(seed + index))
    return timeInFlight(seconds, width, async (index) => {
      const sent = objects[index % objects.length]
      const answer = await acall('echo', sent)
      expect(answer.seed, sent.seed)
      expect(answer.orders.length, sent.orders.length)
      expect(answer.orders[39].lines[1].price, sent.orders[39].lines[1].price)
    })
  },
}
