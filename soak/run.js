// Proofs that take minutes: what must never happen, tried very often. Each part runs over rings and over pipes, in a process
// of its own with a watchdog; the exit code is 1 when something was found.

import { fork } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeRun, sayRun } from '../bench/frame/machine.js'
import { MARK, processesOf } from './census.js'
import { variants } from './producer.js'
import { pools } from './recycle-core.js'

const HELP = `npm run soak -- [options]

  --only a,b        of: producer, kills, recycle, recycle-core            (all)
  --channels a,b    of: ring, pipe                                        (both)
  --variants a,b    of the producer: ${Object.keys(variants).join(', ')}            (all)
  --pools a,b       of recycle-core: ${Object.keys(pools).join(', ')}         (all)
  --seconds n       how long a producer goes on                           (60)
  --queue-mib n     what may wait, MiB                                    (64)
  --cold            the memory is compared with that of a process that has made few calls
  --races n         calls that are given up about when they settle        (100000)
  --kills n         workers that are ended meanwhile, about                (2000)
  --racers n        pools in which that is done side by side, at most 4   (1)
  --minutes n       after so long no further race is begun                (10)
  --calls n         calls that wait for workers that are recycled         (100000)
  --max-calls n     how many of them a worker serves before it is replaced (1)
  --recycle-minutes n  after so long the instance is closed with what waits (120)
  --workers n       workers that are recycled                             (2)
  --spare n         and those that are kept ready beside them             (0)
  --seed n          what is random follows from it                        (a new one)
  --json file       where the results go

`
const PARTS = ['producer', 'kills', 'recycle', 'recycle-core']
const CHANNELS = process.platform === 'linux' ? ['ring', 'pipe'] : ['pipe']
const MOST_RACERS = 4
/** On top of what a part may take: starts, what still waits, ends. */
const WATCHDOG_MINUTES = 5
/** How long a part that is told to end may take before it is killed. */
const END_MS = 10_000

/** The parts that run, with their marks. */
const children = new Map()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    // Their workers end with them; what else they have started carries their mark.
    for (const [child, mark] of children) {
      child.kill('SIGKILL')
      endAll(processesOf(mark))
    }
    process.exit(130)
  })

const number = (text, name, least = 0) => {
  const value = Number(text)
  if (!Number.isFinite(value) || value < least) throw new Error(`--${name} ${text}: no such number`)
  return value
}
const among = (text, all, name) => {
  const chosen = text?.split(',') ?? all
  const unknown = chosen.filter((one) => !all.includes(one))
  if (unknown.length > 0) throw new Error(`--${name} ${unknown}: there are ${all.join(', ')}`)
  return chosen
}

try {
  process.exitCode = await main(readOptions())
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

function readOptions() {
  const text = { type: 'string' }
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      only: text,
      channels: text,
      variants: text,
      pools: text,
      seconds: text,
      'queue-mib': text,
      cold: { type: 'boolean' },
      races: text,
      kills: text,
      minutes: text,
      racers: text,
      calls: text,
      'max-calls': text,
      'recycle-minutes': text,
      workers: text,
      spare: text,
      seed: text,
      json: text,
    },
  })
  return {
    help: values.help === true,
    parts: among(values.only, PARTS, 'only'),
    channels: among(values.channels, CHANNELS, 'channels'),
    variants: among(values.variants, Object.keys(variants), 'variants'),
    pools: among(values.pools, Object.keys(pools), 'pools'),
    seconds: number(values.seconds ?? 60, 'seconds', 1),
    queueMib: number(values['queue-mib'] ?? 64, 'queue-mib', 1),
    cold: values.cold === true,
    races: number(values.races ?? 100_000, 'races', 1),
    kills: number(values.kills ?? 2_000, 'kills'),
    minutes: number(values.minutes ?? 10, 'minutes'),
    racers: Math.min(number(values.racers ?? 1, 'racers', 1), MOST_RACERS),
    calls: number(values.calls ?? 100_000, 'calls', 1),
    maxCalls: number(values['max-calls'] ?? 1, 'max-calls', 1),
    recycleMinutes: number(values['recycle-minutes'] ?? 120, 'recycle-minutes'),
    workers: number(values.workers ?? 2, 'workers', 1),
    spare: number(values.spare ?? 0, 'spare'),
    seed: number(values.seed ?? randomInt(2 ** 31), 'seed'),
    json: values.json,
  }
}

async function main(options) {
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { parts, channels, json, help: _, ...settings } = options
  const result = {
    ...describeRun(),
    seed: options.seed,
    settings,
    runs: [],
  }
  const say = (line) => process.stdout.write(`${line}\n`)
  say(`${sayRun(result)}  seed ${options.seed}`)
  const variantsOf = { producer: options.variants, 'recycle-core': options.pools }
  for (const part of parts)
    for (const variant of variantsOf[part] ?? [undefined])
      for (const channel of channels) {
        const title = [part, variant, channel].filter(Boolean).join(', ')
        say(`${title} …`)
        const run = await runPart({ ...settings, part, variant, channel })
        result.runs.push(run)
        say(`  ${JSON.stringify(run.figures ?? {})}`)
        for (const violation of run.violations) say(`  VIOLATION: ${violation}`)
        // After each part, so that a long run that is broken off leaves what it has found.
        if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, undefined, 2)}\n`)
      }
  const found = result.runs.reduce((sum, { violations }) => sum + violations.length, 0)
  say(`${result.runs.length} runs, ${found} violations`)
  return found === 0 ? 0 : 1
}

/** Never rejects: whatever goes wrong is a violation. */
async function runPart(options) {
  const { part, variant, channel } = options
  const mark = randomUUID()
  const begun = performance.now()
  const child = fork(new URL('./part.js', import.meta.url), [JSON.stringify(options)], {
    env: { ...process.env, [MARK]: mark },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  children.set(child, mark)
  const minutes =
    WATCHDOG_MINUTES +
    {
      producer: options.seconds / 60,
      kills: options.minutes,
      recycle: options.recycleMinutes,
      'recycle-core': options.recycleMinutes,
    }[part]
  const violations = []
  let told
  child.on('message', (message) => (told = message))
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(`it could not be started: ${error}`))
    child.on('exit', (code, signal) =>
      resolve(code === 0 ? undefined : `it ended: ${signal ?? code}`),
    )
  })
  const watchdog = setTimeout(() => {
    violations.push(`it had not ended after ${minutes} minutes`)
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), END_MS).unref()
  }, minutes * 60_000)
  const badEnd = await ended
  clearTimeout(watchdog)
  children.delete(child)

  violations.push(...(told?.violations ?? []))
  if (badEnd !== undefined) violations.push(badEnd)
  else if (told === undefined) violations.push('it ended without a result')
  const left = await leftOver(mark)
  if (left.length > 0) violations.push(`processes were left behind: ${left.join(', ')}`)
  return {
    part,
    ...(variant === undefined ? {} : { variant }),
    channel,
    tookSeconds: Math.round((performance.now() - begun) / 1000),
    processes: told?.processes,
    figures: told?.figures,
    violations,
  }
}

/** Which processes of a part are there a second after its end; they are ended. */
async function leftOver(mark) {
  const end = performance.now() + 1_000
  let left
  while ((left = processesOf(mark)).length > 0 && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20))
  endAll(left)
  return left
}

function endAll(pids) {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone meanwhile.
    }
  }
}
