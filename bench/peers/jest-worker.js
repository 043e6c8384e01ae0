import { fileURLToPath } from 'node:url'
import { Worker } from 'jest-worker'

const MODULE = fileURLToPath(new URL('../workers/jest-worker.js', import.meta.url))
const METHODS = ['add', 'burn', 'digest', 'echo', 'ends', 'give', 'identity', 'touch']

/** @param enableWorkerThreads its default is processes */
export function jestWorkerPeer(enableWorkerThreads) {
  return {
    package: 'jest-worker',
    start({ workers = 1 } = {}) {
      const farm = new Worker(MODULE, {
        numWorkers: workers,
        exposedMethods: METHODS,
        enableWorkerThreads,
      })
      return {
        acall: (name, ...args) => farm[name](...args),
        stop: () => farm.end(),
      }
    },
  }
}
