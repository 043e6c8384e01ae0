// Whose turn it is: priorities, keys; and what happens when too much waits.

import test from 'ava'
import { start, until } from './start.js'

type Ordered = typeof import('./fixtures/ordered.mjs')
type CodedError = Error & { code: string }
type Worked = import('./fixtures/ordered.mjs').Worked

test.serial(
  'calls of higher priority go first, those of one priority in their order',
  async (t) => {
    const worker = start<Ordered>(t, 'ordered.mjs', { agingMs: 60_000 })
    // A worker that is known to be quick is sent calls ahead, which are not overtaken.
    await worker.acall('block', 50)
    const busy = [worker.acall('block', 150), worker.acall('block', 150)]
    const calls: Promise<void>[] = []
    for (let i = 0; i < 30; i++)
      calls.push(worker.with({ priority: (i % 3) - 1 }).acall('note', [(i % 3) - 1, i]))
    await Promise.all([...busy, ...calls])
    const logged = (await worker.acall('logged')) as [number, number][]
    // The worker may have been sent one ahead while nobody knew how long the others take.
    const rest = logged.slice(1)
    const sorted = rest.toSorted(([a, i], [b, j]) => b - a || i - j)
    t.deepEqual(rest, sorted)
  },
)

test.serial('nothing starves: waiting counts as priority', async (t) => {
  const worker = start<Ordered>(t, 'ordered.mjs', { agingMs: 20 })
  // A worker that is known to be quick is sent calls ahead, which are not overtaken.
  await worker.acall('block', 50)
  const ended = { is: false }
  const flood = async (): Promise<void> => {
    while (!ended.is) await worker.with({ priority: 5 }).acall('block', 5)
  }
  // So many that some wait at any time, also while answers come together.
  const lanes = Array.from({ length: 24 }, flood)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const low = worker.with({ priority: -5 }).acall('note', 'low')
  const first = await Promise.race([
    low.then(() => 'low'),
    new Promise((resolve) => setTimeout(resolve, 10_000, 'the flood')),
  ])
  ended.is = true
  await Promise.all([low, ...lanes])
  t.is(first, 'low')
})

test.serial('the calls of a key run one at a time, in their order, on one worker', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { workers: 3 })
  const byKey = new Map<string, Promise<Worked>[]>()
  for (let i = 0; i < 200; i++) {
    const key = `user-${i % 7}`
    const calls = byKey.get(key) ?? []
    byKey.set(key, calls)
    calls.push(pool.with({ key }).acall('work', key, i, i % 3))
    // Others go between them.
    if (i % 5 === 0) calls.push(pool.acall('work', `free-${i}`, -1, 1))
  }
  const pids = new Set<number>()
  for (const calls of byKey.values()) {
    const worked = (await Promise.all(calls)).filter(({ value }) => value >= 0)
    t.is(new Set(worked.map(({ pid }) => pid)).size, 1)
    pids.add(worked[0]!.pid)
    for (let i = 1; i < worked.length; i++) {
      t.true(worked[i]!.value > worked[i - 1]!.value)
      t.true(worked[i]!.began >= worked[i - 1]!.ended - 1, 'after the one before')
    }
  }
  t.true(pids.size > 1, 'keys are spread')
})

test.serial('a key is held while its call runs, whoever else is free', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { workers: 2 })
  const ready = () => pool.stats().workers.filter(({ state }) => state === 'ready').length === 2
  t.true(await until(ready))
  for (const key of ['a', 'b', 'c', 'd']) {
    const keyed = pool.with({ key })
    const first = keyed.acall('work', key, 0, 300)
    // Nothing waits: the next one could go at once.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const second = keyed.acall('work', key, 1, 0)
    t.true((await second).began >= (await first).ended - 1)
    t.is((await second).pid, (await first).pid)
  }
})

