// This process as a worker: the life of its link, from the handshake to the end.

import { type Codec, type PayloadCodec, resolveCodec } from '../codec/codec.js'
import type { CodecLimits } from '../codec/limits.js'
import type { Outgoing } from '../codec/outgoing.js'
import { encodeThrown } from '../codec/thrown.js'
import { defaultQueue } from '../default-queue.js'
import { exchange } from '../environment.js'
import { PlumpConnectionError, PlumpSerializationError } from '../errors.js'
import type { Exchange } from '../exchange.js'
import { nativeError } from '../failure.js'
import { limits } from '../generated/limits.js'
import { registry } from '../registry.js'
import { once, takeLink } from '../shared.js'
import { version } from '../generated/version.js'
import type { Welcome } from '../welcome.js'
import { contexts } from './context.js'
import { installLastWords, type WorkerState } from './last-words.js'
import { lifeFunctions } from './life-functions.js'
import { Server } from './serve.js'

export class WorkerSide {
  #welcome: Welcome | undefined
  #exchange: Exchange | undefined
  #server: Server | undefined
  #codec: Codec | undefined
  #state: WorkerState | 'none' = 'none'

  /** Whether the module that this worker was started with is being loaded. */
  get loading(): boolean {
    return this.#state === 'loading'
  }

  useCodec(codec: Codec): void {
    this.#codec = codec
  }

