import { Buffer } from 'node:buffer'
import { type BlockMaker, type BlockParts, move } from '../block.js'
import { PlumpSerializationError } from '../errors.js'

const INITIAL_BYTES = 256 * 1024
const KEPT_BYTES = 1024 * 1024
const SEGMENT_ALIGNMENT = 8
/**
 * Encoders ask for a little room before each value instead of for each value's exact bytes. Capacity may
 * pass `maxBytes` by that much, so that a payload that just fits is not refused for room it never uses.
 */
const HEADROOM_BYTES = 1024

const NO_BLOCKS: BlockParts[] = []

export interface OutgoingOptions {
  /** Capacity to begin with and to shrink back to, in bytes. Default 256 KiB. */
  readonly initialBytes?: number
  /** Main bytes at most (segments are counted by whoever adds them). Default 4 GiB less one byte. */
  readonly maxBytes?: number
  /** Told each backing that replaces the first one, before anything more is written. */
  readonly onReplace?: (bytes: Buffer) => void
}

/**
 * The bytes that encoders write into. One lives as long as its link and is reset for every message.
 *
 * On the wire a payload is its main bytes, from where it began in `bytes` to `position`, then each segment in
 * order, each preceded by as many zero bytes as make it start at a multiple of 8, counted from the payload's
 * first byte. Nothing follows the last segment.
 *
 * The backing owns its whole ArrayBuffer, from offset 0, because native code keeps its address.
 */
export class Outgoing {
  /** Current backing. Replaced by `reserve()` and `reset()`; never keep it across a call of either. */
  bytes: Buffer
  /** DataView of the whole backing, replaced together with it. */
  view: DataView
  /** Where the next main byte goes. */
  position = 0
  /** Where the main bytes of the payload begin that was written last. */
  start = 0
  /**
   * Large binary parts, which are not copied into `bytes`: they show memory of the value that was encoded, so
   * they must be taken out before anybody can write to that value again.
   */
  readonly segments: Uint8Array[] = []
  /** Sum of the segments' lengths, without the zero bytes between them. */
  segmentBytes = 0
  /** Blocks among the arguments: they are the call's once it is made. */
  blocks: BlockParts[] = NO_BLOCKS
  /** The one whose bytes are the last segment, if there is such a one. */
  lastBlock: BlockParts | undefined
  /**
   * An encoder is writing. A getter of the value that is being encoded can get this far again, in the middle
   * of the message: who finds this set takes another Outgoing.
   */
  busy = false

  readonly #initialBytes: number
  readonly #maxBytes: number
  readonly #onReplace: ((bytes: Buffer) => void) | undefined

  constructor(options: OutgoingOptions = {}) {
    this.#initialBytes = options.initialBytes ?? INITIAL_BYTES
    this.#maxBytes = options.maxBytes ?? 0xffffffff
    this.#onReplace = options.onReplace
    this.bytes = Buffer.allocUnsafeSlow(this.#initialBytes)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Forgets everything written, and gives the memory of an unusually large message back. */
  reset(): void {
    this.position = 0
    this.start = 0
    if (this.segments.length > 0) this.dropSegments()
    if (this.blocks.length > 0) this.dropBlocks()
    if (this.bytes.length > KEPT_BYTES) this.#shrink()
  }

  /** Forgets the segments, which have been taken out: nothing of the user's may stay alive because it was sent once. */
  dropSegments(): void {
    this.segments.length = 0
    this.segmentBytes = 0
  }

  addBlock(block: BlockParts): void {
    if (this.blocks === NO_BLOCKS) this.blocks = []
    this.blocks.push(block)
  }

  /** The number of the block that need not be copied on the way to a worker of its maker, or 0. */
  blockFor(maker: BlockMaker): number {
    return this.lastBlock?.maker === maker ? this.lastBlock.number : 0
  }

  /** The call has been made: its blocks are its own. */
  moveBlocks(): void {
    const { blocks } = this
    this.dropBlocks()
    for (const block of blocks) move(block)
  }

  dropBlocks(): void {
    this.blocks = NO_BLOCKS
    this.lastBlock = undefined
  }

  /** Goes back to an earlier `position`, `segments.length` and `segmentBytes`, as after a failed encoding. */
  rewind(position: number, segments: number, segmentBytes: number): void {
    this.position = position
    this.segments.length = segments
    this.segmentBytes = segmentBytes
    this.dropBlocks()
  }

  /**
   * Makes room for `n` more bytes at `position`, by doubling.
   * @throws PlumpSerializationError `ERR_PLUMP_PAYLOAD_TOO_LARGE`, before it allocates, if that is more than `maxBytes`.
   */
  reserve(n: number): void {
    const needed = this.position + n
    const capacity = this.bytes.length
    if (needed <= capacity) return
    if (needed > this.#maxBytes + HEADROOM_BYTES) throw payloadTooLarge(this.#maxBytes)
    let grown = capacity * 2
    while (grown < needed) grown *= 2
    this.#replace(Math.min(grown, this.#maxBytes + HEADROOM_BYTES), this.position)
  }

  /** Takes a part that will follow the main bytes without being copied into them. */
  addSegment(segment: Uint8Array): void {
    this.segments.push(segment)
    this.segmentBytes += segment.byteLength
  }

  /** Bytes on the wire of the payload that began at `start` and has the segments from number `firstSegment` on. */
  payloadBytes(start = 0, firstSegment = 0): number {
    let total = this.position - start
    for (let i = firstSegment; i < this.segments.length; i++) {
      total = alignSegment(total) + this.segments[i]!.byteLength
    }
    return total
  }

  #shrink(): void {
    if (this.bytes.length > this.#initialBytes) this.#replace(this.#initialBytes, 0)
  }

  #replace(capacity: number, kept: number): void {
    let replacement: Buffer
    try {
      replacement = Buffer.allocUnsafeSlow(capacity)
    } catch (error) {
      throw payloadTooLarge(this.#maxBytes, error)
    }
    this.bytes.copy(replacement, 0, 0, kept)
    this.bytes = replacement
    this.view = new DataView(replacement.buffer)
    this.#onReplace?.(replacement)
  }
}

/** The next offset, counted from the payload's first byte, at which a segment may start. */
export function alignSegment(offset: number): number {
  const over = offset % SEGMENT_ALIGNMENT
  return over === 0 ? offset : offset + SEGMENT_ALIGNMENT - over
}

export function payloadTooLarge(maxPayloadBytes: number, cause?: unknown): PlumpSerializationError {
  return new PlumpSerializationError(
    'ERR_PLUMP_PAYLOAD_TOO_LARGE',
    `The payload is larger than ${maxPayloadBytes} bytes. Send less at once, or raise maxPayloadBytes.`,
    cause === undefined ? undefined : { cause },
  )
}
