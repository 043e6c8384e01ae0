// One worker with state, registered in two ways.

import { plump, spawn } from 'plump-ipc'

plump.start(new URL('./camera.js', import.meta.url))
console.log(plump.call('move', 3), await plump.acall('move', 4), plump.call('where'))
console.log(plump.call('describe', true))

const decorated = spawn(new URL('./decorated-camera.ts', import.meta.url), {
  execArgv: ['--import=tsx'],
})
console.log(decorated.call('move', 3), await decorated.acall('move', 4), decorated.call('where'))

await Promise.all([plump.close(), decorated.close()])
