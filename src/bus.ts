import { AsyncResource } from 'node:async_hooks'
import { resolveCodec, type PayloadCodec } from './codec/codec.js'
import { DEFAULT_QUEUE, defaultQueue } from './default-queue.js'
import { exchange } from './environment.js'
import {
  PlumpConnectionError,
  PlumpError,
  PlumpSerializationError,
  PlumpTimeoutError,
} from './errors.js'
import { limits } from './generated/limits.js'
import { type EventTaker, type Exchange, FOREVER } from './exchange.js'
import { nativeError } from './failure.js'
import { isOwnLink, type PlumpLink } from './link.js'
import { checkOptions, type OptionRow, queueOptions, type QueueOptions } from './options.js'
import { once } from './shared.js'
import { shown } from './shown.js'

/** What `setupAsyncListener` returns. */
export interface PlumpListener {
  /** Ends the listening; what is already on its way to the callback is dropped. */
  close(): void
  /** The event loop goes on while this listener could be called (the default). */
  ref(): this
  /** This listener no longer keeps the event loop going. */
  unref(): this
  [Symbol.dispose](): void
}

/** What `stats()` tells, in events since the queue was made. */
export interface QueueStats {
  /** Sent from here. */
  readonly published: number
  /** Arrived here. */
  readonly received: number
  /** Of those, how many were dropped because nobody took them in time. */
  readonly dropped: number
  /** Events of any queue that this process dropped on their way to another one that took them in too slowly. */
  readonly undelivered: number
}

/** A callback of a listener: gets the event, then the arguments given where it was set up. */
export type EventCallback<Arguments extends readonly unknown[]> = (
  // What an event is, is agreed between the processes; the callback says what it takes.
  event: never,
  ...args: Arguments
) => unknown

const waitRow: OptionRow = {
  name: 'timeoutMs',
  type: 'milliseconds',
  min: 0,
  max: 2_147_483_647,
  default: 'for ever',
}

/** Native queues whose `PlumpQueue` nobody can use any more: without this each would collect for ever. */
const lost = new FinalizationRegistry<{ readonly opened: Exchange; readonly id: number }>(
  ({ opened, id }) => opened.binding.busClose(id),
)

/**
 * The bus: what one process of a family broadcasts, every other one hears. A family is a host's instances and all
 * their workers; queues of one name in different processes are one bus.
 *
 * A queue collects from the moment it is made, up to `capacity`, then drops the oldest; events go to the listeners if
 * there are any, to `get` and `poll` otherwise. Events of one publisher arrive in their order.
 */
export class PlumpQueue {
  readonly name: string
  readonly #capacity: number
  readonly #codec: PayloadCodec
  readonly #onError: ((error: unknown) => void) | undefined
  readonly #isPlumpBus: boolean
  readonly #listeners = new Set<Listener>()
  #exchange: Exchange | undefined
  #id = 0
  #closed = false

