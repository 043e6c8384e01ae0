import { parentPort } from 'node:worker_threads'
import { counter, publishFor } from '../events.js'
import * as tasks from '../tasks.js'

const events = counter()
const commands = {
  ...tasks,
  report: events.report,
  publishFor: (ms) => publishFor(ms, (event) => parentPort.postMessage({ event })),
}

parentPort.on('message', (message) => {
  if (message.event !== undefined) {
    events.receive(message.event)
    return
  }
  const { id, name, args } = message
  let value
  try {
    value = commands[name](...args)
  } catch (error) {
    parentPort.postMessage({ id, error })
    return
  }
  if (value instanceof Promise) {
    value.then(
      (settled) => parentPort.postMessage({ id, value: settled }),
      (error) => parentPort.postMessage({ id, error }),
    )
  } else {
    parentPort.postMessage({ id, value })
  }
})
