import { mkdirSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { lockedInCi } from './cargo.js'
import { replaceFile } from './files.js'
import { binary, root, run } from './process.js'

/** Where `napi build` writes, before anything goes to native/. */
export const nativeStaging = join(root, 'target/napi')

/** Builds the addon, in release mode, into native/. Its generated loader and types stay in the staging folder. */
export async function buildNative() {
  // The one place with these flags: a `napi build` with others writes its files under other names.
  const flags = [
    '--platform',
    '--release',
    '--no-const-enum',
    '--js',
    'binding.js',
    '--dts',
    'binding.d.ts',
  ]
  const places = [
    '--manifest-path',
    'crates/plump-node/Cargo.toml',
    '--output-dir',
    relative(root, nativeStaging),
  ]
  const locked = lockedInCi()
  mkdirSync(nativeStaging, { recursive: true })
  await run(process.execPath, [
    binary('napi', '@napi-rs/cli'),
    'build',
    ...flags,
    ...places,
    ...(locked.length > 0 ? ['--', ...locked] : []),
  ])
  for (const name of readdirSync(nativeStaging)) {
    if (name.endsWith('.node')) replaceFile(join(nativeStaging, name), join(root, 'native', name))
  }
}
