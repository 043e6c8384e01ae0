// One measurement: one peer, one case of one workload, one round, in a process of its own.
// Started by frame/run-cell.js with the request as JSON; writes the result as JSON to a file.
import { writeFileSync } from 'node:fs'
import { startBusyProcesses } from './frame/busy-processes.js'
import { everyWorkerAnswers } from './frame/every-worker.js'
import { pin } from './frame/pinning.js'
import { PEERS } from './peers.js'
import { loadWorkload } from './workloads.js'

const STOP_LIMIT_MS = 3000

const request = JSON.parse(process.argv[2])

// The driver holds the other end of stdin. When it is gone, however it went, the whole process
// group goes; 0 is the own group.
process.stdin.on('end', endGroup).on('error', endGroup).resume()
process.stdin.unref()

const sessions = []
let busy
let outcome
try {
  outcome = { result: await measure() }
} catch (error) {
  outcome = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
writeFileSync(request.resultPath, JSON.stringify(outcome))
await stopAll()
process.exit(0)

async function measure() {
  const workload = await loadWorkload(request.workload)
  const wanted = workload.cases.find(({ name }) => name === request.case)
  const peer = PEERS.get(request.peer)
  const adapter = await peer.load()
  if (wanted.regime === 'busy') {
    busy = await startBusyProcesses(2, request.limitSeconds)
  }
  if (adapter.measure !== undefined) {
    return adapter.measure({
      workload: workload.name,
      case: wanted,
      seconds: request.seconds,
      seed: request.seed,
    })
  }
  return workload.run({
    peer,
    adapter,
    case: wanted,
    seconds: request.seconds,
    seed: request.seed,
    /** Starts a session, waits until every worker has answered, pins it as the case's regime says. */
    async start(options = {}) {
      const session = adapter.start(options)
      sessions.push(session)
      await session.ready
      if (peer.kind === 'floor') return session
      const identity = await everyWorkerAnswers(session, options.workers ?? 1)
      if (wanted.regime === 'apart' || wanted.regime === 'one-cpu') pin(wanted.regime, identity)
      return session
    },
    /** Stops a session before the end of the measurement. */
    async stop(session) {
      sessions.splice(sessions.indexOf(session), 1)
      await session.stop()
    },
    /** For workloads that start and stop by themselves: stopped too, should they fail. */
    track(session) {
      sessions.push(session)
      return session
    },
  })
}

async function stopAll() {
  const stopped = Promise.allSettled([
    busy?.stop(),
    ...sessions.map(async (session) => session.stop()),
  ])
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS))])
}

function endGroup() {
  try {
    process.kill(0, 'SIGKILL')
  } catch {
    process.exit(1)
  }
}
