import { Worker } from 'node:worker_threads'
import { chainByKey, workerOfKey } from './by-key.js'
import { pendingCalls } from './pending-calls.js'

const MODULE = new URL('../workers/worker-threads.js', import.meta.url)

export default {
  start({ workers = 1, keys } = {}) {
    const calls = pendingCalls()
    let listener = () => {}
    const pool = Array.from({ length: workers }, () => {
      const worker = new Worker(MODULE)
      worker.on('message', (message) => {
        if (message.event !== undefined) listener(message.event)
        else calls.settle(message.id, message.error, message.value)
      })
      worker.on('error', (error) => calls.rejectAll(error))
      return worker
    })
    let turn = 0
    const post = (message, transfer) => {
      pool[turn].postMessage(message, transfer)
      turn = (turn + 1) % workers
    }
    const onWorkerOfKey = (key, name, ...args) =>
      calls.add((id) => pool[workerOfKey(key, workers)].postMessage({ id, name, args }))
    return {
      acall: (name, ...args) => calls.add((id) => post({ id, name, args })),
      move(length) {
        const bytes = new Uint8Array(length)
        return {
          bytes,
          acall: (name) => calls.add((id) => post({ id, name, args: [bytes] }, [bytes.buffer])),
        }
      },
      keyed: keys === 'overlapping' ? chainByKey(onWorkerOfKey) : onWorkerOfKey,
      listen: (callback) => (listener = callback),
      publish(event) {
        for (const worker of pool) worker.postMessage({ event })
      },
      reports: () =>
        Promise.all(
          pool.map((worker) =>
            calls.add((id) => worker.postMessage({ id, name: 'report', args: [] })),
          ),
        ),
      stop: () => Promise.all(pool.map((worker) => worker.terminate())),
    }
  },
}
