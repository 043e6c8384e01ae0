import test from 'ava'
import { inspect } from 'node:util'
import {
  type CallOptions,
  type CloseOptions,
  type CommandOptions,
  PlumpError,
  type PlumpErrorCode,
  PlumpIPC,
  type PlumpOptions,
  PlumpQueue,
  type QueueOptions,
  spawn,
  type WorkerRange,
} from '../src/index.js'
import {
  callOptions,
  checkOptions,
  closeOptions,
  commandOptions,
  instanceOptions,
  type OptionRow,
  queueOptions,
  rangeOf,
  rangeOptions,
} from '../src/options.js'
import { shown } from '../src/shown.js'
import { fixture } from './start.js'

const wrong = (value: unknown): PlumpOptions => value as PlumpOptions

/** What every option is tried with. */
const values: readonly unknown[] = [
  null,
  true,
  false,
  Symbol('s'),
  5n,
  -1n,
  {},
  [],
  [1],
  () => {},
  new Date(0),
  new Map(),
  0,
  -0,
  1,
  5,
  -1,
  -5,
  0.5,
  -0.5,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  1e300,
  -1e300,
  Number.MIN_VALUE,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 64,
  '',
  '5',
  'auto',
  'smoke signals',
  'a\0b',
  'a'.repeat(256),
  'x'.repeat(1024 ** 2),
  ['a\0'],
  { A: 1 },
  { 'A=B': '' },
  { A: 'a\0' },
  { '': '' },
  'relative.js',
  './relative.js',
  new URL('http://localhost'),
  new URL('file:///a'),
  { name: '', encode() {}, decode() {} },
  { name: 'a', encode: 1 },
  new AbortController(),
]

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0
  )
}

/** Said a second time, in other words than src/options.ts has it; a new type of option does not compile without its own. */
function isRight(row: OptionRow, value: unknown): boolean {
  const isText = typeof value === 'string' && !value.includes('\0')
  switch (row.type) {
    case 'integer':
      return (
        (typeof value === 'number' &&
          value % 1 === 0 &&
          !(value < row.min) &&
          !(value > row.max)) ||
        (row.or !== undefined && value === row.or)
      )
    case 'milliseconds':
      // Rounded up; but nothing below zero.
      return typeof value === 'number' && value >= 0 && value > row.min - 1 && value <= row.max
    case 'string':
      return isText && value.length > 0 && value.length < 256
    case 'strings':
      return Array.isArray(value) && value.length === 0
    // Of the objects above those without members.
    case 'environment':
    case 'commands':
      return isEmptyObject(value)
    case 'path':
      return (isText && value !== '') || (value instanceof URL && value.protocol === 'file:')
    case 'module':
      return value instanceof URL
    case 'codec':
      return false
    case 'function':
      return typeof value === 'function'
    case 'boolean':
      return value === true || value === false
    case 'signal':
      return false
    case 'workers':
      return value === 'auto' || value === 1 || value === 5
    case 'key':
      return typeof value === 'string' && value.length > 0 && value.length <= 1_024
    case 'one of':
      return row.values.includes(value as string)
  }
}

/** Whether what is wrong is in there, under a name of its own. */
function isNested(row: OptionRow, value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null
  return isObject && (row.type === 'workers' || (row.type === 'commands' && !Array.isArray(value)))
}

/** The name of a command is refused as it is everywhere. */
function codeFor(row: OptionRow, value: unknown): PlumpErrorCode {
  const isNamed = row.type === 'commands' && typeof value === 'object' && '' in (value ?? {})
  return isNamed ? 'ERR_PLUMP_INVALID_COMMAND_NAME' : 'ERR_PLUMP_INVALID_OPTION'
}

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isWhole = <_ extends true>(): void => {}
type NameOf<Rows extends readonly OptionRow[]> = Rows[number]['name']
// An option that is in an interface and in no list, or the other way round, does not compile.
isWhole<Equal<NameOf<typeof instanceOptions>, keyof PlumpOptions>>()
isWhole<Equal<NameOf<typeof rangeOptions>, keyof WorkerRange>>()
isWhole<Equal<NameOf<typeof callOptions>, keyof CallOptions>>()
isWhole<Equal<NameOf<typeof commandOptions>, keyof CommandOptions>>()
isWhole<Equal<NameOf<typeof closeOptions>, keyof CloseOptions>>()
isWhole<Equal<NameOf<typeof queueOptions>, keyof QueueOptions>>()

