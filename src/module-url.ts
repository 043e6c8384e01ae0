import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PlumpError } from './errors.js'
import { shown } from './shown.js'

/**
 * The URL of a worker module given as `URL` or absolute path. Relative paths are refused: there is nothing that they
 * could sensibly be relative to, the caller's file is not known here.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_ARGUMENT`
 */
export function moduleUrl(module: unknown, argument = 'module'): string {
  if (module instanceof URL) {
    if (module.protocol === 'file:' || module.protocol === 'data:') return module.href
    throw invalid(`${argument} must be a file: or data: URL, got ${shown(module.href)}.`)
  }
  if (typeof module === 'string' && isAbsolute(module) && !module.includes('\0'))
    return pathToFileURL(module).href
  const hint =
    typeof module === 'string' && !module.startsWith('file:')
      ? ` For a file beside this one: new URL(${JSON.stringify(module.slice(0, 100))}, import.meta.url).`
      : ' For a text that is a URL: new URL(text).'
  throw invalid(
    `${argument} must be a URL or an absolute path, got ${shown(module)}.${typeof module === 'string' ? hint : ''}`,
  )
}

function invalid(message: string): PlumpError {
  return new PlumpError('ERR_PLUMP_INVALID_ARGUMENT', message)
}
