// The one importer of native/: what the Rust half offers to this JavaScript environment, and the words through which
// both halves speak on the hot path.
//
// A napi call whose arguments are converted costs some 240 ns, one without arguments 20. So the functions of the hot
// path take none: JavaScript writes numbers into `words`, bytes into `outgoing`, and calls; Rust answers in `words`
// and `incoming`. All three are memory that JavaScript made, so V8 never sees memory that another process can write.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from './package-root.js'

/** Indexes into `words` (a `Uint32Array`). Input words are read by Rust during the call that is named, output words are written by it. */
export const WORD = {
  /** in `publish`, `take`, `poll`: id of the queue, from `busOpen`. */
  queue: 0,
  /** in `publish`: how many bytes of `outgoing` make the payload, from WORD.offset on. */
  length: 1,
  /** in `take`, `poll`: milliseconds to wait, 0 = only look, 0xffffffff = for ever. */
  waitMs: 2,
  /** in `drain`: microseconds that Rust may watch for something to come before it goes to sleep; 0 = only look, and stay awake; 0xffffffff = go to sleep at once if there is nothing. */
  watchUs: 3,
  /** in `drain`, `tellBegun`: how many calls this worker has begun since it opened its link, modulo 2^32. */
  begun: 4,
  /** in `hold`: 1 = the event loop must go on. */
  alive: 5,
  /** in `submit`, `answer`: how many records there are, from 1 to MAX_RECORDS; with segments 1. */
  records: 6,
  /** in `wait`, `cancel`: the call's id, low and high half. */
  callLow: 7,
  callHigh: 8,
  /** in `publish`: where the payload begins in `outgoing`. */
  offset: 9,
  /** in `begin`, `passOver`: the place of the call. */
  place: 10,
  /** in `answer`: the first record that the I/O thread has not sent. */
  first: 11,
  /** out of `wait`, `take`, `poll`, `publish`, `cancel`, `begin` (and see `allocateBlock`): 0 = done; an error kind's number; or STATUS.again, STATUS.timeout. */
  status: 16,
  /** out of `drain`, `wait`, `take`: how many entries of the table are filled. */
  count: 17,
  /** out of `drain`: 1 = more waits, call again; the table or `incoming` was full. */
  more: 18,
  /**
   * out of `drain`: 1 = Rust has gone to sleep and will call `wake` when something comes, entries or not; 0 = it watches as
   * long as JavaScript keeps calling `drain`. Out of `submit`: 1 = it sleeps still, and will wake JavaScript for the answers.
   */
  asleep: 19,
  /** out of `drain`: how many calls of this environment are in flight (queued or with a worker). */
  inFlight: 20,
  /** out of `drain`, `now`: microseconds of a clock that never goes back, modulo 2^32. */
  nowUs: 21,
  /** out of `allocateBlock`: the number of the memory. */
  blockKey: 30,
  /** where the table of entries begins, 1,000 of ENTRY.words words each. */
  table: 64,
  /** where the records of calls begin, MAX_RECORDS of CALL.words words each. */
  calls: 64 + 1000 * 8,
} as const

/** How many calls or answers one native call takes at most. */
export const MAX_RECORDS = 64

/** How many words `words` has. */
export const WORDS = WORD.calls + MAX_RECORDS * 16

/** Layout of the record of one call. */
export const CALL = {
  words: 16,
  /** Id of the pool. */
  pool: 0,
  /** Number of the command, from `commandNumber`. */
  command: 1,
  /** JavaScript's own number for it: its outcome is handed out under it. */
  token: 2,
  /** Where its payload begins in `outgoing`, and how many bytes it has there; segments follow them. */
  offset: 3,
  length: 4,
  /** Sum of CALL_FLAG. */
  flags: 5,
  /** Milliseconds until it times out, 0 where that is not given (at most 2^32 - 1). */
  timeoutMs: 6,
  /** With CALL_FLAG.limited: milliseconds until it must have begun, and from then until it must be answered; 0 where that is not given. */
  queueMs: 7,
  runMs: 8,
  /** With CALL_FLAG.limited: milliseconds after having been given up until its worker is ended; 2^32 - 1: not given. */
  graceMs: 9,
  /** With CALL_FLAG.keyed: the hash of its key. */
  keyLow: 10,
  keyHigh: 11,
  /** The block of this pool that its last segment is, from `allocateBlock`: its worker gets it without a copy. 0 for none. */
  block: 12,
  /** out: 0 = made, or an error kind's number. */
  status: 13,
  /** out: its id, low and high half. */
  low: 14,
  high: 15,
} as const

