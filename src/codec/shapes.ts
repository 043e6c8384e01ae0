import { Outgoing } from './outgoing.js'
import { FIRST_KEY_BUCKETS, OTHER_BUCKET } from './references.js'
import { writeString } from './strings.js'
import { MAX_VARINT_BYTES, writeVarint } from './varint.js'

const MAX_NODES = 4096
/** An object that forks here more often is a dictionary; its further keys are written beside their values. */
const MAX_EDGES = 128
const MAX_KEYS = 64
const RECENT_EDGES = 32
const MAX_TURNED_AWAY = 1000

/** Where an object is after some of its keys, in a trie over the keys of all objects met so far. */
export class ShapeNode {
  readonly key: string
  readonly parent: ShapeNode | undefined
  readonly depth: number
  /**
   * No key yet, or the first one is an index: what has such keys can be an arguments object, or, with no key at
   * all, anything that hides behind `Object.prototype`, and is looked at again.
   */
  readonly suspicious: boolean
  /** Where References keeps objects that begin as this one. */
  readonly bucket: number
  /** The edge taken last: objects of one shape come in rows. */
  lastKey: string | undefined = undefined
  lastChild: ShapeNode | undefined = undefined
  /** Of the root, where objects inside one another take turns: edges taken lately, by a glance at the key. */
  #recent: (ShapeNode | undefined)[] | undefined = undefined
  #children: Map<string, ShapeNode> | undefined = undefined
  #definition: DataView | undefined = undefined
  /** Serial of the message that last used this shape, and its number in there. */
  message = -1
  number = 0
  /** Bytes of `definition`, which is longer, so that it can be copied by words of 4 bytes. */
  definitionBytes = 0

  constructor(key: string, parent: ShapeNode | undefined, branch = 0) {
    this.key = key
    this.parent = parent
    this.bucket =
      parent === undefined
        ? OTHER_BUCKET
        : parent.depth === 0
          ? FIRST_KEY_BUCKETS + branch
          : parent.bucket
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.suspicious =
      parent === undefined || (parent.depth === 0 ? /^\d/.test(key) : parent.suspicious)
  }

  /** The node after one more key, or undefined if the trie should not grow that way. */
  next(key: string): ShapeNode | undefined {
    // The empty key has no first character: NaN, which becomes 0.
    const place = ((key.length + key.charCodeAt(0)) | 0) % RECENT_EDGES
    const recent = this.#recent?.[place]
    if (recent !== undefined && recent.key === key) return recent
    const child = this.#find(key)
    if (child !== undefined && this.parent === undefined) {
      this.#recent ??= new Array<undefined>(RECENT_EDGES).fill(undefined)
      this.#recent[place] = child
    }
    return child
  }

  #find(key: string): ShapeNode | undefined {
    const children = (this.#children ??= new Map())
    let child = children.get(key)
    if (child === undefined) {
      if (this.depth >= MAX_KEYS) return undefined
      if (children.size >= MAX_EDGES || nodes >= MAX_NODES) {
        turnedAway++
        return undefined
      }
      child = new ShapeNode(key, this, children.size)
      children.set(key, child)
      nodes++
    }
    this.lastKey = key
    this.lastChild = child
    return child
  }

  /** What the trailer says of this shape, made once and copied from then on. */
  get definition(): DataView {
    return (this.#definition ??= this.#encode())
  }

  #encode(): DataView {
    const keys: string[] = []
    for (let node: ShapeNode = this; node.parent !== undefined; node = node.parent)
      keys.push(node.key)
    const list = new Outgoing({ initialBytes: 256 })
    list.bytes[list.position++] = keys.length
    for (const key of keys.reverse()) writeString(list, key, 0xffffffff)
    const encoded = list.bytes.subarray(0, list.position)
    // For the receiver's cache, which does not rely on it.
    let hash = 0x811c9dc5
    for (const byte of encoded) hash = Math.imul(hash ^ byte, 0x01000193)
    const out = new Outgoing({ initialBytes: 4 + MAX_VARINT_BYTES + encoded.length + 4 })
    out.view.setUint32(0, hash >>> 0, true)
    out.position = 4
    writeVarint(out, encoded.length)
    out.bytes.set(encoded, out.position)
    this.definitionBytes = out.position + encoded.length
    return out.view
  }
}

let nodes = 0
/** Objects that found no place. */
let turnedAway = 0
let root = new ShapeNode('', undefined)

/**
 * Where every object of a new message begins. A trie that is full of shapes that came once, and turns others away,
 * is thrown away as a whole, rather than ordered by use: the next message rebuilds what it needs in microseconds.
 */
export function shapeRoot(): ShapeNode {
  if (turnedAway >= MAX_TURNED_AWAY) {
    root = new ShapeNode('', undefined)
    nodes = 0
    turnedAway = 0
  }
  return root
}
