import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { watchOthers } from './quiet.js'

const CELL = fileURLToPath(new URL('../cell.js', import.meta.url))
const KEPT_OUTPUT_CHARACTERS = 2000

/**
 * A second watchdog that is no JavaScript and does not need the driver: coreutils' `timeout` leads
 * the group. Without it a cell that blocks for ever would outlive a driver that was killed.
 */
const HAS_TIMEOUT = spawnSync('timeout', ['--version'], { stdio: 'ignore' }).status === 0
const SECOND_WATCHDOG_SECONDS = 5

/** The process groups that are alive, so that an interrupted driver can end them. */
const groups = new Set()

/**
 * Runs one cell in a process group of its own and ends the whole group afterwards, or when
 * `limitSeconds` are over. Never rejects: what goes wrong is the cell's `error`.
 */
export async function runCell({ peer, workload, case: name, seconds, seed, limitSeconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'plump-bench-cell-'))
  const resultPath = join(folder, 'result.json')
  const request = { peer, workload, case: name, seconds, seed, limitSeconds, resultPath }
  try {
    // No flags, and none of the user's settings for Node: children inherit both, and `--expose-gc`
    // alone makes each of them start 20 ms later.
    const env = { ...process.env }
    for (const name of Object.keys(env)) if (name.startsWith('NODE_')) delete env[name]
    // Sockets of the peers lie in the cell's own folder, so that none outlives a killed cell.
    env.TMPDIR = folder
    const command = [process.execPath, CELL]
    if (HAS_TIMEOUT) {
      command.unshift('timeout', '--signal=KILL', String(limitSeconds + SECOND_WATCHDOG_SECONDS))
    }
    const endWatch = watchOthers()
    const child = spawn(command[0], [...command.slice(1), JSON.stringify(request)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env,
    })
    groups.add(child.pid)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output = (output + chunk).slice(-KEPT_OUTPUT_CHARACTERS)
      })
    }
    child.stdin.on('error', () => {})
    let late = false
    const watchdog = setTimeout(() => {
      late = true
      endGroup(child.pid)
    }, limitSeconds * 1000)
    // 'exit', not 'close': a worker that was left behind keeps the pipes open.
    const { code, signal, error } = await new Promise((resolve) => {
      child.once('exit', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }))
      child.once('error', (failure) => resolve({ error: failure }))
    })
    clearTimeout(watchdog)
    // Before the group is ended: who inherits its processes would be taken for somebody else.
    const quiet = endWatch(child.pid)
    const leftBehind = endGroup(child.pid)
    groups.delete(child.pid)
    child.stdout.destroy()
    child.stderr.destroy()
    const outcome = readOutcome(resultPath)
    if (late && outcome === undefined) {
      return { error: `hung: ended after ${limitSeconds} s`, output, leftBehind, quiet }
    }
    if (error !== undefined) return { error: error.message }
    if (outcome === undefined) {
      const how = `the measuring process ended with ${signal ?? code}`
      return { error: how, output, leftBehind, quiet }
    }
    if (outcome.error !== undefined) return { error: outcome.error, output, leftBehind, quiet }
    return { metrics: outcome.result, leftBehind, quiet }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Ends every cell that is running. For the signal handlers of the driver. */
export function endAllCells() {
  for (const group of groups) endGroup(group)
}

/** @returns whether anybody was still there */
function endGroup(group) {
  try {
    process.kill(-group, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

function readOutcome(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
