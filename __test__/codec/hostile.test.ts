import { memoryUsage } from 'node:process'
import test from 'ava'
import { PlumpSerializationError } from '../../src/errors.js'
import { DEFAULT_CODEC_LIMITS } from '../../src/codec/limits.js'
import * as tags from '../../src/codec/tags.js'
import { decodeStructured } from '../../src/codec/structured.js'
import { decoded, encoded } from './round-trip.js'

const MUTATIONS = 40_000

/** A seeded generator (mulberry32), so that a failure can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const shared = { a: 1 }
const { buffer } = new Uint8Array(64)
const samples: Buffer[] = [
  ['add', [1, 2]],
  [
    { id: 1, name: 'item', tags: ['a', 'b'], ok: true },
    { id: 2, name: 'é', tags: [], ok: false },
  ],
  [shared, shared, new Map([[shared, new Set([shared])]]), new Date(0), /x/g, Object(5n)],
  [1.5, -1, 300, 70_000, -0, 2n ** 70n, -5n, '\ud800', '中文', 'long '.repeat(20), undefined, null],
  [new TypeError('text', { cause: new RangeError('inner') }), new Error()],
  [
    new Uint8Array(buffer, 8, 8),
    new Float64Array(buffer, 8, 4),
    Buffer.from('abc'),
    new ArrayBuffer(20),
    new DataView(buffer),
  ],
  [new Uint8Array(20_000), 'text', new Float64Array(3000).buffer],
  Object.assign([1, , 3], { extra: { b: 1 } }), // eslint-disable-line no-sparse-arrays
  Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key${i}`, i])),
  [
    Array.from({ length: 20 }, (_, i) => i),
    Array.from({ length: 20 }, (_, i) => i * 1000),
    Array.from({ length: 20 }, (_, i) => i * 100_000),
    Array.from({ length: 20 }, (_, i) => i + 0.5),
  ],
  JSON.parse('{ "__proto__": { "polluted": 1 }, "constructor": 2 }') as unknown,
].map((value) => encoded(value))

test('mutated payloads are decoded or refused by code, and nothing else happens', (t) => {
  const random = randomFrom(7)
  const outcomes = { values: 0, refusals: 0 }
  const before = memoryUsage().rss
  for (let i = 0; i < MUTATIONS; i++) {
    const wire = mutated(samples[i % samples.length]!, random)
    try {
      decoded(wire, { owned: i % 3 === 0, offset: i % 16 })
      outcomes.values++
    } catch (error) {
      if (!(error instanceof PlumpSerializationError) || error.code !== 'ERR_PLUMP_DECODE') {
        t.log(wire.toString('hex'))
        throw error
      }
      outcomes.refusals++
    }
  }
  t.log(outcomes)
  t.true(outcomes.values > 0 && outcomes.refusals > MUTATIONS / 10)
  t.true(memoryUsage().rss - before < 1024 ** 3)
  t.is(({} as Record<string, unknown>)['polluted'], undefined)
  t.deepEqual(Object.keys(Object.prototype), [])
})

function mutated(sample: Buffer, random: (below: number) => number): Buffer {
  let wire = Buffer.from(sample)
  for (let left = 1 + random(4); left > 0; left--) {
    const at = random(Math.min(wire.length, 400))
    switch (random(6)) {
      case 0:
        wire[at] = random(256)
        break
      case 1:
        wire[at]! ^= 1 << random(8)
        break
      case 2:
        wire = Buffer.from(wire.subarray(0, at))
        break
      case 3:
        wire = Buffer.concat([wire.subarray(0, at), wire.subarray(random(at + 1))])
        break
      case 4:
        wire.fill(0xff, at, Math.min(at + 1 + random(8), wire.length))
        break
      default:
        wire[at] = 0xb0 + random(0x21)
    }
    if (wire.length === 0) break
  }
  return wire
}

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))]
/** A payload of these bytes of value; `trailer` follows it. */
const payload = (value: number[], trailer?: number[], flags = 0): Buffer => {
  const head = Buffer.alloc(tags.HEADER_BYTES)
  head[0] = flags
  if (trailer !== undefined) head.writeUInt32LE(head.length + value.length, 1)
  return Buffer.from([...head, ...value, ...(trailer ?? [])])
}
const HUGE = varint(2 ** 52)
const shape = (keys: number[]): number[] => [1, 1, 2, 3, 4, ...varint(keys.length), ...keys]
const ascii = (text: string): number[] => [tags.SHORT_STRING | text.length, ...Buffer.from(text)]

