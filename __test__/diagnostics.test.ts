// What a monitor hears through node:diagnostics_channel.

import test from 'ava'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type {
  CallRejectMessage,
  CallSettleMessage,
  CallStartMessage,
  WorkerExitMessage,
  WorkerMessage,
  WorkerRestartMessage,
  WorkerRetireMessage,
} from '../src/index.js'
import { start, until } from './start.js'

test.serial('calls and workers tell what becomes of them', async (t) => {
  const heard = new Map<string, unknown[]>()
  const on = <T>(name: string): T[] => {
    const messages: unknown[] = []
    heard.set(name, messages)
    const listener = (message: unknown): void => void messages.push(message)
    subscribe(name, listener)
    t.teardown(() => unsubscribe(name, listener))
    return messages as T[]
  }
  const starts = on<CallStartMessage>('plump-ipc:call:start')
  const settles = on<CallSettleMessage>('plump-ipc:call:settle')
  const rejects = on<CallRejectMessage>('plump-ipc:call:reject')
  const spawns = on<WorkerMessage>('plump-ipc:worker:spawn')
  const exits = on<WorkerExitMessage>('plump-ipc:worker:exit')
  const retires = on<WorkerRetireMessage>('plump-ipc:worker:retire')
  const restarts = on<WorkerRestartMessage>('plump-ipc:worker:restart')

  const pool = start(t, 'recycled.mjs', { name: 'watched', maxCalls: 3, maxQueue: 1 })
  const pid = await pool.acall('pid')
  t.is(pool.call('pid'), pid)
  await t.throwsAsync(pool.acall('die'), { code: 'ERR_PLUMP_WORKER_KILLED' })
  t.not(await pool.acall('pid'), pid)

  t.deepEqual(starts[0], { pool: 'watched', command: 'pid' })
  t.is(starts.length, 4)
  t.is(settles.length, 4)
  t.true(settles.every(({ durationMs }) => durationMs > 0))
  t.like(settles[2], {
    pool: 'watched',
    command: 'die',
    error: { code: 'ERR_PLUMP_WORKER_KILLED' },
  })
  t.false('error' in settles[1]!)
  t.true(await until(() => exits.length > 0 && spawns.length > 1 && restarts.length > 0))
  t.deepEqual(spawns[0], { pool: 'watched', pid: pid as number })
  t.deepEqual(exits[0], { pool: 'watched', pid: pid as number, signal: 'SIGKILL', expected: false })
  t.deepEqual(retires[0], { pool: 'watched', pid: pid as number, reason: 'calls' })
  t.deepEqual(restarts[0], { pool: 'watched', workers: 1 })

  t.deepEqual(rejects, [])
  const flood = Array.from({ length: 20 }, () => pool.acall('wait', 1).catch(() => undefined))
  await Promise.all(flood)
  t.true(rejects.length > 0)
  t.like(rejects[0], { pool: 'watched', command: 'wait', error: { code: 'ERR_PLUMP_QUEUE_FULL' } })
})

test.serial('an exit tells its code or signal, and whether it was asked for', async (t) => {
  const exits: WorkerExitMessage[] = []
  const listener = (message: unknown): void => void exits.push(message as WorkerExitMessage)
  subscribe('plump-ipc:worker:exit', listener)
  t.teardown(() => unsubscribe('plump-ipc:worker:exit', listener))
  const told = async (count: number): Promise<void> => {
    t.true(await until(() => exits.length === count))
  }

  const exiting = start(t, 'dying.mjs', { name: 'exiting' })
  const pid = (await exiting.acall('pid')) as number
  await t.throwsAsync(exiting.acall('exit', 3))
  await told(1)
  t.deepEqual(exits[0], { pool: 'exiting', pid, exitCode: 3, expected: false })

  const ending = start(t, 'dying.mjs', { name: 'ending' })
  const last = (await ending.acall('pid')) as number
  await ending.close()
  await told(2)
  t.deepEqual(exits[1], { pool: 'ending', pid: last, exitCode: 0, expected: true })

  // close() asks by SIGTERM before it kills.
  const deaf = start(t, 'dying.mjs', { name: 'deaf' })
  await deaf.ready()
  const spinning = t.throwsAsync(deaf.acall('spin'))
  await new Promise((resolve) => setTimeout(resolve, 200))
  await deaf.close({ graceMs: 0 })
  await spinning
  await told(3)
  t.like(exits[2], { pool: 'deaf', signal: 'SIGTERM', expected: true })
})

