// Calls that lie in a worker behind one that takes long, and what the pool knows of how long calls take.

import test from 'ava'
import { existsSync } from 'node:fs'
import { channel, gates, start, until } from './start.js'

type Gated = typeof import('./fixtures/gated.mjs')

/** Calls short commands until their workers are known to be quick and are sent many ahead. */
async function warmUp(pool: { acall(name: 'count'): Promise<number> }): Promise<number> {
  for (let round = 0; round < 20; round++)
    await Promise.all(Array.from({ length: 100 }, () => pool.acall('count')))
  return 2_000
}

test.serial(
  'a call that never seems to end holds up none of those that are made with it',
  async (t) => {
    const [gate] = gates(t, 1)
    const pool = start<Gated>(t, 'gated.mjs', { workers: 2 })
    let made = await warmUp(pool)
    for (let round = 0; round < 3; round++) {
      const short: Promise<number>[] = []
      let long: Promise<number> | undefined
      for (let i = 0; i < 300; i++) {
        short.push(pool.acall('count'))
        // Nobody knows yet that it is long: short ones are sent behind it.
        if (i === 100 && round === 0) long = pool.acall('blockUntil', gate!.file)
      }
      // Were one of them to wait for the long one, this would never be over.
      const counted = await Promise.all(short)
      made += counted.length
      if (round > 0) continue
      const { workers } = pool.stats()
      t.is(Math.max(...workers.map((worker) => worker.inFlight)), 1, 'the long one is alone')
      gate!.open()
      await long
    }
    // Each ran once, wherever that was.
    const ran = new Map<number, number>()
    while (ran.size < 2) {
      const runs = await Promise.all(Array.from({ length: 8 }, () => pool.acall('runs')))
      for (const { pid, ran: count } of runs) ran.set(pid, count)
    }
    t.is(
      [...ran.values()].reduce((sum, count) => sum + count),
      made,
    )
  },
)

test.serial(
  'a worker that has nothing to do takes what lies in another behind a long call',
  async (t) => {
    const [first, second] = gates(t, 2)
    for (const last of [first, second]) {
      const [one, two] = gates(t, 2)
      const pool = start<Gated>(t, 'gated.mjs', { workers: 2 })
      const ready = () => pool.stats().workers.filter(({ state }) => state === 'ready').length === 2
      t.true(await until(ready))
      const busy = [one, two].map((gate) => pool.acall('blockUntil', gate!.file))
      t.true(await until(() => [one, two].every((gate) => existsSync(`${gate!.file}.begun`))))
      const third = pool.acall('pid')
      const fourth = pool.acall('pid')
      const opened = last === first ? 0 : 1
      ;[one, two][opened]!.open()
      const free = await busy[opened]
      t.deepEqual(await Promise.all([third, fourth]), [free, free])
      ;[one, two][1 - opened]!.open()
      t.not(await busy[1 - opened], free)
      await pool.close()
    }
  },
)

test.serial('a call goes to the worker that has the fewest', async (t) => {
  const pool = start(t, 'recycled.mjs', { workers: 2 })
  const ready = () => pool.stats().workers.filter(({ state }) => state === 'ready').length === 2
  t.true(await until(ready))
  const long = pool.acall('wait', 1_000)
  // Its handler has begun and waits: the worker could take others.
  await new Promise((resolve) => setTimeout(resolve, 100))
  const others: unknown[] = []
  for (let i = 0; i < 20; i++) others.push(await pool.acall('pid'))
  t.is(new Set(others).size, 1)
  t.not(await long, others[0])
})

test.serial('the window of a worker follows how long its calls take', async (t) => {
  const quick = start<Gated>(t, 'gated.mjs')
  await warmUp(quick)
  t.true(quick.stats().workers[0]!.prefetch > 10)
  const slow = start<Gated>(t, 'gated.mjs', { concurrency: 1 })
  await Promise.all([1, 2, 3].map(() => slow.acall('sleep', 30)))
  t.is(slow.stats().workers[0]!.prefetch, 1)
})

for (const workers of [1, 2])
  test.serial(
    `what has run is answered while the next call of its command does not end, on ${workers}`,
    async (t) => {
      const pool = start<Gated>(t, 'gated.mjs', { workers })
      for (let round = 0; round < 20; round++)
        await Promise.all(Array.from({ length: 100 }, () => pool.acall('countOrBlock')))
      const [gate] = gates(t, 1)
      // Its answers wait for those that follow: small ones travel together.
      const short = Array.from({ length: 12 * workers }, () => pool.acall('countOrBlock'))
      const long = pool.acall('countOrBlock', gate!.file)
      // Were one of them to wait for the long one, this would never be over.
      await Promise.all(short)
      gate!.open()
      t.true(typeof (await long) === 'number')
      // And what is answered meanwhile is answered once.
      t.is((await Promise.all(Array.from({ length: 100 }, () => pool.acall('count')))).length, 100)
    },
  )