/** Where options are given, and what is said before the name of one. */
const places: readonly {
  where: string
  rows: readonly OptionRow[]
  prefix?: string
  give: (option: Record<string, unknown>) => unknown
}[] = [
  { where: 'new PlumpIPC', rows: instanceOptions, give: (option) => new PlumpIPC(wrong(option)) },
  {
    where: 'start',
    rows: instanceOptions,
    // Nothing may be started for what is right: the module's name is wrong.
    give: (option) => {
      try {
        new PlumpIPC().start('no absolute path', wrong(option))
      } catch (error) {
        if ((error as PlumpError).code !== 'ERR_PLUMP_INVALID_ARGUMENT') throw error
      }
    },
  },
  {
    where: 'workers',
    rows: rangeOptions,
    prefix: 'workers.',
    give: (option) => new PlumpIPC(wrong({ workers: { max: 1_024, min: 0, ...option } })),
  },
  { where: 'with', rows: callOptions, give: (option) => new PlumpIPC().with(option) },
  {
    where: 'commands',
    rows: commandOptions,
    give: (option) =>
      new PlumpIPC(wrong({ commands: { resize: { idempotent: true, ...option } } })),
  },
  {
    where: 'close',
    rows: closeOptions,
    give: async (option) => new PlumpIPC().close(option),
  },
  {
    where: 'new PlumpQueue',
    rows: queueOptions,
    give: (option) => {
      new PlumpQueue({ name: 'of the options', ...option }).close()
    },
  },
]

for (const { where, rows, prefix = '', give } of places)
  for (const row of rows)
    test(`${where}: ${row.name} is refused where it is wrong, with its name, range and the value got`, async (t) => {
      for (const value of values) {
        const giveIt = async (): Promise<unknown> => give({ [row.name]: value })
        if (isRight(row, value)) {
          await t.notThrowsAsync(giveIt, String(inspect(value)).slice(0, 50))
          continue
        }
        const error = await t.throwsAsync(
          giveIt,
          { instanceOf: PlumpError, code: codeFor(row, value) },
          String(inspect(value)).slice(0, 50),
        )
        const begin = `${prefix}${row.name} must be ${rangeOf(row)}, got `
        if (isNested(row, value)) {
          t.regex(error!.message, /^(workers|commands|A command name)/)
        } else t.is(error!.message, `${begin}${shown(value)}.`)
        t.true(error!.message.length < 500)
      }
    })

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

test('a range of workers: what it is not', (t) => {
  for (const [workers, message] of [
    [{ min: 3, max: 2 }, /^workers\.min must be at most workers\.max \(2\), got 3/],
    [{ min: 1 }, /^workers\.max must be given/],
    [{}, /^workers\.max must be given .* from 1 to 1,024 or 'auto', got undefined/],
    [{ max: 0 }, /^workers\.max must be an integer from 1 to 1,024 or 'auto', got 0/],
    [{ max: 10_000 }, /^workers\.max must be .*, got 10000/],
    [{ max: 2, idle: 5 }, /has no option 'workers\.idle'\. Did you mean 'workers\.idleMs'/],
  ] as const)
    t.throws(() => new PlumpIPC(wrong({ workers })), { code: 'ERR_PLUMP_INVALID_OPTION', message })
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

test('a value that throws where it is looked at is refused as any other', (t) => {
  const throwing = {
    get [inspect.custom](): string {
      throw new RangeError('not for you')
    },
  }
  for (const row of instanceOptions.filter(({ type }) => type === 'integer' || type === 'boolean'))
    t.throws(() => new PlumpIPC(wrong({ [row.name]: throwing })), {
      code: 'ERR_PLUMP_INVALID_OPTION',
      message: new RegExp(`^${row.name} must be .*, got an object\\.$`),
    })
})
