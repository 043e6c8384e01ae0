import test from 'ava'
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { isWorker, PlumpIPC, spawn } from '../src/index.js'
import { causeOf, fixture, isAlive, options, run, start, until } from './start.js'

test('call and acall give what the handler returns', async (t) => {
  const math = start(t, 'math.mjs')
  t.is(math.call('add', 1, 2), 3)
  t.is(await math.acall('add', 1, 2), 3)
  t.is(math.call('addLater', 1, 2), 3)
  t.is(await math.acall('addLater', 1, 2), 3)
  t.is(math.call('addThenable', 1, 2), 3)
})

test('call works in a purely synchronous program, from the first line', async (t) => {
  const { stdout, code } = await run(t, 'synchronous-program.mjs')
  t.is(stdout, '3\n')
  t.is(code, 0)
})

test('a module may be given as URL or absolute path', async (t) => {
  const math = spawn(fileURLToPath(fixture('math.mjs')), options())
  t.teardown(() => math.close())
  t.is(await math.acall('add', 1, 2), 3)
})

test('ready resolves when the worker is, also when asked twice', async (t) => {
  const math = start(t, 'math.mjs')
  await math.ready()
  await math.ready()
  t.is(math.stats().workers[0]?.state, 'ready')
})

test('several workers share the calls', async (t) => {
  const workers = start(t, 'dying.mjs', { workers: 3 })
  await until(() => workers.stats().workers.every(({ state }) => state === 'ready'))
  const pids = new Set(await Promise.all(Array.from({ length: 60 }, () => workers.acall('pid'))))
  t.is(workers.stats().workers.length, 3)
  t.true(pids.size > 1)
})

test("as many workers as there are CPUs with 'auto'", async (t) => {
  const math = start(t, 'math.mjs', { workers: 'auto' })
  await math.ready()
  t.true(math.stats().workers.length >= 1)
})

test('default, classes and values among the exports are no commands', async (t) => {
  const math = start(t, 'math.mjs')
  for (const name of ['default', 'NorThis', 'notACommand', 'notACommandEither', 'toString'])
    await t.throwsAsync(math.acall(name), { code: 'ERR_PLUMP_UNKNOWN_COMMAND' })
})

test('an unknown command is refused with the nearest one', async (t) => {
  const math = start(t, 'math.mjs')
  await math.ready()
  await t.throwsAsync(math.acall('ad', 1, 2), {
    code: 'ERR_PLUMP_UNKNOWN_COMMAND',
    message: /'ad'.*Did you mean 'add'\?/,
  })
  t.throws(() => math.call('addlater'), { message: /Did you mean 'addLater'\?/ })
  t.is(await math.acall('add', 1, 2), 3)
})

test('an unknown command that was called before the worker was ready is refused too', async (t) => {
  const math = start(t, 'math.mjs')
  await t.throwsAsync(math.acall('subtract', 1, 2), { code: 'ERR_PLUMP_UNKNOWN_COMMAND' })
})

