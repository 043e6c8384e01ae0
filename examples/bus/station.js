// Two of these run. Each tells what it does, and hears what the others tell.

import { plumpBus } from 'plump-ipc'

const heard = []
plumpBus.setupAsyncListener((event) => heard.push(event))

export function work(steps) {
  for (let step = 1; step <= steps; step += 1) plumpBus.broadcast({ step, of: steps })
}

export async function whatYouHeard(count) {
  while (heard.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
  return heard
}
