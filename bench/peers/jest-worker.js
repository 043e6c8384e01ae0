import { fileURLToPath } from 'node:url'
import { Worker } from 'jest-worker'
import * as tasks from '../tasks.js'

const MODULE = fileURLToPath(new URL('../workers/jest-worker.js', import.meta.url))
/** Given, as it would load the module in the host to find them. */
const METHODS = Object.keys(tasks)

/** @param enableWorkerThreads its default is processes */
export function jestWorkerPeer(enableWorkerThreads) {
  return {
    package: 'jest-worker',
    start({ workers = 1, keys } = {}) {
      const farm = new Worker(MODULE, {
        numWorkers: workers,
        exposedMethods: METHODS,
        enableWorkerThreads,
        // Its own way to bind calls to a worker; a worker has one call at a time, first in, first out.
        ...(keys
          ? { computeWorkerKey: (name, key) => (name.startsWith('count') ? key : null) }
          : {}),
      })
      const acall = (name, ...args) => farm[name](...args)
      // A key is bound when its first call has begun; those made before that would go anywhere.
      const bound = new Map()
      return {
        acall,
        keyed(key, name, ...args) {
          const first = bound.get(key)
          if (first !== undefined) return first.then(() => acall(name, ...args))
          const answer = acall(name, ...args)
          bound.set(key, answer)
          return answer
        },
        stop: () => farm.end(),
      }
    },
  }
}
