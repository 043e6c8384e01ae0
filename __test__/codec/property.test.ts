import test from 'ava'
import * as fc from 'fast-check'
import { encoderCounts } from '../../src/codec/structured.js'
import { roundTrip } from './round-trip.js'
import { difference } from './same-graph.js'

const SEED = 20261122
const RUNS = 1500

const keys = fc.oneof(
  fc.constantFrom('id', 'name', 'tags', 'ok', '0', '7', '-1', '__proto__', 'constructor', ''),
  fc.string({ unit: 'binary', maxLength: 6 }),
)

const leaves = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    false,
    -0,
    NaN,
    Infinity,
    2 ** 31,
    -(2 ** 31) - 1,
    127,
    128,
  ),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  fc.string({ unit: 'binary', maxLength: 80 }),
  // Halves of surrogate pairs among the rest.
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
    .map((codes) => String.fromCharCode(...codes)),
)

/** How to build a value, so that it can be built twice: once for structuredClone, once for the codec. */
type Plan =
  | { kind: 'leaf'; value: unknown }
  | { kind: 'again'; number: number }
  | { kind: 'array' | 'set' | 'class'; items: Plan[]; holes: number[]; extra: boolean }
  | { kind: 'object' | 'map' | 'getters'; entries: [string, Plan][] }
  | { kind: 'boxed' | 'date' | 'regexp' | 'error'; value: string; number: number; inner: Plan }
  | { kind: 'view'; type: number; buffer: number; start: number; length: number; shows: boolean }

const plans = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.record({ kind: fc.constant('leaf' as const), value: leaves }),
    fc.record({ kind: fc.constant('again' as const), number: fc.nat(30) }),
    fc.record({
      kind: fc.constantFrom('array' as const, 'set' as const, 'class' as const),
      items: fc.array(tie('plan'), { maxLength: 20 }),
      holes: fc.array(fc.nat(20), { maxLength: 2 }),
      extra: fc.boolean(),
    }),
    fc.record({
      kind: fc.constantFrom('object' as const, 'map' as const, 'getters' as const),
      entries: fc.array(fc.tuple(keys, tie('plan')), { maxLength: 12 }),
    }),
    fc.record({
      kind: fc.constantFrom('boxed' as const, 'date' as const, 'regexp' as const, 'error' as const),
      value: fc.string({ maxLength: 20 }),
      number: fc.integer(),
      inner: tie('plan'),
    }),
    fc.record({
      kind: fc.constant('view' as const),
      type: fc.nat(9),
      buffer: fc.nat(1),
      start: fc.nat(30),
      length: fc.nat(30),
      shows: fc.boolean(),
    }),
  ),
})).plan

const VIEWS = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
] as const

/** Node 20 cannot clone an error whose cause leads back to it. */
const causesCanBeCycles = ((): boolean => {
  try {
    const error = new Error()
    error.cause = [error]
    return structuredClone(error) instanceof Error
  } catch {
    return false
  }
})()

