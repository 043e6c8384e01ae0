// Workers that are replaced because they have served long enough, and workers that are not because too many have failed.

import test from 'ava'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlumpIPC, PlumpWorkerError } from '../src/index.js'
import { fixture, options, start, until } from './start.js'

test.serial('maxCalls: a worker gets so many and no more, and no call is stranded', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: 2, maxCalls: 7 })
  const notes = (await Promise.all(
    Array.from({ length: 100 }, (_, i) => pool.acall('note', i)),
  )) as [number, number, number][]
  t.deepEqual(
    notes.map(([, value]) => value),
    notes.map((_, i) => i),
  )
  const byWorker = new Map<number, number>()
  for (const [pid] of notes) byWorker.set(pid, (byWorker.get(pid) ?? 0) + 1)
  t.true([...byWorker.values()].every((calls) => calls <= 7))
  t.true(byWorker.size >= 15, `${byWorker.size} workers for 100 calls`)
  t.true(pool.stats().restarts >= 13)
})

test.serial('maxCalls: 1, by call(): each call has a process of its own', (t) => {
  const pool = start(t, 'recycled.mjs', { maxCalls: 1 })
  const pids = new Set(Array.from({ length: 6 }, () => pool.call('pid')))
  t.is(pids.size, 6)
})

test.serial('maxAgeMs: what has begun is finished, the rest moves', async (t) => {
  const pool = start(t, 'recycled.mjs', { maxAgeMs: 600, concurrency: 1 })
  const first = await pool.acall('pid')
  const long = pool.acall('wait', 1_500)
  const others = Array.from({ length: 20 }, (_, i) => pool.acall('note', i))
  t.is(await long, first)
  const notes = (await Promise.all(others)) as [number, number, number][]
  t.true(notes.every(([pid]) => pid !== first))
  t.deepEqual(
    notes.map(([, value]) => value),
    notes.map((_, i) => i),
  )
})

test.serial(
  'maxAgeMs: a successor is started for what waits, also when nothing can move',
  async (t) => {
    const pool = start(t, 'recycled.mjs', {
      maxAgeMs: 600,
      concurrency: 1,
      heartbeatTimeoutMs: 0,
    })
    const first = await pool.acall('wait', 20)
    // It is too large to be taken back, and what lies behind it stays, too.
    const long = pool.acall('wait', 6_000, Buffer.alloc(100_000))
    const others = Array.from({ length: 10 }, () => pool.acall('wait', 20))
    t.not(await Promise.race([long, others.at(-1)]), first)
    t.is(await long, first)
    await Promise.all(others)
  },
)

test.serial('no more workers are started than calls wait', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: 4, maxCalls: 1 })
  const size = () => pool.stats().workers.length
  t.true(await until(() => pool.stats().workers.every(({ state }) => state === 'ready')))
  await Promise.all(Array.from({ length: 4 }, () => pool.acall('pid')))
  t.true(await until(() => size() === 0))
  const calls = [pool.acall('wait', 200), pool.acall('wait', 200)]
  let most = 0
  const watch = setInterval(() => (most = Math.max(most, size())), 2)
  t.teardown(() => clearInterval(watch))
  await Promise.all(calls)
  t.is(most, 2)
})

test.serial('maxRssBytes: looked at while a call runs', async (t) => {
  const pool = start(t, 'recycled.mjs', { maxRssBytes: 250 * 1024 ** 2, concurrency: 4 })
  const first = await pool.acall('pid')
  t.true(pool.stats().workers[0]!.rssBytes! > 10 * 1024 ** 2)
  t.true(pool.stats().workers[0]!.cpuMs! > 0)
  const running = { is: true }
  const fat = pool.acall('grow', 300 * 1024 ** 2, 5_000)
  void fat.then(() => (running.is = false))
  let now: unknown = first
  const another = async (): Promise<boolean> => (now = await pool.acall('pid')) !== first
  const end = performance.now() + 20_000
  while (!(await another()) && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.not(now, first)
  t.true(running.is, 'while the call still runs there')
  t.is(await fat, first)
})

test.serial('a module that crashes at start is not started for ever', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'starts')
  const broken = join(folder, 'broken')
  writeFileSync(broken, '')
  const pool = start(t, 'breaks.mjs', {
    argv: [file, broken],
    maxRestarts: 3,
    backoffMs: 1,
    halfOpenMs: 500,
  })
  const codes: string[] = []
  const call = async (): Promise<unknown> =>
    pool.acall('hello').catch((error: PlumpWorkerError) => {
      codes.push(error.code)
      return error
    })
  for (let i = 0; i < 30; i++) await call()
  t.deepEqual(new Set(codes.slice(0, 3)), new Set(['ERR_PLUMP_START_FAILED']))
  const error = (await call()) as PlumpWorkerError
  t.true(error instanceof PlumpWorkerError)
  t.is(error.code, 'ERR_PLUMP_CIRCUIT_OPEN')
  t.regex((error.cause as Error).message, /broken/)
  t.is(pool.stats().circuit, 'open')
  t.is(readFileSync(file, 'utf8').length, 4, 'the first and three more')
  t.throws(() => pool.call('hello'), { code: 'ERR_PLUMP_CIRCUIT_OPEN' })
  await t.throwsAsync(pool.ready(), { code: 'ERR_PLUMP_CIRCUIT_OPEN' }, 'and is not waited for')
  // Repaired: the next start after half a second tries, and closes it.
  rmSync(broken)
  t.true(await until(() => pool.stats().circuit !== 'open'))
  t.is(await pool.acall('hello'), 'hello')
  t.is(pool.stats().circuit, 'closed')
  t.true(existsSync(file))
})

