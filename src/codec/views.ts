import { Buffer } from 'node:buffer'
import type { BlockParts } from '../block.js'
import { payloadTooLarge, type Outgoing } from './outgoing.js'
import { DETACHED_REFUSAL, SHARED_MEMORY_REFUSAL } from './carriage.js'
import { MAX_RESIZABLE_BYTES } from './limits.js'
import { Refusal } from './refusal.js'
import {
  REGION_BLOCK,
  REGION_RESIZABLE,
  REGION_SEGMENT,
  VIEW_KINDS,
  VIEW_TRACKING,
  type ViewKind,
} from './tags.js'
import { MAX_VARINT_BYTES, writeVarint } from './varint.js'
import { types } from 'node:util'

/** From this size on binary data is handed over as a segment instead of being copied into the main bytes. */
export const SEGMENT_BYTES = 16 * 1024

type Bytes = ArrayBuffer & { readonly resizable?: boolean; readonly maxByteLength?: number }

/** One ArrayBuffer or view of the message, as it was when its tag was written. */
interface View {
  readonly kind: number
  readonly buffer: Bytes
  readonly start: number
  readonly length: number
  /** The view itself, if it is a Uint8Array. */
  readonly bytes: Uint8Array | undefined
}

/** Memory that travels: all of an ArrayBuffer that is in the message itself, else what connected views cover. */
interface Region {
  readonly buffer: Bytes
  start: number
  /** What is before it, from `start` on, is room for alignment and travels as zeros. */
  readonly shownFrom: number
  end: number
  number: number
  /** The user's view of exactly these bytes: a new one costs as much as copying a hundred of them. */
  readonly bytes: Uint8Array | undefined
}

const NO_VIEWS: View[] = []
const NO_BLOCKS: ArrayBufferLike[] = []

// A view's own properties can say anything; the getters of its class cannot be fooled.
const getter = (prototype: object, name: string): ((this: unknown) => number) =>
  Object.getOwnPropertyDescriptor(prototype, name)!.get as (this: unknown) => number
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object
const typedArrayTag = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)!
  .get as unknown as (this: unknown) => ViewKind | undefined
const typedArrayBuffer = getter(typedArray, 'buffer') as unknown as (this: unknown) => Bytes
const typedArrayStart = getter(typedArray, 'byteOffset')
const typedArrayLength = getter(typedArray, 'byteLength')
const typedArrayValues = Uint8Array.prototype.values
const dataViewBuffer = getter(DataView.prototype, 'buffer') as unknown as (this: unknown) => Bytes
const dataViewStart = getter(DataView.prototype, 'byteOffset')
const dataViewLength = getter(DataView.prototype, 'byteLength')
const arrayBufferLength = getter(ArrayBuffer.prototype, 'byteLength')

const KIND_NUMBERS: ReadonlyMap<string, number> = new Map(
  VIEW_KINDS.map((kind, number) => [kind, number] as const),
)
const ARRAY_BUFFER = KIND_NUMBERS.get('ArrayBuffer')!
const BUFFER = KIND_NUMBERS.get('Buffer')!
const DATA_VIEW = KIND_NUMBERS.get('DataView')!

/**
 * The binary data of one message, gathered while it is encoded and written at its end, when it is known which
 * views share memory. Bytes that no view shows and whose ArrayBuffer is not itself in the message never
 * travel: they may be anybody's, as in Node's Buffer pool. Hence views that overlap share memory at the
 * receiver, views of one ArrayBuffer that do not overlap become separate.
 */
export class Views {
  #views: View[] = NO_VIEWS
  /** Of those that need not be copied, the largest. */
  #block: BlockParts | undefined
  /** The memory of all blocks. */
  #blocks: ArrayBufferLike[] = NO_BLOCKS

  get count(): number {
    return this.#views.length
  }

  clear(): void {
    this.#views = NO_VIEWS
    this.#block = undefined
    this.#blocks = NO_BLOCKS
  }

  /** The view that was added last shows all of a block. */
  addBlock(block: BlockParts): void {
    this.#blocks = [...this.#blocks, block.bytes!.buffer]
    if (block.number === 0) return
    const length = this.#block?.bytes?.byteLength ?? 0
    if (block.bytes!.byteLength > length) this.#block = block
  }

