// What call() and acall() have in common: every call settles once, as it should, whatever happens.

import test from 'ava'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlumpSerializationError, PlumpTimeoutError, PlumpWorkerError } from '../src/index.js'
import { causeOf, isAlive, start, until } from './start.js'

type CodedError = Error & { code: string; path?: string }

test.serial('any number of calls at once, each answer to its caller', async (t) => {
  const math = start(t, 'math.mjs', { workers: 2 })
  const sums: Promise<unknown>[] = []
  for (let i = 0; i < 20_000; i++) {
    sums.push(math.acall(i % 7 === 0 ? 'addLater' : 'add', i, `:${i}`))
    if (i % 1_000 === 0) t.is(math.call('add', i, '!'), `${i}!`)
  }
  const got = await Promise.all(sums)
  t.true(got.every((sum, i) => sum === `${i}:${i}`))
})

test.serial('answers that pile up during a blocking call are not lost', async (t) => {
  const math = start(t, 'math.mjs')
  await math.ready()
  const early = Array.from({ length: 5_000 }, (_, i) => math.acall('add', i, 1))
  for (let i = 0; i < 200; i++) t.is(math.call('add', i, 0), i)
  t.deepEqual(
    await Promise.all(early),
    early.map((_, i) => i + 1),
  )
})

test.serial('calls of one caller begin in the order in which they were made', async (t) => {
  const worker = start(t, 'concurrent.mjs')
  for (let i = 0; i < 2_000; i++) void worker.acall('order', 'list', i)
  t.deepEqual(
    await worker.acall('ordered', 'list'),
    Array.from({ length: 2_000 }, (_, i) => i),
  )
})

test.serial('handlers interleave up to the concurrency', async (t) => {
  for (const concurrency of [1, 3, 16]) {
    const worker = start(t, 'concurrent.mjs', { concurrency })
    const most = await Promise.all(Array.from({ length: 40 }, () => worker.acall('overlap', 20)))
    t.is(Math.max(...(most as number[])), concurrency)
  }
})

test.serial('timers of the host go on while calls are flowing', async (t) => {
  const math = start(t, 'math.mjs')
  await math.ready()
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  const end = performance.now() + 500
  while (performance.now() < end) await math.acall('add', 1, 2)
  clearInterval(timer)
  t.true(ticks > 20, `${ticks} ticks in 500 ms`)
})

// --- errors -------------------------------------------------------------------------------------------------------

test.serial(
  'an error arrives with class, message, cause, own properties and both stacks',
  async (t) => {
    const failing = start(t, 'failing.mjs')
    async function theCaller() {
      await failing.acall('throwsError')
    }
    const error = (await t.throwsAsync(theCaller())) as TypeError & { code: string; list: number[] }
    t.true(error instanceof TypeError)
    t.is(error.message, 'no good')
    t.true(error.cause instanceof RangeError)
    t.is((error.cause as Error).message, 'deep')
    t.is(error.code, 'E_OWN')
    t.deepEqual(error.list, [1, 2])
    const stack = error.stack ?? ''
    t.true(stack.includes('failing.mjs'), stack)
    t.true(stack.includes('theCaller'), stack)
    t.true(stack.indexOf('failing.mjs') < stack.indexOf('theCaller'), 'the worker comes first')
  },
)

test.serial('the stack of a blocking call has both sides too', (t) => {
  const failing = start(t, 'failing.mjs')
  const theCaller = () => failing.call('throwsError')
  const { stack = '' } = t.throws(theCaller, { instanceOf: TypeError })
  t.true(stack.indexOf('failing.mjs') > 0)
  t.true(stack.indexOf('failing.mjs') < stack.indexOf('theCaller'), stack)
})

test.serial(
  'a class of the worker arrives as its nearest built-in class, with its name',
  async (t) => {
    const error = await t.throwsAsync(start(t, 'failing.mjs').acall('rejects'), {
      instanceOf: SyntaxError,
      message: 'late',
    })
    t.is(error?.name, 'ParseError')
    t.is((error as { line?: number }).line, 12)
  },
)