/** In CALL.flags. */
export const CALL_FLAG = {
  /** `wait` follows: the answer is then handed out by `wait` alone, never by `drain`. */
  blocking: 1,
  /** The words of its limits count. */
  limited: 2,
  /** The words of its key count. */
  keyed: 4,
  /** Its priority counts. */
  prioritized: 8,
  /** `timeoutMs` is what is left to the call that it is made in: it gets no more, and less if its command has less. */
  capped: 16,
  /** Its priority, -100 to 100, is the byte from this bit on. */
  priority: 8,
} as const

/** Layout of the words of `attachAnswers`, and in them of the record of one answer. */
export const ANSWER = {
  /**
   * The records that the I/O thread may send: the first of them in the upper half, how many there are by then in the lower;
   * 0 for none. Used by `Atomics` alone, see answers.rs.
   */
  shown: 0,
  /** where the records begin, MAX_RECORDS of them. */
  records: 8,
  words: 8,
  /** The call's id. */
  low: 0,
  high: 1,
  /** One of ANSWERED. */
  kind: 2,
  /** Microseconds the handler ran; for ANSWERED.refused: number of the error kind. */
  runUs: 3,
  /** Where its payload begins in `outgoing`, and how many bytes it has there; segments follow them. */
  offset: 4,
  length: 5,
  /** The call's place. */
  place: 6,
  /** When the handler was called, as WORD.nowUs has it; 0 where nobody looked. */
  beganUs: 7,
} as const

/** Layout of one entry of the table. */
export const ENTRY = {
  words: 8,
  /** One of KIND. */
  kind: 0,
  /** settled: the call's token. call: low half of the call's id. event: id of the queue. pool: id of the pool. */
  id: 1,
  /** Where its bytes begin in `incoming`, or LARGE: get them by `takeLarge(word 7)`. */
  offset: 2,
  /** How many bytes. */
  length: 3,
  /**
   * settled: microseconds it ran. call: the command's number (index into what `linkReady`/`linkCommands` announced) in the
   * low 16 bits, its place in the high ones. cancel: the call's place.
   */
  a: 4,
  /** call: high half of the call's id. */
  b: 5,
  /** call: its deadline, the low half of what `Date.now()` says then; 0 = none. */
  c: 6,
  /** token of large bytes. */
  token: 7,
} as const

/** In ENTRY.offset: the bytes are too many for `incoming`. */
export const LARGE = 0xffffffff

/** Kinds of entries. */
export const KIND = {
  /** host: the handler's result, in the instance's codec. */
  result: 1,
  /** host: what the handler threw, in the built-in form. */
  thrown: 2,
  /** host: a failure that Rust decided; see Failure. */
  failed: 3,
  /** worker: run a command. */
  call: 4,
  /** worker: the call in this place, which has begun, is no longer waited for. */
  cancel: 5,
  /** both: an event of the bus for a queue that listens. */
  event: 6,
  /** host: something happened to a pool; see PoolEvent (JSON). */
  pool: 7,
  /** worker: finish what has begun, begin nothing new, then call `linkFinished` and `linkEnd`. */
  shutdown: 8,
} as const

/** What the words of `attachStates` say of the call in their place; see call_states.rs. Used by `Atomics` alone. */
export const CALL_STATE = { queued: 1, toBeTold: 2, running: 3, aborted: 5 } as const

/** In ANSWER.kind. */
export const ANSWERED = { result: 2, thrown: 3, refused: 6 } as const

/** In WORD.status, beside the numbers of error kinds. */
export const STATUS = {
  /** `wait`, `take`, `poll`: nothing yet; call again. Comes every 100 ms or so, so that a thread that is being terminated ends. */
  again: 0x10000,
  /** `take`, `poll`: the time is over. */
  timeout: 0x10001,
} as const

/**
 * The bytes of a KIND.failed entry: `u32` length of the JSON (little-endian), the JSON, then, if the failure has a
 * cause that a worker reported, that cause as `encodeThrown` made it in the worker.
 */
export interface Failure {
  /** Number of the error kind (see generated/codes.ts). */
  kind: number
  /** One sentence of detail, already in the user's words. */
  message: string
  pid?: number
  exitCode?: number
  signal?: string
  /** Last 4 KiB of the worker's stderr. */
  stderr?: string
  /** Name of the command. */
  command?: string
  /** Milliseconds given, for timeouts. */
  timeoutMs?: number
  /** Id of the call because of which it happened. */
  causedBy?: string
  /** How many workers had the call, of which each may have begun it. */
  runs?: number
}

