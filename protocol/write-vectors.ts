// Writes vectors.json: bytes, and what they say. Made here from the tables in README.md alone, so that the Rust half,
// which reads and writes the same bytes, is compared with something else than itself; only the payloads are what the
// codec of src/codec makes of their values.
//
//   node --import tsx protocol/write-vectors.ts

import { writeFileSync } from 'node:fs'
import { decodeThrown, encodeThrown } from '../src/codec/thrown.js'
import { resolveCodec } from '../src/codec/codec.js'
import { alignSegment, Outgoing } from '../src/codec/outgoing.js'

const HEADER_BYTES = 24
const MAX_BODY_BYTES = 65_536
const FLAG_MORE = 1
const FLAG_BLOCK = 2
const FLAG_LENT = 4
const KIND = { Call: 1, Result: 2, Thrown: 3, Chunk: 4, Started: 5, Refused: 6, Control: 16, Event: 17 }
type Kind = keyof typeof KIND

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')
const join = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts)
const u16 = (n: number): Buffer => Buffer.from([n & 255, n >>> 8])
const u32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(n)
  return bytes
}
const u64 = (n: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(n))
  return bytes
}

// --- headers ----------------------------------------------------------------------------------------------------

interface Fields {
  kind: Kind
  flags?: number
  size?: number
  call?: number | bigint
  a?: number
  b?: number
}

function header({ kind, flags = 0, size = 0, call = 0, a = 0, b = 0 }: Fields): Buffer {
  return join(u32(size), Buffer.from([KIND[kind], flags, 0, 0]), u64(call), u32(a), u32(b))
}

const good = (name: string, fields: Fields) => ({
  name,
  hex: hex(header(fields)),
  fields: {
    kind: fields.kind,
    flags: fields.flags ?? 0,
    size: fields.size ?? 0,
    call: String(fields.call ?? 0),
    a: fields.a ?? 0,
    b: fields.b ?? 0,
  },
})

function bad(name: string, error: string, fields: Fields, at = 0, byte?: number) {
  const bytes = header(fields)
  if (byte !== undefined) bytes[at] = byte
  return { name, hex: hex(bytes), error }
}

