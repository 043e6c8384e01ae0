import { Blob, File } from 'node:buffer'
import { createSecretKey } from 'node:crypto'
import { open } from 'node:fs/promises'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { PlumpSerializationError } from '../../src/errors.js'
import { DEFAULT_CODEC_LIMITS, type PayloadRoot } from '../../src/codec/limits.js'
import { Outgoing } from '../../src/codec/outgoing.js'
import { OBJECT_WIDE } from '../../src/codec/tags.js'
import { decodeStructured, encoderCounts, encodeStructured } from '../../src/codec/structured.js'
import { encoded, gather, roundTrip } from './round-trip.js'
import { difference } from './same-graph.js'

class Point {
  x = 1
  #hidden = 2
  get sum(): number {
    return this.x + this.#hidden
  }
}
class NamedError extends Error {
  override name = 'NamedError'
  code = 'E_NAMED'
}
class List extends Array<number> {}

const make = <T>(value: T, change: (value: T) => void): T => {
  change(value)
  return value
}
const error = (change: (error: Error & Record<string, unknown>) => void): Error =>
  make(new Error('m') as Error & Record<string, unknown>, change)

/** Values that must arrive exactly as structuredClone() gives them. */
const cloned: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  booleans: () => [true, false],
  'small integers': () => [0, 1, 63, 127, 128, 255, 256, -1, -128, -129],
  'integers at the limits of their forms': () =>
    [7, 8, 15, 16, 31, 32, 53].flatMap((bits) => [
      2 ** bits - 1,
      2 ** bits,
      -(2 ** bits),
      -(2 ** bits) - 1,
    ]),
  'special numbers': () => [-0, NaN, Infinity, -Infinity, 5e-324, 1.5, Number.MAX_VALUE],
  'strings of every length up to 70': () => Array.from({ length: 70 }, (_, i) => 'x'.repeat(i)),
  'strings in other alphabets': () => [
    'é'.repeat(40_000),
    'é'.repeat(40_000) + 'Ж',
    'xé'.repeat(20),
    'a'.repeat(40) + 'Ж',
    'é',
    'ÿ',
    'Ā',
    'ß'.repeat(40),
    '中文'.repeat(30),
    '🎉',
    'a🎉'.repeat(50),
  ],
  'lone surrogates': () => ['\ud800', 'a\udfff', '\udc00\ud800', `${'x'.repeat(100)}\ud800`],
  'a string with zero bytes': () => 'a\0b\0',
  'a long string': () => 'long '.repeat(100_000),
  'a long string of two-byte characters': () => 'Ж中'.repeat(50_000),
  'long strings with lone surrogates': () => [
    'a\ud800'.repeat(40_000),
    `${'a'.repeat(70_000)}\ud800`,
  ],
  bigints: () => [
    0n,
    1n,
    -1n,
    2n ** 63n - 1n,
    2n ** 63n,
    -(2n ** 63n),
    -(2n ** 63n) - 1n,
    2n ** 64n,
    1n << 5000n,
    -(3n ** 999n),
  ],
  'boxed primitives': () => [
    Object(1),
    Object(-0),
    Object('text'),
    Object(true),
    Object(false),
    Object(7n),
    Object(''),
  ],
  dates: () => [new Date(0), new Date(-1.5e12), new Date(NaN), new Date(8.64e15)],
  'regular expressions': () => [
    /a/,
    /[\u{1F600}]/giu,
    new RegExp(''),
    /\//y,
    make(/x/g, (re) => (re.lastIndex = 3)),
  ],
  'an empty array': () => [],
  'a dense array': () => Array.from({ length: 5000 }, (_, i) => i),
  'a hole': () => [1, , 3], // eslint-disable-line no-sparse-arrays
  'only holes': () => new Array(3),
  'a hole and an extra property, so that the counts agree': () =>
    make([1, , 3] as unknown[], (a) => Object.assign(a, { extra: 2 })), // eslint-disable-line no-sparse-arrays
  'a hole and an extra property in a long array': () =>
    make(new Array<unknown>(6000).fill(0), (a) => {
      delete a[10]
      Object.assign(a, { extra: 2 })
    }),
  'a very long sparse array': () => make([] as number[], (a) => (a[4_000_000_000] = 1)),
  'the longest array': () => make([] as number[], (a) => (a.length = 2 ** 32 - 1)),
  'extra properties': () =>
    make([1, 2], (a) =>
      Object.assign(a, { name: 'x', '-1': 1, '01': 2, '4294967295': 3, __proto__: null }),
    ),
  'an own length-like match': () => 'abc'.match(/(?<letter>b)/),
  'a getter in an array': () =>
    make([1, 2, 3], (a) => Object.defineProperty(a, 1, { get: () => 7, enumerable: true })),
  'a hidden element': () =>
    make([1, 2, 3], (a) => Object.defineProperty(a, 1, { value: 7, enumerable: false })),
  'an array of a class of its own': () => List.from([1, 2]),
  'an array with inherited elements': () =>
    Object.setPrototypeOf([1, , 3], { 1: 'no', __proto__: Array.prototype }), // eslint-disable-line no-sparse-arrays
  'plain objects': () => ({ a: 1, b: { c: 'x' }, d: [] }),
  'an empty object': () => ({}),
  'many objects of a few shapes': () =>
    Array.from({ length: 500 }, (_, i) =>
      i % 3 === 0 ? { id: i } : { id: i, name: `n${i}`, tags: ['a'] },
    ),
  'integer-like keys': () => ({ b: 1, 2: 'two', a: 2, 1: 'one', '-1': 3, '01': 4, 4294967295: 5 }),
  'keys that are on Object.prototype': () => ({
    constructor: 1,
    toString: 2,
    valueOf: 3,
    hasOwnProperty: 4,
  }),
  'an own __proto__': () => JSON.parse('{ "__proto__": { "polluted": true }, "a": 1 }') as unknown,
  'an own __proto__ in a dictionary': () =>
    Object.defineProperty(
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i])),
      '__proto__',
      {
        value: { polluted: true },
        enumerable: true,
        configurable: true,
        writable: true,
      },
    ) as unknown,
  'odd keys': () => ({ '': 1, ' ': 2, é: 3, '\ud800': 4, ['k'.repeat(5000)]: 5 }),
  'a dictionary': () =>
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, { i }])),
  'an object without prototype': () => Object.assign(Object.create(null) as object, { a: 1 }),
  'a class instance': () => new Point(),
  'an inherited property': () =>
    Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } }) as unknown,
  'hidden properties and symbols': () =>
    Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', {
      value: 3,
      enumerable: false,
    }) as unknown,
  'an object made by a constructor function in another realm': () =>
    runInNewContext('({ a: [1], d: new Date(5), m: new Map([[1, 2]]) })') as unknown,
  'Math and JSON': () => [Math, JSON],
  'what only inherits from Map, Date and so on': () =>
    [Map, Date, RegExp, Error].map((c) => Object.create(c.prototype as object) as object),
  'a Map behind Object.prototype': () =>
    Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype) as unknown,
  'a Date without prototype': () => Object.setPrototypeOf(new Date(7), null) as unknown,
  'Maps and Sets': () => [
    new Map<unknown, unknown>([
      [{ k: 1 }, new Set([1, 'a', NaN])],
      [NaN, -0],
      [undefined, null],
    ]),
    new Map(),
    new Set(),
  ],
  'extra properties where they are dropped': () =>
    [new Map(), new Set(), new Date(0), /x/, Object('abc') as object, new ArrayBuffer(1)].map((o) =>
      Object.assign(o, { extra: 1 }),
    ),
  cycles: () =>
    make({ list: [] as unknown[] } as Record<string, unknown>, (o) => {
      o['self'] = o
      ;(o['list'] as unknown[]).push(o, o['list'])
    }),
  'a Map and a Set that contain themselves': () => {
    const map = new Map<unknown, unknown>()
    const set = new Set<unknown>([map])
    map.set(map, set).set('set', set)
    return set.add(set)
  },
  'shared references': () => {
    const shared = { a: 1 }
    const date = new Date(0)
    return [
      shared,
      [shared],
      { shared },
      date,
      date,
      new Map([[shared, shared]]),
      Object(5),
      [1, 2],
    ]
  },
  'shared references among hundreds of objects': () => {
    const all: object[] = Array.from({ length: 300 }, (_, i) => ({ i }))
    return all.map((o, i) => ({ o, next: all[(i * 7) % 300], previous: all[i - 1] }))
  },
  'frozen objects': () => Object.freeze({ a: Object.freeze([1, 2]) }),
  errors: () =>
    [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(
      (c) => new c('text'),
    ),
  'an error without message': () => new Error(),
  'an error with an empty message': () => new TypeError(''),
  'an error with a cause': () =>
    new Error('outer', { cause: new TypeError('inner', { cause: { a: 1 } }) }),
  'an error with an undefined cause': () => new Error('outer', { cause: undefined }),
  'an error of a class of its own': () => new NamedError('text'),
  'an error that is named as another class': () => error((e) => (e.name = 'RangeError')),
  'an AggregateError': () => new AggregateError([new Error('a')], 'text'),
  'an error without stack': () => error((e) => (e.stack = undefined as unknown as string)),
  'an error whose stack is no text': () => error((e) => (e.stack = 5 as unknown as string)),
  'an error whose message is no text': () =>
    error((e) => (e.message = { toString: () => 'made' } as unknown as string)),
  'an error whose message and cause are getters': () =>
    error((e) => {
      Object.defineProperty(e, 'message', { get: () => 'no' })
      Object.defineProperty(e, 'cause', { get: () => 'no' })
    }),
  'a DOMException, as this Node has it': () => new DOMException('text', 'AbortError'),
  'an ArrayBuffer': () => new Uint8Array([1, 2, 3]).buffer,
  'an empty ArrayBuffer': () => new ArrayBuffer(0),
  'a large ArrayBuffer': () => new Uint8Array(100_000).fill(7).buffer,
  'every typed array': () =>
    [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
    ].map((c) => c.from([1, 2, 255])),
  'typed arrays of bigints': () => [
    BigInt64Array.from([-1n, 2n]),
    BigUint64Array.from([1n, 2n ** 64n - 1n]),
  ],
  'a DataView': () => new DataView(new Uint8Array([1, 2, 3]).buffer),
  'a view of a class of its own, and with properties': () =>
    Object.assign(new (class extends Uint8Array {})(3), { extra: 1 }),
  'an empty view': () => new Float64Array(0),
  'a view together with its ArrayBuffer': () => {
    const { buffer } = Uint8Array.from({ length: 64 }, (_, i) => i)
    return [new Uint16Array(buffer, 8, 4), buffer, new Uint8Array(buffer), new DataView(buffer, 3)]
  },
  'large views of one large ArrayBuffer': () => {
    const { buffer } = new Uint8Array(200_000).fill(3)
    return { a: new Float64Array(buffer, 8, 10_000), buffer, b: new Uint8Array(buffer, 1) }
  },
  'memory of WebAssembly, whose bytes are cloned': () =>
    new WebAssembly.Memory({ initial: 1 }).buffer,
  'process.env': () => process.env,
  'a getter that removes and adds properties': () => ({
    get a() {
      Reflect.deleteProperty(this, 'b')
      Object.assign(this, { z: 1 })
      return 1
    },
    b: 2,
    c: 3,
  }),
}