  addBuffer(value: ArrayBuffer): void {
    const buffer = value as Bytes
    const length = arrayBufferLength.call(buffer)
    if (length === 0 && isDetached(buffer)) {
      throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', DETACHED_REFUSAL)
    }
    this.#add({ kind: ARRAY_BUFFER, buffer, start: 0, length, bytes: undefined })
  }

  addView(value: ArrayBufferView): void {
    const name = typedArrayTag.call(value)
    let view: View
    if (name === undefined) {
      try {
        view = {
          kind: DATA_VIEW,
          buffer: dataViewBuffer.call(value),
          start: dataViewStart.call(value),
          length: dataViewLength.call(value),
          bytes: undefined,
        }
      } catch {
        throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', DETACHED_REFUSAL)
      }
    } else {
      const kind = value instanceof Buffer ? BUFFER : KIND_NUMBERS.get(name)
      if (kind === undefined) {
        throw new Refusal(
          'ERR_PLUMP_UNSERIALIZABLE',
          `is a ${name}, of which nothing is known here.`,
        )
      }
      view = {
        kind,
        buffer: typedArrayBuffer.call(value),
        start: typedArrayStart.call(value),
        length: typedArrayLength.call(value),
        bytes: name === 'Uint8Array' ? (value as Uint8Array) : undefined,
      }
      if (view.length === 0 && isLost(value)) {
        throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', DETACHED_REFUSAL)
      }
    }
    if (types.isSharedArrayBuffer(view.buffer)) {
      throw new Refusal('ERR_PLUMP_UNSERIALIZABLE', SHARED_MEMORY_REFUSAL)
    }
    this.#add(view)
  }

  #add(view: View): void {
    // A list made with its element has no room for others, which are rare.
    if (this.#views === NO_VIEWS) this.#views = [view]
    else this.#views.push(view)
  }

