"use strict";
var _a;
Object.defineProperty(exports, "__esModule", { value: true });
exports.ShapeNode = void 0;
exports.shapeRoot = shapeRoot;
const outgoing_js_1 = require("./outgoing.js");
const references_js_1 = require("./references.js");
const strings_js_1 = require("./strings.js");
const varint_js_1 = require("./varint.js");
const MAX_NODES = 4096;
/** An object that forks here more often is a dictionary; its further keys are written beside their values. */
const MAX_EDGES = 128;
const MAX_KEYS = 64;
const RECENT_EDGES = 32;
const MAX_TURNED_AWAY = 1000;
/** Where an object is after some of its keys, in a trie over the keys of all objects met so far. */
class ShapeNode {
    key;
    parent;
    depth;
    /**
     * No key yet, or the first one is an index: what has such keys can be an arguments object, or, with no key at
     * all, anything that hides behind `Object.prototype`, and is looked at again.
     */
    suspicious;
    /** Where References keeps objects that begin as this one. */
    bucket;
    /** The edge taken last: objects of one shape come in rows. */
    lastKey = undefined;
    lastChild = undefined;
    /** Of the root, where objects inside one another take turns: edges taken lately, by a glance at the key. */
    #recent = undefined;
    #children = undefined;
    #definition = undefined;
    /** Serial of the message that last used this shape, and its number in there. */
    message = -1;
    number = 0;
    /** Bytes of `definition`, which is longer, so that it can be copied by words of 4 bytes. */
    definitionBytes = 0;
    constructor(key, parent, branch = 0) {
        this.key = key;
        this.parent = parent;
        this.bucket =
            parent === undefined
                ? references_js_1.OTHER_BUCKET
                : parent.depth === 0
                    ? references_js_1.FIRST_KEY_BUCKETS + branch
                    : parent.bucket;
        this.depth = parent === undefined ? 0 : parent.depth + 1;
        this.suspicious =
            parent === undefined || (parent.depth === 0 ? /^\d/.test(key) : parent.suspicious);
    }
    /** The node after one more key, or undefined if the trie should not grow that way. */
    next(key) {
        // The empty key has no first character: NaN, which becomes 0.
        const place = ((key.length + key.charCodeAt(0)) | 0) % RECENT_EDGES;
        const recent = this.#recent?.[place];
        if (recent !== undefined && recent.key === key)
            return recent;
        const child = this.#find(key);
        if (child !== undefined && this.parent === undefined) {
            this.#recent ??= new Array(RECENT_EDGES).fill(undefined);
            this.#recent[place] = child;
        }
        return child;
    }
    #find(key) {
        const children = (this.#children ??= new Map());
        let child = children.get(key);
        if (child === undefined) {
            if (this.depth >= MAX_KEYS)
                return undefined;
            if (children.size >= MAX_EDGES || nodes >= MAX_NODES) {
                turnedAway++;
                return undefined;
            }
            child = new _a(key, this, children.size);
            children.set(key, child);
            nodes++;
        }
        this.lastKey = key;
        this.lastChild = child;
        return child;
    }
    /** What the trailer says of this shape, made once and copied from then on. */
    get definition() {
        return (this.#definition ??= this.#encode());
    }
    #encode() {
        const keys = [];
        for (let node = this; node.parent !== undefined; node = node.parent)
            keys.push(node.key);
        const list = new outgoing_js_1.Outgoing({ initialBytes: 256 });
        list.bytes[list.position++] = keys.length;
        for (const key of keys.reverse())
            (0, strings_js_1.writeString)(list, key, 0xffffffff);
        const encoded = list.bytes.subarray(0, list.position);
        // For the receiver's cache, which does not rely on it.
        let hash = 0x811c9dc5;
        for (const byte of encoded)
            hash = Math.imul(hash ^ byte, 0x01000193);
        const out = new outgoing_js_1.Outgoing({ initialBytes: 4 + varint_js_1.MAX_VARINT_BYTES + encoded.length + 4 });
        out.view.setUint32(0, hash >>> 0, true);
        out.position = 4;
        (0, varint_js_1.writeVarint)(out, encoded.length);
        out.bytes.set(encoded, out.position);
        this.definitionBytes = out.position + encoded.length;
        return out.view;
    }
}
exports.ShapeNode = ShapeNode;
_a = ShapeNode;
let nodes = 0;
/** Objects that found no place. */
let turnedAway = 0;
let root = new ShapeNode('', undefined);
/**
 * Where every object of a new message begins. A trie that is full of shapes that came once, and turns others away,
 * is thrown away as a whole, rather than ordered by use: the next message rebuilds what it needs in microseconds.
 */
function shapeRoot() {
    if (turnedAway >= MAX_TURNED_AWAY) {
        root = new ShapeNode('', undefined);
        nodes = 0;
        turnedAway = 0;
    }
    return root;
}
//# sourceMappingURL=shapes.js.map