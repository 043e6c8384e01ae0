import test from 'ava'
import { createRequire } from 'node:module'
import { plump, plumpBus } from '../src/index.js'
import { once } from '../src/shared.js'

test('both builds and the sources share what there is once in a process', async (t) => {
  const commonjs = createRequire(import.meta.url)('../cjs/index.js') as Record<string, unknown>
  const esm = (await import(new URL('../dist/index.js', import.meta.url).href)) as Record<
    string,
    unknown
  >
  t.is(commonjs['plump'], plump)
  t.is(esm['plump'], plump)
  t.is(esm['plumpBus'], plumpBus)
  t.is(commonjs['plumpBus'], plumpBus)
})

test('the same module loaded again under another URL shares too', async (t) => {
  const again = (await import(new URL('../dist/index.js?again', import.meta.url).href)) as Record<
    string,
    unknown
  >
  t.is(again['plump'], plump)
})

test('a thing is made by whoever asks first', (t) => {
  t.is(
    once('a test', () => 1),
    once('a test', () => 2),
  )
})
