import test from 'ava'
import { didYouMean, nearest } from '../src/did-you-mean.js'

test('a swapped, missing, doubled or wrong letter is forgiven', (t) => {
  const names = ['resize', 'rotate', 'toGrey']
  for (const wrong of ['reszie', 'resiz', 'ressize', 'resixe', 'RESIZE'])
    t.is(nearest(wrong, names), 'resize')
  t.is(nearest('togray', names), 'toGrey')
})

test('the nearest of several wins', (t) => {
  t.is(nearest('load2', ['load', 'load1', 'loads']), 'load')
  t.is(nearest('lo4d', ['lord', 'load', 'loud']), 'lord')
})

test('what is like nothing gets no suggestion', (t) => {
  t.is(nearest('x', ['resize', 'rotate']), undefined)
  t.is(nearest('encodeVideo', ['resize', 'rotate']), undefined)
  t.is(didYouMean('encodeVideo', []), '')
})

test('a short name may be wrong in one letter', (t) => {
  t.is(didYouMean('ad', ['add']), " Did you mean 'add'?")
  t.is(didYouMean('ade', ['add']), " Did you mean 'add'?")
})

test('names of a kilobyte cost no more than their first letters', (t) => {
  t.is(nearest('a'.repeat(1_024), ['b'.repeat(1_024)]), undefined)
})
