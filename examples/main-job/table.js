// The result as a table, both ways side by side.

/**
 * @typedef {object} WayResult what one way came to
 * @property {import('./server.js').Report} report
 * @property {number} requests answered while the work went on
 * @property {number} failedRequests
 * @property {import('./measure.js').Distribution} latencyMs
 * @property {number} promptShare of the requests answered within PROMPT_MS, 0 to 1
 */

/** A request answered within this time is called prompt: nobody notices it. */
export const PROMPT_MS = 50

/**
 * @param {WayResult} inProcess
 * @param {WayResult} offloaded
 */
export function resultTable(inProcess, offloaded) {
  /**
   * @param {string} label
   * @param {(way: WayResult) => number} value
   * @param {(value: number) => string} format
   * @param {boolean} [compared]
   */
  const row = (label, value, format, compared = false) => {
    const [left, right] = [value(inProcess), value(offloaded)]
    return [label, format(left), format(right), compared ? ratio(left, right) : '']
  }
  const workers = offloaded.report.pids.length
  const done = (/** @type {WayResult} */ way) =>
    way.report.outcomes.flatMap((outcome) => ('problem' in outcome ? [] : [outcome]))
  const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0)

  return layOut([
    ['', 'in process', `offloaded, ${workers} worker${workers === 1 ? '' : 's'}`, 'ratio'],
    row('files done', (way) => done(way).length, count),
    row('files reported as bad', (way) => way.report.outcomes.length - done(way).length, count),
    row('bytes in', (way) => sum(done(way).map((file) => file.bytesIn)), count),
    row('bytes out', (way) => sum(done(way).map((file) => file.bytesOut)), count),
    row('progress updates', (way) => way.report.progressUpdates, count),
    row('wall time', (way) => way.report.wallMs, milliseconds, true),
    row('requests served', (way) => way.requests, count),
    row('requests failed', (way) => way.failedRequests, count),
    row(`answered within ${PROMPT_MS} ms`, (way) => way.promptShare, percent),
    row('request latency p50', (way) => way.latencyMs.p50, milliseconds, true),
    row('request latency p99', (way) => way.latencyMs.p99, milliseconds, true),
    row('request latency max', (way) => way.latencyMs.max, milliseconds, true),
    row('event-loop delay p50', (way) => way.report.eventLoopDelayMs.p50, milliseconds, true),
    row('event-loop delay p99', (way) => way.report.eventLoopDelayMs.p99, milliseconds, true),
    row('event-loop delay max', (way) => way.report.eventLoopDelayMs.max, milliseconds, true),
  ])
}

/**
 * The first row is the heading; the first column stands left, the others right.
 *
 * @param {string[][]} rows
 */
function layOut(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('   ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('───'))
  return lines.join('\n')
}

/** @param {number} value */
const count = (value) => value.toLocaleString('en-US')

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`

/** @param {number} value */
export function milliseconds(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  if (value >= 1_000) return `${(value / 1000).toFixed(2)} s`
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`
}

/**
 * @param {number} left
 * @param {number} right
 */
function ratio(left, right) {
  if (!(right > 0) || !(left > 0)) return '–'
  const value = left / right
  return `${value >= 9.95 ? count(Math.round(value)) : value.toFixed(value >= 0.995 ? 1 : 2)} ×`
}
