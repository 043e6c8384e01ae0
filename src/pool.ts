// One started instance as the host sees it: its workers' life, the names of its commands, who waits for it.

import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BlockParts, makeBlock, type PlumpBlock } from './block.js'
import { type PayloadCodec, resolveCodec } from './codec/codec.js'
import { checkCommandName } from './command-names.js'
import { didYouMean } from './did-you-mean.js'
import { workerChannels } from './diagnostics.js'
import { addonPath } from './environment.js'
import { PlumpConnectionError, PlumpError } from './errors.js'
import type { CallOwner, Exchange } from './exchange.js'
import { inheritedExecArgv, inheritedNodeOptions } from './exec-argv.js'
import { type FailureEntry, failureError, nativeError } from './failure.js'
import { codes } from './generated/codes.js'
import { limits } from './generated/limits.js'
import { moduleUrl } from './module-url.js'
import {
  type Allowance,
  type NativeLink,
  type PoolEvent,
  type PoolOptions,
  type Rule,
  NO_COMMAND,
} from './native.js'
import type { PlumpOptions } from './options.js'
import { packageRoot } from './package-root.js'
import { rejected } from './rejected.js'
import { shown } from './shown.js'
import { version } from './generated/version.js'
import type { Welcome } from './welcome.js'

/** How many levels of workers that start workers there may be. */
const MAX_DEPTH = 8
/** What nobody can ask for. */
const NO_NAME = {}
const DEPTH = 'PLUMP_IPC_DEPTH'
const DEFAULT_BLOCK_BYTES = 256 * 1024 ** 2
const ADDON = 'PLUMP_IPC_ADDON'

type Readiness =
  /** `before`: why the start before this one has failed. */
  | { readonly is: 'starting'; readonly before?: PlumpError }
  | { readonly is: 'ready' }
  | { readonly is: 'failed'; readonly error: PlumpError }
  | { readonly is: 'closed' }

/** Of what the core tells, that which is looked at here. */
interface CoreStats {
  readonly circuit: string
  readonly queued: number
  readonly workers: readonly unknown[]
  readonly commands: readonly string[]
}

interface Waiter<T> {
  readonly resolve: (value: T | PromiseLike<T>) => void
}

export class Pool implements CallOwner {
  readonly id: number
  /** Shown in stats, errors and what monitors hear. */
  readonly name: string
  readonly exchange: Exchange
  readonly codec: PayloadCodec
  readonly spinUs: number
  inFlight = 0
  readonly workers: number
  /** What `workers: 'auto'` has found. */
  readonly auto: Allowance | undefined
  readonly #maxBlockBytes: number
  /** Buffers over memory of the core, by its numbers. `kept`: those that no block of the program's has now. */
  readonly #shown = new Map<number, { weak: WeakRef<ArrayBuffer>; kept: ArrayBuffer | undefined }>()
  /** Whether its calls keep the event loop alive. */
  refed = true
  timed: boolean

  readonly #numbers = new Map<string, number>()
  /** The command that was asked for last. */
  #lastName: unknown = NO_NAME
  #lastNumber = 0
  /** Names that the workers have announced. */
  readonly #commands = new Set<string>()
  #readiness: Readiness = { is: 'starting' }
  readonly #waitForReady: Waiter<void>[] = []
  readonly #waitForClosed: Waiter<void>[] = []
  readonly #waitForDrain: Waiter<void>[] = []
  #closing: Promise<void> | undefined

