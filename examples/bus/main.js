// Events from any process of the family to all the others.

import { plumpBus, PlumpQueue, spawn } from 'plump-ipc'

// The default bus collects from the first start on: nothing of what follows can be missed.
const worker = spawn(new URL('./station.js', import.meta.url))
const other = spawn(new URL('./station.js', import.meta.url))
await Promise.all([worker.ready(), other.ready()])

// get() and poll() block this thread.
worker.call('work', 1)
console.log('get:', plumpBus.get(10_000))
console.log('poll:', plumpBus.poll())

// A listener is called from the event loop. Further arguments come after the event.
const done = new Promise((resolve) => {
  const listener = plumpBus.setupAsyncListener((event, label) => {
    console.log(label, event)
    if (event.step === event.of) {
      listener.close()
      resolve()
    }
  }, 'heard:')
})
worker.call('work', 3)
await done

// The other worker, of another instance, heard it all; the publisher does not hear itself.
plumpBus.broadcast('hello from the host')
console.log('the other worker:', (await other.acall('whatYouHeard', 5)).length, 'events')
console.log('the publisher:', await worker.acall('whatYouHeard', 1))

// A queue with another name is another bus.
const elsewhere = new PlumpQueue({ name: 'elsewhere' })
console.log('elsewhere:', elsewhere.poll(50))
elsewhere.close()

await Promise.all([worker.close(), other.close()])
