// Calls that are given up, by a signal or by the clock; what their handlers see; what becomes of a worker that does not stop.

import test from 'ava'
import { getEventListeners } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlumpAbortError, PlumpTimeoutError, PlumpWorkerError } from '../src/index.js'
import { sleep, start, until } from './start.js'

type Cancelled = typeof import('./fixtures/cancelled.mjs')
type CodedError = Error & { code: string }

/** The code with which a call rejects. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'none',
    (error: unknown) => (error as CodedError).code,
  )
}

test.serial('a signal that is aborted already refuses the call', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const signal = AbortSignal.abort(new Error('no longer needed'))
  const refused = { instanceOf: PlumpAbortError, code: 'ERR_PLUMP_CANCELLED', name: 'AbortError' }
  const error = await t.throwsAsync(worker.with({ signal }).acall('note', 1), refused)
  t.is((error!.cause as Error).message, 'no longer needed')
  t.throws(() => worker.with({ signal }).call('note', 2), refused)
  // Not so much as its arguments are looked at.
  const looked = { at: false }
  const argument = {
    get value() {
      looked.at = true
      return 1
    },
  }
  await t.throwsAsync(worker.with({ signal }).acall('note', argument), refused)
  t.throws(() => worker.with({ signal }).call('note', argument), refused)
  t.false(looked.at)
  t.deepEqual(await worker.acall('noted'), [])
})

test.serial('an aborted call rejects at once, and its handler sees so', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  for (const command of ['waitForAbort', 'waitForAbortPlain'] as const) {
    const controller = new AbortController()
    const call = worker.with({ signal: controller.signal }).acall(command)
    await worker.acall('seenSoFar')
    controller.abort()
    t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
  }
  let seen: string[] = []
  t.true(await until(() => (seen = worker.call('seenSoFar')).length > 2))
  t.deepEqual(seen, ['begun', 'waitForAbort: AbortError ERR_PLUMP_CANCELLED true', 'plain'])
})

test.serial('an aborted signal rejects before the handler has stopped', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const controller = new AbortController()
  const outcome = { is: 'none' }
  const call = worker.with({ signal: controller.signal }).acall('wait', 2_000)
  call.catch((error: CodedError) => (outcome.is = error.code))
  await worker.acall('pid')
  controller.abort()
  // Not a turn of the event loop later: its promise is settled by what aborts.
  await new Promise((resolve) => setImmediate(resolve))
  t.is(outcome.is, 'ERR_PLUMP_CANCELLED')
})

test.serial('what listens to the signal of a call has its context', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { graceMs: 60_000 })
  const calls = (['looksWhenTold', 'looksWhenToldPlain'] as const).map((command) => {
    const controller = new AbortController()
    const code = codeOf(worker.with({ signal: controller.signal }).acall(command))
    return { controller, code }
  })
  const pid = await worker.acall('pid')
  for (const { controller, code } of calls) {
    controller.abort()
    t.is(await code, 'ERR_PLUMP_CANCELLED')
  }
  t.true(await until(() => worker.call('seenSoFar').length === 2))
  t.deepEqual(await worker.acall('seenSoFar'), [
    'looksWhenTold true true',
    'looksWhenToldPlain true true',
  ])
  t.is(await worker.acall('pid'), pid)
})

test.serial('a handler that never yields sees the flag', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const pid = await worker.acall('pid')
  const controller = new AbortController()
  const call = worker.with({ signal: controller.signal, graceMs: 30_000 }).acall('spinUntilAborted')
  await sleep(100)
  controller.abort()
  t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
  t.deepEqual(await worker.acall('seenSoFar'), ['spins', 'stopped'])
  t.is(await worker.acall('pid'), pid, 'the same process')
})

test.serial('calls that are given up in the turn in which they were made', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { maxQueue: 2_000 })
  await worker.acall('note', 0)
  const busy = worker.acall('block', 1_000)
  const codes: string[] = []
  const settled: Promise<unknown>[] = []
  // Small calls of one turn are sent together: most of these are given up before they are sent, each third when others
  // have been made after it. More than the queue takes are made: one that was refused must not take another with it.
  const later: AbortController[] = []
  for (let i = 1; i <= 6_000; i++) {
    const controller = new AbortController()
    const call = worker.with({ signal: controller.signal }).acall('note', i)
    settled.push(codeOf(call).then((code) => (codes[i] = code)))
    if (i > 3_000) continue
    if (i % 3 === 0) later.push(controller)
    else controller.abort()
    if (later.length === 5) for (const one of later.splice(0)) one.abort()
  }
  await busy
  await Promise.all(settled)
  t.deepEqual(new Set(codes.slice(1, 3_001)), new Set(['ERR_PLUMP_CANCELLED']))
  const others = codes.slice(3_001)
  t.deepEqual(new Set(others), new Set(['none', 'ERR_PLUMP_QUEUE_FULL']))
  const ran = await worker.acall('noted')
  const expected = others.flatMap((code, i) => (code === 'none' ? [i + 3_001] : []))
  t.deepEqual(ran, [0, ...expected])
})

test.serial('the stack of a call that was given up is that of its reason', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const limit = Error.stackTraceLimit
  for (const [reason, frames] of [
    [undefined, false],
    [new RangeError('too late'), false],
    ['a word', true],
  ] as const) {
    const controller = new AbortController()
    const call = worker.with({ signal: controller.signal }).acall('wait', 10_000)
    controller.abort(reason)
    const error = (await t.throwsAsync(call))!
    t.is(error.stack!.includes('\n    at '), frames)
    t.regex(error.stack!, /^AbortError: The call of 'wait' was cancelled/)
    if (!frames) t.true((error.cause as Error).stack!.includes('cancel.test'))
    else t.true(error.stack!.includes('cancel.test'))
  }
  t.is(Error.stackTraceLimit, limit)
})

test.serial('a handler that stops within its grace costs no worker', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { graceMs: 30_000 })
  const pid = await worker.acall('pid')
  const controller = new AbortController()
  const call = worker.with({ signal: controller.signal }).acall('block', 500)
  await sleep(100)
  controller.abort()
  t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
  t.is(await worker.acall('pid'), pid)
})

test.serial(
  'what a call that was given up still answers is taken in without a next call',
  async (t) => {
    // Nobody looks at a worker for another reason.
    const pool = start<Cancelled>(t, 'cancelled.mjs', {
      workers: { min: 0, max: 1, idleMs: 100 },
      heartbeatTimeoutMs: 0,
      graceMs: 60_000,
    })
    for (const limit of [{ runMs: 20 }, { timeoutMs: 20 }]) {
      await pool.acall('pid')
      await t.throwsAsync(pool.with(limit).acall('wait', 60), { instanceOf: PlumpTimeoutError })
      t.true(await until(() => pool.stats().workers.length === 0, 10_000), JSON.stringify(limit))
    }
  },
)

test.serial('a grace that is over does not hit the next call in the same place', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const pid = await worker.acall('pid')
  for (let round = 0; round < 3; round++) {
    const controller = new AbortController()
    const { signal } = controller
    const call = worker.with({ signal, graceMs: 300 }).acall('wait', 50)
    await sleep(20)
    controller.abort()
    t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
    // Its handler stops; the next one has its place when the grace is over.
    await sleep(100)
    t.is(await worker.acall('wait', 600), 600)
  }
  t.is(await worker.acall('pid'), pid, 'nobody was ended')
})

test.serial('a call that waits, here or in the worker, is never run', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 2 })
  await worker.acall('note', 0)
  // A worker that is known to be quick is sent hundreds of calls ahead.
  for (let i = 0; i < 200; i++) await worker.acall('add', i, 1)
  const busy = worker.acall('block', 2_000)
  const controllers: AbortController[] = []
  const calls = Array.from({ length: 5_000 }, (_, i) => {
    const controller = new AbortController()
    controllers.push(controller)
    const { signal } = controller
    return codeOf(worker.with(i % 3 === 0 ? {} : { signal }).acall('note', i + 1))
  })
  await sleep(100)
  for (const controller of controllers) controller.abort()
  await busy
  const codes = await Promise.all(calls)
  const wanted = codes.map((_, i) => i).filter((i) => i % 3 === 0)
  t.true(codes.every((code, i) => code === (i % 3 === 0 ? 'none' : 'ERR_PLUMP_CANCELLED')))
  t.deepEqual(await worker.acall('noted'), [0, ...wanted.map((i) => i + 1)])
  t.is(worker.stats().queued, 0)
})

test.serial('cancellations hit their own calls and no others', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { workers: 2, graceMs: 20_000 })
  const pids = new Set([await worker.acall('pid')])
  let wrong = 0
  let cancelled = 0
  for (let round = 0; round < 500; round++) {
    const calls: Promise<void>[] = []
    for (let i = 0; i < 200; i++) {
      const controller = new AbortController()
      const { signal } = controller
      const call = worker.with({ signal }).acall('add', round, i)
      if (i % 2 === 0) {
        // Before, while and after it runs.
        if (i % 4 === 0) controller.abort()
        else setImmediate(() => controller.abort())
      }
      calls.push(
        call.then(
          (sum) => void (wrong += sum === round + i ? 0 : 1),
          (error: CodedError) => {
            if (i % 2 === 0 && error.code === 'ERR_PLUMP_CANCELLED') cancelled++
            else wrong++
          },
        ),
      )
    }
    await Promise.all(calls)
  }
  t.is(wrong, 0)
  t.true(cancelled >= 25_000, `${cancelled}`)
  pids.add(await worker.acall('pid'))
  t.true(pids.size <= 2)
  t.is(worker.stats().workers.length, 2, 'nobody was ended')
})

test.serial('a call that had not begun ends nobody, whatever its grace', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  for (let i = 0; i < 200; i++) await worker.acall('add', i, 1)
  for (let round = 0; round < 5; round++) {
    const begun = worker.acall('wait', 300)
    await sleep(20)
    const busy = worker.acall('block', 100)
    await sleep(20)
    const controller = new AbortController()
    const { signal } = controller
    const behind = worker.with({ signal, graceMs: 0 }).acall('add', 1, 1)
    const next = worker.acall('add', 2, 2)
    await sleep(5)
    controller.abort()
    t.is(await codeOf(behind), 'ERR_PLUMP_CANCELLED')
    await t.notThrowsAsync(Promise.all([begun, busy]))
    t.is(await next, 4)
  }
})

test.serial(
  'a worker that does not stop is ended: calls that had not begun run elsewhere',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'plump-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'id')
    const worker = start<Cancelled>(t, 'cancelled.mjs')
    for (let i = 0; i < 200; i++) await worker.acall('add', i, 1)
    const pid = await worker.acall('pid')
    const controller = new AbortController()
    const begun = worker.acall('wait', 60_000)
    const stuck = worker.with({ signal: controller.signal, graceMs: 50 }).acall('foreverAs', file)
    t.true(await until(() => existsSync(file) && readFileSync(file, 'utf8') !== ''))
    const others = Array.from({ length: 300 }, (_, i) => worker.acall('note', i))
    await sleep(20)
    controller.abort()
    t.is(await codeOf(stuck), 'ERR_PLUMP_CANCELLED')
    const error = await t.throwsAsync(begun, {
      instanceOf: PlumpWorkerError,
      code: 'ERR_PLUMP_WORKER_ENDED',
    })
    t.is((error as PlumpWorkerError).causedBy, readFileSync(file, 'utf8'))
    t.is((error as PlumpWorkerError).pid, pid)
    t.deepEqual(
      await Promise.all(others),
      others.map((_, i) => i),
    )
    t.deepEqual(
      await worker.acall('noted'),
      others.map((_, i) => i),
      'each once, in their order',
    )
    t.not(await worker.acall('pid'), pid)
  },
)

for (const [command, times] of [
  ['spinUntilAborted', 1],
  ['waitForAbort', 16],
] as const)
  test.serial(
    `calls given up behind ${times} of ${command} harm nobody, however many`,
    async (t) => {
      const worker = start<Cancelled>(t, 'cancelled.mjs', { graceMs: 300 })
      const pid = await worker.acall('pid')
      // Small ones, so that many are sent ahead.
      const small = (): Promise<unknown> =>
        Promise.all(Array.from({ length: 10_000 }, () => worker.acall('add', 1, 2)))
      await small()
      const end = new AbortController()
      const begun = worker.with({ signal: end.signal, graceMs: 60_000 })
      const busy = Array.from({ length: times }, () => codeOf(begun.acall(command)))
      const has = (): number => worker.stats().workers[0]?.inFlight ?? 0
      for (let round = 0; round < 12; round++) {
        const controller = new AbortController()
        const limited = worker.with({ signal: controller.signal })
        const calls = Array.from({ length: 800 }, () => codeOf(limited.acall('note', 1)))
        await until(() => has() > 800, 100)
        controller.abort()
        t.deepEqual(new Set(await Promise.all(calls)), new Set(['ERR_PLUMP_CANCELLED']))
        await until(() => has() <= times, 100)
      }
      // For longer than their grace.
      await sleep(600)
      end.abort()
      t.deepEqual(new Set(await Promise.all(busy)), new Set(['ERR_PLUMP_CANCELLED']))
      t.is(await worker.acall('pid'), pid)
      t.deepEqual(await worker.acall('noted'), [])
      // What lay there is gone: others are sent ahead again.
      await small()
    },
  )

test.serial(
  'each of thousands of calls that run in one worker is told that it was given up',
  async (t) => {
    const count = 4_500
    const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: count + 1, graceMs: 60_000 })
    const calls = Array.from({ length: count }, () => {
      const controller = new AbortController()
      const code = codeOf(worker.with({ signal: controller.signal }).acall('waitForAbort'))
      return { controller, code }
    })
    t.true(await until(() => worker.call('seenSoFar').length === count))
    for (const { controller } of calls) controller.abort()
    for (const { code } of calls) t.is(await code, 'ERR_PLUMP_CANCELLED')
    t.true(await until(() => worker.call('seenSoFar').length === 2 * count))
  },
)

test.serial('queueMs: what has not begun in time is not run', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 1 })
  await worker.acall('note', 0)
  const busy = worker.acall('block', 300)
  const calls = Array.from({ length: 50 }, (_, i) =>
    codeOf(worker.with({ queueMs: 50 }).acall('note', i + 1)),
  )
  t.deepEqual(new Set(await Promise.all(calls)), new Set(['ERR_PLUMP_QUEUE_TIMEOUT']))
  await busy
  t.deepEqual(await worker.acall('noted'), [0])
  // Its clock stops when the handler is called.
  t.is(await worker.with({ queueMs: 50 }).acall('wait', 200), 200)
  const blocked = worker.acall('block', 300)
  const error = t.throws(() => worker.with({ queueMs: 50 }).call('note', 1), {
    instanceOf: PlumpTimeoutError,
    code: 'ERR_PLUMP_QUEUE_TIMEOUT',
  })
  t.is((error as PlumpTimeoutError).timeoutMs, 50)
  await blocked
})

test.serial(
  'runMs: counts from when the handler is called, and ends what does not stop',
  async (t) => {
    const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 1, graceMs: 50 })
    const pid = await worker.acall('pid')
    void worker.acall('block', 300)
    // It waits longer than it may run.
    t.is(await worker.with({ runMs: 150 }).acall('wait', 10), 10)
    const error = await t.throwsAsync(worker.with({ runMs: 100 }).acall('forever'), {
      instanceOf: PlumpTimeoutError,
      code: 'ERR_PLUMP_RUN_TIMEOUT',
    })
    t.is((error as PlumpTimeoutError).timeoutMs, 100)
    // The host's thread is blocked, the worker's spins: Rust's clocks go on.
    t.throws(() => worker.with({ runMs: 100 }).call('forever'), { code: 'ERR_PLUMP_RUN_TIMEOUT' })
    t.not(await worker.acall('pid'), pid)
  },
)

test.serial('a call that times out is told, and its worker ended after its grace', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const pid = await worker.acall('pid')
  const late = worker.with({ timeoutMs: 50, graceMs: 30_000 }).acall('waitForAbort')
  t.is(await codeOf(late), 'ERR_PLUMP_CALL_TIMEOUT')
  let seen: string[] = []
  t.true(await until(() => (seen = worker.call('seenSoFar')).length > 1))
  t.deepEqual(seen, ['begun', 'waitForAbort: AbortError ERR_PLUMP_CANCELLED true'])
  t.is(await worker.acall('pid'), pid)
  t.throws(() => worker.with({ timeoutMs: 50, graceMs: 0 }).call('forever'), {
    code: 'ERR_PLUMP_CALL_TIMEOUT',
  })
  t.not(await worker.acall('pid'), pid)
})

test.serial('context: what a handler can know of its call', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const pid = await worker.acall('pid')
  const from = Date.now()
  const { before, after } = await worker.with({ timeoutMs: 10_000 }).acall('facts')
  t.deepEqual(after, before)
  t.like(before, { aborted: false, command: 'facts', signal: false, workerId: pid })
  t.true(before.deadline! > from + 5_000 && before.deadline! <= Date.now() + 10_000)
  const second = await worker.acall('facts')
  t.is(second.before.deadline, undefined)
  t.not(second.before.callId, before.callId)
  // In an async function it is there after a turn of the event loop, too.
  t.regex(await worker.acall('outside'), /^0x[0-9a-f]+$/)
  let read: unknown
  t.true(
    await until(() => {
      read = worker.call('readLater')
      return read !== undefined
    }),
  )
  t.is(read, 'ERR_PLUMP_NO_CALL')
})

test.serial(
  'what a handler leaves behind has no context, whether other handlers run or not',
  async (t) => {
    const worker = start<Cancelled>(t, 'cancelled.mjs')
    const read = async (): Promise<unknown> => {
      let value: unknown
      t.true(await until(() => (value = worker.call('readLater')) !== undefined))
      return value
    }
    await read()
    await worker.acall('leavesBehind')
    t.is(await read(), 'ERR_PLUMP_NO_CALL')
    const beside = worker.acall('wait', 500)
    await worker.acall('leavesBehind')
    t.is(await read(), 'ERR_PLUMP_NO_CALL')
    await beside
  },
)

test.serial('the rest of a deadline travels with nested calls', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  t.is(await worker.acall('nested', 1), 1)
  const call = worker.with({ timeoutMs: 300, graceMs: 30_000 }).acall('nested', 30_000)
  // Whichever of the two is heard of first.
  t.is(await call.catch((error: CodedError) => error.code), 'ERR_PLUMP_CALL_TIMEOUT')
  // Its own call ended as well, long before half a minute.
  t.true(await until(() => worker.call('seenSoFar').includes('ERR_PLUMP_CALL_TIMEOUT'), 10_000))
  t.is(await worker.with({ timeoutMs: 20_000 }).acall('nested', 1), 1)
  await worker.acall('endNested')
})

test.serial('a deadline is that of the call, whenever its handler asks', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 1 })
  await worker.ready()
  const limited = worker.with({ timeoutMs: 30_000 })
  t.true((await limited.acall('leftAfter', 400)) <= 29_600)
  // Sent ahead, it lies in the worker behind another one.
  const [, left] = await Promise.all([worker.acall('block', 400), limited.acall('leftAfter', 0)])
  t.true(left <= 29_650 && left > 0, `${left}`)
})

test.serial('a program that blocks at once keeps no clock from starting', async (t) => {
  const limits = { timeoutMs: 50, graceMs: 60_000 }
  const commands = { note: limits }
  for (const [options, limit] of [
    [{}, { timeoutMs: 50 }],
    [{}, { queueMs: 50 }],
    [{ commands }, {}],
  ] as const) {
    const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 1, ...options })
    await worker.ready()
    // Far longer than a clock may be late on a busy machine.
    const busy = worker.acall('block', 1_500)
    const calls = [1, 2, 3, 4].map((value) => codeOf(worker.with(limit).acall('note', value)))
    const end = performance.now() + 1_700
    while (performance.now() < end);
    const code = 'queueMs' in limit ? 'ERR_PLUMP_QUEUE_TIMEOUT' : 'ERR_PLUMP_CALL_TIMEOUT'
    t.deepEqual(await Promise.all(calls), Array(4).fill(code))
    await busy
    t.deepEqual(await worker.acall('noted'), [])
  }
})

test.serial('many calls of one signal', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const controller = new AbortController()
  const { signal } = controller
  const answered = Array.from({ length: 100 }, async (_, i) =>
    worker.with({ signal }).acall('add', i, 1),
  )
  t.deepEqual(
    await Promise.all(answered),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  t.is(getEventListeners(signal, 'abort').length, 0, 'what has settled is let go of')
  const other = worker.with({ signal: new AbortController().signal }).acall('wait', 200)
  const calls = Array.from({ length: 100 }, async () =>
    codeOf(worker.with({ signal, graceMs: 60_000 }).acall('wait', 30_000)),
  )
  controller.abort()
  t.deepEqual(await Promise.all(calls), Array(100).fill('ERR_PLUMP_CANCELLED'))
  t.is(await other, 200)
  t.is(getEventListeners(signal, 'abort').length, 0)
  t.deepEqual(warnings, [])
})

test.serial('a signal that aborts while its call is made, and twice', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const controller = new AbortController()
  const argument = {
    get value() {
      controller.abort()
      return 1
    },
  }
  t.is(
    await codeOf(worker.with({ signal: controller.signal }).acall('note', argument)),
    'ERR_PLUMP_CANCELLED',
  )
  controller.abort()
  t.is(await worker.acall('add', 1, 2), 3)
  // Nor where an idle worker would begin it at once.
  await worker.ready()
  for (let i = 0; i < 20; i++) {
    const late = new AbortController()
    const aborting = {
      get value() {
        late.abort()
        return i
      },
    }
    const call = worker.with({ signal: late.signal }).acall('note', aborting)
    t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
  }
  t.deepEqual(await worker.acall('noted'), [])
})

test.serial('a signal that aborts in the callback of its own call is too late', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const pid = await worker.acall('pid')
  for (let i = 0; i < 200; i++) {
    const controller = new AbortController()
    const { signal } = controller
    const call = worker.with({ signal, graceMs: 0 }).acall('add', i, 1)
    // The next one takes its place before the signal is aborted.
    const next = call.then((sum) => {
      const following = worker.acall('add', sum, 1)
      controller.abort()
      return following
    })
    t.is(await call, i + 1)
    t.is(await next, i + 2)
  }
  t.is(await worker.acall('pid'), pid, 'nobody was ended')
})

test.serial('a call that is made while its signal is being aborted is refused', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const controller = new AbortController()
  const { signal } = controller
  const codes: Promise<string>[] = []
  // Before and after the listener of the first call.
  const again = (): void => void codes.push(codeOf(worker.with({ signal }).acall('note', 2)))
  signal.addEventListener('abort', again)
  codes.push(codeOf(worker.with({ signal }).acall('wait', 60_000)))
  signal.addEventListener('abort', () => {
    t.throws(() => worker.with({ signal }).call('note', 3), { code: 'ERR_PLUMP_CANCELLED' })
    again()
  })
  await worker.acall('pid')
  controller.abort()
  t.deepEqual(await Promise.all(codes), Array(3).fill('ERR_PLUMP_CANCELLED'))
  t.deepEqual(await worker.acall('noted'), [])
})

test.serial('a cancelled call holds the event loop no longer', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  const controller = new AbortController()
  const call = worker.with({ signal: controller.signal }).acall('wait', 60_000)
  await worker.acall('add', 1, 2)
  controller.abort()
  t.is(await codeOf(call), 'ERR_PLUMP_CANCELLED')
  await worker.close({ graceMs: 0 })
  t.is(worker.stats().state, 'closed')
})

test.serial('close() tells the handlers that run before it ends their worker', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs')
  await worker.ready()
  const looks = worker.acall('spinUntilAborted')
  const other = start<Cancelled>(t, 'cancelled.mjs')
  const hears = other.acall('waitForAbort')
  const ignores = other.acall('wait', 60_000)
  await other.acall('pid')
  const refused = t.throwsAsync(ignores, { code: 'ERR_PLUMP_CLOSED' })
  await Promise.all([worker.close({ graceMs: 50 }), other.close({ graceMs: 50 })])
  t.is(await looks, undefined)
  t.is(await hears, undefined)
  await refused
})

test.serial('close(): what lies in a worker behind a call that does not stop', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { concurrency: 1 })
  await worker.ready()
  // Of the last one nothing is kept with which it could be run elsewhere.
  const calls = [
    codeOf(worker.acall('forever')),
    codeOf(worker.acall('note', 1)),
    codeOf(worker.acall('note', 2)),
    codeOf(worker.acall('note', new Uint8Array(100_000))),
  ]
  await new Promise((resolve) => setTimeout(resolve, 100))
  await worker.close({ graceMs: 50 })
  t.deepEqual(await Promise.all(calls), Array(4).fill('ERR_PLUMP_CLOSED'))
})

for (const [name, values] of [
  ['queueMs', [0, -1, NaN, Infinity, 2 ** 31, '5']],
  ['runMs', [0, -1, NaN, Infinity, 2 ** 31, null]],
  ['graceMs', [-1, NaN, Infinity, 2 ** 31, {}]],
  ['signal', [1, {}, 'abort', new AbortController()]],
] as const)
  test.serial(`${name}: what it is not`, (t) => {
    const worker = start<Cancelled>(t, 'cancelled.mjs')
    for (const value of values)
      t.throws(() => worker.with({ [name]: value } as never), {
        code: 'ERR_PLUMP_INVALID_OPTION',
        message: new RegExp(`^${name} must be .*, got `),
      })
  })

test.serial(
  'a call that had failed when it was given up leaves no rejection unhandled',
  async (t) => {
    const worker = start<Cancelled>(t, 'cancelled.mjs')
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    t.teardown(() => process.off('unhandledRejection', note))
    const controller = new AbortController()
    const { signal } = controller
    // No worker is ready yet, so it waits.
    const code = codeOf(worker.with({ queueMs: 1, signal }).acall('note', 1))
    // Its time is over, and this thread too busy to hear of it.
    const end = performance.now() + 20
    while (performance.now() < end);
    controller.abort()
    t.is(await code, 'ERR_PLUMP_CANCELLED')
    await worker.ready()
    await sleep(50)
    t.deepEqual(unhandled, [])
  },
)