test.serial('workers that die are started again with pauses, then no more', async (t) => {
  const pool = start(t, 'recycled.mjs', { maxRestarts: 2, backoffMs: 1, halfOpenMs: 60_000 })
  for (let i = 0; i < 3; i++)
    await t.throwsAsync(pool.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  const error = await t.throwsAsync(pool.acall('pid'), { code: 'ERR_PLUMP_CIRCUIT_OPEN' })
  t.regex(error!.message, /SIGKILL/)
})

test.serial('after a death the next start waits for backoffMs', async (t) => {
  // Drawn from none to the longest, which is weeks: it is never over in the time of a test.
  const pool = start(t, 'recycled.mjs', { backoffMs: 2_147_483_647, maxBackoffMs: 2_147_483_647 })
  await t.throwsAsync(pool.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  await t.throwsAsync(pool.with({ timeoutMs: 1_500 }).acall('pid'), {
    code: 'ERR_PLUMP_CALL_TIMEOUT',
  })
  t.is(pool.stats().workers.length, 0)
})

test.serial('backoffMs doubles up to maxBackoffMs and no further', async (t) => {
  const options = { backoffMs: 2_147_483_647, maxBackoffMs: 5 }
  const pool = start(t, 'recycled.mjs', options)
  await t.throwsAsync(pool.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  t.is(typeof (await pool.with({ timeoutMs: 10_000 }).acall('pid')), 'number')
})

test.serial('a failure counts for restartWindowMs', async (t) => {
  const pool = start(t, 'recycled.mjs', { maxRestarts: 1, backoffMs: 1, restartWindowMs: 300 })
  for (let deaths = 0; deaths < 4; deaths++) {
    await t.throwsAsync(pool.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
    await new Promise((resolve) => setTimeout(resolve, 400))
  }
  t.is(typeof (await pool.acall('pid')), 'number')
})

for (const [name, values] of [
  ['maxCalls', [0, -1, NaN, 1.5, Infinity]],
  ['maxAgeMs', [0, -1, NaN, 2 ** 31]],
  ['maxRssBytes', [0, 1_000, NaN, Infinity]],
  ['maxRestarts', [-1, NaN, 1e9]],
  ['halfOpenMs', [0, NaN, Infinity]],
  ['backoffMs', [-1, NaN, Infinity]],
] as const)
  test.serial(`${name}: what it is not`, (t) => {
    for (const value of values)
      t.throws(() => start(t, 'recycled.mjs', { [name]: value }), {
        code: 'ERR_PLUMP_INVALID_OPTION',
        message: new RegExp(`^${name} must be .*, got `),
      })
  })

test.serial('a failed start is tried again by the next call, also beside a link', async (t) => {
  t.timeout(60_000)
  const plump = new PlumpIPC(options())
  t.teardown(() => plump.close({ graceMs: 0 }))
  plump.start(fixture('throws-while-loading.mjs'))
  await t.throwsAsync(plump.ready(), { code: 'ERR_PLUMP_START_FAILED' })
  // Nobody has inherited it: that worker is gone at once.
  plump.createLink().handed()
  t.true(await until(() => plump.stats().workers.length === 0))
  await t.throwsAsync(plump.acall('add', 1, 2), { code: 'ERR_PLUMP_START_FAILED' })
})
