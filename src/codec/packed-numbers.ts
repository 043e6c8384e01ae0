// Arrays of nothing but numbers, without a tag at each. Both directions, beside the encoder and the decoder: what is
// here needs no more than the bytes.

import { ARRAY_FLOAT64, ARRAY_INT16, ARRAY_INT32, ARRAY_INT8 } from './tags.js'

export const INT16_BYTES = 2
export const INT32_BYTES = 4
export const FLOAT64_BYTES = 8

/** Gives integers that were written as int32 from `start` on the narrowest form that holds them; returns its tag. */
export function narrow(
  view: DataView,
  start: number,
  count: number,
  lowest: number,
  highest: number,
): number {
  if (lowest >= -0x80 && highest < 0x80) {
    for (let i = 0; i < count; i++) {
      view.setInt8(start + i, view.getInt32(start + i * INT32_BYTES, true))
    }
    return ARRAY_INT8
  }
  if (lowest >= -0x8000 && highest < 0x8000) {
    for (let i = 0; i < count; i++) {
      const integer = view.getInt32(start + i * INT32_BYTES, true)
      view.setInt16(start + i * INT16_BYTES, integer, true)
    }
    return ARRAY_INT16
  }
  return ARRAY_INT32
}

/** Makes float64 of integers that were written as int32 from `start` on. */
export function widen(view: DataView, start: number, count: number): void {
  for (let i = count - 1; i >= 0; i--) {
    view.setFloat64(start + i * FLOAT64_BYTES, view.getInt32(start + i * INT32_BYTES, true), true)
  }
}

/** How many of them are looked at to see what most numbers are. */
const SAMPLES = 16

/**
 * Whether most of the float64 from `start` on are integers, which are shorter with a tag each. A guess: looking at all
 * of them takes longer than writing them.
 */
export function areMostlyIntegers(view: DataView, start: number, count: number): boolean {
  const step = Math.ceil(count / SAMPLES)
  let fractions = 0
  let seen = 0
  for (let i = step - 1; i < count; i += step) {
    seen++
    if (!Number.isInteger(view.getFloat64(start + i * FLOAT64_BYTES, true))) fractions++
  }
  return fractions * 2 < seen
}

/** Arrays up to this length are copies of one that has it: made at once as long as they get, and without holes. */
const COPIED_ELEMENTS = 1024

const filled = (number: number): number[] => {
  const array: number[] = []
  for (let i = 0; i < COPIED_ELEMENTS; i++) array.push(number)
  return array
}
let integers: number[] | undefined
let floats: number[] | undefined

/** Bytes that one number takes. */
export function widthOf(tag: number): number {
  switch (tag) {
    case ARRAY_INT8:
      return 1
    case ARRAY_INT16:
      return INT16_BYTES
    case ARRAY_INT32:
      return INT32_BYTES
    default:
      return FLOAT64_BYTES
  }
}

/** The caller has compared the length with the bytes that are there. */
export function readNumbers(tag: number, view: DataView, start: number, count: number): number[] {
  if (tag === ARRAY_FLOAT64) {
    const array = (floats ??= filled(0.5)).slice(0, count)
    for (let i = 0; i < count; i++) array[i] = view.getFloat64(start + i * FLOAT64_BYTES, true)
    return array
  }
  const array = (integers ??= filled(0)).slice(0, count)
  if (tag === ARRAY_INT8) {
    for (let i = 0; i < count; i++) array[i] = view.getInt8(start + i)
  } else if (tag === ARRAY_INT16) {
    for (let i = 0; i < count; i++) array[i] = view.getInt16(start + i * INT16_BYTES, true)
  } else {
    for (let i = 0; i < count; i++) array[i] = view.getInt32(start + i * INT32_BYTES, true)
  }
  return array
}
