// What one call is made with beside its command and arguments, as numbers for the record of the call.

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
  return {
    timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
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
  signal: undefined,
}
