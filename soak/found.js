// What a part of a run writes down: what it has found, and files in a folder that goes with it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of a flood the first will do. */
const MOST = 20

/** How often a part says how far it is. */
export const SAY_EVERY_MS = 30_000

/** What notes a violation in that list. */
export const complainsTo = (violations) => (text) => isFull(violations) || violations.push(text)

/** Whether so much was found that going on tells nothing more. */
export const isFull = (violations) => violations.length >= MOST

/** Runs `work` with a folder that is there as long. */
export async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'plump-soak-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
