import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeIfChanged } from './files.js'
import { binary, root, run } from './process.js'

/** Compiles src/ twice: dist/ as ES modules with declarations, cjs/ as CommonJS. */
export async function buildTypeScript() {
  for (const [format, folder] of [
    ['esm', 'dist'],
    ['cjs', 'cjs'],
  ]) {
    await tsc('--project', `tsconfig.${format}.json`)
    removeStale(join(root, folder))
  }
  writeIfChanged(join(root, 'cjs/package.json'), '{ "type": "commonjs" }\n')
  copyTypesForCommonJs()
}

export function tsc(...args) {
  return run(process.execPath, [binary('tsc', 'typescript'), ...args])
}

/** What TypeScript reads for `require('plump-ipc')`: the same page, in a folder that says CommonJS. */
export function copyTypesForCommonJs() {
  const types = join(root, 'index.d.ts')
  if (existsSync(types)) writeIfChanged(join(root, 'cjs/index.d.ts'), readFileSync(types, 'utf8'))
}

/** The text of index.d.ts: the declarations of the ESM build, rolled up on one page. */
export async function rollUpTypes() {
  const folder = join(root, 'target/generated')
  const page = join(folder, 'index.d.ts')
  mkdirSync(folder, { recursive: true })
  // It reads what TypeScript 7 has emitted and brings its own older compiler to do so: version 7 has no API for tools.
  const flags = ['--silent', '--no-banner', '--export-referenced-types=false', '--out-file', page]
  await run(process.execPath, [
    binary('dts-bundle-generator'),
    ...flags,
    join(root, 'dist/index.d.ts'),
  ])
  return `// Generated from src/index.ts by \`npm run generate\`; edit the sources.\n\n${readFileSync(page, 'utf8')}`
}

/** Removes what was compiled from sources that are gone, rather than emptying the folder under running programs. */
function removeStale(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const source = /^(.*?)\.(?:js|js\.map|d\.ts)$/.exec(name)?.[1]
    if (source !== undefined && !existsSync(join(root, 'src', `${source}.ts`)))
      rmSync(join(folder, name))
  }
}
