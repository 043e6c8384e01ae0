// A large argument that is never copied: allocate a block, fill it, pass it.

import { spawn } from 'plump-ipc'

const worker = spawn(new URL('./pixels.js', import.meta.url))

for (const value of [17, 42, 99]) {
  const block = worker.allocate(8 * 1024 * 1024)
  block.bytes.fill(value)
  console.log('brightest:', await worker.acall('brightest', block))
  try {
    block.bytes.fill(0)
  } catch (error) {
    console.log('passed and gone:', error.code)
  }
}

// One that is not sent after all is given back.
const block = worker.allocate(1024)
block.release()

await worker.close()
