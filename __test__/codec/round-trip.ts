import { DEFAULT_CODEC_LIMITS, type CodecLimits, type PayloadRoot } from '../../src/codec/limits.js'
import { alignSegment, Outgoing } from '../../src/codec/outgoing.js'
import { decodeStructured, encodeStructured } from '../../src/codec/structured.js'

/** The payload as it is on the wire: main bytes, then the segments at multiples of 8. */
export function gather(out: Outgoing, start = 0): Buffer {
  const wire = Buffer.alloc(out.payloadBytes(start))
  let end = out.bytes.copy(wire, 0, start, out.position)
  for (const segment of out.segments) {
    end = alignSegment(end)
    wire.set(segment, end)
    end += segment.byteLength
  }
  return wire
}

export interface Trip {
  readonly limits?: CodecLimits
  readonly root?: PayloadRoot
  /** Bytes before the payload in the receiver's memory. */
  readonly offset?: number
  readonly owned?: boolean
}

export function encoded(
  value: unknown,
  { limits = DEFAULT_CODEC_LIMITS, root = 'result' }: Trip = {},
): Buffer {
  const out = new Outgoing()
  encodeStructured(value, out, limits, root)
  return gather(out)
}

export function decoded(wire: Uint8Array, trip: Trip = {}): unknown {
  const { limits = DEFAULT_CODEC_LIMITS, offset = 16, owned = false } = trip
  const bytes = Buffer.allocUnsafeSlow(offset + wire.byteLength + 16).fill(0xdd)
  bytes.set(wire, offset)
  const value = decodeStructured(bytes, offset, offset + wire.byteLength, limits, owned)
  // Whoever kept a part of it without owning it will be seen.
  if (!owned) bytes.fill(0xee)
  return value
}

export function roundTrip(value: unknown, trip: Trip = {}): unknown {
  return decoded(encoded(value, trip), trip)
}
