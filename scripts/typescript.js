import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildBundle } from './bundle.js'
import { writeIfChanged } from './files.js'
import { binary, root, run } from './process.js'

/** Makes dist/, which runs, and target/types, the declarations that `rollUpTypes` reads. */
export async function buildTypeScript() {
  await tsc('--project', 'tsconfig.types.json')
  await buildBundle()
  copyTypesForRequire()
}

export function tsc(...args) {
  return run(process.execPath, [binary('tsc', 'typescript'), ...args])
}

/** What TypeScript reads for `require('plump-ipc')`: the same page, under a name that says CommonJS. */
export function copyTypesForRequire() {
  const types = join(root, 'index.d.ts')
  if (existsSync(types)) writeIfChanged(join(root, 'dist/index.d.cts'), readFileSync(types, 'utf8'))
}

/** The text of index.d.ts: the declarations of the sources, rolled up on one page. */
export async function rollUpTypes() {
  const folder = join(root, 'target/generated')
  const page = join(folder, 'index.d.ts')
  mkdirSync(folder, { recursive: true })
  // It reads what TypeScript 7 has emitted and brings its own older compiler to do so: version 7 has no API for tools.
  const flags = ['--silent', '--no-banner', '--export-referenced-types=false', '--out-file', page]
  await run(process.execPath, [
    binary('dts-bundle-generator'),
    ...flags,
    join(root, 'target/types/index.d.ts'),
  ])
  return `// Generated from src/index.ts by \`npm run generate\`; edit the sources.\n\n${readFileSync(page, 'utf8')}`
}