const top = 2n ** 64n - 1n
const headers = [
  good('a call of command 3 with a deadline', { kind: 'Call', size: 5, call: 0x1_0000_0007, a: 3, b: 250 }),
  good('the beginning of a long call', { kind: 'Call', flags: FLAG_MORE, size: MAX_BODY_BYTES, call: 1, a: 1 }),
  good('a result after 17 µs', { kind: 'Result', size: 40, call: 0xffff_ffff_0000_0001n, a: 17 }),
  good('the beginning of a long result of nothing', { kind: 'Result', flags: FLAG_MORE, size: 8, call: 2 }),
  good('an error thrown', { kind: 'Thrown', size: 1, call: top, a: 0xffff_ffff }),
  good('the beginning of a long thrown error', { kind: 'Thrown', flags: FLAG_MORE, size: 9, call: 2 }),
  good('a part', { kind: 'Chunk', size: MAX_BODY_BYTES, call: 2 }),
  good('an empty part', { kind: 'Chunk', call: 2 }),
  good('five calls have begun', { kind: 'Started', call: 5 }),
  good('a refusal', { kind: 'Refused', size: 12, call: 9, a: 17 }),
  good('a result in a block', { kind: 'Result', flags: FLAG_BLOCK, size: 32, call: 3, a: 17 }),
  good('a call with a block that was handed over', { kind: 'Call', flags: FLAG_LENT, size: 32, call: 3, a: 1 }),
  good('a control message', { kind: 'Control', size: 3 }),
  good('the beginning of a long control message', { kind: 'Control', flags: FLAG_MORE, size: 65_000 }),
  good('the seventh event', { kind: 'Event', size: 11, call: 7 }),
  good('the beginning of a long event', { kind: 'Event', flags: FLAG_MORE, size: 8, call: 8 }),
  good('all words at their largest', {
    kind: 'Call', size: MAX_BODY_BYTES, call: top, a: 0xffff_ffff, b: 0xffff_ffff,
  }),
  bad('kind 0', 'UnknownKind', { kind: 'Call' }, 4, 0),
  bad('kind 7', 'UnknownKind', { kind: 'Call' }, 4, 7),
  bad('kind 15', 'UnknownKind', { kind: 'Call' }, 4, 15),
  bad('kind 18', 'UnknownKind', { kind: 'Call' }, 4, 18),
  bad('kind 255', 'UnknownKind', { kind: 'Call' }, 4, 255),
  bad('an unknown flag', 'UnknownFlags', { kind: 'Call', flags: 8 }),
  bad('an unknown flag beside a known one', 'UnknownFlags', { kind: 'Call', flags: 3, size: 8 }),
  bad('an event in a block', 'UnknownFlags', { kind: 'Event', flags: FLAG_BLOCK, size: 32 }),
  bad('a refusal in a block', 'UnknownFlags', { kind: 'Refused', flags: FLAG_BLOCK, size: 32 }),
  bad('a result that was handed over', 'UnknownFlags', { kind: 'Result', flags: FLAG_LENT, size: 32 }),
  bad('a block that was handed over without its range', 'NoRange', { kind: 'Call', flags: FLAG_LENT, size: 31 }),
  bad('a block without its range', 'NoRange', { kind: 'Call', flags: FLAG_BLOCK }),
  bad('a block with too much of a range', 'NoRange', { kind: 'Result', flags: FLAG_BLOCK, size: 33 }),
  bad('a part that goes on', 'UnknownFlags', { kind: 'Chunk', flags: FLAG_MORE, size: 8 }),
  bad('a count that goes on', 'UnknownFlags', { kind: 'Started', flags: FLAG_MORE, size: 8 }),
  bad('a refusal that goes on', 'UnknownFlags', { kind: 'Refused', flags: FLAG_MORE, size: 8 }),
  bad('the first reserved byte', 'Reserved', { kind: 'Result' }, 6, 1),
  bad('the second reserved byte', 'Reserved', { kind: 'Result' }, 7, 255),
  bad('a body of one byte too many', 'TooLarge', { kind: 'Result', size: MAX_BODY_BYTES + 1 }),
  bad('a body of 4 GiB less one', 'TooLarge', { kind: 'Event', size: 0xffff_ffff }),
  bad('a long payload without its total', 'Truncated', { kind: 'Call', flags: FLAG_MORE, size: 7 }),
  bad('a long payload without anything', 'Truncated', { kind: 'Event', flags: FLAG_MORE }),
]

// --- streams ----------------------------------------------------------------------------------------------------

const frame = (fields: Fields, body: Uint8Array = Buffer.alloc(0)): Buffer =>
  join(header({ ...fields, size: body.length }), body)
const beginning = (fields: Fields, total: number | bigint, part: Uint8Array): Buffer =>
  frame({ ...fields, flags: FLAG_MORE }, join(u64(total), part))
const chunk = (call: number, part: Uint8Array): Buffer => frame({ kind: 'Chunk', call }, part)

const arrived = (kind: Kind, call: number, payload: Uint8Array, a = 0, b = 0) => ({
  kind, call: String(call), a, b, payload: hex(payload),
})
const ten = utf8('0123456789')
const LIMIT = 100

