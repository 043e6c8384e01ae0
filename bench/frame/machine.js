import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'

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
    loadAverage: os.loadavg().map((value) => Number(value.toFixed(2))),
  }
}

export function sayMachine(machine) {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, ` +
    `kernel ${machine.kernel}, ${machine.virtualised}, load ${machine.loadAverage[0]}`
  )
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
