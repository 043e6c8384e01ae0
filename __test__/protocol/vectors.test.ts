import test from 'ava'
import { readFileSync } from 'node:fs'
import { resolveCodec } from '../../src/codec/codec.js'
import { alignSegment, Outgoing } from '../../src/codec/outgoing.js'
import { decodeThrown, encodeThrown } from '../../src/codec/thrown.js'
import { readFailure } from '../../src/failure.js'
import { codeOfNumber } from '../../src/generated/codes.js'
import { difference } from '../codec/same-graph.js'

// The TypeScript half never sees a frame: what reads them here is written from the tables of protocol/README.md alone,
// so that the vectors, which the Rust half runs too, are held by two readers.

interface Frame {
  kind: string
  call: string
  a: number
  b: number
  payload: string
}
interface Vectors {
  protocol: number
  headerBytes: number
  maxBodyBytes: number
  headers: { name: string; hex: string; error?: string; fields?: Record<string, unknown> }[]
  streams: {
    name: string
    hex: string
    maxPayloadBytes: number
    frames: Frame[]
    error?: string
  }[]
  cuts: { payloadBytes: number; frames: { kind: string; flags: number; size: number }[] }[]
  parts: { name: string; parts: string[]; hex: string }[]
  controls: { name: string; hex: string; message?: unknown; error?: true }[]
  events: {
    name: string
    hex: string
    queue?: string
    topic?: string
    payload?: string
    error?: true
  }[]
  failures: { name: string; hex: string; json: object; cause: string; causeValue?: string }[]
  links: { name: string; value: string; fields?: object; error?: true }[]
  payloads: { value: string; hex: string }[]
  thrown: { value: string; hex: string }[]
}

const file = (name: string) =>
  readFileSync(new URL(`../../protocol/${name}`, import.meta.url), 'utf8')
const vectors = JSON.parse(file('vectors.json')) as Vectors
const page = file('README.md')
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')

/** The rows of the page's table whose head begins with these cells. */
function table(...head: string[]): string[][] {
  const lines = page.split('\n')
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  const at = lines.findIndex((line) => head.every((cell, i) => cells(line)[i] === cell))
  const rows: string[][] = []
  for (let i = at + 2; lines[i]?.startsWith('|'); i++) rows.push(cells(lines[i]!))
  return rows
}

const kinds = new Map(
  table('kind', 'name', 'channel', 'direction', 'long').map(([number, name, , , long]) => [
    Number(number),
    { name: name!, long: long === 'yes' },
  ]),
)
const MORE = 1
const BLOCK = 2
const LENT = 4

interface Header {
  size: number
  kind: string
  flags: number
  call: string
  a: number
  b: number
}

function readHeader(frame: Buffer): Header {
  const kind = kinds.get(frame[4]!)
  const flags = frame[5]!
  const size = frame.readUInt32LE(0)
  if (kind === undefined) throw new Error('UnknownKind')
  const mayBeInBlock = kind.long && !['Control', 'Event'].includes(kind.name)
  if (
    ![0, MORE, BLOCK, LENT].includes(flags) ||
    (flags === MORE && !kind.long) ||
    (flags === BLOCK && !mayBeInBlock) ||
    (flags === LENT && kind.name !== 'Call')
  )
    throw new Error('UnknownFlags')
  if (frame.readUInt16LE(6) !== 0) throw new Error('Reserved')
  if (size > vectors.maxBodyBytes) throw new Error('TooLarge')
  if (flags === MORE && size < 8) throw new Error('Truncated')
  if ((flags === BLOCK || flags === LENT) && size !== 32) throw new Error('NoRange')
  const call = frame.readBigUInt64LE(8).toString()
  const a = frame.readUInt32LE(16)
  return { size, kind: kind.name, flags, call, a, b: frame.readUInt32LE(20) }
}