test.serial('AggregateError keeps its errors', async (t) => {
  const error = await t.throwsAsync(start(t, 'failing.mjs').acall('throwsMany'), {
    instanceOf: AggregateError,
  })
  t.deepEqual(
    error?.errors.map((inner: Error) => [inner.constructor.name, inner.message]),
    [
      ['Error', 'one'],
      ['TypeError', 'two'],
    ],
  )
})

test.serial('a thrown value that is no error arrives as it was', async (t) => {
  const failing = start(t, 'failing.mjs')
  for (const value of ['text', 7, null, undefined, { a: [1] }, new Map([[1, 2]])]) {
    const [outcome] = await Promise.allSettled([failing.acall('throwsValue', value)])
    t.is(outcome.status, 'rejected')
    if (outcome.status === 'rejected') t.deepEqual(outcome.reason, value)
    try {
      failing.call('throwsValue', value)
      t.fail()
    } catch (thrown) {
      t.deepEqual(thrown, value)
    }
  }
})

for (const [command, code, path] of [
  ['returnsFunction', 'ERR_PLUMP_UNSERIALIZABLE', 'result.list[1]'],
  ['returnsSymbol', 'ERR_PLUMP_UNSERIALIZABLE', 'result'],
  ['returnsThrowingGetter', 'ERR_PLUMP_UNSERIALIZABLE', 'result.bad'],
  ['returnsGenerator', 'ERR_PLUMP_GENERATOR_RESULT', undefined],
  ['returnsAsyncGenerator', 'ERR_PLUMP_GENERATOR_RESULT', undefined],
  ['throwsFunction', 'ERR_PLUMP_UNSERIALIZABLE', 'result'],
] as const)
  test.serial(`${command}: that call alone is rejected, and the next one works`, async (t) => {
    const failing = start(t, 'failing.mjs')
    const around = [failing.acall('fine'), failing.acall(command), failing.acall('fine')]
    const [before, itself, after] = await Promise.allSettled(around)
    t.is(before?.status, 'fulfilled')
    t.is(after?.status, 'fulfilled')
    const { reason } = itself as PromiseRejectedResult
    t.true(reason instanceof PlumpSerializationError)
    t.is((reason as CodedError).code, code)
    t.is((reason as CodedError).path, path)
    t.throws(() => failing.call(command), { code })
    t.is(failing.call('fine'), 'fine')
  })

test.serial(
  'arguments that can not be sent reject that call alone and name the path',
  async (t) => {
    const echo = start(t, 'echo.mjs')
    const getter = {
      get bad(): never {
        throw new Error('from the getter')
      },
    }
    for (const [value, path] of [
      [() => 1, 'args[0]'],
      [{ a: [{ b: Symbol('s') }] }, 'args[0].a[0].b'],
      [getter, 'args[0].bad'],
      [new WeakMap(), 'args[0]'],
      [new SharedArrayBuffer(8), 'args[0]'],
    ] as const) {
      const error = await t.throwsAsync(echo.acall('echo', value), {
        instanceOf: PlumpSerializationError,
        code: 'ERR_PLUMP_UNSERIALIZABLE',
      })
      t.is((error as CodedError | undefined)?.path, path)
      t.throws(() => echo.call('echo', value), { code: 'ERR_PLUMP_UNSERIALIZABLE' })
      t.is(await echo.acall('echo', 1), 1)
    }
  },
)

test.serial('a getter among the arguments may make a call of its own', async (t) => {
  const echo = start(t, 'echo.mjs')
  const nosy = {
    before: 'x'.repeat(5_000),
    get inner() {
      return echo.call('echo', { y: 'y'.repeat(9_000) })
    },
    after: 'z'.repeat(5_000),
  }
  t.deepEqual(await echo.acall('echo', nosy), {
    before: 'x'.repeat(5_000),
    inner: { y: 'y'.repeat(9_000) },
    after: 'z'.repeat(5_000),
  })
})

