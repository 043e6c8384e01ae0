import { connect } from 'node:net'
import { counter, publishFor } from '../events.js'
import { frameSocket } from '../peers/framed-socket.js'
import * as tasks from '../tasks.js'

const events = counter()
const socket = connect(process.argv[2])
const link = frameSocket(socket, async (message) => {
  if (message.event !== undefined) {
    events.receive(message.event)
    return
  }
  try {
    let value = commands[message.name](...message.args)
    if (value instanceof Promise) value = await value
    link.send({ id: message.id, value })
  } catch (error) {
    link.send({ id: message.id, error: String(error) })
  }
})
const commands = {
  ...tasks,
  report: events.report,
  publishFor: (ms) => publishFor(ms, (event) => link.send({ event })),
}
socket.on('close', () => process.exit())
