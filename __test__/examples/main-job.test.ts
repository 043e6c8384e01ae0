// Runs the main job's own command on small directories, as a user would.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'

const main = fileURLToPath(new URL('../../examples/main-job/main.js', import.meta.url))

/** The watchdog of one run; the job's own limit is set below it. */
const WATCHDOG_MS = 60_000

interface Run {
  child: ChildProcess
  /** Resolves when the process and its output have ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

function runMain(t: ExecutionContext, args: string[]): Run {
  t.timeout(WATCHDOG_MS + 10_000)
  const child = spawn(process.execPath, [main, '--time-limit-s', '50', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a shell gives to a job of its terminal.
    detached: true,
  })
  const watchdog = setTimeout(() => child.kill('SIGKILL'), WATCHDOG_MS)
  t.teardown(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(([code]) => {
    clearTimeout(watchdog)
    return { code: code as number | null, stdout, stderr }
  })
  return { child, ended }
}

/** What a terminal does: the signal goes to every process of the group. */
function pressControlC(child: ChildProcess) {
  process.kill(-Number(child.pid), 'SIGINT')
}

async function temporaryDirectory(t: ExecutionContext) {
  const directory = await mkdtemp(join(tmpdir(), 'plump-main-job-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** JavaScript that takes a while to minify, different for every seed. */
function source(seed: number, functions: number) {
  const parts = []
  for (let n = 0; n < functions; n += 1) {
    parts.push(
      `export function f${n}(list, limit) {\n` +
        `  const found = []\n` +
        `  for (const item of list) if (item.value * ${seed + n} > limit) found.push(item.name)\n` +
        `  return found.length > ${n} ? found.join('${seed}-${n}') : undefined\n}\n`,
    )
  }
  return parts.join('')
}

interface Process {
  pid: number
  parent: number
}

/** Every process of the machine that is not a zombie. */
function processes(): Process[] {
  if (!existsSync('/proc/self/stat')) {
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter(([, , state]) => !state?.startsWith('Z'))
      .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }))
  }
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // The command's name stands in parentheses and may hold anything.
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent) }]
    } catch {
      return [] // It ended while the list was read.
    }
  })
}

function childrenOf(pid: number | undefined) {
  return processes()
    .filter((one) => one.parent === pid)
    .map((one) => one.pid)
}

async function waitFor<T>(look: () => T | undefined | false, what: string): Promise<T> {
  for (const from = Date.now(); Date.now() - from < WATCHDOG_MS; await sleep(20)) {
    const seen = look()
    if (seen !== undefined && seen !== false) return seen
  }
  throw new Error(`Waited in vain for ${what}.`)
}

function living(pids: number[]) {
  const now = new Set(processes().map((one) => one.pid))
  return pids.filter((pid) => now.has(pid))
}

test('does the same work both ways, compares it, and reports what it left out or could not parse', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'lib'))
  await writeFile(join(directory, 'a.js'), source(1, 30))
  await writeFile(join(directory, 'lib', 'b.mjs'), source(2, 60))
  await writeFile(join(directory, 'lib', 'c.cjs'), "exports.c = () => 'c'\n")
  await writeFile(join(directory, 'lib', 'empty.js'), '')
  await writeFile(join(directory, 'lib', 'broken.js'), 'const = 3\n')
  await writeFile(join(directory, 'lib', 'large.js'), source(3, 400))
  await writeFile(join(directory, 'notes.txt'), 'not JavaScript\n')
  await symlink('a.js', join(directory, 'link.js'))
  await symlink('..', join(directory, 'lib', 'circle'))
  const plot = join(directory, 'plots', 'latency.svg')

  const { ended } = runMain(t, ['--budget-bytes', '120000', '--plot', plot, directory])
  const { code, stdout, stderr } = await ended

  t.is(code, 0, stderr)
  t.regex(stdout, /: 5 files, /)
  t.regex(stdout, /Left out by the budget .*: 1 files, /)
  t.regex(stdout, /lib\/broken\.js: .*line 1/)
  t.regex(stdout, /^files done +4 +4$/m)
  t.regex(stdout, /^files reported as bad +1 +1$/m)
  t.regex(stdout, /^progress updates +5 +5$/m)
  t.regex(stdout, /^requests failed +0 +0$/m)
  for (const row of ['wall time', 'request latency p50', 'request latency p99']) {
    t.regex(stdout, new RegExp(`^${row} +[\\d.]+ m?s +[\\d.]+ m?s +[\\d.]+ ×$`, 'm'))
  }
  t.regex(stdout, /^event-loop delay max +[\d.]+ m?s +[\d.]+ m?s/m)
  t.regex(stdout, /the same, byte for byte, for all 5 files/)
  t.true(stdout.includes(plot))
  const svg = await readFile(plot, 'utf8')
  t.regex(svg, /^<svg [\s\S]*<\/svg>\n$/)
  t.is(svg.match(/<path d="M/g)?.length, 2, 'each way has its points')
})

