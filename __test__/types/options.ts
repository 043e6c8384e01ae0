// Held by `tsc` alone: the options of instances, calls and ends, what `with` gives, stats, context and the fields of errors.

import {
  type Allowance,
  type CallContext,
  type Calls,
  type CallOptions,
  type CloseOptions,
  context,
  PlumpAbortError,
  PlumpConnectionError,
  PlumpError,
  type PlumpErrorCode,
  PlumpIPC,
  type PlumpOptions,
  PlumpQueue,
  PlumpSerializationError,
  type PlumpStats,
  PlumpTimeoutError,
  PlumpWorkerError,
  spawn,
  type WorkerRange,
  type WorkerStats,
} from '../../src/index.js'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_ extends true>(): void => {}

type MathModule = typeof import('./math.ts')
const module = new URL('file:///math.js')

export function optionsOfACall(signal: AbortSignal, maybe: AbortSignal | undefined): void {
  const math = spawn<MathModule>(module)
  const calls = math.with({
    signal,
    timeoutMs: 1_000,
    queueMs: 100,
    runMs: 500,
    graceMs: 0,
    priority: -5,
    key: 'user-7',
  })
  holds<Equal<typeof calls, Calls<MathModule>>>()
  const sum = calls.call('add', 1, 2)
  holds<Equal<typeof sum, number>>()
  const trained = calls.acall('train', new Float32Array(1))
  holds<Equal<typeof trained, Promise<string>>>()
  const same = calls.acall('identity', 5)
  holds<Equal<typeof same, Promise<unknown>>>()
  // A block in the place of bytes alone.
  const block = math.allocate(5)
  void new PlumpIPC<{ length(bytes: Uint8Array): number }>().with({}).acall('length', block)
  // @ts-expect-error no block in the place of a number
  calls.call('add', 1, block)

  // What a caller may not have.
  math.with({ signal: maybe })
  // @ts-expect-error no other option may be undefined
  math.with({ timeoutMs: undefined })
  // @ts-expect-error options are needed: without them there is no use in it
  math.with()
  // @ts-expect-error a controller is no signal
  math.with({ signal: new AbortController() })
  // @ts-expect-error a number of milliseconds
  math.with({ timeoutMs: '5' })
  // @ts-expect-error
  math.with({ queueMs: 5n })
  // @ts-expect-error
  math.with({ runMs: null })
  // @ts-expect-error
  math.with({ graceMs: true })
  // @ts-expect-error
  math.with({ priority: 'high' })
  // @ts-expect-error a key is text
  math.with({ key: 7 })
  // @ts-expect-error of instances alone
  math.with({ workers: 2 })
  // @ts-expect-error no such command
  calls.call('subtract', 1, 2)
  // @ts-expect-error a wrong argument
  void calls.acall('add', 1, '2')
  // @ts-expect-error calls with options of their own have no others
  calls.with({ key: 'again' })

  holds<
    Equal<
      keyof CallOptions,
      'timeoutMs' | 'queueMs' | 'runMs' | 'graceMs' | 'priority' | 'key' | 'signal'
    >
  >()
  holds<Equal<CallOptions['signal'], AbortSignal | undefined>>()
}

export function optionsOfAnInstance(): void {
  holds<Equal<PlumpOptions['workers'], number | 'auto' | WorkerRange | undefined>>()
  holds<Equal<PlumpOptions['whenFull'], 'reject' | 'wait' | undefined>>()
  holds<Equal<PlumpOptions['channel'], 'auto' | 'pipe' | 'ring' | undefined>>()
  new PlumpIPC({ workers: 3 })
  new PlumpIPC({ workers: 'auto' })
  new PlumpIPC({ workers: { max: 4 } })
  new PlumpIPC({ workers: { min: 0, max: 'auto', idleMs: 5 } })
  new PlumpIPC({ maxCalls: 1, maxAgeMs: 1, maxRssBytes: 2 ** 28, spare: 1, growMs: 5 })
  new PlumpIPC({ maxQueue: 1, maxQueueBytes: 2 ** 20, whenFull: 'wait', agingMs: 5, priority: 1 })
  new PlumpIPC({ maxRestarts: 1, restartWindowMs: 1, backoffMs: 1, maxBackoffMs: 1, halfOpenMs: 1 })
  new PlumpIPC().start(module, { timeoutMs: 5, queueMs: 5, runMs: 5, graceMs: 5 })
  // @ts-expect-error a range has a most
  new PlumpIPC({ workers: { min: 1 } })
  // @ts-expect-error 'auto' is for the most alone
  new PlumpIPC({ workers: { min: 'auto', max: 2 } })
  // @ts-expect-error
  new PlumpIPC({ workers: 'all' })
  // @ts-expect-error
  new PlumpIPC({ workers: [1, 2] })
  // @ts-expect-error
  new PlumpIPC({ workers: { max: 2, growMs: 5 } })
  // @ts-expect-error
  new PlumpIPC({ whenFull: 'drop' })
  // @ts-expect-error
  new PlumpIPC({ channel: 'tcp' })
  // @ts-expect-error of calls alone
  new PlumpIPC({ key: 'user-7' })
  // @ts-expect-error of calls alone
  spawn(module, { signal: AbortSignal.abort() })
  // @ts-expect-error
  new PlumpIPC().start(module, { maxCalls: '1' })
  // @ts-expect-error
  new PlumpIPC({ trusted: 'yes' })
}

