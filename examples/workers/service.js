// Two of these run; each knows only its own count.

import { isWorker } from 'plump-ipc'

let calls = 0

export function count() {
  calls += 1
  return calls
}

export function whoAmI() {
  return { isWorker, argument: process.argv[2], color: process.env.COLOR }
}

export function leave(code) {
  process.exit(code)
}

export async function slow(ms) {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return 'finished'
}
