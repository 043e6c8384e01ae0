// Values without parts, and messages that hold nothing else: numbers, short strings, true, false, null, undefined. Most
// calls have no other arguments and most results are no other value, and for those an encoder with its lists of objects,
// shapes and views is three quarters of the price. Nothing of the user's runs here.
//
// In few functions: a call after a pause finds none of them in the CPU's caches, and each costs it most of a microsecond.

import type { PayloadRoot } from './limits.js'
import type { Outgoing } from './outgoing.js'
import { writeShortString } from './strings.js'
import {
  FALSE,
  FLOAT64,
  HEADER_BYTES,
  INT16,
  INT32,
  INT8,
  NULL,
  SHORT_ARRAY,
  SHORT_ARRAY_LIMIT,
  SHORT_STRING_LIMIT,
  SMALL_INT_LIMIT,
  TRUE,
  UNDEFINED,
} from './tags.js'

/** Room for the longest value that is written here, with its tag. */
const PLAIN_VALUE_BYTES = SHORT_STRING_LIMIT
/** Room for the longest message. */
const PLAIN_BYTES = HEADER_BYTES + 1 + (SHORT_ARRAY_LIMIT - 1) * PLAIN_VALUE_BYTES

const { isArray } = Array

/**
 * Appends a message that holds nothing else, byte for byte as the encoder writes it; `false`, and `out` as it was, if it
 * does hold something else or is larger than `maxBytes`.
 */
export function encodePlain(
  value: unknown,
  out: Outgoing,
  maxBytes: number,
  root: PayloadRoot,
): boolean {
  const start = out.position
  if (out.bytes.length - start < PLAIN_BYTES) out.reserve(PLAIN_BYTES)
  out.position = start + HEADER_BYTES
  let isPlain: boolean
  if (root === 'args' && isArray(value)) {
    const values: readonly unknown[] = value
    const { length } = values
    isPlain = length < SHORT_ARRAY_LIMIT
    if (isPlain) out.bytes[out.position++] = SHORT_ARRAY | length
    for (let i = 0; isPlain && i < length; i++) isPlain = writePlain(out, values[i])
  } else {
    isPlain = writePlain(out, value)
  }
  if (!isPlain || out.position - start > maxBytes) {
    out.position = start
    return false
  }
  out.bytes[start] = 0
  out.view.setUint32(start + 1, 0, true)
  return true
}

/** Writes such a value; `false` if it is another one. There must be room: PLAIN_VALUE_BYTES. */
export function writePlain(out: Outgoing, value: unknown): boolean {
  // One comparison after the other: `switch (typeof value)` makes the engine find the word first.
  if (typeof value === 'string')
    return value.length < SHORT_STRING_LIMIT && writeShortString(out, value)
  const { bytes } = out
  const at = out.position
  if (typeof value !== 'number') {
    let tag: number
    if (typeof value === 'boolean') tag = value ? TRUE : FALSE
    else if (value === null) tag = NULL
    else if (value === undefined) tag = UNDEFINED
    else return false
    bytes[at] = tag
    out.position = at + 1
  } else if (isInt32(value)) {
    if (value >= 0 && value < SMALL_INT_LIMIT) {
      bytes[at] = value
      out.position = at + 1
    } else if (value >= -0x80 && value < 0x80) {
      bytes[at] = INT8
      bytes[at + 1] = value
      out.position = at + 2
    } else if (value >= -0x8000 && value < 0x8000) {
      bytes[at] = INT16
      bytes[at + 1] = value
      bytes[at + 2] = value >> 8
      out.position = at + 3
    } else {
      bytes[at] = INT32
      bytes[at + 1] = value
      bytes[at + 2] = value >> 8
      bytes[at + 3] = value >> 16
      bytes[at + 4] = value >> 24
      out.position = at + 5
    }
  } else {
    bytes[at] = FLOAT64
    out.view.setFloat64(at + 1, value, true)
    out.position = at + 9
  }
  return true
}

/** Whether it is sent as an integer: not -0, which must stay what it is. */
export function isInt32(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0)
}
