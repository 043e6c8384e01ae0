import { readFileSync, readdirSync } from 'node:fs'

const TICKS_PER_SECOND = 100
const MILLISECONDS_PER_TICK = 1000 / TICKS_PER_SECOND

/**
 * CPU time in ms that the processes `pids` have used so far, all threads.
 * The scheduler's own account (nanoseconds) where the kernel keeps it, else /proc/PID/stat, whose
 * tick of 10 ms is coarse for short runs.
 */
export function cpuTimeMs(pids) {
  let total = 0
  for (const pid of new Set(pids)) total += scheduledMs(pid) ?? statMs(pid)
  return total
}

function scheduledMs(pid) {
  let sum = 0
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    }
  } catch {
    return undefined
  }
  return sum === 0 ? undefined : sum / 1e6
}

function statMs(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field may hold blanks, so count from its closing bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MILLISECONDS_PER_TICK
}
