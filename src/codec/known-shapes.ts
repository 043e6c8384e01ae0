const SLOTS = 1024
/** Longer key lists are read anew each time: comparing them would cost as much. */
const MAX_KEPT_BYTES = 2048

/** The keys of a row of objects, as the receiver builds them. */
export interface KnownShape {
  readonly keys: readonly string[]
  /**
   * No key is on Object.prototype, as `__proto__` is: assigning makes an own property. Otherwise each must be
   * defined.
   */
  readonly isAssignable: boolean
}

interface Slot extends KnownShape {
  readonly encoded: Uint8Array
}

/**
 * Key lists that came before, by their encoded bytes. A sender that lies about the hash only makes its own
 * messages slower: a slot is used if every byte is the same.
 */
const slots = new Array<Slot | undefined>(SLOTS).fill(undefined)

export function knownShape(
  bytes: Buffer,
  start: number,
  length: number,
  hash: number,
): KnownShape | undefined {
  const slot = slots[hash % SLOTS]
  if (slot === undefined || slot.encoded.length !== length) return undefined
  const { encoded } = slot
  for (let i = 0; i < length; i++) {
    if (encoded[i] !== bytes[start + i]) return undefined
  }
  return slot
}

export function rememberShape(
  bytes: Buffer,
  start: number,
  length: number,
  hash: number,
  read: readonly string[],
): KnownShape {
  const keys = read.map(internalized)
  const isAssignable = keys.every(isAssignableKey)
  if (length > MAX_KEPT_BYTES) return { keys, isAssignable }
  const encoded = new Uint8Array(length)
  encoded.set(bytes.subarray(start, start + length))
  const slot: Slot = { keys, isAssignable, encoded }
  slots[hash % SLOTS] = slot
  return slot
}

/** Assigning to this key makes an own property. */
export function isAssignableKey(key: string): boolean {
  return !(key in Object.prototype)
}

/** The engine's own copy of a key: with any other it looks that one up at each use. */
function internalized(key: string): string {
  return Object.keys(Object.fromEntries([[key, 0]]))[0]!
}
