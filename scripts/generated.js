import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { lockedInCi } from './cargo.js'
import { writeIfChanged } from './files.js'
import { buildNative, nativeStaging } from './native.js'
import { binary, root, run } from './process.js'
import { step } from './step.js'
import { buildTypeScript, copyTypesForRequire, rollUpTypes } from './typescript.js'

/**
 * Every generated file that is committed, one row each: writing, checking for drift and the order of the build are
 * all read off this list. `from` is the last thing that must be built before `make` can work; `make` gives the
 * file's text, or for a folder the texts of all its files by their path in it.
 */
const generated = [
  { path: 'npm', from: 'package.json', make: platformPackages },
  { path: 'src/generated/version.ts', from: 'package.json', make: version },
  { path: 'src/generated/codes.ts', from: 'rust', make: () => list('codes-ts') },
  { path: 'src/generated/limits.ts', from: 'rust', make: () => list('limits-ts') },
  { path: 'docs/errors.md', from: 'rust', make: () => list('errors-md') },
  { path: 'native/binding.js', from: 'addon', make: () => built('binding.js') },
  { path: 'native/binding.d.ts', from: 'addon', make: () => built('binding.d.ts') },
  { path: 'index.d.ts', from: 'typescript', make: rollUpTypes },
]

/** Builds everything in release mode and writes every generated file on the way, each before what needs it. */
export async function writeGenerated() {
  await step('generated from package.json', () => write('package.json'))
  await step('generated from Rust', () => write('rust'))
  await step('Rust addon, release', buildNative)
  await step('generated from the addon', () => write('addon'))
  await step('TypeScript → dist', buildTypeScript)
  await step('generated from TypeScript', () => write('typescript'))
  copyTypesForRequire()
}

/** Builds what it takes to run the package as it is committed. Changes no committed file. */
export async function buildForRunning() {
  await step('Rust addon, release', buildNative)
  await step('TypeScript → dist', buildTypeScript)
}

/** Fails when a committed generated file is not what its source gives. Needs buildForRunning() first. */
export async function checkDrift() {
  await step('generated files are up to date', async () => {
    const drifted = []
    for (const row of generated)
      drifted.push(...differences(join(root, row.path), await row.make(), row.path))
    if (drifted.length > 0)
      throw new Error(`${drifted.join('\n')}\nRun \`npm run generate\` and commit what it changes.`)
    return { note: `${generated.length} checked` }
  })
}

/**
 * What is wrong at `path`, one sentence each, when it should hold `made`.
 *
 * @param {string} path absolute
 * @param {string | Map<string, string>} made text of the file, or texts of a folder's files
 * @param {string} name what to call it
 * @returns {string[]}
 */
export function differences(path, made, name) {
  if (typeof made === 'string') {
    if (!existsSync(path)) return [`${name} is missing.`]
    return readFileSync(path, 'utf8') === made ? [] : [`${name} is not what its source gives.`]
  }
  const found = []
  for (const [file, text] of made)
    found.push(...differences(join(path, file), text, `${name}/${file}`))
  for (const file of filesIn(path)) {
    if (!made.has(file)) found.push(`${name}/${file} is no longer generated.`)
  }
  return found
}

async function write(from) {
  for (const row of generated) {
    if (row.from !== from) continue
    const made = await row.make()
    const path = join(root, row.path)
    if (typeof made === 'string') {
      writeIfChanged(path, made)
      continue
    }
    for (const file of filesIn(path)) if (!made.has(file)) rmSync(join(path, file))
    for (const [file, text] of made) writeIfChanged(join(path, file), text)
  }
}

/** Files below `folder`, by their path in it with `/`, sorted. */
function filesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll(sep, '/'),
    )
    .sort()
}

/** What the core prints about one of its lists. Warnings of the compiler are no part of it. */
async function list(name) {
  // A binary, not an example: examples bring the dev-dependencies along, minutes of a fresh clone's first build.
  const program = ['--package', 'plump-core', '--bin', 'lists']
  const { stdout } = await run('cargo', ['run', '--quiet', ...lockedInCi(), ...program, '--', name])
  return stdout
}

function built(name) {
  return readFileSync(join(nativeStaging, name), 'utf8')
}

/** The version as a constant: a worker that reads package.json for it starts a millisecond later. */
function version() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return `// Generated from package.json by \`npm run generate\`; edit it there.

/** Version of this package; host and worker must have the same. */
export const version = '${version}'
`
}

/** npm/: one package per target of package.json's `napi` block. */
async function platformPackages() {
  const folder = 'target/generated/npm'
  rmSync(join(root, folder), { recursive: true, force: true })
  await run(process.execPath, [
    binary('napi', '@napi-rs/cli'),
    'create-npm-dirs',
    '--npm-dir',
    folder,
  ])
  const path = join(root, folder)
  return new Map(filesIn(path).map((file) => [file, readFileSync(join(path, file), 'utf8')]))
}
