import { fileURLToPath } from 'node:url'
import { createSyncFn } from 'synckit'

const MODULE = fileURLToPath(new URL('../workers/synckit.js', import.meta.url))

export default {
  package: 'synckit',
  /** createSyncFn() keeps one worker per module and process. */
  startsOnce: true,
  start() {
    const call = createSyncFn(MODULE)
    return { call, stop: () => {} }
  },
}
