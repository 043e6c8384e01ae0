import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const BLOCK_BYTES = 512
const MIB = 1 << 20

/** A full garbage collection; the flag is set late, so that no child inherits it. */
export function collectGarbage() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  setFlagsFromString('--no-expose-gc')
}

/** Proportional set size in MiB: shared pages count once, split over those who map them. */
export function pssMiB(pid) {
  return rollup(pid, 'Pss')
}

/**
 * What the processes `pids` take together, in MiB: their proportional set sizes, and all of their shared memory that
 * the kernel has allocated. The latter because PSS knows only the pages that a process has touched, while memory that
 * was reserved is gone all the same.
 */
export function familyMiB(pids) {
  const processes = [...new Set(pids)]
  const sum = (of) => processes.reduce((total, pid) => total + of(pid), 0)
  const shared = sharedMiB(processes)
  const counted = sum((pid) => rollup(pid, 'Pss_Shmem'))
  return { memory: sum(pssMiB) + Math.max(0, shared - counted), shared }
}

/** Every memory file that one of the processes has open, once. */
function sharedMiB(pids) {
  const blocks = new Map()
  for (const pid of pids) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${fd}`
      try {
        if (!readlinkSync(path).startsWith('/memfd:')) continue
        const file = statSync(path)
        blocks.set(file.ino, file.blocks)
      } catch (error) {
        // Closed since the folder was read: the descriptor of the reading itself, for one.
        if (error.code !== 'ENOENT') throw error
      }
    }
  }
  let sum = 0
  for (const each of blocks.values()) sum += each
  return (sum * BLOCK_BYTES) / MIB
}

function rollup(pid, field) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)[1]) / 1024
}
