// One part of a run, in a process of its own; run.js starts it.

import { countWorkers } from './census.js'
import { kills } from './kills.js'
import { producer } from './producer.js'
import { randomFrom } from './random.js'
import { recycle } from './recycle.js'
import { recycleCore } from './recycle-core.js'

const parts = { producer, kills, recycle, 'recycle-core': recycleCore }

const options = JSON.parse(process.argv[2])
const census = countWorkers()
const violations = []
const say = (text) => process.stderr.write(`  ${text}\n`)

let figures
try {
  const random = randomFrom(options.seed)
  figures = await parts[options.part]({ ...options, random, census, violations, say })
} catch (error) {
  violations.push(`it failed: ${error?.stack ?? error}`)
}
// What is told of the last exits comes through the event loop.
for (let waits = 0; waits < 200 && census.live.size > 0; waits++)
  await new Promise((resolve) => setTimeout(resolve, 10))
if (census.live.size > 0) violations.push(`workers live on: ${[...census.live].join(', ')}`)
const processes = { started: census.started, mostAtOnce: census.most }
process.send({ figures, processes, violations: violations.slice(0, 50) }, () => {
  process.disconnect()
})
