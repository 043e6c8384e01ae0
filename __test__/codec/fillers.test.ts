import { spawnSync } from 'node:child_process'
import test from 'ava'
import { fillerOf } from '../../src/codec/fillers.js'
import { roundTrip } from './round-trip.js'
import { difference } from './same-graph.js'

/** More objects of one shape than are built without a filler. */
const OBJECTS = 300

const values = [1, 'text', null, [1, 'a'], { x: 1 }, -0.5, undefined, 5n, true]
const keyLists: Record<string, string[]> = {
  'one key': ['a'],
  'as many as one piece has': Array.from({ length: 16 }, (_, i) => `k${i}`),
  'one more': Array.from({ length: 17 }, (_, i) => `l${i}`),
  'several pieces': Array.from({ length: 60 }, (_, i) => `m${i}`),
  indexes: ['0', '7', 'a'],
  'names on Object.prototype': ['constructor', 'toString', 'a'],
  'the name of the prototype': ['__proto__', 'a'],
  'what would end a program': ["'", '`', '\\', '${a}', '\u2028', '})', ''],
}

for (const [name, keys] of Object.entries(keyLists)) {
  test(`objects are the same before and after their shape has a filler: ${name}`, (t) => {
    for (let i = 0; i < OBJECTS; i++) {
      const sent = {}
      for (const [at, key] of keys.entries()) {
        Object.defineProperty(sent, key, {
          value: values[(at + i) % values.length],
          enumerable: true,
          configurable: true,
          writable: true,
        })
      }
      const found = difference(structuredClone(sent), roundTrip(sent))
      if (found !== undefined) t.fail(`object ${i}: ${found}`)
    }
    t.pass()
  })
}

test('objects inside others of their own shape, shared and cyclic ones', (t) => {
  interface Node {
    value: number
    next: Node | undefined
  }
  for (let i = 0; i < OBJECTS; i++) {
    let list: Node | undefined
    for (let k = 0; k < 5; k++) list = { value: k + i, next: list }
    t.is(difference(structuredClone(list), roundTrip(list)), undefined)
    const circle: Node = { value: i, next: undefined }
    circle.next = { value: i, next: circle }
    t.is(difference(structuredClone(circle), roundTrip(circle)), undefined)
  }
})

test('what is read meanwhile can fail, and the next object is whole', (t) => {
  const fill = fillerOf(['a', 'b'], () => {
    if (reads++ % 3 === 2) throw new Error('no more')
    return reads
  })!
  let reads = 0
  const first = {}
  fill(first)
  t.deepEqual(first, { a: 1, b: 2 })
  t.throws(() => fill({}), { message: 'no more' })
  const next = {}
  fill(next)
  t.deepEqual(next, { a: 4, b: 5 })
})

test('fillers are made where code generation from strings is forbidden', (t) => {
  const program = `
    const { fillerOf } = await import(${JSON.stringify(new URL('../../src/codec/fillers.ts', import.meta.url).href)})
    let generates = true
    try { new Function('') } catch { generates = false }
    const object = {}
    fillerOf(['a', 'b'], () => 1)(object)
    console.log(JSON.stringify({ generates, object }))
  `
  const flags = ['--import=tsx', '--disallow-code-generation-from-strings', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', program], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  t.deepEqual(JSON.parse(stdout || '{}'), { generates: false, object: { a: 1, b: 1 } }, stderr)
})
