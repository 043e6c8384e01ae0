// Proves that every adapter really does the work: `node check.js [peer,…]`. Each peer in a process
// of its own, with a watchdog; ends with 1 when one fails.
import { installMissing } from './frame/install.js'
import { endAllCells, runCell } from './frame/run-cell.js'
import { PEERS } from './peers.js'

const LIMIT_SECONDS = 60

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    endAllCells()
    process.exit(130)
  })
}

const wanted = process.argv[2]?.split(',') ?? [...PEERS.keys()]
const unknown = wanted.find((name) => !PEERS.has(name))
if (unknown !== undefined) {
  process.stderr.write(`no peer '${unknown}'; there are: ${[...PEERS.keys()].join(', ')}\n`)
  process.exit(2)
}
installMissing({
  python: wanted.includes('python-plumpipc'),
  say: (text) => process.stderr.write(`${text}\n`),
})

let failed = 0
for (const name of wanted) {
  const result = await runCell({
    peer: name,
    workload: 'check',
    case: 'work',
    seconds: 1,
    seed: 1,
    limitSeconds: LIMIT_SECONDS,
  })
  if (result.metrics === undefined) {
    failed++
    process.stdout.write(`FAILED  ${name}: ${result.error}\n${result.output ?? ''}\n`)
  } else {
    const left = result.leftBehind ? ' (left processes behind, ended)' : ''
    process.stdout.write(`ok      ${name}: ${result.metrics.done.join('; ')}${left}\n`)
  }
}
process.exitCode = failed === 0 ? 0 : 1
