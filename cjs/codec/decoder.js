"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.decodeStructured = decodeStructured;
exports.setStack = setStack;
exports.withoutFrames = withoutFrames;
// Imported, not taken from the global object, where a getter is behind that name.
const node_buffer_1 = require("node:buffer");
const errors_js_1 = require("../errors.js");
const fillers_js_1 = require("./fillers.js");
const known_shapes_js_1 = require("./known-shapes.js");
const limits_js_1 = require("./limits.js");
const outgoing_js_1 = require("./outgoing.js");
const packed_numbers_js_1 = require("./packed-numbers.js");
const strings_js_1 = require("./strings.js");
const tags_js_1 = require("./tags.js");
const varint_js_1 = require("./varint.js");
const views_js_1 = require("./views.js");
/** Arrays up to this length are made with their elements. */
const LITERAL_ELEMENTS = 4;
/** Objects with that many keys, and more to come that are no part of a shape, are dictionaries. */
const DICTIONARY_KEYS = 32;
/** Up to here bytes are copied by a loop. */
const LOOPED_BYTES = 32;
/** A function of its own pays only for a shape that comes again and again. */
const OBJECTS_BEFORE_FILLER = 100;
const NO_VIEWS = [];
// The state of the one message being decoded. Nothing of the user's runs meanwhile, so there is never a second one.
let bytes = node_buffer_1.Buffer.alloc(0);
let view = new DataView(bytes.buffer);
let position = 0;
let limit = 0;
let depth = 0;
let maxDepth = 0;
let isOwned = false;
let keepsReferences = false;
let nextView = 0;
let knowsObjectPrototype = false;
let shapeCount = 0;
const shapes = [];
let views = NO_VIEWS;
const references = [];
// Messages mostly come in one scratch buffer: its DataView is kept.
let scratch = bytes;
let scratchView = view;
function malformed(what, cause) {
    return new errors_js_1.PlumpSerializationError('ERR_PLUMP_DECODE', `The bytes that came from the other process are no valid payload: ${what}. Do both sides use the same codec and version?`, cause === undefined ? undefined : { cause });
}
/**
 * Reads the payload in `bytes[start..end)`.
 *
 * Nothing in it is trusted: every length is compared with the bytes that are there before anything is made of
 * it, so memory stays proportional to the input, and no key reaches a prototype.
 *
 * `owned` says that `bytes.buffer` belongs to this message alone and will not be written again. Then a large
 * Buffer shows its part of it instead of a copy, as small ones show a part of Node's pool; everything else is
 * copied all the same, so that its `buffer` and `byteOffset` are those that `structuredClone()` gives. Without
 * `owned` nothing of `bytes` is kept.
 *
 * @throws PlumpSerializationError `ERR_PLUMP_DECODE`, and nothing else.
 */
