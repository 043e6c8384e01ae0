// Held by `tsc` alone: what `call` and `acall` infer from the type of the worker's module.

import {
  type CommandArguments,
  type CommandName,
  type CommandOptions,
  plump,
  type PlumpErrorCode,
  PlumpIPC,
  type PlumpOptions,
  PlumpTimeoutError,
  type PlumpWorkerError,
  spawn,
} from '../../src/index.js'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_ extends true>(): void => {}

type MathModule = typeof import('./math.ts')

export async function fromAModule(): Promise<void> {
  const math = spawn<MathModule>(new URL('file:///math.js'), { workers: 'auto' })
  holds<Equal<CommandName<MathModule>, 'add' | 'train' | 'identity'>>()
  holds<Equal<CommandArguments<MathModule['add']>, [a: number, b: number]>>()

  const sum = math.call('add', 1, 2)
  holds<Equal<typeof sum, number>>()
  const trained = math.call('train', new Float32Array(2))
  holds<Equal<typeof trained, string>>()
  const later = math.acall('train', new Float32Array(2), { epochs: 2 })
  holds<Equal<typeof later, Promise<string>>>()
  const limited = math.with({ timeoutMs: 5 }).acall('add', 1, 2)
  holds<Equal<typeof limited, Promise<number>>>()

  // @ts-expect-error no such command
  math.call('subtract', 1, 2)
  // @ts-expect-error no such command
  void math.acall('default')
  // @ts-expect-error a value is no command
  math.call('version')
  // @ts-expect-error a class is no command
  math.call('NotACommand')
  // @ts-expect-error a wrong argument
  math.call('add', 1, '2')
  // @ts-expect-error too few arguments
  void math.acall('add', 1)
  // @ts-expect-error too many arguments
  math.with({}).call('add', 1, 2, 3)
  // @ts-expect-error an unknown option
  math.with({ timeout: 5 })
  // @ts-expect-error an unknown option
  spawn(new URL('file:///math.js'), { worker: 2 })
}

export function optionsOfCommands(loosely: PlumpOptions): void {
  const url = new URL('file:///math.js')
  spawn<MathModule>(url, { commands: { add: { concurrency: 1, timeoutMs: 500 } } })
  new PlumpIPC<MathModule>({ commands: { train: { idempotent: true, retries: 3 } } })
  new PlumpIPC<MathModule>().start(url, { commands: { add: { priority: 5 } } })
  spawn(url, { commands: { anything: { queueMs: 5 } } })
  spawn<MathModule>(url, loosely)
  // @ts-expect-error no such command
  spawn<MathModule>(url, { commands: { subtract: { priority: 1 } } })
  // @ts-expect-error no option of a command
  spawn<MathModule>(url, { commands: { add: { key: 'a' } } })
  // @ts-expect-error no option of a call
  new PlumpIPC().with({ idempotent: true })
  // @ts-expect-error a wrong type
  spawn(url, { commands: { anything: { idempotent: 1 } } })
}

class Camera {
  #position = 0
  move(by: number): number {
    return (this.#position += by)
  }
  readonly lens: string = 'wide'
}

export function fromAClass(): void {
  const camera = new PlumpIPC<Camera>()
  const position = camera.call('move', 3)
  holds<Equal<typeof position, number>>()
  // @ts-expect-error a field is no command
  camera.call('lens')
}

export async function loosely(): Promise<void> {
  const result = plump.call('anything', 1, 'a', {})
  holds<Equal<typeof result, unknown>>()
  const later = plump.acall('anything')
  holds<Equal<typeof later, Promise<unknown>>>()
}

export function commandForms(): void {
  const add = plump.command('add', (a: number, b: number) => a + b)
  holds<Equal<typeof add, (a: number, b: number) => number>>()
  const named = plump.command(function named(text: string) {
    return text
  })
  holds<Equal<typeof named, (text: string) => string>>()
  const limited = plump.command('limited', (a: number) => a, { concurrency: 1 })
  holds<Equal<typeof limited, (a: number) => number>>()
  plump.command(function retried() {}, { idempotent: true, retries: 5, retryMs: 10 })
  const more: CommandOptions = { graceMs: 5, maxRetryMs: 100 }
  // @ts-expect-error an unknown option
  plump.command('limited', () => 1, { concurency: 1 })
  // @ts-expect-error a signal is for a call
  plump.command(() => 1, { signal: undefined })
  class WithOptions {
    @plump.command('one', { priority: 1 }) one() {}
    @plump.command({ timeoutMs: 5 }) two() {}
    @plump.command(undefined, more) three() {}
  }
  void WithOptions
  class Decorated {
    @plump.command() one(by: number) {
      return by
    }
    @plump.command('other') two() {}
    @plump.command three() {}
    // @ts-expect-error only methods
    @plump.command() field = 1
  }
  void Decorated
}

export function runs(error: PlumpWorkerError): void {
  holds<Equal<typeof error.runs, number | undefined>>()
}

export function errors(error: PlumpTimeoutError): void {
  holds<Equal<typeof error.code, PlumpErrorCode>>()
  holds<Equal<typeof error.timeoutMs, number | undefined>>()
  // @ts-expect-error no such code
  void (error.code === 'ERR_PLUMP_NO_SUCH_CODE')
}

export function life(): void {
  plump
    .init(() => {})
    .init(async () => {})
    .init(() => Promise.resolve({ any: 'thing' }))
    .teardown(() => {})
    .teardown(async () => {})
  const typed = new PlumpIPC<Camera>({ teardownMs: 100 })
  holds<Equal<ReturnType<typeof typed.init>, PlumpIPC<Camera>>>()
  // @ts-expect-error no function
  plump.init('load')
  // @ts-expect-error nobody gives it an argument
  plump.init((path: string) => path)
  // @ts-expect-error no function
  plump.teardown(undefined)
  // @ts-expect-error no number
  spawn(new URL('file:///math.js'), { teardownMs: '5' })
}
