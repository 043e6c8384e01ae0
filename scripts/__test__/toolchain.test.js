import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { root } from '../process.js'

const require = createRequire(import.meta.url)

/** Runs `npm test`'s script with these fake tools as the only ones on PATH. */
function runWith(t, tools) {
  const folder = mkdtempSync(join(tmpdir(), 'plump-toolchain-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, answer] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 })
  }
  return spawnSync(process.execPath, [join(root, 'scripts/run.cjs'), 'test'], {
    encoding: 'utf8',
    env: { PATH: folder },
    timeout: 60_000,
  })
}

// The fake tools are shell scripts.
const onUnix = process.platform === 'win32' ? () => {} : test

onUnix('a machine without Rust is told so in one sentence, before anything is installed', (t) => {
  const { status, stdout, stderr } = runWith(t, {})
  t.is(status, 1)
  t.is(stdout, '')
  t.regex(stderr, /^plump-ipc needs Rust 1\.88 or newer .*no working `cargo` was found.*\.\n$/)
})

onUnix('a machine with cargo and no compiler is told which of the two is missing', (t) => {
  const { status, stderr } = runWith(t, { cargo: 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)' })
  t.is(status, 1)
  t.regex(stderr, /no working `rustc` was found/)
})

onUnix('a Rust that is too old is named with its version', (t) => {
  const { status, stderr } = runWith(t, {
    cargo: 'cargo 1.95.0 (f2d3ce0bd 2026-03-21)',
    rustc: 'rustc 1.87.0 (17067e9ac 2025-05-09)',
  })
  t.is(status, 1)
  t.regex(stderr, /^plump-ipc needs Rust 1\.88 or newer .*this is rustc 1\.87\.0: .*\.\n$/)
})

test('a Node that is too old is named with its version, and nothing is asked about Rust', (t) => {
  const { problem } = require('../toolchain.cjs')
  t.regex(
    problem({ node: '18.20.8' }),
    /^plump-ipc needs Node 20\.17 or newer, and this is Node 18\.20\.8: /,
  )
  t.regex(problem({ node: '20.16.0' }), /this is Node 20\.16\.0/)
  t.regex(problem({ node: '9.11.2' }), /this is Node 9\.11\.2/)
  t.is(problem({ node: '20.17.0' }), undefined)
  t.is(problem({ node: '30.0.0' }), undefined)
})