/** The frames of a stream with their long payloads put together; throws where the stream breaks a rule. */
function* readStream(stream: Buffer, maxPayloadBytes: number): Generator<Frame> {
  const partial = new Map<string, { header: Header; total: bigint; parts: Buffer }>()
  let at = 0
  while (stream.length - at >= vectors.headerBytes) {
    const header = readHeader(stream.subarray(at))
    const body = stream.subarray(at + vectors.headerBytes, at + vectors.headerBytes + header.size)
    if (body.length < header.size) return
    at += vectors.headerBytes + header.size
    let whole: { header: Header; total: bigint; parts: Buffer } | undefined
    if (header.flags === MORE) {
      if (partial.has(header.call)) throw new Error('a long payload began twice')
      const total = body.readBigUInt64LE(0)
      whole = { header, total, parts: Buffer.alloc(0) }
      if (total > maxPayloadBytes) throw new Error('above maxPayloadBytes')
      partial.set(header.call, whole)
    } else if (header.kind === 'Chunk') {
      whole = partial.get(header.call)
      if (whole === undefined) throw new Error('a part of a payload that never began')
    }
    if (whole === undefined) {
      if (body.length > maxPayloadBytes) throw new Error('above maxPayloadBytes')
      yield frame(header, body)
      continue
    }
    const part = header.flags === MORE ? body.subarray(8) : body
    whole.parts = Buffer.concat([whole.parts, part])
    if (whole.parts.length > whole.total || (part.length === 0 && whole.total > 0n))
      throw new Error('a part that does not fit its total length')
    if (BigInt(whole.parts.length) === whole.total) {
      partial.delete(header.call)
      yield frame(whole.header, whole.parts)
    }
  }
}

const frame = ({ kind, call, a, b }: Header, payload: Buffer): Frame => ({
  kind,
  call,
  a,
  b,
  payload: payload.toString('hex'),
})

