import { fileURLToPath } from 'node:url'
import { FixedClusterPool, FixedThreadPool } from 'poolifier'
import * as tasks from '../tasks.js'
import { chainByKey, workerOfKey } from './by-key.js'

const MODULES = {
  thread: fileURLToPath(new URL('../workers/poolifier-threads.js', import.meta.url)),
  process: fileURLToPath(new URL('../workers/poolifier-processes.cjs', import.meta.url)),
}

/** @param kind 'thread' or 'process' */
export function poolifierPeer(kind) {
  const Pool = kind === 'thread' ? FixedThreadPool : FixedClusterPool
  return {
    package: 'poolifier',
    start({ workers = 1, payloadBytes, cancels = false, keys } = {}) {
      const argv = [String(keys ? workers : 0), ...Object.keys(tasks)]
      const pool = new Pool(workers, MODULES[kind], {
        workerOptions: { argv },
        settings: {
          args: argv,
          // Its default is JSON, which is faster for small values and carries no bytes.
          ...(payloadBytes === undefined ? {} : { serialization: 'advanced' }),
        },
        // Its own switch for less overhead: nobody listens.
        enableEvents: false,
        // Its default sends every task to a worker at once, which is its fastest way for short ones. With queues a
        // worker has one task at a time, idle ones take over from busy ones, and what waits can be cancelled.
        enableTasksQueue: cancels,
      })
      // Its own way to bind tasks to a worker: a task function that only that worker is given.
      const onWorkerOfKey = (key, name, ...args) =>
        pool.execute(args, `${name}@${workerOfKey(key, workers)}`)
      return {
        acall: (name, ...args) => pool.execute(args, name),
        ...(kind === 'thread' && {
          move(length) {
            const bytes = new Uint8Array(length)
            return {
              bytes,
              acall: (name) => pool.execute([bytes], name, undefined, [bytes.buffer]),
            }
          },
        }),
        keyed: keys === 'overlapping' ? chainByKey(onWorkerOfKey) : onWorkerOfKey,
        cancellable(name, ...args) {
          const controller = new AbortController()
          return {
            answer: pool.execute(args, name, controller.signal),
            cancel: () => controller.abort(),
          }
        },
        stop: () => pool.destroy(),
      }
    },
  }
}
