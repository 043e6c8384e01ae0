import type { Outgoing } from './outgoing.js'

/** Any integer from 0 to 2^53 - 1, 7 bits a byte, lowest first. The caller has reserved 8 bytes. */
export function writeVarint(out: Outgoing, value: number): void {
  const bytes = out.bytes
  let position = out.position
  while (value >= 0x80) {
    bytes[position++] = (value % 0x80) | 0x80
    value = Math.floor(value / 0x80)
  }
  bytes[position++] = value
  out.position = position
}

/** The longest form: 8 bytes of 7 bits. */
export const MAX_VARINT_BYTES = 8
