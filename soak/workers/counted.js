import { openSync, writeSync } from 'node:fs'

const log = openSync(process.argv[2], 'a')
/** Process ids come again among so many; these do not. */
const worker = `${process.pid}-${process.hrtime.bigint()}`
let served = 0

/** Leaves a trace that outlives this process. */
export function count(number) {
  served++
  writeSync(log, `${number} ${worker}\n`)
  return [number, served]
}
