import { counter, publishFor } from '../events.js'
import { packBytes, unpackBytes } from '../peers/base64.js'
import * as tasks from '../tasks.js'

const json = process.argv[2] === 'json'
const events = counter()
const commands = { ...tasks, report: events.report, publishFor: (ms) => publishFor(ms, publish) }

process.on('message', async (message) => {
  if (message.event !== undefined) {
    events.receive(message.event)
    return
  }
  const { id, name } = message
  const args = json ? message.args.map(unpackBytes) : message.args
  try {
    let value = commands[name](...args)
    if (value instanceof Promise) value = await value
    process.send({ id, value: json ? packBytes(value) : value })
  } catch (error) {
    process.send({ id, error: String(error) })
  }
})
process.on('disconnect', () => process.exit())

/** `send()` returns false when the backlog is too long; its callback says when it may go on. */
function publish(event) {
  let goOn
  const room = process.send({ event }, () => goOn?.())
  return room ? undefined : new Promise((resolve) => (goOn = resolve))
}