const bombs: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  'a head alone': Buffer.alloc(tags.HEADER_BYTES),
  'an array of 2^52': payload([tags.ARRAY, ...HUGE, 1]),
  'integers of one byte, 2^52': payload([tags.ARRAY_INT8, ...HUGE, 1]),
  'integers of two bytes, 2^52': payload([tags.ARRAY_INT16, ...HUGE, 1, 1]),
  'integers of four bytes, 2^52': payload([tags.ARRAY_INT32, ...HUGE, 1, 1, 1, 1]),
  'numbers of eight bytes, 2^52': payload([tags.ARRAY_FLOAT64, ...HUGE, 1, 1, 1, 1, 1, 1, 1, 1]),
  'an integer that ends too early': payload([tags.ARRAY_INT32, 2, 1, 1, 1, 1, 1, 1, 1]),
  'a number that ends too early': payload([tags.ARRAY_FLOAT64, 1, 1, 1, 1, 1, 1, 1, 1]),
  'a map of 2^52': payload([tags.MAP, ...HUGE, 1, 1]),
  'a set of 2^52': payload([tags.SET, ...HUGE, 1]),
  'a bigint of 2^52 bytes': payload([tags.BIGINT, 0, ...HUGE, 1]),
  'a string of 4 GiB': payload([tags.STRING_LATIN1, 0xff, 0xff, 0xff, 0xff, 1]),
  'a UTF-16 string of 4 GiB': payload([tags.STRING_UTF16, 0xfe, 0xff, 0xff, 0xff, 1]),
  'half a UTF-16 character': payload([tags.STRING_UTF16, 3, 0, 0, 0, 1, 1, 1]),
  'a number without end': payload([tags.REFERENCE, ...new Array<number>(20).fill(0xff)]),
  'an array longer than arrays can be': payload([tags.ARRAY_KEYED, ...varint(2 ** 32), tags.END]),
  'an index beyond the length': payload([tags.ARRAY_KEYED, 2, 5, 1, tags.END]),
  'a fractional index': payload([
    tags.ARRAY_KEYED,
    2,
    tags.FLOAT64,
    0,
    0,
    0,
    0,
    0,
    0,
    0xe0,
    0x3f,
    1,
    tags.END,
  ]),
  'length as a key': payload([tags.ARRAY_KEYED, 2, ...ascii('length'), 1, tags.END]),
  'an index as text': payload([tags.ARRAY_KEYED, 2, ...ascii('1'), 1, tags.END]),
  'an array as a key': payload([tags.ARRAY_KEYED, 2, tags.SHORT_ARRAY, 1, tags.END]),
  'a list that does not end': payload([tags.ARRAY_KEYED, 2, 1, 1]),
  'an end alone': payload([tags.END]),
  'an unknown tag': payload([0xff]),
  'unknown flags': payload([1], undefined, 0x80),
  'a reference to nothing': payload([tags.REFERENCE, 0], undefined, tags.FLAG_REFERENCES),
  'a reference to what comes later': payload(
    [tags.SHORT_ARRAY | 1, tags.REFERENCE, 1],
    undefined,
    tags.FLAG_REFERENCES,
  ),
  'references without the flag': payload([tags.SHORT_ARRAY | 1, tags.REFERENCE, 0]),
  'an object without a shape': payload([tags.OBJECT, 0, 0]),
  'an object with the shape of an earlier message': payload([tags.OBJECT, 0, 0], [0]),
  '2^52 shapes': payload([1], [...HUGE]),
  'a shape of 2^52 bytes': payload([tags.OBJECT, 0, 0, 1], [1, 0, 0, 0, 0, ...HUGE]),
  'a shape of 2^52 keys': payload([tags.OBJECT, 0, 0, 1], shape([...HUGE])),
  'a shape whose key is no string': payload([tags.OBJECT, 0, 0, 1], shape([1, 5])),
  'a shape with bytes left over': payload([tags.OBJECT, 0, 0, 1], shape([1, ...ascii('a'), 0])),
  'a trailer inside the head': (() => {
    const wire = payload([1])
    wire.writeUInt32LE(3, 1)
    return wire
  })(),
  'a trailer beyond the end': (() => {
    const wire = payload([1])
    wire.writeUInt32LE(0xfffffff0, 1)
    return wire
  })(),
  'bytes left over': payload([1, 1]),
  'an error without a class': payload([tags.ERROR, 200, 0]),
  'an error whose message is no string': payload([tags.ERROR, 0, tags.ERROR_MESSAGE, 5]),
  'a boxed object': payload([tags.BOXED, tags.SHORT_ARRAY]),
  'a hostile pattern': payload([tags.REGEXP, ...ascii('('), ...ascii('')]),
  'unknown pattern flags': payload([tags.REGEXP, ...ascii('a'), ...ascii('gg')]),
  'buffers without a trailer': payload([1], undefined, tags.FLAG_BUFFERS),
  'a view without regions': payload([tags.VIEW], [0, 0, 1, 4, 0, 0, 1], tags.FLAG_BUFFERS),
  'a region of 2^52 bytes': payload(
    [tags.VIEW],
    [0, 1, 0, ...HUGE, 1, 1, 0, 0, 1],
    tags.FLAG_BUFFERS,
  ),
  'a segment of 2^52 bytes': payload(
    [tags.VIEW],
    [0, 1, tags.REGION_SEGMENT, ...HUGE, 1, 4, 0, 0, 1],
    tags.FLAG_BUFFERS,
  ),
  'a resizable buffer of 2^52 bytes': payload(
    [tags.VIEW],
    [0, 1, tags.REGION_RESIZABLE, 1, ...HUGE, 9, 1, 0, 0, 0, 1],
    tags.FLAG_BUFFERS,
  ),
  'a view beyond its region': payload(
    [tags.VIEW],
    [0, 1, 0, 2, 9, 9, 1, 4, 0, 1, 2],
    tags.FLAG_BUFFERS,
  ),
  'a view of 2^52 bytes': payload(
    [tags.VIEW],
    [0, 1, 0, 2, 9, 9, 1, 4, 0, 0, ...HUGE],
    tags.FLAG_BUFFERS,
  ),
  'a view that ends inside an element': payload(
    [tags.VIEW],
    [0, 1, 0, 3, 9, 9, 9, 1, 6, 0, 0, 3],
    tags.FLAG_BUFFERS,
  ),
  'a view at an odd address': payload(
    [tags.VIEW],
    [0, 1, 0, 3, 9, 9, 9, 1, 6, 0, 1, 2],
    tags.FLAG_BUFFERS,
  ),
  'a view of no class': payload([tags.VIEW], [0, 1, 0, 1, 9, 1, 90, 0, 0, 1], tags.FLAG_BUFFERS),
  'a view that follows a fixed buffer': payload(
    [tags.VIEW],
    [0, 1, 0, 1, 9, 1, 4 | tags.VIEW_TRACKING, 0, 0, 1],
    tags.FLAG_BUFFERS,
  ),
  'part of an ArrayBuffer': payload(
    [tags.VIEW],
    [0, 1, 0, 2, 9, 9, 1, 0, 0, 0, 1],
    tags.FLAG_BUFFERS,
  ),
  'a view that nobody shows': payload([1], [0, 1, 0, 1, 9, 1, 4, 0, 0, 1], tags.FLAG_BUFFERS),
  'nesting of 100,000 arrays': payload(new Array<number>(100_000).fill(tags.SHORT_ARRAY | 1)),
  'nesting of 100,000 sets': payload(
    Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? tags.SET : 1)),
  ),
  'nesting of 100,000 maps': payload(
    Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? tags.MAP : 1)),
  ),
  'nesting of 100,000 causes': payload(
    Array.from({ length: 300_000 }, (_, i) => [tags.ERROR, 0, tags.ERROR_CAUSE][i % 3]!),
  ),
  'nesting of 100,000 boxes': payload(new Array<number>(100_000).fill(tags.BOXED)),
}

