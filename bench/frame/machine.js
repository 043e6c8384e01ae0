import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const CLOCK_READINGS = 200_000

/** What must stand beside every figure: a wake-up costs 20 times more on a virtual machine. */
export function describeMachine() {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Number((os.totalmem() / 2 ** 30).toFixed(1)),
    platform: `${os.platform()} ${os.arch()}`,
    kernel: os.release(),
    virtualised: virtualised(),
    clockNs: Math.round(clockNs()),
    loadAverage: os.loadavg().map((value) => Number(value.toFixed(2))),
  }
}

/** The head of a result: when, what and where it was measured. */
export function describeRun() {
  return {
    date: new Date().toISOString(),
    commit: commitOf(),
    machine: describeMachine(),
    versions: { node: process.versions.node, v8: process.versions.v8 },
  }
}

/** The same as the first line that is printed. */
export function sayRun({ date, machine, versions }) {
  return `${date}  node ${versions.node}  ${sayMachine(machine)}`
}

export function sayMachine(machine) {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, ` +
    `kernel ${machine.kernel}, ${machine.virtualised}, load ${machine.loadAverage[0]}`
  )
}

/** The commit that is measured, with `+` when sources differ from it; undefined outside of a repository. */
export function commitOf() {
  const git = (...args) =>
    spawnSync('git', args, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
    })
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (head.error || head.status !== 0) return undefined
  const changed = git('status', '--porcelain', '--', 'src', 'crates', 'bench', ':!bench/results')
  return head.stdout.trim() + (changed.stdout === '' ? '' : '+')
}

/** What reading the clock costs, which the timing loops do once or twice a call. */
function clockNs() {
  let sum = 0
  const begun = performance.now()
  for (let index = 0; index < CLOCK_READINGS; index++) sum += performance.now()
  const took = performance.now() - begun
  return sum === 0 ? 0 : (took * 1e6) / CLOCK_READINGS
}

function virtualised() {
  const detected = spawnSync('systemd-detect-virt', ['--vm'], { encoding: 'utf8' })
  const name = detected.error ? '' : detected.stdout.trim()
  if (name === 'none') return 'not virtualised'
  if (name !== '') return `virtualised (${name})`
  try {
    // The processor says so itself when a hypervisor runs it.
    const hypervisor = /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
    return hypervisor ? 'virtualised' : 'not virtualised, as far as the CPU says'
  } catch {
    return 'virtualisation unknown'
  }
}