/** bincode, as the page explains it. */
class ControlReader {
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(): unknown {
    const row = table('number', 'message', 'direction')[Number(this.#int())]
    if (row === undefined) throw new Error('no such message')
    const [, name, , fields] = row
    const message = this.#message(name!, fields!)
    if (this.#at !== this.#bytes.length) throw new Error('bytes behind the message')
    return message
  }

  #message(name: string, fields: string): unknown {
    if (fields === '') return name
    if (fields.startsWith('list of text'))
      return { [name]: Array.from({ length: this.#length() }, () => this.#text()) }
    if (fields.startsWith('list of call'))
      return { [name]: Array.from({ length: this.#length() }, () => Number(this.#int())) }
    if (fields.startsWith('list of place'))
      return { [name]: Array.from({ length: this.#length() }, () => this.#rule(fields)) }
    if (fields === 'bytes') return { [name]: [...this.#take(this.#length())] }
    const named = fields.replaceAll(/\(.*?\)/g, '').split(', ')
    const values = named.map((field): [string, unknown] => {
      const [key, type] = field.trim().split(' ')
      return [key!, type === 'text' ? this.#text() : Number(this.#int())]
    })
    const alone = ['Cancel', 'Expire', 'Began', 'Ping', 'Pong'].includes(name)
    return { [name]: alone ? values[0]![1] : Object.fromEntries(values) }
  }

  /** A place and the options of the command there, in the order in which the page names them. */
  #rule(fields: string): [number, object] {
    const place = Number(this.#int())
    const names = fields.slice(fields.indexOf(':')).match(/[a-z]+(_[a-z]+)*(?=,| \()/g) ?? []
    const options = names.map((name) => {
      const camel = name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
      if (this.#take(1)[0] === 0) return [camel, null]
      if (name === 'priority') return [camel, this.#take(1).readInt8()]
      if (name === 'idempotent') return [camel, this.#take(1)[0] === 1]
      return [camel, Number(this.#int())]
    })
    return [place, Object.fromEntries(options) as object]
  }

  #take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Error('bytes are missing')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  #int(): bigint {
    const first = this.#take(1)[0]!
    if (first < 251) return BigInt(first)
    const length = { 251: 2, 252: 4, 253: 8 }[first]
    if (length === undefined) throw new Error('no integer')
    const padded = Buffer.alloc(8)
    this.#take(length).copy(padded)
    return padded.readBigUInt64LE()
  }

  #length(): number {
    const length = Number(this.#int())
    if (length > this.#bytes.length) throw new Error('bytes are missing')
    return length
  }

  #text(): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#take(this.#length()))
  }
}

function readEvent(body: Buffer): { queue: string; topic: string; payload: string } {
  let at = 0
  const name = (): string => {
    const length = body.readUInt16LE(at)
    const end = at + 2 + length
    if (length > 255 || end > body.length) throw new Error('no name')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body.subarray(at + 2, end))
    at = end
    return text
  }
  return { queue: name(), topic: name(), payload: body.subarray(at).toString('hex') }
}

function readLink(value: string): object {
  const [form, parent, channel, ...descriptors] = value.split(' ')
  const counts = { pipe: [4], ring: [7, 10] }[channel ?? '']
  const numbers = [parent, ...descriptors].every((word) => /^\d+$/.test(word ?? ''))
  if (form !== '1' || !numbers || !counts?.includes(descriptors.length))
    throw new Error('no link')
  return { parent: Number(parent), channel, descriptors }
}

/** What a vector's text stands for. */
const valueOf = (text: string): unknown => new Function(`return (${text})`)()

const structured = resolveCodec('structured')

/** What an encoder writes, as it is on the wire. */
function written(encode: (out: Outgoing) => void): Buffer {
  const out = new Outgoing()
  encode(out)
  const wire = Buffer.alloc(out.payloadBytes())
  let end = out.bytes.copy(wire, 0, 0, out.position)
  for (const segment of out.segments) {
    end = alignSegment(end)
    wire.set(segment, end)
    end += segment.byteLength
  }
  return wire
}

test('headers say what the vectors have', (t) => {
  t.is(kinds.size, 8)
  for (const { name, hex, fields, error } of vectors.headers) {
    if (error === undefined) t.deepEqual({ ...readHeader(bytes(hex)) }, fields as never, name)
    else t.throws(() => readHeader(bytes(hex)), { message: error }, name)
  }
})

test('streams give the frames that the vectors have, and then the error', (t) => {
  for (const { name, hex, maxPayloadBytes, frames, error } of vectors.streams) {
    const read: Frame[] = []
    const readAll = (): void => {
      for (const frame of readStream(bytes(hex), maxPayloadBytes)) read.push(frame)
    }
    if (error === undefined) readAll()
    else t.throws(readAll, { message: new RegExp(error) }, name)
    t.deepEqual(read, frames, name)
  }
})

test('cuts add up to their payloads', (t) => {
  for (const { payloadBytes, frames } of vectors.cuts) {
    const long = frames.length > 1
    const sizes = frames.reduce((sum, { size }) => sum + size, 0)
    t.is(sizes, payloadBytes + (long ? 8 : 0))
    for (const [i, { kind, flags, size }] of frames.entries()) {
      t.is(flags, long && i === 0 ? MORE : 0)
      t.is(kind, i === 0 ? 'Result' : 'Chunk')
      t.true(size <= vectors.maxBodyBytes && (size > 0 || !long))
    }
  }
})

test('main bytes and segments lie as the encoder puts them', (t) => {
  for (const { name, parts, hex } of vectors.parts) {
    const [main = Buffer.alloc(0), ...segments] = parts.map(bytes)
    const wire = written((out) => {
      out.reserve(main.length)
      out.bytes.set(main, out.position)
      out.position += main.length
      // The codecs add none that is empty: such a part lies where the last one ends.
      for (const segment of segments) if (segment.length > 0) out.addSegment(segment)
    })
    t.is(wire.toString('hex'), hex, name)
  }
})

test('control messages say what the vectors have', (t) => {
  for (const { name, hex, message, error } of vectors.controls) {
    const read = (): unknown => new ControlReader(bytes(hex)).read()
    if (error) t.throws(read, undefined, name)
    else t.deepEqual(read(), message, name)
  }
})

test('events say what the vectors have', (t) => {
  for (const { name, hex, error, ...fields } of vectors.events) {
    if (error) t.throws(() => readEvent(bytes(hex)), undefined, name)
    else t.deepEqual({ name, ...readEvent(bytes(hex)) }, { name, ...fields } as never, name)
  }
})

test('failures are read as the vectors have them', (t) => {
  for (const { name, hex, json, causeValue } of vectors.failures) {
    const { facts, cause } = readFailure<object & { kind: number }>(bytes(hex), 0, hex.length / 2)
    t.deepEqual(facts, json as never, name)
    t.truthy(codeOfNumber[facts.kind], name)
    t.deepEqual(cause, causeValue === undefined ? undefined : valueOf(causeValue), name)
  }
})

test('the variable of a link says what the vectors have', (t) => {
  for (const { name, value, fields, error } of vectors.links) {
    if (error) t.throws(() => readLink(value), undefined, name)
    else t.deepEqual(readLink(value), fields, name)
  }
})

test('the built-in codec writes and reads the bytes of the vectors', (t) => {
  for (const { value, hex } of vectors.payloads) {
    const wire = written((out) => structured.encode(valueOf(value), out, 'result'))
    t.is(wire.toString('hex'), hex, value)
    const read = structured.decode(wire, 0, wire.length, false)
    t.is(difference(read, valueOf(value)), undefined, value)
  }
})

test('what is thrown is written and read as the vectors have it', (t) => {
  for (const { value, hex } of vectors.thrown) {
    const wire = written((out) => encodeThrown(valueOf(value), out, structured))
    t.is(wire.toString('hex'), hex, value)
    t.deepEqual(decodeThrown(wire, 0, wire.length, structured), valueOf(value), value)
  }
})
