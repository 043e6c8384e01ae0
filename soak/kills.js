// Calls that are given up just when they settle: by a signal, by `runMs` and `timeoutMs`, with so little grace that workers are
// ended for them while the next call has begun there. Each call settles once and by what happened to it; nobody is blamed who
// had settled.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { spawn } from '../dist/index.js'
import { complainsTo, inFolder, isFull, SAY_EVERY_MS } from './found.js'

const LANES = 6
/** Microseconds by which the time of a handler is spread around the moment at which its call is given up. */
const SPREAD_US = 400
/** By how many a handler's time follows the outcome, so that half of the calls are given up. */
const STEP_US = 10
/** Of the handlers so many go on for longer than any grace. */
const STUBBORN = 0.1
/** Races between siblings that are begun together. */
const TOGETHER = 4
const HARMLESS_GRACE_MS = 10_000
/** Calls that are always there, so that each end of a worker is told to one that names its cause. */
const COMPANIONS = 6
const LEAST_US = { signal: 100, sibling: 0, runMs: 400, timeoutMs: 400 }
const GIVEN_UP = {
  signal: 'ERR_PLUMP_CANCELLED',
  sibling: 'ERR_PLUMP_CANCELLED',
  runMs: 'ERR_PLUMP_RUN_TIMEOUT',
  timeoutMs: 'ERR_PLUMP_CALL_TIMEOUT',
}

export function kills(options) {
  return inFolder((folder) => killsIn(folder, options))
}

async function killsIn(
  folder,
  { channel, races, kills, minutes, racers, random, census, violations, say },
) {
  const startPool = () =>
    spawn(new URL('./workers/racing.js', import.meta.url), {
      channel,
      execArgv: [],
      workers: 2,
      argv: [folder],
      startTimeoutMs: 120_000,
    })
  // The ids of calls are those of this process, whichever pool they belong to: all are judged together.
  const pools = Array.from({ length: racers }, startPool)
  await Promise.all(pools.map((pool) => pool.ready()))
  const complain = complainsTo(violations)
  const counts = { calls: 0, settled: 0, races: 0, done: 0, givenUp: 0, hit: 0, deadly: 0 }
  const byKind = Object.fromEntries(
    Object.keys(GIVEN_UP).map((kind) => [kind, { done: 0, givenUp: 0 }]),
  )
  /** Outcome of each call: 'done', 'given up', or that its worker was ended because of another one. */
  const outcomes = []
  /** Ids under which calls were answered, and who was named as the cause of an end: id → [pid, number of the call it hit]. */
  const answered = new Map()
  const causes = []
  /** Handlers of a kind take about so long, so that they end when they are given up. */
  const us = { signal: 500, sibling: 20, runMs: 1_000, timeoutMs: 1_000 }

  /** Makes a call and says what became of it; `code` is what it may fail with because it was given up. */
  const make = (calls, time, code, command = 'busy') => {
    const number = counts.calls++
    outcomes.push('waits')
    const settle = (outcome) => {
      if (outcomes[number] !== 'waits') complain(`call ${number} settled twice`)
      outcomes[number] = outcome
      counts.settled++
      return outcome
    }
    return calls.acall(command, number, time).then(
      ([echoed, id]) => {
        if (echoed !== number) complain(`call ${number} got the answer of ${echoed}`)
        answered.set(id, number)
        return settle('done')
      },
      (error) => {
        if (error.code === 'ERR_PLUMP_WORKER_ENDED') {
          causes.push({ id: error.causedBy, pid: error.pid, hit: number })
          counts.hit++
          return settle('hit')
        }
        if (code === undefined || error.code !== code)
          complain(`call ${number} (${code ?? 'never given up'}): ${error.code} ${error.message}`)
        return settle('given up')
      },
    )
  }

  /** Signals to abort, by when. */
  const due = []
  const over = { is: false }
  const clock = async () => {
    while (!over.is) {
      const now = performance.now()
      for (let at = due.length - 1; at >= 0; at--)
        if (due[at].when <= now) due.splice(at, 1)[0].controller.abort()
      await turn()
    }
  }

  /** Most are of the kind that takes the least time. */
  const kindOf = (luck) =>
    luck < 0.7 ? 'sibling' : luck < 0.8 ? 'signal' : luck < 0.9 ? 'runMs' : 'timeoutMs'
  const end = performance.now() + minutes * 60_000
  /** One call and what gives it up. */
  const race = async (pool, kind) => {
    counts.races++
    // A worker takes a hundred times as long to start as a race: so many may be killed, spread over the run.
    const deadly = census.exited.length < (kills * counts.races) / races
    if (deadly) counts.deadly++
    const graceMs = deadly ? Math.floor(random() * 3) : HARMLESS_GRACE_MS
    const stubborn = deadly && random() < STUBBORN
    const time = stubborn ? 8_000 : Math.max(0, us[kind] + (random() - 0.5) * SPREAD_US)
    const code = GIVEN_UP[kind]
    const others = []
    let call
    if (kind === 'signal' || kind === 'sibling') {
      const controller = new AbortController()
      const calls = pool.with({ signal: controller.signal, graceMs })
      // A sibling's answer gives it up, often in the batch in which its own arrives.
      if (kind === 'sibling') others.push(make(pool, 0).then(() => controller.abort()))
      call = make(calls, time, code)
      if (kind === 'signal') due.push({ when: performance.now() + 0.6, controller })
    } else call = make(pool.with({ [kind]: 1, graceMs }), time, code)
    const outcome = await call
    // The next call takes its place at once.
    others.push(make(pool, random() * 100))
    if (outcome === 'done') counts.done++
    if (outcome === 'given up') counts.givenUp++
    if (outcome !== 'hit') byKind[kind][outcome === 'done' ? 'done' : 'givenUp']++
    const step = outcome === 'done' ? STEP_US : -STEP_US
    if (!stubborn) us[kind] = Math.max(LEAST_US[kind], us[kind] + step)
    await Promise.all(others)
  }
  const lane = async (pool) => {
    while (counts.races < races && performance.now() < end && !isFull(violations)) {
      const kind = kindOf(random())
      const together = kind === 'sibling' ? TOGETHER : 1
      await Promise.all(Array.from({ length: together }, () => race(pool, kind)))
    }
  }
  const companion = async (pool) => {
    while (!over.is) await make(pool, 100 + random() * 300, undefined, 'stay')
  }
  const timer = setInterval(
    () => say(`${counts.races} races, ${census.exited.length} workers ended`),
    SAY_EVERY_MS,
  )
  const begun = performance.now()
  const inEach = (length, begin) =>
    pools.flatMap((pool) => Array.from({ length }, () => begin(pool)))
  const aside = [clock(), ...inEach(COMPANIONS, companion)]
  await Promise.all(inEach(LANES, lane))
  const seconds = (performance.now() - begun) / 1000
  over.is = true
  const settledBy = performance.now() + 60_000
  while (counts.settled < counts.calls && performance.now() < settledBy) await turn()
  if (counts.settled < counts.calls)
    complain(`${counts.calls - counts.settled} calls never settled`)
  await Promise.all(aside)
  clearInterval(timer)
  // Those of which the end is not over yet are ended all the same, and are not looked at below.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const killed = census.exited.filter(({ signal }) => signal === 'SIGKILL').map(({ pid }) => pid)
  const strange = census.exited.filter(
    ({ signal, pid }) => signal !== 'SIGKILL' && !census.spared.has(pid),
  )
  for (const exit of strange) complain(`a worker ended by itself: ${JSON.stringify(exit)}`)
  await Promise.all(pools.map((pool) => pool.close()))

  const begunIn = judge(folder, { outcomes, answered, causes, killed, complain })
  return {
    racers,
    seconds: Math.round(seconds),
    races: counts.races,
    withGraceOf0To2Ms: counts.deadly,
    racesPerSecond: Math.round(counts.races / seconds),
    settledFirst: counts.done,
    givenUpFirst: counts.givenUp,
    byKind,
    calls: counts.calls,
    neverGivenUp: counts.calls - counts.races,
    hitByTheEndOfAnother: counts.hit,
    workersKilled: killed.length,
    workersSpared: census.spared.size,
    ...begunIn,
  }
}

