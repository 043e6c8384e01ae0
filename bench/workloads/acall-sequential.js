import { expect, timeOneByOne } from '../frame/loops.js'

export default {
  name: 'acall-sequential',
  title: 'acall(), small arguments, one after the other',
  needs: ['acall'],
  cases: [
    { name: 'free', regime: 'free' },
    { name: 'apart', regime: 'apart' },
    { name: 'one-cpu', regime: 'one-cpu' },
    { name: 'busy', regime: 'busy' },
  ],
  figure: { metric: 'p50', unit: 'µs', better: 'lower' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-pipe'],
  floor: 'local',
  python: true,
  goals: ['worker-threads', 'fork-advanced'].flatMap((against) => [
    { case: 'apart', against, times: 30 },
    { case: 'free', against, times: 10 },
    { case: 'one-cpu', against, times: 1.2 },
    { case: 'busy', against, times: 1.2 },
  ]),
  async run({ seconds, start }) {
    const { acall } = await start()
    return timeOneByOne(seconds, async (index) => expect(await acall('add', index, 2), index + 2))
  },
}