for (const [reason, options, command, ...args] of [
  ['age', { maxAgeMs: 300 }, 'wait', 1],
  ['memory', { maxRssBytes: 1024 ** 2 }, 'wait', 1_000],
  ['calls', { maxCalls: 1 }, 'wait', 1],
  ['idle', { workers: { min: 0, max: 1, idleMs: 50 } }, 'wait', 1],
] as const)
  test.serial(`a worker that is retired tells why: ${reason}`, async (t) => {
    const retires: WorkerRetireMessage[] = []
    const listener = (message: unknown): void => void retires.push(message as WorkerRetireMessage)
    subscribe('plump-ipc:worker:retire', listener)
    t.teardown(() => unsubscribe('plump-ipc:worker:retire', listener))
    const pool = start(t, 'recycled.mjs', { name: reason, ...options })
    const pid = (await pool.acall(command, ...args)) as number
    t.true(await until(() => retires.length > 0))
    t.deepEqual(retires[0], { pool: reason, pid, reason })
  })

test.serial('a call that an open circuit refuses is told as rejected', async (t) => {
  const rejects: CallRejectMessage[] = []
  const listener = (message: unknown): void => void rejects.push(message as CallRejectMessage)
  subscribe('plump-ipc:call:reject', listener)
  t.teardown(() => unsubscribe('plump-ipc:call:reject', listener))
  const options = { name: 'broken', maxRestarts: 0, halfOpenMs: 600_000 }
  const pool = start(t, 'recycled.mjs', options)
  await t.throwsAsync(pool.acall('die'))
  await t.throwsAsync(pool.acall('pid'), { code: 'ERR_PLUMP_CIRCUIT_OPEN' })
  t.is(rejects.length, 1)
  t.like(rejects[0], { pool: 'broken', command: 'pid', error: { code: 'ERR_PLUMP_CIRCUIT_OPEN' } })
})

test.serial('what a handler throws is no rejection, whatever its code', async (t) => {
  const rejects: unknown[] = []
  const listener = (message: unknown): void => void rejects.push(message)
  subscribe('plump-ipc:call:reject', listener)
  t.teardown(() => unsubscribe('plump-ipc:call:reject', listener))
  const pool = start(t, 'failing.mjs')
  for (const code of ['ERR_PLUMP_QUEUE_FULL', 'ERR_PLUMP_CIRCUIT_OPEN']) {
    t.like(await t.throwsAsync(pool.acall('throwsValue', { code }), { any: true }), { code })
    t.like(
      t.throws(() => pool.call('throwsValue', { code }), { any: true }),
      { code },
    )
  }
  t.deepEqual(rejects, [])
})

test.serial('of a process that could not be made there is an exit without an id', async (t) => {
  const exits: WorkerExitMessage[] = []
  const listener = (message: unknown): void => void exits.push(message as WorkerExitMessage)
  subscribe('plump-ipc:worker:exit', listener)
  t.teardown(() => unsubscribe('plump-ipc:worker:exit', listener))
  const pool = start(t, 'recycled.mjs', { name: 'nowhere', execPath: '/there/is/no/such/program' })
  await t.throwsAsync(pool.ready(), { code: 'ERR_PLUMP_SPAWN_FAILED' })
  t.deepEqual(exits, [{ pool: 'nowhere', expected: false }])
})
