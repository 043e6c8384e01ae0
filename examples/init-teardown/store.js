import { plump } from 'plump-ipc'

let entries

// Before the first call: opened once per worker, however many calls come.
plump.init(async () => {
  entries = await open()
})

// After the last answer: what is still in memory is written down.
plump.teardown(async () => {
  await new Promise((resolve) => setTimeout(resolve, 10))
  console.log(`saved ${entries.size} entries`)
})
plump.teardown(() => console.log('no more calls'))

async function open() {
  console.log('opened')
  return new Map([['a', 1]])
}

export function set(key, value) {
  entries.set(key, value)
  return entries.size
}
