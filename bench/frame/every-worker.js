import { performance } from 'node:perf_hooks'

/** Keeps a worker busy, so that the next call finds another one. */
const BUSY_MS = 3
const LIMIT_MS = 15_000
/** More calls than workers at once: some peers choose a worker by what each has had before. */
const CALLS_PER_WORKER = 4

/**
 * Resolves when each of the session's workers has answered once. What is timed is then never the start of a worker,
 * whether the peer says when it is ready or not. Peers are asked in the way they are used, so this is no more than
 * waiting; it fails where a peer keeps a worker from the calls, as then another number of workers would be measured.
 *
 * @returns the answer of one worker to `identity`
 */
export async function everyWorkerAnswers({ acall, call }, workers) {
  if (acall === undefined) return call('identity')
  if (workers === 1) return acall('identity')
  const seen = new Set()
  const limit = performance.now() + LIMIT_MS
  while (performance.now() < limit) {
    const answers = await Promise.all(
      Array.from({ length: workers * CALLS_PER_WORKER }, () => acall('identity', BUSY_MS)),
    )
    for (const { pid, threadId } of answers) seen.add(`${pid}/${threadId}`)
    if (seen.size === workers) return answers[0]
  }
  throw new Error(`only ${seen.size} of ${workers} workers have answered`)
}
