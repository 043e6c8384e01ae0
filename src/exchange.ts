// Owner of everything that passes between this JavaScript environment and the native half: the words, the bytes that
// come and go, the calls that wait for an answer, and the chain of looks that takes in what has come.
//
// The chain. After a call was sent, a microtask looks for what has come, and after that one the next, so that promise
// continuations run in between without the price of a turn of the event loop. After a millisecond at the latest it
// goes on by setImmediate, so that timers and I/O are served. When Rust says that it has gone to sleep the chain ends;
// Rust wakes it again through the event loop.

import { AsyncResource } from 'node:async_hooks'
import type { BlockMaker } from './block.js'
import type { CallSettings } from './call-settings.js'
import type { PayloadCodec } from './codec/codec.js'
import { Outgoing } from './codec/outgoing.js'
import { decodeThrown } from './codec/thrown.js'
import type { PayloadRoot } from './codec/limits.js'
import { readFailure, type FailureEntry, statusError } from './failure.js'
import {
  ANSWER,
  type Binding,
  CALL,
  CALL_FLAG,
  ENTRY,
  type Failure,
  KIND,
  LARGE,
  MAX_RECORDS,
  type PoolEvent,
  STATUS,
  WORD,
  WORDS,
} from './native.js'
import { rejected } from './rejected.js'

/** Whose calls they are: one started instance. */
export interface CallOwner extends BlockMaker {
  /** Id of its pool. */
  readonly id: number
  readonly codec: PayloadCodec
  /** Calls that wait for an answer and hold the event loop. Kept by the exchange. */
  inFlight: number
  /** How many workers its calls are for at most; infinite where nobody knows. */
  readonly workers: number
  /** Longest time to watch for an answer, microseconds. */
  readonly spinUs: number
  /** Whether a clock may start when a call is made that asks for none. */
  readonly timed: boolean
  /** Whether the event loop must go on for it. */
  holds(): boolean
  /** The error for a failure of one of its calls. */
  failure(entry: FailureEntry, command: string): Error
  /** Something happened to it. */
  onEvent(event: PoolEvent, cause: unknown): void
}

/** A queue whose events come as entries. */
export interface EventTaker {
  readonly codec: PayloadCodec
  holds(): boolean
  /** `failed` tells that the bytes were no event; `value` is why. Runs user code; must not throw. */
  deliver(value: unknown, failed: boolean): void
}

/** The worker's side of this process. None of these may throw. */
export interface CallTaker {
  readonly codec: PayloadCodec
  readonly spinUs: number
  /** How many calls have begun, modulo 2^32. */
  readonly begun: number
  /** Whether some of them are not answered yet. */
  readonly busy: boolean
  /**
   * Runs a command. `failed` tells that the bytes were no arguments; `args` is why. `next` is the number of the
   * command that follows at once, or -1. `due` is its deadline, the low half of what `Date.now()` says then; 0: none.
   */
  call(
    low: number,
    high: number,
    place: number,
    command: number,
    due: number,
    args: unknown,
    failed: boolean,
    next: number,
  ): void
  /** Nobody waits for the call of that place any more. */
  cancel(place: number): void
  shutdown(): void
}

/** A call that waits for its outcome. Used again and again, under the same token. */
interface PendingCall {
  owner: CallOwner
  command: string
  resolve: (value: unknown) => void
  cancellable: CancellableCall | undefined
}

/** A call that can be given up. One whose signal is aborted while its arguments are encoded is not made. */
export interface CancellableCall {
  readonly signal: AbortSignal
  /** Its record among those that are written down and not sent, or -1. */
  record: number
  token: number
  /** Its id, once it is sent; 0: it was not made. */
  low: number
  high: number
  /** It has an outcome, or was given up. */
  settled(): void
}

const INCOMING_BYTES = 256 * 1024
/** `watchUs`: go to sleep at once if nothing is there. */
const SLEEP = 0xffffffff
/** `watchUs`: neither watch nor sleep. */
const LOOK = 0
/** How long a chain of microtasks keeps timers and I/O waiting. */
const CHAIN_US = 1_000
/**
 * So many small calls are sent together at most, and so many small answers. Each alone costs a native call, a lock and a
 * fetch of the ring's words, half a microsecond; all of a microtask together would let both sides wait for each other.
 */
const CALLS_AT_ONCE = 16
const ANSWERS_AT_ONCE = 16
/** The halves of ANSWER.shown. */
const FIRST_SHOWN = 0xffff0000
const COUNT_SHOWN = 0xffff
/** What is larger is sent at once, bytes. */
const SMALL_BYTES = 4 * 1024

