import { Buffer } from 'node:buffer'
import { payloadTooLarge, type Outgoing } from './outgoing.js'
import { SHORT_STRING, SHORT_STRING_LIMIT, STRING_LATIN1, STRING_UTF16 } from './tags.js'

/**
 * Node's unchecked string methods of Buffer: half the price of `write()` and `toString()`, which look their
 * encoding up by name first. Undocumented, so there is a way without them.
 */
interface RawBuffer {
  utf8Write(text: string, offset: number): number
  latin1Write(text: string, offset: number): number
  ucs2Write(text: string, offset: number): number
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
}

const hasRaw = (
  ['utf8Write', 'latin1Write', 'ucs2Write', 'latin1Slice', 'utf8Slice', 'ucs2Slice'] as const
).every((name) => typeof (Buffer.prototype as Partial<RawBuffer>)[name] === 'function')

const raw = (buffer: Buffer): RawBuffer => buffer as unknown as RawBuffer

const writeUtf8 = hasRaw
  ? (bytes: Buffer, text: string, at: number): number => raw(bytes).utf8Write(text, at)
  : (bytes: Buffer, text: string, at: number): number => bytes.write(text, at, 'utf8')
const writeLatin1 = hasRaw
  ? (bytes: Buffer, text: string, at: number): number => raw(bytes).latin1Write(text, at)
  : (bytes: Buffer, text: string, at: number): number => bytes.write(text, at, 'latin1')
const writeUtf16 = hasRaw
  ? (bytes: Buffer, text: string, at: number): number => raw(bytes).ucs2Write(text, at)
  : (bytes: Buffer, text: string, at: number): number => bytes.write(text, at, 'utf16le')
const sliceLatin1 = hasRaw
  ? (bytes: Buffer, start: number, end: number): string => raw(bytes).latin1Slice(start, end)
  : (bytes: Buffer, start: number, end: number): string => bytes.toString('latin1', start, end)
export const sliceUtf8 = hasRaw
  ? (bytes: Buffer, start: number, end: number): string => raw(bytes).utf8Slice(start, end)
  : (bytes: Buffer, start: number, end: number): string => bytes.toString('utf8', start, end)
export const sliceUtf16 = hasRaw
  ? (bytes: Buffer, start: number, end: number): string => raw(bytes).ucs2Slice(start, end)
  : (bytes: Buffer, start: number, end: number): string => bytes.toString('utf16le', start, end)

const HEAD_BYTES = 5
/** Up to here a string is written as if it were ASCII, and it is seen whether it was; above, that is counted first. */
const TRIED_CHARACTERS = 32 * 1024

/** Writes any string, with its tag. */
export function writeString(out: Outgoing, text: string, maxBytes: number): void {
  if (text.length < SHORT_STRING_LIMIT) {
    if (out.bytes.length - out.position < SHORT_STRING_LIMIT) out.reserve(SHORT_STRING_LIMIT)
    if (writeShortString(out, text)) return
  }
  writeLongString(out, text, maxBytes)
}

/** Writes a string below SHORT_STRING_LIMIT, for which there must be room; `false`, and nothing is written, if it is not ASCII. */
export function writeShortString(out: Outgoing, text: string): boolean {
  const { length } = text
  const { bytes } = out
  const at = out.position + 1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    bytes[at + i] = code
  }
  bytes[at - 1] = SHORT_STRING | length
  out.position = at + length
  return true
}

/** Writes a string that is long or not ASCII, with its tag. */
export function writeLongString(out: Outgoing, text: string, maxBytes: number): void {
  const length = text.length
  if (length > maxBytes) throw payloadTooLarge(maxBytes)
  if (length > TRIED_CHARACTERS) {
    const isAscii = Buffer.byteLength(text) === length
    if (!isAscii && length * 2 > maxBytes && !isLatin1(text)) throw payloadTooLarge(maxBytes)
    out.reserve(HEAD_BYTES + (isAscii ? length : length * 2))
    if (isAscii) writeLatin1(out.bytes, text, out.position + HEAD_BYTES)
    finish(out, text, isAscii)
  } else {
    // Enough for ASCII and for either of the other forms; what is cut off is written again.
    out.reserve(HEAD_BYTES + length * 2 + 4)
    finish(out, text, writeUtf8(out.bytes, text, out.position + HEAD_BYTES) === length)
  }
}

function finish(out: Outgoing, text: string, isAscii: boolean): void {
  const { bytes } = out
  const start = out.position
  const at = start + HEAD_BYTES
  let tag = STRING_LATIN1
  let written = text.length
  if (!isAscii && !(text.charCodeAt(0) <= 0xff && writesAsLatin1(bytes, text, at))) {
    tag = STRING_UTF16
    written = writeUtf16(bytes, text, at)
  }
  bytes[start] = tag
  out.view.setUint32(start + 1, written, true)
  out.position = at + written
}

/** Characters beyond one byte are cut; reading back and comparing is faster than looking at each before. */
function writesAsLatin1(bytes: Buffer, text: string, at: number): boolean {
  writeLatin1(bytes, text, at)
  return sliceLatin1(bytes, at, at + text.length) === text
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) return false
  }
  return true
}

const make = String.fromCharCode

/**
 * Reads one byte a character. One call with all the codes is up to four times faster than a slice, which
 * has to enter native code, as long as the string is short.
 */
// prettier-ignore
export function readLatin1(b: Buffer, p: number, length: number): string {
  switch (length) {
    case 0: return ''
    case 1: return make(b[p]!)
    case 2: return make(b[p]!, b[p + 1]!)
    case 3: return make(b[p]!, b[p + 1]!, b[p + 2]!)
    case 4: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!)
    case 5: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!)
    case 6: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!)
    case 7: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!)
    case 8: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!)
    case 9: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!)
    case 10: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!)
    case 11: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!)
    case 12: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!)
    case 13: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!, b[p + 12]!)
    case 14: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!, b[p + 12]!, b[p + 13]!)
    case 15: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!, b[p + 12]!, b[p + 13]!, b[p + 14]!)
    case 16: return make(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!, b[p + 7]!,
      b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!, b[p + 12]!, b[p + 13]!, b[p + 14]!, b[p + 15]!)
    default: return sliceLatin1(b, p, p + length)
  }
}
