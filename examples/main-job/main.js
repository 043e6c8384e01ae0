// The main job on real input: the same heavy work over real files twice, once in the process of an
// HTTP server and once offloaded to plump workers, seen through the eyes of a client.
//
// This process starts the server (server.js, a child), requests from it (client.js) and prints. It
// never does heavy work itself: so its measurements are its own, Ctrl-C works at any moment, and the
// time limit holds. What is worth copying is in offloaded.js and job.js.

import { mkdir, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { REQUEST_INTERVAL_MS, startClient } from './client.js'
import { listFiles } from './files.js'
import { distribution } from './measure.js'
import { help, parseOptions, UsageError } from './options.js'
import { latencyPlot } from './plot.js'
import { startProgress } from './progress.js'
import { endServer, startServer } from './server-process.js'
import { differences } from './settle.js'
import { milliseconds, PROMPT_MS, resultTable } from './table.js'

// Before the work starts the client requests alone: a short time that is thrown away, in which
// connections are made and code is compiled, then one that shows what an idle server answers like.
const WARM_UP_MS = 500
const IDLE_MS = 1_000

// The first way may take this part of the time limit; what it has not begun by then is left out of
// both. On a busy machine the second way can take twice as long and still end in time.
const TIME_GUARD_SHARE = 1 / 4

/** More bad files than this are only counted. */
const MAX_PROBLEMS_SHOWN = 8

/** @typedef {import('./table.js').WayResult & { idleMs: number[], lateMs: number[],
 *   sentAtMs: number[], latencies: number[] }} Measured */

let ending = false

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => end(128 + constants.signals[signal], `Ended by ${signal}.`))
}
// Whoever read the output is gone (`npm start | head`): nothing left to do.
process.stdout.on('error', () => end(1))

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(help)
  else await run(options)
} catch (error) {
  if (error instanceof UsageError) await end(2, error.message)
  else await end(1, error instanceof Error ? error.message : String(error))
}

/** @param {import('./options.js').Options} options */
async function run({ directory, budgetBytes, timeLimitMs, plot }) {
  const watchdog = setTimeout(() => {
    const message = `Not done after the time limit of ${timeLimitMs / 1000} s, so it was ended.`
    void end(124, `${message} A smaller --budget-bytes makes it shorter.`)
  }, timeLimitMs)

  const list = await listFiles(directory, budgetBytes)
  const paths = list.files.map((file) => file.path)
  const sizes = new Map(list.files.map((file) => [file.path, file.bytes]))
  printFiles(directory, budgetBytes, list)

  const inProcess = await measure('in-process', paths, sizes, timeLimitMs * TIME_GUARD_SHARE)
  // What the time guard left out of the first way is left out of the second, so that both do the same.
  const donePaths = paths.slice(0, inProcess.report.outcomes.length)
  if (donePaths.length < paths.length) {
    print(`Left out by the time guard: ${paths.length - donePaths.length} files.`)
  }
  const offloaded = await measure('offloaded', donePaths, sizes, Infinity)

  printProblems(directory, inProcess.report.outcomes)
  print('')
  print(resultTable(inProcess, offloaded))
  print('')
  printMethod(inProcess, offloaded)
  const same = printComparison(directory, inProcess, offloaded)
  await writePlot(plot, inProcess, offloaded)
  clearTimeout(watchdog)
  if (!same) await end(1)
}

/**
 * One way, from a fresh server to its end.
 *
 * @param {import('./server.js').Way} way
 * @param {string[]} paths
 * @param {Map<string, number>} sizes
 * @param {number} timeGuardMs
 * @returns {Promise<Measured>}
 */
async function measure(way, paths, sizes, timeGuardMs) {
  const server = await startServer(way)
  const client = startClient(server.port)
  await sleep(WARM_UP_MS)
  const idleFrom = client.elapsedMs()
  await sleep(IDLE_MS)

  const workFrom = client.elapsedMs()
  const bytes = paths.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0)
  const progress = startProgress({
    stream: process.stdout,
    title: way === 'in-process' ? 'in process' : 'offloaded ',
    total: { files: paths.length, bytes },
    waiting: client.waiting,
  })
  const report = await server.work({ paths, timeGuardMs }, progress.update).finally(progress.end)
  const workTo = client.elapsedMs()
  const samples = await client.stop()
  await endServer()

  /** @type {number[]} */
  const idleMs = []
  /** @type {number[]} */
  const sentAtMs = []
  /** @type {number[]} */
  const latencies = []
  samples.sentAtMs.forEach((at, index) => {
    const latency = samples.latencyMs[index] ?? 0
    if (at >= workFrom && at <= workTo) {
      sentAtMs.push(at - workFrom)
      latencies.push(latency)
    } else if (at >= idleFrom && at < workFrom) {
      idleMs.push(latency)
    }
  })
  return {
    report,
    requests: latencies.length,
    failedRequests: samples.failed,
    latencyMs: distribution(latencies),
    promptShare: latencies.filter((ms) => ms <= PROMPT_MS).length / Math.max(1, latencies.length),
    idleMs,
    lateMs: samples.lateMs,
    sentAtMs,
    latencies,
  }
}

