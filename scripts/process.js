import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the repository, absolute. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const DEFAULT_LIMIT_MS = 20 * 60_000
const LAST_WORDS_MS = 10_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

export class ProcessFailed extends Error {
  /** @param {string} message @param {string} output everything that the process printed */
  constructor(message, output) {
    super(message)
    this.output = output
  }
}

/** The script behind an installed package's command, to be run by this Node: no .cmd files, no shell, no PATH. */
export function binary(name, packageName = name) {
  const folder = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[name])
}

/**
 * Runs a process to its end and resolves with what it printed, empty with `inherit`; rejects with ProcessFailed when it fails.
 *
 * The process leads a group of its own, which is ended as a whole when this process is told to end or the limit is
 * reached: a test run may have started others. With `inherit` it stays in the terminal's group and prints there.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, inherit?: boolean, limitMs?: number }} [options]
 *   `limitMs` counts from the start of the process; 20 minutes by default, none with `inherit`.
 * @returns {Promise<{ output: string, stdout: string }>} `output` is stdout and stderr as they came
 */
export function run(
  command,
  args,
  { cwd = root, env, inherit = false, limitMs = DEFAULT_LIMIT_MS } = {},
) {
  const ownGroup = !inherit && process.platform !== 'win32'
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
    windowsHide: true,
  })
  const kill = (signal) => {
    try {
      if (ownGroup) process.kill(-child.pid, signal)
      else child.kill(signal)
    } catch {
      // It is gone already.
    }
  }

  return new Promise((resolve, reject) => {
    let output = ''
    let stdout = ''
    let reason
    let interruption
    let lastResort
    let leftBehind
    const end = (why, signal) => {
      reason ??= why
      kill(signal)
      lastResort ??= setTimeout(() => kill('SIGKILL'), 5_000)
    }
    // The terminal has sent Ctrl-C to the whole of its group, an inheriting child included: told once is enough.
    const onSignal = (signal) => {
      interruption = signal
      if (!inherit || signal !== 'SIGINT') end(`was ended by ${signal}`, signal)
    }
    for (const signal of SIGNALS) process.on(signal, onSignal)
    const limit = inherit
      ? undefined
      : setTimeout(() => end(`took longer than ${limitMs / 1000} s`, 'SIGTERM'), limitMs)

    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text) => (output += text))
    const settle = (failure) => {
      clearTimeout(limit)
      clearTimeout(lastResort)
      clearTimeout(leftBehind)
      for (const signal of SIGNALS) process.off(signal, onSignal)
      // Whoever ends this process wants no further step; what it had started is gone by now.
      if (interruption !== undefined) process.kill(process.pid, interruption)
      if (failure === undefined) resolve({ output, stdout })
      else reject(new ProcessFailed(`${command} ${args.join(' ')} ${failure}`, output))
    }
    child.on('exit', () => {
      // What it started and did not wait for may still print, but not for ever.
      leftBehind = setTimeout(() => end('left processes behind', 'SIGKILL'), LAST_WORDS_MS)
    })
    child.on('error', (error) => settle(`could not be started: ${error.message}`))
    child.on('close', (code, signal) => {
      if (code === 0 && reason === undefined) settle()
      else settle(reason ?? (signal ? `was ended by ${signal}` : `exited with ${code}`))
    })
  })
}
