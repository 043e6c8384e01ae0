import { inspect } from 'node:util'

/** A value as it may stand in a message: on one line, cut where it is long. */
export function shown(value: unknown): string {
  const text = inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxStringLength: 80,
    maxArrayLength: 5,
  })
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
