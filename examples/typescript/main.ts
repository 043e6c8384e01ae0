// Names, arguments and results are inferred from the worker's module; nothing is generated.
// Run with a Node that strips types, or with a loader: node --import=tsx main.ts. The worker inherits its flags.

import { spawn } from 'plump-ipc'

const math = spawn<typeof import('./math.ts')>(new URL('./math.ts', import.meta.url))

const far: number = math.call('distance', { x: 0, y: 0 }, { x: 3, y: 4 })
console.log(far)
const middle: number = await math.acall('mean', new Float64Array([1, 2, 6]))
console.log(middle)

// @ts-expect-error there is no such command
await math.acall('distanse', { x: 0, y: 0 }).catch((error: Error) => console.log(error.message))

await math.close()