function decodeStructured(from, start, end, limits, owned) {
    if (!(start >= 0 && end <= from.length && end - start > tags_js_1.HEADER_BYTES)) {
        throw malformed('it is too short');
    }
    if (from !== scratch)
        takeOver(from, owned);
    isOwned = owned;
    depth = 0;
    // The list of arguments is a level here and none for the sender.
    maxDepth = limits.maxDepth + 1;
    try {
        const flags = bytes[start];
        if (flags > (tags_js_1.FLAG_REFERENCES | tags_js_1.FLAG_BUFFERS))
            throw malformed('it has unknown flags');
        keepsReferences = (flags & tags_js_1.FLAG_REFERENCES) !== 0;
        const trailer = view.getUint32(start + 1, true);
        let valueEnd = end;
        if (trailer !== 0) {
            valueEnd = start + trailer;
            if (trailer <= tags_js_1.HEADER_BYTES || valueEnd > end)
                throw malformed('its trailer is out of bounds');
            readTrailer(start, valueEnd, end, flags);
        }
        else if ((flags & tags_js_1.FLAG_BUFFERS) !== 0) {
            throw malformed('its trailer is missing');
        }
        position = start + tags_js_1.HEADER_BYTES;
        limit = valueEnd;
        const value = readValue();
        if (position !== limit)
            throw malformed('bytes are left over');
        if (nextView !== views.length)
            throw malformed('a view is left over');
        return value;
    }
    catch (error) {
        if (error instanceof errors_js_1.PlumpSerializationError && error.code === 'ERR_PLUMP_DECODE')
            throw error;
        throw malformed('a value in it cannot be made', error);
    }
    finally {
        shapeCount = 0;
        nextView = 0;
        knowsObjectPrototype = false;
        if (views !== NO_VIEWS)
            views = NO_VIEWS;
        if (references.length > 0)
            references.length = 0;
        if (owned) {
            bytes = scratch;
            view = scratchView;
        }
    }
}
/** Makes `from` the bytes that are read. */
function takeOver(from, owned) {
    bytes = node_buffer_1.Buffer.isBuffer(from) ? from : node_buffer_1.Buffer.from(from.buffer, from.byteOffset, from.byteLength);
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!owned) {
        scratch = bytes;
        scratchView = view;
    }
}
function take(length) {
    const at = position;
    if (length > limit - at)
        throw malformed('it ends too early');
    position = at + length;
    return at;
}
function readVarint() {
    const byte = bytes[take(1)];
    return byte < 0x80 ? byte : readLongVarint(byte);
}
function readLongVarint(first) {
    let value = first & 0x7f;
    let scale = 0x80;
    for (let i = 1; i < varint_js_1.MAX_VARINT_BYTES; i++) {
        const byte = bytes[take(1)];
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) {
            if (value > Number.MAX_SAFE_INTEGER)
                break;
            return value;
        }
        scale *= 0x80;
    }
    throw malformed('a number in it is too large');
}
/** A count of things that take at least `each` bytes. */
function readCount(each) {
    const count = readVarint();
    if (count * each > limit - position)
        throw malformed('it counts more than it holds');
    return count;
}
function readTrailer(start, from, end, flags) {
    position = from;
    limit = end;
    // 4 for the hash, 1 for the length, 1 for the number of keys.
    const count = readCount(6);
    for (let i = 0; i < count; i++)
        shapes[i] = readShape();
    shapeCount = count;
    if ((flags & tags_js_1.FLAG_BUFFERS) !== 0) {
        readViews(start, end);
    }
    else if (position !== end) {
        throw malformed('bytes are left over');
    }
}
function readShape() {
    const hash = view.getUint32(take(4), true);
    const length = readVarint();
    const from = take(length);
    const known = (0, known_shapes_js_1.knownShape)(view, from, length, hash);
    if (known !== undefined)
        return known;
    const end = limit;
    position = from;
    limit = from + length;
    const keys = [];
    for (let left = readCount(1); left > 0; left--)
        keys.push(readString());
    if (position !== limit)
        throw malformed('bytes are left over');
    limit = end;
    return (0, known_shapes_js_1.rememberShape)(bytes, from, length, hash, keys);
}
function readViews(start, end) {
    // Most messages that have one have one alone: a list made with its element has no room for others.
    let left = readCount(2);
    const regions = left === 0 ? [] : [readRegion()];
    let reserved = left === 0 ? 0 : Math.max(0, regions[0].max);
    for (left--; left > 0; left--) {
        const region = readRegion();
        reserved += Math.max(0, region.max);
        regions.push(region);
    }
    if (reserved > limits_js_1.MAX_RESIZABLE_BYTES)
        throw malformed('an ArrayBuffer is too large');
    left = readCount(4);
    views = left === 0 ? NO_VIEWS : [readViewEntry(regions)];
    for (left--; left > 0; left--)
        views.push(readViewEntry(regions));
    let at = position - start;
    for (let i = 0; i < regions.length; i++) {
        const region = regions[i];
        if (!region.isSegment)
            continue;
        at = (0, outgoing_js_1.alignSegment)(at);
        if (region.length > end - start - at)
            throw malformed('it ends too early');
        region.start = start + at;
        at += region.length;
    }
    if (start + at !== end)
        throw malformed('bytes are left over');
}
function readRegion() {
    const flags = bytes[take(1)];
    if (flags > (tags_js_1.REGION_SEGMENT | tags_js_1.REGION_RESIZABLE))
        throw malformed('it has unknown flags');
    const length = readVarint();
    const max = (flags & tags_js_1.REGION_RESIZABLE) === 0 ? -1 : readVarint();
    if (max !== -1 && (max < length || max > limits_js_1.MAX_RESIZABLE_BYTES)) {
        throw malformed('an ArrayBuffer is too large');
    }
    const isSegment = (flags & tags_js_1.REGION_SEGMENT) !== 0;
    return {
        start: isSegment ? -1 : take(length),
        length,
        max,
        isSegment,
        isExposed: false,
        views: 0,
        buffer: undefined,
        offset: 0,
    };
}
function readViewEntry(regions) {
    const kind = bytes[take(1)];
    const region = regions[readVarint()];
    const offset = readVarint();
    const length = readVarint();
    if (region === undefined)
        throw malformed('a view has no bytes');
    if (offset + length > region.length)
        throw malformed('a view is out of bounds');
    const isTracking = (kind & tags_js_1.VIEW_TRACKING) !== 0;
    if (isTracking && region.max === -1)
        throw malformed('a view cannot grow');
    const found = { kind: kind & ~tags_js_1.VIEW_TRACKING, region, offset, length, isTracking };
    if (found.kind === 0) {
        if (length !== region.length)
            throw malformed('an ArrayBuffer is out of bounds');
        region.isExposed = true;
    }
    region.views++;
    return found;
}
/** Small enough to become part of whoever reads a value; the rest is behind a call. */
function readValue() {
    const at = position;
    if (at >= limit)
        throw malformed('it ends too early');
    const tag = bytes[at];
    position = at + 1;
    if (tag < tags_js_1.SHORT_STRING)
        return tag;
    if (tag < tags_js_1.SHORT_ARRAY)
        return readShortString(tag & 0x1f);
    return readTagged(tag);
}
function readShortString(length) {
    const at = position;
    if (length > limit - at)
        throw malformed('it ends too early');
    position = at + length;
    return (0, strings_js_1.readLatin1)(bytes, at, length);
}
function readTagged(tag) {
    if (tag < tags_js_1.UNDEFINED)
        return readArray(tag & 0x0f);
    switch (tag) {
        case tags_js_1.UNDEFINED:
            return undefined;
        case tags_js_1.NULL:
            return null;
        case tags_js_1.TRUE:
            return true;
        case tags_js_1.FALSE:
            return false;
        case tags_js_1.INT8:
            return view.getInt8(take(1));
        case tags_js_1.INT16:
            return view.getInt16(take(2), true);
        case tags_js_1.INT32:
            return view.getInt32(take(4), true);
        case tags_js_1.FLOAT64:
            return view.getFloat64(take(8), true);
        case tags_js_1.BIGINT64:
            return view.getBigInt64(take(8), true);
        case tags_js_1.BIGINT:
            return readBigInt();
        case tags_js_1.STRING_LATIN1:
        case tags_js_1.STRING_UTF16:
            position--;
            return readString();
        case tags_js_1.REFERENCE:
            return readReference();
        case tags_js_1.ARRAY:
            return readArray(readCount(1));
        case tags_js_1.ARRAY_KEYED:
            return readKeyedArray();
        case tags_js_1.OBJECT:
            return readObject();
        case tags_js_1.OBJECT_WIDE:
            return readWideObject();
        case tags_js_1.MAP:
            return readMap();
        case tags_js_1.SET:
            return readSet();
        case tags_js_1.DATE:
            return referable(new Date(view.getFloat64(take(8), true)));
        case tags_js_1.REGEXP:
            return referable(new RegExp(readString(), readString()));
        case tags_js_1.BOXED:
            return readBoxed();
        case tags_js_1.ERROR:
            return readError();
        case tags_js_1.DOM_EXCEPTION:
            return readDomException();
        case tags_js_1.VIEW:
            return readView();
        case tags_js_1.ARRAY_INT8:
        case tags_js_1.ARRAY_INT16:
        case tags_js_1.ARRAY_INT32:
        case tags_js_1.ARRAY_FLOAT64:
            return readPackedArray(tag);
        default:
            throw malformed(`it has an unknown tag, ${tag}`);
    }
}
function referable(object) {
    if (keepsReferences)
        references.push(object);
    return object;
}
function enter() {
    if (++depth > maxDepth)
        throw malformed(`it is nested deeper than ${maxDepth - 1} levels`);
}
function readReference() {
    const object = references[readVarint()];
    if (object === undefined)
        throw malformed('it refers to an object that did not come before');
    return object;
}
function readString() {
    const tag = bytes[take(1)];
    if (tag >= tags_js_1.SHORT_STRING && tag < tags_js_1.SHORT_ARRAY) {
        const length = tag & 0x1f;
        return (0, strings_js_1.readLatin1)(bytes, take(length), length);
    }
    const length = view.getUint32(take(4), true);
    const at = take(length);
    switch (tag) {
        case tags_js_1.STRING_LATIN1:
            return (0, strings_js_1.readLatin1)(bytes, at, length);
        case tags_js_1.STRING_UTF16:
            if (length % 2 === 1)
                throw malformed('half a character');
            return (0, strings_js_1.sliceUtf16)(bytes, at, at + length);
        default:
            throw malformed('a string is expected');
    }
}
function readBigInt() {
    const isNegative = bytes[take(1)] !== 0;
    const length = readCount(1);
    const at = take(length);
    if (length === 0)
        return 0n;
    const magnitude = BigInt(`0x${bytes.toString('hex', at, at + length)}`);
    return isNegative ? -magnitude : magnitude;
}
function readArray(length) {
    if (length > limit - position)
        throw malformed('it ends too early');
    enter();
    const array = keepsReferences || length > LITERAL_ELEMENTS ? readLongArray(length) : readShortArray(length);
    depth--;
    return array;
}
/** An array that is made with its elements has room for them and for no more; one that grows takes room for 17. */
// prettier-ignore
function readShortArray(length) {
    switch (length) {
        case 0: return [];
        case 1: return [readValue()];
        case 2: return [readValue(), readValue()];
        case 3: return [readValue(), readValue(), readValue()];
        default: return [readValue(), readValue(), readValue(), readValue()];
    }
}
function readLongArray(length) {
    const array = [];
    if (keepsReferences)
        references.push(array);
    // Filled from empty, not made with its length: the engine keeps arrays apart that had holes once.
    for (let i = 0; i < length; i++)
        array[i] = readValue();
    return array;
}
function readPackedArray(tag) {
    const width = (0, packed_numbers_js_1.widthOf)(tag);
    const length = readCount(width);
    enter();
    depth--;
    return referable((0, packed_numbers_js_1.readNumbers)(tag, view, take(length * width), length));
}
function readKeyedArray() {
    const length = readVarint();
    if (length > 0xffffffff)
        throw malformed('an array is too long');
    const array = [];
    // An array as long as this says, but held as a dictionary, is as large as what is in it.
    if (length > 1024 && length > limit - position)
        array.length = 0xffffffff;
    array.length = length;
    referable(array);
    enter();
    while (!atEnd()) {
        const key = readValue();
        if (typeof key === 'number') {
            if (!(Number.isInteger(key) && key >= 0 && key < length))
                throw malformed('an index is out of bounds');
            array[key] = readValue();
        }
        else if (typeof key === 'string' && key !== 'length' && !isIndex(key)) {
            define(array, key, readValue());
        }
        else {
            throw malformed('an array has a key that is none');
        }
    }
    depth--;
    return array;
}
function isIndex(key) {
    const index = Number(key) >>> 0;
    return index !== 0xffffffff && String(index) === key;
}
/** Steps over the end of a list, if it is here. */
function atEnd() {
    if (position >= limit)
        throw malformed('it ends too early');
    if (bytes[position] !== tags_js_1.END)
        return false;
    position++;
    return true;
}
function define(object, key, value) {
    Object.defineProperty(object, key, {
        value,
        writable: true,
        enumerable: true,
        configurable: true,
    });
}
function readObject() {
    const shape = readShapeNumber();
    const object = {};
    if (keepsReferences)
        references.push(object);
    enter();
    const { fill } = shape;
    if (fill !== undefined)
        fill(object);
    else
        readMembers(object, shape);
    depth--;
    return object;
}
function readShapeNumber() {
    const number = view.getUint16(take(2), true);
    if (number >= shapeCount)
        throw malformed('an object has no shape');
    return shapes[number];
}
function readMembers(object, shape) {
    const { keys, isAssignable } = shape;
    if (isAssignable) {
        for (let i = 0; i < keys.length; i++)
            object[keys[i]] = readValue();
        if (++shape.built === OBJECTS_BEFORE_FILLER)
            shape.fill = (0, fillers_js_1.fillerOf)(keys, readValue);
    }
    else {
        for (let i = 0; i < keys.length; i++)
            define(object, keys[i], readValue());
    }
}
function readWideObject() {
    const shape = readShapeNumber();
    const object = referable(shape.keys.length < DICTIONARY_KEYS ? {} : emptyDictionary());
    if (!knowsObjectPrototype) {
        (0, known_shapes_js_1.lookAtObjectPrototype)();
        knowsObjectPrototype = true;
    }
    enter();
    readMembers(object, shape);
    while (!atEnd()) {
        const key = readString();
        const value = readValue();
        if (!(0, known_shapes_js_1.mayBeInherited)(key) || (0, known_shapes_js_1.isAssignableKey)(key))
            object[key] = value;
        else
            define(object, key, value);
    }
    depth--;
    return object;
}
/**
 * An object that the engine holds as a table from the beginning. One that has become large before it gets
 * there is searched from end to end for each new key.
 */
