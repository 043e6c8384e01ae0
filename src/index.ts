// The public surface, and nothing else. Everything is in a file of its own name.

import { PlumpIPC } from './plump-ipc.js'
import { once } from './shared.js'

export { PlumpIPC }
export type { Allowance } from './native.js'
export type { CallTimes, PlumpStats, TimeStats, WorkerStats } from './plump-ipc.js'
export type { PlumpBlock } from './block.js'
export { spawn } from './spawn.js'
export { isWorker } from './shared.js'
export { plumpBus, PlumpQueue } from './bus.js'
export type { EventCallback, PlumpListener, QueueStats } from './bus.js'
export type {
  AnyCommands,
  Calls,
  CommandArguments,
  CommandName,
  CommandResult,
  Handler,
} from './commands.js'
export type { CommandDecorator, CommandForms } from './register.js'
export type { Codec, CodecOption } from './codec/codec.js'
export { context } from './worker/context.js'
export type { CallContext } from './worker/context.js'
export type { LifeFunction } from './worker/life-functions.js'
export {
  PlumpAbortError,
  PlumpConnectionError,
  PlumpError,
  PlumpSerializationError,
  PlumpTimeoutError,
  PlumpWorkerError,
} from './errors.js'
export type {
  CallRejectMessage,
  CallSettleMessage,
  CallStartMessage,
  WorkerExitMessage,
  WorkerMessage,
  WorkerRestartMessage,
  WorkerRetireMessage,
} from './diagnostics.js'
export type { PlumpErrorCode } from './errors.js'
export type { PlumpLink } from './link.js'
export type {
  CallOptions,
  CloseOptions,
  CommandOptions,
  PlumpOptions,
  QueueOptions,
  WorkerRange,
} from './options.js'

/** A ready-made instance: in a worker for registering commands, in a host for one module. */
export const plump: PlumpIPC = once('plump', () => new PlumpIPC())
