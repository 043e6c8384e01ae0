import test from 'ava'
import { loadBinding } from '../src/native.js'

test('the addon is found, and loaded from where it was found', (t) => {
  const { binding, path } = loadBinding(undefined)
  t.is(typeof binding.open, 'function')
  t.regex(path ?? '', /\.node$/)
  const again = loadBinding(path)
  t.is(again.path, path)
  t.is(typeof again.binding.open, 'function')
})

test('an addon that is not where it was said to be is searched for', (t) => {
  const { binding, path } = loadBinding('/nowhere/at/all.node')
  t.is(typeof binding.submit, 'function')
  t.is(path, loadBinding(undefined).path)
})
