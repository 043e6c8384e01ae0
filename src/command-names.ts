import { PlumpError } from './errors.js'
import { limits } from './generated/limits.js'
import { shown } from './shown.js'

/**
 * Refuses what can't be the name of a command.
 *
 * @throws PlumpError `ERR_PLUMP_INVALID_COMMAND_NAME`
 */
export function checkCommandName(name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw invalid(`A command name must be a string, got ${shown(name)}.`)
  if (name === '') throw invalid('A command name must not be empty.')
  // Counting the bytes of a name of megabytes is pointless when its letters are already too many.
  if (
    name.length > limits.maxCommandNameBytes ||
    Buffer.byteLength(name) > limits.maxCommandNameBytes
  )
    throw invalid(
      `A command name must have at most ${limits.maxCommandNameBytes} UTF-8 bytes, got ${name.length} characters: ${shown(name)}.`,
    )
}

function invalid(message: string): PlumpError {
  return new PlumpError('ERR_PLUMP_INVALID_COMMAND_NAME', message)
}
