import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ProcessFailed, root } from './process.js'

const SHOWN_LINES = 300

/** A step failed and has printed why. */
export class StepFailed extends Error {}

/**
 * Runs one step as one line: its title, then `ok`, the note that `work` gave and how long it took.
 * A failure prints the output of the process that failed and throws StepFailed.
 *
 * @param {string} title
 * @param {() => unknown} work may resolve with `{ note }`, a few words
 */
export async function step(title, work) {
  const begun = performance.now()
  const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`
  process.stdout.write(`${title} … `)
  try {
    const note = (await work())?.note
    console.log(note === undefined ? `ok (${seconds()})` : `ok, ${note} (${seconds()})`)
  } catch (error) {
    console.log(`FAILED (${seconds()})`)
    console.log(details(title, error))
    throw new StepFailed(title, { cause: error })
  }
}

/**
 * Takes every step, also after one has failed.
 *
 * @param {Array<() => Promise<void>>} steps
 * @returns {Promise<number>} how many failed
 */
export async function takeAll(steps) {
  let failed = 0
  for (const take of steps) {
    await take().catch((error) => {
      if (!(error instanceof StepFailed)) throw error
      failed += 1
    })
  }
  return failed
}

function details(title, error) {
  if (!(error instanceof ProcessFailed))
    return error instanceof Error ? error.message : String(error)
  const output = stripVTControlCharacters(error.output).trimEnd()
  const lines = output.split('\n')
  if (lines.length <= SHOWN_LINES) return `${output}\n${error.message}`
  const log = join(root, 'target/logs', `${title.replaceAll(/[^a-z0-9]+/gi, '-')}.log`)
  mkdirSync(join(root, 'target/logs'), { recursive: true })
  writeFileSync(log, output)
  // The first failures and the summary: what stands between them is in the file.
  const half = SHOWN_LINES / 2
  const left = `[${lines.length - SHOWN_LINES} lines left out; all of them are in ${log}]`
  return [...lines.slice(0, half), left, ...lines.slice(-half), error.message].join('\n')
}
