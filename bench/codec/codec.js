// Nanoseconds each way of the built-in codec beside JSON and v8.serialize, for the values that calls are made of.
//
//   npm run build && node bench/codec/codec.js          the compiled package
//   node --import tsx bench/codec/codec.js              the sources
//   … codec.js nested Buffer                            only the lines whose name has one of these words
//
// Rounds of the codecs are interleaved and short; the tenth percentile of the rounds is shown, which what else runs
// on the machine moves least. A codec that does not give the value back is reported, not timed.

import { cpus } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import v8 from 'node:v8'
import { nestedObject, randomBytes, smallObject } from '../payloads.js'

const ROUNDS = 150
const ROUND_MS = 1
const WARM_UP_MS = 200

const from = process.execArgv.join(' ').includes('tsx') ? ['src', 'ts'] : ['dist', 'js']
const load = (name) => import(`../../${from[0]}/codec/${name}.${from[1]}`)
const { Outgoing } = await load('outgoing')
const { encodeStructured, decodeStructured } = await load('structured')
const { DEFAULT_CODEC_LIMITS: limits } = await load('limits')

const out = new Outgoing()

// Both sides of ours leave the bytes where the native half would take them: segments are copied behind the main
// bytes, as into the ring.
const wire = Buffer.allocUnsafeSlow(4 * 1024 * 1024)
function gather() {
  let end = out.position
  out.bytes.copy(wire, 0, 0, end)
  for (const segment of out.segments) {
    end = Math.ceil(end / 8) * 8
    wire.set(segment, end)
    end += segment.byteLength
  }
  return end
}

const codecs = {
  structured: {
    encode(value) {
      out.reset()
      encodeStructured(value, out, limits, 'args')
      return out.position
    },
    prepare: () => gather(),
    decode: (end) => decodeStructured(wire, 0, end, limits, false),
  },
  json: {
    encode: (value) => wire.utf8Write(JSON.stringify(value), 0),
    prepare: (length) => Buffer.from(wire.subarray(0, length)),
    decode: (bytes) => JSON.parse(bytes.utf8Slice(0, bytes.length)),
  },
  v8: {
    encode: (value) => v8.serialize(value),
    prepare: (bytes) => bytes,
    decode: (bytes) => v8.deserialize(bytes),
  },
}

let turn = 0
const values = {
  "['add', [k, 2]]": () => ['add', [turn++ & 0xfff, 2]],
  '[1, 2]': () => [turn++ & 0xff, 2],
  '[{ id, name, tags, ok }]': () => [smallObject(turn++ & 0xff)],
  '[class instance]': () => [new Point(turn++, 1.5)],
  '[string of 64]': () => ['x'.repeat(64)],
  '[string of 1,000, accents]': () => ['é'.repeat(1000)],
  '[1,000 numbers]': () => [Array.from({ length: 1000 }, (_, i) => i * 7)],
  '[1,000 floats]': () => [Array.from({ length: 1000 }, (_, i) => i * 1.1)],
  '[dictionary of 200]': () => [
    Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key-${turn}-${i}`, i])),
  ],
  '[Map of 20, Date, Error]': () => [
    new Map(Array.from({ length: 20 }, (_, i) => [i, `value ${i}`])),
    new Date(0),
  ],
  '[10 KB nested]': () => [nestedObject(turn++ & 0xff)],
  '[Buffer of 64]': () => [randomBytes(64, 1)],
  '[Float64Array of 1,000]': () => [new Float64Array(1000).fill(1.5)],
  '[Buffer of 512 KiB]': () => [randomBytes(512 * 1024, 1)],
}

class Point {
  constructor(x, y) {
    this.x = x
    this.y = y
  }
}

function time(run, milliseconds) {
  const begin = process.hrtime.bigint()
  const until = begin + BigInt(milliseconds * 1e6)
  let count = 0
  let now
  do {
    for (let i = 0; i < 16; i++) run(i)
    count += 16
    now = process.hrtime.bigint()
  } while (now < until)
  return Number(now - begin) / count
}

const lowDecile = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 10)]
const cell = (nanoseconds) =>
  (nanoseconds === undefined
    ? '–'
    : (nanoseconds / 1000).toFixed(nanoseconds < 1e4 ? 3 : 1)
  ).padStart(10)

console.log(
  `node ${process.version}, ${cpus()[0]?.model}, ${from[0]}; microseconds, encode | decode`,
)
console.log(''.padEnd(28), ...Object.keys(codecs).map((name) => name.padStart(21)))
const wanted = process.argv.slice(2)
for (const [name, make] of Object.entries(values)) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue
  const samples = Array.from({ length: 16 }, make)
  const results = new Map()
  for (const [codec, { encode, prepare, decode }] of Object.entries(codecs)) {
    const encoded = samples.map((sample) => prepare(encode(sample)))
    const [last] = encoded.slice(-1)
    const same = isDeepStrictEqual(toPlain(decode(last)), toPlain(structuredClone(samples[15])))
    results.set(codec, { same, encodes: [], decodes: [] })
  }
  for (let round = -1; round < ROUNDS; round++) {
    for (const [codec, { encode, decode, prepare }] of Object.entries(codecs)) {
      const result = results.get(codec)
      if (!result.same) continue
      const length = round < 0 ? WARM_UP_MS : ROUND_MS
      const encoding = time((i) => encode(samples[i]), length)
      const input = prepare(encode(samples[0]))
      const decoding = time(() => decode(input), length)
      if (round < 0) continue
      result.encodes.push(encoding)
      result.decodes.push(decoding)
    }
  }
  const line = [...results.values()].map(({ same, encodes, decodes }) =>
    same ? `${cell(lowDecile(encodes))}|${cell(lowDecile(decodes))}` : 'another value'.padStart(21),
  )
  console.log(name.padEnd(28), ...line)
}

// structuredClone makes a Uint8Array of a Buffer; that difference is wanted.
function toPlain(value) {
  return Array.isArray(value)
    ? value.map((item) => (Buffer.isBuffer(item) ? new Uint8Array(item) : item))
    : value
}