  /**
   * @throws PlumpError `ERR_PLUMP_INVALID_OPTION`, `ERR_PLUMP_BINDING_MISSING`
   */
  constructor(options?: QueueOptions)
  /** @internal */
  constructor(options: QueueOptions | undefined, opens: 'on first use')
  constructor(options?: QueueOptions, opens: 'now' | 'on first use' = 'now') {
    const checked = checkOptions(options, queueOptions, 'PlumpQueue')
    this.name = checked.name ?? DEFAULT_QUEUE
    this.#capacity = checked.capacity ?? limits.maxMailboxEvents
    this.#codec = resolveCodec(checked.codec ?? 'structured', {
      maxDepth: checked.maxDepth ?? 1_000,
      maxPayloadBytes: checked.maxPayloadBytes ?? 1024 ** 3,
    })
    this.#onError = checked.onError
    this.#isPlumpBus = opens === 'on first use'
    if (opens === 'now') this.open()
  }

  /**
   * Begins to collect, if it has not begun.
   *
   * @internal
   */
  open(): Exchange {
    if (this.#closed)
      throw new PlumpConnectionError(
        'ERR_PLUMP_BUS_CLOSED',
        `The queue '${this.name}' is closed. Use a new PlumpQueue.`,
      )
    if (this.#exchange !== undefined) return this.#exchange
    const opened = exchange()
    try {
      this.#id = this.#isPlumpBus
        ? defaultQueue(opened)
        : opened.binding.busOpen(this.name, this.#capacity)
    } catch (error) {
      throw nativeError(error)
    }
    this.#exchange = opened
    if (!this.#isPlumpBus) lost.register(this, { opened, id: this.#id }, this)
    return opened
  }

  /**
   * Sends a value to every other process of the family. Does not wait; where nobody listens it is dropped.
   *
   * @throws PlumpSerializationError when the value can't be sent; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
   */
  broadcast(value: unknown): void {
    const opened = this.open()
    opened.publish(this.#id, opened.encode(this.#codec, value, 'event'))
  }

  /**
   * Calls `callback(event, ...args)` for each event, from the event loop, which goes on while a live process could
   * broadcast (see `ref` and `unref`). What has been collected comes first. Callbacks start in the order of the events;
   * the promise of an async one is not waited for before the next event. An error in one is reported (option
   * `onError`) and does not stop the next.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`
   */
  setupAsyncListener<Arguments extends readonly unknown[]>(
    callback: EventCallback<Arguments>,
    ...args: Arguments
  ): PlumpListener {
    checkCallback(callback)
    const opened = this.open()
    const listener = new Listener(callback as ListenerCallback, args, {
      remove: (gone) => {
        if (this.#listeners.delete(gone) && this.#listeners.size === 0 && !this.#closed) {
          opened.binding.busListen(this.#id, false)
          opened.removeTaker(this.#id)
        }
      },
      reconsider: () => opened.reconsider(),
    })
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) {
      opened.addTaker(this.#id, this.#taker())
      opened.binding.busListen(this.#id, true)
    }
    return listener
  }

  /**
   * Calls `callback(event, ...args)` for each event and blocks this thread; for a thread of its own. Returns when the
   * callback returns `false` or the queue is closed. An error in the callback is reported and does not stop the next.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
   */
  setupListener<Arguments extends readonly unknown[]>(
    callback: EventCallback<Arguments>,
    ...args: Arguments
  ): void {
    checkCallback(callback)
    while (!this.#closed) {
      const opened = this.#blocking()
      const into: { value: unknown } = { value: undefined }
      try {
        opened.take(this.#id, FOREVER, this.#codec, into)
      } catch (error) {
        if ((error as Partial<PlumpError>).code === 'ERR_PLUMP_BUS_CLOSED') return
        // The event is taken, and only it is lost.
        if (!(error instanceof PlumpSerializationError)) throw error
        this.#report(error)
        continue
      }
      try {
        const result = (callback as ListenerCallback)(into.value, ...args)
        if (result === false) return
        this.#watchPromise(result)
      } catch (error) {
        this.#report(error)
      }
    }
  }

  /**
   * Blocks this thread until an event is there, and returns it.
   *
   * @param timeoutMs how long to wait, milliseconds from 0; default: for ever.
   * @throws PlumpTimeoutError `ERR_PLUMP_BUS_TIMEOUT`; PlumpConnectionError `ERR_PLUMP_BUS_CLOSED`; PlumpError
   * `ERR_PLUMP_INVALID_ARGUMENT` while the queue has listeners, which get its events.
   */
  get(timeoutMs?: number): unknown {
    const waitMs = waitOf(timeoutMs, FOREVER)
    const into: { value: unknown } = { value: undefined }
    if (this.#blocking().take(this.#id, waitMs, this.#codec, into)) return into.value
    throw new PlumpTimeoutError(
      'ERR_PLUMP_BUS_TIMEOUT',
      `No event arrived on the queue '${this.name}' within ${waitMs} ms. Where that is normal, ask poll() first.`,
      { timeoutMs: waitMs },
    )
  }

  /**
   * Whether an event is there for `get`; waits for one.
   *
   * @param timeoutMs how long to wait, blocking, milliseconds; default 0.
   * @throws as `get`, but for the timeout.
   */
  poll(timeoutMs?: number): boolean {
    return this.#blocking().poll(this.#id, waitOf(timeoutMs, 0))
  }

  /**
   * Names the link to whose process this queue broadcasts. Every process that has a link of this host is of the family
   * and hears everything anyway: this begins to collect, checks the link, and is there for programs that were
   * written for a bus of one pipe.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
   */
  setProducer(link: PlumpLink): this {
    return this.#attach(link, 'setProducer')
  }

  /**
   * Names the link from whose process this queue hears; see `setProducer`.
   *
   * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
   */
  setConsumer(link: PlumpLink): this {
    return this.#attach(link, 'setConsumer')
  }

  /** Ends the queue and its listeners in this process; the other processes' go on. May be called again. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const listener of this.#listeners) listener.close()
    this.#listeners.clear()
    if (this.#exchange === undefined) return
    lost.unregister(this)
    this.#exchange.removeTaker(this.#id)
    this.#exchange.binding.busClose(this.#id)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** What has passed through this queue in this process. */
  stats(): QueueStats {
    if (this.#exchange === undefined || this.#closed)
      return { published: 0, received: 0, dropped: 0, undelivered: 0 }
    return JSON.parse(this.#exchange.binding.busStats(this.#id)) as QueueStats
  }

  #taker(): EventTaker {
    return {
      codec: this.#codec,
      holds: () => {
        for (const listener of this.#listeners) if (listener.refed) return true
        return false
      },
      deliver: (value, failed) => {
        if (failed) {
          this.#report(value)
          return
        }
        for (const listener of this.#listeners) {
          try {
            this.#watchPromise(listener.call(value))
          } catch (error) {
            this.#report(error)
          }
        }
      },
    }
  }

  #watchPromise(result: unknown): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.#report(error))
  }

  /** Nothing that it calls may reach the one who delivers events. */
  #report(error: unknown): void {
    try {
      if (this.#onError !== undefined) {
        this.#onError(error)
        return
      }
    } catch (again) {
      error = again
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : shown(error)
    process.emitWarning(`A listener of the queue '${this.name}' failed: ${text}`, {
      type: 'PlumpListenerWarning',
    })
  }

  #blocking(): Exchange {
    if (this.#listeners.size > 0)
      throw new PlumpError(
        'ERR_PLUMP_INVALID_ARGUMENT',
        `The queue '${this.name}' has listeners, which get its events. Close them before get, poll or setupListener, or use a queue of its own.`,
      )
    return this.open()
  }

  #attach(link: PlumpLink, method: string): this {
    if (!isOwnLink(link))
      throw new PlumpError(
        'ERR_PLUMP_INVALID_ARGUMENT',
        `${method} takes what createLink() of this process returned, got ${shown(link)}.`,
      )
    this.open()
    return this
  }
}

/** The bus named `'default'`: in a worker it collects from its start, in a host from the first start or first use. */
export const plumpBus: PlumpQueue = once('bus', () => new PlumpQueue(undefined, 'on first use'))

type ListenerCallback = (event: unknown, ...args: readonly unknown[]) => unknown

class Listener implements PlumpListener {
  refed = true
  readonly #callback: ListenerCallback
  readonly #args: readonly unknown[]
  readonly #queue: { remove(listener: Listener): void; reconsider(): void }
  #open = true

  constructor(
    callback: ListenerCallback,
    args: readonly unknown[],
    queue: { remove(listener: Listener): void; reconsider(): void },
  ) {
    // Without it the callback would run in the async context of whatever call came before the event.
    this.#callback = AsyncResource.bind(callback, 'PlumpListener')
    this.#args = args
    this.#queue = queue
  }

  call(event: unknown): unknown {
    return this.#open ? this.#callback(event, ...this.#args) : undefined
  }

  close(): void {
    this.#open = false
    this.#queue.remove(this)
  }

  ref(): this {
    this.refed = true
    this.#queue.reconsider()
    return this
  }

  unref(): this {
    this.refed = false
    this.#queue.reconsider()
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function checkCallback(callback: unknown): void {
  if (typeof callback !== 'function')
    throw new PlumpError(
      'ERR_PLUMP_INVALID_ARGUMENT',
      `A listener must be a function, got ${shown(callback)}.`,
    )
}

function waitOf(timeoutMs: unknown, otherwise: number): number {
  if (timeoutMs === undefined) return otherwise
  return checkOptions({ timeoutMs }, [waitRow], 'the queue').timeoutMs as number
}
