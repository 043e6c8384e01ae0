// The driver: plans the cells, runs them one at a time with the peers interleaved, prints tables.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { HELP, readArguments } from './frame/arguments.js'
import { judgeGoals } from './frame/goals.js'
import { installMissing, versions } from './frame/install.js'
import { commitOf, describeMachine, sayMachine } from './frame/machine.js'
import { planCases } from './frame/plan.js'
import { createProgress } from './frame/progress.js'
import { lookAround, sayQuiet, summariseQuiet } from './frame/quiet.js'
import { endAllCells, runCell } from './frame/run-cell.js'
import { format, printTable, summarise } from './frame/table.js'
import { PEERS } from './peers.js'
import { WORKLOADS } from './workloads.js'

/** On top of three times the measuring time: starting, warming up, ending. */
const WATCHDOG_SECONDS = 40

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    endAllCells()
    process.exit(130)
  })
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

async function main() {
  const options = readArguments(process.argv.slice(2))
  if (options.help) return process.stdout.write(HELP)
  if (options.list) {
    return process.stdout.write(`${[...PEERS.keys()].join('\n')}\n\n${WORKLOADS.join('\n')}\n`)
  }

  const plan = await planCases(options)
  const say = (text) => process.stderr.write(`${text}\n`)
  installMissing({ python: plan.some(({ peers }) => peers.includes('python-plumpipc')), say })

  const machine = describeMachine()
  const found = versions()
  const date = new Date().toISOString()
  const total = options.rounds * plan.reduce((sum, { peers }) => sum + peers.length, 0)
  say(`${date}  node ${found.node}  ${sayMachine(machine)}`)
  say(
    `${total} measurements of ${options.seconds} s: ${plan.length} cases, ${options.rounds} ` +
      `rounds, seed ${options.seed}`,
  )

  const around = await lookAround()
  if (around.othersPercent > 0) {
    say(`other processes use ${around.othersPercent} % of one CPU before anything is measured`)
  }
  const results = await measure(plan, options, total)
  const readings = [...results.values()].flatMap((peers) =>
    [...peers.values()].flatMap((rounds) => rounds.map((result) => result.quiet)),
  )
  const quiet = summariseQuiet(around, await lookAround(), readings)
  const cases = []
  const goals = []
  for (const workload of new Set(plan.map((each) => each.workload))) {
    const summaries = new Map()
    for (const each of plan.filter((planned) => planned.workload === workload)) {
      const rounds = results.get(each)
      const summary = summarise(workload, rounds)
      summaries.set(each.case.name, summary)
      process.stdout.write(`${printTable(workload, each.case, summary).join('\n')}\n`)
      cases.push({
        workload: workload.name,
        case: each.case.name,
        title: workload.title,
        figure: workload.figure,
        beside: workload.beside,
        summary: Object.fromEntries(summary),
        raw: Object.fromEntries(rounds),
      })
    }
    goals.push(...judgeGoals(workload, summaries))
  }
  printGoals(goals)
  process.stdout.write(`\n${sayQuiet(quiet)}\n`)
  if (options.json !== undefined) {
    const { rounds, seconds, seed } = options
    writeResult(options.json, {
      date,
      commit: commitOf(),
      machine,
      quiet,
      versions: found,
      rounds,
      seconds,
      seed,
      goals,
      cases,
    })
  }
}

/** Round by round, case by case, peer by peer; who comes first changes with every round. */
async function measure(plan, { rounds, seconds, seed, maxMinutes }, total) {
  const results = new Map(plan.map((each) => [each, new Map(each.peers.map((peer) => [peer, []]))]))
  const progress = createProgress(total)
  const end = Date.now() + maxMinutes * 60_000
  const limitSeconds = Math.ceil(seconds * 3 + WATCHDOG_SECONDS)
  for (let round = 0; round < rounds; round++) {
    for (const each of plan) {
      const shift = (round + seed) % Math.max(1, each.peers.length)
      const order = [...each.peers.slice(shift), ...each.peers.slice(0, shift)]
      for (const peer of order) {
        const label = `round ${round + 1}  ${each.workload.name}@${each.case.name}  ${peer}`
        if (Date.now() > end) {
          results
            .get(each)
            .get(peer)
            .push({ notRun: `not run: ${maxMinutes} minutes were over` })
          progress.step(`${label}: not run`)
          continue
        }
        const result = await runCell({
          peer,
          workload: each.workload.name,
          case: each.case.name,
          seconds,
          seed,
          limitSeconds,
        })
        if (result.metrics?.notOffered !== undefined) {
          result.notRun = `not offered: ${result.metrics.notOffered}`
          delete result.metrics
        }
        results
          .get(each)
          .get(peer)
          .push({ round, ...result })
        progress.step(`${label}: ${sayResult(each.workload, result)}`)
      }
    }
  }
  progress.end()
  return results
}

function sayResult(workload, result) {
  if (result.notRun !== undefined) return result.notRun
  if (result.error !== undefined) return `failed: ${result.error.split('\n')[0].slice(0, 120)}`
  const { metric, unit } = workload.figure
  const left = result.leftBehind ? '  (left processes behind, ended)' : ''
  return `${metric} ${format(result.metrics[metric])} ${unit}${left}`
}

function printGoals(goals) {
  if (goals.length === 0) return
  const reached = goals.filter((goal) => goal.reached).length
  process.stdout.write(`\nGoals: ${reached} of ${goals.length} reached\n`)
  for (const goal of goals) {
    process.stdout.write(`  ${goal.reached ? 'reached' : 'NOT    '}  ${goal.text}\n`)
  }
}

/** Relative to where the user stands: npm runs this in the package's folder and says from where. */
function writeResult(file, result) {
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(result)}\n`)
  process.stderr.write(`written: ${path}\n`)
}
