// One request or answer at a time in shared memory: JSON for plain values, and one run of raw
// bytes beside it, which the other side reads where it lies.
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const STATE = 0
export const STARTING = 0
export const ANSWERED = 1
export const REQUESTED = 2
const TEXT_LENGTH = 1
const BYTES_LENGTH = 2
const TEXT_BYTES = 1 << 20
const BYTES_MARK = '$bytes'

export function createSlot(payloadBytes) {
  return {
    words: new Int32Array(new SharedArrayBuffer(16)),
    text: new Uint8Array(new SharedArrayBuffer(TEXT_BYTES)),
    bytes: new Uint8Array(new SharedArrayBuffer(payloadBytes)),
  }
}

/** `values` may hold one Uint8Array at its top level. */
export function writeValues(slot, values) {
  slot.words[BYTES_LENGTH] = 0
  const plain = values.map((value) => {
    if (!(value instanceof Uint8Array)) return value
    slot.words[BYTES_LENGTH] = value.length
    slot.bytes.set(value)
    return BYTES_MARK
  })
  slot.words[TEXT_LENGTH] = encoder.encodeInto(JSON.stringify(plain), slot.text).written
}

export function readValues(slot) {
  // TextDecoder refuses shared memory, hence slice().
  const values = JSON.parse(decoder.decode(slot.text.slice(0, slot.words[TEXT_LENGTH])))
  const length = slot.words[BYTES_LENGTH]
  if (length === 0) return values
  return values.map((value) => (value === BYTES_MARK ? slot.bytes.subarray(0, length) : value))
}
