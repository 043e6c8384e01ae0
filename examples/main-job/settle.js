// Turns the job's outcome for one file into a plain record, the same in both ways: what can be
// compared, counted and sent to the process that prints.

import { createHash } from 'node:crypto'
import { relative } from 'node:path'

/**
 * @typedef {{ path: string, bytesIn: number, bytesOut: number, sha256: string }} Done
 * @typedef {{ path: string, problem: string }} Failed
 * @typedef {Done | Failed} Outcome
 */

/**
 * @param {string} path
 * @param {() => Promise<import('./job.js').Compressed>} run
 * @param {(error: unknown) => boolean} [isFatal] errors that are not about this file
 * @returns {Promise<Outcome>}
 */
export async function settle(path, run, isFatal = () => false) {
  try {
    const { bytesIn, output } = await run()
    const sha256 = createHash('sha256').update(output).digest('hex')
    return { path, bytesIn, bytesOut: output.length, sha256 }
  } catch (error) {
    if (isFatal(error)) throw error
    return { path, problem: describe(error) }
  }
}

/** @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return String(error)
  // terser's errors carry the place as own properties; they arrive from a worker as well.
  const { line, col } = /** @type {{ line?: unknown, col?: unknown }} */ (error)
  const place = typeof line === 'number' ? ` (line ${line}, column ${col})` : ''
  return `${error.message}${place}`
}

/**
 * One line a file whose outcome differs between the two ways; empty when all are the same.
 *
 * @param {Outcome[]} inProcess
 * @param {Outcome[]} offloaded
 * @param {string} root paths are printed relative to it
 */
export function differences(inProcess, offloaded, root) {
  const others = new Map(offloaded.map((outcome) => [outcome.path, outcome]))
  const lines = []
  for (const one of inProcess) {
    const other = others.get(one.path)
    others.delete(one.path)
    const [left, right] = [summary(one), other ? summary(other) : 'missing']
    if (left !== right) lines.push(`${relative(root, one.path)}: ${left}, offloaded ${right}`)
  }
  for (const path of others.keys()) lines.push(`${relative(root, path)}: only offloaded`)
  return lines
}

/** @param {Outcome} outcome */
function summary(outcome) {
  if ('problem' in outcome) return outcome.problem
  return `${outcome.bytesOut} bytes, SHA-256 ${outcome.sha256}`
}
