// Pools whose size follows what is asked of them.

import test from 'ava'
import { execFile, spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PlumpStats, WorkerRestartMessage } from '../src/index.js'
import { channel, fixture, start, until } from './start.js'

const sizes = (pool: { stats(): { workers: readonly { state: string }[] } }): number =>
  pool.stats().workers.filter(({ state }) => state === 'ready' || state === 'starting').length

test.serial('a range grows while calls wait, and shrinks when there are none', async (t) => {
  const pool = start(t, 'recycled.mjs', {
    workers: { min: 1, max: 3, idleMs: 300 },
    growMs: 5,
    concurrency: 1,
  })
  await pool.ready()
  t.is(sizes(pool), 1)
  const calls = Array.from({ length: 24 }, () => pool.acall('wait', 100))
  t.true(await until(() => sizes(pool) === 3))
  const pids = new Set(await Promise.all(calls))
  t.is(pids.size, 3)
  t.true(await until(() => pool.stats().workers.length === 1))
  t.is(
    await pool.acall('wait', 1),
    [...pids].find((pid) => pid === pool.stats().workers[0]!.pid),
  )
})

test.serial('a range does not grow before the first call has waited for growMs', async (t) => {
  const workers = { min: 1, max: 3 }
  const pool = start(t, 'recycled.mjs', { workers, growMs: 600_000, concurrency: 1 })
  const calls = Array.from({ length: 10 }, () => pool.acall('wait', 100))
  t.is(new Set(await Promise.all(calls)).size, 1)
  t.is(pool.stats().workers.length, 1)
})

test.serial('a range has max workers and not one more', async (t) => {
  const workers = { min: 1, max: 2, idleMs: 60_000 }
  const pool = start(t, 'recycled.mjs', { workers, growMs: 1, concurrency: 1 })
  const calls = Array.from({ length: 40 }, () => pool.acall('wait', 30))
  t.true(await until(() => sizes(pool) === 2))
  t.is(new Set(await Promise.all(calls)).size, 2)
  t.is(pool.stats().workers.length, 2)
})

test.serial('a range keeps min workers, however long there is nothing to do', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: { min: 2, max: 3, idleMs: 50 } })
  const ready = (): (number | null)[] =>
    pool
      .stats()
      .workers.filter(({ state }) => state === 'ready')
      .map(({ pid }) => pid)
  t.true(await until(() => ready().length === 2, 10_000))
  const before = ready()
  await pool.acall('pid')
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.deepEqual(ready(), before)
})

test.serial('a worker above min is kept for idleMs', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: { min: 0, max: 2, idleMs: 600_000 } })
  const first = await pool.acall('pid')
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.is(await pool.acall('pid'), first)
})

test.serial('min: 0 has no worker until there is a call, also one with a key', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: { min: 0, max: 2, idleMs: 200 } })
  t.is(pool.stats().workers.length, 0)
  const first = await pool.acall('pid')
  t.true(await until(() => pool.stats().workers.length === 0))
  const second = await pool.with({ key: 'a' }).acall('pid')
  t.not(second, first)
  t.is(await pool.with({ key: 'a' }).acall('pid'), second)
  t.true(await until(() => pool.stats().workers.length === 0))
  t.is(typeof pool.call('pid'), 'number')
})

test.serial('a spare is ready before it is needed', async (t) => {
  const pool = start(t, 'recycled.mjs', {
    workers: { min: 0, max: 3, idleMs: 60_000 },
    spare: 1,
  })
  t.true(await until(() => pool.stats().workers.some(({ state }) => state === 'ready')))
  await pool.acall('pid')
  t.true(await until(() => sizes(pool) === 2), 'one that is used and one to spare')
})