test.serial(
  'a key survives the death of its worker, in its order and never twice at once',
  async (t) => {
    const pool = start<Ordered>(t, 'ordered.mjs', { workers: 2, backoffMs: 1 })
    const key = 'alice'
    const first = await pool.with({ key }).acall('work', key, 0, 0)
    const dying = pool.with({ key }).acall('die')
    const after = Array.from({ length: 10 }, (_, i) =>
      pool.with({ key }).acall('work', key, i + 1, 1),
    )
    await t.throwsAsync(dying, { code: 'ERR_PLUMP_WORKER_KILLED' })
    const worked = await Promise.all(after)
    t.deepEqual(
      worked.map(({ value }) => value),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    )
    t.is(new Set(worked.map(({ pid }) => pid)).size, 1)
    t.not(worked[0]!.pid, first.pid)
  },
)

test.serial('a call of a key that is given up lets the next one go', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { workers: 2 })
  const key = 'bob'
  const controller = new AbortController()
  const running = pool.with({ key }).acall('work', key, 0, 100)
  const given = pool.with({ key, signal: controller.signal }).acall('work', key, 1, 0)
  const late = pool.with({ key, timeoutMs: 20 }).acall('work', key, 2, 0)
  const next = pool.with({ key }).acall('work', key, 3, 0)
  controller.abort()
  await t.throwsAsync(given, { code: 'ERR_PLUMP_CANCELLED' })
  await t.throwsAsync(late, { code: 'ERR_PLUMP_CALL_TIMEOUT' })
  t.true((await next).began >= (await running).ended - 1)
  await t.throwsAsync(pool.with({ key }).acall('no such' as 'pid'), {
    code: 'ERR_PLUMP_UNKNOWN_COMMAND',
  })
  t.is((await pool.with({ key }).acall('work', key, 4, 0)).value, 4)
  t.is(pool.stats().queued, 0)
})

test.serial(
  'a call of a key that is given up before it was sent lets the next one go',
  async (t) => {
    const worker = start<Ordered>(t, 'ordered.mjs', { concurrency: 1 })
    await worker.acall('block', 50)
    const busy = [worker.acall('block', 200), worker.acall('block', 50)]
    const controller = new AbortController()
    const { signal } = controller
    const first = worker.with({ key: 'a', signal }).acall('note', 'first')
    const next = worker.with({ key: 'a', timeoutMs: 10_000 }).acall('note', 'next')
    controller.abort()
    await t.throwsAsync(first, { code: 'ERR_PLUMP_CANCELLED' })
    await Promise.all(busy)
    await t.notThrowsAsync(next)
    t.deepEqual(await worker.acall('logged'), ['next'])
  },
)

test.serial('priority orders the heads of keys', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { agingMs: 60_000, concurrency: 1 })
  await pool.acall('block', 50)
  const busy = [pool.acall('block', 100), pool.acall('block', 100)]
  const calls = [
    pool.with({ key: 'a', priority: 0 }).acall('note', 'a1'),
    pool.with({ key: 'a', priority: 9 }).acall('note', 'a2'),
    // Made before the one that it is to go behind.
    pool.with({ key: 'c', priority: -5 }).acall('note', 'c1'),
    pool.with({ key: 'b', priority: 5 }).acall('note', 'b1'),
  ]
  await Promise.all([...busy, ...calls])
  const logged = (await pool.acall('logged')) as string[]
  t.true(logged.indexOf('a1') < logged.indexOf('a2'), 'strict inside a key')
  t.true(logged.indexOf('b1') < logged.indexOf('c1'))
})

test.serial('whenFull: reject, or wait; needsDrain and drained()', async (t) => {
  for (const whenFull of ['reject', 'wait'] as const) {
    const pool = start<Ordered>(t, 'ordered.mjs', { maxQueue: 10, whenFull })
    await pool.acall('pid')
    t.false(pool.needsDrain)
    const busy = [pool.acall('block', 100), pool.acall('block', 100)]
    const calls = Array.from({ length: 40 }, (_, i) =>
      pool.acall('note', i).then(
        () => 'done',
        (error: CodedError) => error.code,
      ),
    )
    t.true(pool.needsDrain)
    t.true(pool.stats().needsDrain)
    await pool.drained()
    t.false(pool.needsDrain)
    t.true(pool.stats().queued <= 5)
    const outcomes = await Promise.all(calls)
    await Promise.all(busy)
    if (whenFull === 'wait') t.true(outcomes.every((outcome) => outcome === 'done'))
    else t.true(outcomes.includes('ERR_PLUMP_QUEUE_FULL') && outcomes.includes('done'))
    await pool.drained()
    await pool.close({ graceMs: 0 })
    await pool.drained()
  }
})

