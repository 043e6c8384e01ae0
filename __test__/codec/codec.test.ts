import test from 'ava'
import { PlumpSerializationError } from '../../src/errors.js'
import { resolveCodec, type Codec } from '../../src/codec/codec.js'
import { Outgoing } from '../../src/codec/outgoing.js'
import { gather } from './round-trip.js'

const custom = (part: Partial<Record<keyof Codec, unknown>>) =>
  resolveCodec({
    name: 'mine',
    encode: String,
    decode: (bytes: Uint8Array) => bytes,
    ...part,
  } as Codec)

function carry(codec: ReturnType<typeof resolveCodec>, value: unknown): unknown {
  const out = new Outgoing()
  codec.encode(value, out, 'args')
  const wire = gather(out)
  const scratch = Buffer.concat([Buffer.alloc(7), wire, Buffer.alloc(7)])
  const got = codec.decode(scratch, 7, 7 + wire.length, false)
  scratch.fill(0xee)
  return got
}

test('the built-in codecs are found by name', (t) => {
  t.is(resolveCodec('structured').name, 'structured')
  t.is(resolveCodec('json').name, 'json')
  t.deepEqual(carry(resolveCodec('structured'), [new Map([[1, 2]])]), [new Map([[1, 2]])])
  t.deepEqual(carry(resolveCodec('json'), [1, 'a']), [1, 'a'])
})

test('a custom codec gets the value, and a private copy of its bytes', (t) => {
  const codec = custom({ encode: (value: unknown) => Buffer.from(JSON.stringify(value)) })
  const got = carry(codec, [1, 'é']) as Uint8Array
  t.is(Buffer.from(got).toString(), '[1,"é"]')
  t.is(got.byteOffset, 0)
  t.is(got.buffer.byteLength, got.length)
})

test('a custom codec may return text, little, much and nothing', (t) => {
  for (const encoded of [
    '',
    'é'.repeat(10),
    'x'.repeat(1e6),
    new Uint8Array(0),
    new Uint8Array(100_000).fill(3),
  ]) {
    const got = carry(custom({ encode: () => encoded }), 1) as Uint8Array
    t.deepEqual(Buffer.from(got), Buffer.from(encoded as string))
  }
})

test('a custom codec that throws or returns garbage is told by code, with what it threw', (t) => {
  const failure = new RangeError('no')
  const fail = (): never => {
    throw failure
  }
  const encoding = t.throws(() => carry(custom({ encode: fail }), 1), {
    instanceOf: PlumpSerializationError,
  })
  t.deepEqual([encoding.code, encoding.cause], ['ERR_PLUMP_CODEC', failure])
  const decoding = t.throws(() => carry(custom({ decode: fail }), 1), {
    instanceOf: PlumpSerializationError,
  })
  t.deepEqual([decoding.code, decoding.cause], ['ERR_PLUMP_CODEC', failure])
  for (const garbage of [
    undefined,
    null,
    5,
    {},
    [1],
    new Uint16Array(2),
    new ArrayBuffer(2),
    Promise.resolve(''),
  ]) {
    t.throws(() => carry(custom({ encode: () => garbage }), 1), { code: 'ERR_PLUMP_CODEC' })
  }
})

test('what is no codec is refused by code', (t) => {
  for (const option of [
    null,
    5,
    'msgpack',
    {},
    { name: 'x' },
    { name: '', encode: String, decode: String },
    { name: 5, encode: String, decode: String },
  ]) {
    t.throws(() => resolveCodec(option as never), { code: 'ERR_PLUMP_CODEC' })
  }
})

test('maxPayloadBytes holds for custom codecs', (t) => {
  const limits = { maxDepth: 10, maxPayloadBytes: 100 }
  for (const encoded of ['x'.repeat(101), new Uint8Array(101), new Uint8Array(1e6)]) {
    const codec = resolveCodec(
      { name: 'mine', encode: () => encoded, decode: (bytes) => bytes },
      limits,
    )
    t.throws(() => carry(codec, 1), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
  }
})