  /**
   * Begins to start the workers; `module` is undefined for processes that the user starts.
   *
   * @throws PlumpError `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_NESTING_TOO_DEEP`
   */
  constructor(exchange: Exchange, module: string | undefined, options: PlumpOptions) {
    this.exchange = exchange
    this.codec = resolveCodec(options.codec ?? 'structured', payloadLimits(options))
    this.spinUs = options.spinUs ?? 50
    const asked = module === undefined ? 0 : (options.workers ?? 1)
    const range = typeof asked === 'object' ? asked : undefined
    const most = range?.max ?? (asked as number | 'auto')
    if (most === 'auto')
      this.auto = JSON.parse(exchange.binding.allowance(options.maxRssBytes ?? 0)) as Allowance
    const max = most === 'auto' ? this.auto!.chosen : most
    const workers = {
      workers: max,
      minWorkers: Math.min(range?.min ?? max, max),
      idleMs: range?.idleMs ?? 30_000,
    }
    const native = nativeOptions(module, options, workers, this.codec)
    this.name = native.name
    this.timed = [native.defaults, ...Object.values(native.commands)].some(startsClock)
    // Without blocks what is allocated is private memory.
    this.#maxBlockBytes = native.maxBlockBytes === 0 ? native.maxPayloadBytes : native.maxBlockBytes
    try {
      this.id = exchange.binding.poolOpen(JSON.stringify(native))
    } catch (error) {
      throw nativeError(error)
    }
    // Who has started no workers does not know how many there are.
    this.workers = native.workers === 0 ? Number.POSITIVE_INFINITY : native.workers
    exchange.addOwner(this)
  }

