// Every command of this repository, one row each. package.json's scripts are these names; `npm run check:drift`
// and `node scripts/run.cjs check:drift` are the same thing.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checks, prettier, rustfmt } from './checks.js'
import { buildForRunning, checkDrift, writeGenerated } from './generated.js'
import { install } from './install.js'
import { binary, root, run } from './process.js'
import { step, StepFailed, takeAll } from './step.js'
import { test } from './test.js'

const build = async () => {
  await install()
  await writeGenerated()
}

const commands = {
  build,
  // The addon's loader and the types are by-products of the build: there is no generating without it.
  generate: build,

  start: async (args) => {
    await install()
    await buildForRunning()
    const entry = join(root, 'examples/main-job/main.js')
    // In this very process, so that Ctrl-C and signals reach the example itself and nothing stands between.
    process.argv = [process.argv[0], entry, ...args]
    await import(pathToFileURL(entry).href)
  },

  test,

  bench: async (args) => {
    await install()
    await buildForRunning()
    await install(join(root, 'bench'))
    await run(process.execPath, ['run.js', ...args], { cwd: join(root, 'bench'), inherit: true })
  },

  // Exits with 1 when something was found.
  soak: async (args) => {
    await install()
    await buildForRunning()
    await run(process.execPath, ['soak/run.js', ...args], { inherit: true })
  },

  'check:drift': async () => {
    await install()
    await buildForRunning()
    await checkDrift()
  },

  typecheck: async () => {
    await install()
    await checks.types()
  },

  // All of them, or the named ones alone.
  lint: async (names) => {
    await install()
    const linters = names.length > 0 ? names : ['oxlint', 'prettier', 'rustfmt', 'clippy', 'bodies']
    const unknown = linters.filter((name) => !Object.hasOwn(checks, name))
    if (unknown.length > 0) {
      throw new Error(
        `no linter ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`,
      )
    }
    if ((await takeAll(linters.map((name) => checks[name]))) > 0) process.exitCode = 1
  },

  // Everything, or the named files and folders alone.
  format: async (paths) => {
    await install()
    await step('prettier', () => prettier('--write', paths))
    if (paths.length === 0) await step('rustfmt', () => rustfmt())
  },

  coverage: async (args) => {
    await install()
    await buildForRunning()
    const c8 = [
      '--src',
      'src',
      '--include',
      'src/**',
      '--include',
      'dist/**',
      '--exclude-after-remap',
    ]
    const ava = [binary('ava'), ...args]
    await run(process.execPath, [binary('c8'), ...c8, process.execPath, ...ava], { inherit: true })
  },
}

export async function main([name, ...args]) {
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined
  if (command === undefined) {
    console.error(`There is no command "${name}"; there are ${Object.keys(commands).join(', ')}.`)
    process.exitCode = 1
    return
  }
  try {
    await command(args)
  } catch (error) {
    // A failed step has already said everything; anything else is a defect of these scripts.
    if (!(error instanceof StepFailed)) console.error(error)
    process.exitCode = 1
  }
}