for (const [name, value] of Object.entries(cloned)) {
  test(`arrives as structuredClone gives it: ${name}`, (t) => {
    for (const trip of [{}, { owned: true }, { offset: 3 }]) {
      // Made in one place, so that errors have one stack; made twice, since a getter can change its object.
      const [left, right] = Array.from({ length: 2 }, value)
      const found = difference(structuredClone(left), roundTrip(right, trip))
      // The clone of a large view is its own ArrayBuffer; ours may show the message's, if that is ours alone.
      if (!(trip.owned === true && /byteOffset|\.buffer/.test(found ?? ''))) t.is(found, undefined)
    }
    const [left, right] = Array.from({ length: 2 }, value)
    t.is(difference(structuredClone([left]), roundTrip([right], { root: 'args' })), undefined)
  })
}

const hasFloat16 = 'Float16Array' in globalThis
const isResizable = 'resize' in ArrayBuffer.prototype
type Resizable = ArrayBuffer & { resize(bytes: number): void }
const resizable = (bytes: number, maxByteLength: number): Resizable =>
  new (ArrayBuffer as unknown as new (bytes: number, options: object) => Resizable)(bytes, {
    maxByteLength,
  })

test('Float16Array arrives where it exists', (t) => {
  if (!hasFloat16) {
    t.pass('this Node has none')
    return
  }
  const { Float16Array } = globalThis as unknown as { Float16Array: Float32ArrayConstructor }
  t.is(
    difference(structuredClone(Float16Array.of(1.5, -2)), roundTrip(Float16Array.of(1.5, -2))),
    undefined,
  )
})

