// The worker of the bus workloads: a module of its own, so that nothing listens in the others.
import { counter, publishFor as publishWith } from '../events.js'
import { plumpBus } from '../plump-ipc.js'

export { identity } from '../tasks.js'

const events = counter()
plumpBus.setupAsyncListener((event) => {
  events.receive(event)
  if (event.kind === 'end') plumpBus.broadcast({ kind: 'report', ...events.report() })
})

export function publishFor(ms) {
  return publishWith(ms, (event) => {
    plumpBus.broadcast(event)
  })
}
