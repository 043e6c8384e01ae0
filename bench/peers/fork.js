import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { packBytes, unpackBytes } from './base64.js'
import { chainByKey, workerOfKey } from './by-key.js'
import { pendingCalls } from './pending-calls.js'

const MODULE = fileURLToPath(new URL('../workers/fork.js', import.meta.url))

/** @param serialization 'json' or 'advanced' (v8's), the two that Node has */
export function forkPeer(serialization) {
  const json = serialization === 'json'
  return {
    start({ workers = 1, keys } = {}) {
      const calls = pendingCalls()
      let listener = () => {}
      const pool = Array.from({ length: workers }, () => {
        const child = fork(MODULE, [serialization], { serialization })
        child.on('message', (message) => {
          if (message.event !== undefined) listener(message.event)
          else calls.settle(message.id, message.error, unpack(message.value))
        })
        child.on('exit', (code) => calls.rejectAll(new Error(`the child exited with ${code}`)))
        return child
      })
      const unpack = json ? unpackBytes : (value) => value
      const pack = json ? (args) => args.map(packBytes) : (args) => args
      const onWorkerOfKey = (key, name, ...args) =>
        calls.add((id) => pool[workerOfKey(key, workers)].send({ id, name, args: pack(args) }))
      let turn = 0
      return {
        acall: (name, ...args) =>
          calls.add((id) => {
            pool[turn].send({ id, name, args: pack(args) })
            turn = (turn + 1) % workers
          }),
        keyed: keys === 'overlapping' ? chainByKey(onWorkerOfKey) : onWorkerOfKey,
        listen: (callback) => (listener = callback),
        publish(event) {
          const full = []
          for (const child of pool) {
            let goOn
            // The documented back-pressure: false means a long backlog, the callback its end.
            const room = child.send({ event }, () => goOn?.())
            if (!room) full.push(new Promise((resolve) => (goOn = resolve)))
          }
          return full.length === 0 ? undefined : Promise.all(full)
        },
        reports: () =>
          Promise.all(
            pool.map((child) => calls.add((id) => child.send({ id, name: 'report', args: [] }))),
          ),
        stop: () =>
          Promise.all(
            pool.map((child) => {
              const gone = new Promise((resolve) => child.once('exit', resolve))
              child.disconnect()
              return gone
            }),
          ),
      }
    },
  }
}
