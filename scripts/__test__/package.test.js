// The package as its users get it. Needs a build, as every test that starts workers.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
  const packed = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    timeout: 60_000,
  })
  t.is(packed.status, 0, packed.stderr)
  const [{ files }] = Object.values(JSON.parse(packed.stdout))
  const paths = files.map((file) => file.path)
  for (const path of [
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'cjs/index.d.ts',
    'cjs/index.js',
    'cjs/package.json',
    'dist/index.js',
    'index.d.ts',
    'native/binding.js',
    'native/package.json',
    'package-root.cjs',
  ]) {
    t.true(paths.includes(path), path)
  }
  const foreign =
    /^(?:src|__test__|scripts|crates|examples|bench|target|node_modules)\/|\.node$|^dist\/.*\.d\.ts$/
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
