// What a handler can ask about the call that it runs for.
//
// While a handler runs until its first `await`, the call is in a variable; nothing is made for a call whose handler does
// not ask. After an `await` only AsyncLocalStorage knows which handler goes on. It costs every handler that it is used for,
// so it is used for `async` functions alone: others can keep what they have read before.

import { AsyncLocalStorage } from 'node:async_hooks'
import { PlumpAbortError, PlumpError } from '../errors.js'
import { limits } from '../generated/limits.js'
import { CALL_STATE } from '../native.js'
import { once } from '../shared.js'

/** The call that a handler runs for. */
export interface CallContext {
  /**
   * Aborted when nobody waits for the call any more: its caller's signal was aborted, or its time is over. Handlers that
   * give the event loop a turn now and then see it.
   */
  readonly signal: AbortSignal
  /** The same, for handlers that never yield: it changes in the middle of a loop. */
  readonly aborted: boolean
  /** Id of the call; `causedBy` of `ERR_PLUMP_WORKER_ENDED` names it. */
  readonly callId: string
  /** Name of the command. */
  readonly command: string
  /** When the call times out, milliseconds of `Date.now()`; `undefined`: never. */
  readonly deadline: number | undefined
  /** The worker: its process id, as in `stats().workers`. */
  readonly workerId: number
}

/** One call, for whoever has asked. */
class RunningCall implements CallContext {
  readonly callId: string
  readonly command: string
  readonly deadline: number | undefined
  readonly #contexts: Contexts
  readonly #place: number
  #controller: AbortController | undefined
  #isAborted = false
  /** It was answered: what its handler has left behind is no handler. */
  isOver = false

  constructor(
    contexts: Contexts,
    place: number,
    callId: string,
    command: string,
    deadline: number | undefined,
  ) {
    this.#contexts = contexts
    this.#place = place
    this.callId = callId
    this.command = command
    this.deadline = deadline
  }

  get workerId(): number {
    return process.pid
  }

  get aborted(): boolean {
    // Its place may be another's by now.
    if (!this.isOver && this.#contexts.isAborted(this.#place)) this.abort()
    return this.#isAborted
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.aborted) this.#controller.abort(given())
    }
    return this.#controller.signal
  }

  abort(): void {
    if (this.#isAborted) return
    this.#isAborted = true
    // Listeners are the handler's code: what one throws is reported by Node as an uncaught error of that handler.
    this.#controller?.abort(given())
  }
}

function abort(call: RunningCall): void {
  call.abort()
}

function given(): PlumpAbortError {
  return new PlumpAbortError('ERR_PLUMP_CANCELLED', 'Nobody waits for this call any more.')
}

/** The calls of this worker that run, as far as their handlers have asked. */
export class Contexts {
  /** The states of calls by their place; see call_states.rs. */
  states = new Uint32Array(0)
  readonly #storage = new AsyncLocalStorage<RunningCall>()
  readonly #running = new Map<number, RunningCall>()

  // The call whose handler runs now, until its first `await`.
  #place = NOBODY
  #low = 0
  #high = 0
  #command = ''
  #due = 0
  #current: RunningCall | undefined

  /** A place for each call that this worker can have at once; no more are sent to it. */
  makePlaces(concurrency: number): Uint32Array {
    const places = Math.min(concurrency + limits.placesAhead, limits.maxCallPlaces)
    this.states = new Uint32Array(places)
    return this.states
  }

  isAborted(place: number): boolean {
    return place < this.states.length && Atomics.load(this.states, place) === CALL_STATE.aborted
  }

  /** A handler is about to be called. */
  enter(low: number, high: number, place: number, command: string, due: number): void {
    this.#low = low
    this.#high = high
    this.#place = place
    this.#command = command
    this.#due = due
  }

  /** It has returned, or waits for something. */
  leave(): void {
    this.#place = NOBODY
    this.#current = undefined
  }

  /** Runs an `async` handler, which knows its call after each `await`. */
  run<T>(handler: () => T): T {
    return this.#storage.run(this.#make(), handler)
  }

  /** The call of that place is over: the place may be another's. */
  ended(place: number): void {
    if (this.#running.size === 0) return
    const call = this.#running.get(place)
    if (call === undefined) return
    call.isOver = true
    this.#running.delete(place)
  }

  /** Nobody waits for the call of that place any more. What listens to its signal has it as its `context`. */
  abort(place: number): void {
    const call = this.#running.get(place)
    if (call !== undefined) this.#storage.run(call, abort, call)
  }

  /** The call for which the code runs that asks; `undefined` outside of handlers. */
  get current(): CallContext | undefined {
    if (this.#place !== NOBODY) return this.#make()
    if (this.#running.size === 0) return undefined
    const call = this.#storage.getStore()
    return call?.isOver === true ? undefined : call
  }

  /** Its deadline, for which nothing is made where it has none. */
  get deadline(): number | undefined {
    if (this.#place !== NOBODY && this.#due === 0) return undefined
    return this.current?.deadline
  }

  #make(): RunningCall {
    this.#current ??= this.#add()
    return this.#current
  }

  #add(): RunningCall {
    const id = (BigInt(this.#high) << 32n) | BigInt(this.#low)
    const deadline = this.#due === 0 ? undefined : wholeTime(this.#due)
    const call = new RunningCall(this, this.#place, `0x${id.toString(16)}`, this.#command, deadline)
    this.#running.set(this.#place, call)
    return call
  }
}

const NOBODY = -1

/** The time of which that is the low half, no further from now than half of what it counts. */
function wholeTime(low: number): number {
  const now = Date.now()
  return now + ((low - now) | 0)
}

/** Those of this process, whichever copy of this package asks. */
export const contexts = once('contexts', () => new Contexts())

function current(): CallContext {
  const call = contexts.current
  if (call === undefined)
    throw new PlumpError(
      'ERR_PLUMP_NO_CALL',
      'There is no call here: context is for handlers while they run. Handlers that are no async functions must read it before they wait for something.',
    )
  return call
}

/**
 * The call for which the handler runs that reads this. In `async` functions it is there after each `await`, in other
 * handlers until they return.
 *
 * @throws PlumpError `ERR_PLUMP_NO_CALL` outside of handlers, by each of its properties
 */
export const context: CallContext = {
  get signal() {
    return current().signal
  },
  get aborted() {
    return current().aborted
  },
  get callId() {
    return current().callId
  },
  get command() {
    return current().command
  },
  get deadline() {
    return current().deadline
  },
  get workerId() {
    return current().workerId
  },
}
