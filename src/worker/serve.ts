// Runs commands for the host: takes calls from the exchange, lets up to `concurrency` handlers interleave, answers.

import { types } from 'node:util'
import type { PayloadCodec } from '../codec/codec.js'
import type { CodecLimits } from '../codec/limits.js'
import type { Outgoing } from '../codec/outgoing.js'
import { encodeThrown } from '../codec/thrown.js'
import { PlumpSerializationError } from '../errors.js'
import type { CallTaker, Exchange } from '../exchange.js'
import { codes, type PlumpErrorCode } from '../generated/codes.js'
import { ANSWERED, CALL_STATE, type Rule } from '../native.js'
import type { Command, Registry } from '../registry.js'
import type { Contexts } from './context.js'

/** Answers may wait for those of calls that take less than this, microseconds. */
const SHORT_US = 10
/** Of short calls one in so many is timed: reading the clock twice costs as much as the shortest of them. */
const TIMED_ONE_IN = 8

const { queued: QUEUED, running: RUNNING } = CALL_STATE

/** A command as the host numbers it. */
interface Numbered {
  readonly command: Command
  /** An `async` function: its call is known after each `await`. */
  readonly isAsync: boolean
  /** Moving average of its time, microseconds; unknown ones count as long. */
  averageUs: number
  /** How many were begun. */
  begun: number
}

/** A call that waits for one of the running ones to finish. */
interface Waiting {
  readonly low: number
  readonly high: number
  readonly place: number
  readonly number: number
  readonly due: number
  readonly args: readonly unknown[]
}

