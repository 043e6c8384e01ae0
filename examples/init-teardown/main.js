// What a worker does before its first call and after its last one.

import { spawn } from 'plump-ipc'

const store = spawn(new URL('./store.js', import.meta.url), { teardownMs: 10_000 })
console.log(store.call('set', 'b', 2))
console.log(store.call('set', 'c', 3))
await store.close()
console.log('closed')
