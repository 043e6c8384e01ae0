// Calls whose workers die: those of idempotent commands are run again, and nothing else ever is.

import test, { type ExecutionContext } from 'ava'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  PlumpAbortError,
  type PlumpIPC,
  type PlumpOptions,
  PlumpWorkerError,
} from '../src/index.js'
import { isAlive, sleep, start as startFixture, until } from './start.js'

type Retried = typeof import('./fixtures/retried.mjs')
type CodedError = Error & { code: string }

/** Workers start again at once, and however many have died. */
const UNHINDERED: PlumpOptions<Retried> = { maxRestarts: 100_000, backoffMs: 0 }

function start(t: ExecutionContext, more: PlumpOptions<Retried> = {}): PlumpIPC<Retried> {
  return startFixture<Retried>(t, 'retried.mjs', { ...UNHINDERED, ...more } as PlumpOptions)
}

/** A file in which handlers note their runs. */
function notes(t: ExecutionContext): { file: string; lines: () => string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'plump-retries-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'runs')
  const lines = (): string[] =>
    existsSync(file) ? readFileSync(file, 'latin1').split('\n').slice(0, -1) : []
  return { file, lines }
}

async function errorOf(call: Promise<unknown>): Promise<CodedError> {
  return call.then(
    () => {
      throw new TypeError('It did not reject.')
    },
    (error: CodedError) => error,
  )
}

/** Waits until a call has died that pauses now, whose worker was that one. */
async function pausing(
  t: ExecutionContext,
  pool: PlumpIPC<Retried>,
  lines: () => string[],
): Promise<void> {
  t.true(await until(() => lines().length === 1), 'it has run')
  t.true(await until(() => pool.stats().workers.length === 0), 'its worker is gone')
  t.is(pool.stats().queued, 0, 'it does not count among those that wait')
}

test.serial(
  'under kills nothing runs twice but what may, and that is run until it is done',
  async (t) => {
    t.timeout(120_000)
    const { file, lines } = notes(t)
    const pool = start(t, { workers: 3, concurrency: 4 })
    await pool.ready()
    const count = 150
    const outcomes = new Map<string, unknown>()
    const make = (command: 'again' | 'once', i: number): Promise<void> => {
      const id = `${command} ${i}`
      const calls = i % 5 === 0 ? pool.with({ key: `key ${i % 4}` }) : pool
      return calls.acall(command, file, id, 15).then(
        (value) => void outcomes.set(id, value),
        (error: unknown) => void outcomes.set(id, error),
      )
    }
    const calls = Array.from({ length: count }, (_, i) => [
      make('again', i),
      make('once', i),
    ]).flat()
    for (let kills = 0; kills < 40; kills++) {
      await sleep(30)
      const ready = pool
        .stats()
        .workers.filter(({ state, pid }) => state === 'ready' && pid !== null)
      const victim = ready[kills % Math.max(1, ready.length)]?.pid
      try {
        if (victim !== undefined && victim !== null) process.kill(victim, 'SIGKILL')
      } catch {
        // It has ended since.
      }
    }
    await Promise.all(calls)
    const runs = new Map<string, number>()
    for (const id of lines()) runs.set(id, (runs.get(id) ?? 0) + 1)
    let again = 0
    let failed = 0
    for (let i = 0; i < count; i++) {
      const [safe, unsafe] = [`again ${i}`, `once ${i}`]
      t.is(outcomes.get(safe), safe)
      t.true(runs.get(safe)! >= 1 && runs.get(safe)! <= 101, safe)
      again += runs.get(safe)! - 1
      const outcome = outcomes.get(unsafe)
      if (outcome === unsafe) {
        t.is(runs.get(unsafe), 1, unsafe)
      } else {
        failed++
        t.true(outcome instanceof PlumpWorkerError, unsafe)
        t.is((outcome as PlumpWorkerError).runs, 1, unsafe)
        t.true((runs.get(unsafe) ?? 0) <= 1, `${unsafe} ran twice`)
      }
    }
    t.true(again > 0, 'the kills have hit calls that were run again')
    t.true(failed > 0, 'and others')
    const { retries, queued, queuedBytes } = pool.stats()
    t.true(retries >= again, `${retries} retries, ${again} seen`)
    t.deepEqual([queued, queuedBytes], [0, 0])
  },
)