export async function ends(): Promise<void> {
  const math = new PlumpIPC<MathModule>()
  holds<Equal<Parameters<typeof math.close>[0], CloseOptions | undefined>>()
  const closed = math.close({ graceMs: 0 })
  holds<Equal<typeof closed, Promise<void>>>()
  // @ts-expect-error
  void math.close({ timeoutMs: 5 })
  // @ts-expect-error
  void math.close(5)
  const drained = math.drained()
  holds<Equal<typeof drained, Promise<void>>>()
  holds<Equal<typeof math.needsDrain, boolean>>()
  // @ts-expect-error only looked at
  math.needsDrain = false
  new PlumpQueue({ name: 'a', capacity: 5, onError: (error: unknown) => void error })
  // @ts-expect-error
  new PlumpQueue({ capacity: 'many' })
  // @ts-expect-error
  new PlumpQueue({ size: 5 })
}

export function looks(stats: PlumpStats): void {
  holds<Equal<ReturnType<PlumpIPC['stats']>, PlumpStats>>()
  holds<Equal<PlumpStats['circuit'], 'closed' | 'open' | 'halfOpen'>>()
  holds<Equal<PlumpStats['auto'], Allowance | undefined>>()
  holds<Equal<PlumpStats['workers'], readonly WorkerStats[]>>()
  const { queued, queuedBytes, needsDrain, restarts, spinHits, spinMisses, commands } = stats
  holds<Equal<typeof queued | typeof queuedBytes | typeof restarts, number>>()
  holds<Equal<typeof spinHits | typeof spinMisses, number>>()
  holds<Equal<typeof needsDrain | PlumpStats['crowded'], boolean>>()
  holds<Equal<typeof commands, readonly string[]>>()
  const worker = stats.workers[0]
  holds<Equal<typeof worker, WorkerStats | undefined>>()
  holds<Equal<WorkerStats['pid'], number | null>>()
  holds<Equal<WorkerStats['rssBytes'], number | null>>()
  holds<Equal<WorkerStats['cpuMs'], number | null>>()
  holds<Equal<WorkerStats['channel'], 'pipe' | 'ring'>>()
  type Life = 'starting' | 'ready' | 'draining' | 'ending' | 'terminating' | 'killing'
  holds<Equal<WorkerStats['state'], Life>>()
  holds<Equal<Allowance['decidedBy'], 'affinity' | 'quota' | 'memory' | 'least' | 'most'>>()
  // @ts-expect-error no such figure
  void stats.waiting
  // @ts-expect-error only looked at
  stats.queued = 0
  // @ts-expect-error may not be known
  holds<Equal<WorkerStats['pid'], number>>()
}

export function insideOfAHandler(): void {
  holds<Equal<typeof context, CallContext>>()
  const { signal, aborted, callId, command, deadline, workerId } = context
  holds<Equal<typeof signal, AbortSignal>>()
  holds<Equal<typeof aborted, boolean>>()
  holds<Equal<typeof callId, string>>()
  holds<Equal<typeof command, string>>()
  holds<Equal<typeof deadline, number | undefined>>()
  holds<Equal<typeof workerId, number>>()
  // @ts-expect-error only looked at
  context.aborted = true
  // @ts-expect-error no such property
  void context.key
}

export function fieldsOfErrors(error: unknown): void {
  if (error instanceof PlumpWorkerError) {
    holds<Equal<typeof error.pid, number | undefined>>()
    holds<Equal<typeof error.exitCode, number | undefined>>()
    holds<Equal<typeof error.signal, string | undefined>>()
    holds<Equal<typeof error.command, string | undefined>>()
    holds<Equal<typeof error.stderr, string | undefined>>()
    holds<Equal<typeof error.causedBy, string | undefined>>()
    // @ts-expect-error of limits of time
    void error.timeoutMs
  }
  if (error instanceof PlumpTimeoutError) {
    holds<Equal<typeof error.timeoutMs, number | undefined>>()
    holds<Equal<typeof error.command, string | undefined>>()
    // @ts-expect-error of ends of workers
    void error.causedBy
  }
  if (error instanceof PlumpAbortError) {
    holds<Equal<typeof error.command, string | undefined>>()
    // @ts-expect-error only looked at
    error.command = 'other'
  }
  if (error instanceof PlumpSerializationError)
    holds<Equal<typeof error.path, string | undefined>>()
  if (error instanceof PlumpError) {
    holds<Equal<typeof error.code, PlumpErrorCode>>()
    holds<Equal<typeof error.remedy, string>>()
    // @ts-expect-error no such code
    void (error.code === 'ERR_PLUMP_TIMEOUT')
    // @ts-expect-error never changes
    error.code = 'ERR_PLUMP_CLOSED'
  }
  holds<PlumpAbortError extends PlumpError ? true : false>()
  holds<PlumpConnectionError extends PlumpError ? true : false>()
}
