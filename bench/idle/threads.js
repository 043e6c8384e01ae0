// What the kernel counts for a process and each of its threads.
//
// Reads /proc/<pid>/stat (utime + stime, in clock ticks) and /proc/<pid>/task/<tid>/{comm,stat,status}.

import { readdirSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** @typedef {{ tid: number, name: string, cpuMs: number, voluntary: number, involuntary: number }} Thread */

/**
 * Every thread of a process, with what it has used since it was made.
 *
 * @param {number} pid
 * @returns {Thread[]}
 */
export function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const of = (/** @type {string} */ file) =>
      readFileSync(`/proc/${pid}/task/${tid}/${file}`, 'utf8')
    const status = of('status')
    return {
      tid: Number(tid),
      name: of('comm').trim(),
      cpuMs: cpuMs(of('stat')),
      voluntary: counted(status, 'voluntary_ctxt_switches'),
      involuntary: counted(status, 'nonvoluntary_ctxt_switches'),
    }
  })
}

/** @param {string} stat */
function cpuMs(stat) {
  // The name stands in parentheses and may hold anything; what follows begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond
}

/**
 * @param {string} status
 * @param {string} name
 */
function counted(status, name) {
  return Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(status)?.[1] ?? NaN)
}

/**
 * What each thread did between two readings. A thread that came or went in between has worked, so it is listed too.
 *
 * @param {Thread[]} before
 * @param {Thread[]} after
 * @returns {(Thread & { note?: string })[]}
 */
export function difference(before, after) {
  const earlier = new Map(before.map((thread) => [thread.tid, thread]))
  const now = new Set(after.map((thread) => thread.tid))
  const gone = before.filter((thread) => !now.has(thread.tid))
  return [
    ...after.map((thread) => {
      const then = earlier.get(thread.tid)
      if (then === undefined) return { ...thread, note: 'began meanwhile' }
      return {
        ...thread,
        cpuMs: thread.cpuMs - then.cpuMs,
        voluntary: thread.voluntary - then.voluntary,
        involuntary: thread.involuntary - then.involuntary,
      }
    }),
    ...gone.map((thread) => ({ ...thread, note: 'ended meanwhile' })),
  ]
}
