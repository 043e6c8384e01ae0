// The worker process of each thread.

import { plumpBus } from 'plump-ipc'

export function add(a, b) {
  return a + b
}

export function report(count) {
  for (let n = 1; n <= count; n += 1) plumpBus.broadcast({ n, last: n === count })
}
