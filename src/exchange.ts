// Owner of everything that passes between this JavaScript environment and the native half: the words, the bytes that
// come and go, the calls that wait for an answer, and the chain of looks that takes in what has come.
//
// The chain. After a call was sent, a microtask looks for what has come, and after that one the next, so that promise
// continuations run in between without the price of a turn of the event loop. After a millisecond at the latest it
// goes on by setImmediate, so that timers and I/O are served. When Rust says that it has gone to sleep the chain ends;
// Rust wakes it again through the event loop.

import type { PayloadCodec } from './codec/codec.js'
import { Outgoing } from './codec/outgoing.js'
import { decodeThrown } from './codec/thrown.js'
import type { PayloadRoot } from './codec/limits.js'
import { readFailure, type FailureEntry, statusError } from './failure.js'
import {
  type Binding,
  ENTRY,
  type Failure,
  KIND,
  LARGE,
  type PoolEvent,
  STATUS,
  WORD,
  WORDS,
} from './native.js'
import { rejected } from './rejected.js'

/** Whose calls they are: one started instance. */
export interface CallOwner {
  readonly codec: PayloadCodec
  /** Calls that wait for an answer and hold the event loop. Kept by the exchange. */
  inFlight: number
  /** Longest time to watch for an answer, microseconds. */
  readonly spinUs: number
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
  /**
   * Runs a command. `failed` tells that the bytes were no arguments; `args` is why. `next` is the number of the
   * command that follows at once, or -1.
   */
  call(
    low: number,
    high: number,
    command: number,
    args: unknown,
    failed: boolean,
    next: number,
  ): void
  cancel(low: number, high: number): void
  shutdown(): void
}

interface PendingCall {
  readonly owner: CallOwner
  readonly command: string
  readonly resolve: (value: unknown) => void
}

const INCOMING_BYTES = 256 * 1024
/** `watchUs`: go to sleep at once if nothing is there. */
const SLEEP = 0xffffffff
/** How long a chain of microtasks keeps timers and I/O waiting. */
const CHAIN_MS = 1

const ASLEEP = 0
const QUEUED = 1
const LOOKING = 2
type ChainState = typeof ASLEEP | typeof QUEUED | typeof LOOKING

const resolved = Promise.resolve()

export class Exchange {
  readonly binding: Binding
  /** Calls of this environment that wait for an answer. */
  inFlight = 0

  readonly #words = new Uint32Array(WORDS)
  readonly #incoming: Buffer = Buffer.allocUnsafeSlow(INCOMING_BYTES)
  readonly #outgoing: Outgoing[] = []
  #attached: Outgoing | undefined
  readonly #owners: (CallOwner | undefined)[] = []
  readonly #takers = new Map<number, EventTaker>()
  readonly #pending: (PendingCall | undefined)[] = []
  #worker: CallTaker | undefined

  #state: ChainState = ASLEEP
  #chainBegan = 0
  #fromLoop = false
  #sent = false
  #held = false
  #keptBack = false
  #watchUs = 0
  /** Entries of the batch that is being taken in, and which one is next. */
  #batch = 0
  #batchAt = 0

