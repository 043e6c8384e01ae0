// The worker half of the hand-written synchronous call; the layout is in peers/shared-slot.js.
import { workerData } from 'node:worker_threads'
import { readValues, writeValues, STATE, REQUESTED, ANSWERED } from '../peers/shared-slot.js'
import * as tasks from '../tasks.js'

const slot = workerData
Atomics.store(slot.words, STATE, ANSWERED)
Atomics.notify(slot.words, STATE)

for (;;) {
  Atomics.wait(slot.words, STATE, ANSWERED)
  if (Atomics.load(slot.words, STATE) !== REQUESTED) continue
  const [name, ...args] = readValues(slot)
  let answer
  try {
    answer = [null, tasks[name](...args)]
  } catch (error) {
    answer = [String(error)]
  }
  writeValues(slot, answer)
  Atomics.store(slot.words, STATE, ANSWERED)
  Atomics.notify(slot.words, STATE)
}