// --- limits -------------------------------------------------------------------------------------------------------

test.serial('256 MiB are valid, both ways', async (t) => {
  const echo = start(t, 'echo.mjs')
  const bytes = 256 * 1024 * 1024
  t.is(await echo.acall('size', new Uint8Array(bytes)), bytes)
  const made = (await echo.acall('make', bytes)) as Uint8Array
  t.is(made.byteLength, bytes)
  t.is(made[bytes - 1], 7)
})

test.serial(
  'payloads above maxPayloadBytes are refused, from both sides, and nothing else is',
  async (t) => {
    const echo = start(t, 'echo.mjs', { maxPayloadBytes: 100_000 })
    const large = { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE', instanceOf: PlumpSerializationError }
    await t.throwsAsync(echo.acall('echo', 'x'.repeat(100_001)), large)
    await t.throwsAsync(echo.acall('echo', new Uint8Array(100_001)), large)
    await t.throwsAsync(echo.acall('make', 100_001), large)
    t.throws(() => echo.call('make', 100_001), large)
    t.is(await echo.acall('echo', 1), 1)
    t.is(((await echo.acall('make', 99_000)) as Uint8Array).length, 99_000)
  },
)

test.serial('values nested deeper than maxDepth are refused, however deep', async (t) => {
  const echo = start(t, 'echo.mjs', { maxDepth: 10 })
  const nested = (levels: number) => {
    let value: unknown[] = []
    for (let i = 1; i < levels; i++) value = [value]
    return value
  }
  t.deepEqual(await echo.acall('echo', nested(10)), nested(10))
  for (const levels of [11, 100_000, 1_000_000])
    await t.throwsAsync(echo.acall('echo', nested(levels)), { code: 'ERR_PLUMP_TOO_DEEP' })
  t.is(await echo.acall('echo', 1), 1)
})

test.serial('more calls than maxQueue are refused', async (t) => {
  const math = start(t, 'math.mjs', { maxQueue: 50 })
  const calls = Array.from({ length: 500 }, () => math.acall('add', 1, 2))
  const outcomes = await Promise.allSettled(calls)
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  t.true(refused.length >= 400)
  for (const { reason } of refused) t.is((reason as CodedError).code, 'ERR_PLUMP_QUEUE_FULL')
  t.is(await math.acall('add', 1, 2), 3)
})

// --- time ---------------------------------------------------------------------------------------------------------

test.serial(
  'a call that takes longer than timeoutMs is rejected, the worker goes on',
  async (t) => {
    const math = start(t, 'math.mjs')
    await math.ready()
    const slow = math.with({ timeoutMs: 50 })
    const error = await t.throwsAsync(slow.acall('addLater', 1, 2, 5_000), {
      instanceOf: PlumpTimeoutError,
      code: 'ERR_PLUMP_CALL_TIMEOUT',
    })
    t.like(error, { timeoutMs: 50, command: 'addLater' })
    t.throws(() => slow.call('addLater', 1, 2, 5_000), { instanceOf: PlumpTimeoutError })
    t.is(await math.acall('add', 1, 2), 3)
  },
)

test.serial(
  'a time limit holds while the worker is deaf, and while calls wait for it',
  async (t) => {
    const dying = start(t, 'dying.mjs', { timeoutMs: 200 })
    await dying.ready()
    const spinning = dying.acall('spin')
    await t.throwsAsync(spinning, { code: 'ERR_PLUMP_CALL_TIMEOUT' })
    t.throws(() => dying.call('add', 1, 2), { code: 'ERR_PLUMP_CALL_TIMEOUT' })
    await t.throwsAsync(dying.with({ timeoutMs: 50 }).acall('add', 1, 2), { message: /50 ms/ })
  },
)

test.serial('timeoutMs counts while the worker starts', async (t) => {
  const never = start(t, 'never-ready.mjs')
  await t.throwsAsync(never.with({ timeoutMs: 100 }).acall('add'), {
    code: 'ERR_PLUMP_CALL_TIMEOUT',
  })
  t.throws(() => never.with({ timeoutMs: 100 }).call('add'), { code: 'ERR_PLUMP_CALL_TIMEOUT' })
})

// --- death --------------------------------------------------------------------------------------------------------

test.serial(
  'a worker that exits rejects what it had, with what is known; the next call has a fresh one',
  async (t) => {
    const dying = start(t, 'dying.mjs')
    const pid = await dying.acall('pid')
    const calls = [
      dying.acall('never'),
      dying.acall('complain', 'last words\n'),
      dying.acall('exit', 3),
    ]
    const [never, , exit] = await Promise.allSettled(calls)
    for (const [outcome, command] of [
      [never, 'never'],
      [exit, 'exit'],
    ] as const) {
      const { reason } = outcome as PromiseRejectedResult
      t.true(reason instanceof PlumpWorkerError)
      const error = reason as PlumpWorkerError
      t.like(error, { code: 'ERR_PLUMP_WORKER_EXITED', pid, exitCode: 3, command })
      t.regex(error.stderr ?? '', /last words/)
      t.regex(String((error.cause as Error).message), /process\.exit\(3\)/)
    }
    const next = await dying.acall('pid')
    t.not(next, pid)
  },
)

test.serial(
  'a worker that is killed rejects what it had with the signal, also for a blocked caller',
  async (t) => {
    const dying = start(t, 'dying.mjs')
    await dying.ready()
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGABRT']) {
      await t.throwsAsync(dying.acall('kill', signal), { code: 'ERR_PLUMP_WORKER_KILLED' })
      const error = t.throws(() => dying.call('kill', signal), { instanceOf: PlumpWorkerError })
      t.like(error, { code: 'ERR_PLUMP_WORKER_KILLED', signal, command: 'kill' })
      t.is(dying.call('add', 1, 2), 3)
    }
  },
)

