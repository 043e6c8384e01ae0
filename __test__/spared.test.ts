// Workers that are asked which calls they have not begun: what becomes of those that can't be run elsewhere, and of workers
// that go on after all.

import test, { type ExecutionContext } from 'ava'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import type { PlumpIPC, PlumpWorkerError } from '../src/index.js'
import { gates, sleep, start, until } from './start.js'

type Cancelled = typeof import('./fixtures/cancelled.mjs')

/** Larger than what is kept for another worker. */
const LARGE = 'x'.repeat(100_000)

/** The error with which a call rejects, if it does. */
async function errorOf(call: Promise<unknown>): Promise<PlumpWorkerError | undefined> {
  return call.then(
    () => undefined,
    (error: PlumpWorkerError) => error,
  )
}

/** How often workers were retired since for a call that had stopped. */
function sparings(t: ExecutionContext): () => number {
  let count = 0
  const note = (fact: unknown): void => {
    if ((fact as { reason: string }).reason === 'cancelled') count++
  }
  subscribe('plump-ipc:worker:retire', note)
  t.teardown(() => unsubscribe('plump-ipc:worker:retire', note))
  return () => count
}

/** Keeps a worker busy with no call; what lets it go on. */
async function block(t: ExecutionContext, worker: PlumpIPC<Cancelled>): Promise<() => void> {
  const [gate] = gates(t, 1)
  await worker.acall('blockSoon', gate!.file)
  t.true(await until(() => existsSync(`${gate!.file}.begun`)))
  return gate!.open
}

/**
 * Stops a worker until a call that it has not begun is given up and its grace over: the host asks for everything that has
 * not begun before the worker says that this one never will, and then has no reason to end it. The worker has `before` then,
 * is busy with no call, and gets `late`. On a busy machine it may be stopped too late, or for too long: tried again.
 */
async function spare(
  t: ExecutionContext,
  before: (worker: PlumpIPC<Cancelled>) => Promise<unknown>[],
  late: (worker: PlumpIPC<Cancelled>) => Promise<unknown>[],
  check: (late: Promise<unknown>[], before: Promise<unknown>[]) => Promise<void>,
): Promise<void> {
  const spared = sparings(t)
  for (let round = 0; round < 10; round++) {
    const worker = start<Cancelled>(t, 'cancelled.mjs', { graceMs: 60_000, concurrency: 40 })
    const pid = await worker.acall('pid')
    for (let i = 0; i < 200; i++) await worker.acall('add', i, 1)
    const early = before(worker)
    await sleep(20)
    const goOn = await block(t, worker)
    const calls = late(worker)
    const controller = new AbortController()
    const { signal } = controller
    const unbegun = errorOf(worker.with({ signal, graceMs: 20 }).acall('note', 'given up'))
    await sleep(20)
    process.kill(pid, 'SIGSTOP')
    await sleep(20)
    controller.abort()
    t.is((await unbegun)?.code, 'ERR_PLUMP_CANCELLED')
    await sleep(100)
    process.kill(pid, 'SIGCONT')
    const goesOn = await until(() => spared() > 0, 1_000)
    if (goesOn) await check(calls, early)
    goOn()
    const all = Promise.allSettled([...calls, ...early])
    await worker.close({ graceMs: 0 })
    await all
    if (goesOn) return
  }
  t.fail('no worker went on')
}

test.serial(
  'a call too large to be run elsewhere is rejected with why it is not run',
  async (t) => {
    await spare(
      t,
      () => [],
      (worker) => [worker.acall('note', LARGE), worker.acall('add', 1, 2)],
      async ([large, small]) => {
        const error = await errorOf(large!)
        t.is(error?.code, 'ERR_PLUMP_WORKER_ENDED')
        t.regex(error!.causedBy!, /^0x/)
        t.is(error!.command, 'note')
        t.is(await small, 3, 'run elsewhere')
      },
    )
  },
)

test.serial('the grace of another call is over while a worker may still go on', async (t) => {
  let controller: AbortController
  await spare(
    t,
    (worker) => {
      controller = new AbortController()
      const { signal } = controller
      return [
        errorOf(worker.with({ signal, graceMs: 60 }).acall('wait', 100_000)),
        worker.acall('wait', 100_001),
      ]
    },
    () => {
      setTimeout(() => controller.abort(), 40)
      return []
    },
    async (_, [, innocent]) => {
      const error = await errorOf(innocent!)
      t.is(error?.code, 'ERR_PLUMP_WORKER_ENDED', 'a call on it does not stop')
    },
  )
})

test.serial('a large call that is given up before it has come ends nobody', async (t) => {
  const worker = start<Cancelled>(t, 'cancelled.mjs', { maxBlockBytes: 0 })
  const pid = await worker.acall('pid')
  const others = worker.acall('wait', 1_000)
  await sleep(20)
  const goOn = await block(t, worker)
  const controller = new AbortController()
  const { signal } = controller
  // More than a channel holds, and than the few looks at it that there are without any effort.
  const text = 'x'.repeat(10_000_000)
  const large = errorOf(worker.with({ signal, graceMs: 4_000 }).acall('note', text))
  controller.abort()
  t.is((await large)?.code, 'ERR_PLUMP_CANCELLED')
  t.true(await until(() => worker.stats().workers[0]?.inFlight === 1, 10_000))
  goOn()
  t.is(await others, 1_000)
  t.is(await worker.acall('pid'), pid)
  t.deepEqual(await worker.acall('noted'), [])
})

for (const idempotent of [false, true])
  test.serial(
    `queueMs: a call that has not come in time is not run (idempotent: ${idempotent})`,
    async (t) => {
      const worker = start<Cancelled>(t, 'cancelled.mjs', {
        commands: { note: { idempotent } },
        maxBlockBytes: 0,
      })
      await worker.acall('note', 'first')
      const goOn = await block(t, worker)
      // More than a channel holds: its worker does not have all of it when its time is over.
      const text = 'x'.repeat(30_000_000)
      const late = errorOf(worker.with({ queueMs: 1 }).acall('note', text))
      t.is((await late)?.code, 'ERR_PLUMP_QUEUE_TIMEOUT', 'told while the worker is still busy')
      goOn()
      t.deepEqual(await worker.acall('noted'), ['first'])
      t.true(await until(() => worker.stats().inFlight === 0))
    },
  )