const streams = [
  {
    name: 'two whole frames',
    hex: hex(join(frame({ kind: 'Call', call: 1, a: 2, b: 3 }, utf8('args')), frame({ kind: 'Started', call: 1 }))),
    frames: [arrived('Call', 1, utf8('args'), 2, 3), arrived('Started', 1, Buffer.alloc(0))],
  },
  {
    name: 'a long payload in three parts, its words from its first frame',
    hex: hex(
      join(
        beginning({ kind: 'Result', call: 4, a: 9 }, 10, ten.subarray(0, 3)),
        chunk(4, ten.subarray(3, 4)),
        chunk(4, ten.subarray(4)),
      ),
    ),
    frames: [arrived('Result', 4, ten, 9)],
  },
  {
    name: 'two long payloads and a small frame between their parts',
    hex: hex(
      join(
        beginning({ kind: 'Result', call: 1 }, 10, ten.subarray(0, 5)),
        beginning({ kind: 'Thrown', call: 2 }, 4, utf8('ab')),
        frame({ kind: 'Result', call: 3 }, utf8('small')),
        chunk(2, utf8('cd')),
        chunk(1, ten.subarray(5)),
      ),
    ),
    frames: [
      arrived('Result', 3, utf8('small')),
      arrived('Thrown', 2, utf8('abcd')),
      arrived('Result', 1, ten),
    ],
  },
  {
    name: 'a long payload that is whole in its first frame',
    hex: hex(beginning({ kind: 'Event', call: 1 }, 10, ten)),
    frames: [arrived('Event', 1, ten)],
  },
  {
    name: 'a long payload of nothing',
    hex: hex(beginning({ kind: 'Call', call: 1 }, 0, Buffer.alloc(0))),
    frames: [arrived('Call', 1, Buffer.alloc(0))],
  },
  {
    name: 'a frame, and one that has not arrived to its end',
    hex: hex(join(frame({ kind: 'Started', call: 1 }), frame({ kind: 'Result', call: 1 }, ten)).subarray(0, 50)),
    frames: [arrived('Started', 1, Buffer.alloc(0))],
  },
  {
    name: 'a part of nothing that began',
    hex: hex(join(frame({ kind: 'Started', call: 1 }), chunk(1, ten))),
    frames: [arrived('Started', 1, Buffer.alloc(0))],
    error: 'never began',
  },
  {
    name: 'a part beyond the total',
    hex: hex(join(beginning({ kind: 'Result', call: 1 }, 4, utf8('ab')), chunk(1, utf8('cde')))),
    frames: [],
    error: 'does not fit its total length',
  },
  {
    name: 'an empty part',
    hex: hex(join(beginning({ kind: 'Result', call: 1 }, 4, utf8('ab')), chunk(1, Buffer.alloc(0)))),
    frames: [],
    error: 'does not fit its total length',
  },
  {
    name: 'a long payload that begins twice',
    hex: hex(
      join(
        beginning({ kind: 'Result', call: 1 }, 4, utf8('ab')),
        beginning({ kind: 'Result', call: 1 }, 4, utf8('ab')),
      ),
    ),
    frames: [],
    error: 'began twice',
  },
  {
    name: 'a payload above the limit in one frame',
    hex: hex(frame({ kind: 'Result', call: 1 }, Buffer.alloc(LIMIT + 1))),
    frames: [],
    error: 'maxPayloadBytes',
  },
  {
    name: 'a total above the limit',
    hex: hex(beginning({ kind: 'Result', call: 1 }, LIMIT + 1, utf8('ab'))),
    frames: [],
    error: 'maxPayloadBytes',
  },
  {
    name: 'a total of 2^64 - 1 bytes',
    hex: hex(beginning({ kind: 'Result', call: 1 }, top, utf8('ab'))),
    frames: [],
    error: 'maxPayloadBytes',
  },
].map((stream) => ({ ...stream, maxPayloadBytes: LIMIT }))

/** How the sender cuts a payload: the flags and the body of each of its frames. */
function cut(payloadBytes: number) {
  if (payloadBytes <= MAX_BODY_BYTES)
    return { payloadBytes, frames: [{ kind: 'Result', flags: 0, size: payloadBytes }] }
  const frames = [{ kind: 'Result', flags: FLAG_MORE, size: MAX_BODY_BYTES }]
  for (let left = payloadBytes - (MAX_BODY_BYTES - 8); left > 0; left -= MAX_BODY_BYTES)
    frames.push({ kind: 'Chunk', flags: 0, size: Math.min(left, MAX_BODY_BYTES) })
  return { payloadBytes, frames }
}
const cuts = [0, 1, 65_535, 65_536, 65_537, 131_064, 131_065, 200_000].map(cut)

// --- the parts of a payload -------------------------------------------------------------------------------------

