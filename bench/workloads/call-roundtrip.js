import { expect, timeBlocking } from '../frame/loops.js'

export default {
  name: 'call-roundtrip',
  title: 'call(), small arguments, one after the other',
  needs: ['call'],
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
  goals: [
    { case: 'apart', against: 'atomics-wait', times: 30 },
    { case: 'free', against: 'atomics-wait', times: 8 },
    { case: 'one-cpu', against: 'atomics-wait', times: 1 },
    { case: 'busy', against: 'atomics-wait', times: 1 },
    { case: 'apart', against: 'synckit', times: 40 },
    { case: 'free', against: 'synckit', times: 10 },
    { case: 'one-cpu', against: 'synckit', times: 2 },
    { case: 'busy', against: 'synckit', times: 2 },
  ],
  async run({ seconds, start }) {
    const { call } = await start()
    return timeBlocking(seconds, (index) => expect(call('add', index, 2), index + 2))
  },
}
