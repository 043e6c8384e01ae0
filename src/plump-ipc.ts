import type { PlumpBlock } from './block.js'
import { callAsync } from './call-async.js'
import { callSettings, NO_SETTINGS } from './call-settings.js'
import { callSync } from './call-sync.js'
import { checkOptions, callOptions, closeOptions, instanceOptions } from './options.js'
import type { CallOptions, CloseOptions, PlumpOptions } from './options.js'
import type { Codec } from './codec/codec.js'
import { isCodec } from './codec/is-codec.js'
import type {
  AnyCommands,
  Calls,
  CommandArguments,
  CommandName,
  CommandResult,
} from './commands.js'
import { PlumpConnectionError, PlumpError } from './errors.js'
import { exchange } from './environment.js'
import { makeLink, type PlumpLink } from './link.js'
import { moduleUrl } from './module-url.js'
import type { Allowance } from './native.js'
import { depthEnvironment, Pool } from './pool.js'
import { command, type CommandForms } from './register.js'
import { registry } from './registry.js'
import { isWorker } from './shared.js'
import { shown } from './shown.js'
import { plumpBus } from './bus.js'
import { lifeFunctions, type LifeFunction } from './worker/life-functions.js'
import { workerSide } from './worker/worker-side.js'

/**
 * Calls functions that live in other processes. In the host: `start(module)`, then `call` and `acall`. In the worker:
 * `command` and `setContext`, in addition to what its module exports.
 *
 * `Commands` is the type of the worker's module, `typeof import('./math.ts')`, or of an object or class with its
 * commands as methods; names, arguments and results of calls are inferred from it.
 */
export class PlumpIPC<Commands = AnyCommands> implements Calls<Commands> {
  readonly #options: PlumpOptions
  #codec: Codec | undefined
  #pool: Pool | undefined
  #refed = true
  #closed = false
  #closing: Promise<void> | undefined

  /**
   * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
   */
  constructor(options?: PlumpOptions<Commands>) {
    this.#options = checkOptions<PlumpOptions>(options as PlumpOptions, instanceOptions, 'PlumpIPC')
  }

  // --- host ---------------------------------------------------------------------------------------------------