  constructor(binding: Binding) {
    this.binding = binding
    const outgoing = this.#newOutgoing()
    this.#attached = outgoing
    binding.open(this.#words, this.#incoming, outgoing.bytes, () => this.#wake())
  }

  // --- who takes part -----------------------------------------------------------------------------------------

  addOwner(pool: number, owner: CallOwner): void {
    this.#owners[pool] = owner
    this.#watchUs = Math.max(this.#watchUs, owner.spinUs)
    this.reconsider()
  }

  removeOwner(pool: number): void {
    this.#owners[pool] = undefined
    this.#watchUs = this.#worker?.spinUs ?? 0
    for (const owner of this.#owners)
      if (owner !== undefined) this.#watchUs = Math.max(this.#watchUs, owner.spinUs)
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
    this.#watchUs = Math.max(this.#watchUs, worker?.spinUs ?? 0)
    this.reconsider()
    this.#beginChain()
  }

  /** Something has changed that decides whether the event loop must go on. */
  reconsider(): void {
    // While the chain goes on it keeps the loop alive by itself; what it leaves behind is looked at when it ends.
    if (this.#state === ASLEEP) this.#hold()
  }

  // --- sending ------------------------------------------------------------------------------------------------

  /** Bytes of `value`; what is returned must be sent before anything else is encoded. */
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

  /** An empty buffer that no encoder is writing into: a getter of a value can get here while that value is encoded. */
  outgoing(): Outgoing {
    let out = this.#outgoing[0]!
    for (let i = 1; out.busy; i++) out = this.#outgoing[i] ?? this.#newOutgoing()
    out.reset()
    return out
  }

  /** Makes a call and returns its slot. */
  submit(pool: number, command: number, out: Outgoing, timeoutMs: number, blocking: 0 | 1): number {
    const words = this.#words
    words[WORD.pool] = pool
    words[WORD.command] = command
    words[WORD.timeoutMs] = timeoutMs
    words[WORD.blocking] = blocking
    this.attach(out)
    words[WORD.length] = out.position
    if (out.segments.length === 0) this.binding.submit()
    else this.binding.submitWith(out.segments)
    this.#sentFrom(out)
    const status = words[WORD.status]!
    if (status !== 0) throw statusError(status)
    return words[WORD.slot]!
  }

  /** Hands the answer of the call in `slot` to `resolve`. */
  expect(slot: number, owner: CallOwner, command: string, resolve: (value: unknown) => void): void {
    this.#pending[slot] = { owner, command, resolve }
    owner.inFlight++
    this.inFlight++
    if (this.#state === ASLEEP) this.#beginChain()
    else this.#sent = true
  }

  /** Blocks until the call in `slot` has settled; returns its result or throws what it failed with. */
  wait(slot: number, owner: CallOwner, command: string): unknown {
    const kept = this.#keepBatch()
    try {
      const words = this.#words
      for (;;) {
        words[WORD.slot] = slot
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

  /** Answers a call of the host. With `hold` the bytes may wait for the next answer or look. */
  answer(
    low: number,
    high: number,
    kind: number,
    runUs: number,
    out: Outgoing,
    hold: boolean,
    begun: number,
  ): number {
    const words = this.#words
    words[WORD.callLow] = low
    words[WORD.callHigh] = high
    words[WORD.answerKind] = kind
    words[WORD.runUs] = runUs
    words[WORD.hold] = hold ? 1 : 0
    words[WORD.begun] = begun
    this.attach(out)
    words[WORD.length] = out.position
    if (out.segments.length === 0) this.binding.answer()
    else this.binding.answerWith(out.segments)
    this.#sentFrom(out)
    this.#keptBack = hold
    return words[WORD.status]!
  }

  /** Sends answers that were kept back for those that follow. */
  flushHeld(): void {
    if (!this.#keptBack) return
    this.#keptBack = false
    this.binding.flush()
  }

  /** Whether a look follows before the event loop goes on, which sends what `hold` kept back. */
  get looksSoon(): boolean {
    return this.#state === LOOKING || (this.#state === QUEUED && !this.#fromLoop)
  }

  publish(queue: number, out: Outgoing): void {
    const words = this.#words
    words[WORD.queue] = queue
    this.attach(out)
    words[WORD.length] = out.position
    if (out.segments.length === 0) this.binding.publish()
    else this.binding.publishWith(out.segments)
    this.#sentFrom(out)
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

  // --- the chain of looks -------------------------------------------------------------------------------------

  #wake(): void {
    if (this.#state !== ASLEEP) return
    this.#chainBegan = performance.now()
    this.#look()
  }

  #beginChain(): void {
    if (this.#state !== ASLEEP) return
    this.#chainBegan = performance.now()
    this.#queueMicrotask()
  }

  #queueMicrotask(): void {
    this.#state = QUEUED
    this.#fromLoop = false
    // Not queueMicrotask(), which makes an AsyncResource each time.
    void resolved.then(this.#look)
  }

  readonly #lookFromLoop = (): void => {
    this.#chainBegan = performance.now()
    this.#look()
  }

  readonly #look = (): void => {
    const words = this.#words
    this.#state = LOOKING
    this.#sent = false
    const worker = this.#worker
    words[WORD.watchUs] = worker === undefined && this.inFlight === 0 ? SLEEP : this.#watchUs
    if (worker !== undefined) words[WORD.begun] = worker.begun
    this.#keptBack = false
    this.binding.drain()
    const asleep = words[WORD.asleep] === 1
    const count = words[WORD.count]!
    if (count > 0) this.#takeIn(count)
    if (asleep && !this.#sent) {
      this.#state = ASLEEP
      this.#hold()
    } else if (performance.now() - this.#chainBegan < CHAIN_MS) {
      this.#queueMicrotask()
    } else {
      this.#state = QUEUED
      this.#fromLoop = true
      setImmediate(this.#lookFromLoop)
    }
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
          this.#worker?.cancel(words[at + ENTRY.id]!, words[at + ENTRY.b]!)
          break
        case KIND.shutdown:
          this.#worker?.shutdown()
          break
      }
    }
    this.#batch = 0
  }

  #settle(at: number): void {
    const words = this.#words
    const slot = words[at + ENTRY.id]!
    const call = this.#pending[slot]
    if (call === undefined) return
    this.#pending[slot] = undefined
    this.inFlight--
    call.owner.inFlight--
    try {
      switch (words[at + ENTRY.kind]) {
        case KIND.result:
          call.resolve(this.#decode(call.owner.codec, at))
          break
        case KIND.thrown:
          call.resolve(rejected(this.#decodeThrown(call.owner.codec, at)))
          break
        default:
          call.resolve(rejected(call.owner.failure(this.#readFailure(at), call.command)))
      }
    } catch (error) {
      call.resolve(rejected(error))
    }
  }

  #takeCall(at: number, more: boolean): void {
    const worker = this.#worker
    if (worker === undefined) return
    const words = this.#words
    const low = words[at + ENTRY.id]!
    const high = words[at + ENTRY.b]!
    const command = words[at + ENTRY.a]!
    const after = at + ENTRY.words
    const next = more && words[after + ENTRY.kind] === KIND.call ? words[after + ENTRY.a]! : -1
    let args: unknown
    let failed = false
    try {
      args = this.#decode(worker.codec, at)
    } catch (error) {
      args = error
      failed = true
    }
    worker.call(low, high, command, args, failed, next)
  }

  #takeEvent(at: number): void {
    const taker = this.#takers.get(this.#words[at + ENTRY.id]!)
    if (taker === undefined) return
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
    const owner = this.#owners[this.#words[at + ENTRY.id]!]
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
    if (taken !== undefined) return Buffer.from(taken)
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

  #sentFrom(out: Outgoing): void {
    if (out.segments.length > 0) out.reset()
    if (out.bytes.length > KEPT_BYTES) {
      out.reset()
      out.shrink()
    }
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
    this.binding.hold(alive)
  }

  #mustStayAlive(): boolean {
    if (this.#worker !== undefined) return true
    for (const owner of this.#owners) if (owner?.holds() === true) return true
    for (const taker of this.#takers.values()) if (taker.holds()) return this.binding.busHasPeers()
    return false
  }
}

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
/** Above this an outgoing buffer is given back after use. */
const KEPT_BYTES = 1024 * 1024

/**
 * Where a thread that is being terminated ends. V8 looks for that when a function is entered; at the end of a short loop
 * it does so rarely that `terminate()` took three seconds.
 */
function lookUp(): void {}
