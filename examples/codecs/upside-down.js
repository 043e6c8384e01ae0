// A codec of one's own: JSON, with every byte upside down. Host and worker import the same file.

export const codec = {
  name: 'upside-down',
  encode: (value) => Buffer.from(JSON.stringify(value ?? null)).map((byte) => byte ^ 0xff),
  decode: (bytes) => JSON.parse(Buffer.from(bytes.map((byte) => byte ^ 0xff)).toString()),
}