test('a resizable ArrayBuffer and the views that follow its length stay so', (t) => {
  if (!isResizable) {
    t.pass('this Node has none')
    return
  }
  const value = (): unknown => {
    const buffer = resizable(8, 64)
    return [
      buffer,
      new Uint8Array(buffer, 2),
      new Uint8Array(buffer, 1, 2),
      new DataView(buffer, 4),
    ]
  }
  t.is(difference(structuredClone(value()), roundTrip(value())), undefined)
  const [buffer, tracking, fixed] = roundTrip(value()) as [Resizable, Uint8Array, Uint8Array]
  buffer.resize(16)
  t.is(tracking.length, 14)
  t.is(fixed.length, 2)
  const alone = roundTrip(new Uint8Array(resizable(8, 64))) as Uint8Array
  ;(alone.buffer as Resizable).resize(32)
  t.is(alone.length, 32)
})

test('a Buffer stays a Buffer', (t) => {
  for (const bytes of [0, 1, 100, 20_000]) {
    const sent = Buffer.alloc(bytes, 'abc')
    const got = roundTrip({ sent }) as { sent: Buffer }
    t.true(Buffer.isBuffer(got.sent))
    t.deepEqual(got.sent, sent)
    t.is(got.sent.buffer.byteLength, bytes)
  }
})