  /**
   * Opens the link that this process was given and returns what the host says.
   *
   * @throws PlumpConnectionError `ERR_PLUMP_NOT_A_WORKER`, `ERR_PLUMP_INVALID_LINK`, `ERR_PLUMP_VERSION_MISMATCH`
   */
  open(): Welcome {
    const link = takeLink()
    if (link === undefined)
      throw new PlumpConnectionError(
        'ERR_PLUMP_NOT_A_WORKER',
        'This process is not a worker: it was not started by start() or spawn(), nor with the stdio entries and the env of createLink().',
      )
    const opened = exchange()
    try {
      defaultQueue(opened)
      this.#welcome = JSON.parse(opened.binding.linkOpen(link, version)) as Welcome
    } catch (error) {
      throw nativeError(error)
    }
    this.#exchange = opened
    this.#state = 'loading'
    installLastWords(
      (cause) => {
        this.#state = 'over'
        opened.binding.linkLastWords(this.#encodeCause(opened, cause))
      },
      () => (this.#state === 'none' ? 'over' : this.#state),
    )
    return this.#welcome
  }

  /** For a process that the user started: opens the link and serves what is registered, after the init functions. */
  run(): void {
    if (this.#state !== 'none') return
    this.open()
    if (lifeFunctions.hasInits) {
      // Nobody awaits `runWorker()`: what an init throws is an unhandled rejection, which ends the process.
      void this.#initialiseAndServe()
      return
    }
    try {
      this.serve()
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  async #initialiseAndServe(): Promise<void> {
    try {
      await this.initialise()
      this.serve()
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /** Runs the init functions of the module that was loaded. */
  async initialise(): Promise<void> {
    this.#state = 'initialising'
    await lifeFunctions.initialise()
  }

  /**
   * Announces the commands and begins to take calls.
   *
   * @throws PlumpSerializationError `ERR_PLUMP_CODEC_MISMATCH`
   */
  serve(): void {
    const { opened, welcome } = this.#linked()
    lifeFunctions.close()
    opened.binding.attachStates(contexts.makePlaces(welcome.concurrency))
    opened.showAnswers()
    const server = new Server(opened, registry, {
      contexts,
      codec: this.#agreeOnCodec(welcome),
      limits: limitsOf(welcome),
      concurrency: welcome.concurrency,
      spinUs: welcome.spinUs,
      onDone: () => void this.#end(opened),
    })
    this.#server = server
    this.#state = 'serving'
    const announced = server.announce(registry.commands.values())
    registry.onAdd = (command) => opened.binding.linkCommands(...server.announce([command]))
    opened.binding.linkReady(...announced)
    opened.setWorker(server)
  }

  /** Tells the host why this worker can't serve. */
  fail(error: unknown): void {
    const { opened } = this.#linked()
    this.#state = 'over'
    opened.binding.linkFailed(this.#encodeCause(opened, error))
  }

  /** Ends this worker after what has begun. */
  stop(): void {
    // Not at once by itself: calls that the host has sent and this process not yet seen would be lost.
    if (this.#server !== undefined && this.#state === 'serving') this.#exchange?.binding.linkLeave()
  }

  #linked(): { opened: Exchange; welcome: Welcome } {
    const opened = this.#exchange
    const welcome = this.#welcome
    if (opened === undefined || welcome === undefined)
      throw new PlumpConnectionError('ERR_PLUMP_NOT_A_WORKER')
    return { opened, welcome }
  }

  #agreeOnCodec(welcome: Welcome): PayloadCodec {
    const builtIn =
      welcome.codec === 'structured' || welcome.codec === 'json' ? welcome.codec : undefined
    const name = this.#codec?.name ?? builtIn
    if (name !== welcome.codec)
      throw new PlumpSerializationError(
        'ERR_PLUMP_CODEC_MISMATCH',
        `The host uses the codec '${welcome.codec}', this worker ${name === undefined ? 'does not know it' : `'${name}'`}. Give the worker the codec through plump.useCodec(codec) in its module, or the host the option codecModule.`,
      )
    return resolveCodec(this.#codec ?? builtIn ?? 'structured', limitsOf(welcome))
  }

  async #end(opened: Exchange): Promise<void> {
    this.#state = 'over'
    opened.flush()
    // Before anything of the program's runs: the host times it, and it may block.
    opened.binding.linkFinished()
    let failed = false
    await lifeFunctions.tearDown((error) => {
      failed = true
      warn(error)
    })
    // Warnings are printed by the next tick.
    if (failed) await new Promise((resolve) => setImmediate(resolve))
    opened.flush()
    opened.binding.linkEnd()
    opened.setWorker(undefined)
    // What the module still holds open (timers, servers) would keep a worker alive for which nobody is there any more.
    process.exit(0)
  }

  /** Encodes an error for a native function that takes it as one piece; returns its length. */
  /** The bytes of an error at the beginning of the outgoing buffer, how many there are. What was held back is sent before. */
  #encodeCause(opened: Exchange, cause: unknown): number {
    opened.flush()
    let out = this.#tryToEncode(opened, cause)
    if (out === undefined || out.segments.length > 0 || out.position > limits.maxCauseBytes) {
      // Too large, or with parts that do not come along: what it says is worth more than what it carries.
      const { name, message, stack } = describe(cause)
      const plain = new Error(message)
      plain.name = name
      if (stack !== undefined) plain.stack = stack
      out = this.#tryToEncode(opened, plain)
    }
    if (out === undefined) return 0
    opened.attach(out)
    return out.position
  }

  #tryToEncode(opened: Exchange, cause: unknown): Outgoing | undefined {
    const welcome = this.#welcome
    const codecLimits = welcome === undefined ? undefined : limitsOf(welcome)
    // The host may not have this worker's codec: that may be what there is to tell.
    const codec = resolveCodec('structured', codecLimits)
    const out = opened.outgoing()
    try {
      encodeThrown(cause, out, codec, codecLimits)
      return out
    } catch {
      return undefined
    }
  }
}

/** This process as a worker. */
export function workerSide(): WorkerSide {
  return once('worker', () => new WorkerSide())
}

function limitsOf(welcome: Welcome): CodecLimits {
  return { maxDepth: welcome.maxDepth, maxPayloadBytes: welcome.maxPayloadBytes }
}

function warn(error: unknown): void {
  const { name, message, stack } = describe(error)
  process.emitWarning(
    `A teardown function of this worker failed; the others run, and it ends: ${stack ?? `${name}: ${message}`}`,
    { type: 'PlumpTeardownWarning' },
  )
}

const DESCRIPTION_LETTERS = 16 * 1024

function describe(cause: unknown): { name: string; message: string; stack: string | undefined } {
  try {
    const { name, message, stack } = cause as Partial<Error>
    return {
      name: String(name ?? 'Error').slice(0, 256),
      message: String(message ?? cause).slice(0, DESCRIPTION_LETTERS),
      stack: stack === undefined ? undefined : String(stack).slice(0, DESCRIPTION_LETTERS),
    }
  } catch {
    return {
      name: 'Error',
      message: 'Something was thrown that has no description.',
      stack: undefined,
    }
  }
}