export interface ServerOptions {
  readonly codec: PayloadCodec
  readonly contexts: Contexts
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
  readonly #contexts: Contexts
  readonly #states: Uint32Array
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
    this.#contexts = options.contexts
    this.#states = options.contexts.states
    this.codec = options.codec
    this.spinUs = options.spinUs
    this.#limits = options.limits
    this.#concurrency = options.concurrency
    this.#onDone = options.onDone
  }

  get busy(): boolean {
    return this.#running > 0
  }

  /**
   * Gives commands their numbers, in the order in which they are announced to the host. Their names, and as JSON the options
   * of those that have some, by their places.
   */
  announce(commands: Iterable<Command>): [names: string[], rules: string] {
    const names: string[] = []
    const rules: [place: number, Rule][] = []
    for (const command of commands) {
      if (Object.keys(command.options).length > 0) rules.push([names.length, command.options])
      const isAsync = types.isAsyncFunction(command.handler)
      this.#commands.push({ command, isAsync, averageUs: Number.POSITIVE_INFINITY, begun: 0 })
      names.push(command.name)
    }
    return [names, rules.length === 0 ? '' : JSON.stringify(rules)]
  }

  call(
    low: number,
    high: number,
    place: number,
    number: number,
    due: number,
    args: unknown,
    failed: boolean,
    next: number,
  ): void {
    if (this.#ending) {
      if (this.#mayBegin(place))
        this.#refuse(low, high, place, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.')
    } else if (failed) {
      if (this.#mayBegin(place)) this.#thrown(low, high, place, args, 0, UNTIMED, false)
    } else if (!Array.isArray(args)) {
      // Only a codec of the user's own can decode a list of arguments to something else.
      const error = new PlumpSerializationError(
        'ERR_PLUMP_CODEC',
        `The codec '${this.codec.name}' decoded a list of arguments to something that is no array.`,
      )
      if (this.#mayBegin(place)) this.#thrown(low, high, place, error, 0, UNTIMED, false)
    } else if (this.#running >= this.#concurrency || this.#waiting.length > 0) {
      this.#waiting.push({ low, high, place, number, due, args })
    } else {
      this.#begin(low, high, place, number, due, args, next)
    }
  }

  cancel(place: number): void {
    this.#contexts.abort(place)
  }

  shutdown(): void {
    this.#ending = true
    for (const { low, high, place } of this.#waiting.splice(0))
      if (this.#mayBegin(place))
        this.#refuse(low, high, place, 'ERR_PLUMP_CLOSED', 'The worker was asked to end.')
    this.#finishIfDone()
  }

  /** Decides that a call begins now; `false`: it was taken back before, and somebody else has answered it. */
  #mayBegin(place: number): boolean {
    this.begun = (this.begun + 1) >>> 0
    if (place >= this.#states.length) return true
    const before = Atomics.compareExchange(this.#states, place, QUEUED, RUNNING)
    if (before === QUEUED) return true
    if (before === CALL_STATE.toBeTold && this.#exchange.begin(place)) return true
    this.#exchange.passOver(place, this.begun)
    return false
  }

  #begin(
    low: number,
    high: number,
    place: number,
    number: number,
    due: number,
    args: readonly unknown[],
    next: number,
  ): void {
    if (!this.#mayBegin(place)) return
    const numbered = this.#commands[number]
    if (numbered === undefined) {
      this.#refuse(low, high, place, 'ERR_PLUMP_UNKNOWN_COMMAND', '')
      return
    }
    // Nothing that is answered may wait while something long runs.
    if (numbered.averageUs >= SHORT_US) this.#exchange.flushAnswers()
    const isTimed = numbered.begun++ % TIMED_ONE_IN === 0 || numbered.averageUs >= SHORT_US
    const began = isTimed ? this.#exchange.nowUs() || 1 : UNTIMED
    let result: unknown
    this.#running++
    const { command } = numbered
    this.#contexts.enter(low, high, place, command.name, due)
    try {
      result = numbered.isAsync
        ? this.#contexts.run(() => this.#registry.run(command, args))
        : this.#registry.run(command, args)
      if (typeof result === 'object' && result !== null && isThenable(result)) {
        this.#contexts.leave()
        this.#await(low, high, place, numbered, began, result)
        return
      }
    } catch (error) {
      this.#running--
      this.#contexts.leave()
      this.#thrown(low, high, place, error, this.#ran(numbered, began), began, this.#isShort(next))
      return
    }
    this.#running--
    this.#contexts.leave()
    const ranUs = began === UNTIMED ? numbered.averageUs : this.#ran(numbered, began)
    this.#result(low, high, place, result, ranUs, began, next >= 0 && this.#isShort(next))
  }

  #await(
    low: number,
    high: number,
    place: number,
    numbered: Numbered,
    began: number,
    result: PromiseLike<unknown>,
  ): void {
    const fulfilled = (value: unknown): void => {
      this.#running--
      this.#result(
        low,
        high,
        place,
        value,
        this.#ran(numbered, began),
        began,
        this.#exchange.looksSoon,
      )
      this.#goOn()
    }
    const rejected = (error: unknown): void => {
      this.#running--
      this.#thrown(
        low,
        high,
        place,
        error,
        this.#ran(numbered, began),
        began,
        this.#exchange.looksSoon,
      )
      this.#goOn()
    }
    // Not `result.then(...)`: a thenable of the user's may call back twice.
    void Promise.resolve(result).then(fulfilled, rejected)
  }

  /** Begins what waits, after something has finished. */
  #goOn(): void {
    while (this.#waiting.length > 0 && this.#running < this.#concurrency) {
      const { low, high, place, number, due, args } = this.#waiting.shift()!
      this.#begin(low, high, place, number, due, args, -1)
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

  #result(
    low: number,
    high: number,
    place: number,
    value: unknown,
    runUs: number,
    beganUs: number,
    hold: boolean,
  ): void {
    const exchange = this.#exchange
    this.#contexts.ended(place)
    let out: Outgoing
    try {
      if (typeof value === 'object' && value !== null && isIterator(value))
        throw new PlumpSerializationError(
          'ERR_PLUMP_GENERATOR_RESULT',
          'The handler returned a generator or iterator, which cannot be sent. Return an array, or broadcast the items.',
        )
      out = exchange.encode(this.codec, value, 'result')
    } catch (error) {
      this.#thrown(low, high, place, error, runUs, beganUs, hold)
      return
    }
    exchange.answer(low, high, place, ANSWERED.result, runUs, beganUs, out, hold)
  }

  #thrown(
    low: number,
    high: number,
    place: number,
    error: unknown,
    runUs: number,
    beganUs: number,
    hold: boolean,
  ): void {
    const exchange = this.#exchange
    this.#contexts.ended(place)
    const out = exchange.outgoing()
    try {
      encodeThrown(error, out, this.codec, this.#limits)
    } catch (why) {
      out.position = out.start
      encodeThrown(why, out, this.codec, this.#limits)
    }
    exchange.answer(low, high, place, ANSWERED.thrown, runUs, beganUs, out, hold)
  }

  #refuse(low: number, high: number, place: number, code: PlumpErrorCode, detail: string): void {
    const out = this.#exchange.outgoing()
    out.reserve(detail.length)
    out.position += out.bytes.write(detail, out.position, 'latin1')
    const { number } = codes[code]
    this.#exchange.answer(low, high, place, ANSWERED.refused, number, UNTIMED, out, false)
  }

  #finishIfDone(): void {
    if (!this.#ending || this.#done || this.#running > 0) return
    this.#done = true
    // Not from inside a batch: calls that came with the shutdown are still to be refused.
    setImmediate(this.#onDone)
  }
}

/** When a call began that is not timed; none that is begins then. */
const UNTIMED = 0

function isThenable(value: object): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown }).then === 'function'
}

/** Generators and what behaves like them; arrays, maps and their like have no `next`. */
function isIterator(value: object): boolean {
  return (
    typeof (value as { next?: unknown }).next === 'function' &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  )
}
