// A worker that the program starts itself: any way to start a process that can hand over descriptors will do.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { PlumpIPC } from 'plump-ipc'

const host = new PlumpIPC()
const link = host.createLink()
const child = spawn(process.execPath, [fileURLToPath(new URL('./worker.js', import.meta.url))], {
  stdio: link.stdio,
  env: link.env,
})
link.handed()

console.log(await host.acall('double', 21))
console.log('the process that was started:', host.call('pid') === child.pid)

const exited = once(child, 'exit')
await host.close()
const [code] = await exited
console.log('it ended with code', code)