  /**
   * The number of a command that is about to be called. The first call after a failed start begins a new attempt.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_COMMAND_NAME`; PlumpConnectionError `ERR_PLUMP_CLOSED`
   */
  numberOf(name: string): number {
    // Calls of one command come in rows.
    if (name !== this.#lastName) {
      this.#lastNumber = this.#numbers.get(name) ?? this.#learn(name)
      this.#lastName = name
    }
    if (this.#closing !== undefined) throw new PlumpConnectionError('ERR_PLUMP_CLOSED')
    if (this.#readiness.is === 'failed')
      this.#readiness = { is: 'starting', before: this.#readiness.error }
    return this.#lastNumber
  }

  #forget(name: string): void {
    this.#numbers.delete(name)
    this.#lastName = NO_NAME
  }

  #learn(name: string): number {
    checkCommandName(name)
    if (this.#closing !== undefined) throw new PlumpConnectionError('ERR_PLUMP_CLOSED')
    if (this.#numbers.size >= limits.maxCommands) this.#numbers.clear()
    let number: number
    try {
      number = this.exchange.binding.commandNumber(this.id, name)
    } catch (error) {
      throw nativeError(error)
    }
    if (number === NO_COMMAND) throw this.#unknown(name)
    this.#numbers.set(name, number)
    return number
  }

  /** Resolves when the first worker is ready; rejects with why it did not get so. */
  ready(): Promise<void> {
    switch (this.#readiness.is) {
      case 'ready':
        return Promise.resolve()
      case 'failed':
        return Promise.reject(this.#readiness.error)
      case 'closed':
        return Promise.reject(new PlumpConnectionError('ERR_PLUMP_CLOSED'))
      case 'starting':
        if (this.#readiness.before === undefined) this.exchange.binding.poolAwaitFirst(this.id)
        else if (!this.#tries()) return Promise.reject(this.#readiness.before)
        return new Promise((resolve) => {
          this.#waitForReady.push({ resolve })
          this.exchange.reconsider()
        })
    }
  }

  /** Whether a worker is being started, or will be because calls wait for one. */
  #tries(): boolean {
    this.exchange.flush()
    const stats = this.stats()
    if (stats === null) return false
    const { circuit, queued, workers } = stats
    return workers.length > 0 || (circuit !== 'open' && queued > 0)
  }

  /** What the core tells of it; `null`: every worker is gone, and that is about to be heard here. */
  stats(): CoreStats | null {
    return JSON.parse(this.exchange.binding.poolStats(this.id) ?? 'null') as CoreStats | null
  }

  /**
   * A block of that many bytes.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_BLOCK_LIMIT`; PlumpConnectionError `ERR_PLUMP_CLOSED`
   */
  allocate(bytes: number): PlumpBlock {
    const most = this.#maxBlockBytes
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > most)
      throw new PlumpError(
        'ERR_PLUMP_INVALID_ARGUMENT',
        `allocate(bytes) takes an integer from 1 to ${most.toLocaleString('en-US')} (maxBlockBytes), got ${shown(bytes)}.`,
      )
    if (this.#closing !== undefined) throw new PlumpConnectionError('ERR_PLUMP_CLOSED')
    const { exchange } = this
    const { binding } = exchange
    let buffer = binding.allocateBlock(this.id, bytes, 0)
    let key = exchange.blockKey
    if (buffer === undefined && key !== 0) {
      buffer = this.#shown.get(key)?.weak.deref()
      if (buffer === undefined) {
        binding.releaseBlock(this.id, exchange.status)
        buffer = binding.allocateBlock(this.id, bytes, 1)
        key = exchange.blockKey
      }
    }
    const { status } = exchange
    if (buffer !== undefined) {
      this.#show(key, buffer)
      return makeBlock(this, status, key, buffer)
    }
    if (status !== 0)
      throw new PlumpError(
        'ERR_PLUMP_BLOCK_LIMIT',
        `A block of ${bytes.toLocaleString('en-US')} bytes was asked for, and the others take too much of the ${most.toLocaleString('en-US')} bytes of maxBlockBytes.`,
      )
    try {
      return makeBlock(this, 0, 0, new ArrayBuffer(bytes))
    } catch (cause) {
      throw new PlumpError('ERR_PLUMP_BLOCK_LIMIT', 'There is no memory for such a block.', {
        cause,
      })
    }
  }

  takeBack({ number, key }: BlockParts, buffer: ArrayBuffer): void {
    const { binding } = this.exchange
    if (number === 0) {
      binding.detach(buffer)
      return
    }
    binding.releaseBlock(this.id, number)
    const shown = this.#shown.get(key)
    // Kept for the next block: making another one makes the engine collect garbage.
    if (shown !== undefined && !this.closed) shown.kept = buffer
  }

  /** From now on only the program keeps the buffer alive: when it is collected, its block was lost. */
  #show(key: number, buffer: ArrayBuffer): void {
    const known = this.#shown.get(key)
    if (known?.weak.deref() === buffer) {
      known.kept = undefined
      return
    }
    for (const other of this.#shown.keys()) {
      this.exchange.binding.knowsBlock(this.id, other)
      if (this.exchange.status === 0) this.#shown.delete(other)
    }
    this.#shown.set(key, { weak: new WeakRef(buffer), kept: undefined })
  }

  close(graceMs: number): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = new Promise((resolve) => {
        this.#waitForClosed.push({ resolve })
      })
      this.exchange.flush()
      this.exchange.binding.poolClose(this.id, graceMs)
      this.exchange.reconsider()
    }
    return this.#closing
  }

  /** Whether whoever makes calls should hold back. */
  get needsDrain(): boolean {
    return !this.closed && this.exchange.binding.poolNeedsDrain(this.id)
  }

  /** Resolves when they may go on. */
  drained(): Promise<void> {
    this.exchange.flush()
    if (!this.needsDrain) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waitForDrain.push({ resolve })
      this.exchange.reconsider()
    })
  }

  /** Whether every worker is gone and none will come. */
  get closed(): boolean {
    return this.#readiness.is === 'closed'
  }

  createLink(): NativeLink {
    try {
      return this.exchange.binding.poolLink(this.id)
    } catch (error) {
      throw nativeError(error)
    }
  }

  holds(): boolean {
    return (
      (this.refed &&
        (this.inFlight > 0 || this.#waitForReady.length > 0 || this.#waitForDrain.length > 0)) ||
      this.#waitForClosed.length > 0
    )
  }

  failure(entry: FailureEntry, command: string): Error {
    if (isUnknownCommand(entry)) this.#learnCommands()
    const error = failureError(
      { facts: { command, ...entry.facts }, cause: entry.cause },
      isUnknownCommand(entry) ? didYouMean(command, this.#commands) : '',
    )
    // Names that turned out to be none must not pile up here.
    if (isUnknownCommand(entry)) this.#forget(command)
    return error
  }

  #unknown(name: string): Error {
    const message = `The worker has no command '${name}'.`
    const facts = { kind: codes.ERR_PLUMP_UNKNOWN_COMMAND.number, message }
    return this.failure({ facts, cause: undefined }, name)
  }

  /** A program that only blocks takes in no events, so it has not been told which commands there are. */
  #learnCommands(): void {
    if (this.#commands.size > 0 || this.closed) return
    for (const name of this.stats()?.commands ?? []) this.#commands.add(name)
  }

  onEvent(event: PoolEvent, cause: unknown): void {
    switch (event.event) {
      case 'ready':
        for (const name of event.commands) this.#commands.add(name)
        this.timed ||= event.timed
        this.#become({ is: 'ready' })
        break
      case 'commands':
        for (const name of event.commands) this.#commands.add(name)
        this.timed ||= event.timed
        break
      case 'failed':
        this.#become({ is: 'failed', error: failureError({ facts: event, cause }) })
        break
      case 'spawn':
      case 'exit':
      case 'retire':
      case 'restart': {
        const { event: name, ...facts } = event
        const channel = workerChannels[name]
        if (channel.hasSubscribers) channel.publish({ pool: this.name, ...withoutNulls(facts) })
        break
      }
      case 'overtime':
        process.emitWarning(
          `Worker ${event.pid ?? '(of unknown process id)'} of '${this.name}' was ended: it had not exited ${event.teardownMs} ms after its last handler. Its teardown functions, or its listeners of 'exit', take longer or never settle; see the option teardownMs.`,
          { type: 'PlumpTeardownWarning' },
        )
        break
      case 'drained':
        this.#goOn()
        break
      case 'closed':
        this.#goOn()
        this.#become({ is: 'closed' })
        this.#shown.clear()
        for (const { resolve } of this.#waitForClosed.splice(0)) resolve()
        this.exchange.removeOwner(this)
        break
    }
  }

  #goOn(): void {
    for (const { resolve } of this.#waitForDrain.splice(0)) resolve()
  }

  #become(readiness: Readiness): void {
    if (this.#readiness.is === 'closed') return
    this.#readiness = readiness
    if (readiness.is === 'starting') return
    for (const { resolve } of this.#waitForReady.splice(0)) {
      if (readiness.is === 'ready') resolve()
      else if (readiness.is === 'failed') resolve(rejected(readiness.error))
      else resolve(rejected(new PlumpConnectionError('ERR_PLUMP_CLOSED')))
    }
  }
}

function startsClock({ timeoutMs, queueMs }: Rule): boolean {
  return timeoutMs !== undefined || queueMs !== undefined
}

/** What is not known stays away. */
function withoutNulls(facts: object): object {
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== null))
}