test.serial('whenFull: wait rejects above maxQueueBytes', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', {
    maxQueue: 1,
    whenFull: 'wait',
    maxQueueBytes: 100_000,
  })
  await pool.acall('pid')
  const busy = [pool.acall('block', 200), pool.acall('block', 200)]
  const outcomes = Array.from({ length: 300 }, (_, i) =>
    pool.acall('note', 'x'.repeat(1_000) + i).then(
      () => 'done',
      (error: CodedError) => error.code,
    ),
  )
  t.true(pool.stats().queuedBytes <= 100_000)
  const codes = new Set(await Promise.all(outcomes))
  t.deepEqual(codes, new Set(['done', 'ERR_PLUMP_QUEUE_FULL']))
  await Promise.all(busy)
  t.true(await until(() => !pool.needsDrain))
})

test.serial(
  'each call counts 1,000 bytes against maxQueueBytes beside its payload, and a quarter is for the heap',
  async (t) => {
    const pool = start<Ordered>(t, 'ordered.mjs', { maxQueueBytes: 12_000 })
    await pool.acall('block', 50)
    const busy = [pool.acall('block', 200), pool.acall('block', 50)]
    const calls = Array.from({ length: 100 }, async () => pool.acall('note', 1))
    const { queued, queuedBytes } = pool.stats()
    t.true(
      queuedBytes >= queued * 1_000 + 3_000 && queuedBytes <= 12_000,
      `${queued}: ${queuedBytes}`,
    )
    const outcomes = await Promise.allSettled(calls)
    await Promise.all(busy)
    const done = outcomes.filter(({ status }) => status === 'fulfilled').length
    // Those that wait, and what was sent ahead.
    t.true(done >= 5 && done < 50, `${done}`)
  },
)

test.serial('a producer that waits for drained() is never refused', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { maxQueue: 50 })
  const calls: Promise<void>[] = []
  for (let i = 0; i < 5_000; i++) {
    if (pool.needsDrain) await pool.drained()
    calls.push(pool.acall('note', i))
  }
  await Promise.all(calls)
  t.deepEqual(
    await pool.acall('logged'),
    calls.map((_, i) => i),
  )
})

test.serial('nor is one whose calls fill maxQueueBytes', async (t) => {
  const pool = start<Ordered>(t, 'ordered.mjs', { maxQueueBytes: 100_000 })
  await pool.acall('pid')
  const calls = [pool.acall('block', 200)]
  let heldBack = 0
  for (let i = 0; i < 3_000; i++) {
    if (pool.needsDrain) {
      heldBack++
      await pool.drained()
    }
    // Of many sizes: seldom would the last one end just at the limit.
    calls.push(pool.acall('note', 'x'.repeat((i * 7_919) % 9_000)))
  }
  t.is((await Promise.all(calls)).length, 3_001)
  t.true(heldBack > 0)
})

for (const [name, values] of [
  ['priority', [101, -101, 0.5, NaN, Infinity, '1']],
  ['key', ['', 'x'.repeat(1024 * 1024), 7, null, {}]],
] as const)
  test.serial(`${name}: what it is not`, (t) => {
    const worker = start<Ordered>(t, 'ordered.mjs')
    for (const value of values)
      t.throws(() => worker.with({ [name]: value } as never), {
        code: 'ERR_PLUMP_INVALID_OPTION',
        message: new RegExp(`^${name} must be .*, got `),
      })
  })