const ASLEEP = 0
const QUEUED = 1
const LOOKING = 2
type ChainState = typeof ASLEEP | typeof QUEUED | typeof LOOKING

const resolved = Promise.resolve()

/**
 * Whether the event loop can watch the bells itself. Bun has libuv's functions as stubs that end the process; in Deno its
 * handles never fire. `PLUMP_IPC_WAKE=threadsafe` does without, as on every other system: for the tests, and for whoever
 * suspects that way of waking.
 */
function watchesBells(): boolean {
  const { env, versions } = process
  if (versions['bun'] !== undefined || versions['deno'] !== undefined) return false
  return versions['uv'] !== undefined && env['PLUMP_IPC_WAKE'] !== 'threadsafe'
}

export class Exchange {
  readonly binding: Binding
  /** Calls of this environment that wait for an answer. */
  inFlight = 0

  readonly #words = new Uint32Array(WORDS)
  readonly #incoming: Buffer = Buffer.allocUnsafeSlow(INCOMING_BYTES)
  readonly #outgoing: Outgoing[] = []
  readonly #answerWords = new Uint32Array(ANSWER.records + MAX_RECORDS * ANSWER.words)
  #attached: Outgoing | undefined
  /** Those that are open: looked through whenever it changes whether the event loop must go on. */
  readonly #owners: CallOwner[] = []
  readonly #takers = new Map<number, EventTaker>()
  readonly #pending: PendingCall[] = []
  /** Tokens of `#pending` that nobody uses. */
  readonly #freeTokens: number[] = []
  /** Calls and answers that are written down and not sent; the payloads of all of them are in the first buffer. */
  #calls = 0
  /** Those of the calls that can be given up. */
  readonly #cancellable: CancellableCall[] = []
  #answers = 0
  /** What ANSWER.shown was set to, and what it still is unless the I/O thread has sent those answers. */
  #shown = 0
  /** The I/O thread may send answers. */
  #showsAnswers = false
  #flushQueued = false
  #worker: CallTaker | undefined
  /** The host asked this process to end before it served. */
  #isShutDown = false

  #state: ChainState = ASLEEP
  /** Whether a large payload came since there was nothing to do. */
  #tookLarge = false
  #chainBegan = 0
  /** It begins with the next look. */
  #chainBegins = false
  /** Sending something large took long while a look was queued: the event loop must go on before that. */
  #isOverdue = false
  /** When a chain ended. */
  #lastLook = 0
  #fromLoop = false
  #sent = false
  #held = false
  #watchUs = 0
  /** In a worker: queues a look that belongs to none of its calls. */
  #queueLookOutside: ((now: number) => void) | undefined
  /** Entries of the batch that is being taken in, and which one is next. */
  #batch = 0
  #batchAt = 0

