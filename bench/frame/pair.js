// The second pair of host and worker of the workload two-pairs: says that it is ready, waits for
// the word, measures the same loop.
import { PEERS } from '../peers.js'
import { measurePair } from '../workloads/two-pairs.js'

const { peer, way, seconds } = JSON.parse(process.argv[2])
const adapter = await PEERS.get(peer).load()
const session = adapter.start()
await session.ready
await (session.acall ?? session.call)('add', 1, 2)
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()
const result = await measurePair(session, way, seconds)
await new Promise((resolve) => process.stdout.write(`${JSON.stringify(result)}\n`, resolve))
await session.stop()
process.exit(0)
