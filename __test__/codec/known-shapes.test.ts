import test from 'ava'
import {
  isAssignableKey,
  lookAtObjectPrototype,
  mayBeInherited,
} from '../../src/codec/known-shapes.js'
import { encoded, decoded, roundTrip } from './round-trip.js'
import { difference } from './same-graph.js'

test('more shapes than the receiver keeps are all read right, again and again', (t) => {
  const wires = Array.from({ length: 3000 }, (_, i) =>
    encoded({ [`first${i}`]: i, [`second${i % 7}`]: [i] }),
  )
  for (let round = 0; round < 3; round++) {
    for (const [i, wire] of wires.entries()) {
      const expected = { [`first${i}`]: i, [`second${i % 7}`]: [i] }
      const found = difference(expected, decoded(wire))
      if (found !== undefined) t.fail(found)
    }
  }
  t.pass()
})

test('a key list of every length is told from one that differs in a single letter', (t) => {
  for (let length = 1; length < 40; length++) {
    const key = 'k'.repeat(length)
    for (let at = 0; at < length; at++) {
      const other = `${key.slice(0, at)}x${key.slice(at + 1)}`
      t.deepEqual(roundTrip({ [key]: 1 }), { [key]: 1 })
      t.deepEqual(roundTrip({ [other]: 1 }), { [other]: 1 })
    }
  }
})

test('every name on Object.prototype may be inherited, also one that was put there', (t) => {
  const names = Object.getOwnPropertyNames(Object.prototype)
  lookAtObjectPrototype()
  for (const name of names) {
    t.true(mayBeInherited(name), name)
    t.false(isAssignableKey(name), name)
  }
  t.false(mayBeInherited('user-4711'))
})

test('a dictionary with names of Object.prototype has them as its own', (t) => {
  const entries = Array.from({ length: 200 }, (_, i): [string, unknown] => [`key${i}`, i])
  entries.push(['__proto__', { polluted: 1 }], ['constructor', 1], ['', 2], ['toString', 'x'])
  const sent = Object.fromEntries(entries)
  const got = roundTrip(sent) as Record<string, unknown>
  t.is(difference(structuredClone(sent), got), undefined)
  t.is(Object.getPrototypeOf(got), Object.prototype)
  t.is(got['polluted'], undefined)
})