test.serial('one worker alone keeps what it has', async (t) => {
  const [gate] = gates(t, 1)
  const worker = start<Gated>(t, 'gated.mjs')
  await warmUp(worker)
  const long = worker.acall('blockUntil', gate!.file)
  const short = Array.from({ length: 100 }, () => worker.acall('count'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  gate!.open()
  await long
  const counted = await Promise.all(short)
  t.deepEqual(
    counted,
    counted.toSorted((a, b) => a - b),
    'in their order',
  )
})

test.serial('stats() tells how long the calls of each command waited and ran', async (t) => {
  const worker = start<Gated>(t, 'gated.mjs', { concurrency: 1 })
  await Promise.all([1, 2, 3].map(() => worker.acall('sleep', 30)))
  await warmUp(worker)
  worker.call('pid')
  const { times, otherTimes } = worker.stats()
  t.deepEqual(Object.keys(times).sort(), ['count', 'pid', 'sleep'])
  const { wait, run } = times['sleep']!
  t.is(run.count, 3)
  t.true(run.p50Us >= 29_000 && run.maxUs >= run.p999Us && run.meanUs >= 29_000)
  // The third waited for two others.
  t.true(wait.maxUs >= 58_000, `${wait.maxUs}`)
  t.is(wait.count, 3)
  const counted = times['count']!
  t.true(counted.run.count > 2_000 - 8 && counted.run.count <= 2_000, `${counted.run.count}`)
  t.true(counted.run.p50Us >= 1 && counted.run.p50Us <= counted.wait.maxUs)
  t.is(otherTimes, null)
})

test.serial('stats() tells what is in flight, and how often a worker was replaced', async (t) => {
  const [gate] = gates(t, 1)
  const pool = start<Gated>(t, 'gated.mjs', { backoffMs: 0 })
  const pid = await pool.acall('pid')
  t.is(pool.stats().inFlight, 0)
  t.is(pool.stats().workers[0]!.restarts, 0)
  const calls = [pool.acall('blockUntil', gate!.file), pool.acall('pid'), pool.acall('pid')]
  t.is(pool.stats().inFlight, 3)
  gate!.open()
  await Promise.all(calls)
  process.kill(pid, 'SIGKILL')
  let other = pid
  while (other === pid) other = await pool.acall('pid').catch(() => pid)
  t.is(pool.stats().workers[0]!.restarts, 1)
})

test.serial('stats() tells of each worker what it is and does', async (t) => {
  const pool = start<Gated>(t, 'gated.mjs')
  const pid = await pool.acall('pid')
  for (let i = 0; i < 9; i++) pool.call('count')
  await new Promise((resolve) => setTimeout(resolve, 150))
  const [worker, ...others] = pool.stats().workers
  t.deepEqual(others, [])
  t.like(worker, { pid, state: 'ready', calls: 10, inFlight: 0, restarts: 0 })
  t.true(worker!.uptimeMs >= 150 && worker!.uptimeMs < 3_600_000, `${worker!.uptimeMs}`)
  t.true(worker!.rssBytes! > 10 * 1024 ** 2)
  t.true(worker!.cpuMs! > 0)
  if (channel !== 'auto') t.is(worker!.channel, channel)
  const long = pool.acall('sleep', 300)
  t.is(pool.stats().workers[0]!.inFlight, 1)
  await long
})

test.serial('stats() tells what waits, and of the pool what it is and does', async (t) => {
  const [gate] = gates(t, 1)
  const pool = start<Gated>(t, 'gated.mjs', { name: 'looked at', maxQueue: 10, concurrency: 1 })
  await pool.acall('sleep', 30)
  const busy = pool.acall('blockUntil', gate!.file)
  const waiting = Array.from({ length: 12 }, () => pool.acall('count').catch(() => 0))
  const full = pool.stats()
  // One lies in the worker behind the one that blocks.
  t.like(full, {
    name: 'looked at',
    state: 'open',
    queued: 10,
    needsDrain: true,
    circuit: 'closed',
  })
  t.true(full.inFlight >= 12)
  t.true(full.queuedBytes >= 10, `${full.queuedBytes}`)
  t.deepEqual([...full.commands].sort(), [
    'blockUntil',
    'count',
    'countOrBlock',
    'pid',
    'runs',
    'sleep',
  ])
  gate!.open()
  await Promise.all([busy, ...waiting])
  for (let i = 0; i < 300; i++) pool.call('count')
  const { queued, queuedBytes, inFlight, needsDrain, spinHits, spinMisses } = pool.stats()
  t.deepEqual(
    { queued, queuedBytes, inFlight, needsDrain },
    {
      queued: 0,
      queuedBytes: 0,
      inFlight: 0,
      needsDrain: false,
    },
  )
  t.true(spinHits + spinMisses > 0)
  const closing = pool.close()
  t.true(['closing', 'closed'].includes(pool.stats().state))
  // Its last worker ends while nobody here hears of it.
  while (pool.stats().state !== 'closed');
  await closing
})

test.serial('percentiles of times are of all calls, not of the longest alone', async (t) => {
  const worker = start<Gated>(t, 'gated.mjs', { concurrency: 1 })
  for (let i = 0; i < 9; i++) await worker.acall('sleep', 5)
  await worker.acall('sleep', 1_000)
  const { count, meanUs, p50Us, p75Us, p90Us, p99Us, p999Us, maxUs } =
    worker.stats().times['sleep']!.run
  t.is(count, 10)
  t.true(p50Us <= p75Us && p75Us <= p90Us && p90Us <= p99Us && p99Us <= p999Us && p999Us <= maxUs)
  t.true(p50Us < maxUs && meanUs > p50Us && meanUs < maxUs)
  t.true(maxUs >= 999_000)
})
