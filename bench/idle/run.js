// What a host and its workers cost while nothing happens: `node bench/idle/run.js [--seconds n] [--settle n] [--json file]`.
//
// Starts a host with two workers, lets everything settle, and compares what the kernel has counted for every thread of
// all three processes before and after the measuring time: context switches, and user and system time. The
// threads of plump-ipc have names of their own; the main thread, on which JavaScript runs, and the other threads of
// Node are listed apart. The same with two children of `child_process.fork` shows what Node does by itself.
//
// Exit code 1 when a thread of plump-ipc, or a main thread, has done more than in the forked processes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine, sayMachine } from '../frame/machine.js'
import { difference, threadsOf } from './threads.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    // V8's memory reducer looks every 8 s after a program has come to rest whether to collect garbage once more.
    settle: { type: 'string', default: '30' },
    json: { type: 'string' },
  },
})
const measureMs = Number(values.seconds) * 1_000
const settleMs = Number(values.settle) * 1_000
if (!(measureMs > 0) || !(settleMs >= 0)) {
  process.stderr.write('--seconds takes a number above 0, --settle one from 0.\n')
  process.exit(2)
}

const MAX_ATTEMPTS = 4

const CASES = [
  { name: 'fork, for comparison', args: ['fork'] },
  { name: 'ring, after a call each', args: ['calls', 'ring'] },
  { name: 'ring, with listeners of the bus', args: ['listeners', 'ring'] },
  { name: 'pipe, after a call each', args: ['calls', 'pipe'] },
  { name: 'pipe, with listeners of the bus', args: ['listeners', 'pipe'] },
]

const date = new Date().toISOString()
const machine = describeMachine()
const say = (text) => process.stdout.write(`${text}\n`)
say(`${date}  node ${process.versions.node}  ${sayMachine(machine)}`)
say(`Each case: ${settleMs / 1_000} s to settle, then ${measureMs / 1_000} s measured.\n`)

const cases = []
for (const { name, args } of CASES) {
  const attempts = [await measure(args)]
  // V8 collects garbage and runs timers of its own, now and then for long after the last call. What of ours polled
  // would do so every time; so when only Node ran, the case is measured again, and what was set aside is in the result.
  while (attempts.length < MAX_ATTEMPTS && onlyNodeRan(attempts.at(-1))) {
    say(`${name}: Node was at work meanwhile; measured again.`)
    attempts.push(await measure(args))
  }
  const processes = attempts.pop()
  cases.push({ name, processes, setAside: attempts })
  print(name, processes)
}

// A main thread may do what it does under fork, too.
const floor = Math.max(...switchesOf(cases[0].processes, 'main'))
const guilty = cases.slice(1).flatMap(({ name, processes }) =>
  processes.flatMap(({ role, threads }) =>
    threads
      .filter(({ group, voluntary, involuntary, cpuMs }) => {
        const switches = voluntary + involuntary
        return group === 'plump-ipc'
          ? switches > 0 || cpuMs > 0
          : group === 'main' && switches > floor
      })
      .map((thread) => `${name}: ${role}, thread ${thread.name} (${thread.group})`),
  ),
)
say(
  guilty.length === 0
    ? `Idle: no thread of plump-ipc ran, and no main thread more than under fork (${floor} switches).`
    : `NOT idle:\n${guilty.map((line) => `  ${line}`).join('\n')}`,
)
if (guilty.length > 0) process.exitCode = 1

const path = resolve(
  values.json ??
    fileURLToPath(new URL(`../results/idle-${date.slice(0, 10)}.json`, import.meta.url)),
)
mkdirSync(dirname(path), { recursive: true })
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const versions = { node: process.versions.node, v8: process.versions.v8, 'plump-ipc': version }
const result = { date, machine, versions, measureMs, settleMs, idle: guilty.length === 0, cases }
writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`)
say(`Written: ${path}`)

/** Runs one case and gives what every thread of its three processes did in the measuring time. */
async function measure(args) {
  const host = spawn(
    process.execPath,
    [fileURLToPath(new URL('host.js', import.meta.url)), ...args],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const watchdog = setTimeout(() => host.kill('SIGKILL'), measureMs + settleMs + 30_000)
  try {
    const [line] = await Promise.race([
      once(createInterface(host.stdout), 'line'),
      once(host, 'exit').then(([code]) => {
        throw new Error(`The host of '${args.join(' ')}' ended with code ${code}.`)
      }),
    ])
    const pids = JSON.parse(line)
    const all = [
      { role: 'host', pid: pids.host },
      ...pids.workers.map((pid, index) => ({ role: `worker ${index + 1}`, pid })),
    ]
    await sleep(settleMs)
    const before = all.map(({ pid }) => threadsOf(pid))
    const began = performance.now()
    await sleep(measureMs)
    const after = all.map(({ pid }) => threadsOf(pid))
    const tookMs = Math.round(performance.now() - began)
    return all.map(({ role, pid }, index) => ({
      role,
      tookMs,
      threads: difference(before[index], after[index]).map((thread) => ({
        ...thread,
        group: groupOf(thread, pid),
      })),
    }))
  } finally {
    const exit = host.exitCode === null && host.signalCode === null ? once(host, 'exit') : undefined
    host.stdin.end()
    await exit
    clearTimeout(watchdog)
  }
}

function groupOf({ tid, name }, pid) {
  if (name.startsWith('plump-')) return 'plump-ipc'
  return tid === pid ? 'main' : 'node'
}

function onlyNodeRan(processes) {
  const ran = (group) => switchesOf(processes, group).some((switches) => switches > 0)
  return !ran('plump-ipc') && (ran('main') || ran('node'))
}

function switchesOf(processes, group) {
  return processes.flatMap(({ threads }) =>
    threads
      .filter((thread) => thread.group === group)
      .map(({ voluntary, involuntary }) => voluntary + involuntary),
  )
}

function print(name, processes) {
  say(name)
  say(
    `  ${'process'.padEnd(10)}${'thread'.padEnd(24)}${'voluntary'.padStart(10)}${'involuntary'.padStart(13)}${'CPU, ms'.padStart(9)}`,
  )
  for (const { role, threads } of processes) {
    for (const { label, voluntary, involuntary, cpuMs } of rowsOf(threads)) {
      say(
        `  ${role.padEnd(10)}${label.padEnd(24)}${String(voluntary).padStart(10)}` +
          `${String(involuntary).padStart(13)}${String(cpuMs).padStart(9)}`,
      )
    }
  }
  say('')
}

/** One row for the main thread, one for each thread of plump-ipc, one for Node's others together. */
function rowsOf(threads) {
  const rows = threads
    .filter(({ group }) => group !== 'node')
    .map((thread) => ({
      ...thread,
      label: thread.group === 'main' ? 'main (JavaScript)' : thread.name,
    }))
  const others = threads.filter(({ group }) => group === 'node')
  const sum = (key) => others.reduce((total, thread) => total + thread[key], 0)
  return [
    ...rows,
    {
      label: `${others.length} others of Node`,
      voluntary: sum('voluntary'),
      involuntary: sum('involuntary'),
      cpuMs: sum('cpuMs'),
    },
  ]
}
