import { Piscina } from 'piscina'

const filename = new URL('../workers/piscina.js', import.meta.url).href

export default {
  package: 'piscina',
  start({ workers = 1, inFlight = 1 } = {}) {
    const pool = new Piscina({
      filename,
      minThreads: workers,
      maxThreads: workers,
      // Its own way to let a worker take several short tasks from its queue at once.
      concurrentTasksPerWorker: inFlight > 1 ? 64 : 1,
      recordTiming: false,
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
