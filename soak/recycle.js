// Many calls wait for workers that serve few each and are replaced: none is stranded, each runs once.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from '../dist/index.js'
import { complainsTo, inFolder, isFull, SAY_EVERY_MS } from './found.js'

export function recycle(options) {
  return inFolder((folder) => recycleIn(join(folder, 'log'), options))
}

async function recycleIn(
  log,
  { channel, calls, maxCalls, recycleMinutes, workers, spare, violations, say },
) {
  const pool = spawn(new URL('./workers/counted.js', import.meta.url), {
    channel,
    execArgv: [],
    workers,
    spare,
    maxCalls,
    argv: [log],
    startTimeoutMs: 120_000,
  })
  const counts = { done: 0, closed: 0 }
  const outcomes = new Uint8Array(calls)
  const complain = complainsTo(violations)
  const settle = (number, outcome) => {
    if (outcomes[number] !== 0) complain(`call ${number} settled twice`)
    outcomes[number] = outcome
  }
  const begun = performance.now()
  for (let number = 0; number < calls; number++)
    pool.acall('count', number).then(
      ([answered, served]) => {
        if (answered !== number) complain(`call ${number} got the answer of ${answered}`)
        if (served > maxCalls) complain(`a worker served ${served} calls`)
        counts.done++
        return settle(number, 1)
      },
      (error) => {
        settle(number, 2)
        if (error.code === 'ERR_PLUMP_CLOSED') counts.closed++
        else complain(`call ${number}: ${error.code} ${error.message}`)
      },
    )
  const timer = setInterval(() => say(`${counts.done} of ${calls} served`), SAY_EVERY_MS)
  const end = begun + recycleMinutes * 60_000
  while (counts.done + counts.closed < calls && !isFull(violations) && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const seconds = (performance.now() - begun) / 1000
  const inTime = counts.done
  await pool.close()
  clearInterval(timer)
  await new Promise((resolve) => setTimeout(resolve, 100))

  const runs = new Uint8Array(calls)
  const servedBy = new Map()
  for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
    const [number, worker] = line.split(' ')
    runs[Number(number)]++
    servedBy.set(worker, (servedBy.get(worker) ?? 0) + 1)
  }
  for (let number = 0; number < calls; number++) {
    if (outcomes[number] === 0) complain(`call ${number} never settled`)
    if (runs[number] > 1) complain(`call ${number} ran ${runs[number]} times`)
    if (outcomes[number] === 1 && runs[number] === 0)
      complain(`call ${number} settled without a run`)
    if (outcomes[number] === 2 && runs[number] > 0 && counts.closed === 0)
      complain(`call ${number} ran and failed`)
  }
  const most = [...servedBy.values()].reduce((most, served) => Math.max(most, served), 0)
  if (most > maxCalls) complain(`a worker served ${most} calls`)
  return {
    calls,
    maxCalls,
    workers,
    spare,
    seconds: Math.round(seconds),
    served: counts.done,
    rejectedAtTheEnd: counts.closed,
    ranOnce: runs.filter((times) => times === 1).length,
    workersThatServed: servedBy.size,
    mostServedByOne: most,
    workersPerSecond: Math.round((servedBy.size / seconds) * 10) / 10,
    callsPerSecond: Math.round((inTime / seconds) * 10) / 10,
  }
}