/** Looks at what the workers have written down: who ran, where, and whether those who are blamed are to blame. */
function judge(folder, { outcomes, answered, causes, killed, complain }) {
  const begun = new Map()
  const ended = new Set()
  const byWorker = new Map()
  for (const pid of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, pid), 'utf8').split('\n')) {
      const [what, number, id] = line.split(' ')
      if (what === 'e') ended.add(id)
      if (what !== 'b') continue
      if (begun.has(id)) complain(`id ${id} was given twice`)
      begun.set(id, { number: Number(number), pid: Number(pid) })
      const there = byWorker.get(Number(pid)) ?? []
      byWorker.set(Number(pid), there)
      there.push(id)
    }
  }
  const runs = new Uint8Array(outcomes.length)
  for (const { number } of begun.values()) runs[number]++
  for (let number = 0; number < runs.length; number++) {
    if (runs[number] > 1) complain(`call ${number} ran ${runs[number]} times`)
    if (outcomes[number] === 'done' && runs[number] !== 1)
      complain(`call ${number} settled without a run`)
  }

  // Killed between being begun and writing it down: nothing tells which call that was, but it was none that was answered.
  let unwritten = 0
  const named = new Set()
  for (const { id, pid, hit } of causes) {
    named.add(pid)
    if (id === undefined) complain(`call ${hit} was ended without a cause`)
    else if (answered.has(id))
      complain(`call ${hit} was ended because of call ${answered.get(id)}, which had settled`)
    else if (!begun.has(id)) unwritten++
    else {
      const cause = begun.get(id)
      if (outcomes[cause.number] !== 'given up')
        complain(
          `call ${hit}: its cause ${cause.number} was not given up: ${outcomes[cause.number]}`,
        )
      if (cause.pid !== pid) complain(`call ${hit}: its cause ran on ${cause.pid}, not ${pid}`)
    }
  }

  let finishedMeanwhile = 0
  let unexplained = 0
  for (const pid of killed) {
    const toBlame = (byWorker.get(pid) ?? []).filter(
      (id) => outcomes[begun.get(id).number] === 'given up',
    )
    if (toBlame.length === 0 && !named.has(pid)) unexplained++
    else if (toBlame.length > 0 && toBlame.every((id) => ended.has(id))) finishedMeanwhile++
  }
  const givenUp = [...outcomes.keys()].filter((number) => outcomes[number] === 'given up')
  const neverBegun = givenUp.filter((number) => runs[number] === 0).length
  // Nothing was written of the calls for which these were ended: there must be as many that can have been it.
  if (unexplained + unwritten > neverBegun)
    complain(`${unexplained} workers were ended though no call that they ran was given up`)
  return {
    givenUpBegun: givenUp.length - neverBegun,
    givenUpNotBegun: neverBegun,
    causesNamed: causes.length,
    workersWhoseCauseWasNamed: killed.filter((pid) => named.has(pid)).length,
    unwrittenCauses: unwritten,
    unexplained,
    finishedMeanwhile,
  }
}