test('a difference between the outputs of the two ways is printed and is exit code 1', async (t) => {
  const directory = await temporaryDirectory(t)
  const changing = join(directory, 'changing.js')
  await writeFile(changing, 'export const answer = 41\n')
  await writeFile(join(directory, 'steady.js'), source(1, 20))
  const { child, ended } = runMain(t, ['--plot', join(directory, 'p.svg'), directory])

  // Each way has a server process of its own; the second one first stands idle for a moment.
  const [first] = await waitFor(() => {
    const pids = childrenOf(child.pid)
    return pids.length > 0 && pids
  }, 'the first server')
  await waitFor(() => childrenOf(child.pid).some((pid) => pid !== first), 'the second server')
  await writeFile(changing, 'export const answer = 42\n')

  const { code, stdout } = await ended
  t.is(code, 1)
  t.regex(stdout, /DIFFERENT for 1 files/)
  t.regex(stdout, /changing\.js: \d+ bytes, SHA-256 [\da-f]{64}, offloaded \d+ bytes/)
})

test('Ctrl-C in the middle of a file that blocks the server ends everything with exit code 130', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'enormous.js'), source(1, 40_000))
  const args = ['--budget-bytes', '100000000', '--plot', join(directory, 'p.svg'), directory]
  const { child, ended } = runMain(t, args)
  const [server] = await waitFor(() => {
    const pids = childrenOf(child.pid)
    return pids.length > 0 && pids
  }, 'the server')
  await sleep(2_500)

  pressControlC(child)
  const { code, stdout } = await ended
  t.is(code, 130)
  t.false(stdout.includes('offloaded'), 'it was still at the first way')
  t.deepEqual(living([server ?? 0]), [])
})

test('Ctrl-C while workers are busy ends them too', async (t) => {
  const directory = await temporaryDirectory(t)
  for (let n = 0; n < 12; n += 1) await writeFile(join(directory, `${n}.js`), source(n, 200))
  const args = ['--budget-bytes', '100000000', '--plot', join(directory, 'p.svg'), directory]
  const { child, ended } = runMain(t, args)
  const below = await waitFor(() => {
    const servers = childrenOf(child.pid)
    const workers = servers.flatMap(childrenOf)
    return workers.length > 0 && [...servers, ...workers]
  }, 'the workers')
  // Started is not busy yet: a moment for them to load and begin.
  await sleep(400)

  t.true(living(below).length > 1)
  pressControlC(child)
  const { code, stdout } = await ended
  t.is(code, 130)
  t.false(stdout.includes('request latency'), 'it had not ended by itself')
  await waitFor(() => living(below).length === 0, 'the end of every process')
  t.deepEqual(living(below), [])
})

test('the time limit ends a run that takes longer, with a sentence that says so', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'enormous.js'), source(1, 40_000))
  const plot = join(directory, 'p.svg')
  const args = ['--time-limit-s', '3', '--budget-bytes', '100000000', '--plot', plot, directory]
  const { code, stderr } = await runMain(t, args).ended
  t.is(code, 124)
  t.regex(stderr, /^Not done after the time limit of 3 s/)
})

test('wrong use is one sentence and exit code 2', async (t) => {
  const directory = await temporaryDirectory(t)
  const missing = join(directory, 'missing')
  const file = join(directory, 'notes.txt')
  await writeFile(file, 'x')
  const cases: [string[], RegExp][] = [
    [[missing], /^There is no directory .*missing\.\n$/],
    [[file], /^.*notes\.txt is not a directory\.\n$/],
    [[directory], /^There are no \.js, \.mjs or \.cjs files in .*\.\n$/],
    [['--budget-bytes', '-1'], /^.*'--budget-bytes'.*\n$/],
    [
      ['--budget-bytes', '1.5'],
      /^--budget-bytes takes a whole number from 1 to \d+, got '1\.5'\.\n$/,
    ],
    [['--colour'], /^Unknown option '--colour'; --help lists the options\.\n$/],
    [['a', 'b'], /^One directory can be given, got 2\.\n$/],
  ]
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await runMain(t, args).ended
    t.is(code, 2, args.join(' '))
    t.is(stdout, '')
    t.regex(stderr, sentence)
  }
})

test('--help says what there is', async (t) => {
  const { code, stdout } = await runMain(t, ['--help']).ended
  t.is(code, 0)
  for (const option of ['DIR', '--budget-bytes', '--time-limit-s', '--plot']) {
    t.true(stdout.includes(option))
  }
})
