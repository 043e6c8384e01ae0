// The worker that is measured: it answers one call and stands idle.

import { plumpBus } from '../plump-ipc.js'

export function add(a, b) {
  return a + b
}

export function listen() {
  plumpBus.setupAsyncListener(() => {})
}
