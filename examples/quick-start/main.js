// The host: starts a worker process and calls its functions, blocking and not.

import { spawn } from 'plump-ipc'

const math = spawn(new URL('./math.js', import.meta.url))

console.log(math.call('add', 1, 2))
console.log(await math.acall('add', 3, 4))
console.log(await Promise.all([1, 2, 3].map((n) => math.acall('slowlyAdd', n, n))))

await math.close()
