"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.knownShape = knownShape;
exports.rememberShape = rememberShape;
exports.lookAtObjectPrototype = lookAtObjectPrototype;
exports.mayBeInherited = mayBeInherited;
exports.isAssignableKey = isAssignableKey;
const SLOT_BITS = 10;
const SLOTS = 1 << SLOT_BITS;
/** Longer key lists are read anew each time: comparing them would cost as much. */
const MAX_KEPT_BYTES = 2048;
/**
 * Key lists that came before, by their encoded bytes, each in one of two places that its hash names: with one place
 * alone two of 40 shapes would push each other out more often than not. A sender that lies about the hash only makes
 * its own messages slower: a shape is used if every byte is the same.
 */
const slots = new Array(SLOTS).fill(undefined);
const firstSlot = (hash) => hash % SLOTS;
const secondSlot = (hash) => (hash >>> SLOT_BITS) % SLOTS;
/** The shape whose encoded keys are the `length` bytes of `view` from `start` on. */
function knownShape(view, start, length, hash) {
    const shape = slots[firstSlot(hash)];
    if (shape !== undefined && hasKeys(shape, view, start, length))
        return shape;
    const other = slots[secondSlot(hash)];
    return other !== undefined && hasKeys(other, view, start, length) ? other : undefined;
}
/** By words of 4 bytes. */
function hasKeys(shape, view, start, length) {
    if (shape.length !== length)
        return false;
    const encoded = shape.encoded;
    let i = 0;
    for (; i + 4 <= length; i += 4) {
        if (encoded.getInt32(i, true) !== view.getInt32(start + i, true))
            return false;
    }
    for (; i < length; i++) {
        if (encoded.getInt8(i) !== view.getInt8(start + i))
            return false;
    }
    return true;
}
function rememberShape(bytes, start, length, hash, read) {
    const isKept = length <= MAX_KEPT_BYTES;
    const keys = read.map(internalized);
    const shape = {
        keys,
        isAssignable: keys.every(isAssignableKey),
        length,
        encoded: isKept ? copied(bytes, start, length) : undefined,
        built: 0,
        fill: undefined,
    };
    if (isKept) {
        const isFree = slots[firstSlot(hash)] === undefined;
        slots[isFree ? firstSlot(hash) : secondSlot(hash)] = shape;
    }
    return shape;
}
function copied(bytes, start, length) {
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(start, start + length));
    return new DataView(copy.buffer);
}
const NAMES = 256;
/** 1 where a name of Object.prototype may be. */
const inherited = new Uint8Array(NAMES);
const place = (key) => (key.length * 31 + key.charCodeAt(0)) % NAMES;
/**
 * Looks again at the names on Object.prototype, on which a program may put what it likes. Holds until the next of the
 * user's code runs.
 */
function lookAtObjectPrototype() {
    inherited.fill(0);
    for (const name of Object.getOwnPropertyNames(Object.prototype))
        inherited[place(name)] = 1;
}
/** A guess for keys that come once, which the engine would look up in all its strings; `false` is certain. */
function mayBeInherited(key) {
    return inherited[place(key)] !== 0;
}
/** Assigning to this key makes an own property. */
function isAssignableKey(key) {
    return !(key in Object.prototype);
}
/** The engine's own copy of a key: with any other it looks that one up at each use. */
function internalized(key) {
    return Object.keys(Object.fromEntries([[key, 0]]))[0];
}
//# sourceMappingURL=known-shapes.js.map