for (const how of ['kill', 'exit', 'uncaught'] as const) {
  test.serial(
    `a worker that ends by ${how}: run again as often as it says, then rejected`,
    async (t) => {
      const { file, lines } = notes(t)
      const pool = start(t)
      t.is(await pool.acall('diesTwice', file, 2, how), undefined)
      t.is(lines().length, 3)
      t.is(pool.stats().retries, 2)
      const error = (await errorOf(pool.acall('diesTwice', file, 100, how))) as PlumpWorkerError
      t.true(error instanceof PlumpWorkerError)
      t.is(error.code, how === 'kill' ? 'ERR_PLUMP_WORKER_KILLED' : 'ERR_PLUMP_WORKER_EXITED')
      t.is(error.runs, 3)
      t.is(lines().length, 6)
      const atMostOnce = (await errorOf(pool.acall('dies', file, 100, how))) as PlumpWorkerError
      t.is(atMostOnce.runs, 1)
      t.is(lines().length, 7)
    },
  )
}

test.serial('maxRetryMs: the pauses grow to that and no further', async (t) => {
  const { file, lines } = notes(t)
  const rule = { idempotent: true, retries: 8, retryMs: 1, maxRetryMs: 1 }
  const long = { ...rule, retryMs: 2_147_483_647, maxRetryMs: 5 }
  const pool = start(t, { commands: { dies: long, diesTwice: rule } })
  t.is(await pool.acall('dies', file, 8, 'kill'), undefined)
  t.is(lines().length, 9)
})

test.serial('by call(), and with the host saying which command is idempotent', (t) => {
  const { file, lines } = notes(t)
  const pool = start(t, {
    commands: {
      dies: { idempotent: true, retries: 4, retryMs: 1 },
      diesTwice: { idempotent: false },
    },
  })
  t.is(pool.call('dies', file, 4, 'kill'), undefined)
  t.is(lines().length, 5)
  t.throws(() => pool.call('diesTwice', file, 100, 'kill'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  t.is(lines().length, 6)
})

test.serial(
  'what the handler throws is no reason to run it again, nor is that it was given up',
  async (t) => {
    const { file, lines } = notes(t)
    const pool = start(t)
    const error = await errorOf(pool.acall('diesTwice', file, 100, 'throw'))
    t.is(error.message, 'not a reason to run it again')
    t.is(lines().length, 1)
    const late = pool.with({ timeoutMs: 100, graceMs: 0 }).acall('diesTwice', file, 100, 'hang')
    t.is((await errorOf(late)).code, 'ERR_PLUMP_CALL_TIMEOUT')
    // What the worker begins just before it is ended goes with it.
    while ((await pool.acall('pid').catch(() => 0)) === 0);
    await sleep(100)
    t.is(lines().length, 2)
  },
)

test.serial('a worker that is ended because of another call', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  const pid = await pool.acall('pid')
  const [safe, unsafe] = [pool.acall('again', file, 'a', 400), pool.acall('once', file, 'b', 400)]
  const failed = errorOf(unsafe)
  t.true(await until(() => lines().length === 2))
  await errorOf(pool.with({ timeoutMs: 50, graceMs: 0 }).acall('forever'))
  t.is(await safe, 'a')
  const error = (await failed) as PlumpWorkerError
  t.is(error.code, 'ERR_PLUMP_WORKER_ENDED')
  t.is(error.runs, 1)
  t.deepEqual(lines(), ['a', 'b', 'a'])
  t.not(await pool.acall('pid'), pid)
})

test.serial('payloads of any size are sent again; blocks of the program are not', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  t.is(await pool.acall('diesTwice', file, 1, 'kill', Buffer.alloc(3_000_000, 7)), 3_000_000)
  t.is(await pool.acall('diesTwice', file, 3, 'kill', Buffer.alloc(100_000, 7)), 100_000)
  t.is(lines().length, 4)
  const block = pool.allocate(1_000_000)
  const { channel } = pool.stats().workers[0]!
  const error = (await errorOf(
    pool.acall('diesTwice', file, 100, 'kill', block),
  )) as PlumpWorkerError
  // Without shared memory a block is copied, and kept, as other bytes are.
  t.is(error.runs, channel === 'ring' ? 1 : 3)
})

test.serial('the deadline of a call goes on', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  const error = await errorOf(pool.with({ timeoutMs: 30_000 }).acall('left', file))
  t.is((error as PlumpWorkerError).runs, 2)
  const [first, second] = lines().map(Number)
  // Of one clock; what differs is how long the call was on its way.
  t.true(Math.abs(second! - first!) < 1_000, `${first} and ${second}`)
})

test.serial('given up while it pauses: cancelled', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  const controller = new AbortController()
  const call = errorOf(pool.with({ signal: controller.signal }).acall('pauses', file, 9, 'kill'))
  await pausing(t, pool, lines)
  controller.abort()
  t.true((await call) instanceof PlumpAbortError)
  t.is(typeof (await pool.acall('pid')), 'number')
  t.is(lines().length, 1)
  t.is(pool.stats().retries, 0)
})

