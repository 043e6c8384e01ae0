import { PEERS } from '../peers.js'
import { loadWorkload, WORKLOADS } from '../workloads.js'

/**
 * The cases to run, each with the peers that take part.
 * @param peers names, or undefined for all
 * @param workloads names or `name@case`, or undefined for all
 */
export async function planCases({ peers, workloads }) {
  const planned = []
  for (const name of WORKLOADS) {
    const wanted = (workloads ?? [name]).filter((entry) => entry.split('@')[0] === name)
    if (wanted.length === 0) continue
    const workload = await loadWorkload(name)
    for (const entry of wanted) {
      const only = entry.split('@')[1]
      if (only !== undefined && !workload.cases.some((each) => each.name === only)) {
        const known = workload.cases.map((each) => each.name).join(', ')
        throw new Error(`workload '${name}' has no case '${only}'; it has: ${known}`)
      }
      for (const each of workload.cases) {
        if (only !== undefined && each.name !== only) continue
        if (planned.some((plan) => plan.workload === workload && plan.case === each)) continue
        planned.push({ workload, case: each, peers: takePart(workload, peers) })
      }
    }
  }
  return planned
}

function takePart(workload, wanted) {
  return [...PEERS.values()]
    .filter((peer) => {
      if (peer.kind === 'floor') return peer.name === workload.floor
      if (peer.variant && !(workload.variants ?? []).includes(peer.name)) return false
      if (peer.name === 'python-plumpipc' && !workload.python) return false
      if (!workload.needs.some((need) => peer.offers.includes(need))) return false
      if (wanted === undefined || wanted.includes(peer.name)) return true
      return peer.variant && wanted.includes('plump-ipc')
    })
    .map((peer) => peer.name)
}
