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
