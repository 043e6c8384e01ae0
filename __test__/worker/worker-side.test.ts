import test from 'ava'
import { join } from 'node:path'
import { packageRoot } from '../../src/package-root.js'
import { causeOf, fixture, start } from '../start.js'
import { codec } from '../fixtures/own-codec.mjs'

test.serial('json carries what JSON can say', async (t) => {
  const echo = start(t, 'echo.mjs', { codec: 'json' })
  t.deepEqual(await echo.acall('echo', { a: [1, 'ä', null, true] }), { a: [1, 'ä', null, true] })
  t.deepEqual(echo.call('echo', { at: new Date(0) }), { at: '1970-01-01T00:00:00.000Z' })
  t.is(await echo.acall('echo'), undefined)
})

test.serial("a codec of the user's own, given in the worker by useCodec", async (t) => {
  const echo = start(t, 'uses-own-codec.mjs', { codec })
  t.deepEqual(await echo.acall('echo', { a: [1, 2] }), { a: [1, 2] })
  t.deepEqual(echo.call('echo', 'text'), 'text')
  const [thrown] = await Promise.allSettled([echo.acall('fail', { why: 1 })])
  t.deepEqual(thrown, { status: 'rejected', reason: { why: 1 } })
})

test.serial("a codec of the user's own, given to the worker by codecModule", async (t) => {
  const echo = start(t, 'echo.mjs', { codec, codecModule: fixture('own-codec.mjs') })
  t.deepEqual(await echo.acall('echo', { a: [1, 2] }), { a: [1, 2] })
})

test.serial(
  'a worker that does not know the codec fails to start, and says what to do',
  async (t) => {
    const error = await t.throwsAsync(start(t, 'echo.mjs', { codec }).ready(), {
      code: 'ERR_PLUMP_START_FAILED',
    })
    t.is(causeOf(error).code, 'ERR_PLUMP_CODEC_MISMATCH')
    const other = await t.throwsAsync(start(t, 'uses-own-codec.mjs').ready())
    t.is(causeOf(other).code, 'ERR_PLUMP_CODEC_MISMATCH')
  },
)

test.serial('a codecModule without a codec fails the start', async (t) => {
  const error = await t.throwsAsync(
    start(t, 'echo.mjs', { codec, codecModule: fixture('math.mjs') }).ready(),
  )
  t.is(causeOf(error).code, 'ERR_PLUMP_CODEC')
})

const clumsy = (name: string, change: object) => ({
  ...codec,
  name: codec.name,
  ...change,
  was: name,
})

test.serial('a codec that throws or returns garbage in the host settles the call', async (t) => {
  const boom = () => {
    throw new Error('codec')
  }
  for (const change of [{ encode: boom }, { encode: () => 7 }, { encode: () => undefined }]) {
    const echo = start(t, 'echo.mjs', {
      codec: clumsy('encodes badly', change) as never,
      codecModule: fixture('own-codec.mjs'),
    })
    await t.throwsAsync(echo.acall('echo', 1), { code: 'ERR_PLUMP_CODEC' })
    t.throws(() => echo.call('echo', 1), { code: 'ERR_PLUMP_CODEC' })
  }
  const echo = start(t, 'echo.mjs', {
    codec: clumsy('decodes badly', { decode: boom }) as never,
    codecModule: fixture('own-codec.mjs'),
  })
  const error = await t.throwsAsync(echo.acall('echo', 1), { code: 'ERR_PLUMP_CODEC' })
  t.is(causeOf(error).message, 'codec')
})

test.serial('a codec that decodes the arguments to something else settles the call', async (t) => {
  const echo = start(t, 'echo.mjs', {
    codec: clumsy('encodes a number', { encode: () => '7' }) as never,
    codecModule: fixture('own-codec.mjs'),
  })
  await t.throwsAsync(echo.acall('echo', 1), { code: 'ERR_PLUMP_CODEC' })
})

test.serial(
  'a starting worker loads no more of Node and of this package than it needs',
  async (t) => {
    const worker = start(t, 'loaded.mjs')
    const loaded = (await worker.acall('loaded')) as string[]
    for (const name of ['crypto', 'net', 'worker_threads'])
      t.false(loaded.includes(`NativeModule ${name}`), name)
    const files = loaded.filter((name) => name.startsWith(packageRoot))
    t.deepEqual(files, [join(packageRoot, 'dist', 'worker.cjs')])
    t.deepEqual(await worker.acall('variables'), ['PLUMP_IPC_DEPTH'])
  },
)