test.serial('keys keep their order while workers come and go', async (t) => {
  const pool = start(t, 'ordered.mjs', {
    workers: { min: 1, max: 3, idleMs: 30 },
    growMs: 1,
    concurrency: 2,
  })
  const work: Promise<unknown>[] = []
  const order = new Map<string, number[]>()
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 30; i++) {
      const key = `k${i % 5}`
      const done = order.get(key) ?? []
      order.set(key, done)
      work.push(
        pool
          .with({ key })
          .acall('work', key, round * 30 + i, i % 4)
          .then((worked) => done.push((worked as { value: number }).value)),
        pool.acall('block', 1),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  await Promise.all(work)
  for (const done of order.values())
    t.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    )
  t.is(await pool.acall('overlapped'), 0)
})

test.serial('a key moves only when its call that an old worker has begun is over', async (t) => {
  const pool = start<typeof import('./fixtures/ordered.mjs')>(t, 'ordered.mjs', {
    workers: { min: 1, max: 3, idleMs: 60_000 },
    growMs: 200,
  })
  await pool.ready()
  const keys = Array.from({ length: 12 }, (_unused, i) => `k${i}`)
  const work = (key: string, ms: number) => pool.with({ key }).acall('work', key, 0, ms)
  const first = keys.map((key) => work(key, 3_000))
  t.true(await until(() => pool.stats().queued === 0))
  const others = Array.from({ length: 40 }, () => pool.acall('block', 20))
  t.true(
    await until(() => pool.stats().workers.filter(({ state }) => state === 'ready').length === 3),
  )
  const second = keys.map((key) => work(key, 1))
  await Promise.all(others)
  const [before, after] = [await Promise.all(first), await Promise.all(second)]
  for (const [i, { began }] of after.entries())
    t.true(began >= before[i]!.ended - 1, `${keys[i]}: after the one before`)
  t.is(new Set(before.map(({ pid }) => pid)).size, 1)
  t.true(new Set(after.map(({ pid }) => pid)).size > 1, 'keys have moved')
})

test.serial("workers: 'auto' says what it has found", async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: 'auto' })
  await pool.ready()
  const { auto, workers } = pool.stats()
  t.is(auto!.chosen, workers.length)
  t.true(auto!.byAffinity >= auto!.chosen)
  t.true(['affinity', 'quota', 'memory', 'most'].includes(auto!.decidedBy))
  t.true(auto!.bytesPerWorker > 0)
})

test.serial("workers: 'auto' starts no more than fit into memory, and one at least", async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: 'auto', maxRssBytes: 1024 ** 4 })
  await pool.ready()
  const auto = pool.stats().auto!
  t.true(auto.bytesPerWorker > 1024 ** 4)
  // Other systems do not tell what memory there is.
  if (process.platform !== 'linux') return
  t.like(auto, { byMemory: 0, chosen: 1, decidedBy: 'least' })
  t.is(pool.stats().workers.length, 1)
})

const canPin = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0
const pinned = canPin ? test.serial : test.serial.skip

// Needs taskset, of util-linux.
pinned("workers: 'auto' counts the CPUs that this process may run on", async (t) => {
  t.timeout(60_000)
  const allowed = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!
  const found = async (command: string, args: readonly string[]): Promise<PlumpStats['auto']> => {
    const { stdout } = await promisify(execFile)(command, args, {
      timeout: 30_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, PLUMP_TEST_CHANNEL: channel },
    })
    return JSON.parse(stdout) as PlumpStats['auto']
  }
  const program = [process.execPath, fileURLToPath(fixture('auto.mjs'))]
  t.is((await found(program[0]!, program.slice(1)))!.byAffinity, availableParallelism())
  const alone = await found('taskset', ['-c', allowed[1]!, ...program])
  t.like(alone, { byAffinity: 1, chosen: 1, decidedBy: 'affinity' })
})

for (const [value, message] of [
  [{ min: 5, max: 4 }, /^workers\.min must be at most workers\.max \(4\), got 5/],
  [{ min: -1, max: 4 }, /^workers\.min must be/],
  [{ min: 1 }, /^workers\.max must be given/],
  [{ max: 10_000 }, /^workers\.max must be/],
  [{ max: 2, idleMs: NaN }, /^workers\.idleMs must be/],
  [{ max: 2, most: 3 }, /no option 'workers\.most'/],
  [0, /^workers must be/],
  [10_000, /^workers must be/],
  [Infinity, /^workers must be/],
] as const)
  test.serial(`workers: ${JSON.stringify(value)} is refused`, (t) => {
    t.throws(() => start(t, 'recycled.mjs', { workers: value as never }), {
      code: 'ERR_PLUMP_INVALID_OPTION',
      message,
    })
  })