function together(parts: Uint8Array[]): Buffer {
  let bytes = Buffer.alloc(0)
  for (const part of parts) {
    if (part.length === 0) continue
    bytes = join(bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8), part)
  }
  return bytes
}
const parts = [
  { name: 'no part', parts: [] },
  { name: 'main bytes alone', parts: [utf8('main')] },
  { name: 'a segment behind five bytes', parts: [utf8('12345'), utf8('segment')] },
  { name: 'a segment behind eight bytes', parts: [utf8('12345678'), utf8('segment')] },
  { name: 'two segments', parts: [utf8('1'), utf8('234'), utf8('56')] },
  { name: 'an empty segment between two', parts: [utf8('1'), utf8('234'), utf8(''), utf8('56')] },
  { name: 'no main bytes', parts: [utf8(''), utf8('segment')] },
].map(({ name, parts }) => ({ name, parts: parts.map(hex), hex: hex(together(parts)) }))

// --- control messages -------------------------------------------------------------------------------------------

/** bincode 2, standard configuration: integers below 251 in one byte, else a mark and 2, 4 or 8 bytes. */
const int = (n: number | bigint): Buffer =>
  n < 251 ? Buffer.from([Number(n)])
  : n < 65_536 ? join(Buffer.from([251]), u16(Number(n)))
  : n < 2 ** 32 ? join(Buffer.from([252]), u32(Number(n)))
  : join(Buffer.from([253]), u64(n))
const text = (value: string): Buffer => join(int(utf8(value).length), utf8(value))
const list = (values: readonly string[]): Buffer => join(int(values.length), ...values.map(text))
const raw = (value: Uint8Array): Buffer => join(int(value.length), value)

const welcome = { protocol: 1, version: '1.2.3', max_payload_bytes: 1_073_741_824, spin_us: 50,
  max_block_bytes: 268_435_456, block_idle_ms: 1_000, settings: '{}' }
const hello = { protocol: 1, version: '1.2.3', pid: 70_000 }
const cause = Buffer.from([1, 0, 255])
const rule = { timeoutMs: 500, queueMs: null, runMs: null, graceMs: 0, priority: -3, concurrency: 1, idempotent: true,
  retries: 3, retryMs: null, maxRetryMs: null }
const none = Buffer.from([0])
const some = (value: Uint8Array): Buffer => join(Buffer.from([1]), value)
const controls = [
  {
    name: 'Welcome',
    message: { Welcome: welcome },
    bytes: join(
      int(0), int(welcome.protocol), text(welcome.version), int(welcome.max_payload_bytes),
      int(welcome.spin_us), int(welcome.max_block_bytes), int(welcome.block_idle_ms), text(welcome.settings),
    ),
  },
  { name: 'Hello', message: { Hello: hello }, bytes: join(int(1), int(1), text(hello.version), int(hello.pid)) },
  { name: 'Commands', message: { Commands: ['add', 'größe'] }, bytes: join(int(2), list(['add', 'größe'])) },
  {
    name: 'Commands',
    message: { Commands: ['n'.repeat(300)] },
    bytes: join(int(2), list(['n'.repeat(300)])),
  },
  { name: 'Ready', message: 'Ready', bytes: int(3) },
  { name: 'LoadFailed', message: { LoadFailed: [...cause] }, bytes: join(int(4), raw(cause)) },
  { name: 'LastWords', message: { LastWords: [] }, bytes: join(int(5), raw(Buffer.alloc(0))) },
  { name: 'Goodbye', message: 'Goodbye', bytes: int(6) },
  { name: 'Cancel', message: { Cancel: 4_294_967_303 }, bytes: join(int(7), int(4_294_967_303)) },
  { name: 'Shutdown', message: 'Shutdown', bytes: int(8) },
  { name: 'Ping', message: { Ping: 250 }, bytes: join(int(9), int(250)) },
  { name: 'Pong', message: { Pong: 251 }, bytes: join(int(10), int(251)) },
  { name: 'Leaving', message: 'Leaving', bytes: int(11) },
  { name: 'Expire', message: { Expire: 4_294_967_303 }, bytes: join(int(12), int(4_294_967_303)) },
  { name: 'Began', message: { Began: 7 }, bytes: join(int(13), int(7)) },
  { name: 'Recall', message: 'Recall', bytes: int(14) },
  {
    name: 'Recalled',
    message: { Recalled: [7, 4_294_967_303] },
    bytes: join(int(15), int(2), int(7), int(4_294_967_303)),
  },
  {
    name: 'Rules',
    message: { Rules: [[2, rule]] },
    bytes: join(int(16), int(1), int(2), some(int(500)), none, none, some(int(0)), some(Buffer.from([0xfd])),
      some(int(1)), some(Buffer.from([1])), some(int(3)), none, none),
  },
  { name: 'GiveBack', message: { GiveBack: [7] }, bytes: join(int(17), int(1), int(7)) },
  { name: 'Finished', message: 'Finished', bytes: int(18) },
].map(({ name, message, bytes }) => ({ name, hex: hex(bytes), message }))
const badControls = [
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'an unknown message', bytes: int(200) },
  { name: 'a byte too many', bytes: join(int(3), int(0)) },
  { name: 'a byte too few', bytes: join(int(10), Buffer.from([251, 1])) },
  { name: 'a name that is no UTF-8', bytes: join(int(2), int(1), raw(Buffer.from([255]))) },
  { name: '2^40 names', bytes: join(int(2), int(2 ** 40)) },
].map(({ name, bytes }) => ({ name, hex: hex(bytes), error: true }))

