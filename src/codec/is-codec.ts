import type { Codec } from './codec.js'

/** Whether it has the shape of a codec of the user's own. */
export function isCodec(value: unknown): value is Codec {
  const codec = value as Partial<Codec> | null
  return (
    typeof codec === 'object' &&
    codec !== null &&
    typeof codec.name === 'string' &&
    codec.name !== '' &&
    !codec.name.includes('\0') &&
    Buffer.byteLength(codec.name) <= 255 &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function'
  )
}
