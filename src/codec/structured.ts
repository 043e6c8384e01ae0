// The built-in codec: the values of structured clone, in a form of our own.
//
// Not `v8.Serializer`: it costs 3 µs for `['add', [1, 2]]`, and the host must read bytes that a worker may have
// made up, which only code that checks every bound may do.

import { Encoder } from './encoder.js'
import type { CodecLimits, PayloadRoot } from './limits.js'
import type { Outgoing } from './outgoing.js'

export { decodeStructured } from './decoder.js'
export { encoderCounts } from './encoder.js'

let idle: Encoder | undefined

/**
 * Appends `value` to `out` as one self-contained payload.
 *
 * The semantics are those of `structuredClone()`, with these differences: a Buffer stays a Buffer; a view carries the
 * bytes that it shows and not the rest of its ArrayBuffer, unless that is itself part of the value; views of one
 * value that overlap share memory at the receiver. What belongs to this process (SharedArrayBuffer, Blob, ports,
 * keys, streams, …) is refused, also where this Node could clone it.
 *
 * With `root: 'args'` the value is the array that a call made of its arguments: it is taken to be dense, without
 * other keys, and does not count as a level of nesting.
 *
 * @throws PlumpSerializationError `ERR_PLUMP_UNSERIALIZABLE`, `ERR_PLUMP_TOO_DEEP` (both with the `path` to the value)
 * or `ERR_PLUMP_PAYLOAD_TOO_LARGE`; `out` is then as it was before.
 */
export function encodeStructured(
  value: unknown,
  out: Outgoing,
  limits: CodecLimits,
  root: PayloadRoot = 'result',
): void {
  const encoder = idle ?? new Encoder()
  idle = undefined
  try {
    encoder.encode(value, out, limits, root)
  } finally {
    idle = encoder
  }
}
