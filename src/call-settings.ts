// What one call is made with beside its command and arguments, as numbers for the record of the call.

import { hashOf } from './key-hash.js'
import { CALL_FLAG } from './native.js'
import type { CallOptions, PlumpOptions } from './options.js'

/** `graceMs`: as the pool says. */
const AS_THE_POOL = 0xffffffff

/** Limits of time in milliseconds; 0 = none. */
export interface CallSettings {
  readonly timeoutMs: number
  readonly queueMs: number
  readonly runMs: number
  readonly graceMs: number
  /** Whether one of the last three says anything. */
  readonly limited: boolean
  /** Priority and whether there is a key, as CALL_FLAG has them; the key's hash. */
  readonly flags: number
  readonly keyLow: number
  readonly keyHigh: number
  /** Whether these say anything. */
  readonly ordered: boolean
  readonly signal: AbortSignal | undefined
}

/** The settings of calls with these options; what is not among them is as `defaults` say. */
export function callSettings(
  options: CallOptions | PlumpOptions,
  defaults: CallSettings = NO_SETTINGS,
): CallSettings {
  const queueMs = options.queueMs ?? defaults.queueMs
  const runMs = options.runMs ?? defaults.runMs
  const graceMs = options.graceMs ?? defaults.graceMs
  const priority = options.priority ?? signed(defaults.flags >>> CALL_FLAG.priority)
  const key = 'key' in options && options.key !== undefined ? hashOf(options.key) : undefined
  return {
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
    flags: ((priority & 0xff) << CALL_FLAG.priority) | (key === undefined ? 0 : CALL_FLAG.keyed),
    keyLow: key?.[0] ?? 0,
    keyHigh: key?.[1] ?? 0,
    ordered: priority !== 0 || key !== undefined,
    queueMs,
    runMs,
    graceMs,
    limited: queueMs > 0 || runMs > 0 || graceMs !== AS_THE_POOL,
    signal: 'signal' in options ? options.signal : undefined,
  }
}

/** The same with at most so many milliseconds for the whole call. */
export function within(settings: CallSettings, leftMs: number): CallSettings {
  if (settings.timeoutMs > 0 && settings.timeoutMs <= leftMs) return settings
  return { ...settings, timeoutMs: leftMs }
}

export const NO_SETTINGS: CallSettings = {
  timeoutMs: 0,
  queueMs: 0,
  runMs: 0,
  graceMs: AS_THE_POOL,
  limited: false,
  flags: 0,
  keyLow: 0,
  keyHigh: 0,
  ordered: false,
  signal: undefined,
}

/** A byte as a number from -128 to 127. */
function signed(byte: number): number {
  return (byte << 24) >> 24
}
