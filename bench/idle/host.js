// The host that is measured: node host.js CASE CHANNEL. Does one call on each of two workers, prints the process ids as
// one line of JSON, and stands idle until its stdin ends.

import { fork } from 'node:child_process'
import { once } from 'node:events'

const WORKERS = 2
const [kind, channel] = process.argv.slice(2)

const workers = kind === 'fork' ? await startForked() : await startPlump()
process.stdout.write(`${JSON.stringify({ host: process.pid, workers })}\n`)
process.stdin.resume().on('end', () => process.exit(0))

async function startForked() {
  const children = Array.from({ length: WORKERS }, () =>
    fork(new URL('forked.js', import.meta.url)),
  )
  for (const child of children) {
    child.send({ a: 1, b: 2 })
    await once(child, 'message')
  }
  return children.map((child) => child.pid)
}

async function startPlump() {
  const { plumpBus, spawn } = await import('../plump-ipc.js')
  const module = new URL('worker.js', import.meta.url)
  const instance = spawn(module, { workers: WORKERS, channel })
  await everyWorkerIsReady(instance)
  // Least loaded first: as many calls at once as there are workers reach each of them.
  const command = kind === 'listeners' ? 'listen' : 'add'
  await Promise.all(Array.from({ length: WORKERS }, () => instance.acall(command, 1, 2)))
  if (kind === 'listeners') plumpBus.setupAsyncListener(() => {})
  const { workers } = instance.stats()
  if (workers.some((worker) => worker.calls !== 1)) throw new Error('a worker had no call')
  const wrong = workers.find((worker) => worker.channel !== channel)
  if (wrong !== undefined) throw new Error(`calls go over ${wrong.channel}, not ${channel}`)
  return workers.map((worker) => worker.pid)
}

async function everyWorkerIsReady(instance) {
  await instance.ready()
  while (instance.stats().workers.filter(({ state }) => state === 'ready').length < WORKERS)
    await new Promise((resolve) => setTimeout(resolve, 10))
}
