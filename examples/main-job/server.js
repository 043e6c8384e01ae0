// The process that is measured: an HTTP server on loopback which, once told to, does the work in one
// of the two ways. It is a child of main.js, so that the client there is never blocked by it, and so
// that Ctrl-C ends it at once even in the middle of a file. Each way gets a fresh one.

import { createServer } from 'node:http'
import { watchEventLoopDelay } from './measure.js'

/**
 * @typedef {'in-process' | 'offloaded'} Way
 * @typedef {{ way: Way, paths: string[], timeGuardMs: number }} Order what main.js sends, once
 * @typedef {object} Report what main.js gets at the end of the work
 * @property {import('./settle.js').Outcome[]} outcomes in the order of the paths
 * @property {number} wallMs from the order to the last outcome, loading and starting included
 * @property {import('./measure.js').Distribution} eventLoopDelayMs
 * @property {number} progressUpdates
 * @property {number[]} pids of the processes that did the work
 * @typedef {{ port: number } | { done: { files: number, bytes: number } } | { report: Report }
 *   | { failure: string }} Message
 */

const modules = {
  'in-process': () => import('./in-process.js'),
  offloaded: () => import('./offloaded.js'),
}

const done = { files: 0, bytes: 0 }
/** @type {() => Promise<void>} */
let stopWork = async () => {}

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(done))
})
// A blocked server must look slow, not broken: without this Node would close idle and late
// connections as soon as it gets a turn, and the client would count errors instead of waiting.
server.keepAliveTimeout = 0
server.headersTimeout = 0
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') send({ port: address.port })
})

process.once('message', (order) => {
  run(/** @type {Order} */ (order)).then(
    (report) => send({ report }),
    (error) => send({ failure: error instanceof Error ? String(error.stack) : String(error) }),
  )
})

// A terminal sends Ctrl-C to every process of the job; here it is for main.js to decide.
process.on('SIGINT', () => {})
process.once('SIGTERM', end)
process.once('disconnect', end)

/**
 * @param {Order} order
 * @returns {Promise<Report>}
 */
async function run({ way, paths, timeGuardMs }) {
  const started = performance.now()
  const stopWatching = watchEventLoopDelay()
  const pids = new Set()
  let progressUpdates = 0
  const { work, stop } = await modules[way]()
  stopWork = stop
  const outcomes = await work(
    paths,
    ({ bytes, pid }) => {
      progressUpdates += 1
      pids.add(pid)
      done.files += 1
      done.bytes += bytes
      send({ done })
    },
    () => performance.now() - started > timeGuardMs,
  )
  const wallMs = performance.now() - started
  const eventLoopDelayMs = await stopWatching()
  return { outcomes, wallMs, eventLoopDelayMs, progressUpdates, pids: [...pids] }
}

async function end() {
  await stopWork().catch(() => {})
  process.exit(0)
}

/** @param {Message} message */
function send(message) {
  // The callback takes the error of a channel that main.js has already closed: 'disconnect' says it.
  process.send?.(message, undefined, undefined, () => {})
}