test.serial('an uncaught error of a worker is the cause of what it had', async (t) => {
  const dying = start(t, 'dying.mjs')
  for (const [command, message] of [
    ['throwLater', 'nobody catches this'],
    ['rejectLater', 'nobody awaits this'],
  ] as const) {
    const error = await t.throwsAsync(dying.acall(command), { instanceOf: PlumpWorkerError })
    t.is(causeOf(error).message, message)
    t.regex(String(causeOf(error).stack), /dying\.mjs/)
  }
})

test.serial(
  'a module that throws while loading rejects ready and every call with that cause',
  async (t) => {
    const broken = start(t, 'throws-while-loading.mjs')
    const outcomes = await Promise.allSettled([
      broken.ready(),
      ...Array.from({ length: 5 }, () => broken.acall('add', 1, 2)),
    ])
    for (const outcome of outcomes) {
      const { reason } = outcome as PromiseRejectedResult
      t.true(reason instanceof PlumpWorkerError)
      t.is((reason as CodedError).code, 'ERR_PLUMP_START_FAILED')
      const cause = (reason as Error).cause as Error
      t.true(cause instanceof RangeError)
      t.is(cause.message, 'not today')
      t.is(cause.cause, 'rain')
      t.regex(cause.stack ?? '', /throws-while-loading\.mjs/)
    }
    t.throws(() => broken.call('add', 1, 2), { code: 'ERR_PLUMP_START_FAILED' })
  },
)

test.serial('a module that is not there rejects with the cause', async (t) => {
  const error = await t.throwsAsync(start(t, 'not-there.mjs').ready(), {
    code: 'ERR_PLUMP_START_FAILED',
  })
  t.is(causeOf(error).code, 'ERR_MODULE_NOT_FOUND')
})

test.serial('a module that exits or runs dry while loading rejects with the reason', async (t) => {
  const exits = await t.throwsAsync(start(t, 'exits-while-loading.mjs').ready(), {
    code: 'ERR_PLUMP_START_FAILED',
  })
  t.regex(String(causeOf(exits).message), /process\.exit\(9\)/)
  const dry = await t.throwsAsync(start(t, 'runs-dry-while-loading.mjs').ready(), {
    code: 'ERR_PLUMP_START_FAILED',
  })
  t.regex(String(causeOf(dry).message), /never finished loading/)
})