  write(out: Outgoing, maxBytes: number): void {
    const views = this.#views
    const regions: Region[] = []
    const block = this.#block
    const regionOf =
      views.length === 1
        ? [aloneIn(views[0]!, regions)]
        : connectAll(views, regions, block?.bytes?.buffer)
    out.lastBlock = block
    out.reserve(MAX_VARINT_BYTES)
    writeVarint(out, regions.length)
    let resizable = 0
    for (let i = 0; i < regions.length; i++) {
      resizable += writeRegion(out, regions[i]!, maxBytes, this.#blocks)
      if (resizable > MAX_RESIZABLE_BYTES) throw payloadTooLarge(MAX_RESIZABLE_BYTES)
    }
    out.reserve(MAX_VARINT_BYTES)
    writeVarint(out, views.length)
    for (let i = 0; i < views.length; i++) {
      const view = views[i]!
      const region = regionOf[i]!
      out.reserve(1 + 3 * MAX_VARINT_BYTES)
      out.bytes[out.position++] = view.kind | (isTracking(view) ? VIEW_TRACKING : 0)
      writeVarint(out, region.number)
      writeVarint(out, view.start - region.start)
      writeVarint(out, view.length)
    }
  }
}

/** The region of a view that is the only one. */
function aloneIn({ buffer, start, length, bytes }: View, regions: Region[]): Region {
  const region = { buffer, start, shownFrom: start, end: start + length, number: 0, bytes }
  regions.push(region)
  return region
}

/** Adds the regions that these views need, those of one buffer as the last; returns that of each view. */
function connectAll(
  views: readonly View[],
  regions: Region[],
  last: ArrayBufferLike | undefined,
): Region[] {
  const byBuffer = new Map<Bytes, number[]>()
  for (let i = 0; i < views.length; i++) {
    const { buffer } = views[i]!
    const numbers = byBuffer.get(buffer)
    if (numbers === undefined) byBuffer.set(buffer, [i])
    else numbers.push(i)
  }
  const regionOf = new Array<Region>(views.length)
  for (const numbers of byBuffer.values()) connect(views, numbers, regions, regionOf)
  if (last !== undefined) {
    const at = regions.findIndex((region) => region.buffer === last)
    if (at !== -1) regions.push(...regions.splice(at, 1))
  }
  for (let i = 0; i < regions.length; i++) regions[i]!.number = i
  return regionOf
}

/** Adds the regions that these views of one ArrayBuffer need. */
function connect(views: readonly View[], numbers: number[], regions: Region[], of: Region[]): void {
  const whole = numbers.find((number) => views[number]!.kind === ARRAY_BUFFER)
  if (whole !== undefined) {
    const { buffer, length } = views[whole]!
    const region = { buffer, start: 0, shownFrom: 0, end: length, number: 0, bytes: undefined }
    regions.push(region)
    for (const number of numbers) of[number] = region
    return
  }
  numbers.sort((a, b) => views[a]!.start - views[b]!.start || views[b]!.length - views[a]!.length)
  let region: Region | undefined
  let members: View[] = []
  for (const number of numbers) {
    const view = views[number]!
    const end = view.start + view.length
    if (region === undefined || view.start >= region.end) {
      align(region, members)
      const { buffer, start } = view
      region = { buffer, start, shownFrom: start, end, number: 0, bytes: undefined }
      members = []
      regions.push(region)
    } else if (end > region.end) {
      region.end = end
    }
    members.push(view)
    of[number] = region
  }
  align(region, members)
}

/**
 * Each view must start at a multiple of its element size in the new ArrayBuffer too. Where the region's first
 * view is too fine for that, room goes in front, which `writeRegion` fills with zeros.
 */
function align(region: Region | undefined, members: readonly View[]): void {
  if (region === undefined || members.length < 2) return
  const { start } = region
  if (members.some((view) => (view.start - start) % elementBytes(view.kind) !== 0)) {
    region.start = start - (start % 8)
  }
}

/** Returns the address space that the region's buffer reserves at the receiver beyond its bytes. */
function writeRegion(
  out: Outgoing,
  region: Region,
  maxBytes: number,
  blocks: readonly ArrayBufferLike[],
): number {
  const { buffer } = region
  const length = region.end - region.start
  if (length > maxBytes) throw payloadTooLarge(maxBytes)
  const isResizable = buffer.resizable === true && region.end === arrayBufferLength.call(buffer)
  const isSegment = length >= SEGMENT_BYTES
  out.reserve(1 + 2 * MAX_VARINT_BYTES + (isSegment ? 0 : length))
  out.bytes[out.position++] =
    (isSegment ? REGION_SEGMENT : 0) |
    (isResizable ? REGION_RESIZABLE : 0) |
    (blocks.length > 0 && blocks.includes(buffer) ? REGION_BLOCK : 0)
  writeVarint(out, length)
  const max = isResizable ? buffer.maxByteLength! - region.start : 0
  if (isResizable) writeVarint(out, max)
  const { bytes } = region
  // Only while it is as long as it was: a getter may have resized its memory.
  if (!isSegment && bytes !== undefined && typedArrayLength.call(bytes) === length) {
    out.bytes.set(bytes, out.position)
    out.position += length
    return max
  }
  let shown = new Uint8Array(buffer, region.shownFrom, region.end - region.shownFrom)
  if (shown.length < length) {
    const padded = new Uint8Array(length)
    padded.set(shown, length - shown.length)
    shown = padded
  }
  if (isSegment) {
    out.addSegment(shown)
  } else {
    out.bytes.set(shown, out.position)
    out.position += length
  }
  return max
}

/**
 * A fixed view that ends where its resizable buffer ends looks the same as one that follows the buffer's
 * length; only resizing would tell. The second is what `new Uint8Array(buffer)` makes, so it is taken for that.
 */
function isTracking({ kind, buffer, start, length }: View): boolean {
  if (buffer.resizable !== true || kind === ARRAY_BUFFER) return false
  return arrayBufferLength.call(buffer) - start - length < elementBytes(kind)
}

export function elementBytes(kind: number): number {
  switch (VIEW_KINDS[kind]) {
    case 'Int16Array':
    case 'Uint16Array':
    case 'Float16Array':
      return 2
    case 'Int32Array':
    case 'Uint32Array':
    case 'Float32Array':
      return 4
    case 'Float64Array':
    case 'BigInt64Array':
    case 'BigUint64Array':
      return 8
    default:
      return 1
  }
}

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}

/** Detached, or beyond the end of a resizable buffer that has shrunk: V8 then says length 0 and offset 0. */
function isLost(view: ArrayBufferView): boolean {
  try {
    typedArrayValues.call(view as Uint8Array)
    return false
  } catch {
    return true
  }
}
