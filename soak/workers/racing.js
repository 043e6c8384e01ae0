import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { context } from '../../dist/index.js'

// What it has begun and finished, also when it is killed: one line for each.
const log = openSync(join(process.argv[2], String(process.pid)), 'a')

/** Keeps the process busy for so many microseconds. */
export async function busy(number, us) {
  const id = context.callId
  writeSync(log, `b ${number} ${id}\n`)
  const end = performance.now() + us / 1000
  while (performance.now() < end);
  writeSync(log, `e ${number} ${id}\n`)
  return [number, id, process.pid]
}

/** Is there for so many milliseconds, without the CPU. */
export async function stay(number, ms) {
  const id = context.callId
  writeSync(log, `b ${number} ${id}\n`)
  await new Promise((resolve) => setTimeout(resolve, ms))
  writeSync(log, `e ${number} ${id}\n`)
  return [number, id, process.pid]
}