// --- events -----------------------------------------------------------------------------------------------------

const event = (queue: string, topic: string, payload: Uint8Array): Buffer =>
  join(u16(utf8(queue).length), utf8(queue), u16(utf8(topic).length), utf8(topic), payload)
const events = [
  { name: 'a broadcast', queue: 'default', topic: '', payload: utf8('payload') },
  { name: 'no payload', queue: 'q', topic: 't', payload: Buffer.alloc(0) },
  { name: 'names of 255 bytes', queue: 'q'.repeat(255), topic: 'ü'.repeat(127) + 't', payload: cause },
].map((e) => ({ ...e, hex: hex(event(e.queue, e.topic, e.payload)), payload: hex(e.payload) }))
const badEvents = [
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'half a length', bytes: Buffer.from([1]) },
  { name: 'a name that ends too early', bytes: join(u16(5), utf8('four')) },
  { name: 'no topic', bytes: join(u16(4), utf8('four')) },
  { name: 'a topic that ends too early', bytes: join(u16(0), u16(3), utf8('ab')) },
  { name: 'a name of 256 bytes', bytes: event('q'.repeat(256), '', Buffer.alloc(0)) },
  { name: 'a name that is no UTF-8', bytes: join(u16(1), Buffer.from([0xff]), u16(0)) },
].map(({ name, bytes }) => ({ name, hex: hex(bytes), error: true }))

// --- the variable -----------------------------------------------------------------------------------------------

