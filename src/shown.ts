import { inspect } from 'node:util'

/** A value as it may stand in a message: on one line, cut where it is long. */
export function shown(value: unknown): string {
  const text = inspected(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function inspected(value: unknown): string {
  try {
    return inspect(value, {
      depth: 1,
      breakLength: Number.POSITIVE_INFINITY,
      maxStringLength: 80,
      maxArrayLength: 5,
    })
  } catch {
    // A getter of its own threw, as that of `Symbol.toStringTag` may.
    return typeof value === 'function' ? 'a function' : 'an object'
  }
}
