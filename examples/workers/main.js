// Start, failed start, death, and an orderly end.

import { spawn } from 'plump-ipc'

const service = spawn(new URL('./service.js', import.meta.url), {
  name: 'service',
  argv: ['from the host'],
  env: { COLOR: 'blue' },
})
await service.ready()
console.log(service.call('whoAmI'))

// A worker keeps its state as long as it lives; after a death the next call runs on a fresh one.
console.log(service.call('count'), service.call('count'))
await service.acall('leave', 3).catch(({ code, exitCode }) => console.log(code, exitCode))
console.log(service.call('count'))

// What a module throws while it loads is the cause, for ready() and for every call that waited.
const broken = spawn(new URL('./broken.js', import.meta.url))
const waiting = broken.acall('anything').catch(({ code, cause }) => [code, cause.message])
await broken.ready().catch(({ code, cause }) => console.log(code, '|', cause.message))
console.log(...(await waiting))

// close() lets finish what has begun; what has not begun is rejected.
const begun = service.acall('slow', 100)
await service.acall('count')
const closed = service.close({ graceMs: 5_000 })
console.log(await begun)
await closed
await service.acall('count').catch(({ code }) => console.log(code))
await broken.close()
