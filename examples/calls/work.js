// Commands that succeed, take long, throw, and end their process.

export function square(n) {
  return n * n
}

export async function wait(ms) {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return `waited ${ms} ms`
}

export function refuse(what) {
  throw Object.assign(new RangeError(`${what} is refused`), { what })
}

export function crash() {
  process.kill(process.pid, 'SIGSEGV')
}
