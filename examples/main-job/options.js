// The command line.

import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/**
 * 5 MB of JavaScript took 12 s in one process on a quiet virtual machine with 2 cores, and about as
 * long offloaded: a machine that is twice as slow still does it all. From there on the time guard
 * keeps the whole run under the limit: it gives the first way a quarter of it, and leaves the rest of
 * the files out.
 */
const DEFAULT_BUDGET_BYTES = 5_000_000

/** Everything together must end before this, or is ended. */
const DEFAULT_TIME_LIMIT_S = 120

const DEFAULT_DIRECTORY = fileURLToPath(new URL('../../node_modules', import.meta.url))
const DEFAULT_PLOT = fileURLToPath(new URL('./out/latency.svg', import.meta.url))

/** A wrong command line or a directory that cannot be used: one sentence, exit code 2. */
export class UsageError extends Error {}

export const help = `Minifies and compresses real JavaScript twice, in the process of an HTTP server and offloaded to
plump workers, while a client keeps requesting, and compares what the client saw.

  npm start [-- [options] [DIR]]
  node examples/main-job/main.js [options] [DIR]

  DIR                 directory with .js, .mjs or .cjs files (default: what npm installed)
  --budget-bytes N    how many bytes of them to take at most (default: ${DEFAULT_BUDGET_BYTES})
  --time-limit-s N    ends everything after so many seconds (default: ${DEFAULT_TIME_LIMIT_S})
  --plot FILE         where the SVG plot goes (default: examples/main-job/out/latency.svg)
  --help              this text

Exit code: 0 done, 1 failed or the outputs differ, 2 wrong use, 124 time limit, 130 Ctrl-C.
`

/**
 * @typedef {object} Options
 * @property {boolean} help
 * @property {string} directory absolute
 * @property {number} budgetBytes
 * @property {number} timeLimitMs
 * @property {string} plot absolute path
 */

/**
 * @param {string[]} args
 * @returns {Options}
 * @throws {UsageError}
 */
export function parseOptions(args) {
  const { values, positionals } = parse(args)
  if (positionals.length > 1) {
    throw new UsageError(`One directory can be given, got ${positionals.length}.`)
  }
  return {
    help: values.help ?? false,
    directory: resolve(positionals[0] ?? DEFAULT_DIRECTORY),
    budgetBytes: wholeNumber(
      '--budget-bytes',
      values['budget-bytes'] ?? String(DEFAULT_BUDGET_BYTES),
      Number.MAX_SAFE_INTEGER,
    ),
    timeLimitMs:
      1000 *
      wholeNumber(
        '--time-limit-s',
        values['time-limit-s'] ?? String(DEFAULT_TIME_LIMIT_S),
        // One day: a larger one would overflow the timer.
        24 * 60 * 60,
      ),
    plot: resolve(values.plot ?? DEFAULT_PLOT),
  }
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        'budget-bytes': { type: 'string' },
        'time-limit-s': { type: 'string' },
        plot: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    const [sentence] = (error instanceof Error ? error.message : String(error)).split(/\.\s/)
    throw new UsageError(`${sentence}; --help lists the options.`)
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {number} max
 */
function wholeNumber(name, text, max) {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= 1 && value <= max) return value
  throw new UsageError(`${name} takes a whole number from 1 to ${max}, got '${text}'.`)
}
