import test from 'ava'
import { DEFAULT_CODEC_LIMITS } from '../../src/codec/limits.js'
import { Outgoing } from '../../src/codec/outgoing.js'
import { encodeStructured } from '../../src/codec/structured.js'
import * as tags from '../../src/codec/tags.js'
import { decoded, encoded, gather, roundTrip } from './round-trip.js'
import { difference } from './same-graph.js'

const upTo = (length: number, element: (i: number) => number): number[] => {
  const array: number[] = []
  for (let i = 0; i < length; i++) array.push(element(i))
  return array
}
const withLast = (array: number[], last: number): number[] => [...array.slice(0, -1), last]
const small = upTo(20, (i) => i)

/** What the value is written as: the tag of the whole payload. */
const tagOf = (value: unknown): number => encoded(value)[tags.HEADER_BYTES]!

const forms: [name: string, values: number[], tag: number][] = [
  ['what one byte holds', withLast(small, -128), tags.ARRAY_INT8],
  ['the largest of one byte', withLast(small, 127), tags.ARRAY_INT8],
  ['one more than a byte holds', withLast(small, 128), tags.ARRAY_INT16],
  ['one less than a byte holds', withLast(small, -129), tags.ARRAY_INT16],
  ['the least of two bytes', withLast(small, -0x8000), tags.ARRAY_INT16],
  ['the largest of two bytes', withLast(small, 0x7fff), tags.ARRAY_INT16],
  ['one more than two bytes hold', withLast(small, 0x8000), tags.ARRAY_INT32],
  ['one less than two bytes hold', withLast(small, -0x8001), tags.ARRAY_INT32],
  ['the least integer', withLast(small, -(2 ** 31)), tags.ARRAY_INT32],
  ['the largest integer', withLast(small, 2 ** 31 - 1), tags.ARRAY_INT32],
  ['fractions', upTo(20, (i) => i + 0.5), tags.ARRAY_FLOAT64],
  ['fractions after integers', upTo(40, (i) => (i < 10 ? i : i + 0.25)), tags.ARRAY_FLOAT64],
  ['NaN and infinities', upTo(20, (i) => [NaN, Infinity, -Infinity][i % 3]!), tags.ARRAY_FLOAT64],
  ['few fractions among integers', withLast(small, 0.5), tags.ARRAY],
  ['a negative zero', withLast(small, -0), tags.ARRAY],
  ['too few', upTo(tags.SHORT_ARRAY_LIMIT - 1, (i) => i), tags.SHORT_ARRAY | 15],
  ['just enough', upTo(tags.SHORT_ARRAY_LIMIT, (i) => i), tags.ARRAY_INT8],
  ['so many that they are listed otherwise', upTo(300, (i) => i), tags.ARRAY_INT16],
  ['more than are copied at once', upTo(5000, (i) => i * 1e5), tags.ARRAY_INT32],
  ['many fractions', upTo(5000, (i) => i + 0.1), tags.ARRAY_FLOAT64],
]

for (const [name, values, tag] of forms) {
  test(`numbers: ${name}`, (t) => {
    t.is(tagOf(values), tag)
    t.is(difference(structuredClone(values), roundTrip(values)), undefined)
  })
}

test('what is no number may be anywhere among them', (t) => {
  for (const length of [20, 300]) {
    for (const numbers of [upTo(length, (i) => i), upTo(length, (i) => i + 0.5)]) {
      for (const odd of ['text', undefined, null, 5n, { a: 1 }, [1], true]) {
        for (const at of [0, 1, length - 1]) {
          const mixed: unknown[] = [...numbers]
          mixed[at] = odd
          t.is(difference(structuredClone(mixed), roundTrip(mixed)), undefined)
        }
      }
    }
  }
})

test('holes and other keys are kept, however long the array', (t) => {
  for (const length of [20, 300]) {
    for (const numbers of [upTo(length, (i) => i), upTo(length, (i) => i + 0.5)]) {
      const holes = [...numbers]
      delete holes[length - 1]
      delete holes[3]
      const keyed = Object.assign([...numbers], { extra: 'text' })
      // As many keys as elements.
      const both = Object.assign([...numbers], { extra: 1 })
      delete both[5]
      for (const odd of [holes, keyed, both]) {
        t.is(difference(structuredClone(odd), roundTrip(odd)), undefined)
      }
    }
  }
})

test('a getter among the elements runs once', (t) => {
  for (const length of [20, 300]) {
    for (const value of [7, 0.5, 'text']) {
      let runs = 0
      const array: unknown[] = upTo(length, (i) => i)
      Object.defineProperty(array, 9, {
        get: () => (runs++, value),
        enumerable: true,
        configurable: true,
      })
      t.is((roundTrip(array) as unknown[])[9], value)
      t.is(runs, 1)
    }
  }
})

test('a getter that throws among numbers is told with its place', (t) => {
  const array = upTo(20, (i) => i)
  Object.defineProperty(array, 9, {
    get() {
      throw new Error('no')
    },
    enumerable: true,
    configurable: true,
  })
  t.throws(() => encoded([1, array], { root: 'args' }), { message: /^args\[1\]\[9\] / })
})

test('a getter among numbers can encode another message meanwhile', (t) => {
  const array: unknown[] = upTo(20, (i) => i)
  let inner: unknown
  Object.defineProperty(array, 9, {
    get: () => ((inner = roundTrip(upTo(30, (i) => i + 0.5))), 1.5),
    enumerable: true,
    configurable: true,
  })
  const expected: unknown[] = upTo(20, (i) => i)
  expected[9] = 1.5
  t.deepEqual(roundTrip(array), expected)
  t.deepEqual(
    inner,
    upTo(30, (i) => i + 0.5),
  )
})

test('numbers that fit only in their narrowest form are not refused', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, maxPayloadBytes: 1000 }
  const mixed = upTo(300, (i) => (i < 290 ? i % 100 : 0.5))
  for (const fitting of [upTo(900, (i) => i % 100), upTo(240, (i) => i * 1e6), mixed]) {
    t.deepEqual(roundTrip(fitting, { limits }), fitting)
  }
  for (const tooLarge of [upTo(1000, (i) => i % 100), upTo(130, (i) => i + 0.5)]) {
    t.throws(() => encoded(tooLarge, { limits }), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
  }
})

test('numbers that are written anew move with the bytes that grow under them', (t) => {
  const values = upTo(400, (i) => (i < 200 ? i : i + 0.5))
  const out = new Outgoing({ initialBytes: 64 })
  encodeStructured(['before', values, 'after'], out, DEFAULT_CODEC_LIMITS)
  t.deepEqual(decoded(gather(out)), ['before', values, 'after'])
})

test('an array of numbers that comes twice is one', (t) => {
  const values = upTo(20, (i) => i)
  const got = roundTrip([values, values, { values }]) as [unknown, unknown, { values: unknown }]
  t.is(got[0], got[1])
  t.is(got[2].values, got[0])
})