test('names that are none are refused before anything is sent', async (t) => {
  const math = start(t, 'math.mjs')
  for (const name of [
    '',
    'a'.repeat(10_000_000),
    7,
    undefined,
    null,
    Symbol('s'),
    {},
  ] as string[]) {
    await t.throwsAsync(math.acall(name), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
    t.throws(() => math.call(name), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
  }
  t.is(math.call('add', 1, 2), 3)
})

test('a thousand arguments are valid', async (t) => {
  const math = start(t, 'math.mjs')
  t.is(await math.acall('countArguments', ...Array.from({ length: 1_000 }, (_, i) => i)), 1_000)
})

test('registered functions, methods and late ones are commands, run on the context', async (t) => {
  const camera = start(t, 'camera.mjs')
  t.is(camera.call('move', 3), 3)
  t.is(await camera.acall('move', 4), 7)
  t.deepEqual(camera.call('updateStream', 5, { fps: 30 }), [5, { fps: 30 }])
  t.is(camera.call('named'), 'by its own name')
  t.is(camera.call('late'), 'registered after runWorker()')
  t.is(camera.call('exported'), 'exported')
  await until(() => {
    try {
      return camera.call('later') === 'registered by a command'
    } catch {
      return false
    }
  })
  t.is(camera.call('later'), 'registered by a command')
})

test('decorated methods run on the context, in a worker that a loader of execArgv compiles', async (t) => {
  const camera = start(t, 'decorated.ts', { execArgv: ['--import=tsx'] })
  await t.throwsAsync(camera.acall('move', 1), {
    code: 'ERR_PLUMP_NO_CONTEXT',
    message: /setContext/,
  })
  await camera.acall('arm')
  t.is(await camera.acall('move', 3), 3)
  t.is(await camera.acall('whereIsIt'), 3)
  t.is(await camera.acall('bare'), 'bare at 3')
  t.is(await camera.acall('describe'), 'wide')
})

test('a TypeScript module gives its types to the calls', async (t) => {
  const typed = start<typeof import('./fixtures/typed.ts')>(t, 'typed.ts', {
    execArgv: ['--import=tsx'],
  })
  const four: number = await typed.acall('double', 2)
  t.is(four, 4)
})

test('a CommonJS worker shares registry and link with what runs it, which is not its application', async (t) => {
  const worker = start(t, 'commonjs.cjs')
  t.is(await worker.acall('isWorker'), true)
  t.is(await worker.acall('main'), true)
  t.is(await worker.acall('plain'), 'plain')
  t.is(await worker.acall('computed'), 'built as computed')
})

test('the same function exported and registered counts once, two of one name fail the start', async (t) => {
  t.is(await start(t, 'twice.mjs').acall('add', 1, 2), 3)
  const error = await t.throwsAsync(start(t, 'duplicate.mjs').ready(), {
    code: 'ERR_PLUMP_START_FAILED',
  })
  t.is(causeOf(error).code, 'ERR_PLUMP_DUPLICATE_COMMAND')
})

test('calls without a start are refused', async (t) => {
  const plump = new PlumpIPC()
  t.throws(() => plump.call('add'), { code: 'ERR_PLUMP_NOT_STARTED' })
  await t.throwsAsync(plump.acall('add'), { code: 'ERR_PLUMP_NOT_STARTED' })
  await t.throwsAsync(plump.ready(), { code: 'ERR_PLUMP_NOT_STARTED' })
})

test('a second start is refused, and the first goes on', async (t) => {
  const math = start(t, 'math.mjs')
  t.throws(() => math.start(fixture('math.mjs')), { code: 'ERR_PLUMP_ALREADY_STARTED' })
  t.is(await math.acall('add', 1, 2), 3)
})

test('options of start win over those of the constructor', async (t) => {
  const flags = new PlumpIPC(options({ argv: ['a'], env: { PLUMP_TEST_OWN: 'constructor' } }))
  t.teardown(() => flags.close())
  flags.start(fixture('flags.mjs'), { argv: ['b'] })
  const seen = (await flags.acall('flags')) as { argv: string[]; own: string }
  t.deepEqual(seen.argv.slice(1), ['b'])
  t.is(seen.own, 'constructor')
})

test('name, env, cwd, argv and execArgv reach the worker as with fork', async (t) => {
  process.env['PLUMP_TEST_REMOVED'] = 'here'
  const seen = await start(t, 'flags.mjs', {
    argv: ['one', 'two words', ''],
    execArgv: ['--no-warnings'],
    cwd: tmpdir(),
    env: { PLUMP_TEST_OWN: 'ä=b', PLUMP_TEST_REMOVED: undefined },
  }).acall('flags')
  t.like(seen, {
    execArgv: ['--no-warnings'],
    argv: [fileURLToPath(fixture('flags.mjs')), 'one', 'two words', ''],
    cwd: realpathSync(tmpdir()),
    own: 'ä=b',
    home: undefined,
    link: undefined,
  })
})

test('close ends the workers, is idempotent, and later calls are refused', async (t) => {
  const dying = start(t, 'dying.mjs')
  const pid = (await dying.acall('pid')) as number
  await Promise.all([dying.close(), dying.close()])
  await dying.close()
  t.false(isAlive(pid))
  await t.throwsAsync(dying.acall('pid'), { code: 'ERR_PLUMP_CLOSED' })
  t.throws(() => dying.call('pid'), { code: 'ERR_PLUMP_CLOSED' })
  await t.throwsAsync(dying.ready(), { code: 'ERR_PLUMP_CLOSED' })
  t.throws(() => dying.createLink(), { code: 'ERR_PLUMP_CLOSED' })
  t.like(dying.stats(), { name: 'dying.mjs', state: 'closed', workers: [] })
})

test('close lets begun calls finish and rejects those that wait', async (t) => {
  const math = start(t, 'math.mjs', { concurrency: 1 })
  await math.ready()
  // Longer than it takes from being told to being ended.
  const begun = math.acall('addLater', 1, 2, 1_500)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const waiting = Array.from({ length: 5 }, () => math.acall('add', 1, 2))
  const outcomes = Promise.allSettled(waiting)
  await math.close()
  t.is(await begun, 3)
  for (const outcome of await outcomes)
    t.is(
      outcome.status === 'rejected' && (outcome.reason as { code: string }).code,
      'ERR_PLUMP_CLOSED',
    )
})

test('close ends a worker that is deaf to everything, after graceMs', async (t) => {
  const dying = start(t, 'dying.mjs')
  await dying.ready()
  const spinning = t.throwsAsync(dying.acall('spin'), { code: 'ERR_PLUMP_CLOSED' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  await dying.close({ graceMs: 50 })
  await spinning
})

test('close before start closes the instance', async (t) => {
  const plump = new PlumpIPC()
  await plump.close()
  t.throws(() => plump.start(fixture('math.mjs')), { code: 'ERR_PLUMP_CLOSED' })
})

test('Symbol.asyncDispose is close', async (t) => {
  const dying = start(t, 'dying.mjs')
  const pid = (await dying.acall('pid')) as number
  await dying[Symbol.asyncDispose]()
  t.false(isAlive(pid))
})

test('stopWorker asks for the end and returns at once', async (t) => {
  const dying = start(t, 'dying.mjs')
  const pid = (await dying.acall('pid')) as number
  dying.stopWorker()
  await t.throwsAsync(dying.acall('pid'), { code: 'ERR_PLUMP_CLOSED' })
  t.true(await until(() => !isAlive(pid)))
})

test('the host is no worker', (t) => {
  t.false(isWorker)
  t.throws(() => new PlumpIPC().runWorker(), { code: 'ERR_PLUMP_NOT_A_WORKER' })
})

test('runWorker in a process without a link is refused', async (t) => {
  t.is((await run(t, 'not-linked.mjs')).stdout, 'ERR_PLUMP_NOT_A_WORKER\n')
})

test('a link that does not lead to a host is refused', async (t) => {
  for (const link of [
    '',
    'rubbish',
    '1',
    `1 ${process.pid} pipe 90 91 92 93`,
    '1 1 ring 0 1 2 -3',
  ]) {
    const { stdout } = await run(t, 'not-linked.mjs', [], [], { PLUMP_IPC_LINK: link })
    t.is(stdout, 'ERR_PLUMP_INVALID_LINK\n', link)
  }
})

test('a worker hears nothing of a Ctrl-C in the terminal of its host', async (t) => {
  const dying = start(t, 'dying.mjs')
  const pid = (await dying.acall('pid')) as number
  process.kill(pid, 'SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.is(await dying.acall('pid'), pid)
})

test('a family with more workers than its limit is refused, and the one that was stays', async (t) => {
  const math = start(t, 'math.mjs')
  await math.ready()
  t.throws(() => spawn(fixture('math.mjs'), options({ workers: 1_024 })), {
    code: 'ERR_PLUMP_TOO_MANY_WORKERS',
  })
  t.is(await math.acall('add', 1, 2), 3)
})

test('a worker module that starts itself does not multiply', async (t) => {
  const error = await t.throwsAsync(start(t, 'starts-itself.mjs').ready(), {
    code: 'ERR_PLUMP_START_FAILED',
  })
  t.is(causeOf(error).code, 'ERR_PLUMP_START_IN_WORKER')
})

test('families nest eight levels deep and no deeper', async (t) => {
  const error = await t.throwsAsync(start(t, 'nests.mjs').acall('deeper', 1))
  t.is((error as { code?: string }).code, 'ERR_PLUMP_NESTING_TOO_DEEP')
})

test('a worker may block on a worker of its own in the middle of a batch', async (t) => {
  const nests = start(t, 'nests.mjs')
  const sums = await Promise.all(
    Array.from({ length: 300 }, (_, i) => nests.acall('addThere', i, 'x'.repeat(i))),
  )
  t.deepEqual(
    sums,
    Array.from({ length: 300 }, (_, i) => `${i}${'x'.repeat(i)}`),
  )
})

test('useCodec and setContext refuse what they can not use', (t) => {
  const plump = new PlumpIPC()
  t.throws(() => plump.useCodec({} as never), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
  for (const wrong of [null, undefined, 7, 'a'])
    t.throws(() => plump.setContext(wrong as never), { code: 'ERR_PLUMP_INVALID_ARGUMENT' })
})

test('useCodec after start is refused', (t) => {
  const math = start(t, 'math.mjs')
  t.throws(() => math.useCodec({ name: 'a', encode: () => '', decode: () => 1 }), {
    code: 'ERR_PLUMP_ALREADY_STARTED',
  })
})
