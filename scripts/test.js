import { cargo } from './cargo.js'
import { filesOverEveryChannel } from './channels.js'
import { checks } from './checks.js'
import { avaCounts, cargoCounts } from './counts.js'
import { buildForRunning, checkDrift } from './generated.js'
import { install } from './install.js'
import { binary, run } from './process.js'
import { step, StepFailed, takeAll } from './step.js'

/**
 * Installs, builds and runs everything, goes on after a failure, and closes with `N passed, M failed` alone on a
 * line: tests of cargo and of ava, plus one failure for every other step that failed. The tests of ava that start
 * workers run once over each kind of channel, and count each time.
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
    const testTypeScript = (args, env) => () =>
      run(process.execPath, [binary('ava'), ...args], { env })
    const results = [
      await runTests('cargo test', testRust, cargoCounts),
      await runTests('ava', testTypeScript(avaArguments), avaCounts),
    ]
    if (hasAnotherChannel()) {
      const args = avaArguments.length > 0 ? avaArguments : filesOverEveryChannel()
      const env = { PLUMP_TEST_CHANNEL: 'pipe' }
      results.push(await runTests('ava, calls over pipes', testTypeScript(args, env), avaCounts))
    }
    failed += await takeAll([smokeRunBenchmarks])
    for (const counts of results) {
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

/** Every benchmark of the core once, so that none of them rots: without `--bench` criterion measures nothing. */
function smokeRunBenchmarks() {
  return step('benchmarks of the core, each once', () =>
    cargo('test', '--quiet', '--package', 'plump-core', '--benches'),
  )
}

/** Calls take the fastest channel there is; here that is a ring, and a pipe is what they fall back to. */
function hasAnotherChannel() {
  return process.platform === 'linux' && process.env.PLUMP_TEST_CHANNEL === undefined
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
