// worker_threads as hosts: two threads make blocking calls at the same time, and this loop stays free.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const module = new URL('./thread.js', import.meta.url)
const threads = [1, 2].map((workerData) => new Worker(module, { workerData }))
const exits = threads.map((thread) => once(thread, 'exit'))
const answers = await Promise.all(threads.map((thread) => once(thread, 'message')))

for (const [answer] of answers) console.log(answer)
console.log('exit codes:', (await Promise.all(exits)).flat())
