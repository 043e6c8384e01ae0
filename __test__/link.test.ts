import test, { type ExecutionContext } from 'ava'
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { plumpBus, PlumpIPC, type PlumpLink, PlumpWorkerError } from '../src/index.js'
import { fixture, options } from './start.js'

function startOwn(t: ExecutionContext, link: PlumpLink, name = 'linked.mjs'): ChildProcess {
  t.timeout(60_000)
  const child = spawn(process.execPath, [fileURLToPath(fixture(name))], {
    stdio: link.stdio,
    env: link.env,
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function host(t: ExecutionContext, more = {}): PlumpIPC {
  const plump = new PlumpIPC(options(more))
  t.teardown(() => plump.close({ graceMs: 0 }))
  return plump
}

test.serial('a process that the program starts itself serves calls and the bus', async (t) => {
  const plump = host(t)
  const link = plump.createLink()
  startOwn(t, link)
  link.handed()
  link.handed()
  t.is(await plump.acall('add', 1, 2), 3)
  t.is(plump.call('add', 3, 4), 7)
  t.is(await plump.acall('isWorker'), true)
  const heard = new Promise((resolve) => plumpBus.setupAsyncListener(resolve).unref())
  await plump.acall('say', 'hello')
  t.is(await heard, 'hello')
})

test.serial('several own processes share the calls of one instance', async (t) => {
  const plump = host(t)
  for (let i = 0; i < 2; i++) {
    const link = plump.createLink()
    startOwn(t, link)
    link.handed()
  }
  await plump.ready()
  t.is(await plump.acall('add', 1, 2), 3)
  t.is(plump.stats().workers.length, 2)
})

test.serial('its end is noticed without being its parent', async (t) => {
  const plump = host(t)
  const link = plump.createLink()
  startOwn(t, link)
  link.handed()
  await plump.ready()
  await t.throwsAsync(plump.acall('exit', 0), { instanceOf: PlumpWorkerError })
})

test.serial('a process that dies before it says hello rejects what waits for it', async (t) => {
  const plump = host(t)
  const link = plump.createLink()
  const call = plump.acall('add', 1, 2)
  startOwn(t, link, 'exits-while-loading.mjs')
  link.handed()
  await t.throwsAsync(call)
})

test.serial('close ends own processes that serve', async (t) => {
  const plump = host(t)
  const link = plump.createLink()
  const child = startOwn(t, link)
  link.handed()
  await plump.ready()
  const exit = new Promise((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  )
  await plump.close()
  t.deepEqual(await exit, { code: 0, signal: null })
})
