import type { AnyCommands } from './commands.js'
import type { PlumpOptions } from './options.js'
import { PlumpIPC } from './plump-ipc.js'

/**
 * Starts workers with that module: `new PlumpIPC(options).start(module)`. Returns at once; calls wait until the first
 * worker is ready.
 *
 * ```ts
 * const math = spawn<typeof import('./math.js')>(new URL('./math.js', import.meta.url))
 * math.call('add', 1, 2)
 * ```
 *
 * @throws what `PlumpIPC.start` throws.
 */
export function spawn<Commands = AnyCommands>(
  module: URL | string,
  options?: PlumpOptions<Commands>,
): PlumpIPC<Commands> {
  return new PlumpIPC<Commands>(options).start(module)
}
