// Memory that a program fills before it sends it: what `allocate()` gives.

import { PlumpSerializationError } from './errors.js'
import { once } from './shared.js'

/** Whoever made a block. */
export interface BlockMaker {
  /** The program has no more to do with the block: it was sent, or is not needed. */
  takeBack(block: BlockParts, buffer: ArrayBuffer): void
}

/** What a block is made of. */
export interface BlockParts {
  readonly maker: BlockMaker
  /** The core's number of the memory that a worker can be handed; 0: private memory, which is copied. */
  readonly number: number
  /** The core's number of its memory, which other blocks had before. */
  readonly key: number
  /** Undefined once it was sent or released. */
  bytes: Uint8Array | undefined
}

/** On the prototype of every copy's class: codecs know blocks by it. */
export const BLOCK: unique symbol = Symbol.for('plump-ipc.block')

/** By their blocks, also those that another copy of this package made. */
const all = once('blocks', () => new WeakMap<object, BlockParts>())

/** What a block is made of, if it is one. */
export function partsOf(block: object): BlockParts | undefined {
  return all.get(block)
}

/** The call that a block was passed to has been made: from now on it is the call's. */
export function move(parts: BlockParts): void {
  const { bytes } = parts
  if (bytes === undefined) return
  parts.bytes = undefined
  parts.maker.takeBack(parts, bytes.buffer as ArrayBuffer)
}

export function makeBlock(
  maker: BlockMaker,
  number: number,
  key: number,
  buffer: ArrayBuffer,
): PlumpBlock {
  return new PlumpBlock({ maker, number, key, bytes: new Uint8Array(buffer) })
}

/**
 * Memory for a large argument, from `allocate(bytes)` of an instance. Fill `bytes`, then pass the block itself to a call of
 * that instance: the handler gets a `Uint8Array` of the same memory, without a copy.
 *
 * Passing it moves it: once the call was made, however that ends, the block can't be used again. A call that could not be
 * made (its arguments can't be sent, the queue is full, the instance is closed) leaves it as it is. Views of `bytes` that
 * were kept from before must not be used any more: their memory is somebody else's.
 */
export class PlumpBlock implements Disposable {
  /** How many bytes it has. */
  readonly byteLength: number

  /** @internal */
  constructor(parts: BlockParts) {
    this.byteLength = parts.bytes!.byteLength
    all.set(this, parts)
  }

  /**
   * The memory. What is in it at first is whatever an earlier block of this instance left there, or zeros.
   *
   * @throws PlumpSerializationError `ERR_PLUMP_BLOCK_GONE` once the block was passed to a call or released.
   */
  get bytes(): Uint8Array {
    const bytes = all.get(this)?.bytes
    if (bytes === undefined) throw new PlumpSerializationError('ERR_PLUMP_BLOCK_GONE')
    return bytes
  }

  /** Gives the memory back, if the block was not passed to a call. Does nothing the second time. */
  release(): void {
    const parts = all.get(this)
    if (parts !== undefined) move(parts)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** @throws PlumpSerializationError `ERR_PLUMP_UNSERIALIZABLE`: JSON has no form for bytes. */
  toJSON(): never {
    throw new PlumpSerializationError(
      'ERR_PLUMP_UNSERIALIZABLE',
      "A block has no form in JSON. Use the codec 'structured'.",
    )
  }
}

Object.defineProperty(PlumpBlock.prototype, BLOCK, { value: true })
