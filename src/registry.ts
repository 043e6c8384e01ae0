// The commands of this process, once, whichever copies of this package register them.

import { checkCommandName } from './command-names.js'
import type { Handler } from './commands.js'
import { PlumpError } from './errors.js'
import type { CommandOptions } from './options.js'
import { once } from './shared.js'

/** What a command runs with as `this`. */
export type Self =
  /** The instance given to `setContext`, which must be there. */
  | 'context'
  /** The instance given to `setContext`, if there is one. */
  | 'context, if any'
  /** Nothing: a function that the module exports. */
  | 'none'
  /** A class, for its static methods. */
  | { readonly of: unknown }

export interface Command {
  readonly name: string
  readonly handler: Handler
  self: Self
  /** What holds for its calls. */
  readonly options: CommandOptions
}

export class Registry {
  /** In the order of registration. A Map, because names such as `constructor` are names like any other. */
  readonly commands = new Map<string, Command>()
  /** What methods run on. */
  context: object | undefined
  /** Told each command that is added. */
  onAdd: ((command: Command) => void) | undefined

  /**
   * Adds a command. The same function under the same name counts once; its options are those it was registered with first.
   *
   * @throws PlumpError `ERR_PLUMP_DUPLICATE_COMMAND`, `ERR_PLUMP_INVALID_COMMAND_NAME`
   */
  add(name: string, handler: Handler, self: Self, options: CommandOptions = {}): Command {
    checkCommandName(name)
    const present = this.commands.get(name)
    if (present !== undefined) {
      if (present.handler === handler) {
        if (!saysMore(options, present.options)) return present
        throw new PlumpError(
          'ERR_PLUMP_DUPLICATE_COMMAND',
          `'${name}' was registered before with other options. Give them where it is registered first.`,
        )
      }
      throw new PlumpError(
        'ERR_PLUMP_DUPLICATE_COMMAND',
        `Two different functions were registered as '${name}'. Give one of them another name.`,
      )
    }
    const command: Command = { name, handler, self, options }
    this.commands.set(name, command)
    this.onAdd?.(command)
    return command
  }

  /** Adds every function that a module exports; `default`, classes and everything else are no commands. */
  addExports(exports: object): void {
    for (const [name, value] of Object.entries(exports) as [string, unknown][]) {
      // Node 23 and later give the whole of a CommonJS module this name.
      if (name === 'default' || name === 'module.exports') continue
      if (isHandler(value)) this.add(name, value, 'none')
    }
  }

  /**
   * Runs a command, with what it needs as `this`.
   *
   * @throws PlumpError `ERR_PLUMP_NO_CONTEXT`, and whatever the handler throws
   */
  run(command: Command, args: readonly unknown[]): unknown {
    const self = command.self === 'none' ? undefined : this.#self(command)
    return Reflect.apply(command.handler, self, args)
  }

  #self(command: Command): unknown {
    const { self } = command
    if (typeof self === 'object') return self.of
    if (self === 'context' && this.context === undefined)
      throw new PlumpError(
        'ERR_PLUMP_NO_CONTEXT',
        `The command '${command.name}' is a method, and there is no instance to run it on: call setContext(instance) in the worker's module.`,
      )
    return this.context
  }
}

function saysMore(options: CommandOptions, known: CommandOptions): boolean {
  return Object.entries(options).some(
    ([name, value]) => known[name as keyof CommandOptions] !== value,
  )
}

/** The registry of this process. */
export const registry = once('registry', () => new Registry())

/** Whether a value can be called: a function that is no class. */
export function isHandler(value: unknown): value is Handler {
  return typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value))
}
