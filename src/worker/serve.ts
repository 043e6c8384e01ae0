// Runs commands for the host: takes calls from the exchange, lets up to `concurrency` handlers interleave, answers.

import type { PayloadCodec } from '../codec/codec.js'
import type { CodecLimits } from '../codec/limits.js'
import type { Outgoing } from '../codec/outgoing.js'
import { encodeThrown } from '../codec/thrown.js'
import { PlumpSerializationError } from '../errors.js'
import type { CallTaker, Exchange } from '../exchange.js'
import { codes, type PlumpErrorCode } from '../generated/codes.js'
import { ANSWERED } from '../native.js'
import type { Command, Registry } from '../registry.js'

/** Answers may wait for those of calls that take less than this, microseconds. */
const SHORT_US = 10
/** Of short calls one in so many is timed: reading the clock twice costs as much as the shortest of them. */
const TIMED_ONE_IN = 8

/** A command as the host numbers it. */
interface Numbered {
  readonly command: Command
  /** Moving average of its time, microseconds; unknown ones count as long. */
  averageUs: number
  /** How many were begun. */
  begun: number
}

/** A call that waits for one of the running ones to finish. */
interface Waiting {
  readonly low: number
  readonly high: number
  readonly number: number
  readonly args: readonly unknown[]
  cancelled: boolean
}

export interface ServerOptions {
  readonly codec: PayloadCodec
  readonly limits: CodecLimits
  readonly concurrency: number
  readonly spinUs: number
  /** Everything that had begun before the shutdown is answered. */
  readonly onDone: () => void
}

export class Server implements CallTaker {
  readonly codec: PayloadCodec
  readonly spinUs: number
  begun = 0

  readonly #exchange: Exchange
  readonly #registry: Registry
  readonly #limits: CodecLimits
  readonly #concurrency: number
  readonly #onDone: () => void
  readonly #commands: Numbered[] = []
  readonly #waiting: Waiting[] = []
  #running = 0
  #ending = false
  #done = false

  constructor(exchange: Exchange, registry: Registry, options: ServerOptions) {
    this.#exchange = exchange
    this.#registry = registry
    this.codec = options.codec
    this.spinUs = options.spinUs
    this.#limits = options.limits
    this.#concurrency = options.concurrency
    this.#onDone = options.onDone
  }

  get busy(): boolean {
    return this.#running > 0
  }

  /** Gives commands their numbers, in the order in which they are announced to the host. */
  announce(commands: Iterable<Command>): string[] {
    const names: string[] = []
    for (const command of commands) {
      this.#commands.push({ command, averageUs: Number.POSITIVE_INFINITY, begun: 0 })
      names.push(command.name)
    }
    return names
  }

  call(
    low: number,
    high: number,
    number: number,
    args: unknown,
    failed: boolean,
    next: number,
  ): void {
    if (this.#ending) {
      this.#refuse(low, high, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.')
    } else if (failed) {
      this.begun = (this.begun + 1) >>> 0
      this.#thrown(low, high, args, 0, false)
    } else if (!Array.isArray(args)) {
      // Only a codec of the user's own can decode a list of arguments to something else.
      this.begun = (this.begun + 1) >>> 0
      const error = new PlumpSerializationError(
        'ERR_PLUMP_CODEC',
        `The codec '${this.codec.name}' decoded a list of arguments to something that is no array.`,
      )
      this.#thrown(low, high, error, 0, false)
    } else if (this.#running >= this.#concurrency || this.#waiting.length > 0) {
      this.#waiting.push({ low, high, number, args, cancelled: false })
    } else {
      this.#begin(low, high, number, args, next)
    }
  }