function emptyDictionary() {
    const object = { first: undefined, second: undefined };
    // Taking away what is not the last property does it.
    delete object['first'];
    delete object['second'];
    return object;
}
function readMap() {
    const map = referable(new Map());
    const count = readCount(2);
    enter();
    for (let i = 0; i < count; i++) {
        const key = readValue();
        map.set(key, readValue());
    }
    depth--;
    return map;
}
function readSet() {
    const set = referable(new Set());
    const count = readCount(1);
    enter();
    for (let i = 0; i < count; i++)
        set.add(readValue());
    depth--;
    return set;
}
function readBoxed() {
    // Its place among the references comes before that of the primitive, which has none.
    const value = readValue();
    switch (typeof value) {
        case 'string':
        case 'number':
        case 'boolean':
        case 'bigint':
            return referable(Object(value));
        default:
            throw malformed('an object is boxed');
    }
}
const ERROR_CONSTRUCTORS = tags_js_1.ERROR_CLASSES.map((name) => globalThis[name]);
function readError() {
    const constructor = ERROR_CONSTRUCTORS[bytes[take(1)]];
    if (constructor === undefined)
        throw malformed('an error has no class');
    const parts = bytes[take(1)];
    const message = (parts & tags_js_1.ERROR_MESSAGE) === 0 ? undefined : readString();
    const stack = (parts & tags_js_1.ERROR_STACK) === 0 ? undefined : readString();
    const error = referable(withoutFrames(() => new constructor(message)));
    setStack(error, stack);
    if ((parts & tags_js_1.ERROR_CAUSE) !== 0) {
        enter();
        Object.defineProperty(error, 'cause', {
            value: readValue(),
            writable: true,
            enumerable: false,
            configurable: true,
        });
        depth--;
    }
    return error;
}
function readDomException() {
    const parts = bytes[take(1)];
    const message = readString();
    const name = readString();
    const stack = (parts & tags_js_1.ERROR_STACK) === 0 ? undefined : readString();
    const error = referable(withoutFrames(() => new DOMException(message, name)));
    setStack(error, stack);
    return error;
}
/** Assigned, not defined, if it is there: where the own `stack` is an accessor this goes through it. */
function setStack(error, stack) {
    if (Object.hasOwn(error, 'stack')) {
        error.stack = stack;
    }
    else {
        Object.defineProperty(error, 'stack', {
            value: stack,
            writable: true,
            enumerable: false,
            configurable: true,
        });
    }
}
/** An error made here has its stack from elsewhere; collecting one costs more than all the rest. */
function withoutFrames(make) {
    const { stackTraceLimit } = Error;
    Reflect.set(Error, 'stackTraceLimit', 0);
    try {
        return make();
    }
    finally {
        Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
    }
}
const VIEW_CONSTRUCTORS = tags_js_1.VIEW_KINDS.map((name) => globalThis[name]);
function readView() {
    const found = views[nextView++];
    if (found === undefined)
        throw malformed('a view is missing');
    const { kind, region, offset, length, isTracking } = found;
    const name = tags_js_1.VIEW_KINDS[kind];
    if (name === undefined)
        throw malformed('a view has no class');
    const elements = length / (0, views_js_1.elementBytes)(kind);
    if (!Number.isInteger(elements))
        throw malformed('a view ends inside an element');
    if (name === 'ArrayBuffer')
        return referable(bufferOf(region, false));
    if (name === 'Buffer' && isAlone(region) && length === region.length && !isShown(region)) {
        return referable(bufferAlone(region.start, length));
    }
    const buffer = bufferOf(region, name === 'Buffer');
    const at = region.offset + offset;
    if (name === 'Buffer')
        return referable(node_buffer_1.Buffer.from(buffer, at, length));
    const constructor = VIEW_CONSTRUCTORS[kind];
    if (constructor === undefined)
        throw malformed(`there is no ${name} here`);
    return referable(isTracking ? new constructor(buffer, at) : new constructor(buffer, at, elements));
}
/** Whether one view alone shows the region, and nobody could resize it. */
function isAlone({ views, isExposed, max }) {
    return views === 1 && !isExposed && max === -1;
}
/**
 * Whether a Buffer may show the bytes that came in themselves. Nobody expects a Buffer to be alone in its ArrayBuffer;
 * of a typed array `structuredClone()` makes one that is.
 */
