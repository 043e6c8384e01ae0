import { types } from 'node:util'
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
  | { kind: 'numbers'; numbers: number[]; times: number; odd: Odd; at: number }

/** What may be among the numbers of an array. */
type Odd = 'nothing' | 'hole' | 'key' | 'hole and key' | 'getter' | 'text' | 'undefined'

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
    fc.record({
      kind: fc.constant('numbers' as const),
      numbers: fc.oneof(
        ...[fc.integer({ min: -200, max: 200 }), fc.integer(), fc.double()].map((number) =>
          fc.array(number, { minLength: 1, maxLength: 40 }),
        ),
        fc.array(fc.oneof(fc.integer(), fc.double(), fc.constant(-0)), {
          minLength: 1,
          maxLength: 40,
        }),
      ),
      // Long arrays are looked at in another way.
      times: fc.constantFrom(1, 1, 10),
      odd: fc.constantFrom<Odd>(
        'nothing',
        'nothing',
        'nothing',
        'hole',
        'key',
        'hole and key',
        'getter',
        'text',
        'undefined',
      ),
      at: fc.nat(400),
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

/** What is in a built value, and how often its getters have run. */
interface Built {
  getterRuns: number
  getters: number
  views: number
  repeats: number
}
const nothingBuilt = (): Built => ({ getterRuns: 0, getters: 0, views: 0, repeats: 0 })

function build(plan: Plan, built: Built): unknown {
  const made: object[] = []
  const buffers = [0, 1].map((fill) => new Uint8Array(512).map((_, i) => i + fill).buffer)
  const setGetter = (object: object, key: PropertyKey, inner: unknown): void => {
    built.getters++
    Object.defineProperty(object, key, {
      get: () => (built.getterRuns++, inner),
      enumerable: true,
      configurable: true,
    })
  }
  const keep = <T extends object>(object: T): T => {
    made.push(object)
    return object
  }
  const go = (at: Plan): unknown => {
    switch (at.kind) {
      case 'leaf':
        return at.value
      case 'again':
        built.repeats++
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
          setGetter(object, key, inner)
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
        built.views++
        return keep(new constructor(buffer, at.start * 8, at.length))
      }
      case 'numbers': {
        const array = keep<unknown[]>([])
        for (let i = 0; i < at.times; i++) array.push(...at.numbers)
        const place = at.at % array.length
        if (at.odd === 'hole' || at.odd === 'hole and key') delete array[place]
        if (at.odd === 'key' || at.odd === 'hole and key') Object.assign(array, { extra: 1 })
        if (at.odd === 'getter') setGetter(array, place, array[place])
        if (at.odd === 'text') array[place] = 'text'
        if (at.odd === 'undefined') array[place] = undefined
        return array
      }
    }
  }
  const value = go(plan)
  // structuredClone carries all of a view's ArrayBuffer; with that in the value it is what is asked for here too.
  return built.views > 0 ? [value, buffers] : [value]
}

const set = (object: object, key: string, value: unknown): void => {
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** How many values the encoder has to write, things that come again included, and whether one leads back to itself. */
function survey(root: unknown): { values: number; isCyclic: boolean } {
  const found = { values: 0, isCyclic: false }
  const met = new Set<object>()
  const ancestors = new Set<object>()
  const visit = (value: unknown): void => {
    found.values++
    if (typeof value !== 'object' || value === null) return
    if (ancestors.has(value)) found.isCyclic = true
    if (met.has(value)) return
    met.add(value)
    ancestors.add(value)
    if (value instanceof Map) for (const entry of value) entry.forEach(visit)
    else if (value instanceof Set) value.forEach(visit)
    else if (value instanceof Error) visit(value.cause)
    else if (types.isStringObject(value)) found.values++
    else if (!ArrayBuffer.isView(value)) Object.values(value).forEach(visit)
    ancestors.delete(value)
  }
  visit(root)
  return found
}

test('any value arrives as structuredClone gives it, and getters run as often', (t) => {
  const messages = { all: 0, cyclic: 0, withViews: 0, withGetters: 0, withRepeats: 0, fast: 0 }
  const values = { all: 0, slow: 0 }
  fc.assert(
    fc.property(plans, fc.boolean(), fc.boolean(), (plan, owned, isArguments) => {
      const built = nothingBuilt()
      const builtToClone = nothingBuilt()
      const value = build(plan, built)
      const other = build(plan, builtToClone)
      const slowBefore = encoderCounts.slowValues
      const got = roundTrip(value, { owned, root: isArguments ? 'args' : 'result' })
      const slow = encoderCounts.slowValues - slowBefore
      const found = difference(structuredClone(other), got)
      if (found !== undefined) throw new Error(found)
      const surveyed = survey(got)
      messages.all++
      if (surveyed.isCyclic) messages.cyclic++
      if (built.views > 0) messages.withViews++
      if (built.getters > 0) messages.withGetters++
      if (built.repeats > 0) messages.withRepeats++
      if (slow === 0) messages.fast++
      values.all += surveyed.values
      values.slow += slow
      return built.getterRuns === builtToClone.getterRuns
    }),
    { seed: SEED, numRuns: RUNS },
  )
  const fast = values.all - values.slow
  t.log(`${fast} of ${values.all} values took the fast path`)
  t.log(messages)
  // Whatever is generated less than that is not tested.
  t.true(fast > values.all / 2)
  for (const [what, count] of Object.entries(messages)) t.true(count > RUNS / 50, what)
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
