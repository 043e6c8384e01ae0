// Every workload in the order of the tables. Each is a file of that name in workloads/.
//
// needs      what a peer must offer, one of the list (see peers.js)
// cases      named parameter sets; `regime` says how processes are placed on CPUs
// figure     the metric that the table compares, its unit and which way is better
// beside     a second metric for the table, with its unit, and which way is better where a goal is about it
// variants   variants of plump-ipc that run here too
// floor      a floor that is measured beside the peers
// python     true if python/measure.py knows the workload
// goals      what the project wants to reach; frame/goals.js has the grammar
// run        measures one case for one peer: resolves to an object of metrics

export const WORKLOADS = [
  'call-roundtrip',
  'acall-sequential',
  'acall-in-flight',
  'burst',
  'small-objects',
  'nested-objects',
  'buffer-to-worker',
  'buffer-moved',
  'buffer-from-worker',
  'bus-to-host',
  'bus-to-workers',
  'two-pairs',
  'cold-calls',
  'cpu-time',
  'loop-delay',
  'start',
  'memory',
  'spawn-blocking',
  'handlers',
  'mixed',
  'keyed',
  'pool-width',
  'cancel-storm',
]

/** The check of the adapters runs as a workload too, but never in the table. */
const CHECK = 'check'

export async function loadWorkload(name) {
  if (name !== CHECK && !WORKLOADS.includes(name)) {
    throw new Error(`no workload '${name}'; there are: ${WORKLOADS.join(', ')}`)
  }
  return (await import(`./workloads/${name}.js`)).default
}
