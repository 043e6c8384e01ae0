// Every option, once: name, type, range, default. Validation, its messages and the README's table are read off these
// lists; the interfaces below are the same for TypeScript.

import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CodecOption } from './codec/codec.js'
import { isCodec } from './codec/is-codec.js'
import { checkCommandName } from './command-names.js'
import type { AnyCommands, CommandName } from './commands.js'
import { didYouMean } from './did-you-mean.js'
import { PlumpError } from './errors.js'
import { limits } from './generated/limits.js'
import { shown } from './shown.js'

/**
 * Options of a command: where it is registered, `plump.command(name, fn, options)`, and at the host, `start(module, { commands:
 * { [name]: options } })`. What `with(options)` says for a call wins over the host's `commands`, these over the registration,
 * and that over the options of the instance.
 */
export interface CommandOptions {
  /** Milliseconds a call may take; the clock starts when it is made. */
  timeoutMs?: number
  /** Milliseconds a call may wait; the clock starts when it is made and stops when its handler is called. */
  queueMs?: number
  /** Milliseconds its handler may run; the clock starts when that is called. */
  runMs?: number
  /** Milliseconds its handler has to stop when nobody waits for the call any more, before its worker is ended. */
  graceMs?: number
  /** Calls of higher priority go first among those that wait; -100 to 100. */
  priority?: number
  /** How many of its calls one worker may have at once, 1 to 65,536. Default: as many as `concurrency` of the instance allows. */
  concurrency?: number
  /**
   * Running it twice does no harm: a call whose worker dies is run again, `retries` times at most. What the handler throws is
   * never a reason to. Default `false`.
   */
  idempotent?: boolean
  /** How often a call is run again, 0 to 100; only for an idempotent command. Default 2. */
  retries?: number
  /** The longest pause before a call is run again for the first time, milliseconds; it doubles each time. Default 100. */
  retryMs?: number
  /** What doubling that pause stops at, milliseconds. Default 10,000. */
  maxRetryMs?: number
}