for (const [name, wire] of Object.entries(bombs)) {
  test(`refused by code: ${name}`, (t) => {
    for (const owned of [false, true]) {
      t.throws(() => decoded(wire, { owned }), {
        instanceOf: PlumpSerializationError,
        code: 'ERR_PLUMP_DECODE',
      })
    }
    t.deepEqual(decoded(samples[0]!), ['add', [1, 2]])
  })
}

test('bounds that are none are refused by code', (t) => {
  const wire = samples[0]!
  for (const [start, end] of [
    [-1, 5],
    [0, wire.length + 1],
    [5, 2],
    [NaN, 5],
    [0, NaN],
    [wire.length, wire.length],
  ]) {
    t.throws(() => decodeStructured(wire, start!, end!, DEFAULT_CODEC_LIMITS, false), {
      code: 'ERR_PLUMP_DECODE',
    })
  }
})

test('a hundred thousand views of nothing take no longer than their bytes', (t) => {
  const count = 100_000
  const regions = [
    ...varint(count),
    ...Array.from({ length: count }, () => [tags.REGION_SEGMENT, 0]).flat(),
  ]
  const views = [
    ...varint(count),
    ...Array.from({ length: count }, (_, i) => [1, ...varint(i), 0, 0]).flat(),
  ]
  const value = [tags.ARRAY, ...varint(count), ...new Array<number>(count).fill(tags.VIEW)]
  const wire = payload(value, [0, ...regions, ...views], tags.FLAG_BUFFERS)
  // So that the segments begin at no multiple of 8.
  for (const end of [0, 3]) {
    const padded = Buffer.concat([wire, Buffer.alloc((8 - (wire.length % 8)) % 8)])
    t.is((decoded(padded, { owned: true, offset: end }) as unknown[]).length, count)
  }
})

