// What a call gives: a result, what the handler threw, or an error with a code.

import { PlumpTimeoutError, PlumpWorkerError, spawn } from 'plump-ipc'

const work = spawn(new URL('./work.js', import.meta.url))

console.log('sync:', work.call('square', 7))
console.log('async:', await work.acall('square', 8))

const many = await Promise.all(Array.from({ length: 1_000 }, (_, n) => work.acall('square', n)))
console.log(
  'each answer to its caller:',
  many.every((answer, n) => answer === n * n),
)

try {
  work.call('refuse', 'blue')
} catch (error) {
  console.log('thrown:', error instanceof RangeError, error.message, error.what)
}

try {
  await work.with({ timeoutMs: 50 }).acall('wait', 60_000)
} catch (error) {
  console.log('timeout:', error instanceof PlumpTimeoutError, error.code)
}

try {
  await work.acall('crash')
} catch (error) {
  console.log('death:', error instanceof PlumpWorkerError, error.code, error.signal, error.command)
}

console.log('a fresh worker:', await work.acall('square', 9))

await work.close()