test('a view carries its own bytes and nothing else of its ArrayBuffer', (t) => {
  const pool = new Uint8Array(4096).fill(0x5e)
  pool.set([1, 2, 3], 100)
  const wire = encoded([pool.subarray(100, 103), Buffer.from(pool.buffer, 200, 0)])
  t.false(wire.includes(0x5e))
  const [view] = roundTrip([pool.subarray(100, 103)]) as [Uint8Array]
  t.deepEqual([view.byteOffset, view.buffer.byteLength, ...view], [0, 3, 1, 2, 3])
})

test('views that do not overlap never carry the bytes between them', (t) => {
  const pool = new Uint8Array(64).fill(0x5e).fill(1, 0, 8).fill(2, 16, 24)
  const sent = [pool.subarray(0, 8), new Float64Array(pool.buffer, 16, 1)]
  t.false(encoded(sent).includes(0x5e))
  const [a, b] = roundTrip(sent) as [Uint8Array, Float64Array]
  t.not(a.buffer, b.buffer)
  t.is(a.buffer.byteLength + b.buffer.byteLength, 16)
})

test('views that overlap share memory at the receiver', (t) => {
  for (const bytes of [32, 64 * 1024]) {
    for (const owned of [false, true]) {
      const { buffer } = new Uint8Array(bytes)
      const sent = [
        new Uint8Array(buffer, 1, 20),
        new Uint8Array(buffer, 10, bytes - 10),
        Buffer.from(buffer, 12, 2),
      ]
      const [a, b, c] = roundTrip(sent, { owned }) as [Uint8Array, Uint8Array, Buffer]
      t.is(a.buffer, b.buffer)
      t.is(a.buffer, c.buffer)
      a[11] = 99
      t.deepEqual([b[2], c[0]], [99, 99])
    }
  }
})

