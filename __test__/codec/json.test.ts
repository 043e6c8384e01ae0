import test from 'ava'
import { PlumpSerializationError } from '../../src/errors.js'
import { resolveCodec } from '../../src/codec/codec.js'
import { DEFAULT_CODEC_LIMITS, type PayloadRoot } from '../../src/codec/limits.js'
import { Outgoing } from '../../src/codec/outgoing.js'

const codec = resolveCodec('json')

function roundTrip(value: unknown, root: PayloadRoot = 'result', json = codec): unknown {
  const out = new Outgoing()
  out.position = 3
  json.encode(value, out, root)
  return json.decode(out.bytes, 3, out.position, false)
}

test('what JSON can say arrives', (t) => {
  for (const value of [
    null,
    true,
    1.5,
    '',
    'é🎉\ud800',
    [],
    [1, [2]],
    {},
    { a: { b: [null] } },
    'x'.repeat(1e6),
  ]) {
    t.deepEqual(roundTrip(value), value)
  }
})

test('the rest becomes what JSON.stringify makes of it', (t) => {
  t.is(roundTrip(undefined), undefined)
  t.deepEqual(roundTrip([undefined, NaN, -0, new Map(), new Date(0)], 'args'), [
    null,
    null,
    0,
    {},
    '1970-01-01T00:00:00.000Z',
  ])
  t.deepEqual(
    roundTrip({ a: undefined, b: () => 1, c: Symbol('x'), d: { toJSON: () => 'made' } }),
    { d: 'made' },
  )
})

test('an own __proto__ stays a property', (t) => {
  const got = roundTrip(JSON.parse('{ "__proto__": { "polluted": 1 } }')) as object
  t.deepEqual(Object.keys(got), ['__proto__'])
  t.is(Object.getPrototypeOf(got), Object.prototype)
})

const cycle: Record<string, unknown> = {}
cycle['list'] = [cycle]
const failure = new Error('no')
const refused: [string, unknown, PayloadRoot, string][] = [
  ['a BigInt', [{ a: [1, 5n] }], 'args', 'args[0].a[1]'],
  ['a cycle', cycle, 'result', 'result.list[0]'],
  [
    'a getter that throws',
    {
      a: {
        get b() {
          throw failure
        },
      },
    },
    'event',
    'event.a.b',
  ],
  ['a function as an argument', [1, () => 1], 'args', 'args[1]'],
  ['a symbol as an argument', [Symbol('x')], 'args', 'args[0]'],
  ['a function as the result', () => 1, 'result', 'result'],
  [
    'toJSON that throws',
    {
      toJSON() {
        throw failure
      },
    },
    'result',
    'result',
  ],
]
for (const [name, value, root, path] of refused) {
  test(`refused, and the path says where: ${name}`, (t) => {
    const out = new Outgoing()
    const refusal = t.throws(() => codec.encode(value, out, root), {
      instanceOf: PlumpSerializationError,
    })
    t.is(refusal.code, 'ERR_PLUMP_UNSERIALIZABLE')
    t.is(refusal.path, path)
    t.deepEqual([out.position, out.busy], [0, false])
  })
}

test('limits hold', (t) => {
  const small = resolveCodec('json', { maxDepth: 3, maxPayloadBytes: 100 })
  t.deepEqual(roundTrip([[[['}]'.repeat(5)]]]], 'args', small), [[[['}]'.repeat(5)]]]])
  t.throws(() => roundTrip([[[[[1, 2, 3]]]]], 'args', small), { code: 'ERR_PLUMP_TOO_DEEP' })
  t.throws(() => roundTrip('x'.repeat(99), 'result', small), {
    code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE',
  })
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  t.throws(() => roundTrip(deep), { code: 'ERR_PLUMP_TOO_DEEP' })
})

test('bytes that are not JSON are refused by code', (t) => {
  for (const text of ['{', 'undefined', '\0', '[1,]']) {
    const bytes = new Uint8Array(Buffer.from(text))
    t.throws(() => codec.decode(bytes, 0, bytes.length, false), { code: 'ERR_PLUMP_DECODE' })
  }
  t.is(DEFAULT_CODEC_LIMITS.maxDepth, 1000)
})
