import test from 'ava'
import { ProcessFailed, run } from '../process.js'

const node = (program, options) => run(process.execPath, ['-e', program], options)

test('a process that ends well gives all that it printed', async (t) => {
  const printed = await node('console.log("out"); console.error("aside")')
  t.is(printed.stdout, 'out\n')
  t.is(printed.output.length, 'out\naside\n'.length)
})

test('a process that fails rejects with its output and its exit code', async (t) => {
  const error = await t.throwsAsync(node('console.error("why"); process.exitCode = 3'), {
    instanceOf: ProcessFailed,
    message: /exited with 3$/,
  })
  t.is(error.output, 'why\n')
})

test('a tool that is not installed rejects and says so', async (t) => {
  await t.throwsAsync(run('plump-no-such-tool', []), { message: /could not be started/ })
})

test('a process over its limit is ended together with what it started', async (t) => {
  // The grandchild holds the pipes that `run` reads to their end: while it lives, nothing is rejected.
  t.timeout(30_000)
  const program = `
    const forAMinute = 'setTimeout(() => {}, 60_000)'
    require('node:child_process').spawn(process.execPath, ['-e', forAMinute], { stdio: 'inherit' })
    eval(forAMinute)
  `
  await t.throwsAsync(node(program, { limitMs: 1_500 }), { message: /took longer than 1\.5 s$/ })
})
