import { Piscina } from 'piscina'
import { chainByKey, workerOfKey } from './by-key.js'

const filename = new URL('../workers/piscina.js', import.meta.url).href

export default {
  package: 'piscina',
  start({ workers = 1, inFlight = 1, keys } = {}) {
    // It has no keys: a pool of one thread for each share of them.
    const pools = Array.from({ length: keys ? workers : 1 }, () => {
      const threads = keys ? 1 : workers
      return new Piscina({
        filename,
        minThreads: threads,
        maxThreads: threads,
        // Its own way to let a worker take several short tasks from its queue at once.
        concurrentTasksPerWorker: inFlight > 1 ? 64 : 1,
        recordTiming: false,
        // By default a task that finds all threads busy loses its place in the queue.
        ...(keys ? { stricterFIFO: true } : {}),
      })
    })
    const [pool] = pools
    // The answer of a call that was cancelled while it ran is an 'error' event, as its manual says of messages that it
    // does not expect; without a listener that ends the process.
    pool.on('error', () => {})
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
