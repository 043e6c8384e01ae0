import { PlumpError } from './errors.js'
import { Exchange } from './exchange.js'
import { type LoadedBinding, loadBinding } from './native.js'
import { once, takeAddon } from './shared.js'

/**
 * The exchange of this JavaScript environment, made on first use: importing the package loads no native code, so that
 * a program which never starts a worker pays nothing and works where addons are forbidden.
 *
 * @throws PlumpError `ERR_PLUMP_BINDING_MISSING`
 */
export function exchange(): Exchange {
  return once('exchange', () => new Exchange(addon().binding))
}

/** The file of the native half, if it is known: workers need not look for it again. */
export function addonPath(): string | undefined {
  return addon().path
}

function addon(): LoadedBinding {
  return once('addon', load)
}

function load(): LoadedBinding {
  let loaded: LoadedBinding
  try {
    loaded = loadBinding(takeAddon())
  } catch (error) {
    const what = areAddonsForbidden(error)
      ? "Node's permission model forbids the native part of plump-ipc to be loaded: run node with --allow-addons."
      : `The native part of plump-ipc for ${process.platform}-${process.arch} could not be loaded: install the package for this platform, or run \`npm run build\` in its repository.`
    throw new PlumpError('ERR_PLUMP_BINDING_MISSING', what, { cause: error })
  }
  loaded.binding.setDebug((process.env['NODE_DEBUG'] ?? '').split(',').includes('plump-ipc'))
  return loaded
}

/** The binding's loader tries several files; which of its errors is Node's own stands somewhere among the causes. */
function areAddonsForbidden(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (code === 'ERR_DLOPEN_DISABLED' || code === 'ERR_ACCESS_DENIED') return true
    // The loader makes new errors of those it got, without their codes.
    if (at.message.includes('loading addons is disabled')) return true
  }
  return false
}
