import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { root } from '../process.js'

/** Runs a small module beside scripts/step.js; resolves with what it printed. */
function printed(program) {
  const source = `
    import { step, takeAll } from ${JSON.stringify(join(root, 'scripts/step.js'))}
    import { run } from ${JSON.stringify(join(root, 'scripts/process.js'))}
    ${program}
  `
  const args = ['--input-type=module', '-e', source]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }).stdout
}

test('a step is one line with its note', (t) => {
  t.regex(
    printed(`await step('bake', () => ({ note: '3 loaves' }))`),
    /^bake … ok, 3 loaves \(\d+\.\d s\)\n$/,
  )
})

test('a step that fails shows what its process printed, and the steps after it are taken all the same', (t) => {
  const program = `
    const failed = await takeAll([
      () => step('bake', () => run(process.execPath, ['-e', 'console.log("too hot"); process.exit(2)'])),
      () => step('eat', () => {}),
    ])
    console.log(failed)
  `
  t.regex(
    printed(program),
    /^bake … FAILED \(.* s\)\ntoo hot\n.* exited with 2\neat … ok \(.* s\)\n1\n$/s,
  )
})
