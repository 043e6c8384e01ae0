// What a worker's module wants done before the first call and after the last one, once per process, whichever copies of
// this package register it.

import { PlumpError } from '../errors.js'
import { isHandler } from '../registry.js'
import { once } from '../shared.js'
import { shown } from '../shown.js'

/** A function for `init` or `teardown`. What it returns is awaited. */
export type LifeFunction = () => unknown

export class LifeFunctions {
  readonly #inits: LifeFunction[] = []
  readonly #teardowns: LifeFunction[] = []
  #isInitialised = false

  /** Whether there is anything to do before the first call. */
  get hasInits(): boolean {
    return this.#inits.length > 0
  }

  /** @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT` */
  addInit(given: LifeFunction): void {
    const init = checked('init', given)
    if (this.#isInitialised)
      throw invalid(
        'init was called when this worker served already: its init functions have run. Call it while the module loads, at its top level; what is to happen later, do it in a command.',
      )
    this.#inits.push(init)
  }

  /** @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT` */
  addTeardown(given: LifeFunction): void {
    this.#teardowns.push(checked('teardown', given))
  }

  /** Runs the init functions, one after the other, also those that they register. What one throws ends it. */
  async initialise(): Promise<void> {
    for (const init of this.#inits) await init()
    this.close()
  }

  /** From now on it is too late for init functions. */
  close(): void {
    this.#isInitialised = true
  }

  /** Runs the teardown functions, the last one first, also those that they register. What they throw is told, and the next one runs. */
  async tearDown(onError: (error: unknown) => void): Promise<void> {
    for (;;) {
      const teardown = this.#teardowns.pop()
      if (teardown === undefined) return
      try {
        await teardown()
      } catch (error) {
        onError(error)
      }
    }
  }
}

/** Those of this process. */
export const lifeFunctions = once('life functions', () => new LifeFunctions())

function checked(name: string, given: unknown): LifeFunction {
  if (isHandler(given)) return given as LifeFunction
  throw invalid(
    `${name} takes a function, got ${typeof given === 'function' ? 'a class' : shown(given)}.`,
  )
}

function invalid(message: string): PlumpError {
  return new PlumpError('ERR_PLUMP_INVALID_ARGUMENT', message)
}
