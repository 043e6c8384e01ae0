import test from 'ava'
import * as fc from 'fast-check'
import { Encoder } from '../../src/codec/encoder.js'
import { DEFAULT_CODEC_LIMITS, type PayloadRoot } from '../../src/codec/limits.js'
import { Outgoing } from '../../src/codec/outgoing.js'
import { encodePlain } from '../../src/codec/plain.js'

const SEED = 20261127
const RUNS = 2000

const plain = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, false, -0, NaN, 2 ** 31, -(2 ** 31), -129, 128),
  fc.integer(),
  fc.integer({ min: -200, max: 200 }),
  fc.double(),
  fc.string({ unit: 'binary-ascii', maxLength: 31 }),
)
const other = fc.oneof(
  fc.bigInt(),
  fc.constantFrom<unknown>({}, [], [1], new Date(0), 'é', 'x'.repeat(32)),
)

/** Bytes before what is encoded: it may lie behind other messages. */
const BEFORE = 7
const { maxPayloadBytes } = DEFAULT_CODEC_LIMITS

function withEncoder(value: unknown, root: PayloadRoot): Buffer {
  const out = new Outgoing()
  out.position = BEFORE
  new Encoder().encode(value, out, DEFAULT_CODEC_LIMITS, root)
  return out.bytes.subarray(BEFORE, out.position)
}

test('what is plain has the bytes that the encoder gives it, and nothing else is taken for it', (t) => {
  const met = { plainArguments: 0, plainResults: 0, refused: 0 }
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: other }), {
        maxLength: 17,
      }),
      fc.constantFrom<PayloadRoot>('args', 'result', 'event'),
      (values, root) => {
        const value = root === 'args' ? values : values[0]
        const out = new Outgoing({ initialBytes: 16 })
        out.position = BEFORE
        if (encodePlain(value, out, maxPayloadBytes, root)) {
          met[root === 'args' ? 'plainArguments' : 'plainResults']++
          t.deepEqual(out.bytes.subarray(BEFORE, out.position), withEncoder(value, root))
          const exactly = out.position - BEFORE
          out.position = BEFORE
          t.false(encodePlain(value, out, exactly - 1, root), 'larger than it may be')
        } else {
          met.refused++
          const all = root === 'args' ? values : [value]
          t.true(all.length > 15 || all.some((one) => isOther(one)))
        }
        t.is(out.position, BEFORE, 'what is refused leaves nothing')
      },
    ),
    { seed: SEED, numRuns: RUNS },
  )
  for (const [what, count] of Object.entries(met)) t.true(count > RUNS / 10, what)
})

test('a list of arguments is a list, the same as a result is not plain', (t) => {
  const out = new Outgoing()
  t.true(encodePlain([], out, maxPayloadBytes, 'args'))
  t.false(encodePlain([], out, maxPayloadBytes, 'result'))
})

function isOther(value: unknown): boolean {
  if (typeof value === 'string') return value.length > 31 || /[^\0-\x7f]/.test(value)
  return (typeof value === 'object' && value !== null) || typeof value === 'bigint'
}
