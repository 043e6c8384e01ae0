// Values on their whole way through a worker, as argument, result and event, against structuredClone(). What the codec
// makes of every single value is tested in codec/.

import test from 'ava'
import { PlumpQueue } from '../src/index.js'
import { difference } from './codec/same-graph.js'
import { codec } from './fixtures/own-codec.mjs'
import { start, until } from './start.js'

class Point {
  x = 1
}

function cyclic(): object {
  const value: Record<string, unknown> = { name: 'me', list: [1] }
  value['self'] = value
  value['again'] = value['list']
  const map = new Map<unknown, unknown>([['value', value]])
  map.set(map, new Set([map]))
  return { value, map }
}

const sparse = Object.assign([1, , 3], { extra: true }) // oxlint-disable-line no-sparse-arrays
const shared = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer

/** Values that arrive as structuredClone() gives them. */
const values: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  numbers: [0, -0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, 1.5, 5e-324],
  strings: ['', 'text', 'ä', '中文', '🎉', 'x'.repeat(100_000), 'Ж'.repeat(70_000), '\0'],
  'lone surrogates': ['\ud800', 'a\udfffb', '\udc00\ud800'],
  bigints: [0n, -1n, 2n ** 64n, -(3n ** 200n)],
  booleans: [true, false],
  'boxed primitives': [Object(1), Object('text'), Object(false), Object(7n)],
  dates: [new Date(0), new Date(NaN), new Date(8.64e15)],
  'regular expressions': [/a(?<b>c)/giu, new RegExp('/')],
  'an array with holes and a property of its own': sparse,
  'objects inside of objects': { a: { b: { c: [{ d: {} }] } }, 1: 'one', '-1': 'minus one' },
  'maps and sets': [
    new Map<unknown, unknown>([[{ key: 1 }, new Set([1, 'a', null])]]),
    new Set([NaN, -0]),
  ],
  'cycles and what is shared': cyclic(),
  'every typed array': [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
  ].map((Kind) => new Kind([1, 2, 250])),
  'typed arrays of bigints': [new BigInt64Array([-1n]), new BigUint64Array([2n ** 64n - 1n])],
  'an ArrayBuffer': shared,
  'a DataView of all': new DataView(new Uint8Array([9, 8, 7]).buffer),
  errors: [
    new Error('plain'),
    new TypeError('typed', { cause: new RangeError('deep') }),
    new URIError('uri'),
  ],
  'an instance of a class': new Point(),
}

for (const [name, value] of Object.entries(values)) {
  const expected = structuredClone(value)
  test.serial(`as structuredClone() gives it, as argument and result: ${name}`, async (t) => {
    const worker = start(t, 'values.mjs')
    t.is(difference(await worker.acall('echo', value), expected), undefined)
    t.is(difference(worker.call('echo', value), expected), undefined)
    t.is(
      difference(await worker.acall('arguments_', 1, value, 'x'), [1, expected, 'x']),
      undefined,
      'among other arguments',
    )
  })
}

test.serial('as structuredClone() gives them, as events there and back', async (t) => {
  const worker = start(t, 'values.mjs')
  const bus = new PlumpQueue({ name: 'values' })
  t.teardown(() => bus.close())
  await worker.acall('repeat', 'values')
  for (const [name, value] of Object.entries(values)) {
    bus.broadcast(value)
    t.is(difference(bus.get(30_000), structuredClone(value)), undefined, name)
  }
})

test.serial('a Buffer arrives as a Buffer, a view with its own bytes alone', async (t) => {
  const worker = start(t, 'values.mjs')
  const memory = new ArrayBuffer(1_000_000)
  const sent = {
    buffer: Buffer.from('text'),
    view: new Uint16Array(memory, 500, 3),
    same: new Uint8Array(memory, 500, 6),
  }
  sent.view.set([1, 2, 3])
  const got = (await worker.acall('echo', sent)) as typeof sent
  t.true(Buffer.isBuffer(got.buffer))
  t.is(got.buffer.toString(), 'text')
  t.deepEqual([...got.view], [1, 2, 3])
  t.true(got.view.buffer.byteLength < 1_000, 'the rest of its memory stays at home')
  t.is(got.view.buffer, got.same.buffer, 'views of one memory share it again')
})

test.serial('a large typed array arrives with its elements', async (t) => {
  const worker = start(t, 'values.mjs')
  const large = new Float64Array(200_000).map((_, i) => i / 2)
  t.deepEqual(await worker.acall('echo', large), large)
  t.deepEqual(worker.call('echo', large), large)
})

test.serial('whatever is thrown arrives as it was', async (t) => {
  const worker = start(t, 'values.mjs')
  for (const value of [undefined, null, 0, 'text', { a: [1n] }, new Map([[1, 2]])]) {
    const [outcome] = await Promise.allSettled([worker.acall('throwIt', value)])
    t.is(outcome.status, 'rejected')
    t.is(difference((outcome as PromiseRejectedResult).reason, value), undefined)
  }
})

test.serial('events may have a codec of their own', async (t) => {
  const worker = start(t, 'values.mjs')
  const json = new PlumpQueue({ name: 'json', codec: 'json' })
  t.teardown(() => json.close())
  await worker.acall('repeat', 'json', { codec: 'json' })
  json.broadcast({ at: new Date(0), list: [1, null] })
  t.deepEqual(json.get(30_000), { at: '1970-01-01T00:00:00.000Z', list: [1, null] })
})

test.serial(
  'an event that can not be decoded is reported, and those behind it arrive',
  async (t) => {
    const worker = start(t, 'bus.mjs')
    const reported: { code?: string }[] = []
    const bus = new PlumpQueue({
      name: 'mixed',
      // Takes what the structured codec of the worker makes of 'good', and nothing else.
      codec: {
        ...codec,
        decode(bytes) {
          if (!Buffer.from(bytes).includes('good')) throw new Error('unreadable')
          return 'good'
        },
      },
      onError: (error) => reported.push(error as { code?: string }),
    })
    t.teardown(() => bus.close())
    const say = async () => {
      for (const event of ['bad', 'good']) await worker.acall('sayOn', 'mixed', event)
    }
    await say()
    const blocking: unknown[] = []
    bus.setupListener((event) => {
      blocking.push(event)
      return false
    })
    t.deepEqual(blocking, ['good'])
    t.deepEqual(
      reported.map(({ code }) => code),
      ['ERR_PLUMP_CODEC'],
    )

    await say()
    t.throws(() => bus.get(30_000), { code: 'ERR_PLUMP_CODEC' })
    t.is(bus.get(30_000), 'good')

    const heard: unknown[] = []
    bus.setupAsyncListener((event) => heard.push(event))
    await say()
    t.true(await until(() => heard.length > 0))
    t.deepEqual(heard, ['good'])
    t.is(reported.length, 2)
  },
)
