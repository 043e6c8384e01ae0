import { cargo } from './cargo.js'
import { checks } from './checks.js'
import { avaCounts, cargoCounts } from './counts.js'
import { buildForRunning, checkDrift } from './generated.js'
import { install } from './install.js'
import { binary, run } from './process.js'
import { step, StepFailed, takeAll } from './step.js'

/**
 * Installs, builds and runs everything, goes on after a failure, and closes with `N passed, M failed` alone on a
 * line: tests of cargo and of ava, plus one failure for every other step that failed.
 *
 * @param {string[]} avaArguments test files or flags for ava alone
 */
export async function test(avaArguments) {
  let passed = 0
  let failed = 0
  try {
    await install()
    await buildForRunning()
    const { types, oxlint, prettier, publint, rustfmt, clippy, bodies } = checks
    const looks = [checkDrift, types, oxlint, prettier, publint, rustfmt, clippy, bodies]
    failed += await takeAll(looks)

    const testRust = () => cargo('test', '--workspace', '--no-fail-fast')
    const testTypeScript = () => run(process.execPath, [binary('ava'), ...avaArguments])
    for (const counts of [
      await runTests('cargo test', testRust, cargoCounts),
      await runTests('ava', testTypeScript, avaCounts),
    ]) {
      passed += counts.passed
      failed += counts.failed
    }
  } catch (error) {
    // Without an install or a build there is nothing to test.
    if (!(error instanceof StepFailed)) console.error(error)
    failed += 1
  }

  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

async function runTests(title, runner, counted) {
  let counts
  try {
    await step(title, async () => {
      counts = counted((await runner()).output)
      if (counts.passed === 0) throw new Error('No test was run.')
      const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
      return { note: `${counts.passed} passed${skipped}` }
    })
    return counts
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    counts = counted(error.cause.output ?? '')
    // At least one: it may have failed beside its tests, by not compiling, crashing or taking too long.
    return { ...counts, failed: Math.max(counts.failed, 1) }
  }
}
