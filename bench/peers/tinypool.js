import Tinypool from 'tinypool'

const filename = new URL('../workers/piscina.js', import.meta.url).href

/** @param runtime 'worker_threads' or 'child_process' */
export function tinypoolPeer(runtime) {
  const threads = runtime === 'worker_threads'
  return {
    package: 'tinypool',
    start({ workers = 1, inFlight = 1 } = {}) {
      const pool = new Tinypool({
        filename,
        runtime,
        minThreads: workers,
        maxThreads: workers,
        concurrentTasksPerWorker: inFlight > 1 ? 64 : 1,
        ...(threads ? {} : { serialization: 'advanced' }),
      })
      return {
        acall: (name, ...args) => pool.run(args, { name }),
        move(length) {
          const bytes = new Uint8Array(length)
          return {
            bytes,
            acall: (name) => pool.run([bytes], { name, transferList: [bytes.buffer] }),
          }
        },
        stop: () => pool.destroy(),
      }
    },
  }
}
