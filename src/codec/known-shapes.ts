import type { Filler } from './fillers.js'

const SLOT_BITS = 10
const SLOTS = 1 << SLOT_BITS
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
  /** Bytes of the encoded key list, */
  readonly length: number
  /** and these, if they are kept. */
  readonly encoded: DataView | undefined
  /** Objects built key by key so far. */
  built: number
  /** Builds all further ones, once there were enough. */
  fill: Filler | undefined
}

/**
 * Key lists that came before, by their encoded bytes, each in one of two places that its hash names: with one place
 * alone two of 40 shapes would push each other out more often than not. A sender that lies about the hash only makes
 * its own messages slower: a shape is used if every byte is the same.
 */
const slots = new Array<KnownShape | undefined>(SLOTS).fill(undefined)

const firstSlot = (hash: number): number => hash % SLOTS
const secondSlot = (hash: number): number => (hash >>> SLOT_BITS) % SLOTS

/** The shape whose encoded keys are the `length` bytes of `view` from `start` on. */
export function knownShape(
  view: DataView,
  start: number,
  length: number,
  hash: number,
): KnownShape | undefined {
  const shape = slots[firstSlot(hash)]
  if (shape !== undefined && hasKeys(shape, view, start, length)) return shape
  const other = slots[secondSlot(hash)]
  return other !== undefined && hasKeys(other, view, start, length) ? other : undefined
}

/** By words of 4 bytes. */
function hasKeys(shape: KnownShape, view: DataView, start: number, length: number): boolean {
  if (shape.length !== length) return false
  const encoded = shape.encoded!
  let i = 0
  for (; i + 4 <= length; i += 4) {
    if (encoded.getInt32(i, true) !== view.getInt32(start + i, true)) return false
  }
  for (; i < length; i++) {
    if (encoded.getInt8(i) !== view.getInt8(start + i)) return false
  }
  return true
}

export function rememberShape(
  bytes: Buffer,
  start: number,
  length: number,
  hash: number,
  read: readonly string[],
): KnownShape {
  const isKept = length <= MAX_KEPT_BYTES
  const keys = read.map(internalized)
  const shape: KnownShape = {
    keys,
    isAssignable: keys.every(isAssignableKey),
    length,
    encoded: isKept ? copied(bytes, start, length) : undefined,
    built: 0,
    fill: undefined,
  }
  if (isKept) {
    const isFree = slots[firstSlot(hash)] === undefined
    slots[isFree ? firstSlot(hash) : secondSlot(hash)] = shape
  }
  return shape
}

function copied(bytes: Buffer, start: number, length: number): DataView {
  const copy = new Uint8Array(length)
  copy.set(bytes.subarray(start, start + length))
  return new DataView(copy.buffer)
}

const NAMES = 256
/** 1 where a name of Object.prototype may be. */
const inherited = new Uint8Array(NAMES)
const place = (key: string): number => (key.length * 31 + key.charCodeAt(0)) % NAMES

/**
 * Looks again at the names on Object.prototype, on which a program may put what it likes. Holds until the next of the
 * user's code runs.
 */
export function lookAtObjectPrototype(): void {
  inherited.fill(0)
  for (const name of Object.getOwnPropertyNames(Object.prototype)) inherited[place(name)] = 1
}

/** A guess for keys that come once, which the engine would look up in all its strings; `false` is certain. */
export function mayBeInherited(key: string): boolean {
  return inherited[place(key)] !== 0
}

/** Assigning to this key makes an own property. */
export function isAssignableKey(key: string): boolean {
  return !(key in Object.prototype)
}

/** The engine's own copy of a key: with any other it looks that one up at each use. */
function internalized(key: string): string {
  return Object.keys(Object.fromEntries([[key, 0]]))[0]!
}
