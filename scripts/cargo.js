import { run } from './process.js'

/** In CI a Cargo.lock that does not fit the manifests is an error, as package-lock.json is for `npm ci`. */
export function lockedInCi() {
  return process.env.CI ? ['--locked'] : []
}

/** Runs `cargo <subcommand> …` in the repository; resolves with all that it printed. */
export function cargo(subcommand, ...args) {
  return run('cargo', [subcommand, ...lockedInCi(), ...args])
}