/** The JSON of a KIND.pool entry. For `failed`, the entry's bytes have the form of KIND.failed with `{ event: 'failed', ...Failure }`. */
export type PoolEvent =
  /**
   * A worker is ready; the first one makes the pool ready. `commands` = all names known so far. `timed`: a command has a limit
   * of time that counts from when a call is made.
   */
  | { event: 'ready'; pid: number; commands: string[]; timed: boolean }
  /** Names registered after the worker was ready. */
  | { event: 'commands'; commands: string[]; timed: boolean }
  /** A start failed: `ready()` rejects; queued calls have been rejected by entries of their own. */
  | ({ event: 'failed' } & Failure)
  /** The process of a worker was made. */
  | { event: 'spawn'; pid: number }
  /** A worker is to finish what it has begun, and is sent no more. */
  | { event: 'retire'; pid: number; reason: 'age' | 'memory' | 'calls' | 'idle' | 'cancelled' }
  /** So many workers are started in place of others. */
  | { event: 'restart'; workers: number }
  /** A worker ended. */
  | { event: 'exit'; pid: number | null; exitCode?: number; signal?: string; expected: boolean }
  /** A worker that had finished everything was sent a signal: it had not exited after `teardownMs`. */
  | { event: 'overtime'; pid: number | null; teardownMs: number }
  /** After a time in which producers should hold back: half of what may wait is free. */
  | { event: 'drained' }
  /** The pool is closed: every call has settled, every worker is gone. */
  | { event: 'closed' }

/** What `workers: 'auto'` has found. */
export interface Allowance {
  /** How many workers there are. */
  readonly chosen: number
  /** What decided; `'least'`: not even one worker fits into memory, and one is the least. */
  readonly decidedBy: 'affinity' | 'quota' | 'memory' | 'least' | 'most'
  /** CPUs that this process may run on. */
  readonly byAffinity: number
  /** CPUs whose time its container may use, rounded up; `null` without a quota. */
  readonly byQuota: number | null
  /** Workers that fit into the memory that is left; `null` where the system does not tell. */
  readonly byMemory: number | null
  readonly quotaCpus: number | null
  readonly memoryLimitBytes: number | null
  readonly memoryAvailableBytes: number | null
  /** What one worker is taken to need. */
  readonly bytesPerWorker: number
}

/** Options of a command as the core has them; a field is absent where it is not given. */
export interface Rule {
  timeoutMs?: number
  queueMs?: number
  runMs?: number
  graceMs?: number
  priority?: number
  concurrency?: number
  idempotent?: boolean
  retries?: number
  retryMs?: number
  maxRetryMs?: number
}

/** What `poolOpen` takes, as JSON. */
export interface PoolOptions {
  /** Absolute path of the executable. */
  program: string
  args: string[]
  /** The complete environment. */
  env: [string, string][]
  cwd: string | null
  name: string
  /** How many at most, and at least. */
  workers: number
  minWorkers: number
  idleMs: number
  growMs: number
  spare: number
  channel: 'auto' | 'pipe' | 'ring'
  /** How many handlers may interleave in one worker. */
  concurrency: number
  startTimeoutMs: number
  graceMs: number
  teardownMs: number
  maxRestarts: number
  restartWindowMs: number
  backoffMs: number
  maxBackoffMs: number
  halfOpenMs: number
  /** 0 for no limit, as the next two. */
  maxCalls: number
  maxAgeMs: number
  maxRssBytes: number
  heartbeatMs: number
  heartbeatTimeoutMs: number
  maxPayloadBytes: number
  maxBlockBytes: number
  blockIdleMs: number
  trusted: boolean
  maxQueue: number
  whenFull: 'reject' | 'wait'
  /** Milliseconds of waiting that a step of priority counts for. */
  agingMs: number
  maxQueueBytes: number
  spinUs: number
  /** What calls are made with that say nothing else. */
  defaults: Rule
  /** By the names of commands. */
  commands: Readonly<Record<string, Rule>>
  /** Version of this package; compared with the worker's. */
  version: string
  /** JSON for the worker's TypeScript half; Rust hands it over unread. */
  welcome: string
}

