// Runs in a worker_thread, which may block: it has its own instance, its own worker process and its own bus.

import { parentPort, workerData } from 'node:worker_threads'
import { plumpBus, spawn } from 'plump-ipc'

const work = spawn(new URL('./work.js', import.meta.url))

let sum = 0
for (let n = 0; n < 1_000; n += 1) sum = work.call('add', sum, workerData)

// A listener that blocks this thread until its callback returns false.
let events = 0
work.call('report', 3)
plumpBus.setupListener((event) => {
  events += 1
  return !event.last
})

parentPort.postMessage({ sum, events })
await work.close()
