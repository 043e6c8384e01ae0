import { Dealer, Publisher, Subscriber } from 'zeromq'
import { pack, unpack } from 'msgpackr'
import { counter, publishFor } from '../events.js'
import { sendInOrder } from '../peers/zeromq-send.js'
import * as tasks from '../tasks.js'

const [callsAt, toHostAt, toWorkersAt] = process.argv.slice(2)
const calls = new Dealer({ linger: 0 })
const toHost = new Publisher({ linger: 0 })
const toWorkers = new Subscriber({ linger: 0 })
calls.connect(callsAt)
toHost.connect(toHostAt)
toWorkers.connect(toWorkersAt)
toWorkers.subscribe()

const events = counter()
const answer = sendInOrder(calls)
const commands = {
  ...tasks,
  report: events.report,
  publishFor: (ms) => publishFor(ms, (event) => toHost.send(pack(event))),
}

receiveEvents()
for await (const [head, bytes] of calls) {
  const { id, name, args } = unpack(head)
  const value = (async () => commands[name](...(bytes === undefined ? args : [bytes])))()
  value.then(
    (settled) =>
      settled instanceof Uint8Array
        ? answer([pack({ id }), settled])
        : answer(pack({ id, value: settled })),
    (error) => answer(pack({ id, error: String(error) })),
  )
}

async function receiveEvents() {
  for await (const [bytes] of toWorkers) events.receive(unpack(bytes))
}
