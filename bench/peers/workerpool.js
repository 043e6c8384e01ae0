import { fileURLToPath } from 'node:url'
import workerpool from 'workerpool'

const MODULE = fileURLToPath(new URL('../workers/workerpool.js', import.meta.url))

/** @param workerType 'thread' or 'process' */
export function workerpoolPeer(workerType) {
  const threads = workerType === 'thread'
  return {
    package: 'workerpool',
    start({ workers = 1 } = {}) {
      const pool = workerpool.pool(MODULE, {
        workerType,
        minWorkers: workers,
        maxWorkers: workers,
        // Without it a Buffer arrives as an object of numbers.
        ...(threads ? {} : { forkOpts: { serialization: 'advanced' } }),
      })
      let listener = () => {}
      return {
        // exec() returns the package's own promise; await takes any thenable.
        acall: (name, ...args) =>
          name === 'publishFor'
            ? pool.exec(name, args, { on: (event) => listener(event) })
            : pool.exec(name, args),
        move(length) {
          const bytes = new Uint8Array(length)
          return {
            bytes,
            acall: (name) => pool.exec(name, [bytes], { transfer: [bytes.buffer] }),
          }
        },
        listen: (callback) => (listener = callback),
        stop: () => pool.terminate(),
      }
    },
  }
}
