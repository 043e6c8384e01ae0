import { Worker } from 'node:worker_threads'
import { createSlot, readValues, writeValues } from './shared-slot.js'
import { ANSWERED, REQUESTED, STARTING, STATE } from './shared-slot.js'

const MODULE = new URL('../workers/atomics-wait.js', import.meta.url)
const DEFAULT_PAYLOAD_BYTES = 1 << 20

export default {
  start({ payloadBytes = DEFAULT_PAYLOAD_BYTES } = {}) {
    const slot = createSlot(payloadBytes)
    const worker = new Worker(MODULE, { workerData: slot })
    let started = false
    return {
      call(name, ...args) {
        if (!started) {
          Atomics.wait(slot.words, STATE, STARTING)
          started = true
        }
        writeValues(slot, [name, ...args])
        Atomics.store(slot.words, STATE, REQUESTED)
        Atomics.notify(slot.words, STATE)
        while (Atomics.load(slot.words, STATE) !== ANSWERED) {
          Atomics.wait(slot.words, STATE, REQUESTED)
        }
        const [error, value] = readValues(slot)
        if (error !== null) throw new Error(error)
        return value
      },
      stop: () => worker.terminate(),
    }
  },
}
