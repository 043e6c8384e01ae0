import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('busy.js', import.meta.url))

/** Starts `count` busy processes of equal priority; resolves when all of them are running. */
export async function startBusyProcesses(count, limitSeconds) {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, [PROGRAM, String(limitSeconds)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  await Promise.all(
    children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))),
  )
  return {
    stop() {
      const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of children) child.kill('SIGKILL')
      return Promise.all(gone)
    },
  }
}