test.serial('given up while it pauses: out of time, as a whole and for waiting', async (t) => {
  for (const [option, code, said] of [
    ['timeoutMs', 'ERR_PLUMP_CALL_TIMEOUT', /to be run again/],
    ['queueMs', 'ERR_PLUMP_QUEUE_TIMEOUT', /not run again/],
  ] as const) {
    const { file, lines } = notes(t)
    const pool = start(t)
    await pool.ready()
    const call = errorOf(pool.with({ [option]: 1_500 }).acall('pauses', file, 9, 'kill'))
    const { code: got, message } = await call
    t.is(got, code)
    t.regex(message, said)
    t.is(lines().length, 1)
    t.is(pool.stats().queued, 0)
    t.throws(() => pool.with({ [option]: 1_500 }).call('pauses', file, 9, 'kill'), { code })
    t.is(lines().length, 2)
  }
})

test.serial('given up while it pauses: closed', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  const call = errorOf(pool.acall('pauses', file, 9, 'kill'))
  await pausing(t, pool, lines)
  await pool.close()
  const error = await call
  t.is(error.code, 'ERR_PLUMP_CLOSED')
  t.regex(error.message, /run again/)
})

test.serial('closed while it waits again: it says so', async (t) => {
  const { file, lines } = notes(t)
  const backoffMs = 600_000
  const pool = start(t, { backoffMs, maxBackoffMs: backoffMs })
  const call = errorOf(pool.acall('diesTwice', file, 9, 'kill'))
  t.true(await until(() => pool.stats().retries === 1 && pool.stats().queued === 1))
  await pool.close()
  const error = (await call) as PlumpWorkerError
  t.is(error.code, 'ERR_PLUMP_CLOSED')
  t.regex(error.message, /run again/)
  t.is(lines().length, 1)
})

test.serial('closed while it runs: it is not run again', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t)
  const call = errorOf(pool.acall('diesTwice', file, 9, 'hang'))
  t.true(await until(() => lines().length === 1))
  await pool.close({ graceMs: 0 })
  t.is((await call).code, 'ERR_PLUMP_CLOSED')
  t.is(lines().length, 1)
})

test.serial('given up while it pauses: no worker is started any more', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t, { maxRestarts: 0, halfOpenMs: 600_000 })
  const error = (await errorOf(pool.acall('pauses', file, 9, 'kill'))) as PlumpWorkerError
  t.is(error.code, 'ERR_PLUMP_CIRCUIT_OPEN')
  t.is(error.runs, 1)
  t.is(lines().length, 1)
})

test.serial('a key stays held, and is let go of with its call', async (t) => {
  const { file, lines } = notes(t)
  const pool = start(t, { workers: 2, commands: { dies: { idempotent: true, retryMs: 300 } } })
  const keyed = pool.with({ key: 'k' })
  const calls = [
    keyed.acall('dies', file, 1, 'kill'),
    keyed.acall('once', file, 'second', 1),
    keyed.acall('once', file, 'third', 1),
  ]
  await Promise.all(calls)
  t.deepEqual(lines(), ['dies', 'dies', 'second', 'third'])

  const other = notes(t)
  const controller = new AbortController()
  const held = pool.with({ key: 'k', signal: controller.signal })
  const first = errorOf(held.acall('pauses', other.file, 9, 'kill'))
  const behind = keyed.acall('once', other.file, 'behind', 1)
  t.true(await until(() => other.lines().length === 1))
  await sleep(300)
  t.deepEqual(other.lines(), ['dies'], 'it waits')
  controller.abort()
  t.is(await behind, 'behind')
  t.true((await first) instanceof PlumpAbortError)
})

test.serial('an idempotent command with a concurrency', async (t) => {
  const { file, lines } = notes(t)
  const commands = { once: { idempotent: true, retries: 50, retryMs: 1, concurrency: 1 } }
  const pool = start(t, { workers: 2, commands })
  await pool.ready()
  const calls = Array.from({ length: 20 }, (_, i) => pool.acall('once', file, i, 20))
  const all = Promise.all(calls)
  for (let kills = 0; kills < 4; kills++) {
    await sleep(60)
    const pid = pool.stats().workers.find(({ state }) => state === 'ready')?.pid
    if (pid !== undefined && pid !== null && isAlive(pid)) process.kill(pid, 'SIGKILL')
  }
  t.deepEqual(
    await all,
    calls.map((_, i) => i),
  )
  t.true(lines().length >= 20)
  t.is(await pool.acall('once', file, 'last', 1), 'last', 'no place was lost')
})