/** Options of an instance: for `new PlumpIPC(options)`, `start(module, options)` and `spawn(module, options)`. */
export interface PlumpOptions<Commands = AnyCommands> {
  /** Shown in stats and errors. Default: the module's file name. */
  name?: string
  /**
   * How many worker processes, 1 to 1,024; `'auto'` = as many as this process may use: by CPU affinity, the container's
   * quota of CPU time and memory (`stats().auto` says what was found); or a range, within which the number follows what is
   * asked. Default 1.
   */
  workers?: number | 'auto' | WorkerRange
  /** Workers that are kept ready beyond those that are used, where starting one takes longer than a call may wait. Default 0. */
  spare?: number
  /** Milliseconds for which the first call waits before a further worker of a range is started. Default 20. */
  growMs?: number
  /** Variables to add to or, with `undefined`, to take out of the environment that the workers inherit. */
  env?: Readonly<Record<string, string | undefined>>
  /** Working directory of the workers. Default: that of the host. */
  cwd?: string | URL
  /** What the workers find in `process.argv` from place 2 on. */
  argv?: readonly string[]
  /** Flags for the workers' Node. Default: those of the host without `--inspect…`, `--eval` and the like. */
  execArgv?: readonly string[]
  /** Executable that runs the workers. Default `process.execPath`. */
  execPath?: string
  /** Options of commands, by their names. They win over those that a command was registered with. */
  commands?: { readonly [Name in CommandName<Commands>]?: CommandOptions | undefined }
  /** How values become bytes. Default `'structured'`, the semantics of structured clone. */
  codec?: CodecOption
  /** Module whose export `codec` (or default export) is the worker's side of a codec of your own. */
  codecModule?: URL | string
  /** Milliseconds a worker may take until it is ready; the clock starts when it is made. Default 30,000. */
  startTimeoutMs?: number
  /** Milliseconds a call may take; the clock starts when it is made. Default: no limit. */
  timeoutMs?: number
  /** Milliseconds a call may wait; the clock starts when it is made and stops when its handler is called. Default: no limit. */
  queueMs?: number
  /** Milliseconds a handler may run; the clock starts when it is called. Default: no limit. */
  runMs?: number
  /**
   * Milliseconds a handler has to stop; the clock starts when nobody waits for its call any more: it was cancelled, or its
   * time is over. Then its worker is ended and replaced. Default 5,000.
   */
  graceMs?: number
  /**
   * Milliseconds that a worker which was asked to end has for its teardown functions and to exit; the clock starts when its
   * last handler is done. Then its process is ended by a signal. Default 5,000.
   */
  teardownMs?: number
  /** The largest encoded argument list or result, bytes. Default 1 GiB. */
  maxPayloadBytes?: number
  /** How deep a value may be nested. Default 1,000. */
  maxDepth?: number
  /**
   * Shared memory that large payloads between the host and one worker may take in each direction, bytes; 0 = none. What
   * finds no room there takes a slower way. Memory for copies of results has the same limit, for all workers together.
   * Default 256 MiB.
   */
  maxBlockBytes?: number
  /** Milliseconds after which memory for large payloads that is not used any more is given back to the system. Default 1,000. */
  blockIdleMs?: number
  /**
   * Large results are not copied: the host is shown the worker's memory, which the worker could still write. Only for
   * workers whose every line is yours. Default `false`.
   */
  trusted?: boolean
  /** How many handlers may interleave in one worker. Default 16. */
  concurrency?: number
  /** What carries the calls: shared memory or pipes. Default `'auto'`: the fastest that this platform has. */
  channel?: 'auto' | 'pipe' | 'ring'
  /** Calls of higher priority go first among those that wait; -100 to 100. Default 0. */
  priority?: number
  /** Milliseconds of waiting that count as much as one step of `priority`: nothing waits for ever. Default 1,000. */
  agingMs?: number
  /** How many calls may wait for a worker. Default 1,000,000. */
  maxQueue?: number
  /** What becomes of a call when `maxQueue` calls wait: it is rejected, or waits, too, as long as `maxQueueBytes` has room. Default `'reject'`. */
  whenFull?: 'reject' | 'wait'
  /** How many bytes of calls may wait for a worker: payloads, 1,000 for each call, and up to a quarter for V8's heap (docs/queues.md). Default 2 GiB. */
  maxQueueBytes?: number
  /** Longest time a side that expects something watches for it before it sleeps, microseconds; 0 = never. Default 50. An eighth of it while as many workers are busy as there are CPUs. */
  spinUs?: number
  /** Failed starts and deaths within `restartWindowMs` after which workers are still started again. Default 10. */
  maxRestarts?: number
  /** Milliseconds for which a failure counts; the clock starts with it. Default 60,000. */
  restartWindowMs?: number
  /** The longest pause before the start that follows a first failure, milliseconds; it doubles with each one. Default 100. */
  backoffMs?: number
  /** What doubling the pause stops at, milliseconds. Default 10,000. */
  maxBackoffMs?: number
  /** Milliseconds for which nothing is started after too many failures; then one start tries. Default 10,000. */
  halfOpenMs?: number
  /** Calls after which a worker is replaced. Default: no limit. */
  maxCalls?: number
  /** Milliseconds after which a worker is replaced; the clock starts when it is made. Default: no limit. */
  maxAgeMs?: number
  /** Resident memory above which a worker is replaced, bytes; looked at while it has calls. Default: no limit. */
  maxRssBytes?: number
  /** Milliseconds between looks at a worker that has calls. Default 1,000. */
  heartbeatMs?: number
  /** Milliseconds after which a worker whose link does not answer is ended; 0 = never. Default 30,000. */
  heartbeatTimeoutMs?: number
}

