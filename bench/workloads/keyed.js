import { expect, timeInFlight } from '../frame/loops.js'

const KEYS = Array.from({ length: 16 }, (_unused, index) => `user-${index}`)
const IN_FLIGHT = 64
const WORKERS = 2

export default {
  name: 'keyed',
  title: `calls of ${KEYS.length} keys, ${IN_FLIGHT} in flight: of each key one at a time, in order, on one worker`,
  needs: ['keys'],
  // `plain` handlers return at once. `overlapping` ones wait for a turn of the event loop between reading and writing,
  // as handlers with I/O do: there the order of arrival alone keeps two calls of a key apart no more.
  cases: [
    { name: 'plain', regime: 'free', task: 'count' },
    { name: 'overlapping', regime: 'free', task: 'countLater' },
  ],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs', better: 'lower' },
  variants: ['plump-ipc-pipe'],
  goals: ['plain', 'overlapping'].flatMap((name) => [
    { case: name, against: 'best-pool', times: 1 },
    { case: name, against: 'best-pool', times: 1, beside: true },
  ]),
  async run({ seconds, start, case: { name, task } }) {
    const { keyed } = await start({ workers: WORKERS, inFlight: IN_FLIGHT, keys: name })
    if (keyed === undefined) return { notOffered: 'calls by key' }
    const made = new Map(KEYS.map((key) => [key, 0]))
    // Each worker counts the calls of a key. The count is the number of this call only if all calls before it were
    // run before it, on the same worker, and none at the same time.
    return timeInFlight(seconds, IN_FLIGHT, async (index) => {
      const key = KEYS[index % KEYS.length]
      const number = made.get(key) + 1
      made.set(key, number)
      expect(await keyed(key, task, key), number)
    })
  },
}
