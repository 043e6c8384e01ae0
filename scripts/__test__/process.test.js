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

test('a process that is told to end ends what it runs, then itself', async (t) => {
  t.timeout(30_000)
  const script = JSON.stringify(new URL('../process.js', import.meta.url).href)
  const program = `
    import { run } from ${script}
    const child = "console.log('up'); setTimeout(() => {}, 60_000)"
    setTimeout(() => process.kill(process.pid, 'SIGTERM'), 700)
    await run(process.execPath, ['-e', child]).catch(() => {})
    console.log('went on')
    setTimeout(() => {}, 60_000)
  `
  const error = await t.throwsAsync(run(process.execPath, ['--input-type=module', '-e', program]), {
    message: /was ended by SIGTERM$/,
  })
  t.false(error.output.includes('went on'))
})

test('a process that leaves another behind fails, and the other is ended', async (t) => {
  t.timeout(60_000)
  const program = `
    const forAMinute = 'setTimeout(() => {}, 60_000)'
    require('node:child_process').spawn(process.execPath, ['-e', forAMinute], { stdio: 'inherit' }).unref()
  `
  await t.throwsAsync(node(program), { message: /left processes behind$/ })
})
