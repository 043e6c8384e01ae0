import Tinypool from 'tinypool'
import { chainByKey, workerOfKey } from './by-key.js'

const filename = new URL('../workers/piscina.js', import.meta.url).href

/** @param runtime 'worker_threads' or 'child_process' */
export function tinypoolPeer(runtime) {
  const threads = runtime === 'worker_threads'
  return {
    package: 'tinypool',
    start({ workers = 1, inFlight = 1, payloadBytes, keys } = {}) {
      // It has no keys: a pool of one worker for each share of them.
      const pools = Array.from({ length: keys ? workers : 1 }, () => {
        const size = keys ? 1 : workers
        return new Tinypool({
          filename,
          runtime,
          minThreads: size,
          maxThreads: size,
          concurrentTasksPerWorker: inFlight > 1 ? 64 : 1,
          // Its default for processes is JSON, which is faster for small values and carries no bytes.
          ...(threads || payloadBytes === undefined ? {} : { serialization: 'advanced' }),
        })
      })
      const [pool] = pools
      const onWorkerOfKey = (key, name, ...args) =>
        pools[workerOfKey(key, workers)].run(args, { name })
      let turn = 0
      return {
        acall: (name, ...args) => pools[turn++ % pools.length].run(args, { name }),
        move(length) {
          const bytes = new Uint8Array(length)
          return {
            bytes,
            acall: (name) => pool.run([bytes], { name, transferList: [bytes.buffer] }),
          }
        },
        keyed: keys === 'overlapping' ? chainByKey(onWorkerOfKey) : onWorkerOfKey,
        cancellable(name, ...args) {
          const controller = new AbortController()
          return {
            answer: pool.run(args, { name, signal: controller.signal }),
            cancel: () => controller.abort(),
          }
        },
        stop: () => Promise.all(pools.map((each) => each.destroy())),
      }
    },
  }
}
