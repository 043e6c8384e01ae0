// Options of commands: where they may be given, which one wins, and that they hold.

import test, { type ExecutionContext } from 'ava'
import { type CommandOptions, PlumpError, PlumpIPC, type PlumpOptions } from '../src/index.js'
import { commandOptions, type OptionRow, rangeOf } from '../src/options.js'
import { command } from '../src/register.js'
import { registry } from '../src/registry.js'
import { start as startFixture, until } from './start.js'

type Ruled = typeof import('./fixtures/ruled.mjs')

function start(
  t: ExecutionContext,
  options: PlumpOptions<Ruled> = {},
  name = 'ruled.mjs',
): PlumpIPC<Ruled> {
  return startFixture<Ruled>(t, name, { graceMs: 60_000, ...options } as PlumpOptions)
}

/** The code of what a call fails with, and the limit that it names. */
async function limitOf(call: Promise<unknown>): Promise<[code: string, timeoutMs: number]> {
  return call.then(
    () => ['none', 0],
    (error: { code: string; timeoutMs: number }) => [error.code, error.timeoutMs],
  )
}

test.serial(
  'timeoutMs: the call over the host over the registration over the instance',
  async (t) => {
    const pool = start(t, { timeoutMs: 200 })
    const other = start(t, { timeoutMs: 200, commands: { limitedWait: { timeoutMs: 250 } } })
    const code = 'ERR_PLUMP_CALL_TIMEOUT'
    await Promise.all([pool.ready(), other.ready()])
    t.deepEqual(await limitOf(pool.acall('wait', 60_000)), [code, 200])
    t.deepEqual(await limitOf(pool.acall('limitedWait', 60_000)), [code, 150])
    t.deepEqual(await limitOf(other.acall('limitedWait', 60_000)), [code, 250])
    t.deepEqual(await limitOf(other.with({ timeoutMs: 80 }).acall('limitedWait', 60_000)), [
      code,
      80,
    ])
    t.deepEqual(await limitOf(other.with({ key: 'a' }).acall('limitedWait', 60_000)), [code, 250])
    t.is(await other.with({ timeoutMs: 20_000 }).acall('limitedWait', 300), 300)
  },
)

test.serial('runMs: the same', async (t) => {
  const pool = start(t, { runMs: 200 })
  const other = start(t, { runMs: 200, commands: { runsShortly: { runMs: 250 } } })
  const code = 'ERR_PLUMP_RUN_TIMEOUT'
  await Promise.all([pool.ready(), other.ready()])
  t.deepEqual(await limitOf(pool.acall('wait', 60_000)), [code, 200])
  t.deepEqual(await limitOf(pool.acall('runsShortly', 60_000)), [code, 150])
  t.deepEqual(await limitOf(other.acall('runsShortly', 60_000)), [code, 250])
  t.deepEqual(await limitOf(other.with({ runMs: 80 }).acall('runsShortly', 60_000)), [code, 80])
})

test.serial('queueMs: the same', async (t) => {
  const pool = start(t, { queueMs: 200, concurrency: 1 })
  const commands = { waitsForRoom: { queueMs: 250 } }
  const other = start(t, { queueMs: 200, concurrency: 1, commands })
  const code = 'ERR_PLUMP_QUEUE_TIMEOUT'
  await Promise.all([pool.ready(), other.ready()])
  const long = [pool, other].map((busy) => busy.with({ queueMs: 60_000 }).acall('wait', 2_000))
  t.deepEqual(await limitOf(pool.acall('wait', 1)), [code, 200])
  t.deepEqual(await limitOf(pool.acall('waitsForRoom', 1)), [code, 150])
  t.deepEqual(await limitOf(other.acall('waitsForRoom', 1)), [code, 250])
  t.deepEqual(await limitOf(other.with({ queueMs: 80 }).acall('waitsForRoom', 1)), [code, 80])
  await Promise.all(long)
})

test.serial('graceMs: a worker is ended as soon as the command of its call says', async (t) => {
  const pool = start(t, { graceMs: 600_000 })
  const pid = await pool.acall('pid')
  t.deepEqual(await limitOf(pool.acall('stubborn', 120_000)), ['ERR_PLUMP_RUN_TIMEOUT', 50])
  t.not(await pool.acall('pid'), pid)
})

test.serial('priority: of a command, and none for a call that asks for none', async (t) => {
  const pool = start(t, { concurrency: 1, priority: 1 })
  await pool.ready()
  const block = pool.acall('block', 300)
  const ahead = pool.acall('note', 'sent ahead')
  const calls = [
    pool.with({ priority: 0 }).acall('urgent', 'last'),
    pool.acall('note', 'second'),
    pool.acall('urgent', 'first'),
  ]
  await Promise.all([block, ahead, ...calls])
  t.deepEqual((await pool.acall('notes')).slice(-3), ['first', 'second', 'last'])
})

