// Which files the job works on: a walk through a directory, in an order that does not depend on the
// file system, up to a budget of bytes.

import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from './options.js'

// No file may take more of the budget than this: a directory often begins with one enormous bundle,
// and a run over that alone would show little.
const LARGEST_SHARE = 1 / 6

/** Where the walk gives up, so that `/` does not keep it busy for minutes. */
const MAX_ENTRIES = 200_000

/**
 * @typedef {object} FileList
 * @property {{ path: string, bytes: number }[]} files in sorted order
 * @property {{ files: number, bytes: number }} leftOut JavaScript that did not fit into the budget
 * @property {number} unreadable directories and files that could not be looked at
 * @property {boolean} complete false when the walk met more than MAX_ENTRIES entries
 */

/**
 * Only regular files whose names end in .js, .mjs or .cjs; no symbolic link is followed.
 *
 * @param {string} root
 * @param {number} budgetBytes
 * @returns {Promise<FileList>}
 * @throws {UsageError} when there is no such directory, or nothing in it to work on
 */
export async function listFiles(root, budgetBytes) {
  const info = await stat(root).catch((/** @type {NodeJS.ErrnoException} */ error) => {
    if (error.code === 'ENOENT') throw new UsageError(`There is no directory ${root}.`)
    throw new UsageError(`The directory ${root} cannot be read: ${error.message}.`)
  })
  if (!info.isDirectory()) throw new UsageError(`${root} is not a directory.`)

  /** @type {FileList} */
  const list = { files: [], leftOut: { files: 0, bytes: 0 }, unreadable: 0, complete: true }
  let leftBytes = budgetBytes
  let entries = 0

  // A stack instead of recursion; each directory's entries are pushed in reverse, so they come off
  // in order.
  const stack = [{ path: root, directory: true }]
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    if ((entries += 1) > MAX_ENTRIES) {
      list.complete = false
      break
    }
    const { path } = entry
    try {
      if (entry.directory) {
        const found = await readdir(path, { withFileTypes: true })
        found.sort((a, b) => (a.name < b.name ? 1 : -1))
        for (const one of found) {
          const wanted = one.isFile() && /\.[cm]?js$/.test(one.name)
          if (!wanted && !one.isDirectory()) continue
          stack.push({ path: join(path, one.name), directory: one.isDirectory() })
        }
      } else {
        const { size } = await lstat(path)
        if (size <= leftBytes && size <= budgetBytes * LARGEST_SHARE) {
          list.files.push({ path, bytes: size })
          leftBytes -= size
        } else {
          list.leftOut.files += 1
          list.leftOut.bytes += size
        }
      }
    } catch {
      list.unreadable += 1
    }
  }

  if (list.files.length > 0) return list
  if (list.leftOut.files === 0) {
    throw new UsageError(`There are no .js, .mjs or .cjs files in ${root}.`)
  }
  throw new UsageError(
    `None of the ${list.leftOut.files} JavaScript files in ${root} fits into the budget of ` +
      `${budgetBytes} bytes (one file may take a sixth of it): give a larger --budget-bytes.`,
  )
}