function isShown(region) {
    return isOwned && region.isSegment && isAlone(region);
}
/**
 * A Buffer with memory of its own. The engine keeps up to 64 bytes in the object itself until somebody asks for its
 * ArrayBuffer, which costs three times the rest.
 */
function bufferAlone(start, length) {
    const buffer = node_buffer_1.Buffer.allocUnsafeSlow(length);
    if (length <= LOOPED_BYTES) {
        for (let i = 0; i < length; i++)
            buffer[i] = bytes[start + i];
    }
    else {
        bytes.copy(buffer, 0, start, start + length);
    }
    return buffer;
}
/** The memory of a region: the message's own for a large Buffer that shares it with no other view, else a copy. */
function bufferOf(region, isBuffer) {
    if (region.buffer !== undefined)
        return region.buffer;
    const { start, length, max } = region;
    if (isBuffer && isShown(region)) {
        region.offset = bytes.byteOffset + start;
        return (region.buffer = bytes.buffer);
    }
    if (max !== -1) {
        const resizable = new ArrayBuffer(length, { maxByteLength: max });
        new Uint8Array(resizable).set(bytes.subarray(start, start + length));
        return (region.buffer = resizable);
    }
    // Not `new ArrayBuffer()`, which would write all the memory with zeros first.
    const copy = node_buffer_1.Buffer.allocUnsafeSlow(length);
    bytes.copy(copy, 0, start, start + length);
    return (region.buffer = copy.buffer);
}
//# sourceMappingURL=decoder.js.map