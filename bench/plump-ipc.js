// Finds the package that this folder is part of the way a user's `import` would: by the
// `exports` of its package.json. A dependency `file:..` was refused, because npm then copies the
// package's own dependency list into this lock file, where it drifts.
import { existsSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

function importPath(entry) {
  if (typeof entry === 'string') return entry
  if (entry === undefined || entry === null) return undefined
  return importPath(entry.import ?? entry.node ?? entry.default)
}

const path = importPath(manifest.exports?.['.'] ?? manifest.exports) ?? manifest.main
const url = new URL(path ?? 'dist/index.js', root)
if (!existsSync(url)) throw new Error('plump-ipc is not built: run `npm run build` in its folder')

const plumpIpc = await import(url.href)

export const { plump, plumpBus, PlumpIPC, PlumpQueue, spawn } = plumpIpc
export const { version } = manifest
