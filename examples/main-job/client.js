// The client: requests at a fixed rate whether or not the earlier ones were answered. A client that
// waits for each answer would send almost nothing while the server is blocked, and so hide it.

import { Agent, get } from 'node:http'

/** One request every so many milliseconds: dense enough to see a block of 10 ms, and cheap. */
export const REQUEST_INTERVAL_MS = 5

// While the server is blocked requests pile up. This many are on the wire at most, the others wait
// in the client, and their waiting counts as latency too.
const MAX_SOCKETS = 64

/**
 * @typedef {object} Samples
 * @property {number[]} sentAtMs milliseconds since the client started, in the order of the answers
 * @property {number[]} latencyMs from sending to the last byte of the answer
 * @property {number[]} lateMs how much later than planned this client sent: its own disturbance
 * @property {number} failed requests that ended without an answer
 */

/** @param {number} port on loopback */
export function startClient(port) {
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: MAX_SOCKETS })
  /** @type {Samples} */
  const samples = { sentAtMs: [], latencyMs: [], lateMs: [], failed: 0 }
  const started = performance.now()
  const elapsedMs = () => performance.now() - started
  let dueMs = 0
  let waiting = 0
  /** @type {(() => void) | undefined} */
  let onIdle

  function request() {
    const sentAtMs = elapsedMs()
    let open = true
    waiting += 1
    /** @param {boolean} answered */
    const finish = (answered) => {
      if (!open) return
      open = false
      waiting -= 1
      if (answered) {
        samples.sentAtMs.push(sentAtMs)
        samples.latencyMs.push(elapsedMs() - sentAtMs)
      } else {
        samples.failed += 1
      }
      if (waiting === 0) onIdle?.()
    }
    get({ host: '127.0.0.1', port, agent }, (response) => {
      response.resume()
      response.once('end', () => finish(true))
      response.once('close', () => finish(false))
    }).once('error', () => finish(false))
  }

  function tick() {
    // Late ticks make up for what they missed, so that the number of requests depends on time alone.
    for (; dueMs <= elapsedMs(); dueMs += REQUEST_INTERVAL_MS) {
      samples.lateMs.push(elapsedMs() - dueMs)
      request()
    }
    timer = setTimeout(tick, Math.ceil(dueMs - elapsedMs()))
  }
  let timer = setTimeout(tick, 0)

  return {
    elapsedMs,
    /** Requests sent and not answered yet. */
    waiting: () => waiting,
    /**
     * Sends no more, waits for the answers that are still missing, closes the connections.
     * @returns {Promise<Samples>}
     */
    async stop() {
      clearTimeout(timer)
      if (waiting > 0) await /** @type {Promise<void>} */ (new Promise((done) => (onIdle = done)))
      agent.destroy()
      return samples
    },
  }
}