/** The getters that ran count into `runs`. */
function build(plan: Plan, runs: { count: number }): unknown {
  const made: object[] = []
  const buffers = [0, 1].map((fill) => new Uint8Array(512).map((_, i) => i + fill).buffer)
  let hasViews = false
  const keep = <T extends object>(object: T): T => {
    made.push(object)
    return object
  }
  const go = (at: Plan): unknown => {
    switch (at.kind) {
      case 'leaf':
        return at.value
      case 'again':
        return made[at.number % (made.length || 1)]
      case 'array': {
        const array = keep<unknown[]>([])
        for (const item of at.items) array.push(go(item))
        for (const hole of at.holes) delete array[hole]
        if (at.extra) Object.assign(array, { extra: go({ kind: 'leaf', value: 'extra' }) })
        return array
      }
      case 'set': {
        const set = keep(new Set())
        for (const item of at.items) set.add(go(item))
        return set
      }
      case 'class': {
        const instance = keep(
          new (class Row {
            items: unknown[] = []
          })(),
        )
        instance.items = at.items.map(go)
        return instance
      }
      case 'object': {
        const object = keep({})
        for (const [key, value] of at.entries) set(object, key, go(value))
        return object
      }
      case 'map': {
        const map = keep(new Map())
        for (const [key, value] of at.entries) map.set(key.length > 3 ? go(value) : key, go(value))
        return map
      }
      case 'getters': {
        const object = keep({})
        for (const [key, value] of at.entries) {
          const inner = go(value)
          Object.defineProperty(object, key, {
            get: () => (runs.count++, inner),
            enumerable: true,
            configurable: true,
          })
        }
        return object
      }
      case 'boxed':
        return keep(Object(at.value) as object)
      case 'date':
        return keep(new Date(at.number))
      case 'regexp':
        return keep(new RegExp(at.value.replace(/\W/g, ''), 'gu'))
      case 'error': {
        const error = keep(new TypeError(at.value))
        error.stack = at.value
        error.cause = causesCanBeCycles ? go(at.inner) : at.number
        return Object.defineProperty(error, 'cause', { enumerable: false })
      }
      case 'view': {
        const buffer = buffers[at.buffer]!
        const constructor = VIEWS[at.type]!
        hasViews = true
        return keep(new constructor(buffer, at.start * 8, at.length))
      }
    }
  }
  const value = go(plan)
  // structuredClone carries all of a view's ArrayBuffer; with that in the value it is what is asked for here too.
  return hasViews ? [value, buffers] : [value]
}

const set = (object: object, key: string, value: unknown): void => {
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

test('any value arrives as structuredClone gives it, and getters run as often', (t) => {
  let messages = 0
  let fast = 0
  fc.assert(
    fc.property(plans, fc.boolean(), fc.boolean(), (plan, owned, isArguments) => {
      const runs = { count: 0 }
      const clonesRuns = { count: 0 }
      const value = build(plan, runs)
      const other = build(plan, clonesRuns)
      const slowBefore = encoderCounts.slowValues
      const got = roundTrip(value, { owned, root: isArguments ? 'args' : 'result' })
      messages++
      if (encoderCounts.slowValues === slowBefore) fast++
      const found = difference(structuredClone(other), got)
      if (found !== undefined) throw new Error(found)
      return runs.count === clonesRuns.count
    }),
    { seed: SEED, numRuns: RUNS },
  )
  t.log(`${fast} of ${messages} values took the fast path alone`)
  t.true(fast > messages / 10)
})

test('views without their ArrayBuffer: each shows its bytes, and shares what it shared', (t) => {
  const view = fc.record({ type: fc.nat(9), start: fc.nat(3000), length: fc.nat(3000) })
  fc.assert(
    fc.property(fc.array(view, { minLength: 1, maxLength: 12 }), fc.boolean(), (views, owned) => {
      const { buffer } = new Uint8Array(64 * 1024).map((_, i) => (i % 250) + 5)
      const sent = views.map(
        ({ type, start, length }) => new VIEWS[type]!(buffer, start * 8, length),
      )
      const got = roundTrip(sent, { owned }) as Uint8Array[]
      for (const [i, one] of sent.entries()) {
        const other = got[i]!
        if (other.constructor !== one.constructor || !bytesOf(other).equals(bytesOf(one)))
          return false
      }
      // A byte that two views showed is one byte again; one that they did not share is two.
      for (const [i, one] of sent.entries()) {
        for (const [j, two] of sent.entries()) {
          const from = Math.max(one.byteOffset, two.byteOffset)
          if (from >= Math.min(one.byteOffset + one.byteLength, two.byteOffset + two.byteLength))
            continue
          const a = bytesOf(got[i]!)
          const b = bytesOf(got[j]!)
          a[from - one.byteOffset]! ^= 0xff
          const isSame = a[from - one.byteOffset] === b[from - two.byteOffset]
          a[from - one.byteOffset]! ^= 0xff
          if (!isSame) return false
        }
      }
      return true
    }),
    { seed: SEED, numRuns: 400 },
  )
  t.pass()
})

const bytesOf = (view: ArrayBufferView): Buffer =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength)