const links = [
  {
    name: 'over pipes',
    value: '1 4242 pipe 3 4 5 6',
    fields: { parent: 4242, channel: 'pipe', descriptors: ['3', '4', '5', '6'] },
  },
  {
    name: 'over a ring',
    value: '1 4242 ring 3 4 5 6 7 8 9',
    fields: { parent: 4242, channel: 'ring', descriptors: ['3', '4', '5', '6', '7', '8', '9'] },
  },
  {
    name: 'over a ring, with blocks',
    value: '1 4242 ring 3 4 5 6 7 8 9 10 11 12',
    fields: { parent: 4242, channel: 'ring', descriptors: ['3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] },
  },
  {
    name: 'of a process that the user starts',
    value: '1 0 pipe 3 4 5 6',
    fields: { parent: 0, channel: 'pipe', descriptors: ['3', '4', '5', '6'] },
  },
  { name: 'nothing', value: '', error: true },
  { name: 'another form', value: '2 0 pipe 3 4 5 6', error: true },
  { name: 'another channel', value: '1 0 socket 3 4 5 6', error: true },
  { name: 'a descriptor too few', value: '1 0 pipe 3 4 5', error: true },
  { name: 'a descriptor too many', value: '1 0 ring 3 4 5 6 7 8 9 10', error: true },
  { name: 'no number', value: '1 0 pipe 3 4 5 x', error: true },
  { name: 'a space too many', value: '1 0 pipe 3 4 5 6 ', error: true },
  { name: 'no parent', value: '1 -1 pipe 3 4 5 6', error: true },
]

// --- payloads ---------------------------------------------------------------------------------------------------

const codec = resolveCodec('structured')

function payload(write: (out: Outgoing) => void): Buffer {
  const out = new Outgoing()
  write(out)
  const wire = Buffer.alloc(out.payloadBytes())
  let end = out.bytes.copy(wire, 0, 0, out.position)
  for (const segment of out.segments) {
    end = alignSegment(end)
    wire.set(segment, end)
    end += segment.byteLength
  }
  return wire
}

/** Values as JavaScript, so that one can read what the bytes stand for. */
const payloads = [
  'undefined',
  'null',
  'true',
  '0',
  '-0',
  'NaN',
  '1.5',
  '-2147483648',
  '9007199254740993n',
  '-(2n ** 100n)',
  `'plump'`,
  `'größe 🎉'`,
  `'\\ud800'`,
  `'x'.repeat(100)`,
  '[1, [2, [3]]]',
  '[1, , 3]',
  'Array.from({ length: 16 }, (_, i) => i - 8)',
  'Array.from({ length: 16 }, (_, i) => i * 1000)',
  'Array.from({ length: 16 }, (_, i) => i * 100000)',
  'Array.from({ length: 16 }, (_, i) => i / 2 + 0.25)',
  'Array.from({ length: 16 }, (_, i) => (i === 15 ? 0.5 : i))',
  `({ id: 7, name: 'n', tags: ['a', 'b'], ok: true })`,
  `[{ a: 1, b: 2 }, { a: 3, b: 4 }]`,
  `new Map([['a', 1], [{ k: 1 }, new Set([2])]])`,
  'new Date(0)',
  'new Date(NaN)',
  '/a+b/gi',
  'Object(1)',
  'new Uint8Array([1, 2, 3])',
  'Buffer.from(new Uint8Array([1, 2, 3]).buffer)',
  'new Float64Array([1, 2.5])',
  '(() => { const o = { self: null }; o.self = o; return o })()',
  '(() => { const b = new ArrayBuffer(6); return [new Uint8Array(b, 0, 4), new Uint8Array(b, 2, 4)] })()',
].map((value) => {
  const made: unknown = new Function(`return (${value})`)()
  return { value, hex: hex(payload((out) => codec.encode(made, out, 'result'))) }
})

const thrown = [`'no error'`, '42', 'undefined'].map((value) => {
  const made: unknown = new Function(`return (${value})`)()
  const bytes = payload((out) => encodeThrown(made, out, codec))
  decodeThrown(bytes, 0, bytes.length, codec)
  return { value, hex: hex(bytes) }
})

// --- failures ---------------------------------------------------------------------------------------------------

const sorted = (facts: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)))

function failure(name: string, facts: Record<string, unknown>, causeHex: string, causeValue?: string) {
  const json = utf8(JSON.stringify(sorted(facts)))
  return {
    name,
    hex: hex(join(u32(json.length), json, Buffer.from(causeHex, 'hex'))),
    json: sorted(facts),
    cause: causeHex,
    ...(causeValue === undefined ? {} : { causeValue }),
  }
}
const failures = [
  failure('a call that timed out', {
    kind: 22, message: 'It took too long.', command: 'train', timeoutMs: 500, pid: 4242,
  }, ''),
  failure('a worker that was killed', {
    kind: 2, message: 'The worker was ended by SIGKILL.', pid: 4242, signal: 'SIGKILL', stderr: 'größe\n',
  }, ''),
  failure('a worker that exited by what it threw', {
    kind: 1, message: 'The worker exited with code 70.', pid: 4242, exitCode: 70,
  }, thrown[0]!.hex, thrown[0]!.value),
  failure('a failed start, as an event of its pool', {
    event: 'failed', kind: 5, message: 'The module could not be loaded.', pid: 4242,
  }, thrown[1]!.hex, thrown[1]!.value),
]

const vectors = {
  about: 'Bytes of the protocol and what they say; written by write-vectors.ts, explained in README.md.',
  protocol: 1,
  headerBytes: HEADER_BYTES,
  maxBodyBytes: MAX_BODY_BYTES,
  headers,
  streams,
  cuts,
  parts,
  controls: [...controls, ...badControls],
  events: [...events, ...badEvents],
  failures,
  links,
  payloads,
  thrown,
}
writeFileSync(new URL('./vectors.json', import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`)
