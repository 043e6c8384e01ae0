import { PlumpTimeoutError } from '../errors.js'
import { isWorker } from '../shared.js'
import { contexts } from './context.js'

/**
 * Milliseconds that the call has left for which the code runs that asks: calls that it makes in its turn get no more.
 * `undefined`: as long as they like.
 *
 * @throws PlumpTimeoutError `ERR_PLUMP_CALL_TIMEOUT` when none are left
 */
export function leftInContext(): number | undefined {
  if (!isWorker) return undefined
  const deadline = contexts.deadline
  if (deadline === undefined) return undefined
  const left = Math.ceil(deadline - Date.now())
  if (left > 0) return left
  throw new PlumpTimeoutError(
    'ERR_PLUMP_CALL_TIMEOUT',
    'The call whose handler wanted to make this one had no time left.',
    { timeoutMs: 0 },
  )
}