test.serial('calls that were made before the worker was ready get what it announces', async (t) => {
  const pool = start(t, { concurrency: 1 })
  const calls = [
    pool.acall('note', 'a'),
    pool.with({ priority: 0 }).acall('urgent', 'b'),
    pool.acall('urgent', 'c'),
    pool.acall('urgent', 'd'),
    pool.with({ key: 'a key' }).acall('urgent', 'e'),
  ]
  const noted = pool.acall('notes')
  await Promise.all(calls)
  t.deepEqual(await noted, ['c', 'd', 'e', 'a', 'b'])

  const other = start(t, { timeoutMs: 30_000, commands: { wait: { queueMs: 1 } } })
  const limited = limitOf(other.acall('limitedWait', 60_000))
  const few = Array.from({ length: 12 }, () => other.acall('two', 10))
  // What the host says is known from the beginning.
  t.deepEqual(await limitOf(other.acall('wait', 1)), ['ERR_PLUMP_QUEUE_TIMEOUT', 1])
  t.deepEqual(await limited, ['ERR_PLUMP_CALL_TIMEOUT', 150])
  t.is(Math.max(...(await Promise.all(few)).map(({ most }) => most)), 2)
})

test.serial(
  'a time that an early call was given by the instance is longer if its command says so',
  async (t) => {
    const pool = start(t, { timeoutMs: 10_000 })
    t.is(await pool.acall('patient', 10_500), 10_500)
  },
)

test.serial('call() has them from the first line on, without any await before it', (t) => {
  const pool = start(t, { commands: { wait: { timeoutMs: 5_000 }, note: { timeoutMs: 1 } } })
  const refused = { code: 'ERR_PLUMP_CALL_TIMEOUT', message: /within 150 ms/ }
  t.throws(() => pool.call('limitedWait', 60_000), refused)
  t.is(pool.call('wait', 20), 20)
  t.throws(() => pool.call('limitedWait', 60_000), refused)
})

test.serial('commands that are registered later have options, too', async (t) => {
  const pool = start(t)
  await pool.acall('later', 'late')
  t.true(await until(() => pool.stats().commands.includes('late')))
  t.deepEqual(await limitOf(pool.acall('late', 60_000)), ['ERR_PLUMP_CALL_TIMEOUT', 150])
})

test.serial('decorators take options', async (t) => {
  type Decorated = Record<'named' | 'unnamed' | 'both', (ms: number) => Promise<void>>
  const options = { execArgv: ['--import=tsx'], graceMs: 60_000 }
  const pool = startFixture<Decorated>(t, 'ruled-decorated.ts', options)
  const commands = ['named', 'unnamed', 'both'] as const
  t.deepEqual(
    await Promise.all(commands.map((name) => limitOf(pool.acall(name, 60_000)))),
    [150, 160, 170].map((ms) => ['ERR_PLUMP_CALL_TIMEOUT', ms]),
  )
})

test.serial(
  'a call that a handler makes gets no more than its command has, if the other one has more left',
  async (t) => {
    const pool = start(t)
    const code = 'ERR_PLUMP_CALL_TIMEOUT'
    t.deepEqual(await pool.with({ timeoutMs: 30_000 }).acall('nested', 'limitedWait'), [code, 150])
  },
)

for (const name of ['one', 'two'] as const) {
  const most = name === 'one' ? 1 : 2
  test.serial(`concurrency: ${most} in each of two workers, of 50 calls`, async (t) => {
    const pool = start(t, { workers: 2, commands: { note: { concurrency: 5 } } })
    // Some of them early, and with keys, which belong to one worker each.
    const early = Array.from({ length: 10 }, () => pool.acall(name, 5))
    await Promise.all([...early, pool.ready()])
    const calls = Array.from({ length: 50 }, (_, i) =>
      i % 3 === 0
        ? pool.with({ key: `key ${i}` }).acall(name, 5)
        : pool.with({ priority: i % 5 }).acall(name, 5),
    )
    const beside = pool.acall('note', 'beside them')
    const order: string[] = []
    void calls.at(-1)!.then(() => order.push('last of the limited'))
    await beside.then(() => order.push('beside'))
    const ran = await Promise.all(calls)
    t.is(Math.max(...ran.map((call) => call.most)), most)
    t.is(new Set(ran.map(({ pid }) => pid)).size, 2)
    t.is(order[0], 'beside', 'others go past those that wait for a place')
    t.is(pool.stats().queued, 0)
  })
}

