import { cargo } from './cargo.js'
import { binary, run } from './process.js'
import { step } from './step.js'
import { tsc } from './typescript.js'

/** `npm run format` and the check of it, over everything or the named files and folders. */
export function prettier(mode, paths = []) {
  const flags = [mode, '--log-level', 'warn', '--ignore-unknown']
  return run(process.execPath, [
    binary('prettier'),
    ...flags,
    ...(paths.length > 0 ? paths : ['.']),
  ])
}

export function rustfmt(...args) {
  return run('cargo', ['fmt', '--all', ...args])
}

/** Everything that is looked at without being run. */
export const checks = {
  types: () => step('types of the sources and tests', () => tsc('--project', 'tsconfig.json')),
  oxlint: () => step('oxlint', () => run(process.execPath, [binary('oxlint'), '--deny-warnings'])),
  prettier: () => step('prettier', () => prettier('--check')),
  publint: () =>
    step('publint', () => run(process.execPath, [binary('publint'), '--strict', '--pack', 'npm'])),
  rustfmt: () => step('rustfmt', () => rustfmt('--check')),
  clippy: () =>
    step('clippy', () =>
      cargo('clippy', '--workspace', '--all-targets', '--quiet', '--', '--deny', 'warnings'),
    ),
  bodies: () =>
    step('platform functions have bodies', () =>
      run(process.execPath, ['scripts/platform-bodies.js']),
    ),
}
