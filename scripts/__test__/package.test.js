// The package as its users get it. Needs a build, as every test that starts workers.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { root } from '../process.js'

/** The names that `program`, an expression in the given kind of module, gives for the package. */
function exportsIn(t, type, program) {
  const args = [
    `--input-type=${type}`,
    '-e',
    `console.log(JSON.stringify(Object.keys(${program}).sort()))`,
  ]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  })
  t.is(status, 0, stderr)
  return JSON.parse(stdout)
}

/** What `npm pack` says that it has packed. */
function pack(t, ...flags) {
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', ...flags],
    { cwd: root, encoding: 'utf8', shell: process.platform === 'win32', timeout: 60_000 },
  )
  t.is(status, 0, stderr)
  return Object.values(JSON.parse(stdout))[0]
}

/** A folder with the packed package and the one for this platform in its node_modules, as npm would install them. */
function installed(t) {
  const folder = mkdtempSync(join(tmpdir(), 'plump-packed-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { filename } = pack(t, '--pack-destination', folder)
  // Windows has a tar of that name, too.
  const unpacked = spawnSync('tar', ['-xzf', filename], { cwd: folder, timeout: 60_000 })
  t.is(unpacked.status, 0, String(unpacked.stderr))
  mkdirSync(join(folder, 'node_modules'))
  renameSync(join(folder, 'package'), join(folder, 'node_modules/plump-ipc'))
  const addon = readdirSync(join(root, 'native')).find((name) => name.endsWith('.node'))
  const platform = /^plump-ipc\.(.+)\.node$/.exec(addon)[1]
  const place = join(folder, 'node_modules', `plump-ipc-${platform}`)
  mkdirSync(place)
  copyFileSync(join(root, 'npm', platform, 'package.json'), join(place, 'package.json'))
  copyFileSync(join(root, 'native', addon), join(place, addon))
  return folder
}

test('import and require give the same names', (t) => {
  const imported = exportsIn(t, 'module', `await import('plump-ipc')`)
  const required = exportsIn(t, 'commonjs', `require('plump-ipc')`)
  t.true(imported.includes('plump'))
  t.deepEqual(
    required.filter((name) => name !== '__esModule'),
    imported.filter((name) => name !== 'default' && name !== 'module.exports'),
  )
})

test('every platform package has the version of the package and is made for one target', (t) => {
  const { version, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.is(napi.targets.length, 8)
  for (const name of ['linux-x64-gnu', 'linux-arm64-musl', 'darwin-arm64', 'win32-x64-msvc']) {
    const platform = JSON.parse(readFileSync(join(root, 'npm', name, 'package.json'), 'utf8'))
    t.is(platform.name, `plump-ipc-${name}`)
    t.is(platform.version, version)
    t.deepEqual(platform.files, [`plump-ipc.${name}.node`])
  }
})

test('what is packed is the built package: no sources, no tests, no binary, no scripts that run on install', (t) => {
  const { files } = pack(t, '--dry-run')
  const paths = files.map((file) => file.path)
  for (const path of [
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'dist/index.cjs',
    'dist/index.d.cts',
    'dist/index.js',
    'dist/worker.cjs',
    'index.d.ts',
    'native/binding.js',
    'native/package.json',
  ]) {
    t.true(paths.includes(path), path)
  }
  const foreign = /^(?:src|__test__|scripts|crates|examples|bench|target|node_modules)\/|\.node$/
  t.deepEqual(
    paths.filter((path) => foreign.test(path)),
    [],
  )
  const { scripts, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  t.deepEqual(
    Object.keys(scripts).filter((name) => /install|prepare/.test(name)),
    [],
  )
  t.is(dependencies, undefined)
})

test('the packed package runs workers, for programs and modules that import and that require it', (t) => {
  t.timeout(60_000)
  const folder = installed(t)
  const use = `
    const worker = spawn(new URL(process.argv[2], pathToFileURL(process.argv[1])))
    const told = [worker.call('add', 1, 2), worker.call('isWorker')]
    worker.close().then(() => console.log(JSON.stringify(told)))`
  const add = 'const add = (a, b) => a + b\n'
  const files = {
    'host.mjs': `import { spawn } from 'plump-ipc'
      import { pathToFileURL } from 'node:url'
      ${use}`,
    'host.cjs': `const { spawn } = require('plump-ipc')
      const { pathToFileURL } = require('node:url')
      ${use}`,
    'worker.mjs': `import { plump, isWorker } from 'plump-ipc'
      plump.command('isWorker', () => isWorker)
      ${add} export { add }`,
    'worker.cjs': `const { plump, isWorker } = require('plump-ipc')
      plump.command('isWorker', () => isWorker)
      ${add} exports.add = add`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  for (const host of ['host.mjs', 'host.cjs']) {
    for (const worker of ['./worker.mjs', './worker.cjs']) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, host), worker], {
        encoding: 'utf8',
        timeout: 30_000,
      })
      t.is(status, 0, `${host} ${worker}: ${stderr}`)
      t.deepEqual(JSON.parse(stdout), [3, true], `${host} ${worker}`)
    }
  }
})
