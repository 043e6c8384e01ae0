// Whether the machine was quiet: what else ran while something was measured, and what a hypervisor took away. Linux
// only; elsewhere the readings are undefined and a result says nothing about it.
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

const TICK_MS = 10
const KERNEL_THREAD = 0x00200000
const PROBE_MS = 500
/** Above these a measurement counts as disturbed, in percent of one CPU. */
const MOST_OTHERS_PERCENT = 5
const MOST_STEAL_PERCENT = 2
/** A run is called quiet when no more than this share of its measurements were disturbed. */
const MOST_DISTURBED_SHARE = 0.05

/**
 * Begins to watch. The returned function ends it and says, in percent of one CPU (so two busy CPUs are 200):
 * `othersPercent`, what processes outside of `group` and this one have used; `busyPercent`, what all have used, those
 * of other containers included, which `othersPercent` cannot see; `stealPercent`, what the hypervisor gave to others.
 */
export function watchOthers() {
  const before = read()
  const began = performance.now()
  if (before === undefined) return () => undefined
  return (group) => {
    const ms = performance.now() - began
    const after = read()
    const percent = (ticks) => Number(((Math.max(0, ticks) * TICK_MS * 100) / ms).toFixed(1))
    return {
      ms: Math.round(ms),
      othersPercent: percent(usedByOthers(after, group) - usedByOthers(before, group)),
      busyPercent: percent(after.busy - before.busy),
      stealPercent: percent(after.steal - before.steal),
    }
  }
}

/** The machine while nothing is measured: load average and, for half a second, what runs. */
export async function lookAround() {
  const end = watchOthers()
  await sleep(PROBE_MS)
  return { loadAverage: os.loadavg().map((value) => Number(value.toFixed(2))), ...end() }
}

/**
 * Sums up a run.
 *
 * @param readings what `watchOthers` said of each measurement
 * @returns what the result keeps, or undefined where nothing could be read
 */
export function summariseQuiet(before, after, readings) {
  const known = readings.filter((reading) => reading !== undefined)
  if (known.length === 0) return undefined
  const total = known.reduce((sum, { ms }) => sum + ms, 0)
  const mean = (field) =>
    Number((known.reduce((sum, each) => sum + each[field] * each.ms, 0) / total).toFixed(2))
  const most = (field) => Math.max(...known.map((each) => each[field]))
  const disturbed = known.filter(isDisturbed).length
  return {
    quiet: disturbed / known.length <= MOST_DISTURBED_SHARE,
    measurements: known.length,
    disturbed,
    othersPercent: mean('othersPercent'),
    mostOthersPercent: most('othersPercent'),
    stealPercent: mean('stealPercent'),
    mostStealPercent: most('stealPercent'),
    before,
    after,
  }
}

export function isDisturbed({ othersPercent, stealPercent }) {
  return othersPercent > MOST_OTHERS_PERCENT || stealPercent > MOST_STEAL_PERCENT
}

/** One sentence for people. */
export function sayQuiet(summary) {
  if (summary === undefined) return 'Whether the machine was quiet is not known on this system.'
  const { before, after } = summary
  return (
    `The machine was ${summary.quiet ? 'quiet' : 'NOT QUIET'}: load ${before.loadAverage[0]} before, ` +
    `${after.loadAverage[0]} after (the benchmark itself counts); while it measured, other processes used ` +
    `${summary.othersPercent} % of one CPU (at most ${summary.mostOthersPercent} %), the hypervisor took ` +
    `${summary.stealPercent} % (at most ${summary.mostStealPercent} %); ` +
    `${summary.disturbed} of ${summary.measurements} measurements were disturbed.`
  )
}

/** @returns what every process has used so far, and the CPUs; undefined without /proc */
function read() {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)[0]
      .split(/\s+/)
      .map(Number)
    const processes = new Map()
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const process = readProcess(name)
      if (process !== undefined) processes.set(Number(name), process)
    }
    return { processes, busy: user + nice + system + irq + softirq, steal }
  } catch {
    return undefined
  }
}

function readProcess(pid) {
  let text
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field may hold blanks, so count from its closing bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if ((Number(fields[6]) & KERNEL_THREAD) !== 0) return undefined
  // With what its children had used when it waited for them: a process that ends hands its time to its parent, so the
  // sum over all processes loses nothing.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return { group: Number(fields[2]), ticks }
}

function usedByOthers({ processes }, group) {
  let sum = 0
  for (const [pid, process] of processes) {
    if (pid !== globalThis.process.pid && process.group !== group) sum += process.ticks
  }
  return sum
}