  /**
   * Begins to start the workers with that module and returns at once; calls wait until the first of them is ready.
   * What goes wrong while the module loads comes from `ready()` and from the calls.
   *
   * @param module the worker's module, as `URL` (`new URL('./worker.js', import.meta.url)`) or absolute path.
   * @param options win over those of the constructor.
   * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_ALREADY_STARTED`,
   * `ERR_PLUMP_START_IN_WORKER`, `ERR_PLUMP_NESTING_TOO_DEEP`, `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_BINDING_MISSING`;
   * PlumpConnectionError `ERR_PLUMP_CLOSED` after `close()`.
   */
  start(module: URL | string, options?: PlumpOptions<Commands>): this {
    const checked = checkOptions<PlumpOptions>(options as PlumpOptions, instanceOptions, 'start()')
    const url = moduleUrl(module)
    if (this.#pool !== undefined)
      throw new PlumpError(
        'ERR_PLUMP_ALREADY_STARTED',
        'This instance was started before. Use one instance for each worker module: new PlumpIPC() or spawn().',
      )
    this.#open(url, { ...this.#options, ...checked })
    return this
  }

  /**
   * Resolves when the first worker is ready; with `min: 0` of a range it starts one.
   *
   * @throws (rejects) PlumpWorkerError `ERR_PLUMP_START_FAILED` with what the module threw as `cause`, `ERR_PLUMP_CIRCUIT_OPEN`;
   * PlumpTimeoutError `ERR_PLUMP_START_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_SPAWN_FAILED`, `ERR_PLUMP_NOT_STARTED`, `ERR_PLUMP_CLOSED`.
   */
  ready(): Promise<void> {
    try {
      return this.#started().ready()
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Calls a command in a worker and blocks this thread until it has settled. Needs no `await` anywhere before it.
   *
   * @returns what the handler returned, its promise awaited.
   * @throws what the handler threw, with the worker's stack above the caller's; PlumpWorkerError when the worker ends
   * or does not start; PlumpTimeoutError; PlumpAbortError `ERR_PLUMP_CANCELLED`; PlumpSerializationError; PlumpConnectionError `ERR_PLUMP_NOT_STARTED`,
   * `ERR_PLUMP_CLOSED`; PlumpError `ERR_PLUMP_UNKNOWN_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_QUEUE_FULL`.
   */
  call<Name extends CommandName<Commands>>(
    name: Name,
    ...args: CommandArguments<Commands[Name]>
  ): CommandResult<Commands[Name]> {
    const pool = this.#pool ?? this.#started()
    return callSync(pool, name, args, NO_SETTINGS) as CommandResult<Commands[Name]>
  }

  /**
   * Calls a command in a worker. The event loop stays free; the promise settles as `call` returns or throws, and
   * `acall` itself never throws.
   */
  acall<Name extends CommandName<Commands>>(
    name: Name,
    ...args: CommandArguments<Commands[Name]>
  ): Promise<CommandResult<Commands[Name]>> {
    const pool = this.#pool
    const promise =
      pool === undefined ? this.#notStarted() : callAsync(pool, name, args, NO_SETTINGS)
    return promise as Promise<CommandResult<Commands[Name]>>
  }

  /**
   * `call` and `acall` with options for these calls alone.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`
   */
  with(options: CallOptions): Calls<Commands> {
    const settings = callSettings(checkOptions(options, callOptions, 'with()'))
    return {
      call: (name, ...args) => callSync(this.#started(), name, args, settings) as never,
      acall: (name, ...args) =>
        (this.#pool === undefined
          ? this.#notStarted()
          : callAsync(this.#pool, name, args, settings)) as never,
    }
  }

  /**
   * Memory for a large argument, which workers of this instance get without a copy: fill `bytes` of the block, then pass the
   * block itself to a call, in the place of a `Uint8Array`. See `PlumpBlock`.
   *
   * All blocks that are not yet passed or still with a worker take at most `maxBlockBytes` together. Where memory can't be
   * shared (over pipes, on Windows and macOS, with `maxBlockBytes: 0`), and below 128 KiB, where it does not pay, the block
   * is ordinary memory and is copied as a `Uint8Array` is.
   *
   * @param bytes from 1 to `maxBlockBytes`.
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_BLOCK_LIMIT`; PlumpConnectionError `ERR_PLUMP_NOT_STARTED`,
   * `ERR_PLUMP_CLOSED`.
   */
  allocate(bytes: number): PlumpBlock {
    return this.#started().allocate(bytes)
  }

  /**
   * A link for a worker process that the program starts itself, in any way that can hand over descriptors; that
   * process calls `runWorker()`. On an instance that was not started, links are its only workers.
   *
   * @throws PlumpError `ERR_PLUMP_TOO_MANY_WORKERS`, `ERR_PLUMP_NESTING_TOO_DEEP`; PlumpConnectionError `ERR_PLUMP_CLOSED`
   */
  createLink(): PlumpLink {
    const pool = this.#pool ?? this.#open(undefined, this.#options)
    const depth = depthEnvironment()
    const native = pool.createLink()
    return makeLink(native, depth, () => pool.exchange.binding.linkHanded(pool.id, native.link))
  }

  /**
   * Ends the workers: new calls and those that wait are rejected with `ERR_PLUMP_CLOSED`, those that have begun get
   * `graceMs` to finish, then their workers are ended; those whose handlers are done have `teardownMs` for their teardown
   * functions. Resolves when all are gone; may be called again.
   *
   * @throws (rejects) PlumpError `ERR_PLUMP_INVALID_OPTION`
   */
  async close(options?: CloseOptions): Promise<void> {
    const { graceMs = 5_000 } = checkOptions(options, closeOptions, 'close()')
    this.#closed = true
    this.#closing ??= this.#pool?.close(graceMs)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The event loop goes on while calls are in flight (the default). */
  ref(): this {
    this.#setRefed(true)
    return this
  }

  /** Calls in flight no longer keep the event loop going. */
  unref(): this {
    this.#setRefed(false)
    return this
  }

  /**
   * Whether so much waits that whoever makes calls should hold back: `maxQueue` or `maxQueueBytes` was reached, or has no
   * room left for a call as large as any so far; until half of it is free.
   */
  get needsDrain(): boolean {
    const pool = this.#pool
    if (pool === undefined) return false
    pool.exchange.flush()
    return pool.needsDrain
  }

  /** Resolves when `needsDrain` is false, also when the instance is closed. Never rejects. */
  drained(): Promise<void> {
    return this.#pool?.drained() ?? Promise.resolve()
  }

  /** A look at the workers and at what waits for them. */
  stats(): PlumpStats {
    const pool = this.#pool
    if (pool === undefined) return NOT_STARTED
    pool.exchange.flush()
    const stats = pool.stats() as PlumpStats | null
    if (stats === null) return { ...NOT_STARTED, name: pool.name, state: 'closed' }
    return pool.auto === undefined ? stats : { ...stats, auto: pool.auto }
  }

  // --- both ---------------------------------------------------------------------------------------------------

  /**
   * A codec of the program's own for this instance (in the host, before `start`), or for this process (in a worker,
   * while its module loads). Its name must be the same on both sides.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, `ERR_PLUMP_ALREADY_STARTED`
   */
  useCodec(codec: Codec): this {
    if (!isCodec(codec))
      throw new PlumpError(
        'ERR_PLUMP_INVALID_ARGUMENT',
        `useCodec takes { name, encode, decode }, got ${shown(codec)}.`,
      )
    if (this.#pool !== undefined)
      throw new PlumpError(
        'ERR_PLUMP_ALREADY_STARTED',
        'useCodec must be called before start(): the workers have been told the codec.',
      )
    this.#codec = codec
    if (isWorker) workerSide().useCodec(codec)
    return this
  }

  /**
   * Asks for the end and returns at once. In the host: of this instance, as `close()` does. In a worker whose
   * instance was not started: of this worker, after what has begun.
   */
  stopWorker(): void {
    if (this.#pool === undefined && isWorker) {
      workerSide().stop()
      return
    }
    void this.close()
  }

  // --- worker -------------------------------------------------------------------------------------------------

  /**
   * Registers a command of this process. A function: `command(fn)`, `command(name, fn)`; it is returned, and runs with
   * the instance given to `setContext` as `this`, if there is one. A method: `@plump.command()`, `@plump.command(name)`. Each
   * form takes options for the calls of the command behind that, see `CommandOptions`.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_DUPLICATE_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`, `ERR_PLUMP_INVALID_ARGUMENT`
   */
  get command(): CommandForms {
    return command
  }

  /**
   * The instance on which this process's commands run.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
   */
  setContext(instance: object): this {
    if ((typeof instance !== 'object' && typeof instance !== 'function') || instance === null)
      throw new PlumpError(
        'ERR_PLUMP_INVALID_ARGUMENT',
        `setContext takes an object, got ${shown(instance)}.`,
      )
    registry.context = instance
    return this
  }

  /**
   * A function for this process to run before it takes its first call: when the module has loaded, after those registered
   * before, each awaited. `startTimeoutMs` bounds all of them. What one throws makes the start fail, as if the module had
   * thrown it. In a host nothing runs it.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`, also when this worker serves already.
   */
  init(initialise: LifeFunction): this {
    lifeFunctions.addInit(initialise)
    return this
  }

  /**
   * A function for this process to run when it ends in order (`close()`, `stopWorker()`, recycling, idleness): after its last
   * answer, before those registered earlier, each awaited. `teardownMs` bounds all of them. What one throws becomes a
   * warning of the process (`PlumpTeardownWarning`). Not run when the worker is ended by force or with its host, or when its
   * start has failed. In a host nothing runs it.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
   */
  teardown(tearDown: LifeFunction): this {
    lifeFunctions.addTeardown(tearDown)
    return this
  }

  /**
   * Begins to serve calls, in a process that was started with the entries of `createLink()`. A module that was started
   * by `start` or `spawn` is served anyway; there it does nothing. With functions given to `init` it returns before they
   * have run; what one throws is then an unhandled rejection.
   *
   * @throws PlumpConnectionError `ERR_PLUMP_NOT_A_WORKER`, `ERR_PLUMP_INVALID_LINK`, `ERR_PLUMP_VERSION_MISMATCH`
   */
  runWorker(): void {
    workerSide().run()
  }

  // --- inside -------------------------------------------------------------------------------------------------

  #open(url: string | undefined, options: PlumpOptions): Pool {
    if (this.#closed) throw closed()
    if (isWorker && workerSide().loading)
      throw new PlumpError(
        'ERR_PLUMP_START_IN_WORKER',
        "A worker's module tried to start workers while it was loading. Guard host code with `if (!isWorker)`, or start them in a function given to init(), or inside a command.",
      )
    if (this.#codec !== undefined && options.codec === undefined)
      options = { ...options, codec: this.#codec }
    const environment = exchange()
    plumpBus.open()
    const pool = new Pool(environment, url, options)
    pool.refed = this.#refed
    this.#pool = pool
    return pool
  }

  #started(): Pool {
    if (this.#pool !== undefined) return this.#pool
    if (this.#closed) throw closed()
    throw new PlumpConnectionError(
      'ERR_PLUMP_NOT_STARTED',
      'No worker was started for this instance: call start(module) first, or use spawn(module).',
    )
  }

  async #notStarted(): Promise<Pool> {
    return this.#started()
  }

  #setRefed(refed: boolean): void {
    this.#refed = refed
    if (this.#pool === undefined) return
    this.#pool.refed = refed
    this.#pool.exchange.reconsider()
  }
}

/** What `stats()` tells. */
export interface PlumpStats {
  /** The instance's `name`. */
  readonly name: string
  readonly state: 'not started' | 'open' | 'closing' | 'cancelling' | 'terminating' | 'closed'
  readonly workers: readonly WorkerStats[]
  /** Calls that have no outcome yet: those that wait and those with workers. */
  readonly inFlight: number
  /** Calls that wait for a worker, and their bytes as `maxQueueBytes` counts them. */
  readonly queued: number
  readonly queuedBytes: number
  /** Whether whoever makes calls should hold back; see `drained()`. */
  readonly needsDrain: boolean
  /** Workers that were started in place of others. */
  readonly restarts: number
  /** How often calls of idempotent commands were run again because their workers had ended. */
  readonly retries: number
  /** Whether workers are started as they are needed: not while too many fail (`maxRestarts`). */
  readonly circuit: 'closed' | 'open' | 'halfOpen'
  /** What `workers: 'auto'` has found; absent with a number. */
  readonly auto?: Allowance
  /** How often watching for an answer paid, and how often it ended in sleep. */
  readonly spinHits: number
  readonly spinMisses: number
  /** Whether as many workers of this thread are busy as there are CPUs: then nobody watches for longer than an eighth of `spinUs`. */
  readonly crowded: boolean
  /** Names of the commands that the workers have announced. */
  readonly commands: readonly string[]
  /**
   * How long the calls of each command waited and ran, by its name; commands that were not called are absent. Of short calls
   * (below 10 µs) one in eight is timed and stands for those before it.
   */
  readonly times: Readonly<Record<string, CallTimes>>
  /** The same for all commands beyond the first 1,024 together; `null` where there are none. */
  readonly otherTimes: CallTimes | null
}

/** How long calls waited and ran. */
export interface CallTimes {
  /** From when the call was made until its handler was called. */
  readonly wait: TimeStats
  /** From when its handler was called until it had the outcome. */
  readonly run: TimeStats
}

/**
 * A distribution of times, microseconds. A percentile is at most a hundredth above the time that was measured; `count`,
 * `meanUs` and `maxUs` are exact.
 */
export interface TimeStats {
  readonly count: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p75Us: number
  readonly p90Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
}

export interface WorkerStats {
  /** `null` until its process is there; of a process of your own, until it has said hello. */
  readonly pid: number | null
  /** Where it is in its life; docs/workers.md has the table of transitions. */
  readonly state: 'starting' | 'ready' | 'draining' | 'ending' | 'terminating' | 'killing'
  /** What carries its calls. */
  readonly channel: 'pipe' | 'ring'
  readonly uptimeMs: number
  /** Workers that had its place before it. */
  readonly restarts: number
  /** Calls that it has now. */
  readonly inFlight: number
  /** Calls that it has answered. */
  readonly calls: number
  /** How many calls may wait in it ahead of those that run. */
  readonly prefetch: number
  /** Its resident memory, bytes; `null` where that can't be told. */
  readonly rssBytes: number | null
  /** CPU time that it has used, milliseconds; `null` where that can't be told. */
  readonly cpuMs: number | null
}

const NOT_STARTED: PlumpStats = {
  name: '',
  state: 'not started',
  workers: [],
  inFlight: 0,
  queued: 0,
  queuedBytes: 0,
  needsDrain: false,
  restarts: 0,
  retries: 0,
  circuit: 'closed',
  spinHits: 0,
  spinMisses: 0,
  crowded: false,
  commands: [],
  times: {},
  otherTimes: null,
}

function closed(): PlumpConnectionError {
  return new PlumpConnectionError(
    'ERR_PLUMP_CLOSED',
    'This instance is closed. Use a new one: new PlumpIPC() or spawn().',
  )
}