test('room for alignment in front of overlapping views shows nobody’s bytes', (t) => {
  for (const bytes of [64, 40_000]) {
    const memory = new Uint8Array(bytes).fill(0x5e)
    memory.fill(1, 5)
    const sent = [
      new Uint8Array(memory.buffer, 5, 20),
      new Float64Array(memory.buffer, 16, (bytes - 16) / 8),
    ]
    t.false(encoded(sent).includes(0x5e))
    const [a, b] = roundTrip(sent) as [Uint8Array, Float64Array]
    t.is(a.buffer, b.buffer)
    t.is(a.length, 20)
    t.deepEqual(b, sent[1])
  }
})

test('of an owned payload large views show its memory; what must end where its bytes end is a copy', (t) => {
  const out = new Outgoing()
  const large = Buffer.alloc(100_000, 7)
  const exact = new Uint8Array(50_000).fill(8).buffer
  encodeStructured({ large, exact, small: Buffer.from('abc') }, out, DEFAULT_CODEC_LIMITS)
  t.deepEqual(
    out.segments.map((segment) => segment.byteLength),
    [100_000, 50_000],
  )
  t.is(out.segments[0]!.buffer, large.buffer)
  const wire = gather(out)
  const got = decodeOwned(wire)
  t.is(got.large.buffer, wire.buffer)
  t.deepEqual(got.large, large)
  t.is(got.exact.byteLength, 50_000)
  t.not(got.small.buffer, wire.buffer)
  // An address that does not suit the elements costs a copy and nothing else.
  const shifted = roundTrip(new Float64Array(5000).fill(1.5), {
    owned: true,
    offset: 3,
  }) as Float64Array
  t.deepEqual(shifted, new Float64Array(5000).fill(1.5))
})

const decodeOwned = (wire: Buffer) =>
  decodeStructuredOwned(wire) as { large: Buffer; exact: ArrayBuffer; small: Buffer }
const decodeStructuredOwned = (wire: Buffer): unknown =>
  decodeStructured(wire, 0, wire.length, DEFAULT_CODEC_LIMITS, true)

test('a getter runs once', (t) => {
  let runs = 0
  const counting = {
    get a() {
      return ++runs
    },
    b: [
      {
        get c() {
          return ++runs
        },
      },
    ],
  }
  t.deepEqual(roundTrip(counting), { a: 1, b: [{ c: 2 }] })
  t.is(runs, 2)
})

test('a payload can begin anywhere in the outgoing bytes and leaves what is before it', (t) => {
  const out = new Outgoing()
  out.bytes.write('head')
  out.position = 4
  encodeStructured({ a: [1] }, out, DEFAULT_CODEC_LIMITS)
  t.is(out.bytes.toString('latin1', 0, 4), 'head')
  t.deepEqual(decodeStructured(out.bytes, 4, out.position, DEFAULT_CODEC_LIMITS, false), { a: [1] })
})

test('each message stands alone: one can be lost, repeated or read late', (t) => {
  const wires = [
    { a: 1, b: 2 },
    { a: 3, b: 4 },
    { a: 5, b: 6 },
  ].map((value) => encoded(value))
  for (const wire of [wires[2]!, wires[2]!, wires[0]!])
    t.notThrows(() => decodeStructuredOwned(wire))
})

test('objects of ever new shapes do not spoil those that come often', (t) => {
  const row = { id: 1, name: 'x' }
  for (let i = 0; i < 4000; i++) {
    const odd = Object.fromEntries(
      Array.from({ length: 1 + (i % 80) }, (_, k) => [`k${i}-${k}`, k]),
    )
    t.deepEqual(roundTrip([odd, row]), [odd, row])
  }
  // In the form for known shapes: keys apart from values.
  t.is(encoded([row, row, { ...row }]).filter((byte) => byte === OBJECT_WIDE).length, 0)
})

test('a getter can encode another message meanwhile', (t) => {
  const inner = { deep: [{ id: 1, name: 'x' }] }
  let got: unknown
  const outer = {
    first: inner,
    get second() {
      got = roundTrip({ id: 2, name: 'y', inner })
      return { id: 3, name: 'z' }
    },
    again: inner,
  }
  const back = roundTrip(outer) as { first: unknown; again: unknown }
  t.deepEqual(back, { first: inner, second: { id: 3, name: 'z' }, again: inner })
  t.is(back.first, back.again)
  t.deepEqual(got, { id: 2, name: 'y', inner })
})

