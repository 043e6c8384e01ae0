import type { ExecutionContext } from 'ava'
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AnyCommands, type PlumpIPC, type PlumpOptions, spawn } from '../src/index.js'

/** The kind of channel that this run of the suite is for. */
export const channel = (process.env['PLUMP_TEST_CHANNEL'] ?? 'auto') as 'auto' | 'pipe' | 'ring'

/** URL of a file in fixtures/. */
export function fixture(name: string): URL {
  return new URL(`./fixtures/${name}`, import.meta.url)
}

/** Options for every instance of the tests. Workers written in JavaScript need no loader, and start faster without. */
export function options(more: PlumpOptions = {}): PlumpOptions {
  return { channel, execArgv: [], ...more }
}

/** Spawns a fixture, with an end when the test ends and a watchdog for the test. */
export function start<Commands = AnyCommands>(
  t: ExecutionContext,
  name: string,
  more: PlumpOptions = {},
): PlumpIPC<Commands> {
  t.timeout(60_000)
  const instance = spawn<Commands>(fixture(name), options(more) as PlumpOptions<Commands>)
  t.teardown(() => instance.close({ graceMs: 0 }))
  return instance
}

/** Files that don't exist until they are opened, for `blockUntil` of gated.mjs. */
export function gates(t: ExecutionContext, count: number): { file: string; open: () => void }[] {
  const folder = mkdtempSync(join(tmpdir(), 'plump-gates-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return Array.from({ length: count }, (_unused, index) => {
    const file = join(folder, String(index))
    return { file, open: () => writeFileSync(file, '') }
  })
}

/** What a program in fixtures/ printed and how it ended. */
export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a host program in fixtures/ to its end, at most 100 seconds. */
export async function run(
  t: ExecutionContext,
  name: string,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  t.timeout(120_000)
  const child = fork(fixture(name), args, {
    execArgv: [...execArgv],
    env: { ...process.env, PLUMP_TEST_CHANNEL: channel, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const watchdog = setTimeout(() => child.kill('SIGKILL'), 100_000)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data) => (stdout += String(data)))
  child.stderr?.on('data', (data) => (stderr += String(data)))
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(watchdog)
      resolve({ code, signal, stdout, stderr })
    })
  })
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `holds` says so, looking every 10 ms, at most `withinMs`. */
export async function until(holds: () => boolean, withinMs = 20_000): Promise<boolean> {
  const end = performance.now() + withinMs
  while (!holds()) {
    if (performance.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return true
}

/** Whether a process of that id lives (one that waits to be reaped counts as gone: an orphan's time is init's). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return true
    // The state stands after the name, which stands in parentheses and may contain any.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1))
  } catch {
    return false
  }
}

/** The cause of an error that a test expects to have one. */
export function causeOf(error: unknown): Error & { code?: string } {
  const { cause } = error as { cause?: unknown }
  if (cause instanceof Error) return cause
  throw new TypeError('This error has no cause that is an error.', { cause: error })
}