/** Entries for `spawn` of a worker of the user's own. */
export interface NativeLink {
  /** Descriptors to put at the places 3, 4, … of `stdio`. They are closed here by `linkHanded(pool, link)`. */
  descriptors: number[]
  /** Value of the variable PLUMP_IPC_LINK for that process. */
  value: string
  link: number
}

/** The native half, one per JavaScript environment. */
export interface Binding {
  // --- set-up -------------------------------------------------------------------------------------------------
  /**
   * Once per environment. `wake` is called from the event loop when Rust was asleep and something came. On another thread
   * than the main one, which may be ended from outside, blocking waits come up every 100 ms or so. `watches`: the event loop
   * is libuv's, which may watch the bells itself; else it is woken by a threadsafe function.
   */
  open(
    words: Uint32Array,
    incoming: Uint8Array,
    outgoing: Uint8Array,
    wake: () => void,
    watches: boolean,
  ): void
  /** The outgoing buffer was replaced by a larger or smaller one. */
  attachOutgoing(outgoing: Uint8Array): void
  /**
   * JSON of Allowance: how many workers this process may reasonably have. `moreBytes`: what a worker will need beyond what
   * one needs that does nothing yet.
   */
  allowance(moreBytes: number): string
  /** Text of what the core logs under NODE_DEBUG=plump-ipc goes to stderr from Rust. */
  setDebug(on: boolean): void

  // --- host ---------------------------------------------------------------------------------------------------
  /** Makes a pool and begins to start its workers; returns at once. Throws a string `ERR_PLUMP_…: message`-shaped Error only for limits. */
  poolOpen(options: string): number
  /** Number of a command name in this pool; names are numbers from then on. NO_COMMAND: no worker has it. */
  commandNumber(pool: number, name: string): number
  /** Starts the orderly end. A KIND.pool `closed` entry follows. Idempotent. */
  poolClose(pool: number, graceMs: number): void
  /** Starts a worker of a pool that has none without a call. */
  poolAwaitFirst(pool: number): void
  /** JSON: workers (pid, state, calls, channel …), queue, in flight. `null`: the pool has come to its end. */
  poolStats(pool: number): string | null
  /** Whether producers should hold back until a `drained` event comes. */
  poolNeedsDrain(pool: number): boolean
  /** A link for a process that the user starts. */
  poolLink(pool: number): NativeLink
  /** The descriptors of that link were inherited; closes them here. */
  linkHanded(pool: number, link: number): void

  // --- worker -------------------------------------------------------------------------------------------------
  /** Opens the link named by the value of PLUMP_IPC_LINK, says hello with `version`, waits (blocking, at most 30 s) for the host's welcome and returns it. Throws when the link is not usable. */
  linkOpen(value: string, version: string): string
  /** Where the states of calls are, `limits.maxCallPlaces` of them at most; once, before `linkReady`. */
  attachStates(states: Uint32Array): void
  /** Where answers are, `words` as in ANSWER and `bytes` with their payloads; before `linkReady`, and when `bytes` are replaced. */
  attachAnswers(words: Uint32Array, bytes: Uint8Array): void
  /** The module is loaded: these are its commands, in the order of their numbers. `rules`: JSON of `[place, Rule][]`, or ''. */
  linkReady(commands: string[], rules: string): void
  /** Commands registered later; they get the next numbers. */
  linkCommands(commands: string[], rules: string): void
  /** The module failed to load: `outgoing[0..length]` is the error in built-in form (`encodeThrown`). Blocks until it is written (bounded). */
  linkFailed(length: number): void
  /** This process is about to end by an uncaught error or `process.exit()`: `outgoing[0..length]` is the cause in built-in form. Everything answered so far is flushed (bounded). */
  linkLastWords(length: number): void
  /** This worker wants to end: the host sends it no more calls, and KIND.shutdown when those sent are answered. */
  linkLeave(): void
  /** After KIND.shutdown: everything that had begun is answered; from now on the host counts `teardownMs`. */
  linkFinished(): void
  /** After `linkFinished`: flushes and closes the link. */
  linkEnd(): void

  // --- bus ----------------------------------------------------------------------------------------------------
  /** Opens a queue of that name in this environment, holding at most `capacity` events (drop-oldest); it collects from now on. */
  busOpen(name: string, capacity: number): number
  /** Whether its events come as KIND.event entries of `drain` (true) or wait for `take` and `poll` (false, at first). What has been collected comes as entries then. */
  busListen(queue: number, listening: boolean): void
  busClose(queue: number): void
  /** JSON: { published, received, dropped, undelivered }. */
  busStats(queue: number): string
  /** Whether any live worker (or the host of this worker) could publish. */
  busHasPeers(): boolean