  constructor(binding: Binding) {
    this.binding = binding
    const outgoing = this.#newOutgoing()
    this.#attached = outgoing
    const wake = () => this.#wake()
    const { bytes } = outgoing
    binding.open(this.#words, this.#incoming, bytes, wake, watchesBells())
  }

  // --- who takes part -----------------------------------------------------------------------------------------

  addOwner(owner: CallOwner): void {
    this.#owners.push(owner)
    this.#watchUs = Math.max(this.#watchUs, owner.spinUs)
    this.reconsider()
  }

  /** All its calls have settled. */
  removeOwner(gone: CallOwner): void {
    const at = this.#owners.indexOf(gone)
    if (at !== -1) this.#owners.splice(at, 1)
    // A settled call leaves its owner where the next one writes its own: that may never come.
    for (const token of this.#freeTokens) {
      const call = this.#pending[token]!
      if (call.owner === gone) call.owner = NO_OWNER
    }
    this.#watchUs = this.#worker?.spinUs ?? 0
    for (const owner of this.#owners) this.#watchUs = Math.max(this.#watchUs, owner.spinUs)
    this.reconsider()
  }

  addTaker(queue: number, taker: EventTaker): void {
    this.#takers.set(queue, taker)
    this.reconsider()
  }

  removeTaker(queue: number): void {
    this.#takers.delete(queue)
    this.reconsider()
  }

  /** From now on this process is a worker: it stays alive for its host. */
  setWorker(worker: CallTaker | undefined): void {
    this.#worker = worker
    this.#queueLookOutside ??= AsyncResource.bind((now: number) => this.#queueLook(now))
    this.#watchUs = Math.max(this.#watchUs, worker?.spinUs ?? 0)
    this.reconsider()
    this.#beginChain()
    if (this.#isShutDown) worker?.shutdown()
  }

  /** Something has changed that decides whether the event loop must go on. */
  reconsider(): void {
    // While the chain goes on it keeps the loop alive by itself; what it leaves behind is looked at when it ends.
    if (this.#state === ASLEEP) this.#hold()
  }

  readonly #reconsider = (): void => this.reconsider()

  // --- sending ------------------------------------------------------------------------------------------------

  /** Bytes of `value`, from `start` on; what is returned must be sent or written down before anything else is encoded. */
  encode(codec: PayloadCodec, value: unknown, root: PayloadRoot): Outgoing {
    const out = this.outgoing()
    // The user's code in a getter or codec may send something of its own in the middle of this.
    out.busy = true
    try {
      codec.encode(value, out, root)
    } finally {
      out.busy = false
    }
    return out
  }

  /** A buffer that no encoder is writing into: a getter of a value can get here while that value is encoded. */
  outgoing(): Outgoing {
    const first = this.#outgoing[0]!
    if (!first.busy) {
      // What was written down is still in there.
      if (this.#calls === 0 && this.#answers === 0) first.reset()
      first.start = first.position
      return first
    }
    let out = first
    for (let i = 1; out.busy; i++) out = this.#outgoing[i] ?? this.#newOutgoing()
    out.reset()
    return out
  }

  /**
   * Makes a call whose outcome `resolve` gets. It is sent now, or, where its workers have enough to do, with others that
   * are made before the next microtask.
   *
   * @throws PlumpSerializationError
   */
  post(
    owner: CallOwner,
    command: number,
    name: string,
    args: readonly unknown[],
    settings: CallSettings,
    resolve: (value: unknown) => void,
    cancellable?: CancellableCall,
  ): void {
    const out = this.encode(owner.codec, args, 'args')
    if (cancellable?.signal.aborted === true) {
      // By a getter among the arguments: it is not even made.
      out.rewind(out.start, 0, 0)
      return
    }
    const mayWait =
      out === this.#outgoing[0] &&
      out.segments.length === 0 &&
      out.blocks.length === 0 &&
      out.position - out.start <= SMALL_BYTES
    if (!mayWait) this.#submitCalls()
    let token = this.#freeTokens.pop()
    if (token === undefined) {
      token = this.#pending.length
      this.#pending.push({ owner, command: name, resolve, cancellable })
    } else {
      const call = this.#pending[token]!
      call.owner = owner
      call.command = name
      call.resolve = resolve
      call.cancellable = cancellable
    }
    owner.inFlight++
    this.inFlight++
    this.#writeCall(owner, command, token, out, settings, 0)
    if (cancellable !== undefined) {
      cancellable.record = this.#calls - 1
      cancellable.token = token
      this.#cancellable.push(cancellable)
    }
    if (mayWait && !settings.timed && this.#mayGather(owner)) this.#submitSoon()
    else this.#submitCalls(out)
    if (out.blocks.length > 0) this.#moveBlocks(out)
  }

  /**
   * Whether what is written down may wait for more: fewer than each of the workers has already, so that none of them runs
   * out of calls meanwhile. The first calls of many go one by one, those behind them twice as many each time. A program that
   * blocks may keep the next microtask from coming, so no clock may start with them.
   */
  #mayGather(owner: CallOwner): boolean {
    const { workers, inFlight } = owner
    const calls = this.#calls
    return calls < CALLS_AT_ONCE && calls * workers < inFlight - calls && !owner.timed
  }

  /** Nobody waits for a call any more. Of one that has settled, or whose outcome is on its way here, nothing is changed. */
  giveUp(call: CancellableCall): void {
    if (call.record !== -1) this.#submitCalls()
    const words = this.#words
    words[WORD.callLow] = call.low
    words[WORD.callHigh] = call.high
    this.binding.cancel()
    if (words[WORD.status] === 0) resolverOf(this.#takePending(call.token))
    this.reconsider()
  }

  /** Worker: whether the call of that place, of whose beginning the host wants to hear, may begin. */
  begin(place: number): boolean {
    this.#words[WORD.place] = place
    this.binding.begin()
    return this.#words[WORD.status] === 0
  }

  /** Worker: the call of that place was taken back and is not run; so many have begun by now, that included. */
  passOver(place: number, begun: number): void {
    this.#words[WORD.place] = place
    this.#words[WORD.begun] = begun
    this.binding.passOver()
  }

  /** Makes a call and blocks until it has settled; returns its result or throws what it failed with. */
  call(
    owner: CallOwner,
    command: number,
    name: string,
    args: readonly unknown[],
    settings: CallSettings,
  ): unknown {
    const out = this.encode(owner.codec, args, 'args')
    this.flush()
    this.#writeCall(owner, command, NO_TOKEN, out, settings, CALL_FLAG.blocking)
    this.#sendCalls(out)
    if (out.blocks.length > 0) this.#moveBlocks(out)
    const words = this.#words
    const status = words[WORD.calls + CALL.status]!
    if (status !== 0) throw statusError(status)
    return this.#wait(words[WORD.calls + CALL.low]!, words[WORD.calls + CALL.high]!, owner, name)
  }

  #wait(low: number, high: number, owner: CallOwner, command: string): unknown {
    const kept = this.#keepBatch()
    try {
      const words = this.#words
      for (;;) {
        words[WORD.callLow] = low
        words[WORD.callHigh] = high
        this.binding.wait()
        const status = words[WORD.status]!
        if (status === 0) break
        if (status !== STATUS.again) throw statusError(status)
        lookUp()
      }
      const at = WORD.table
      switch (words[at + ENTRY.kind]) {
        case KIND.result:
          return this.#decode(owner.codec, at)
        case KIND.thrown:
          throw this.#decodeThrown(owner.codec, at)
        default:
          throw owner.failure(this.#readFailure(at), command)
      }
    } finally {
      this.#restoreBatch(kept)
    }
  }

  /** Answers a call of the host. With `hold` the answer may wait for the next one or the next look. */
  answer(
    low: number,
    high: number,
    place: number,
    kind: number,
    runUs: number,
    beganUs: number,
    out: Outgoing,
    hold: boolean,
  ): void {
    const small =
      out === this.#outgoing[0] &&
      out.segments.length === 0 &&
      out.position - out.start <= SMALL_BYTES
    if (!small) this.flushAnswers()
    const words = this.#answerWords
    const at = ANSWER.records + this.#answers++ * ANSWER.words
    words[at + ANSWER.low] = low
    words[at + ANSWER.high] = high
    words[at + ANSWER.place] = place
    words[at + ANSWER.kind] = kind
    words[at + ANSWER.runUs] = runUs
    words[at + ANSWER.beganUs] = beganUs
    words[at + ANSWER.offset] = out.start
    words[at + ANSWER.length] = out.position - out.start
    if (!hold || !small || this.#answers === ANSWERS_AT_ONCE) this.flushAnswers(out)
    else this.#show()
  }

  /** Sends what was written down. */
  flush(): void {
    this.#submitCalls()
    this.flushAnswers()
  }

  /** Sends the answers that were held back for those that follow; `out` has their payloads. */
  flushAnswers(out?: Outgoing): void {
    if (this.#answers === 0) return
    // What was held back has no segments: those that are there belong to what follows.
    this.attach(out ?? this.#outgoing[0]!)
    this.#words[WORD.first] = this.#shown === 0 ? 0 : this.#takeBack()
    this.#words[WORD.records] = this.#answers
    this.#answers = 0
    if (out === undefined || out.segments.length === 0) {
      this.binding.answer()
    } else {
      this.binding.answerWith(out.segments)
      out.dropSegments()
    }
  }

  /** Lets the I/O thread send the answers that are written down, if this thread does not come to it for long. */
  #show(): void {
    const before = this.#shown
    this.#shown = (before & FIRST_SHOWN) | this.#answers
    const words = this.#answerWords
    if (Atomics.compareExchange(words, ANSWER.shown, before, this.#shown) === before) return
    // It has sent those that were shown before.
    this.#shown = ((before & COUNT_SHOWN) << 16) | this.#answers
    Atomics.store(words, ANSWER.shown, this.#shown)
  }

  /** Takes back what was shown: the first answer that the I/O thread has not sent. */
  #takeBack(): number {
    const shown = this.#shown
    this.#shown = 0
    const isSent = Atomics.exchange(this.#answerWords, ANSWER.shown, 0) === 0
    return isSent ? shown & COUNT_SHOWN : shown >>> 16
  }

  /** Before the first call comes: the I/O thread can send what this thread holds back. */
  showAnswers(): void {
    this.#showsAnswers = true
    this.#attachAnswers()
  }

  #attachAnswers(): void {
    this.binding.attachAnswers(this.#answerWords, this.#outgoing[0]!.bytes)
  }

  /** Whether a look follows before the event loop goes on, which sends what was held back. */
  get looksSoon(): boolean {
    return this.#state === LOOKING || (this.#state === QUEUED && !this.#fromLoop)
  }

  #writeCall(
    owner: CallOwner,
    command: number,
    token: number,
    out: Outgoing,
    settings: CallSettings,
    flags: number,
  ): void {
    const words = this.#words
    const at = WORD.calls + this.#calls++ * CALL.words
    words[at + CALL.pool] = owner.id
    words[at + CALL.command] = command
    words[at + CALL.token] = token
    words[at + CALL.offset] = out.start
    words[at + CALL.length] = out.position - out.start
    words[at + CALL.flags] = flags
    words[at + CALL.timeoutMs] = settings.timeoutMs
    if (settings.ordered) {
      flags |= settings.flags
      words[at + CALL.flags] = flags
      words[at + CALL.keyLow] = settings.keyLow
      words[at + CALL.keyHigh] = settings.keyHigh
    }
    if (settings.limited) {
      words[at + CALL.flags] = flags | CALL_FLAG.limited
      words[at + CALL.queueMs] = settings.queueMs
      words[at + CALL.runMs] = settings.runMs
      words[at + CALL.graceMs] = settings.graceMs
    }
    words[at + CALL.block] = out.lastBlock === undefined ? 0 : out.blockFor(owner)
  }

  /** The only call of those that were just sent has blocks: they are its own, unless it was refused. */
  #moveBlocks(out: Outgoing): void {
    if (this.#words[WORD.calls + CALL.status] === 0) out.moveBlocks()
    else out.dropBlocks()
  }

  readonly #flushFromMicrotask = (): void => {
    this.#flushQueued = false
    this.#submitCalls()
  }

  /** Sends the calls that were written down before the event loop goes on. */
  #submitSoon(): void {
    if (this.looksSoon || this.#flushQueued) return
    this.#flushQueued = true
    void resolved.then(this.#flushFromMicrotask)
  }

  /** Sends the calls that were written down, if there are any, and sees to it that their answers are looked for. */
  #submitCalls(out?: Outgoing): void {
    const count = this.#calls
    if (count === 0) return
    // Large payloads are copied in there.
    const began = out !== undefined && out.segments.length > 0 ? this.nowUs() : undefined
    this.#sendCalls(out)
    if (this.#cancellable.length > 0) this.#noteIds()
    const words = this.#words
    for (let i = 0, at = WORD.calls + CALL.status; i < count; i++, at += CALL.words)
      if (words[at] !== 0) this.#refused(at - CALL.status)
    // Whether nobody would watch for the answers: they wake the event loop.
    const asleep = words[WORD.asleep] === 1
    if (this.#state === ASLEEP) {
      if (asleep) this.#hold()
      else this.#beginChain(began)
    } else {
      if (!asleep) this.#sent = true
      this.#isOverdue ||= began !== undefined && (this.nowUs() - began) >>> 0 >= CHAIN_US
    }
  }

  /** The calls that can be given up have been sent, and have ids. */
  #noteIds(): void {
    const words = this.#words
    for (const call of this.#cancellable) {
      const at = WORD.calls + call.record * CALL.words
      call.record = -1
      // The words of one that was refused may hold the id of another.
      if (words[at + CALL.status] !== 0) continue
      call.low = words[at + CALL.low]!
      call.high = words[at + CALL.high]!
    }
    this.#cancellable.length = 0
  }

  /** Without `out` those that were held back, which have no segments: any that are there belong to what follows. */
  #sendCalls(out: Outgoing | undefined): void {
    this.attach(out ?? this.#outgoing[0]!)
    this.#words[WORD.records] = this.#calls
    this.#calls = 0
    if (out === undefined || out.segments.length === 0) {
      this.binding.submit()
    } else {
      this.binding.submitWith(out.segments)
      out.dropSegments()
    }
  }

  /** A call that was not even made. */
  #refused(at: number): void {
    const words = this.#words
    const resolve = resolverOf(this.#takePending(words[at + CALL.token]!))
    resolve(Promise.reject(statusError(words[at + CALL.status]!)))
  }

  /** The call of a token, which is free again: use what is returned at once. */
  #takePending(token: number): PendingCall {
    const call = this.#pending[token]!
    this.#freeTokens.push(token)
    this.inFlight--
    call.owner.inFlight--
    const { cancellable } = call
    if (cancellable !== undefined) {
      call.cancellable = undefined
      cancellable.settled()
    }
    return call
  }

  publish(queue: number, out: Outgoing): void {
    const words = this.#words
    words[WORD.queue] = queue
    this.attach(out)
    words[WORD.offset] = out.start
    words[WORD.length] = out.position - out.start
    if (out.segments.length === 0) {
      this.binding.publish()
    } else {
      this.binding.publishWith(out.segments)
      out.dropSegments()
    }
    const status = words[WORD.status]!
    if (status !== 0) throw statusError(status)
  }

  // --- waiting for events -------------------------------------------------------------------------------------

  /** Blocks until there is an event to take; false when the time is over. */
  poll(queue: number, waitMs: number): boolean {
    return this.#waitForEvent(queue, waitMs, this.binding.poll)
  }

  /** Blocks for the next event, which `into` gets; false when the time is over. */
  take(queue: number, waitMs: number, codec: PayloadCodec, into: { value: unknown }): boolean {
    const kept = this.#keepBatch()
    try {
      if (!this.#waitForEvent(queue, waitMs, this.binding.take)) return false
      into.value = this.#decode(codec, WORD.table)
      return true
    } finally {
      this.#restoreBatch(kept)
    }
  }

  #waitForEvent(queue: number, waitMs: number, native: () => void): boolean {
    const words = this.#words
    const until = waitMs === FOREVER ? Number.POSITIVE_INFINITY : performance.now() + waitMs
    for (;;) {
      words[WORD.queue] = queue
      words[WORD.waitMs] =
        waitMs === FOREVER ? FOREVER : Math.max(0, Math.ceil(until - performance.now()))
      native.call(this.binding)
      const status = words[WORD.status]!
      if (status === 0) return true
      if (status === STATUS.timeout) return false
      if (status !== STATUS.again) throw statusError(status)
      lookUp()
    }
  }

  /** What the last native function that has one said: WORD.status. */
  get status(): number {
    return this.#words[WORD.status]!
  }

  /** What `allocateBlock` said: WORD.blockKey. */
  get blockKey(): number {
    return this.#words[WORD.blockKey]!
  }

  /** Microseconds of a clock that never goes back, modulo 2^32. */
  nowUs(): number {
    this.binding.now()
    return this.#words[WORD.nowUs]!
  }

  // --- the chain of looks -------------------------------------------------------------------------------------

  #wake(): void {
    if (this.#state !== ASLEEP) return
    this.#chainBegins = true
    this.#look()
  }

  /** @param began when the sending of what is looked for began, where that may have taken long */
  #beginChain(began?: number): void {
    if (this.#state !== ASLEEP) return
    const now = this.nowUs()
    // A chain that has just ended, with all calls answered, and begins again with the next call, is the same one: out of
    // microtasks alone the event loop would not go on.
    const since = began ?? now
    if ((since - this.#lastLook) >>> 0 >= CHAIN_US) this.#chainBegan = since
    // A handler that calls begins the chain in which the next handlers are called: its AsyncLocalStorage is not theirs.
    if (this.#queueLookOutside === undefined) this.#queueLook(now)
    else this.#queueLookOutside(now)
  }

  /** The next look: after the microtasks that are queued now, or, after a millisecond of them, when the event loop went on. */
  #queueLook(now: number): void {
    if ((now - this.#chainBegan) >>> 0 < CHAIN_US) this.#queueMicrotask()
    else this.#lookLater()
  }

  /** The next look: when the event loop went on. */
  #lookLater(): void {
    this.#state = QUEUED
    this.#fromLoop = true
    setImmediate(this.#lookFromLoop)
  }

  #queueMicrotask(): void {
    this.#state = QUEUED
    this.#fromLoop = false
    // Not queueMicrotask(), which makes an AsyncResource each time.
    void resolved.then(this.#look)
  }

  readonly #lookFromLoop = (): void => {
    this.#chainBegins = true
    this.#isOverdue = false
    this.#look()
  }

  readonly #look = (): void => {
    const words = this.#words
    this.#state = LOOKING
    if (this.#calls > 0) this.#submitCalls()
    if (this.#answers > 0) this.flushAnswers()
    if (this.#isOverdue) {
      this.#lookLater()
      return
    }
    this.#sent = false
    const worker = this.#worker
    const expects = worker !== undefined || this.inFlight > 0
    // What can be got ready for the next large payload is done before anything is waited for.
    if (this.#tookLarge) words[WORD.watchUs] = LOOK
    else words[WORD.watchUs] = expects && this.#watchUs > 0 ? this.#watchUs : SLEEP
    if (worker !== undefined) words[WORD.begun] = worker.begun
    this.binding.drain()
    const asleep = words[WORD.asleep] === 1
    const count = words[WORD.count]!
    const looked = words[WORD.nowUs]!
    if (this.#chainBegins) {
      this.#chainBegins = false
      this.#chainBegan = looked
    }
    if (count > 0) this.#takeIn(count)
    else if (this.#tookLarge) this.#makeSpare()
    // What was called for meanwhile is looked for, unless it wakes the event loop by itself.
    if (asleep && !this.#sent && !this.#tookLarge && this.#calls === 0 && this.#answers === 0) {
      if (worker?.busy === true) this.#tellBegun(worker)
      this.#state = ASLEEP
      // Behind the continuations of what was just settled, which need not wait for that.
      if (count > 0) void resolved.then(this.#reconsider)
      else this.#hold()
      this.#lastLook = looked
    } else {
      this.#queueLook(looked)
    }
  }

  #makeSpare(): void {
    this.#tookLarge = false
    this.binding.makeSpare()
  }

  /** The next look, which tells it otherwise, may be far: those that wait for something let others begin meanwhile. */
  #tellBegun(worker: CallTaker): void {
    this.#words[WORD.begun] = worker.begun
    this.binding.tellBegun()
  }

  #takeIn(count: number): void {
    const words = this.#words
    this.#batch = count
    for (let i = 0; i < count; i++) {
      this.#batchAt = i + 1
      const at = WORD.table + i * ENTRY.words
      switch (words[at + ENTRY.kind]) {
        case KIND.result:
        case KIND.thrown:
        case KIND.failed:
          this.#settle(at)
          break
        case KIND.call:
          this.#takeCall(at, i + 1 < count)
          break
        case KIND.event:
          this.#takeEvent(at)
          break
        case KIND.pool:
          this.#takePoolEvent(at)
          break
        case KIND.cancel:
          this.#worker?.cancel(words[at + ENTRY.a]!)
          break
        case KIND.shutdown:
          if (this.#worker === undefined) this.#isShutDown = true
          else this.#worker.shutdown()
          break
      }
    }
    this.#batch = 0
  }

  #settle(at: number): void {
    const words = this.#words
    // Taken apart at once: a decoder can run the user's code, which makes calls of its own.
    const call = this.#takePending(words[at + ENTRY.id]!)
    const { owner, command } = call
    const resolve = resolverOf(call)
    try {
      switch (words[at + ENTRY.kind]) {
        case KIND.result:
          resolve(this.#decode(owner.codec, at))
          break
        case KIND.thrown:
          resolve(rejected(this.#decodeThrown(owner.codec, at)))
          break
        default:
          resolve(rejected(owner.failure(this.#readFailure(at), command)))
      }
    } catch (error) {
      resolve(rejected(error))
    }
  }

  #takeCall(at: number, more: boolean): void {
    const worker = this.#worker
    if (worker === undefined) return
    const words = this.#words
    const low = words[at + ENTRY.id]!
    const high = words[at + ENTRY.b]!
    const command = words[at + ENTRY.a]! & 0xffff
    const place = words[at + ENTRY.a]! >>> 16
    const due = words[at + ENTRY.c]!
    const after = at + ENTRY.words
    const next =
      more && words[after + ENTRY.kind] === KIND.call ? words[after + ENTRY.a]! & 0xffff : -1
    let args: unknown
    let failed = false
    try {
      args = this.#decode(worker.codec, at)
    } catch (error) {
      args = error
      failed = true
    }
    worker.call(low, high, place, command, due, args, failed, next)
  }

  #takeEvent(at: number): void {
    const words = this.#words
    const taker = this.#takers.get(words[at + ENTRY.id]!)
    if (taker === undefined) {
      // A listener of an event before has closed the queue: what nobody fetches would never be freed.
      if (words[at + ENTRY.offset] === LARGE)
        this.binding.copyLarge(words[at + ENTRY.token]!, undefined)
      return
    }
    let value: unknown
    let failed = false
    try {
      value = this.#decode(taker.codec, at)
    } catch (error) {
      value = error
      failed = true
    }
    taker.deliver(value, failed)
  }

  #takePoolEvent(at: number): void {
    const pool = this.#words[at + ENTRY.id]
    const owner = this.#owners.find(({ id }) => id === pool)
    const { bytes, start, end } = this.#bytes(at)
    if (owner === undefined) return
    // The events are JSON, but for a failed start, which has the form of a failure: its JSON begins at the fifth byte,
    // where the others have a letter of their first key.
    if (bytes[start + 4] === OPEN_BRACE) {
      const { facts, cause } = readFailure<PoolEvent>(bytes, start, end)
      owner.onEvent(facts, cause)
    } else {
      owner.onEvent(JSON.parse(bytes.toString('utf8', start, end)) as PoolEvent, undefined)
    }
  }

  // --- bytes --------------------------------------------------------------------------------------------------

  #decode(codec: PayloadCodec, at: number): unknown {
    const words = this.#words
    const offset = words[at + ENTRY.offset]!
    const length = words[at + ENTRY.length]!
    if (offset !== LARGE) return codec.decode(this.#incoming, offset, offset + length, false)
    return codec.decode(this.#large(at), 0, length, true)
  }

  #decodeThrown(codec: PayloadCodec, at: number): unknown {
    const { bytes, start, end } = this.#bytes(at)
    return decodeThrown(bytes, start, end, codec)
  }

  #readFailure(at: number): FailureEntry<Failure> {
    const { bytes, start, end } = this.#bytes(at)
    return readFailure(bytes, start, end)
  }

  #bytes(at: number): { bytes: Buffer; start: number; end: number } {
    const offset = this.#words[at + ENTRY.offset]!
    const length = this.#words[at + ENTRY.length]!
    return offset === LARGE
      ? { bytes: this.#large(at), start: 0, end: length }
      : { bytes: this.#incoming, start: offset, end: offset + length }
  }

  #large(at: number): Buffer {
    const token = this.#words[at + ENTRY.token]!
    const taken = this.binding.takeLarge(token)
    if (taken !== undefined) {
      this.#tookLarge = true
      return Buffer.from(taken)
    }
    let buffer: ArrayBuffer | undefined
    try {
      buffer = new ArrayBuffer(this.#words[at + ENTRY.length]!)
    } finally {
      // Also when there is no memory for it: a block that nobody fetches would never come back.
      this.binding.copyLarge(token, buffer)
    }
    return Buffer.from(buffer)
  }

  #newOutgoing(): Outgoing {
    const out: Outgoing = new Outgoing({
      onReplace: (bytes) => {
        if (this.#attached !== undefined && this.#attached === out)
          this.binding.attachOutgoing(bytes)
        if (this.#showsAnswers && out === this.#outgoing[0]) this.#attachAnswers()
      },
    })
    this.#outgoing.push(out)
    return out
  }

  /** Makes `out` the buffer that native functions read. */
  attach(out: Outgoing): void {
    if (out === this.#attached) return
    this.#attached = out
    this.binding.attachOutgoing(out.bytes)
  }

  /**
   * User code runs while a batch is taken in: handlers, listeners, codecs. What it blocks for is answered through the
   * same words and bytes, so the rest of the batch is put aside meanwhile. Taking the whole batch out before user code
   * runs was refused: it costs every message what only this rare case needs.
   */
  #keepBatch(): KeptBatch | undefined {
    const from = WORD.table + this.#batchAt * ENTRY.words
    const to = WORD.table + this.#batch * ENTRY.words
    if (from >= to) return undefined
    const words = this.#words
    let start = INCOMING_BYTES
    let end = 0
    for (let at = from; at < to; at += ENTRY.words) {
      const offset = words[at + ENTRY.offset]!
      if (offset === LARGE) continue
      start = Math.min(start, offset)
      end = Math.max(end, offset + words[at + ENTRY.length]!)
    }
    return {
      from,
      words: words.slice(from, to),
      start,
      bytes: end > start ? Uint8Array.prototype.slice.call(this.#incoming, start, end) : undefined,
      batch: this.#batch,
      at: this.#batchAt,
    }
  }

  #restoreBatch(kept: KeptBatch | undefined): void {
    if (kept === undefined) return
    this.#words.set(kept.words, kept.from)
    if (kept.bytes !== undefined) this.#incoming.set(kept.bytes, kept.start)
    this.#batch = kept.batch
    this.#batchAt = kept.at
  }

  #hold(): void {
    const alive = this.#mustStayAlive()
    if (alive === this.#held) return
    this.#held = alive
    this.#words[WORD.alive] = alive ? 1 : 0
    this.binding.hold()
  }

  #mustStayAlive(): boolean {
    if (this.#worker !== undefined) return true
    for (const owner of this.#owners) if (owner.holds()) return true
    for (const taker of this.#takers.values()) if (taker.holds()) return this.binding.busHasPeers()
    return false
  }
}

/** What settles a call, which is not kept: it would keep the answer until the token is used again. */
function resolverOf(call: PendingCall): PendingCall['resolve'] {
  const { resolve } = call
  call.resolve = nobody
  return resolve
}

/** Stands where what settles a call was. */
export function nobody(): void {}

/** In the place of one that is closed, where nothing looks before there is another. */
const NO_OWNER = {} as CallOwner

interface KeptBatch {
  readonly from: number
  readonly words: Uint32Array
  readonly start: number
  readonly bytes: Uint8Array | undefined
  readonly batch: number
  readonly at: number
}

/** `waitMs`: wait for ever. */
export const FOREVER = 0xffffffff

const OPEN_BRACE = 0x7b
/** The outcome of a call for which its thread blocks is handed out without one. */
const NO_TOKEN = 0xffffffff

/**
 * Where a thread that is being terminated ends. V8 looks for that when a function is entered; at the end of a short loop
 * it does so rarely that `terminate()` took three seconds.
 */
function lookUp(): void {}
