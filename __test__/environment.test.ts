// JavaScript environments: the main thread, worker_threads, and how a host ends.

import test from 'ava'
import { fork } from 'node:child_process'
import { channel, fixture, isAlive, run, until } from './start.js'

const CALLS = 100_000

test.serial(
  `the main thread and four worker_threads make ${CALLS} calls each, every answer is its caller's`,
  async (t) => {
    const { stdout, stderr, code } = await run(t, 'five-environments.mjs', [String(CALLS)])
    t.is(stdout, `${5 * CALLS}\n`, stderr)
    t.is(code, 0)
  },
)

test.serial('they do as well where event loops are woken by threadsafe functions', async (t) => {
  const env = { PLUMP_IPC_WAKE: 'threadsafe' }
  const { stdout, stderr, code } = await run(t, 'five-environments.mjs', ['10000'], [], env)
  t.is(stdout, '50000\n', stderr)
  t.is(code, 0)
})

test.serial('a thread that is blocked in a call or for an event can be ended', async (t) => {
  const { stdout, code } = await run(t, 'terminated-thread.mjs')
  t.is(stdout, 'call ended\nget ended\nsetupListener ended\n')
  t.is(code, 0)
})

test.serial('a thread that blocks for events holds up no other', async (t) => {
  const { stdout, stderr, code } = await run(t, 'listening-thread.mjs')
  t.is(stdout, '[["tag",0],["tag",1],["tag",2]] true\n', stderr)
  t.is(code, 0)
})

test.serial('what a worker prints comes out of the host', async (t) => {
  const { stdout, stderr, code } = await run(t, 'outputs.mjs')
  t.deepEqual({ stdout, stderr, code }, { stdout: 'on stdout\n', stderr: 'on stderr\n', code: 0 })
})

test.serial('NODE_DEBUG=plump-ipc tells what the core does, on stderr', async (t) => {
  const { stdout, stderr } = await run(t, 'ends-by-itself.mjs', [], [], {
    NODE_DEBUG: 'http,plump-ipc',
  })
  t.is(stdout, '3\n')
  t.regex(stderr, /^PLUMP-IPC \d+: worker .* is ready/m)
})

test.serial('where addons are forbidden the error names the flag that allows them', async (t) => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  const { stdout } = await run(t, 'forbidden-addons.mjs', [], [flag, '--allow-fs-read=*'])
  t.regex(stdout, /^ERR_PLUMP_BINDING_MISSING .*--allow-addons/)
})

test.serial('a host ends by itself when nothing is in flight', async (t) => {
  const { stdout, stderr, code, signal } = await run(t, 'ends-by-itself.mjs')
  t.deepEqual(
    { stdout, stderr, code, signal },
    { stdout: '3\n', stderr: '', code: 0, signal: null },
  )
})

test.serial('calls of an instance that was unref-ed hold nobody', async (t) => {
  const { stdout, code } = await run(t, 'unrefs.mjs')
  t.is(stdout, 'let go\n')
  t.is(code, 0)
})

// They are to be gone within 2 seconds, and are within milliseconds where a CPU is free for them; the time that is given
// here is for machines that are busy with other things.
for (const state of [
  'idle',
  'workers spin',
  'workers are stopped',
  'workers start',
  'a worker of its own spins',
  'calls wait',
  'blocked',
  'calls flow',
])
  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    test.serial(`${signal} to the host ends its workers: ${state}`, async (t) => {
      t.timeout(60_000)
      const host = fork(fixture('host.mjs'), [state], {
        execArgv: [],
        env: { ...process.env, PLUMP_TEST_CHANNEL: channel },
      })
      t.teardown(() => host.kill('SIGKILL'))
      const pids = await new Promise<number[]>((resolve) => {
        host.once('message', (message) => resolve(message as number[]))
      })
      t.true(pids.length >= 2)
      t.true(pids.every(isAlive))
      // Until its timer fires it is not blocked yet.
      await new Promise((resolve) => setTimeout(resolve, 100))
      host.kill(signal)
      const gone = await until(() => !pids.some(isAlive), 10_000)
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      t.true(gone)
    })