  cancel(low: number, high: number): void {
    for (const call of this.#waiting)
      if (call.low === low && call.high === high) call.cancelled = true
  }

  shutdown(): void {
    this.#ending = true
    for (const { low, high } of this.#waiting.splice(0))
      this.#refuse(low, high, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.')
    this.#finishIfDone()
  }

  #begin(low: number, high: number, number: number, args: readonly unknown[], next: number): void {
    this.begun = (this.begun + 1) >>> 0
    const numbered = this.#commands[number]
    if (numbered === undefined) {
      this.#refuse(low, high, 'ERR_PLUMP_UNKNOWN_COMMAND', '')
      return
    }
    // Nothing that is answered may wait while something long runs.
    if (numbered.averageUs >= SHORT_US) this.#exchange.flushAnswers()
    const began = isTimed(numbered) ? this.#exchange.nowUs() : UNTIMED
    let result: unknown
    this.#running++
    try {
      result = this.#registry.run(numbered.command, args)
      if (isThenable(result)) {
        this.#await(low, high, numbered, began, result)
        return
      }
    } catch (error) {
      this.#running--
      this.#thrown(low, high, error, this.#ran(numbered, began), this.#isShort(next))
      return
    }
    this.#running--
    this.#result(low, high, result, this.#ran(numbered, began), this.#isShort(next))
  }

  #await(
    low: number,
    high: number,
    numbered: Numbered,
    began: number,
    result: PromiseLike<unknown>,
  ): void {
    const fulfilled = (value: unknown): void => {
      this.#running--
      this.#result(low, high, value, this.#ran(numbered, began), this.#exchange.looksSoon)
      this.#goOn()
    }
    const rejected = (error: unknown): void => {
      this.#running--
      this.#thrown(low, high, error, this.#ran(numbered, began), this.#exchange.looksSoon)
      this.#goOn()
    }
    // Not `result.then(...)`: a thenable of the user's may call back twice.
    void Promise.resolve(result).then(fulfilled, rejected)
  }

  /** Begins what waits, after something has finished. */
  #goOn(): void {
    while (this.#waiting.length > 0 && this.#running < this.#concurrency) {
      const { low, high, number, args, cancelled } = this.#waiting.shift()!
      if (cancelled) {
        this.begun = (this.begun + 1) >>> 0
        this.#refuse(low, high, 'ERR_PLUMP_CALL_TIMEOUT', 'Nobody waited for it any more.')
      } else {
        this.#begin(low, high, number, args, -1)
      }
    }
    this.#finishIfDone()
  }

  /** Microseconds that a handler ran which was begun at `began`. */
  #ran(numbered: Numbered, began: number): number {
    if (began === UNTIMED) return numbered.averageUs
    const us = (this.#exchange.nowUs() - began) >>> 0
    numbered.averageUs =
      numbered.averageUs === Number.POSITIVE_INFINITY
        ? us
        : numbered.averageUs + (us - numbered.averageUs) / 8
    return us
  }

  #isShort(number: number): boolean {
    return number >= 0 && (this.#commands[number]?.averageUs ?? SHORT_US) < SHORT_US
  }

  #result(low: number, high: number, value: unknown, runUs: number, hold: boolean): void {
    const exchange = this.#exchange
    let out: Outgoing
    try {
      if (isIterator(value))
        throw new PlumpSerializationError(
          'ERR_PLUMP_GENERATOR_RESULT',
          'The handler returned a generator or iterator, which cannot be sent. Return an array, or broadcast the items.',
        )
      out = exchange.encode(this.codec, value, 'result')
    } catch (error) {
      this.#thrown(low, high, error, runUs, hold)
      return
    }
    exchange.answer(low, high, ANSWERED.result, runUs, out, hold)
  }

  #thrown(low: number, high: number, error: unknown, runUs: number, hold: boolean): void {
    const exchange = this.#exchange
    const out = exchange.outgoing()
    try {
      encodeThrown(error, out, this.codec, this.#limits)
    } catch (why) {
      out.position = out.start
      encodeThrown(why, out, this.codec, this.#limits)
    }
    exchange.answer(low, high, ANSWERED.thrown, runUs, out, hold)
  }

  #refuse(low: number, high: number, code: PlumpErrorCode, detail: string): void {
    const out = this.#exchange.outgoing()
    out.reserve(detail.length)
    out.position += out.bytes.write(detail, out.position, 'latin1')
    this.#exchange.answer(low, high, ANSWERED.refused, codes[code].number, out, false)
  }

  #finishIfDone(): void {
    if (!this.#ending || this.#done || this.#running > 0) return
    this.#done = true
    // Not from inside a batch: calls that came with the shutdown are still to be refused.
    setImmediate(this.#onDone)
  }
}

/** The beginning of a call that is not timed. */
const UNTIMED = -1

function isTimed(numbered: Numbered): boolean {
  return numbered.begun++ % TIMED_ONE_IN === 0 || numbered.averageUs >= SHORT_US
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** Generators and what behaves like them; arrays, maps and their like have no `next`. */
function isIterator(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { next?: unknown }).next === 'function' &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  )
}
