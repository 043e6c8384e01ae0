// Which processes a run has started and not ended yet.

import { subscribe } from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'

/** In the environment of every process of a run. */
export const MARK = 'PLUMP_SOAK_RUN'

/** Counts the workers of this process: how many there were, most at once, how many live. */
export function countWorkers() {
  const counts = { started: 0, most: 0, live: new Set(), exited: [], spared: new Set() }
  subscribe('plump-ipc:worker:spawn', ({ pid }) => {
    counts.started++
    counts.live.add(pid)
    counts.most = Math.max(counts.most, counts.live.size)
  })
  subscribe('plump-ipc:worker:exit', ({ pid, signal, expected }) => {
    counts.live.delete(pid)
    counts.exited.push({ pid, signal, expected })
  })
  // It was to be ended because of a call, which stopped in time: it finishes what it has.
  subscribe('plump-ipc:worker:retire', ({ pid, reason }) => {
    if (reason === 'cancelled') counts.spared.add(pid)
  })
  return counts
}

/** Ids of live processes that carry the mark, but for this one. Where there is no /proc nothing is found. */
export function processesOf(mark) {
  let names = []
  try {
    names = readdirSync('/proc')
  } catch {
    // Another system than Linux.
  }
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => isMarked(name, mark))
    .map(Number)
}

function isMarked(pid, mark) {
  try {
    // Of a process that waits to be reaped it is empty.
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${MARK}=${mark}`)
  } catch {
    return false
  }
}
