import { expect, sleep } from '../frame/loops.js'
import { collectGarbage, familyMiB, pssMiB } from '../frame/memory.js'
import { touch } from '../tasks.js'

const CALLS = 1000
const BUFFER_BYTES = 16 << 20
const BUFFERS = 8

export default {
  name: 'memory',
  title: 'memory of one more worker at rest, what the host gained and what both share included',
  needs: ['acall', 'call'],
  cases: [
    { name: 'at-rest', regime: 'free', buffers: 0, restMs: 500 },
    // What a worker keeps of large arguments when nothing comes after them.
    { name: 'after-buffers', regime: 'free', buffers: BUFFERS, restMs: 2000 },
  ],
  figure: { metric: 'memory', unit: 'MiB', better: 'lower' },
  beside: { metric: 'workerPss', unit: 'MiB' },
  variants: ['plump-ipc-pipe'],
  python: true,
  goals: ['fork-json', 'fork-advanced'].map((against) => ({ case: 'at-rest', against, plus: 4 })),
  async run({ adapter, start, case: { buffers, restMs } }) {
    const options = buffers > 0 ? { payloadBytes: BUFFER_BYTES } : {}
    const rest = async () => {
      await sleep(restMs)
      collectGarbage()
    }
    // For a peer that keeps one worker per process, what the host loads for it is counted too. Of the others a second
    // worker is measured: the first pays for what the host loads once.
    const first = adapter.startsOnce ? undefined : await startUsed(start, options, buffers)
    await rest()
    const pids = first === undefined ? [process.pid] : [process.pid, first]
    const before = familyMiB(pids)
    const pid = await startUsed(start, options, buffers)
    await rest()
    const after = familyMiB([...pids, pid])
    return {
      memory: after.memory - before.memory,
      shared: after.shared - before.shared,
      workerPss: pid === process.pid ? 0 : pssMiB(pid),
      hostPss: pssMiB(process.pid),
    }
  },
}

/** Starts a worker and calls it; resolves to its process id. */
async function startUsed(start, options, buffers) {
  const session = await start(options)
  const invoke = session.acall ?? session.call
  for (let index = 0; index < CALLS; index++) expect(await invoke('add', index, 2), index + 2)
  if (buffers > 0) {
    const payload = Buffer.alloc(BUFFER_BYTES, 1)
    const sum = touch(payload)
    for (let index = 0; index < buffers; index++) expect(await invoke('touch', payload), sum)
  }
  const { pid } = await invoke('identity')
  return pid
}
