import type { Exchange } from './exchange.js'
import { limits } from './generated/limits.js'
import { once } from './shared.js'

export const DEFAULT_QUEUE = 'default'

/**
 * The native queue of `plumpBus`, once per environment. A worker opens it before it loads its module and without the
 * rest of the bus, which most workers never use: what is broadcast meanwhile must not be lost.
 */
export function defaultQueue(exchange: Exchange): number {
  return once('default queue', () =>
    exchange.binding.busOpen(DEFAULT_QUEUE, limits.maxMailboxEvents),
  )
}
