// What one call is made with beside its command and arguments, as numbers for the record of the call. What is not given
// here the core takes from the options of the command and of the instance.

import { hashOf } from './key-hash.js'
import { CALL_FLAG } from './native.js'
import type { CallOptions } from './options.js'

/** `graceMs`: not given. */
const NOT_GIVEN = 0xffffffff

/** Limits of time in milliseconds; 0 = not given. */
export interface CallSettings {
  readonly timeoutMs: number
  readonly queueMs: number
  readonly runMs: number
  readonly graceMs: number
  /** Whether one of the last three says anything. */
  readonly limited: boolean
  /** Whether a clock starts when the call is made: it is sent at once, whatever the program does before the next microtask. */
  readonly timed: boolean
  /** Priority, whether there is one, whether there is a key, and whose `timeoutMs` it is, as CALL_FLAG has them. */
  readonly flags: number
  /** The key's hash. */
  readonly keyLow: number
  readonly keyHigh: number
  /** Whether these say anything. */
  readonly ordered: boolean
  readonly signal: AbortSignal | undefined
}

/** The settings of calls with these options. */
export function callSettings(options: CallOptions): CallSettings {
  const { timeoutMs = 0, queueMs = 0, runMs = 0, graceMs = NOT_GIVEN, priority, signal } = options
  const key = options.key === undefined ? undefined : hashOf(options.key)
  const flags =
    (priority === undefined
      ? 0
      : ((priority & 0xff) << CALL_FLAG.priority) | CALL_FLAG.prioritized) |
    (key === undefined ? 0 : CALL_FLAG.keyed)
  return {
    timeoutMs,
    flags,
    keyLow: key?.[0] ?? 0,
    keyHigh: key?.[1] ?? 0,
    ordered: flags !== 0,
    queueMs,
    runMs,
    graceMs,
    timed: timeoutMs > 0 || queueMs > 0,
    limited: queueMs > 0 || runMs > 0 || graceMs !== NOT_GIVEN,
    signal,
  }
}

/** The same with at most so many milliseconds for the whole call. */
export function within(settings: CallSettings, leftMs: number): CallSettings {
  if (settings.timeoutMs > 0)
    return settings.timeoutMs <= leftMs ? settings : { ...settings, timeoutMs: leftMs }
  const flags = settings.flags | CALL_FLAG.capped
  return { ...settings, timeoutMs: leftMs, timed: true, flags, ordered: true }
}

export const NO_SETTINGS: CallSettings = callSettings({})
