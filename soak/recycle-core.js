// As recycle.js, with workers that are the core's test program: a start takes milliseconds, so 100,000 of them take minutes.
// What is looked at stands in crates/plump-core/tests/recycling.rs.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from './found.js'

const ROOT = new URL('..', import.meta.url)
/** What a line says of how far it is. */
const PROGRESS = /^ {2}\d+ of \d+ in /

/** The pools that calls wait for, by the test of each. */
export const pools = {
  plain: 'each_call_has_a_process_of_its_own',
  spare: 'each_call_has_a_process_of_its_own_with_a_spare',
  four: 'each_call_has_a_process_of_its_own_among_four',
  mixed: 'seven_calls_a_process_with_keys_and_priorities',
}

export function recycleCore(options) {
  return inFolder((folder) => recycleIn(join(folder, 'figures'), options))
}

async function recycleIn(file, { channel, variant, calls, seed, violations, say }) {
  const over = channel === 'ring' ? 'over_rings' : 'over_pipes'
  const test = `${over}::${pools[variant]}`
  const words = ['test', '--release', '-p', 'plump-core', '--test', 'recycling', '--']
  // If this part is ended, run.js ends what it has left: everything carries the mark of the run.
  const cargo = spawn('cargo', [...words, '--exact', test, '--nocapture'], {
    cwd: ROOT,
    env: {
      ...process.env,
      PLUMP_RECYCLING_CALLS: String(calls),
      PLUMP_RECYCLING_SEED: String(seed),
      PLUMP_RECYCLING_FIGURES: file,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let last = ''
  cargo.stderr.setEncoding('utf8').on('data', (text) => {
    for (const line of text.split('\n')) if (PROGRESS.test(line)) say(line.trim())
    last = (last + text).slice(-2_000)
  })
  const how = await new Promise((resolve) => {
    cargo.on('error', resolve)
    cargo.on('close', (code, signal) => resolve(signal ?? code))
  })
  if (how !== 0) {
    violations.push(`${test} ended: ${how}\n${last}`)
    return undefined
  }
  return JSON.parse(readFileSync(file, 'utf8'))
}
