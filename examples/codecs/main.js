// The three ways in which values become bytes.

import { spawn } from 'plump-ipc'
import { codec } from './upside-down.js'

const module = new URL('./echo.js', import.meta.url)

// The default has the semantics of structured clone.
const structured = spawn(module)
const cyclic = { name: 'cyclic' }
cyclic.self = cyclic
const [map, date, big, bytes, back] = structured.call(
  'echo',
  new Map([['a', new Set([1n])]]),
  new Date(0),
  2n ** 70n,
  Buffer.from('bytes'),
  cyclic,
)
console.log(map, date.toISOString(), big, bytes, back.self === back)

// What can't be sent rejects that call alone, and the error names the place.
try {
  structured.call('echo', { settings: { onDone: () => {} } })
} catch (error) {
  console.log(error.code, error.path)
}
console.log(structured.call('echo', 'the next call works'))

// JSON says what JSON can say.
const json = spawn(module, { codec: 'json' })
console.log(json.call('echo', new Date(0), NaN, { dropped: undefined, kept: [1] }))

// Your own. The worker gets it from `codecModule`.
const own = spawn(module, { codec, codecModule: new URL('./upside-down.js', import.meta.url) })
console.log(own.call('echo', { any: ['thing'] }))

await Promise.all([structured.close(), json.close(), own.close()])
