import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { frameSocket } from './framed-socket.js'
import { pendingCalls } from './pending-calls.js'

const MODULE = fileURLToPath(new URL('../workers/unix-socket.js', import.meta.url))

export default {
  package: 'msgpackr',
  start({ workers = 1 } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'plump-bench-'))
    const path = join(folder, 'calls')
    const calls = pendingCalls()
    const links = []
    const children = []
    let listener = () => {}
    let turn = 0

    const server = createServer((socket) => {
      socket.on('error', () => {})
      links.push(
        frameSocket(socket, (message) => {
          if (message.event !== undefined) listener(message.event)
          else calls.settle(message.id, message.error, message.value)
        }),
      )
      if (links.length === workers) connected()
    })
    let connected
    const ready = new Promise((resolve) => (connected = resolve))
    server.listen(path, () => {
      for (let index = 0; index < workers; index++) {
        const child = spawn(process.execPath, [MODULE, path], {
          stdio: ['ignore', 'inherit', 'inherit'],
        })
        child.on('exit', (code) => calls.rejectAll(new Error(`the child exited with ${code}`)))
        children.push(child)
      }
    })

    return {
      connectsLater: true,
      ready,
      acall: (name, ...args) =>
        calls.add((id) => {
          links[turn].send({ id, name, args })
          turn = (turn + 1) % workers
        }),
      listen: (callback) => (listener = callback),
      publish(event) {
        let full
        for (const link of links) full = link.send({ event }) ?? full
        return full
      },
      reports: () =>
        Promise.all(
          links.map((link) => calls.add((id) => link.send({ id, name: 'report', args: [] }))),
        ),
      async stop() {
        const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)))
        for (const child of children) child.kill()
        await Promise.all(gone)
        server.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}
