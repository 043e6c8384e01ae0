import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack, unpack } from 'msgpackr'
import { Dealer, Publisher, Subscriber } from 'zeromq'
import { pendingCalls } from './pending-calls.js'
import { sendInOrder } from './zeromq-send.js'

const MODULE = fileURLToPath(new URL('../workers/zeromq.js', import.meta.url))

export default {
  package: 'zeromq',
  start({ workers = 1 } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'plump-bench-'))
    const at = (name) => `ipc://${join(folder, name)}`
    const dealers = []
    const children = []
    const calls = pendingCalls()
    const senders = []
    // linger 0: a message that nobody takes must not keep the process.
    const fromWorkers = new Subscriber({ linger: 0 })
    const toWorkers = new Publisher({ linger: 0 })
    let listener = () => {}
    let turn = 0

    const ready = (async () => {
      fromWorkers.subscribe()
      await fromWorkers.bind(at('to-host'))
      await toWorkers.bind(at('to-workers'))
      receiveEvents()
      // One dealer per worker: a shared one would deal calls round robin by itself, but then a
      // worker cannot be asked for its own report.
      for (let index = 0; index < workers; index++) {
        const dealer = new Dealer({ linger: 0 })
        await dealer.bind(at(`calls-${index}`))
        dealers.push(dealer)
        senders.push(sendInOrder(dealer))
        receiveAnswers(dealer)
        const child = spawn(
          process.execPath,
          [MODULE, at(`calls-${index}`), at('to-host'), at('to-workers')],
          { stdio: ['ignore', 'inherit', 'inherit'] },
        )
        child.on('exit', (code) => calls.rejectAll(new Error(`the child exited with ${code}`)))
        children.push(child)
      }
    })()

    async function receiveAnswers(dealer) {
      for await (const [head, bytes] of dealer) {
        const { id, error, value } = unpack(head)
        calls.settle(id, error, bytes ?? value)
      }
    }

    async function receiveEvents() {
      for await (const [bytes] of fromWorkers) listener(unpack(bytes))
    }

    const ask = (index, name, args) =>
      calls.add((id) => {
        // Bytes go as a frame of their own, which ZeroMQ does not copy.
        if (args.length === 1 && args[0] instanceof Uint8Array) {
          senders[index]([pack({ id, name }), args[0]])
        } else {
          senders[index](pack({ id, name, args }))
        }
      })

    return {
      connectsLater: true,
      ready,
      acall(name, ...args) {
        const index = turn
        turn = (turn + 1) % workers
        return ask(index, name, args)
      },
      listen: (callback) => (listener = callback),
      publish: (event) => toWorkers.send(pack(event)),
      reports: () => Promise.all(senders.map((_send, index) => ask(index, 'report', []))),
      async stop() {
        const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
        for (const child of children) child.kill()
        await Promise.all(gone)
        for (const socket of [...dealers, fromWorkers, toWorkers]) socket.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}
