// What a worker runs before its first call and after its last one, and how long close() waits for what never ends.

import test, { type ExecutionContext } from 'ava'
import { type ChildProcess, spawn as spawnProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plump, plumpBus, PlumpIPC, type PlumpOptions, PlumpWorkerError } from '../src/index.js'
import { causeOf, fixture, isAlive, options, run, start, until } from './start.js'

interface Lines {
  readonly file: string
  /** What the worker has left in the file. */
  read(): string[]
}

function lines(t: ExecutionContext): Lines {
  const folder = mkdtempSync(join(tmpdir(), 'plump-init-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'lines')
  return {
    file,
    read() {
      try {
        return readFileSync(file, 'utf8').trimEnd().split('\n')
      } catch {
        return []
      }
    },
  }
}

function worker(t: ExecutionContext, does = '', more: PlumpOptions = {}) {
  const written = lines(t)
  const instance = start(t, 'initialised.mjs', { argv: [written.file, does], ...more })
  return { instance, read: () => written.read() }
}

/** The warnings of this process from now on. */
function warnings(t: ExecutionContext): Error[] {
  const heard: Error[] = []
  const hear = (warning: Error): void => void heard.push(warning)
  process.on('warning', hear)
  t.teardown(() => process.off('warning', hear))
  return heard
}

const INITS = ['init 1 begins', 'init 1 ends', 'init 2', 'init 3']
const TEARDOWNS = ['teardown 2', 'teardown 1 begins', 'teardown 1 ends']
/** Longer than any test takes. */
const NEVER_MS = 600_000

test.serial('inits run in order, teardowns in reverse order, each awaited', async (t) => {
  const { instance, read } = worker(t)
  t.is(instance.call('isInitialised'), 2)
  t.deepEqual(read(), INITS)
  await instance.close()
  t.deepEqual(read(), [...INITS, ...TEARDOWNS])
})

test.serial('no call reaches a worker before its inits are done', async (t) => {
  const { instance } = worker(t, '', { workers: 2 })
  const seen = await Promise.all(Array.from({ length: 50 }, () => instance.acall('isInitialised')))
  t.true(seen.every((initialised) => initialised === 2))
})

test.serial(
  'what an init throws is the cause of the failed start, and the next call tries again',
  async (t) => {
    const { instance, read } = worker(t, 'init throws', { maxRestarts: 1, backoffMs: 0 })
    const waiting = t.throwsAsync(instance.acall('pid'), { code: 'ERR_PLUMP_START_FAILED' })
    const error = await t.throwsAsync(instance.ready(), { instanceOf: PlumpWorkerError })
    t.is(error?.code, 'ERR_PLUMP_START_FAILED')
    t.is(causeOf(error).message, 'the model is missing')
    t.is(causeOf(error).name, 'RangeError')
    await waiting
    // As failures to load do, they open the circuit.
    await t.throwsAsync(instance.acall('pid'), { code: 'ERR_PLUMP_CIRCUIT_OPEN' })
    await instance.close()
    t.false(read().some((line) => line.startsWith('teardown')))
  },
)

for (const does of ['init never settles', 'init blocks'])
  test.serial(`${does}: startTimeoutMs counts`, async (t) => {
    const { instance, read } = worker(t, does, { startTimeoutMs: 3_000 })
    await t.throwsAsync(instance.ready(), { code: 'ERR_PLUMP_START_TIMEOUT' })
    t.deepEqual(read(), INITS.slice(0, 2))
  })

test.serial('an init that waits for nothing fails the start and says so', async (t) => {
  const { instance } = worker(t, 'init runs dry')
  const error = await t.throwsAsync(instance.ready(), { code: 'ERR_PLUMP_START_FAILED' })
  t.regex(causeOf(error).message, /init function of the worker never finished/)
})

test.serial('an init may start workers and call them', async (t) => {
  const { instance, read } = worker(t, 'init starts workers')
  t.is(await instance.acall('isInitialised'), 2 + 3 + 7)
  await instance.close()
  t.deepEqual(read(), [...INITS, ...TEARDOWNS])
})

test.serial(
  'init is refused when the worker serves already; a teardown is still taken',
  async (t) => {
    const { instance, read } = worker(t)
    const error = await t.throwsAsync(instance.acall('tooLate'), {
      code: 'ERR_PLUMP_INVALID_ARGUMENT',
    })
    t.regex(error?.message ?? '', /while the module loads/)
    await instance.acall('registerTeardown')
    await instance.close()
    t.deepEqual(read(), [...INITS, 'teardown 3', ...TEARDOWNS])
  },
)

test('init and teardown take functions; in a host nothing runs them', async (t) => {
  const wrong: unknown[] = [undefined, null, 'load', {}, 7, class {}]
  for (const given of wrong) {
    t.throws(() => plump.init(given as () => void), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
    t.throws(() => plump.teardown(given as () => void), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
  }
  const instance = new PlumpIPC()
  t.is(
    instance.init(() => t.fail()),
    instance,
  )
  t.is(
    instance.teardown(() => t.fail()),
    instance,
  )
  await instance.close()
})

test.serial('teardown waits for what has begun, and its events arrive', async (t) => {
  const { instance, read } = worker(t)
  const heard: unknown[] = []
  plumpBus.setupAsyncListener((event) => void heard.push(event)).unref()
  await instance.ready()
  const begun = instance.acall('wait', 300)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await instance.close()
  await begun
  t.deepEqual(read(), [...INITS, 'handler done', ...TEARDOWNS])
  t.true(await until(() => heard.includes('torn down')))
})

for (const [what, more, use] of [
  ['maxCalls', { maxCalls: 1 }, (i: PlumpIPC) => i.acall('pid')],
  ['maxAgeMs', { maxAgeMs: 500 }, (i: PlumpIPC) => i.acall('pid')],
  ['maxRssBytes', { maxRssBytes: 150 * 1024 ** 2 }, (i: PlumpIPC) => i.acall('grow', 200e6)],
  ['idleMs', { workers: { min: 0, max: 1, idleMs: 200 } }, (i: PlumpIPC) => i.acall('pid')],
  ['stopWorker() in the worker', {}, (i: PlumpIPC) => i.acall('stop')],
] as const satisfies [string, PlumpOptions, (instance: PlumpIPC) => Promise<unknown>][])
  test.serial(`a worker that ends by ${what} tears down`, async (t) => {
    const { instance, read } = worker(t, '', more)
    await use(instance)
    t.true(await until(() => read().includes('teardown 1 ends')))
    t.deepEqual(read().slice(0, 7), [...INITS, ...TEARDOWNS])
    t.is(instance.stats().circuit, 'closed')
  })

test.serial('the successor of a worker whose teardown hangs starts at once', async (t) => {
  const { instance } = worker(t, 'teardown never settles', { maxCalls: 1, teardownMs: NEVER_MS })
  const first = (await instance.acall('pid')) as number
  const second = (await instance.acall('pid')) as number
  t.not(second, first)
  t.true(isAlive(first))
  const { workers } = instance.stats()
  t.is(workers.find(({ pid }) => pid === first)?.state, 'ending')
  // close() would wait for them.
  for (const pid of [first, second]) process.kill(pid, 'SIGKILL')
})

for (const does of ['teardown never settles', 'teardown blocks', 'exit blocks'])
  test.serial(`${does}: a recycled worker is ended after teardownMs`, async (t) => {
    const heard = warnings(t)
    const { instance } = worker(t, does, { maxCalls: 1, teardownMs: 300 })
    const pid = (await instance.acall('pid')) as number
    t.true(await until(() => !isAlive(pid)))
    t.true(await until(() => heard.some(({ message }) => message.includes(`Worker ${pid}`))))
    t.is(
      heard.find(({ message }) => message.includes(`Worker ${pid}`))?.name,
      'PlumpTeardownWarning',
    )
    t.is(instance.stats().circuit, 'closed')
  })

test.serial('what a teardown throws is told, and keeps nothing from ending', async (t) => {
  const written = lines(t)
  const { stdout, stderr, code } = await run(t, 'closes.mjs', [written.file, 'teardown throws'])
  t.is(code, 0)
  t.is(stdout, 'closed\n')
  t.regex(
    stderr,
    /PlumpTeardownWarning: A teardown function of this worker failed.*the disk is full/,
  )
  t.deepEqual(written.read(), [...INITS, ...TEARDOWNS])
})

test.serial('process.exit() in a teardown ends the worker, and close() resolves', async (t) => {
  const { instance, read } = worker(t, 'teardown exits')
  await instance.ready()
  await instance.close()
  t.deepEqual(read(), [...INITS, 'teardown 2'])
})

// --- close(), against what heeds nothing ------------------------------------------------------------------------

for (const graceMs of [0, 50])
  for (const does of [
    'teardown never settles',
    'teardown blocks',
    'teardown is deaf',
    'exit blocks',
  ])
    test.serial(`close({ graceMs: ${graceMs} }) of an idle worker: ${does}`, async (t) => {
      const { instance, read } = worker(t, does, { teardownMs: 300 })
      const pid = (await instance.acall('pid')) as number
      const began = performance.now()
      await instance.close({ graceMs })
      t.true(performance.now() - began >= 290, 'not before teardownMs')
      t.false(isAlive(pid))
      t.true(read().includes('teardown 2'))
    })

for (const handler of ['never', 'neverAndDeaf', 'spin'])
  for (const does of ['', 'teardown never settles'])
    test.serial(
      `close() of a worker whose handler does not stop: ${handler} ${does}`,
      async (t) => {
        const { instance, read } = worker(t, does, { teardownMs: NEVER_MS })
        const pid = (await instance.acall('pid')) as number
        const call = t.throwsAsync(instance.acall(handler), { code: 'ERR_PLUMP_CLOSED' })
        await new Promise((resolve) => setTimeout(resolve, 200))
        const began = performance.now()
        await instance.close({ graceMs: 50 })
        await call
        // Told after 50 ms, SIGTERM 250 ms later, SIGKILL a second later.
        const atLeast = handler === 'neverAndDeaf' ? 1_290 : 290
        t.true(performance.now() - began >= atLeast)
        t.false(isAlive(pid))
        t.deepEqual(read(), INITS, 'teardowns are not run')
      },
    )

for (const does of ['teardown never settles', 'teardown blocks', 'teardown is deaf'])
  test.serial(`close() of a worker that was busy: ${does}`, async (t) => {
    const { instance, read } = worker(t, does, { teardownMs: 300 })
    await instance.ready()
    const call = instance.acall('wait', 400)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await instance.close({ graceMs: 20_000 })
    await call
    t.deepEqual(read(), [...INITS, 'handler done', 'teardown 2'])
  })

test.serial('one worker that hangs does not cut short the teardown of another', async (t) => {
  const { instance, read } = worker(t, '', { workers: 2, concurrency: 1 })
  t.true(await until(() => instance.stats().workers.every(({ state }) => state === 'ready')))
  const call = t.throwsAsync(instance.acall('never'), { code: 'ERR_PLUMP_CLOSED' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  await instance.close({ graceMs: 0 })
  await call
  t.is(read().filter((line) => line === 'teardown 1 ends').length, 1)
})

// --- processes of the user's own ---------------------------------------------------------------------------------

function own(t: ExecutionContext, does = '', more: PlumpOptions = {}) {
  t.timeout(60_000)
  const written = lines(t)
  const instance = new PlumpIPC(options(more))
  t.teardown(() => instance.close({ graceMs: 0 }))
  const link = instance.createLink()
  const program = fileURLToPath(fixture('initialised.mjs'))
  const child: ChildProcess = spawnProcess(process.execPath, [program, written.file, does], {
    stdio: link.stdio,
    env: link.env,
  })
  t.teardown(() => child.kill('SIGKILL'))
  link.handed()
  return { instance, child, read: () => written.read() }
}

test.serial(
  'a process of your own: inits before the first call, teardowns at the end',
  async (t) => {
    const { instance, child, read } = own(t)
    t.is(await instance.acall('isInitialised'), 2)
    await instance.close()
    t.true(await until(() => child.exitCode !== null))
    t.is(child.exitCode, 0)
    t.deepEqual(read(), [...INITS, ...TEARDOWNS])
  },
)

test.serial('a process of your own: what an init throws', async (t) => {
  const { instance, child } = own(t, 'init throws')
  const error = await t.throwsAsync(instance.ready(), { code: 'ERR_PLUMP_START_FAILED' })
  t.is(causeOf(error).message, 'the model is missing')
  t.true(await until(() => child.exitCode !== null))
  t.is(child.exitCode, 1)
})

test.serial('a process of your own: a teardown that blocks ends with its link', async (t) => {
  const { instance, child } = own(t, 'teardown blocks', { teardownMs: 300 })
  await instance.ready()
  await instance.close()
  t.true(await until(() => child.exitCode !== null))
})

test.serial('a process of your own that is closed while its inits run ends', async (t) => {
  const { instance, child, read } = own(t)
  t.true(await until(() => read().includes('init 1 begins')))
  await instance.close({ graceMs: 20_000 })
  t.true(await until(() => child.exitCode !== null))
  t.deepEqual(read(), [...INITS, ...TEARDOWNS])
})

test.serial('a process of your own that has only just said hello is waited for too', async (t) => {
  for (let round = 0; round < 20; round++) {
    const { instance, child, read } = own(t)
    // The loop of this process is held up, so that what it asks for comes right behind the hello.
    const limit = Date.now() + 30_000
    while (!read().includes('init 1 begins') && Date.now() < limit);
    await instance.close({ graceMs: 20_000 })
    t.true(await until(() => child.exitCode !== null))
    t.deepEqual(read(), [...INITS, ...TEARDOWNS])
  }
})
