import type { Pool } from './pool.js'

/**
 * What `call()` and `acall()` have in common: name to number, arguments to bytes, bytes to the native half.
 * Returns the slot of the call.
 *
 * @throws PlumpError what is wrong with the name, the arguments or the instance, before anything was sent.
 */
export function send(
  pool: Pool,
  name: string,
  args: readonly unknown[],
  timeoutMs: number,
  blocking: 0 | 1,
): number {
  const { exchange } = pool
  const command = pool.numberOf(name)
  pool.used()
  const out = exchange.encode(pool.codec, args, 'args')
  return exchange.submit(pool.id, command, out, timeoutMs, blocking)
}
