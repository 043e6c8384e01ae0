import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { event } from '../events.js'
import { sleep } from '../frame/loops.js'

const CHUNK = 64
/** What the slowest path needs to set up its subscriptions. */
const SUBSCRIBE_MS = 500

export default {
  name: 'bus-to-workers',
  title: 'bus, small events, the host to each of its workers',
  needs: ['publish'],
  cases: [{ name: '4', regime: 'free', workers: 4 }],
  figure: { metric: 'perSecond', unit: 'events/s', better: 'higher' },
  beside: { metric: 'deliveredPercent', unit: '%' },
  variants: ['plump-ipc-pipe'],
  goals: [
    { case: '4', against: 'worker-threads', times: 2 },
    { case: '4', against: 'fork-advanced', times: 5 },
  ],
  async run({ seconds, start, case: { workers } }) {
    const session = await start({ bus: true, workers })
    await sleep(SUBSCRIBE_MS)
    let sequence = 0
    const round = async (ms) => {
      const before = sequence
      const end = performance.now() + ms
      while (performance.now() < end) {
        for (let index = 0; index < CHUNK; index++) {
          const taken = session.publish(event(sequence++))
          if (taken) await taken
        }
        await nextTurn()
      }
      await session.publish({ kind: 'end' })
      // ZeroMQ's events and calls are different sockets: let the events arrive first.
      await sleep(SUBSCRIBE_MS)
      return { published: sequence - before, reports: await session.reports() }
    }
    await round(seconds * 200)
    const { published, reports } = await round(seconds * 1000)
    if (reports.length !== workers) throw new Error(`${reports.length} reports of ${workers}`)
    if (reports.some(({ disorder }) => disorder > 0)) throw new Error('events out of order')
    // The slowest worker counts: a broadcast has arrived when everybody has it.
    const perSecond = Math.min(...reports.map(({ count, ms }) => (count / ms) * 1000))
    const least = Math.min(...reports.map(({ count }) => count))
    return { perSecond, deliveredPercent: (least / published) * 100, published, reports }
  },
}
