// What a monitor can hear through node:diagnostics_channel. Nothing is made for a call that nobody listens to.

import { type Channel, channel } from 'node:diagnostics_channel'
import type { PlumpError } from './errors.js'
import { isRefusal } from './failure.js'

/** Message of `plump-ipc:call:start`: a call was made. */
export interface CallStartMessage {
  /** Name of the instance. */
  readonly pool: string
  readonly command: string
}

/** Message of `plump-ipc:call:settle`: it has its outcome. */
export interface CallSettleMessage extends CallStartMessage {
  /** Milliseconds since it was made. */
  readonly durationMs: number
  /** What it failed with; absent when it did not. */
  readonly error?: unknown
}

/** Message of `plump-ipc:call:reject`: it was refused without having been tried, because too much waits or too many workers fail. */
export interface CallRejectMessage extends CallStartMessage {
  readonly error: PlumpError
}

/** Message of `plump-ipc:worker:spawn`: the process of a worker was made. */
export interface WorkerMessage {
  readonly pool: string
  readonly pid: number
}

/** Message of `plump-ipc:worker:exit`. */
export interface WorkerExitMessage {
  readonly pool: string
  /** Absent where no process was made: it could not be, or its instance was closed before. */
  readonly pid?: number
  readonly exitCode?: number
  /** Name of the signal that ended it. */
  readonly signal?: string
  /** It was asked to. */
  readonly expected: boolean
}

/** Message of `plump-ipc:worker:retire`: it finishes what it has begun and gets no more. */
export interface WorkerRetireMessage extends WorkerMessage {
  readonly reason: 'age' | 'memory' | 'calls' | 'idle' | 'cancelled'
}

/** Message of `plump-ipc:worker:restart`: workers are started in place of others. */
export interface WorkerRestartMessage {
  readonly pool: string
  readonly workers: number
}

export const callStart: Channel = channel('plump-ipc:call:start')
export const callSettle: Channel = channel('plump-ipc:call:settle')
export const callReject: Channel = channel('plump-ipc:call:reject')
export const workerChannels = {
  spawn: channel('plump-ipc:worker:spawn'),
  exit: channel('plump-ipc:worker:exit'),
  retire: channel('plump-ipc:worker:retire'),
  restart: channel('plump-ipc:worker:restart'),
} as const

/** Whether somebody wants to hear of calls. */
export function callsAreWatched(): boolean {
  return callStart.hasSubscribers || callSettle.hasSubscribers || callReject.hasSubscribers
}

/** Says that a call was made; what is returned says that it has settled. */
export function watchCall(
  pool: string,
  command: string,
): (error?: { readonly is: unknown }) => void {
  const began = performance.now()
  if (callStart.hasSubscribers) callStart.publish({ pool, command } satisfies CallStartMessage)
  return (error) => {
    if (error !== undefined && callReject.hasSubscribers && isRefusal(error.is))
      callReject.publish({ pool, command, error: error.is } satisfies CallRejectMessage)
    if (!callSettle.hasSubscribers) return
    const durationMs = performance.now() - began
    callSettle.publish(
      (error === undefined
        ? { pool, command, durationMs }
        : { pool, command, durationMs, error: error.is }) satisfies CallSettleMessage,
    )
  }
}
