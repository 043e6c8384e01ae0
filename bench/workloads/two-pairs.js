import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, timeBlocking, timeOneByOne } from '../frame/loops.js'

const PAIR = fileURLToPath(new URL('../frame/pair.js', import.meta.url))

export default {
  name: 'two-pairs',
  title: 'two pairs of host and worker at once, calls of both together',
  needs: ['call', 'acall'],
  cases: [
    { name: 'acall', regime: 'free', way: 'acall' },
    { name: 'call', regime: 'free', way: 'call' },
  ],
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs' },
  variants: ['plump-ipc-spin50', 'plump-ipc-spin0'],
  goals: [
    { case: 'acall', peer: 'plump-ipc-spin50', against: 'plump-ipc-spin0', times: 0.8 },
    { case: 'call', peer: 'plump-ipc-spin50', against: 'plump-ipc-spin0', times: 0.8 },
  ],
  async run({ peer, seconds, start, case: { way } }) {
    if (!peer.offers.includes(way)) return { notOffered: way }
    const session = await start()
    const other = spawn(
      process.execPath,
      [PAIR, JSON.stringify({ peer: peer.name, way, seconds })],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    let text = ''
    let heard = () => {}
    other.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      heard()
    })
    const gone = new Promise((resolve) => other.once('exit', resolve))
    const lines = async (count) => {
      while (text.split('\n').length <= count) {
        const ended = await Promise.race([
          gone.then(() => true),
          new Promise((resolve) => (heard = resolve)),
        ])
        if (ended && text.split('\n').length <= count) throw new Error('the second pair ended')
      }
    }
    await lines(1)
    other.stdin.end('go\n')
    const own = await measurePair(session, way, seconds)
    await lines(2)
    await gone
    const others = JSON.parse(text.split('\n')[1])
    return {
      perSecond: own.perSecond + others.perSecond,
      pairs: [own.perSecond, others.perSecond],
      p99: Math.max(own.p99, others.p99),
    }
  },
}

export async function measurePair(session, way, seconds) {
  if (way === 'call') {
    return timeBlocking(seconds, (index) => expect(session.call('add', index, 2), index + 2))
  }
  return timeOneByOne(seconds, async (index) =>
    expect(await session.acall('add', index, 2), index + 2),
  )
}