test('an Outgoing says while it is written to', (t) => {
  const out = new Outgoing()
  let busy: boolean | undefined
  encodeStructured(
    {
      get a() {
        return (busy = out.busy)
      },
    },
    out,
    DEFAULT_CODEC_LIMITS,
  )
  t.true(busy)
  t.false(out.busy)
})

test('plain values take the fast path, and only they', (t) => {
  const slowValuesOf = (value: unknown): number => {
    const before = encoderCounts.slowValues
    encoded(value)
    return encoderCounts.slowValues - before
  }
  t.is(
    slowValuesOf([
      { id: 1, name: 'x', tags: ['a'], ok: true },
      new Point(),
      null,
      1.5,
      'é',
      undefined,
    ]),
    0,
  )
  t.is(slowValuesOf([new Date(), new Map(), [1, , 2], new Uint8Array(1)]), 4) // eslint-disable-line no-sparse-arrays
})

const circular: Record<string, unknown> = {}
// Node's types know no WebAssembly.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (options: { initial: number }) => { buffer: ArrayBuffer }
    Module: new (bytes: Uint8Array) => object
    Instance: new (module: object) => object
  }
}
const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])
const detached = new ArrayBuffer(8)
const lost = new Uint8Array(detached)
structuredClone(detached, { transfer: [detached] })
const { port1, port2 } = new MessageChannel()
port1.close()
port2.close()

