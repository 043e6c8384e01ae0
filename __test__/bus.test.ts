import test, { type ExecutionContext } from 'ava'
import { plumpBus, PlumpIPC, PlumpQueue, type QueueOptions } from '../src/index.js'
import { run, start, until } from './start.js'

/** A queue that is closed when the test ends. */
function queue(t: ExecutionContext, options?: QueueOptions): PlumpQueue {
  const made = new PlumpQueue(options)
  t.teardown(() => made.close())
  return made
}

test.serial('what a worker broadcasts reaches the host, in order', async (t) => {
  const bus = start(t, 'bus.mjs')
  await bus.ready()
  const heard: unknown[] = []
  const listener = plumpBus.setupAsyncListener((event) => heard.push(event))
  t.teardown(() => listener.close())
  const numbers = Array.from({ length: 500 }, (_, i) => i)
  await bus.acall('say', ...numbers)
  t.true(await until(() => heard.length === numbers.length))
  t.deepEqual(heard, numbers)
})

test.serial('what the host broadcasts reaches every worker, and not the host itself', async (t) => {
  const workers = [start(t, 'bus.mjs'), start(t, 'bus.mjs')]
  for (const worker of workers) await worker.acall('listen')
  const own: unknown[] = []
  using listener = plumpBus.setupAsyncListener((event) => own.push(event))
  plumpBus.broadcast({ from: 'host', at: new Date(0) })
  for (const worker of workers) {
    const heard: unknown[] = []
    t.true(
      await until(() => {
        heard.push(...(worker.call('hear') as unknown[]))
        return heard.length > 0
      }),
    )
    t.deepEqual(heard, [{ from: 'host', at: new Date(0) }])
  }
  t.deepEqual(own, [])
  listener.unref()
})

test.serial('what one worker broadcasts reaches the others, also of other instances', async (t) => {
  const [a, b] = [start(t, 'bus.mjs'), start(t, 'bus.mjs')]
  await a.acall('listen')
  await b.acall('listen')
  await a.acall('say', 'from a')
  const heard: unknown[] = []
  t.true(
    await until(() => {
      heard.push(...(b.call('hear') as unknown[]))
      return heard.length > 0
    }),
  )
  t.deepEqual(heard, ['from a'])
  t.deepEqual(a.call('hear'), [])
})

