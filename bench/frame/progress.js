/** One line that is rewritten on a terminal; a line for every finished measurement elsewhere. */
export function createProgress(total, stream = process.stderr) {
  const started = Date.now()
  let done = 0
  const rewrite = stream.isTTY === true
  return {
    step(text) {
      done++
      const elapsed = (Date.now() - started) / 1000
      const left = (elapsed / done) * (total - done)
      const line = `[${done}/${total}, about ${clock(left)} left] ${text}`
      if (rewrite) stream.write(`\r\x1b[2K${line.slice(0, (stream.columns ?? 100) - 1)}`)
      else stream.write(`${line}\n`)
    },
    end() {
      if (rewrite) stream.write('\r\x1b[2K')
    },
  }
}

function clock(seconds) {
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
