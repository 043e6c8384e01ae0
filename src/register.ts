// `command` in all its forms: command(fn), command(name, fn), @command, @command(), @command(name), each but the third with
// or without options, and what compilers make of decorators without TC39 semantics (`experimentalDecorators`).

import type { Handler } from './commands.js'
import { PlumpError } from './errors.js'
import { checkCommandOptions, type CommandOptions } from './options.js'
import { isHandler, registry } from './registry.js'
import { shown } from './shown.js'

/** A decorator for methods. */
export type CommandDecorator = <Method extends Handler>(
  method: Method,
  context: ClassMethodDecoratorContext,
) => void

/** What `PlumpIPC.command` takes. */
export interface CommandForms {
  /** `command(fn, options)`: registers a function under its own name and returns it. */
  <Function extends Handler>(handler: Function, options?: CommandOptions): Function
  /** `command(name, fn, options)`: registers a function under that name and returns it. */
  <Function extends Handler>(name: string, handler: Function, options?: CommandOptions): Function
  /** `@command()`, `@command(name, options)`: registers a method, which runs on the instance given to `setContext`. */
  (name?: string, options?: CommandOptions): CommandDecorator
  /** `@command(options)`: the same, under the method's own name. */
  (options: CommandOptions): CommandDecorator
  /** `@command`: the same, under the method's own name. */
  <Method extends Handler>(method: Method, context: ClassMethodDecoratorContext): void
}

export const command = ((...given: readonly unknown[]): unknown => {
  const [first, second, third] = given
  if (isDecoratorContext(second)) return decorate(first, second, undefined, {})
  if (isLegacyDecorator(given)) return decorateLegacy(given, undefined, {})
  if (typeof second === 'function' && given.length <= 3 && mayBeOptions(third))
    return register(first, second, optionsOf(third))
  if (given.length <= 2 && mayBeOptions(second)) {
    if (typeof first === 'function') return register(first.name, first, optionsOf(second))
    if (first === undefined || typeof first === 'string') return decorator(first, optionsOf(second))
    if (isObject(first) && given.length === 1) return decorator(undefined, optionsOf(first))
  }
  throw invalid(
    `command takes (function), (name, function), or decorates a method with an optional name, each with options behind it or without; got ${shown(first)}${given.length > 1 ? `, ${shown(second)}` : ''}.`,
  )
}) as CommandForms

function mayBeOptions(value: unknown): boolean {
  return value === undefined || isObject(value)
}

function optionsOf(given: unknown): CommandOptions {
  return checkCommandOptions(given as CommandOptions | undefined, 'command()')
}

function decorator(name: string | undefined, options: CommandOptions) {
  return (...decorated: readonly unknown[]): unknown => {
    const [method, context] = decorated
    if (isDecoratorContext(context)) return decorate(method, context, name, options)
    if (isLegacyDecorator(decorated)) return decorateLegacy(decorated, name, options)
    throw invalid(
      `command(${name === undefined ? '' : shown(name)}) is a decorator for methods; to register a function write command(name, function).`,
    )
  }
}

function register(name: unknown, handler: unknown, options: CommandOptions): Handler {
  if (!isHandler(handler))
    throw invalid(
      'command takes a function, got a class. Register its methods: @command() before each, or command(name, Class.prototype.method).',
    )
  registry.add(name as string, handler, 'context, if any', options)
  return handler
}

function decorate(
  method: unknown,
  context: ClassMethodDecoratorContext,
  name: string | undefined,
  options: CommandOptions,
): void {
  if (context.kind !== 'method')
    throw invalid(`command decorates methods, not a ${String(context.kind)}.`)
  if (context.private)
    throw invalid(`command can't decorate the private method ${String(context.name)}.`)
  const added = registry.add(name ?? nameOf(context.name), method as Handler, 'context', options)
  if (context.static)
    context.addInitializer(function (this: unknown) {
      added.self = { of: this }
    })
}

function decorateLegacy(
  given: LegacyDecorator,
  name: string | undefined,
  options: CommandOptions,
): void {
  const [target, key, { value }] = given
  registry.add(
    name ?? nameOf(key),
    value as Handler,
    typeof target === 'function' ? { of: target } : 'context',
    options,
  )
}

function nameOf(key: string | symbol): string {
  if (typeof key === 'string') return key
  throw invalid(`A method named by a symbol needs a name of its own: command('name').`)
}

function isDecoratorContext(value: unknown): value is ClassMethodDecoratorContext {
  return isObject(value) && 'kind' in value && 'addInitializer' in value
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

type LegacyDecorator = readonly [target: object, key: string | symbol, PropertyDescriptor]

function isLegacyDecorator(given: readonly unknown[]): given is LegacyDecorator {
  const [target, key, descriptor] = given
  return (
    given.length === 3 &&
    (typeof target === 'object' || typeof target === 'function') &&
    (typeof key === 'string' || typeof key === 'symbol') &&
    typeof (descriptor as PropertyDescriptor | undefined)?.value === 'function'
  )
}

function invalid(message: string): PlumpError {
  return new PlumpError('ERR_PLUMP_INVALID_ARGUMENT', message)
}
