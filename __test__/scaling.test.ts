// Pools whose size follows what is asked of them.

import test from 'ava'
import { start, until } from './start.js'

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
