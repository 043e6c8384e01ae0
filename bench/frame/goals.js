// What a workload's `goals` mean. `peer` is plump-ipc unless said.
//
//   { case, against, times }      `times` as good as `against` (0.8: four fifths as good)
//   { …, againstCase }            compared with that case instead of the same one
//   { case, against, plus }       at most `against`'s figure plus that, in the figure's unit
//   { case, atMost } { case, atLeast }  a fixed bound, in the figure's unit
//   { …, beside: true }           about the workload's second metric instead of its figure
//
// `against` is a peer's name, 'best-peer', 'best-process' or 'best-pool'.
import { isPool, PEERS } from '../peers.js'

/**
 * @param summaries a Map from case name to a Map from peer name to { figure }
 * @returns one { text, reached } per goal that can be judged
 */
export function judgeGoals(workload, summaries) {
  const judged = []
  for (const goal of workload.goals) {
    const peer = goal.peer ?? 'plump-ipc'
    const peers = summaries.get(goal.case)
    const compared = goal.beside ? 'beside' : 'figure'
    const own = peers?.get(peer)?.[compared]
    if (own === undefined) continue
    const { metric, unit, better } = workload[compared]
    const label = `${workload.name}@${goal.case} ${peer}${goal.beside ? `, ${metric}` : ''}`
    if (goal.atMost !== undefined) {
      const text = `${label}: ${show(own)} ${unit}, at most ${goal.atMost}`
      judged.push({ text, reached: own <= goal.atMost })
      continue
    }
    if (goal.atLeast !== undefined) {
      const text = `${label}: ${show(own)} ${unit}, at least ${goal.atLeast}`
      judged.push({ text, reached: own >= goal.atLeast })
      continue
    }
    const others = summaries.get(goal.againstCase ?? goal.case)
    const other = others && findPeer(goal.against, others, compared, better)
    if (other === undefined) continue
    const rival = goal.againstCase ? `${other.name}@${goal.againstCase}` : other.name
    const named = goal.against.startsWith('best-') ? `${goal.against} (${rival})` : rival
    if (goal.plus !== undefined) {
      const most = other.figure + goal.plus
      const text = `${label}: ${show(own)} ${unit}, at most ${named} + ${goal.plus} = ${show(most)}`
      judged.push({ text, reached: own <= most })
      continue
    }
    const times = advantage(own, other.figure, better)
    const text = `${label}: ${show(times)} × ${named}, at least ${show(goal.times)}`
    judged.push({ text, reached: times >= goal.times })
  }
  return judged
}

/** How many times better `own` is than `other`. */
export function advantage(own, other, better) {
  return better === 'lower' ? other / own : own / other
}

function findPeer(against, peers, compared, better) {
  if (!against.startsWith('best-')) {
    const figure = peers.get(against)?.[compared]
    return figure === undefined ? undefined : { name: against, figure }
  }
  let best
  for (const [name, { [compared]: figure }] of peers) {
    const peer = PEERS.get(name)
    if (figure === undefined || peer.kind === 'floor' || name.startsWith('plump-ipc')) continue
    if (against === 'best-process' && peer.kind !== 'process') continue
    if (against === 'best-pool' && !isPool(name)) continue
    if (best === undefined || advantage(figure, best.figure, better) > 1) best = { name, figure }
  }
  return best
}

function show(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
