// The job on one file, shared by both ways: called directly in the server's process, and, because
// this module is given to `spawn()`, a command of every plump worker.

import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliCompress } from 'node:zlib'
import { plumpBus } from 'plump-ipc'
import { minify } from 'terser'

// The asynchronous form, which computes on libuv's threads: it is the best that the in-process way
// can do. Minifying has no such form; it is the part that blocks.
const brotli = promisify(brotliCompress)

/**
 * @typedef {object} Progress One file is through, whether it parsed or not.
 * @property {number} bytes of its source
 * @property {number} pid the process that did it
 */

/**
 * @typedef {object} Compressed
 * @property {number} bytesIn
 * @property {Uint8Array} output
 */

/**
 * Minifies one JavaScript file, then compresses it with brotli at its default quality.
 *
 * @param {string} path
 * @param {(progress: Progress) => void} [report] by default a broadcast on the bus; a call from
 *   another process cannot bring a function along, so a worker always takes the default
 * @returns {Promise<Compressed>}
 * @throws {SyntaxError} terser's own, when the file does not parse
 */
export async function compress(path, report = (progress) => plumpBus.broadcast(progress)) {
  const source = await readFile(path)
  try {
    const { code = '' } = await minify(source.toString('utf8'), { module: path.endsWith('.mjs') })
    return { bytesIn: source.length, output: await brotli(code) }
  } finally {
    report({ bytes: source.length, pid: process.pid })
  }
}