/** A number of workers that follows what is asked of them. */
export interface WorkerRange {
  /** Workers that are kept also while there is nothing to do, 0 to `max`. Default 1. */
  min?: number
  /** Workers that there are at most, 1 to 1,024; `'auto'` as above. */
  max: number | 'auto'
  /** Milliseconds without a call after which a worker above `min` is ended; the clock starts with its last answer. Default 30,000. */
  idleMs?: number
}

/** Options of one call, for `with(options)`. */
export interface CallOptions {
  /** Milliseconds the call may take; the clock starts when it is made. Default: that of the command, or else of the instance. */
  timeoutMs?: number
  /** Milliseconds it may wait; the clock starts when it is made and stops when its handler is called. Default: that of the command, or else of the instance. */
  queueMs?: number
  /** Milliseconds its handler may run; the clock starts when that is called. Default: that of the command, or else of the instance. */
  runMs?: number
  /** Milliseconds its handler has to stop when nobody waits for it any more, before its worker is ended. Default: that of the command, or else of the instance. */
  graceMs?: number
  /** Calls of higher priority go first among those that wait; -100 to 100. Default: that of the command, or else of the instance. */
  priority?: number
  /**
   * All calls of one key run on one worker, one at a time, in the order in which they were made. Which worker that is
   * depends on the key alone, as long as the instance has that many workers.
   */
  key?: string
  /** Cancels the call when it is aborted. `call()` looks at it on entry. */
  signal?: AbortSignal | undefined
}

/** Options of `close()`. */
export interface CloseOptions {
  /** Milliseconds that calls which have begun are given to finish, before their workers are ended. Default 5,000. */
  graceMs?: number
}

/** Options of `new PlumpQueue(options)`. */
export interface QueueOptions {
  /** Queues of one name are one bus. Default `'default'`. */
  name?: string
  /** How many events may wait here; the oldest are dropped above it. Default 65,536. */
  capacity?: number
  /** How events become bytes; the same on every side. Default `'structured'`. */
  codec?: CodecOption
  /** The largest encoded event, bytes. Default 1 GiB. */
  maxPayloadBytes?: number
  /** How deep an event may be nested. Default 1,000. */
  maxDepth?: number
  /** Told what a listener threw. Default: a warning of the process (`PlumpListenerWarning`). */
  onError?: (error: unknown) => void
}

type OptionType =
  | { type: 'integer'; min: number; max: number; or?: string }
  | { type: 'milliseconds'; min: number; max: number }
  | { type: 'string' }
  | { type: 'strings' }
  | { type: 'environment' }
  | { type: 'path' }
  | { type: 'module' }
  | { type: 'codec' }
  | { type: 'function' }
  | { type: 'boolean' }
  | { type: 'signal' }
  | { type: 'workers' }
  | { type: 'key' }
  | { type: 'commands' }
  | { type: 'one of'; values: readonly string[] }

/** One option. */
export type OptionRow = OptionType & {
  readonly name: string
  /** What holds when it is not given; a text describes what is not a constant. */
  readonly default: unknown
}

const MAX_MS = 2_147_483_647
const GIB = 1024 ** 3
const MAX_KEY_BYTES = 1_024
const payload = [
  { name: 'maxPayloadBytes', type: 'integer', min: 1, max: 4 * GIB - 1, default: GIB },
  { name: 'maxDepth', type: 'integer', min: 1, max: 10_000, default: 1_000 },
] as const satisfies OptionRow[]

