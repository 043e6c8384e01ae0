import { expect, timeInFlight } from '../frame/loops.js'
import { spin } from '../tasks.js'

const SPIN_US = 20
const IN_FLIGHT = 64

export default {
  name: 'pool-width',
  title: `calls of ${SPIN_US} µs of CPU, ${IN_FLIGHT} in flight, over 1, 2 and 8 workers`,
  needs: ['pool'],
  cases: [1, 2, 8].map((workers) => ({ name: String(workers), regime: 'free', workers })),
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs', better: 'lower' },
  variants: ['plump-ipc-pipe'],
  goals: ['1', '2', '8'].flatMap((name) => [
    { case: name, against: 'best-pool', times: 1 },
    { case: name, against: 'best-pool', times: 1, beside: true },
  ]),
  async run({ seconds, start, case: { workers } }) {
    const { acall } = await start({ workers, inFlight: IN_FLIGHT })
    const answer = spin(SPIN_US)
    return timeInFlight(seconds, IN_FLIGHT, async () =>
      expect(await acall('spin', SPIN_US), answer),
    )
  },
}
