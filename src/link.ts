import type { NativeLink } from './native.js'

/**
 * What a process of the user's own needs to become a worker, from `createLink()`. Give all of it to exactly one process:
 *
 * ```ts
 * const link = plump.createLink()
 * const child = spawn(process.execPath, ['worker.js'], { stdio: link.stdio, env: link.env })
 * link.handed()
 * ```
 */
export interface PlumpLink {
  /** For the option `stdio` of `child_process.spawn`: the three of the host, then the link's descriptors. */
  readonly stdio: ('inherit' | number)[]
  /** The host's environment with the variables that name the link. */
  readonly env: Record<string, string>
  /**
   * Says that the process was started: closes the link's descriptors in this process, so that the end of the worker
   * is noticed also when it dies before it has said hello. May be called more than once.
   */
  handed(): void
}

const own = new WeakSet<PlumpLink>()

export function makeLink(
  native: NativeLink,
  depth: Record<string, string>,
  handed: () => void,
): PlumpLink {
  let open = true
  const link: PlumpLink = {
    stdio: ['inherit', 'inherit', 'inherit', ...native.descriptors],
    env: { ...hostEnvironment(), ...depth, PLUMP_IPC_LINK: native.value },
    handed() {
      if (open) handed()
      open = false
    },
  }
  own.add(link)
  return link
}

/** Whether it was made by `createLink()` in this environment. */
export function isOwnLink(value: unknown): value is PlumpLink {
  return typeof value === 'object' && value !== null && own.has(value as PlumpLink)
}

function hostEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
}
