// The copy of the repository in which faults are seeded. It stays between runs, so that each costs an incremental build.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root, run } from '../../scripts/process.js'

const home = join(root, 'target/faults')
const tree = join(home, 'tree')
const owner = join(home, 'pid')
const BUILD_LIMIT_MS = 10 * 60_000
/** Made in the copy, not copied into it. */
const OWN = /^(?:node_modules|dist|target)$|\.node$/

const environment = {
  CARGO_TARGET_DIR: join(home, 'cargo'),
  CARGO_INCREMENTAL: '1',
  // Optimised as tests are, without what only a debugger reads: 2 to 3 seconds a fault.
  CARGO_PROFILE_DEV_DEBUG: '0',
}

/**
 * Takes the copy for this process and brings it up to date.
 *
 * @throws Error while another process has it
 */
export function faultyCopy() {
  mkdirSync(tree, { recursive: true })
  if (existsSync(owner) && isAlive(Number(readFileSync(owner, 'utf8'))))
    throw new Error(`Another run is under way, process ${readFileSync(owner, 'utf8')}.`)
  writeFileSync(owner, String(process.pid))
  const files = filesOfRepository()
  for (const file of files) write(file, readFileSync(join(root, file)))
  removeOthers(new Set(files))
  for (const folder of ['dist', 'native']) mkdirSync(join(tree, folder), { recursive: true })
  if (!existsSync(join(tree, 'node_modules')))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'), 'junction')
  return { check, seed, restore, build, run: runThere, close: () => rmSync(owner, { force: true }) }
}

/** What the repository has and is not ignored, changes that are not committed among it. */
function filesOfRepository() {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout, status, stderr } = spawnSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`git ls-files: ${stderr}`)
  return stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))
}

/** Only what differs: cargo goes by the time of a file. */
function write(file, bytes) {
  const path = join(tree, file)
  if (existsSync(path) && readFileSync(path).equals(bytes)) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

function removeOthers(known) {
  for (const entry of readdirSync(tree, { withFileTypes: true })) {
    if (OWN.test(entry.name)) continue
    const names = entry.isDirectory()
      ? readdirSync(join(tree, entry.name), { recursive: true, withFileTypes: true })
          .filter((inner) => !inner.isDirectory())
          .map((inner) => join(inner.parentPath ?? inner.path, inner.name).slice(tree.length + 1))
      : [entry.name]
    for (const name of names) {
      const file = name.replaceAll('\\', '/')
      if (!known.has(file) && !OWN.test(file) && !file.includes('node_modules/'))
        rmSync(join(tree, name))
    }
  }
}

/** @throws Error where the text to be replaced does not stand there exactly once */
function check(fault) {
  for (const { file, find } of editsOf(fault)) {
    const count = readFileSync(join(root, file), 'utf8').split(find).length - 1
    if (count !== 1)
      throw new Error(`${fault.name}: ${file} has this ${count} times instead of once: ${find}`)
  }
}

function seed(fault) {
  for (const { file, find, replace } of editsOf(fault)) {
    const text = readFileSync(join(tree, file), 'utf8')
    write(file, Buffer.from(text.split(find).join(replace)))
  }
}

function restore(fault) {
  for (const { file } of editsOf(fault)) write(file, readFileSync(join(root, file)))
}

/** A fault is one edit, and `also` has those that it takes beside that. */
function editsOf({ file, find, replace, also = [] }) {
  return [{ file, find, replace }, ...also.map((edit) => ({ file, ...edit }))]
}

/** Runs a program of Node, or cargo, in the copy. */
function runThere(command, args, { env = {}, limitMs = BUILD_LIMIT_MS } = {}) {
  return run(command, args, { cwd: tree, env: { ...environment, ...env }, limitMs })
}

/** Builds the addon and dist/. A fault that does not build is an error of the table. */
async function build() {
  await runThere('cargo', ['build', '--quiet', '--package', 'plump-node'])
  const built = join(environment.CARGO_TARGET_DIR, 'debug', LIBRARIES[process.platform])
  const addon = join(tree, 'native', addonName())
  // Not over the file that a process may have loaded.
  rmSync(addon, { force: true })
  copyFileSync(built, addon)
  const bundle = "await (await import('./scripts/bundle.js')).buildBundle()"
  await runThere(process.execPath, ['--input-type=module', '--eval', bundle])
}

const LIBRARIES = {
  linux: 'libplump_node.so',
  darwin: 'libplump_node.dylib',
  win32: 'plump_node.dll',
}

/** As `napi build` has named it in the repository. */
function addonName() {
  const name = readdirSync(join(root, 'native')).find((file) => file.endsWith('.node'))
  if (name === undefined) throw new Error('There is no addon in native/: `npm run build` first.')
  return name
}

function isAlive(pid) {
  try {
    return pid !== process.pid && process.kill(pid, 0)
  } catch {
    return false
  }
}