/**
 * @param {string} directory
 * @param {number} budgetBytes
 * @param {import('./files.js').FileList} list
 */
function printFiles(directory, budgetBytes, list) {
  const bytes = list.files.reduce((sum, file) => sum + file.bytes, 0)
  print(`JavaScript in ${directory}: ${list.files.length} files, ${size(bytes)}.`)
  const { leftOut } = list
  const budget = `the budget of ${size(budgetBytes)} (a sixth of it for one file)`
  if (leftOut.files > 0) {
    const atLeast = list.complete ? '' : 'at least '
    print(`Left out by ${budget}: ${atLeast}${leftOut.files} files, ${size(leftOut.bytes)}.`)
  } else {
    print(`Nothing was left out by ${budget}.`)
  }
  if (!list.complete) print('The directory is so large that not all of it was looked through.')
  if (list.unreadable > 0) print(`Could not be looked at: ${list.unreadable} files or directories.`)
}

/**
 * @param {string} directory
 * @param {import('./settle.js').Outcome[]} outcomes
 */
function printProblems(directory, outcomes) {
  const bad = outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome] : []))
  if (bad.length === 0) return
  print(`\n${bad.length} files could not be minified and were passed over:`)
  for (const { path, problem } of bad.slice(0, MAX_PROBLEMS_SHOWN)) {
    print(`  ${relative(directory, path)}: ${problem}`)
  }
  if (bad.length > MAX_PROBLEMS_SHOWN) print(`  and ${bad.length - MAX_PROBLEMS_SHOWN} more`)
}

/**
 * @param {Measured} inProcess
 * @param {Measured} offloaded
 */
function printMethod(inProcess, offloaded) {
  const idle = distribution([...inProcess.idleMs, ...offloaded.idleMs])
  const late = distribution([...inProcess.lateMs, ...offloaded.lateMs])
  print(
    `A request is sent every ${REQUEST_INTERVAL_MS} ms, whether or not the earlier ones were ` +
      `answered. For comparison, the server with nothing\nelse to do: p50 ` +
      `${milliseconds(idle.p50)}, p99 ${milliseconds(idle.p99)}. The client itself, a process of ` +
      `its own, was late by ${milliseconds(late.p99)} (p99), ${milliseconds(late.max)} (max).\n` +
      `The loop's delay is sampled whenever the loop turns, which flatters a loop that seldom does.`,
  )
}

/**
 * @param {string} directory
 * @param {Measured} inProcess
 * @param {Measured} offloaded
 */
function printComparison(directory, inProcess, offloaded) {
  const different = differences(inProcess.report.outcomes, offloaded.report.outcomes, directory)
  if (different.length === 0) {
    const files = inProcess.report.outcomes.length
    print(`Outputs of both ways: the same, byte for byte, for all ${files} files (SHA-256).`)
    return true
  }
  print(`Outputs of both ways: DIFFERENT for ${different.length} files:`)
  for (const line of different) print(`  ${line}`)
  return false
}

/**
 * @param {string} path
 * @param {Measured} inProcess
 * @param {Measured} offloaded
 */
async function writePlot(path, inProcess, offloaded) {
  /**
   * @param {Measured} way
   * @param {string} title
   * @param {string} color
   */
  const panel = (way, title, color) => ({
    title,
    color,
    sentAtMs: way.sentAtMs,
    latencyMs: way.latencies,
    latency: way.latencyMs,
    wallMs: way.report.wallMs,
  })
  const workers = offloaded.report.pids.length
  const svg = latencyPlot({
    title: `How long an HTTP request takes while ${inProcess.report.outcomes.length} JavaScript files are minified`,
    subtitle: `Each dot is one request, one every ${REQUEST_INTERVAL_MS} ms. The shaded time is that of the work.`,
    panels: [
      panel(inProcess, "Work in the server's process", '#c2410c'),
      panel(
        offloaded,
        `Work offloaded to ${workers} plump worker${workers === 1 ? '' : 's'}`,
        '#1d4ed8',
      ),
    ],
    idleP50Ms: distribution([...inProcess.idleMs, ...offloaded.idleMs]).p50,
  })
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, svg)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`The plot cannot be written: ${reason}`, { cause: error })
  }
  print(`Plot of request latency over time: ${path}`)
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** @param {string} text */
function print(text) {
  process.stdout.write(`${text}\n`)
}

/**
 * Ends the server and everything under it, then this process.
 *
 * @param {number} code
 * @param {string} [message]
 */
async function end(code, message) {
  if (ending) return
  ending = true
  await endServer()
  if (message) process.stderr.write(`${process.stdout.isTTY && code > 2 ? '\n' : ''}${message}\n`)
  process.exit(code)
}
