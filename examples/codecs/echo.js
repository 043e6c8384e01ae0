// Gives back what it was given.

export function echo(...values) {
  return values
}