function isUnknownCommand({ facts }: FailureEntry): boolean {
  return facts.kind === UNKNOWN_COMMAND
}
const UNKNOWN_COMMAND = codes.ERR_PLUMP_UNKNOWN_COMMAND.number

function payloadLimits(options: PlumpOptions): { maxDepth: number; maxPayloadBytes: number } {
  return {
    maxDepth: options.maxDepth ?? 1_000,
    maxPayloadBytes: options.maxPayloadBytes ?? 1024 ** 3,
  }
}

function nativeOptions(
  module: string | undefined,
  options: PlumpOptions,
  workers: Pick<PoolOptions, 'workers' | 'minWorkers' | 'idleMs'>,
  codec: PayloadCodec,
): PoolOptions {
  const welcome: Welcome = {
    module,
    codec: codec.name,
    codecModule:
      options.codecModule === undefined ? undefined : moduleUrl(options.codecModule, 'codecModule'),
    concurrency: options.concurrency ?? 16,
    spinUs: options.spinUs ?? 50,
    ...payloadLimits(options),
  }
  return {
    program: options.execPath ?? process.execPath,
    args: [
      ...(options.execArgv ?? inheritedExecArgv(process.execArgv)),
      join(packageRoot, 'dist/worker.cjs'),
      ...(options.argv ?? []),
    ],
    env: environmentOf(options),
    cwd: (options.cwd as string | undefined) ?? null,
    name: options.name ?? nameOf(module),
    ...workers,
    growMs: options.growMs ?? 20,
    spare: options.spare ?? 0,
    channel: options.channel ?? 'auto',
    concurrency: welcome.concurrency,
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
    graceMs: options.graceMs ?? 5_000,
    teardownMs: options.teardownMs ?? 5_000,
    maxRestarts: options.maxRestarts ?? 10,
    restartWindowMs: options.restartWindowMs ?? 60_000,
    backoffMs: options.backoffMs ?? 100,
    maxBackoffMs: options.maxBackoffMs ?? 10_000,
    halfOpenMs: options.halfOpenMs ?? 10_000,
    maxCalls: options.maxCalls ?? 0,
    maxAgeMs: options.maxAgeMs ?? 0,
    maxRssBytes: options.maxRssBytes ?? 0,
    heartbeatMs: options.heartbeatMs ?? 1_000,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 30_000,
    maxPayloadBytes: welcome.maxPayloadBytes,
    maxBlockBytes: options.maxBlockBytes ?? DEFAULT_BLOCK_BYTES,
    blockIdleMs: options.blockIdleMs ?? 1_000,
    trusted: options.trusted ?? false,
    whenFull: options.whenFull ?? 'reject',
    agingMs: options.agingMs ?? 1_000,
    maxQueue: options.maxQueue ?? 1_000_000,
    maxQueueBytes: options.maxQueueBytes ?? 2 * 1024 ** 3,
    spinUs: welcome.spinUs,
    defaults: defaultsOf(options),
    commands: (options.commands ?? {}) as Record<string, Rule>,
    version,
    welcome: JSON.stringify(welcome),
  }
}