/** What must be refused, each at the place that `path` names. */
const refused: [name: string, value: () => unknown][] = [
  ['a function', () => () => 1],
  ['a class', () => class {}],
  ['a symbol', () => Symbol('x')],
  ['a boxed symbol', () => Object(Symbol('x')) as unknown],
  ['a Promise', () => Promise.resolve()],
  [
    'a Promise behind Object.prototype',
    () => Object.setPrototypeOf(Promise.resolve(), Object.prototype) as unknown,
  ],
  ['a WeakMap', () => new WeakMap()],
  ['a WeakSet', () => new WeakSet()],
  ['a WeakRef', () => new WeakRef({})],
  ['a FinalizationRegistry', () => new FinalizationRegistry(() => {})],
  [
    'a generator',
    () =>
      (function* () {
        yield 1
      })(),
  ],
  [
    'an async generator',
    () =>
      (async function* () {
        yield 1
      })(),
  ],
  ['an array iterator', () => [1].values()],
  ['a Map iterator', () => new Map().entries()],
  ['a Set iterator', () => new Set().values()],
  ['a string iterator', () => 'a'[Symbol.iterator]()],
  ['a match iterator', () => 'a'.matchAll(/a/g)],
  [
    'arguments',
    () =>
      (
        function () {
          return arguments
        } as (...values: number[]) => unknown
      )(1, 2),
  ],
  [
    'no arguments',
    () =>
      (function () {
        return arguments
      })(),
  ],
  ['a Proxy', () => new Proxy({ a: 1 }, {})],
  ['a Proxy of an array', () => new Proxy([1], {})],
  [
    'a revoked Proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    },
  ],
  ['a SharedArrayBuffer', () => new SharedArrayBuffer(8)],
  ['a view of a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(8))],
  ['a DataView of a SharedArrayBuffer', () => new DataView(new SharedArrayBuffer(8))],
  ['a Buffer of a SharedArrayBuffer', () => Buffer.from(new SharedArrayBuffer(8))],
  ['a detached ArrayBuffer', () => detached],
  ['a view of a detached ArrayBuffer', () => lost],
  ['a Blob', () => new Blob(['x'])],
  ['a File', () => new File(['x'], 'name')],
  ['a KeyObject', () => createSecretKey(Buffer.alloc(16))],
  ['a MessagePort', () => port1],
  [
    'a BroadcastChannel',
    () => {
      const c = new BroadcastChannel('x')
      c.close()
      return c
    },
  ],
  ['a ReadableStream', () => new ReadableStream()],
  ['a WritableStream', () => new WritableStream()],
  ['a TransformStream', () => new TransformStream()],
  ['a Response', () => new Response('x')],
  ['a WebAssembly.Module', () => new WebAssembly.Module(wasm)],
  ['a WebAssembly.Instance', () => new WebAssembly.Instance(new WebAssembly.Module(wasm))],
  ['a WebAssembly.Memory', () => new WebAssembly.Memory({ initial: 1 })],
  ['an Intl.NumberFormat', () => new Intl.NumberFormat()],
  [
    'an instance of a class that extends Promise',
    () => new (class extends Promise<void> {})(() => undefined),
  ],
  ['an instance of a class that extends Blob', () => new (class extends Blob {})([])],
  ['the global object', () => globalThis],
  [
    'an error whose name is a symbol',
    () => error((e) => (e.name = Symbol('x') as unknown as string)),
  ],
]

for (const [name, value] of refused) {
  test(`refused, and the path says where: ${name}`, (t) => {
    const places: [unknown, PayloadRoot, string][] = [
      [value(), 'result', 'result'],
      [[1, value()], 'args', 'args[1]'],
      [[{ user: { tags: [1, 2, 3, value()] } }], 'args', 'args[0].user.tags[3]'],
      [
        { 'odd key': new Map([[1, new Set([value()])]]) },
        'event',
        'event["odd key"].values()[0].values()[0]',
      ],
    ]
    for (const [place, root, path] of places) {
      const thrown = t.throws(() => encoded(place, { root }), {
        instanceOf: PlumpSerializationError,
      })
      t.is(thrown.code, 'ERR_PLUMP_UNSERIALIZABLE')
      t.true(thrown.path?.startsWith(path), `${thrown.path} ${path}`)
      t.true(thrown.message.startsWith(path), thrown.message)
    }
    t.deepEqual(roundTrip({ next: 1 }), { next: 1 })
  })
}

test('a file handle and a crypto key are refused', async (t) => {
  const handle = await open('/dev/null')
  t.throws(() => encoded({ handle }), { code: 'ERR_PLUMP_UNSERIALIZABLE' })
  await handle.close()
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt'])
  t.throws(() => encoded({ key }), { code: 'ERR_PLUMP_UNSERIALIZABLE' })
})

test('whatever structuredClone refuses among the globals is refused here', (t) => {
  const samples: [string, () => unknown][] = [
    ['URL', () => new URL('a:b')],
    ['URLSearchParams', () => new URLSearchParams('a=b')],
    ['Headers', () => new Headers()],
    ['Event', () => new Event('x')],
    ['EventTarget', () => new EventTarget()],
    ['AbortController', () => new AbortController()],
    ['TextEncoder', () => new TextEncoder()],
    ['MessageEvent', () => new MessageEvent('x')],
    ['Intl.DateTimeFormat', () => new Intl.DateTimeFormat()],
  ]
  for (const [name, make] of samples) {
    let clone: unknown
    let isRefused = false
    try {
      clone = structuredClone(make())
    } catch {
      isRefused = true
    }
    if (isRefused) t.throws(() => encoded(make()), { code: 'ERR_PLUMP_UNSERIALIZABLE' }, name)
    else t.is(difference(clone, roundTrip(make())), undefined, name)
  }
})

test('a getter that throws is told with its path and what it threw', (t) => {
  const cause = new Error('no')
  for (const thrown of [cause, 'text', undefined, null]) {
    const bad = {
      list: [
        {
          get secret() {
            throw thrown
          },
        },
      ],
    }
    const refusal = t.throws(() => encoded([bad], { root: 'args' }), {
      instanceOf: PlumpSerializationError,
    })
    t.is(refusal.code, 'ERR_PLUMP_UNSERIALIZABLE')
    t.is(refusal.path, 'args[0].list[0].secret')
    t.is(refusal.cause, thrown ?? (thrown === null ? null : undefined))
  }
})

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = wrap(value)
  return value
}
const wrappers: Record<string, (inner: unknown) => unknown> = {
  arrays: (inner) => [inner],
  objects: (inner) => ({ inner }),
  maps: (inner) => new Map([[1, inner]]),
  'map keys': (inner) => new Map([[inner, 1]]),
  sets: (inner) => new Set([inner]),
  causes: (inner) => new Error('x', { cause: inner }),
  'sparse arrays': (inner) => [, inner], // eslint-disable-line no-sparse-arrays
  dictionaries: (inner) => ({
    ...Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`k${i}`, i])),
    inner,
  }),
}
for (const [name, wrap] of Object.entries(wrappers)) {
  test(`nesting up to maxDepth works and one level more is refused: ${name}`, (t) => {
    const limits = DEFAULT_CODEC_LIMITS
    t.notThrows(() => roundTrip([nested(1000, wrap)], { root: 'args' }))
    t.notThrows(() => roundTrip(nested(1000, wrap), { root: 'result' }))
    const refusal = t.throws(() => encoded([nested(1001, wrap)], { root: 'args' }), {
      instanceOf: PlumpSerializationError,
    })
    t.is(refusal.code, 'ERR_PLUMP_TOO_DEEP')
    t.true(refusal.path?.startsWith('args[0]'))
    t.true(refusal.path!.length < 2000)
    t.throws(() => encoded(nested(3, wrap), { limits: { ...limits, maxDepth: 2 } }), {
      code: 'ERR_PLUMP_TOO_DEEP',
    })
  })
}