test.serial('a range grows while first calls of keys wait, not for calls of one key', async (t) => {
  const workers = { min: 1, max: 3, idleMs: 60_000 }
  const pool = start(t, 'recycled.mjs', { workers, growMs: 5, concurrency: 1 })
  await pool.ready()
  const of = (key: string): Promise<unknown> => pool.with({ key }).acall('wait', 20)
  await Promise.all(Array.from({ length: 20 }, () => of('one')))
  t.is(pool.stats().workers.length, 1, 'one more would not help')
  const pids = await Promise.all(Array.from({ length: 200 }, (_, i) => of(`k${i}`)))
  t.is(new Set(pids).size, 3)
})

test.serial('a key whose worker gets no more calls goes to one that has time', async (t) => {
  const maxCalls = 200
  const pool = start(t, 'recycled.mjs', {
    workers: { min: 1, max: 2, idleMs: 60_000 },
    growMs: 5,
    concurrency: 1,
    maxCalls,
    // None is sent ahead, and comes back: it would count among the calls that the worker was sent.
    commands: { wait: { concurrency: 1 } },
    // Whatever a worker says is an occasion to look at what waits.
    heartbeatTimeoutMs: 0,
  })
  await Promise.all(Array.from({ length: 8 }, () => pool.acall('wait', 100)))
  t.true(await until(() => sizes(pool) === 2))
  const [first, second] = pool.stats().workers.map(({ pid }) => pid!) as [number, number]
  const keys: string[] = []
  for (let i = 0; keys.length < 2; i++)
    if ((await pool.with({ key: `k${i}` }).acall('pid')) === first) keys.push(`k${i}`)
  const [key, other] = keys as [string, string]
  const callsOf = (pid: number) => pool.stats().workers.find((worker) => worker.pid === pid)?.calls
  while (callsOf(first)! < maxCalls - 1) await pool.with({ key }).acall('pid')
  const last = pool.with({ key: other }).acall('wait', 3_000)
  t.is(await Promise.race([last, pool.with({ key }).acall('pid')]), second)
  t.is(await last, first)
})

test.serial(
  'of a range, too, stats() and monitors tell which workers took the place of others',
  async (t) => {
    const workers = { min: 1, max: 3, idleMs: 100 }
    const pool = start(t, 'recycled.mjs', { workers, growMs: 5, concurrency: 1, backoffMs: 0 })
    const told: number[] = []
    const listener = (message: unknown): void => {
      const { pool: name, workers: replaced } = message as WorkerRestartMessage
      if (name === pool.stats().name) told.push(replaced)
    }
    subscribe('plump-ipc:worker:restart', listener)
    t.teardown(() => unsubscribe('plump-ipc:worker:restart', listener))
    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: 20 }, () => pool.acall('wait', 50)))
      t.true(await until(() => pool.stats().workers.length === 1))
    }
    t.is(pool.stats().restarts, 0, 'to grow again replaces nobody')
    await t.throwsAsync(pool.acall('die'))
    await pool.acall('pid')
    t.is(pool.stats().restarts, 1)
    t.true(await until(() => told.length > 0))
    t.deepEqual(told, [1])
  },
)

test.serial('min: 0: ready() starts a worker', async (t) => {
  const workers = { min: 0, max: 2, idleMs: 100 }
  const pool = start(t, 'recycled.mjs', { workers })
  t.is(pool.stats().workers.length, 0)
  await pool.ready()
  t.is(sizes(pool), 1)
  t.true(await until(() => pool.stats().workers.length === 0), 'and keeps it no longer than any')
  await pool.ready()
  const broken = start(t, 'throws-while-loading.mjs', { workers })
  await t.throwsAsync(broken.ready(), { code: 'ERR_PLUMP_START_FAILED' })
})
