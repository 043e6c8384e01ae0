// JSON carries no bytes. Base64 is what users of JSON channels take: Buffer's own toJSON() writes
// every byte as a decimal number, which is several times slower still.
export function packBytes(value) {
  if (!(value instanceof Uint8Array)) return value
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return { base64: bytes.toString('base64') }
}

export function unpackBytes(value) {
  return typeof value?.base64 === 'string' ? Buffer.from(value.base64, 'base64') : value
}
