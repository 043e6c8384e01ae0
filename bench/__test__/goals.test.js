import test from 'ava'
import { judgeGoals } from '../frame/goals.js'

const workload = (goals) => ({
  name: 'work',
  figure: { metric: 'perSecond', unit: 'calls/s', better: 'higher' },
  beside: { metric: 'p99', unit: 'µs', better: 'lower' },
  goals,
})

const summariesOf = (peers) => new Map([['case', new Map(Object.entries(peers))]])

const summaries = summariesOf({
  'plump-ipc': { figure: 1000, beside: 50 },
  'plump-ipc-pipe': { figure: 5000, beside: 1 },
  'worker-threads': { figure: 400, beside: 90 },
  'fork-json': { figure: 200, beside: 20 },
  local: { figure: 9000, beside: 1 },
  piscina: { error: 'not installed' },
})

const judge = (goal) => judgeGoals(workload([{ case: 'case', ...goal }]), summaries)

test('a goal is judged against the best peer, which no floor and no variant of ours is', (t) => {
  t.like(judge({ against: 'best-peer', times: 2.5 }), [{ reached: true }])
  t.like(judge({ against: 'best-peer', times: 2.6 }), [{ reached: false }])
  t.regex(judge({ against: 'best-peer', times: 1 })[0].text, /best-peer \(worker-threads\)/)
})

test('a goal against pools is not judged by bare threads', (t) => {
  const both = summariesOf({
    'plump-ipc': { figure: 1000, beside: 50 },
    'worker-threads': { figure: 2000, beside: 1 },
    'tinypool-threads': { figure: 500, beside: 100 },
    'poolifier-processes': { figure: 300, beside: 90 },
  })
  const [rate] = judgeGoals(workload([{ case: 'case', against: 'best-pool', times: 2 }]), both)
  t.true(rate.reached)
  t.regex(rate.text, /best-pool \(tinypool-threads\)/)
})

test('a goal about the second metric looks for the best peer by that metric', (t) => {
  const [goal] = judge({ against: 'best-peer', times: 1, beside: true })
  t.regex(goal.text, /p99: 0\.4 × best-peer \(fork-json\)/)
  t.false(goal.reached)
})

test('a goal against a peer without a figure is not judged', (t) => {
  t.deepEqual(judge({ against: 'piscina', times: 1 }), [])
})
