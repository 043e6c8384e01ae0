import { expect, sleep } from '../frame/loops.js'
import { collectGarbage, pssMiB } from '../frame/memory.js'

const CALLS = 1000
const REST_MS = 500

export default {
  name: 'memory',
  title: 'memory (PSS) of one more worker at rest, what the host gained included',
  needs: ['acall', 'call'],
  cases: [{ name: 'at-rest', regime: 'free' }],
  figure: { metric: 'pss', unit: 'MiB', better: 'lower' },
  beside: { metric: 'workerPss', unit: 'MiB' },
  variants: ['plump-ipc-pipe'],
  python: true,
  goals: ['fork-json', 'fork-advanced'].map((against) => ({ case: 'at-rest', against, plus: 4 })),
  async run({ adapter, start }) {
    if (adapter.startsOnce) return onlyWorker(start)
    // Two starts: the first pays for what the host loads once, so only the second is a worker.
    const first = await start()
    const invokeFirst = first.acall ?? first.call
    for (let index = 0; index < CALLS; index++) await invokeFirst('add', index, 2)
    const rest = async () => {
      await sleep(REST_MS)
      collectGarbage()
    }
    await rest()
    const { pid: firstPid } = await invokeFirst('identity')
    await rest()
    const before = sumOf([process.pid, firstPid])
    const second = await start()
    const invoke = second.acall ?? second.call
    for (let index = 0; index < CALLS; index++) expect(await invoke('add', index, 2), index + 2)
    const { pid } = await invoke('identity')
    await rest()
    return {
      pss: sumOf([process.pid, firstPid, pid]) - before,
      workerPss: pid === process.pid ? 0 : pssMiB(pid),
      hostPss: pssMiB(process.pid),
    }
  },
}

/** For a peer that keeps one worker per process: what the host loads for it is counted too. */
async function onlyWorker(start) {
  collectGarbage()
  const before = pssMiB(process.pid)
  const { call } = await start()
  for (let index = 0; index < CALLS; index++) expect(call('add', index, 2), index + 2)
  await sleep(REST_MS)
  collectGarbage()
  const after = pssMiB(process.pid)
  return { pss: after - before, workerPss: 0, hostPss: after }
}

function sumOf(pids) {
  let sum = 0
  for (const pid of new Set(pids)) sum += pssMiB(pid)
  return sum
}
