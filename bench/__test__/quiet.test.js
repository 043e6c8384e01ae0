import test from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { summariseQuiet, watchOthers } from '../frame/quiet.js'

const BUSY = 'const end = Date.now() + 400; process.stdout.write("."); while (Date.now() < end);'

test('a busy process is another one, unless it belongs to the measured group', async (t) => {
  const endForeign = watchOthers()
  const endOwn = watchOthers()
  const child = spawn(process.execPath, ['-e', BUSY], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const foreign = endForeign(undefined)
  const own = endOwn(child.pid)
  await once(child, 'exit')
  if (process.platform !== 'linux') {
    t.is(foreign, undefined, 'nothing can be read there, and nothing is said')
    return
  }
  t.true(
    foreign.othersPercent - own.othersPercent > 10,
    `${foreign.othersPercent} against ${own.othersPercent}`,
  )
})

test('a run is quiet when hardly a measurement was disturbed', (t) => {
  const calm = { ms: 1000, othersPercent: 1, busyPercent: 150, stealPercent: 0 }
  const disturbed = { ms: 1000, othersPercent: 90, busyPercent: 200, stealPercent: 0 }
  const look = { loadAverage: [0, 0, 0] }
  const run = (bad) =>
    summariseQuiet(look, look, [
      ...Array.from({ length: 100 - bad }, () => calm),
      ...Array.from({ length: bad }, () => disturbed),
    ])
  t.true(run(5).quiet)
  t.false(run(6).quiet)
  t.is(run(10).othersPercent, 9.9)
  t.is(run(10).mostOthersPercent, 90)
  t.is(summariseQuiet(look, look, [undefined]), undefined)
})
