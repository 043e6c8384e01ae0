// What there is once per JavaScript environment, however many copies of this package were loaded into it: sources and
// build, loaders that load a file again, duplicates in node_modules. Commands that one copy registers must be found by the
// other, and a link has one owner.

import { PlumpConnectionError } from './errors.js'
import { version } from './generated/version.js'

interface Shared {
  readonly version: string
  /** The value of PLUMP_IPC_LINK, until the link is opened. */
  link: string | undefined
  /** The value of PLUMP_IPC_ADDON, until the addon is loaded. */
  addon: string | undefined
  readonly isWorker: boolean
  readonly things: Map<string, unknown>
}

const key = Symbol.for('plump-ipc')

const shared = find()

/** Whether this process was started as a worker (by `start`, `spawn`, or with the entries of `createLink()`). */
export const isWorker: boolean = shared.isWorker

/** The thing of that name, made on first use by whichever copy of this package asks first. */
export function once<T>(name: string, make: () => T): T {
  if (!shared.things.has(name)) shared.things.set(name, make())
  return shared.things.get(name) as T
}

/** Hands out the value of PLUMP_IPC_LINK, once. */
export function takeLink(): string | undefined {
  const link = shared.link
  shared.link = undefined
  return link
}

/** Hands out the value of PLUMP_IPC_ADDON, once: the file of the addon, as the host has found it. */
export function takeAddon(): string | undefined {
  const { addon } = shared
  shared.addon = undefined
  return addon
}

function find(): Shared {
  const place = globalThis as { [key]?: Shared }
  const first = place[key]
  if (first !== undefined && first.version === version) return first
  if (first?.isWorker === true)
    throw new PlumpConnectionError(
      'ERR_PLUMP_VERSION_MISMATCH',
      `The host runs plump-ipc ${first.version}, this worker's module imports plump-ipc ${version}.`,
    )
  const link = process.env['PLUMP_IPC_LINK']
  const addon = process.env['PLUMP_IPC_ADDON']
  // Children of this process must not take themselves for a worker.
  delete process.env['PLUMP_IPC_LINK']
  delete process.env['PLUMP_IPC_ADDON']
  const made: Shared = {
    version,
    link,
    addon: link && addon,
    isWorker: link !== undefined,
    things: new Map(),
  }
  // Two versions in one host know nothing of each other; the second one keeps to itself.
  if (first === undefined) Object.defineProperty(place, key, { value: made })
  return made
}
