// main.js's hold on the measured process: starts it, orders the work, ends it by its id.

import { fork } from 'node:child_process'
import { once } from 'node:events'

// The offloading server closes its workers when it is told to end; one that does not answer is
// killed after this time, and its workers end themselves with it.
const END_GRACE_MS = 1_000

/**
 * @typedef {object} ServerProcess
 * @property {number} port
 * @property {(order: Omit<import('./server.js').Order, 'way'>,
 *   onDone: (done: { files: number, bytes: number }) => void) => Promise<import('./server.js').Report>} work
 */

/** @type {(() => Promise<void>) | undefined} */
let endCurrent

/**
 * @param {import('./server.js').Way} way
 * @returns {Promise<ServerProcess>} when it listens
 */
export async function startServer(way) {
  const child = fork(new URL('./server.js', import.meta.url), { execArgv: [] })
  const exited = once(child, 'exit')
  endCurrent = async () => {
    endCurrent = undefined
    // In process the loop may be busy for seconds and there is nobody else to end: no grace.
    child.kill(way === 'in-process' ? 'SIGKILL' : 'SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), END_GRACE_MS)
    await exited.catch(() => {})
    clearTimeout(timer)
  }

  /** @type {(message: import('./server.js').Message) => void} */
  let receive = () => {}
  child.on('message', (message) => receive(/** @type {import('./server.js').Message} */ (message)))
  /** @type {Promise<never>} */
  const lost = exited.then(([code, signal]) => {
    throw new Error(`The server process ended before its time (${signal ?? `exit code ${code}`}).`)
  })
  lost.catch(() => {})

  const port = await Promise.race([
    lost,
    /** @type {Promise<number>} */ (
      new Promise((resolve) => {
        receive = (message) => 'port' in message && resolve(message.port)
      })
    ),
  ])

  return {
    port,
    work: (order, onDone) =>
      Promise.race([
        lost,
        /** @type {Promise<import('./server.js').Report>} */ (
          new Promise((resolve, reject) => {
            receive = (message) => {
              if ('done' in message) onDone(message.done)
              else if ('report' in message) resolve(message.report)
              else if ('failure' in message) reject(new Error(message.failure))
            }
            child.send({ way, ...order })
          })
        ),
      ]),
  }
}

/** Ends the server that runs, if one does, and resolves when it is gone. */
export async function endServer() {
  await endCurrent?.()
}
