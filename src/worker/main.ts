// What a worker process runs first: opens the link, loads the module that the host named, serves its commands.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isCodec } from '../codec/is-codec.js'
import { PlumpSerializationError } from '../errors.js'
import { registry } from '../registry.js'
import { shown } from '../shown.js'
import { workerSide } from './worker-side.js'

/** The program of a worker process. The build calls it where Node was started with dist/worker.cjs. */
export async function main(): Promise<void> {
  // Ctrl-C in a terminal reaches every process in it. The host decides what it means; its end is the worker's.
  process.on('SIGINT', () => {})
  // What asks for `require.main` looks for the application, which this package is not.
  Reflect.deleteProperty(process, 'mainModule')
  const side = workerSide()
  const { module, codecModule } = side.open()
  try {
    if (codecModule !== undefined) side.useCodec(await loadCodec(codecModule))
    if (module !== undefined) {
      // As `fork` has it: the module is the program.
      if (module.startsWith('file:')) process.argv[1] = fileURLToPath(module)
      registry.addExports(await loadExports(module))
    }
    await side.initialise()
    side.serve()
  } catch (error) {
    side.fail(error)
    process.exit(1)
  }
}

async function loadCodec(url: string) {
  const exports = (await import(url)) as { codec?: unknown; default?: unknown }
  const codec = exports.codec ?? exports.default
  if (isCodec(codec)) return codec
  throw new PlumpSerializationError(
    'ERR_PLUMP_CODEC',
    `The codecModule must export { name, encode, decode } as \`codec\` or by default, got ${shown(codec)}.`,
  )
}

async function loadExports(url: string): Promise<object> {
  const exports = (await import(url)) as Record<string, unknown>
  // Of a CommonJS module Node names only the exports that it finds without running it; the rest is in `default`.
  const whole = exports['default']
  return isCommonJs(url, exports) && typeof whole === 'object' && whole !== null
    ? { ...whole, ...exports }
    : exports
}

function isCommonJs(url: string, exports: object): boolean {
  if ('module.exports' in exports) return true
  if (!url.startsWith('file:')) return false
  const path = fileURLToPath(url)
  return createRequire(path).cache[path] !== undefined
}