test.serial('concurrency: 1 by call(), and where the calls before were given up', async (t) => {
  const pool = start(t, { graceMs: 60_000 })
  t.is(pool.call('one', 1).most, 1)
  await limitOf(pool.with({ timeoutMs: 50 }).acall('one', 500))
  const [first, second] = await Promise.all([pool.acall('one', 1), pool.acall('one', 1)])
  t.deepEqual([first!.most, second!.most], [1, 1])
})

test.serial(
  'one that waits for a place and is given up lets the next call of its key go',
  async (t) => {
    const pool = start(t, { heartbeatTimeoutMs: 0 })
    await pool.ready()
    const held = pool.acall('one', 5_000)
    for (const how of ['signal', 'queueMs', 'timeoutMs']) {
      const controller = new AbortController()
      const { signal } = controller
      const options = how === 'signal' ? { signal } : { [how]: 100 }
      const first = pool.with({ key: 'k', ...options }).acall('one', 0)
      const next = pool.with({ key: 'k' }).acall('pid')
      setTimeout(() => controller.abort(), 100)
      await t.throwsAsync(first)
      t.is(await Promise.race([held, next]), pool.stats().workers[0]!.pid!)
    }
    await held
  },
)

const given = (name: string, value: unknown): CommandOptions => ({ [name]: value })

for (const row of commandOptions as readonly OptionRow[]) {
  const bad: unknown[] = [null, Symbol('s'), Number.NaN, '5', {}, []]
  if ('min' in row) {
    bad.push(row.min - 1, row.max + 1, 1e300, Infinity, -Infinity, 5n, true)
    if (row.min >= 0) bad.push(-5)
  } else {
    bad.push(0, 1, 'true')
  }
  test(`${row.name} of a command, out of its range, is refused wherever it is given`, (t) => {
    for (const value of bad) {
      const options = given(row.name, value)
      for (const give of [
        () => new PlumpIPC({ commands: { resize: options } }),
        () => new PlumpIPC().start('/none.mjs', { commands: { resize: options } }),
        () => command('resize', () => 1, options),
        () => command(options),
        () => command('resize', options),
      ]) {
        const error = t.throws(give, { instanceOf: PlumpError, code: 'ERR_PLUMP_INVALID_OPTION' })
        t.true(error.message.startsWith(`${row.name} must be ${rangeOf(row)}, got `), error.message)
      }
    }
    t.false(registry.commands.has('resize'))
  })
}

test('retries of a command that is not idempotent are refused, with what to do', (t) => {
  const refused = { code: 'ERR_PLUMP_INVALID_OPTION', message: /give it `idempotent: true`/ }
  t.throws(() => command('unsafe', () => 1, { retries: 3 }), refused)
  t.throws(() => new PlumpIPC({ commands: { unsafe: { retries: 0, idempotent: false } } }), {
    ...refused,
    message: /^commands\['unsafe'\] has retries/,
  })
  t.notThrows(() => new PlumpIPC({ commands: { safe: { retries: 3, idempotent: true } } }))
})

test('commands that are none, and options that are none, are refused', (t) => {
  const wrong = (commands: unknown): (() => unknown) => {
    return () => new PlumpIPC({ commands } as PlumpOptions)
  }
  const code = 'ERR_PLUMP_INVALID_OPTION'
  for (const commands of [7, 'resize', [], null, { a: 5 }, { a: null }, { a: { key: 'k' } }])
    t.throws(wrong(commands), { code })
  t.throws(wrong({ a: { concurency: 1 } }), { code, message: /Did you mean 'concurrency'/ })
  t.throws(wrong({ '': {} }), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
  t.throws(wrong({ ['x'.repeat(2_000)]: {} }), { code: 'ERR_PLUMP_INVALID_COMMAND_NAME' })
  const many = Object.fromEntries(Array.from({ length: 65_537 }, (_, i) => [`c${i}`, {}]))
  t.throws(wrong(many), { code, message: /at most 65,536 commands, got 65,537/ })
  t.notThrows(wrong({ constructor: {}, a: undefined, b: { timeoutMs: undefined } }))
})

test('the options of a command are those that it was registered with first', (t) => {
  const handler = (): number => 1
  command('registered', handler, { timeoutMs: 5 })
  t.is(command('registered', handler), handler)
  t.is(command('registered', handler, { timeoutMs: 5 }), handler)
  const refused = { code: 'ERR_PLUMP_DUPLICATE_COMMAND', message: /before with other options/ }
  t.throws(() => command('registered', handler, { timeoutMs: 6 }), refused)
  t.throws(() => command('registered', handler, { priority: 6 }), refused)
  t.deepEqual(registry.commands.get('registered')?.options, { timeoutMs: 5 })
})
