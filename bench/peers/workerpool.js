import { fileURLToPath } from 'node:url'
import workerpool from 'workerpool'
import { workerOfKey } from './by-key.js'

const MODULE = fileURLToPath(new URL('../workers/workerpool.js', import.meta.url))

/** @param workerType 'thread' or 'process' */
export function workerpoolPeer(workerType) {
  const threads = workerType === 'thread'
  return {
    package: 'workerpool',
    start({ workers = 1, payloadBytes, keys } = {}) {
      // It has no keys: a pool of one worker for each share of them. A worker has one task at a time, first in, first
      // out, so nothing more is needed.
      const pools = Array.from({ length: keys ? workers : 1 }, () => {
        const size = keys ? 1 : workers
        return workerpool.pool(MODULE, {
          workerType,
          minWorkers: size,
          maxWorkers: size,
          // JSON, the default of processes, is faster for small values, but makes of a Buffer an object of numbers.
          ...(threads || payloadBytes === undefined
            ? {}
            : { forkOpts: { serialization: 'advanced' } }),
        })
      })
      const [pool] = pools
      let listener = () => {}
      let turn = 0
      return {
        // exec() returns the package's own promise; await takes any thenable.
        acall: (name, ...args) =>
          name === 'publishFor'
            ? pool.exec(name, args, { on: (event) => listener(event) })
            : pools[turn++ % pools.length].exec(name, args),
        move(length) {
          const bytes = new Uint8Array(length)
          return {
            bytes,
            acall: (name) => pool.exec(name, [bytes], { transfer: [bytes.buffer] }),
          }
        },
        keyed: (key, name, ...args) => pools[workerOfKey(key, workers)].exec(name, args),
        cancellable(name, ...args) {
          const answer = pool.exec(name, args)
          return { answer, cancel: () => answer.cancel() }
        },
        listen: (callback) => (listener = callback),
        stop: () => Promise.all(pools.map((each) => each.terminate())),
      }
    },
  }
}