export const instanceOptions = [
  { name: 'name', type: 'string', default: "the module's file name" },
  { name: 'workers', type: 'workers', default: 1 },
  { name: 'spare', type: 'integer', min: 0, max: limits.maxWorkers, default: 0 },
  { name: 'growMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 20 },
  { name: 'env', type: 'environment', default: {} },
  { name: 'cwd', type: 'path', default: "the host's" },
  { name: 'argv', type: 'strings', default: [] },
  { name: 'execArgv', type: 'strings', default: "the host's without `--inspect…`" },
  { name: 'execPath', type: 'path', default: '`process.execPath`' },
  { name: 'commands', type: 'commands', default: {} },
  { name: 'codec', type: 'codec', default: 'structured' },
  { name: 'codecModule', type: 'module', default: 'none' },
  { name: 'startTimeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 30_000 },
  { name: 'timeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 'no limit' },
  { name: 'queueMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 'no limit' },
  { name: 'runMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 'no limit' },
  { name: 'graceMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 5_000 },
  { name: 'teardownMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 5_000 },
  ...payload,
  { name: 'maxBlockBytes', type: 'integer', min: 0, max: 64 * GIB, default: GIB / 4 },
  { name: 'blockIdleMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 1_000 },
  { name: 'trusted', type: 'boolean', default: false },
  { name: 'concurrency', type: 'integer', min: 1, max: 65_536, default: 16 },
  { name: 'channel', type: 'one of', values: ['auto', 'pipe', 'ring'], default: 'auto' },
  { name: 'priority', type: 'integer', min: -100, max: 100, default: 0 },
  { name: 'agingMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 1_000 },
  { name: 'maxQueue', type: 'integer', min: 1, max: 100_000_000, default: 1_000_000 },
  { name: 'whenFull', type: 'one of', values: ['reject', 'wait'], default: 'reject' },
  { name: 'maxQueueBytes', type: 'integer', min: 1_024, max: 1_024 * GIB, default: 2 * GIB },
  { name: 'spinUs', type: 'integer', min: 0, max: 1_000, default: 50 },
  { name: 'maxRestarts', type: 'integer', min: 0, max: 100_000, default: 10 },
  { name: 'restartWindowMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 60_000 },
  { name: 'backoffMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 100 },
  { name: 'maxBackoffMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 10_000 },
  { name: 'halfOpenMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 10_000 },
  {
    name: 'maxCalls',
    type: 'integer',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    default: 'no limit',
  },
  { name: 'maxAgeMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 'no limit' },
  {
    name: 'maxRssBytes',
    type: 'integer',
    min: 1_048_576,
    max: 1_024 * GIB,
    default: 'no limit',
  },
  { name: 'heartbeatMs', type: 'milliseconds', min: 10, max: MAX_MS, default: 1_000 },
  { name: 'heartbeatTimeoutMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 30_000 },
] as const satisfies OptionRow[]

export const rangeOptions = [
  { name: 'min', type: 'integer', min: 0, max: limits.maxWorkers, default: 1 },
  { name: 'max', type: 'integer', min: 1, max: limits.maxWorkers, or: 'auto', default: 'none' },
  { name: 'idleMs', type: 'milliseconds', min: 1, max: MAX_MS, default: 30_000 },
] as const satisfies OptionRow[]

export const callOptions = [
  { name: 'timeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the command's" },
  { name: 'queueMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the command's" },
  { name: 'runMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the command's" },
  { name: 'graceMs', type: 'milliseconds', min: 0, max: MAX_MS, default: "the command's" },
  { name: 'priority', type: 'integer', min: -100, max: 100, default: "the command's" },
  { name: 'key', type: 'key', default: 'none' },
  { name: 'signal', type: 'signal', default: 'none' },
] as const satisfies OptionRow[]

export const commandOptions = [
  { name: 'timeoutMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the instance's" },
  { name: 'queueMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the instance's" },
  { name: 'runMs', type: 'milliseconds', min: 1, max: MAX_MS, default: "the instance's" },
  { name: 'graceMs', type: 'milliseconds', min: 0, max: MAX_MS, default: "the instance's" },
  { name: 'priority', type: 'integer', min: -100, max: 100, default: "the instance's" },
  { name: 'concurrency', type: 'integer', min: 1, max: 65_536, default: "the instance's" },
  { name: 'idempotent', type: 'boolean', default: false },
  { name: 'retries', type: 'integer', min: 0, max: 100, default: 2 },
  { name: 'retryMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 100 },
  { name: 'maxRetryMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 10_000 },
] as const satisfies OptionRow[]

export const closeOptions = [
  { name: 'graceMs', type: 'milliseconds', min: 0, max: MAX_MS, default: 5_000 },
] as const satisfies OptionRow[]

export const queueOptions = [
  { name: 'name', type: 'string', default: 'default' },
  {
    name: 'capacity',
    type: 'integer',
    min: 1,
    max: limits.maxMailboxEvents,
    default: limits.maxMailboxEvents,
  },
  { name: 'codec', type: 'codec', default: 'structured' },
  ...payload,
  { name: 'onError', type: 'function', default: 'a warning of the process' },
] as const satisfies OptionRow[]

/**
 * The options that were given, checked: unknown names, wrong types and values out of range are refused; milliseconds
 * are rounded up to whole ones. `undefined` counts as not given.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, naming the option, its range and the value got.
 */
export function checkOptions<T extends object>(
  given: T | undefined,
  rows: readonly OptionRow[],
  of: string,
): T {
  if (given === undefined) return {} as T
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid(`${of} takes its options as an object, got ${shown(given)}.`)
  const checked: Record<string, unknown> = {}
  // No list of pairs and no function for each: `with()` is called for every call that has a signal of its own.
  for (const name of Object.keys(given)) {
    const row = rowOf(name, rows)
    if (row === undefined) {
      const names = rows.map((row) => row.name)
      throw invalid(
        `${of} has no option ${shown(name)}.${didYouMean(name, names)} It takes ${names.join(', ')}.`,
      )
    }
    const value = (given as Record<string, unknown>)[name]
    if (value !== undefined) checked[name] = checkOption(row, value)
  }
  return checked as T
}

function rowOf(name: string, rows: readonly OptionRow[]): OptionRow | undefined {
  for (const row of rows) if (row.name === name) return row
  return undefined
}

/**
 * The options of a command, checked as `checkOptions` does. `of` says whose they are.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, also for `retries` of a command that is not idempotent.
 */
export function checkCommandOptions(given: CommandOptions | undefined, of: string): CommandOptions {
  const checked = checkOptions(given, commandOptions, of)
  if (checked.retries !== undefined && checked.idempotent !== true)
    throw invalid(
      `${of} has retries and is not idempotent: give it \`idempotent: true\` beside them if running it twice does no harm, or leave them out.`,
    )
  return checked
}

/** What an option takes, in words. */
export function rangeOf(row: OptionRow): string {
  switch (row.type) {
    case 'integer':
      return `an integer from ${grouped(row.min)} to ${grouped(row.max)}${row.or === undefined ? '' : ` or '${row.or}'`}`
    case 'milliseconds':
      return `a number of milliseconds from ${grouped(row.min)} to ${grouped(row.max)}`
    case 'string':
      return 'a string of 1 to 255 UTF-8 bytes without NUL'
    case 'strings':
      return 'an array of strings without NUL'
    case 'environment':
      return 'an object of strings without NUL (undefined removes a variable)'
    case 'path':
      return 'a path or a file: URL'
    case 'module':
      return 'an absolute path or a file: URL'
    case 'codec':
      return "'structured', 'json' or { name, encode, decode }"
    case 'function':
      return 'a function'
    case 'boolean':
      return 'true or false'
    case 'signal':
      return 'an AbortSignal'
    case 'workers':
      return `an integer from 1 to ${grouped(limits.maxWorkers)}, 'auto' or { min, max, idleMs }`
    case 'commands':
      return 'an object of options by the names of commands'
    case 'key':
      return 'a string of 1 to 1,024 UTF-8 bytes'
    case 'one of':
      return row.values.map((value) => `'${value}'`).join(' or ')
  }
}

function checkOption(row: OptionRow, value: unknown): unknown {
  switch (row.type) {
    case 'integer':
      if (row.or !== undefined && value === row.or) return value
      return Number.isInteger(value) && within(row, value as number) ? value : refuse(row, value)
    case 'milliseconds':
      // What is just below zero would be rounded up to it.
      return Number.isFinite(value) &&
        (value as number) >= 0 &&
        within(row, Math.ceil(value as number))
        ? Math.ceil(value as number)
        : refuse(row, value)
    case 'string':
      return isText(value) && value !== '' && Buffer.byteLength(value) <= 255
        ? value
        : refuse(row, value)
    case 'strings':
      return Array.isArray(value) && value.every(isText) ? [...value] : refuse(row, value)
    case 'environment':
      return isEnvironment(value) ? { ...value } : refuse(row, value)
    case 'path':
      if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
      return isText(value) && value !== '' ? value : refuse(row, value)
    case 'module':
      return value instanceof URL || (isText(value) && isAbsolute(value))
        ? value
        : refuse(row, value)
    case 'codec':
      return value === 'structured' || value === 'json' || isCodec(value)
        ? value
        : refuse(row, value)
    case 'function':
      return typeof value === 'function' ? value : refuse(row, value)
    case 'commands':
      return isObject(value) ? checkCommands(value) : refuse(row, value)
    case 'key':
      return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_KEY_BYTES
        ? value
        : refuse(row, value)
    case 'workers':
      if (value === 'auto') return value
      if (isObject(value)) return checkRange(value)
      return Number.isInteger(value) && within({ min: 1, max: limits.maxWorkers }, value as number)
        ? value
        : refuse(row, value)
    case 'signal':
      return value instanceof AbortSignal ? value : refuse(row, value)
    case 'boolean':
      return typeof value === 'boolean' ? value : refuse(row, value)
    case 'one of':
      return row.values.includes(value as string) ? value : refuse(row, value)
  }
}

function refuse(row: OptionRow, value: unknown): never {
  throw invalid(`${row.name} must be ${rangeOf(row)}, got ${shown(value)}.`)
}

/** @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_INVALID_COMMAND_NAME` */
function checkCommands(given: object): Record<string, CommandOptions> {
  const entries = Object.entries(given) as [string, CommandOptions | undefined][]
  if (entries.length > limits.maxCommands)
    throw invalid(
      `commands must name at most ${grouped(limits.maxCommands)} commands, got ${grouped(entries.length)}.`,
    )
  return Object.fromEntries(
    entries.map(([name, options]) => {
      checkCommandName(name)
      return [name, checkCommandOptions(options, `commands[${shown(name)}]`)]
    }),
  )
}

/** @throws PlumpError `ERR_PLUMP_INVALID_OPTION` */
function checkRange(given: object): WorkerRange {
  const rows = rangeOptions.map((row) => ({ ...row, name: `workers.${row.name}` }))
  const named = Object.entries(given).map(([name, value]) => [`workers.${name}`, value])
  const checked = checkOptions<Record<string, never>>(Object.fromEntries(named), rows, 'workers')
  const max = checked['workers.max'] as number | 'auto' | undefined
  const min = (checked['workers.min'] as number | undefined) ?? (max === undefined ? 0 : 1)
  if (max === undefined)
    throw invalid(
      `workers.max must be given with a range: ${rangeOf(rangeOptions[1])}, got undefined.`,
    )
  if (max !== 'auto' && min > max)
    throw invalid(`workers.min must be at most workers.max (${max}), got ${min}.`)
  return { min, max, idleMs: checked['workers.idleMs'] ?? 30_000 }
}

function within(row: { min: number; max: number }, value: number): boolean {
  return value >= row.min && value <= row.max
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function isEnvironment(value: unknown): value is Record<string, string | undefined> {
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([name, text]) =>
        isText(name) && name !== '' && !name.includes('=') && (text === undefined || isText(text)),
    )
  )
}

function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

function invalid(message: string): PlumpError {
  return new PlumpError('ERR_PLUMP_INVALID_OPTION', message)
}
