// The types that flow from a worker's module to `call` and `acall`. No `any`: `never[]` is what every function's
// parameters accept.

import type { PlumpBlock } from './block.js'

/** Any function. */
export type Handler = (...args: never[]) => unknown

/** Commands of which nothing is known: any name, any arguments, results to be looked at before use. */
export type AnyCommands = Record<string, (...args: unknown[]) => unknown>

/** The names of a module's (or an object's) functions, `default` left out. */
export type CommandName<Commands> = {
  [Name in keyof Commands]: Name extends 'default'
    ? never
    : Commands[Name] extends Handler
      ? Name
      : never
}[keyof Commands] &
  string

/** What a command takes. */
export type CommandArguments<Command> = Command extends (...args: infer Arguments) => unknown
  ? { [At in keyof Arguments]: OrBlock<Arguments[At]> }
  : never

/** A block can be passed where the handler takes a `Uint8Array`. */
type OrBlock<Argument> = Uint8Array extends Argument ? Argument | PlumpBlock : Argument

/** What a call of a command gives: what the handler returns, with its promise awaited. */
export type CommandResult<Command> = Command extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never

/** `call` and `acall` with options of their own, from `with(options)`. */
export interface Calls<Commands = AnyCommands> {
  /** Calls a command and blocks this thread until it has settled. See `PlumpIPC.call`. */
  call<Name extends CommandName<Commands>>(
    name: Name,
    ...args: CommandArguments<Commands[Name]>
  ): CommandResult<Commands[Name]>
  /** Calls a command; the event loop stays free. See `PlumpIPC.acall`. */
  acall<Name extends CommandName<Commands>>(
    name: Name,
    ...args: CommandArguments<Commands[Name]>
  ): Promise<CommandResult<Commands[Name]>>
}