  // --- hot path: no arguments, no result, everything through `words` -------------------------------------------
  /** Makes the calls of the records, in their order. Out: status, low and high of each; WORD.asleep. */
  submit(): void
  /** The same with one record, whose payload goes on with large binary parts, each at the next multiple of 8. */
  submitWith(segments: Uint8Array[]): void
  /** Blocks until that call has settled (count = 1, the entry is the first of the table) or STATUS.again. */
  wait(): void
  /** Takes in everything there is: fills the table. */
  drain(): void
  /** Worker: gives the answers of the records, in their order. */
  answer(): void
  /** The same with one record, whose payload goes on with large binary parts. */
  answerWith(segments: Uint8Array[]): void
  /** Gives a call up. STATUS.again: its outcome was decided before, and is handed out. */
  cancel(): void
  /** Worker: a call in the state `toBeTold` is about to be run. STATUS.again: it must not be. */
  begin(): void
  /** Worker: the call of that place, which must not be run, was passed over. */
  passOver(): void
  /** Worker: tells the host how many calls have begun, if that is news. */
  tellBegun(): void
  /** Reads the clock: WORD.nowUs. `performance.now()` is as fast, but fetching it takes a worker's start a millisecond. */
  now(): void
  /** Keeps the event loop alive, or no longer. */
  hold(): void
  /** Publishes outgoing[0..length] on `queue` to every other process of the family. */
  publish(): void
  publishWith(segments: Uint8Array[]): void
  /** Blocks for the next event of `queue` that does not listen: count = 1 and the entry, or STATUS.timeout, STATUS.again, or the number of BusClosed. */
  take(): void
  /** Blocks until an event is there to take: status 0, or STATUS.timeout, STATUS.again, BusClosed. */
  poll(): void
  /**
   * The bytes of an entry whose offset is LARGE, as an ArrayBuffer of their own. Once per token. `undefined`: they lie in
   * memory that JavaScript must not see, or see no more of; `copyLarge` follows.
   */
  takeLarge(token: number): ArrayBuffer | undefined
  /** Copies the bytes of an entry into `buffer`, which has the entry's length; without one they are forgotten. Once per token. */
  copyLarge(token: number, buffer?: ArrayBuffer): void
  /** There is time for what the next bytes like the last ones will need: an ArrayBuffer for them. */
  makeSpare(): void

  // --- blocks that the program fills --------------------------------------------------------------------------
  /**
   * A block of `bytes` that workers of the pool can be handed: an ArrayBuffer over its memory, in WORD.status its number, in
   * WORD.blockKey that of the memory. `undefined`: an earlier ArrayBuffer of that memory is to be used; unless `anew` is 1,
   * because it was lost. With 0 in WORD.blockKey there is none: WORD.status has the number of an error kind, or 0 where workers
   * can't be handed memory.
   */
  allocateBlock(pool: number, bytes: number, anew: 0 | 1): ArrayBuffer | undefined
  /** Takes a block back that was not sent. */
  releaseBlock(pool: number, block: number): void
  /** Whether the memory of that number is still there: WORD.status 1, or 0. */
  knowsBlock(pool: number, key: number): void
  /** Empties all views of a buffer, where the runtime can. Never throws. */
  detach(buffer: ArrayBuffer): void
}

/** The number of every name that no worker has, once a worker has said which names there are. */
export const NO_COMMAND = 0xffffffff

/** The binding, and the file that it is. */
export interface LoadedBinding {
  readonly binding: Binding
  /** Undefined where the runtime does not tell. */
  readonly path: string | undefined
}

/**
 * Loads the binding of this platform; from `path`, if somebody knows already where it is: `native/binding.js` looks for
 * it in many places, which takes longer than loading it. Throws what `native/binding.js` throws; src/environment.ts
 * words it.
 */
export function loadBinding(path: string | undefined): LoadedBinding {
  if (path !== undefined) {
    const module = { exports: {} }
    try {
      process.dlopen(module, path)
      return { binding: module.exports as Binding, path }
    } catch {
      // It is gone, or may not be loaded: the search below finds another one, or says what is wrong.
    }
  }
  const require = createRequire(join(packageRoot, 'package.json'))
  const binding = require('./native/binding.js') as Binding
  const loader = require.cache[require.resolve('./native/binding.js')]
  const file = loader?.children?.find((child) => child.exports === binding)
  return { binding, path: file?.filename }
}
