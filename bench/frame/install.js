import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('..', import.meta.url))
const VENV = join(BENCH, '.venv')
const LIMIT_MS = 300_000

/**
 * Installs what is missing: the peers' npm packages, and PlumpIPC for Python in an environment of
 * its own. What cannot be installed is a line in the table, not the end of the run.
 * @param python whether PlumpIPC for Python is wanted
 */
export function installMissing({ python, say }) {
  if (!arePeersInstalled()) {
    say('installing the peers (npm ci in bench/)')
    run('npm', ['ci', '--no-fund', '--no-audit'], say)
  }
  if (python && !pythonPackageVersion()) {
    say('installing PlumpIPC for Python (bench/.venv)')
    if (run('python3', ['-m', 'venv', VENV], say)) {
      run(join(VENV, 'bin', 'pip'), ['install', '--quiet', 'plump-ipc==0.1.0'], say)
    }
  }
}

/** Whether every peer that is not optional is there in the version of package.json, which may have changed since. */
function arePeersInstalled() {
  const { dependencies } = JSON.parse(readFileSync(join(BENCH, 'package.json'), 'utf8'))
  return Object.entries(dependencies).every(([name, version]) => installed(name) === version)
}

/** @returns the version of a package in bench/node_modules, or undefined */
function installed(name) {
  try {
    const path = join(BENCH, 'node_modules', name, 'package.json')
    return JSON.parse(readFileSync(path, 'utf8')).version
  } catch {
    return undefined
  }
}

/** @returns the version of PlumpIPC for Python in bench/.venv, or '' */
export function pythonPackageVersion() {
  const { status, stdout } = spawnSync(
    join(VENV, 'bin', 'python'),
    ['-c', 'from importlib.metadata import version; print(version("plump-ipc"))'],
    { encoding: 'utf8', timeout: 20_000 },
  )
  return status === 0 ? stdout.trim() : ''
}

/** @returns the versions of everything that is measured, by package */
export function versions() {
  const manifest = JSON.parse(readFileSync(join(BENCH, 'package.json'), 'utf8'))
  const found = { node: process.versions.node, v8: process.versions.v8 }
  const root = JSON.parse(readFileSync(join(BENCH, '..', 'package.json'), 'utf8'))
  found[root.name] = root.version
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    found[name] = installed(name) ?? 'not installed'
  }
  found['PlumpIPC (Python)'] = pythonPackageVersion() || 'not installed'
  const python = spawnSync(join(VENV, 'bin', 'python'), ['--version'], { encoding: 'utf8' })
  if (python.status === 0) found.python = python.stdout.trim().replace('Python ', '')
  return found
}

function run(command, args, say) {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: BENCH,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: LIMIT_MS,
  })
  if (status === 0) return true
  say(`${command} ${args[0]} failed: ${error?.message ?? stderr.trim().split('\n').pop()}`)
  return false
}