test.serial(
  "events flow between workers while the host's JavaScript is in while (true) for 5 s",
  async (t) => {
    const [a, b] = [start(t, 'bus.mjs'), start(t, 'bus.mjs')]
    await a.ready()
    await b.acall('listen')
    const said = a.acall('sayFor', 4_000, 'a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const blockedFrom = Date.now()
    while (Date.now() < blockedFrom + 5_000);
    const heard = b.call('hear') as { count: number; at: number }[]
    // Read at once after the block: what is here has come while the host was deaf.
    t.is(heard.length, heard.at(-1)!.count + 1 - heard[0]!.count)
    t.true(heard.length > 100, `${heard.length} events`)
    t.true(heard.every(({ count }, i) => count === heard[0]!.count + i))
    t.is(await said, heard.at(-1)!.count + 1)
  },
)

test.serial(
  'a worker collects from its start, for get and poll or the first listener',
  async (t) => {
    const bus = start(t, 'bus.mjs')
    await bus.ready()
    plumpBus.broadcast('one')
    plumpBus.broadcast('two')
    t.is(await bus.acall('poll', 5_000), true)
    t.is(await bus.acall('get', 5_000), 'one')
    await bus.acall('listen')
    t.true(await until(() => (bus.call('hear') as unknown[]).includes('two')))
  },
)

test.serial('a worker that loads the bus only later has collected for it', async (t) => {
  const worker = start(t, 'late-bus.mjs')
  await worker.ready()
  plumpBus.broadcast('early')
  t.is(await worker.acall('hear'), 'early')
})

test.serial('get gives up with PlumpTimeoutError, poll with false', async (t) => {
  const bus = queue(t, { name: 'silent' })
  t.throws(() => bus.get(20), { code: 'ERR_PLUMP_BUS_TIMEOUT', name: 'PlumpTimeoutError' })
  t.false(bus.poll())
  t.false(bus.poll(20))
  const worker = start(t, 'bus.mjs')
  await t.throwsAsync(worker.acall('get', 20), { code: 'ERR_PLUMP_BUS_TIMEOUT' })
  t.is(await worker.acall('poll', 0), false)
})

test.serial('the host gets and polls, blocking', async (t) => {
  const bus = queue(t, { name: 'blocking' })
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  void worker.acall('sayOn', 'blocking', { a: 1 })
  t.true(bus.poll(10_000))
  t.deepEqual(bus.get(), { a: 1 })
  t.false(bus.poll())
})

test.serial(
  'setupListener blocks until its callback returns false; an error in it stops nothing',
  async (t) => {
    const worker = start(t, 'bus.mjs')
    await worker.ready()
    const collected = worker.acall('collect', 3)
    for (const event of ['a', 'b', 'c', 'd']) plumpBus.broadcast(event)
    t.deepEqual(await collected, [
      ['tag', 'a'],
      ['tag', 'b'],
      ['tag', 'c'],
    ])
  },
)

test.serial('setupListener returns when the queue closes', (t) => {
  const bus = queue(t, { name: 'closing' })
  const other = queue(t, { name: 'closing' })
  bus.close()
  t.throws(() => bus.poll(), { code: 'ERR_PLUMP_BUS_CLOSED' })
  t.notThrows(() => bus.setupListener(() => true))
  t.notThrows(() => other.poll())
})

test.serial(
  'an error in a listener, thrown or rejected, is reported and does not stop the next',
  async (t) => {
    const reported: unknown[] = []
    const bus = queue(t, { name: 'errors', onError: (error) => reported.push(error) })
    const worker = start(t, 'bus.mjs')
    await worker.ready()
    const heard: unknown[] = []
    bus.setupAsyncListener((event) => {
      heard.push(event)
      throw new Error('sync')
    })
    bus.setupAsyncListener(async (event) => {
      heard.push(event)
      await undefined
      throw new Error('async')
    })
    await worker.acall('sayOn', 'errors', 1)
    await worker.acall('sayOn', 'errors', 2)
    t.true(await until(() => reported.length === 4))
    t.deepEqual(heard, [1, 1, 2, 2])
  },
)

test.serial('without onError the report is a warning of the process', async (t) => {
  const bus = queue(t, { name: 'warnings' })
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  bus.setupAsyncListener(() => {
    throw new Error('look here')
  })
  await worker.acall('sayOn', 'warnings', 1)
  const warning = await warned
  t.is(warning.name, 'PlumpListenerWarning')
  t.regex(warning.message, /'warnings' failed: Error: look here/)
})

test.serial('listeners get the arguments given where they were set up', async (t) => {
  const bus = queue(t, { name: 'arguments' })
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  const got = new Promise<unknown[]>((resolve) => {
    bus.setupAsyncListener((...all: unknown[]) => resolve(all), 'b', 3)
  })
  await worker.acall('sayOn', 'arguments', 'a')
  t.deepEqual(await got, ['a', 'b', 3])
})

test.serial('a closed listener hears nothing more, and the queue collects again', async (t) => {
  const bus = queue(t, { name: 'reopened' })
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  const heard: unknown[] = []
  const listener = bus.setupAsyncListener((event) => heard.push(event))
  await worker.acall('sayOn', 'reopened', 1)
  t.true(await until(() => heard.length === 1))
  t.throws(() => bus.get(1), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
  listener.close()
  listener.close()
  await worker.acall('sayOn', 'reopened', 2)
  t.is(bus.get(10_000), 2)
  t.deepEqual(heard, [1])
})

test.serial('a queue of another name is another bus', async (t) => {
  const [here, there] = [queue(t, { name: 'here' }), queue(t, { name: 'there' })]
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  await worker.acall('sayOn', 'there', 1)
  t.is(there.get(10_000), 1)
  t.false(here.poll(50))
})

test.serial('a full queue drops the oldest and counts them', async (t) => {
  const bus = queue(t, { name: 'small', capacity: 10 })
  const worker = start(t, 'bus.mjs')
  await worker.ready()
  for (let i = 0; i < 25; i++) await worker.acall('sayOn', 'small', i)
  t.true(await until(() => bus.stats().received === 25))
  t.is(bus.stats().dropped, 15)
  const kept = []
  while (bus.poll()) kept.push(bus.get())
  t.deepEqual(
    kept,
    Array.from({ length: 10 }, (_, i) => i + 15),
  )
})

test.serial('events that can not be sent are refused with the path', (t) => {
  const bus = queue(t, { name: 'refused' })
  t.throws(() => bus.broadcast({ a: [() => 1] }), {
    code: 'ERR_PLUMP_UNSERIALIZABLE',
    message: /^event\.a\[0\]/,
  })
  bus.close()
  t.throws(() => bus.broadcast(1), { code: 'ERR_PLUMP_BUS_CLOSED' })
  t.throws(() => bus.setupAsyncListener(() => 1), { code: 'ERR_PLUMP_BUS_CLOSED' })
})

test.serial('wrong arguments are refused', (t) => {
  const bus = queue(t, { name: 'wrong' })
  for (const wrong of [undefined, null, 7, 'callback', {}] as never[]) {
    t.throws(() => bus.setupAsyncListener(wrong), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
    t.throws(() => bus.setupListener(wrong), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
    t.throws(() => bus.setProducer(wrong), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
    t.throws(() => bus.setConsumer(wrong), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
  }
  for (const wrong of [-1, Number.NaN, Infinity, 1e12, '5'] as never[]) {
    t.throws(() => bus.get(wrong), { code: 'ERR_PLUMP_INVALID_OPTION' })
    t.throws(() => bus.poll(wrong), { code: 'ERR_PLUMP_INVALID_OPTION' })
  }
})

test.serial('setProducer and setConsumer take a link of this host', async (t) => {
  const plump = new PlumpIPC()
  t.teardown(() => plump.close({ graceMs: 0 }))
  const link = plump.createLink()
  const bus = queue(t, { name: 'linked' })
  t.is(bus.setProducer(link).setConsumer(link), bus)
  link.handed()
  t.throws(() => bus.setProducer({ ...link }), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
})

test.serial('a listener keeps the host alive while a worker lives, unref lets it go', async (t) => {
  const kept = await run(t, 'listens.mjs', ['ref'])
  t.is(kept.stdout, 'heard hello\n')
  t.is(kept.code, 0)
  const let_go = await run(t, 'listens.mjs', ['unref'])
  t.is(let_go.stdout, '')
  t.is(let_go.code, 0)
})