/** `graceMs` is not among them: the core has one for everything that it is not said for. */
function defaultsOf({ timeoutMs, queueMs, runMs, priority }: PlumpOptions): Rule {
  // JSON leaves out what is undefined.
  return { timeoutMs, queueMs, runMs, priority } as Rule
}

/** @throws PlumpError `ERR_PLUMP_NESTING_TOO_DEEP` */
function environmentOf(options: PlumpOptions): [string, string][] {
  const given: Readonly<Record<string, string | undefined>> = {
    ...options.env,
    [DEPTH]: String(nextDepth()),
    [ADDON]: addonPath(),
  }
  const pairs: [string, string][] = []
  // Each look at a variable of this process takes microseconds for which JavaScript waits: none is looked at twice.
  for (const [name, value] of Object.entries(process.env) as [string, string][]) {
    if (Object.hasOwn(given, name)) continue
    const inherited = name === 'NODE_OPTIONS' ? inheritedNodeOptions(value) : value
    if (inherited !== undefined) pairs.push([name, inherited])
  }
  for (const [name, value] of Object.entries(given))
    if (value !== undefined) pairs.push([name, value])
  return pairs
}

/** The variables that a worker of this process needs beside the link's. */
export function depthEnvironment(): Record<string, string> {
  return { [DEPTH]: String(nextDepth()) }
}

function nextDepth(): number {
  const depth = Number.parseInt(process.env[DEPTH] ?? '0', 10) + 1
  if (depth > MAX_DEPTH)
    throw new PlumpError(
      'ERR_PLUMP_NESTING_TOO_DEEP',
      `Workers may start workers ${MAX_DEPTH} levels deep at most. Is this a worker that starts itself? Guard host code with \`if (!isWorker)\`.`,
    )
  return depth
}

function nameOf(module: string | undefined): string {
  if (module === undefined) return 'links'
  if (!module.startsWith('file:')) return 'data'
  return basename(fileURLToPath(module)).slice(0, 100)
}
