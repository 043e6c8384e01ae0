// How many tests ran, read off what the test runners themselves say.

import { stripVTControlCharacters } from 'node:util'

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

/** Adds up every `test result:` line of cargo test: one per crate, test file and set of doc tests. */
export function cargoCounts(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const line = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm
  for (const [, passed, failed, ignored] of stripVTControlCharacters(output).matchAll(line)) {
    counts.passed += Number(passed)
    counts.failed += Number(failed)
    counts.skipped += Number(ignored)
  }
  return counts
}

/** Reads the summary of ava's default reporter. Everything that makes ava fail counts as a failure. */
export function avaCounts(output) {
  const text = stripVTControlCharacters(output)
  const number = (pattern) => Number(new RegExp(`^\\s*(\\d+) ${pattern}`, 'm').exec(text)?.[1] ?? 0)
  // The number of those that passed stands there only when none failed.
  const passed = number('tests? passed') || [...text.matchAll(/^\s*[✔√] /gm)].length
  const failed = [
    'tests? failed',
    'hooks? failed',
    'uncaught exceptions?',
    'unhandled rejections?',
    'tests? remained pending',
  ]
  return {
    passed,
    failed: failed.reduce((sum, pattern) => sum + number(pattern), 0),
    skipped: number('tests? skipped') + number('tests? todo') + number('known failures?'),
  }
}
