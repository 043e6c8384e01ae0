import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The regimes of the latency workloads, as the pair (CPU of the host, CPU of the worker). */
const CPUS = { apart: [0, 1], 'one-cpu': [0, 0] }

/**
 * Pins this process and the worker of `session` as `regime` says.
 * `identity` is the worker's answer to the command of that name. A worker that is a process is
 * pinned with all its threads, one that is a thread alone.
 */
export function pin(regime, identity) {
  const cpus = CPUS[regime]
  if (cpus === undefined) return
  if (process.platform !== 'linux') throw new Error('pinning needs Linux')
  if (regime === 'apart' && availableParallelism() < 2) throw new Error('needs two CPUs')
  taskset(['-acp', String(cpus[0]), String(process.pid)])
  if (identity.pid !== process.pid) {
    taskset(['-acp', String(cpus[1]), String(identity.pid)])
  } else {
    if (identity.tid === undefined) throw new Error('the worker thread is not known to the kernel')
    taskset(['-cp', String(cpus[1]), String(identity.tid)])
  }
}

function taskset(args) {
  const { error, status, stderr } = spawnSync('taskset', args, { encoding: 'utf8' })
  if (error) throw new Error(`taskset is missing: ${error.message}`)
  if (status !== 0) throw new Error(`taskset ${args.join(' ')}: ${stderr.trim()}`)
}
