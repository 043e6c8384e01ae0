import test from 'ava'
import { runCell } from '../frame/run-cell.js'
import { loadWorkload, WORKLOADS } from '../workloads.js'

const LIMIT_SECONDS = 60
/** They read /proc, which other systems do not have. */
const LINUX_ONLY = ['cpu-time', 'memory']

// One at a time: each starts processes of its own. The other peers are not installed here; `node bench/check.js` is
// for them.
for (const name of WORKLOADS) {
  if (process.platform !== 'linux' && LINUX_ONLY.includes(name)) continue
  test.serial(`${name} measures plump-ipc`, async (t) => {
    t.timeout(LIMIT_SECONDS * 2000)
    const workload = await loadWorkload(name)
    const [{ name: caseName }] = workload.cases
    const { metrics, error, output, leftBehind } = await runCell({
      peer: 'plump-ipc',
      workload: name,
      case: caseName,
      seconds: 0.05,
      seed: 1,
      limitSeconds: LIMIT_SECONDS,
    })
    t.is(error, undefined, output)
    t.false(leftBehind, 'processes were left behind')
    if (metrics.notOffered === undefined) t.true(Number.isFinite(metrics[workload.figure.metric]))
  })
}

test.serial('the adapter of plump-ipc does the work', async (t) => {
  t.timeout(LIMIT_SECONDS * 2000)
  const { metrics, error, output } = await runCell({
    peer: 'plump-ipc',
    workload: 'check',
    case: 'work',
    seconds: 1,
    seed: 1,
    limitSeconds: LIMIT_SECONDS,
  })
  t.is(error, undefined, output)
  t.true(metrics.done.length > 10)
})
