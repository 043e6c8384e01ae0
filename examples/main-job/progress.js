// The progress bar. On a terminal it is one line that is drawn again and again; elsewhere a line
// every few seconds, so that a log stays short.

const REDRAW_MS = 100
const LOG_MS = 3_000
const BAR_CELLS = 24

/**
 * @param {object} options
 * @param {NodeJS.WriteStream} options.stream
 * @param {string} options.title
 * @param {{ files: number, bytes: number }} options.total
 * @param {() => number} options.waiting requests without an answer right now
 */
export function startProgress({ stream, title, total, waiting }) {
  const started = performance.now()
  let done = { files: 0, bytes: 0 }

  function line() {
    const share = total.bytes > 0 ? Math.min(1, done.bytes / total.bytes) : 1
    const full = Math.round(share * BAR_CELLS)
    const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
    const percent = `${Math.floor(share * 100)} %`.padStart(5)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    return (
      `${title} ${bar} ${percent}  ${done.files}/${total.files} files  ${seconds} s  ` +
      `waiting requests: ${waiting()}`
    )
  }

  function draw() {
    if (!stream.isTTY) return void stream.write(`${line()}\n`)
    // Cut to the width: a line that wraps could not be drawn over.
    stream.write(`\r\x1b[K${line().slice(0, Math.max(1, (stream.columns || 80) - 1))}`)
  }

  const timer = setInterval(draw, stream.isTTY ? REDRAW_MS : LOG_MS)
  return {
    /** @param {{ files: number, bytes: number }} now */
    update(now) {
      done = now
    },
    /** Draws it for the last time and goes to the next line. */
    end() {
      clearInterval(timer)
      draw()
      if (stream.isTTY) stream.write('\n')
    },
  }
}
