import test from 'ava'
import { avaCounts, cargoCounts } from '../counts.js'

test('cargo: the results of all crates and doc tests are added up', (t) => {
  const output = `
running 3 tests
test frame::round_trips ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s
`
  t.deepEqual(cargoCounts(output), { passed: 13, failed: 2, skipped: 1 })
})

test('cargo: what does not compile counts nothing', (t) => {
  t.deepEqual(cargoCounts('error[E0425]: cannot find value'), { passed: 0, failed: 0, skipped: 0 })
})

test('ava: a green run says how many passed', (t) => {
  const output = '\n  ✔ bus › arrives in order (120ms)\n  ✔ errors\n  ─\n\n  2 tests passed\n'
  t.deepEqual(avaCounts(output), { passed: 2, failed: 0, skipped: 0 })
})

test('ava: in a red run those that passed are counted by their marks, colours or not', (t) => {
  const output = `
  \u001B[32m✔\u001B[39m bus › arrives in order
  ✔ errors › keep their class
  ✘ [fail]: calls › settle
  - calls › skipped one
  ─

  calls › settle

  Value is not truthy

  ─

  1 test failed
  1 test skipped
  1 uncaught exception
`
  t.deepEqual(avaCounts(output), { passed: 2, failed: 2, skipped: 1 })
})

test('ava: a test that never ends is a failure', (t) => {
  const output =
    '  ✔ a\n  ✘ Timed out while running tests\n  ─\n\n  1 test passed\n  3 tests remained pending after a timeout\n'
  t.deepEqual(avaCounts(output), { passed: 1, failed: 3, skipped: 0 })
})
