// The worker. Its exported functions are its commands.

export function add(a, b) {
  return a + b
}

export async function slowlyAdd(a, b) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return a + b
}
