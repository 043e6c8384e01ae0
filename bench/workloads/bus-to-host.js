import { performance } from 'node:perf_hooks'
import { sleep } from '../frame/loops.js'

export default {
  name: 'bus-to-host',
  title: 'bus, small events, one worker to the host',
  needs: ['listen'],
  cases: [{ name: '1', regime: 'free' }],
  figure: { metric: 'perSecond', unit: 'events/s', better: 'higher' },
  beside: { metric: 'deliveredPercent', unit: '%' },
  variants: ['plump-ipc-pipe'],
  python: true,
  goals: [
    { case: '1', against: 'worker-threads', times: 2 },
    { case: '1', against: 'fork-advanced', times: 5 },
  ],
  async run({ seconds, start }) {
    const session = await start({ bus: true })
    await sleep(200)
    let count = 0
    let first = 0
    let latest = 0
    let last = -1
    let disorder = 0
    let ended = () => {}
    session.listen((event) => {
      if (event.kind === 'end') return ended()
      if (event.sequence <= last) disorder++
      last = event.sequence
      // The clock is read once in 16 events: it must not be what is measured.
      if (count === 0) first = performance.now()
      if ((count++ & 15) === 0) latest = performance.now()
    })
    const round = async (ms) => {
      count = 0
      last = -1
      const end = new Promise((resolve) => (ended = resolve))
      const published = await session.acall('publishFor', ms)
      await end
      return published
    }
    await round(seconds * 200)
    const published = await round(seconds * 1000)
    if (disorder > 0) throw new Error(`${disorder} events out of order`)
    return {
      perSecond: (count / (latest - first)) * 1000,
      deliveredPercent: (count / published) * 100,
      published,
      delivered: count,
    }
  },
}
