import test from 'ava'
import {
  type CallOptions,
  PlumpError,
  PlumpIPC,
  type PlumpOptions,
  PlumpQueue,
  spawn,
} from '../src/index.js'
import { checkOptions, instanceOptions, type OptionRow, rangeOf } from '../src/options.js'
import { fixture } from './start.js'

const wrong = (value: unknown): PlumpOptions => value as PlumpOptions

for (const row of instanceOptions as readonly OptionRow[]) {
  const bad: unknown[] = [null, Symbol('s'), Number.NaN]
  if (row.type === 'integer' || row.type === 'milliseconds')
    bad.push(row.min - 1, row.max + 1, -5, 1e300, Infinity, -Infinity, '5', 5n, {}, [], true)
  if (row.type === 'integer') bad.push(row.min + 0.5)
  if (row.type === 'string') bad.push('', 7, 'a\0b', 'a'.repeat(256), {})
  if (row.type === 'strings') bad.push('a', [1], ['a\0'], {})
  if (row.type === 'environment')
    bad.push('A=1', [], { A: 1 }, { 'A=B': '' }, { A: 'a\0' }, { '': '' })
  if (row.type === 'path') bad.push('', 7, 'a\0b', new URL('http://localhost'))
  if (row.type === 'module') bad.push('relative.js', './relative.js', 7)
  if (row.type === 'codec')
    bad.push('xml', {}, { name: '', encode() {}, decode() {} }, { name: 'a' })
  if (row.type === 'one of') bad.push('', 'smoke signals', 7)

  test(`${row.name} out of its range is refused, with its name, range and the value got`, (t) => {
    for (const value of bad) {
      // A range may go below zero.
      if (
        'min' in row &&
        typeof value === 'number' &&
        value >= row.min &&
        value <= row.max &&
        Number.isInteger(value)
      )
        continue
      const error = t.throws(() => new PlumpIPC(wrong({ [row.name]: value })), {
        instanceOf: PlumpError,
        code: 'ERR_PLUMP_INVALID_OPTION',
      })
      t.true(error.message.startsWith(`${row.name} must be ${rangeOf(row)}, got `), error.message)
    }
  })
}

test('the ends of a range belong to it', (t) => {
  for (const row of instanceOptions as readonly OptionRow[]) {
    if (row.type !== 'integer' && row.type !== 'milliseconds') continue
    t.notThrows(() => new PlumpIPC(wrong({ [row.name]: row.min })), row.name)
    t.notThrows(() => new PlumpIPC(wrong({ [row.name]: row.max })), row.name)
  }
})

test('the defaults are in their ranges', (t) => {
  for (const row of instanceOptions as readonly OptionRow[]) {
    if (row.type !== 'integer' && row.type !== 'milliseconds') continue
    if (typeof row.default !== 'number') continue
    t.notThrows(() => new PlumpIPC(wrong({ [row.name]: row.default })), row.name)
  }
})

test('an unknown option is refused with the nearest one', (t) => {
  const error = t.throws(() => new PlumpIPC(wrong({ wokers: 2 })), {
    code: 'ERR_PLUMP_INVALID_OPTION',
  })
  t.regex(error.message, /has no option 'wokers'\. Did you mean 'workers'\?/)
})

test('options that are no object are refused', (t) => {
  for (const value of [7, 'workers', [], null, true])
    t.throws(() => new PlumpIPC(wrong(value)), { code: 'ERR_PLUMP_INVALID_OPTION' })
})

test('options that are undefined count as not given', (t) => {
  t.notThrows(() => new PlumpIPC(wrong({ workers: undefined, timeoutMs: undefined })))
  t.notThrows(() => new PlumpIPC(undefined))
})

test('start and spawn check their options before anything is started', (t) => {
  t.throws(() => spawn(fixture('math.mjs'), { workers: 0 }), { code: 'ERR_PLUMP_INVALID_OPTION' })
  t.throws(() => new PlumpIPC().start(fixture('math.mjs'), { workers: 10_000 }), {
    code: 'ERR_PLUMP_INVALID_OPTION',
    message:
      /workers must be an integer from 1 to 1,024, 'auto' or { min, max, idleMs }, got 10000/,
  })
})

test('with checks the options of a call', (t) => {
  const plump = new PlumpIPC()
  for (const timeoutMs of [0, -1, Number.NaN, Infinity, 1e12, '5'] as number[])
    t.throws(() => plump.with({ timeoutMs }), { code: 'ERR_PLUMP_INVALID_OPTION' })
  t.throws(() => plump.with({ timeout: 5 } as CallOptions), {
    code: 'ERR_PLUMP_INVALID_OPTION',
    message: /Did you mean 'timeoutMs'/,
  })
  t.notThrows(() => plump.with({ timeoutMs: 0.5 }), 'is rounded up')
})

test('close checks its options', async (t) => {
  await t.throwsAsync(new PlumpIPC().close({ graceMs: -1 }), { code: 'ERR_PLUMP_INVALID_OPTION' })
})

test('a queue checks its options', (t) => {
  for (const bad of [{ capacity: 0 }, { name: '' }, { onError: 'log' }, { size: 5 }])
    t.throws(() => new PlumpQueue(bad as object), { code: 'ERR_PLUMP_INVALID_OPTION' })
})

test('what was given is copied, so that later changes do no harm', (t) => {
  const argv = ['a']
  const checked = checkOptions<PlumpOptions>({ argv }, instanceOptions, 'a test')
  argv.push('b')
  t.deepEqual(checked.argv, ['a'])
})

test('long values are cut in the message', (t) => {
  const error = t.throws(() => new PlumpIPC(wrong({ workers: 'x'.repeat(1e6) })))
  t.true(error.message.length < 400)
})