test('a sparse array is as large as what is in it, whatever its length says', (t) => {
  const before = memoryUsage()
  const one = payload([tags.ARRAY_KEYED, ...varint(30_000_000), 5, 1, tags.END])
  const kept: unknown[] = []
  for (let i = 0; i < 50; i++) kept.push(decoded(one))
  t.is((kept[0] as unknown[]).length, 30_000_000)
  t.is((kept[0] as unknown[])[5], 1)
  t.true(memoryUsage().heapUsed - before.heapUsed < 100 * 1024 ** 2)
})

test('a key reaches no prototype', (t) => {
  const value = decoded(samples.at(-1)!) as Record<string, unknown>
  t.is(Object.getPrototypeOf(value), Object.prototype)
  t.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
  const array = decoded(
    payload([tags.ARRAY_KEYED, 0, ...ascii('__proto__'), tags.SHORT_ARRAY, tags.END]),
  ) as unknown[]
  t.is(Object.getPrototypeOf(array), Array.prototype)
})

test('a lying hash gives no other object its keys', (t) => {
  const forged = encoded({ first: 1 })
  const trailer = forged.readUInt32LE(1)
  const other = encoded({ other: 1 })
  // The hash of `first` over the keys of `other`: both sit in one place of the receiver's cache.
  forged.copy(other, other.readUInt32LE(1) + 1, trailer + 1, trailer + 5)
  t.deepEqual(
    [decoded(other), decoded(forged), decoded(other)],
    [{ other: 1 }, { first: 1 }, { other: 1 }],
  )
})