test('nesting beyond the stack is refused too, if the limit allows it', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, maxDepth: 10_000_000 }
  t.throws(
    () =>
      encoded(
        nested(1_000_000, (inner) => [inner]),
        { limits },
      ),
    { code: 'ERR_PLUMP_TOO_DEEP' },
  )
})

test('a payload above maxPayloadBytes is refused before it is made', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, maxPayloadBytes: 1000 }
  const tooLarge: unknown[] = [
    'x'.repeat(1000),
    'Ж'.repeat(600),
    new Uint8Array(1000),
    new ArrayBuffer(1e6),
    new Array<number>(1000).fill(1),
    1n << 10_000n,
    new Float64Array(1e6),
    Array.from({ length: 100 }, (_, i) => ({ [`key ${i}`]: i })),
  ]
  for (const value of tooLarge) {
    t.throws(() => encoded(value, { limits }), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
    t.throws(() => encoded([1, { value }], { limits, root: 'args' }), {
      code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE',
    })
  }
  const out = new Outgoing({ initialBytes: 4096 })
  t.throws(() => encodeStructured(['x'.repeat(1e6)], out, limits), {
    code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE',
  })
  t.is(out.bytes.length, 4096)
  t.is((roundTrip('x'.repeat(980), { limits }) as string).length, 980)
})

test('what was written before a refusal is taken back', (t) => {
  const out = new Outgoing()
  out.position = 8
  const keeps = new Uint8Array(20_000)
  for (const bad of [
    () => 1,
    {
      get a() {
        throw new Error('x')
      },
    },
  ]) {
    t.throws(() => encodeStructured([keeps, 'text', bad], out, DEFAULT_CODEC_LIMITS))
    t.deepEqual([out.position, out.segments.length, out.segmentBytes, out.busy], [8, 0, 0, false])
  }
})

test('nothing of a message stays alive in the encoder', async (t) => {
  if (globalThis.gc === undefined) {
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--expose-gc')
  }
  const gc = (globalThis.gc ?? runInNewContext('gc')) as () => void
  const refs = [1, 100].map((count) => {
    const sent = Array.from({ length: count }, () => ({ a: new Uint8Array(4) }))
    encoded(sent)
    return new WeakRef(sent)
  })
  for (let i = 0; i < 200 && refs.some((ref) => ref.deref() !== undefined); i++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc()
  }
  t.deepEqual(
    refs.map((ref) => ref.deref()),
    [undefined, undefined],
  )
})

test('the path of a cycle ends', (t) => {
  circular['self'] = circular
  circular['bad'] = () => 1
  t.is(
    t.throws(() => encoded(circular), { instanceOf: PlumpSerializationError }).path,
    'result.bad',
  )
})
