const cell = new Int32Array(new SharedArrayBuffer(4))
let served = 0

/** Takes so long without using the CPU, which the producer needs; tells what it got, who it is and how often it has run. */
export function serve(id, bytes, ms) {
  served++
  Atomics.wait(cell, 0, 0, ms)
  return [id, bytes.length, bytes[bytes.length - 1], process.pid, served]
}