test.serial('a module that never gets ready is ended after startTimeoutMs', async (t) => {
  const never = start(t, 'never-ready.mjs', { startTimeoutMs: 1_500 })
  const call = t.throwsAsync(never.acall('add'), { code: 'ERR_PLUMP_START_TIMEOUT' })
  await t.throwsAsync(never.ready(), {
    instanceOf: PlumpTimeoutError,
    code: 'ERR_PLUMP_START_TIMEOUT',
  })
  await call
})

test.serial(
  'an executable or a folder that is not there rejects with the reason of the system',
  async (t) => {
    await t.throwsAsync(start(t, 'math.mjs', { execPath: '/not/there' }).ready(), {
      code: 'ERR_PLUMP_SPAWN_FAILED',
    })
    await t.throwsAsync(start(t, 'math.mjs', { cwd: '/not/there' }).ready(), {
      code: 'ERR_PLUMP_SPAWN_FAILED',
    })
  },
)

test.serial(
  'a worker that keeps dying at start is started once for each call, not without end',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'plump-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'starts')
    const broken = start(t, 'notes-its-start.mjs', { env: { PLUMP_TEST_FILE: file } })
    await t.throwsAsync(broken.ready())
    await new Promise((resolve) => setTimeout(resolve, 500))
    t.is(readFileSync(file, 'utf8').length, 1)
    await t.throwsAsync(broken.acall('add'))
    await t.throwsAsync(broken.acall('add'))
    await new Promise((resolve) => setTimeout(resolve, 500))
    t.is(readFileSync(file, 'utf8').length, 3)
  },
)

test.serial('a call runs at most once, under kills between its begin and its end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'notes')
  const dying = start(t, 'dying.mjs', { workers: 2 })
  await dying.ready()
  const calls = Array.from({ length: 300 }, (_, line) => dying.acall('note', file, line, 2))
  const outcomes = Promise.allSettled(calls)
  for (let kills = 0; kills < 4; kills++) {
    await new Promise((resolve) => setTimeout(resolve, 60))
    const { pid } = dying.stats().workers.find(({ state }) => state === 'ready') ?? {}
    if (typeof pid === 'number' && isAlive(pid)) process.kill(pid, 'SIGKILL')
  }
  const settled = await outcomes
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  t.is(new Set(lines).size, lines.length, 'no call has left two traces')
  const fulfilled = settled.flatMap((outcome, line) =>
    outcome.status === 'fulfilled' ? [String(line)] : [],
  )
  t.true(fulfilled.every((line) => lines.includes(line)))
  const failed = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  t.true(failed.length > 0, 'the kills have met calls')
  for (const { reason } of failed) t.true(reason instanceof PlumpWorkerError)
})

test.serial('kills at random moments leave no call open', async (t) => {
  const dying = start(t, 'dying.mjs', { workers: 2 })
  await dying.ready()
  let settled = 0
  let made = 0
  const end = performance.now() + 3_000
  const killer = setInterval(() => {
    const alive = dying.stats().workers.filter(({ state }) => state === 'ready')
    const pid = alive[Math.floor(Math.random() * alive.length)]?.pid
    if (typeof pid === 'number' && isAlive(pid)) process.kill(pid, 'SIGKILL')
  }, 100)
  while (performance.now() < end) {
    for (let i = 0; i < 50; i++) {
      made++
      void dying.acall('add', i, 1).then(
        (sum) => {
          settled++
          if (sum !== i + 1) t.fail('an answer reached the wrong caller')
          return sum
        },
        () => settled++,
      )
    }
    try {
      t.is(dying.call('add', 1, 2), 3)
    } catch (error) {
      t.true(error instanceof PlumpWorkerError)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  clearInterval(killer)
  t.true(await until(() => settled === made), `${settled} of ${made} settled`)
})
