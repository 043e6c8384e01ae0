"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Encoder = exports.encoderCounts = void 0;
const node_util_1 = require("node:util");
const carriage_js_1 = require("./carriage.js");
const outgoing_js_1 = require("./outgoing.js");
const packed_numbers_js_1 = require("./packed-numbers.js");
const references_js_1 = require("./references.js");
const refusal_js_1 = require("./refusal.js");
const shapes_js_1 = require("./shapes.js");
const strings_js_1 = require("./strings.js");
const tags_js_1 = require("./tags.js");
const varint_js_1 = require("./varint.js");
const views_js_1 = require("./views.js");
/** Room that is there at the beginning of every value: for a tag and all that is not written by the piece. */
const ROOM_BYTES = 64;
/** From this length on the indexes of an array are not made into strings to see whether it has other keys. */
const LISTED_ELEMENTS = 256;
/** The text of their indexes: made by the engine each time it costs more than the rest of a small array. */
const INDEXES = Array.from({ length: LISTED_ELEMENTS }, (_, index) => String(index));
const hasOwn = Object.prototype.hasOwnProperty;
const { getPrototypeOf, keys: keysOf, values: valuesOf } = Object;
const { isArray } = Array;
const { isView } = ArrayBuffer;
const { isProxy } = node_util_1.types;
const mapForEach = Map.prototype.forEach;
const setForEach = Set.prototype.forEach;
const dateTime = Date.prototype.getTime;
const regexpSource = Object.getOwnPropertyDescriptor(RegExp.prototype, 'source')
    .get;
const regexpFlags = Object.getOwnPropertyDescriptor(RegExp.prototype, 'flags').get;
/**
 * Counts for tests: values that the encoder wrote beside its fast path (all but primitives, plain objects and
 * instances, dense arrays), and messages.
 */
exports.encoderCounts = { messages: 0, slowValues: 0 };
let messageSerial = 0;
/**
 * One message being encoded. Kept and used again, since all that it allocates would otherwise be paid by every
 * message; a message that is encoded while another one is (by a getter that makes a call) takes its own.
 */
class Encoder {
    #out;
    #maxDepth = 0;
    #maxBytes = 0;
    #depth = 0;
    #message = 0;
    #root;
    /** Never shortened: setting an array's length costs as much as a small message, and shapes hold no values. */
    #shapes = [];
    #shapeCount = 0;
    #references = new references_js_1.References();
    #hasReferences = false;
    #views = new views_js_1.Views();
    /**
     * Appends one payload to `out`. If it throws, `out` is as it was.
     * @throws PlumpSerializationError
     */
    encode(value, out, limits, root) {
        const start = out.position;
        const segments = out.segments.length;
        const { segmentBytes, busy } = out;
        this.#out = out;
        this.#maxDepth = limits.maxDepth;
        this.#maxBytes = limits.maxPayloadBytes;
        this.#depth = 0;
        this.#message = ++messageSerial;
        this.#root = (0, shapes_js_1.shapeRoot)();
        exports.encoderCounts.messages++;
        out.busy = true;
        try {
            if (out.bytes.length - out.position < ROOM_BYTES)
                out.reserve(ROOM_BYTES);
            out.position = start + tags_js_1.HEADER_BYTES;
            if (root === 'args' && isArray(value))
                this.#writeArguments(value);
            else
                this.#write(value);
            this.#finish(start, segments);
        }
        catch (error) {
            out.rewind(start, segments, segmentBytes);
            throw (error instanceof refusal_js_1.Refusal ? error : refusal_js_1.Refusal.thrown(error)).toError(root);
        }
        finally {
            out.busy = busy;
            this.#release();
        }
    }
    #finish(start, segments) {
        const out = this.#out;
        let flags = this.#hasReferences ? tags_js_1.FLAG_REFERENCES : 0;
        let trailer = 0;
        const shapes = this.#shapes;
        const shapeCount = this.#shapeCount;
        if (shapeCount > 0 || this.#views.count > 0) {
            trailer = out.position - start;
            this.#reserve(varint_js_1.MAX_VARINT_BYTES);
            (0, varint_js_1.writeVarint)(out, shapeCount);
            for (let i = 0; i < shapeCount; i++)
                this.#writeShape(shapes[i]);
            if (this.#views.count > 0) {
                flags |= tags_js_1.FLAG_BUFFERS;
                this.#views.write(out, this.#maxBytes);
            }
        }
        const total = out.segments.length === segments ? out.position - start : out.payloadBytes(start, segments);
        if (total > this.#maxBytes || out.position - start > 0xffffffff) {
            throw (0, outgoing_js_1.payloadTooLarge)(this.#maxBytes);
        }
        out.bytes[start] = flags;
        out.view.setUint32(start + 1, trailer, true);
    }
    /** By words of 4 bytes, the last of which may reach beyond the end. */
    #writeShape(shape) {
        const out = this.#out;
        const { definition, definitionBytes } = shape;
        this.#reserve(definitionBytes + 4);
        const { view, position } = out;
        for (let i = 0; i < definitionBytes; i += 4) {
            view.setInt32(position + i, definition.getInt32(i, true), true);
        }
        out.position = position + definitionBytes;
    }
    /** Nothing of the user's may stay alive because it was sent once. */
    #release() {
        this.#references.clear();
        this.#hasReferences = false;
        this.#shapeCount = 0;
        if (this.#views.count > 0)
            this.#views.clear();
    }
    #reserve(bytes) {
        const out = this.#out;
        if (out.bytes.length - out.position < bytes)
            out.reserve(bytes);
    }
    #write(value) {
        const out = this.#out;
        if (out.bytes.length - out.position < ROOM_BYTES)
            out.reserve(ROOM_BYTES);
        // One comparison after the other: `switch (typeof value)` makes the engine find the word first.
        if (typeof value === 'string') {
            const length = value.length;
            if (length < tags_js_1.SHORT_STRING_LIMIT) {
                const { bytes } = out;
                const at = out.position + 1;
                let i = 0;
                for (; i < length; i++) {
                    const code = value.charCodeAt(i);
                    if (code > 0x7f)
                        break;
                    bytes[at + i] = code;
                }
                if (i === length) {
                    bytes[at - 1] = tags_js_1.SHORT_STRING | length;
                    out.position = at + length;
                    return;
                }
            }
            (0, strings_js_1.writeLongString)(out, value, this.#maxBytes);
        }
        else if (typeof value === 'number') {
            this.#writeNumber(value);
        }
        else if (typeof value === 'object') {
            if (value === null)
                out.bytes[out.position++] = tags_js_1.NULL;
            else
                this.#writeObject(value);
        }
        else if (typeof value === 'boolean') {
            out.bytes[out.position++] = value ? tags_js_1.TRUE : tags_js_1.FALSE;
        }
        else if (value === undefined) {
            out.bytes[out.position++] = tags_js_1.UNDEFINED;
        }
        else if (typeof value === 'bigint') {
            this.#writeBigInt(value);
        }
        else if (typeof value === 'function') {
            throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', 'is a function, which cannot be sent to another process. Send data and keep the code on its own side.');
        }
        else {
            throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', 'is a symbol, which means nothing to another process. Send its description.');
        }
    }
    #writeNumber(value) {
        const out = this.#out;
        const { bytes } = out;
        const at = out.position;
        if (isInt32(value)) {
            if (value >= 0 && value < tags_js_1.SMALL_INT_LIMIT) {
                bytes[at] = value;
                out.position = at + 1;
            }
            else if (value >= -0x80 && value < 0x80) {
                bytes[at] = tags_js_1.INT8;
                bytes[at + 1] = value;
                out.position = at + 2;
            }
            else if (value >= -0x8000 && value < 0x8000) {
                bytes[at] = tags_js_1.INT16;
                bytes[at + 1] = value;
                bytes[at + 2] = value >> 8;
                out.position = at + 3;
            }
            else {
                bytes[at] = tags_js_1.INT32;
                bytes[at + 1] = value;
                bytes[at + 2] = value >> 8;
                bytes[at + 3] = value >> 16;
                bytes[at + 4] = value >> 24;
                out.position = at + 5;
            }
        }
        else {
            bytes[at] = tags_js_1.FLOAT64;
            out.view.setFloat64(at + 1, value, true);
            out.position = at + 9;
        }
    }
    #writeBigInt(value) {
        const out = this.#out;
        if (BigInt.asIntN(64, value) === value) {
            out.bytes[out.position] = tags_js_1.BIGINT64;
            out.view.setBigInt64(out.position + 1, value, true);
            out.position += 9;
            return;
        }
        const isNegative = value < 0n;
        let hex = (isNegative ? -value : value).toString(16);
        if (hex.length % 2 === 1)
            hex = `0${hex}`;
        const length = hex.length / 2;
        if (length > this.#maxBytes)
            throw (0, outgoing_js_1.payloadTooLarge)(this.#maxBytes);
        this.#reserve(2 + varint_js_1.MAX_VARINT_BYTES + length);
        out.bytes[out.position++] = tags_js_1.BIGINT;
        out.bytes[out.position++] = isNegative ? 1 : 0;
        (0, varint_js_1.writeVarint)(out, length);
        out.bytes.write(hex, out.position, 'hex');
        out.position += length;
    }
    #writeObject(value) {
        // Before anything else: every question that is put to a proxy runs somebody's code.
        if (isProxy(value))
            throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', carriage_js_1.PROXY_REFUSAL);
        const references = this.#references;
        // Most messages have few objects: these are looked for at once, before it is known what they are.
        let number = -1;
        if (references.isFew) {
            number = references.count;
            const known = references.meetFew(value);
            if (known !== -1)
                return this.#writeReference(known);
            this.#enter();
        }
        if (isArray(value)) {
            const bucket = (0, references_js_1.arrayBucket)(value.length);
            if (number !== -1)
                references.place(number, bucket);
            else if (!this.#isNew(value, bucket))
                return;
            this.#writeArray(value);
            this.#depth--;
            return;
        }
        const prototype = getPrototypeOf(value);
        if (prototype === Object.prototype)
            this.#writePlain(value, number);
        else
            this.#writeOther(value, prototype, number);
    }
    /** Goes one level down into an object that is met for the first time; of another one writes the reference. */
    #isNew(value, bucket) {
        const known = this.#references.meet(value, bucket);
        if (known !== -1) {
            this.#writeReference(known);
            return false;
        }
        this.#enter();
        return true;
    }
    #writeReference(number) {
        const out = this.#out;
        this.#hasReferences = true;
        out.bytes[out.position++] = tags_js_1.REFERENCE;
        (0, varint_js_1.writeVarint)(out, number);
    }
    #enter() {
        if (++this.#depth > this.#maxDepth) {
            throw new refusal_js_1.Refusal('ERR_PLUMP_TOO_DEEP', `is nested deeper than ${this.#maxDepth} levels. Flatten it, or raise maxDepth.`);
        }
    }
    /**
     * Writes own enumerable properties. Values are read and written while the keys come in, in one pass, so that
     * a getter runs once; the shape's number is filled in when it is known. `number` is that of the object among the
     * references, or -1 if it has not been looked for, which can be done when its first key is known.
     */
    #writePlain(value, number) {
        const out = this.#out;
        const slot = out.position;
        out.position = slot + 3;
        const root = this.#root;
        let node = root;
        let isWide = false;
        let isEntered = false;
        let at = '';
        try {
            for (const key in value) {
                if (!hasOwn.call(value, key))
                    continue;
                if (!isWide) {
                    const child = node.lastKey === key ? node.lastChild : node.next(key);
                    if (child === undefined)
                        isWide = true;
                    else
                        node = child;
                }
                if (!isEntered) {
                    if (number === -1) {
                        out.position = slot;
                        if (!this.#isNew(value, node.bucket))
                            return;
                        out.position = slot + 3;
                    }
                    else {
                        this.#references.place(number, node.bucket);
                    }
                    isEntered = true;
                }
                at = key;
                const member = value[key];
                if (isWide)
                    (0, strings_js_1.writeString)(out, key, this.#maxBytes);
                this.#write(member);
            }
        }
        catch (error) {
            throw isEntered ? refusal_js_1.Refusal.at(error, (0, refusal_js_1.propertyStep)(at)) : error;
        }
        if (!isEntered && number === -1) {
            out.position = slot;
            if (!this.#isNew(value, references_js_1.OTHER_BUCKET))
                return;
            out.position = slot + 3;
        }
        if (node.suspicious) {
            const refusal = (0, carriage_js_1.refusedKind)(value);
            if (refusal !== '')
                throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', refusal);
            if (!isEntered && this.#isSpecial(value)) {
                out.position = slot;
                this.#writeSpecial(value);
                this.#depth--;
                return;
            }
        }
        this.#depth--;
        if (isWide) {
            this.#reserve(ROOM_BYTES);
            out.bytes[out.position++] = tags_js_1.END;
        }
        const { bytes } = out;
        const shape = node.message === this.#message ? node.number : this.#nameShape(node);
        bytes[slot] = isWide ? tags_js_1.OBJECT_WIDE : tags_js_1.OBJECT;
        bytes[slot + 1] = shape;
        bytes[slot + 2] = shape >> 8;
    }
    #nameShape(node) {
        const number = this.#shapeCount++;
        this.#shapes[number] = node;
        // The trie holds fewer shapes than that; only messages that encode messages could get there.
        if (number > 0xffff)
            throw (0, outgoing_js_1.payloadTooLarge)(this.#maxBytes);
        node.message = this.#message;
        node.number = number;
        return number;
    }
    /**
     * The array that a call makes of its arguments: fresh, dense and without other keys, so nothing is looked
     * at, nothing can refer to it, and it is no level of nesting.
     */
    #writeArguments(values) {
        this.#writeArrayHead(values.length);
        this.#references.meetFew(values);
        this.#writeElements(values, values.length);
    }
    #writeArray(value) {
        const { length } = value;
        if (length < LISTED_ELEMENTS) {
            const keys = keysOf(value);
            // Indexes come first and in order: if the last of as many keys is the last index, they are all indexes.
            if (keys.length !== length || (length > 0 && keys[length - 1] !== INDEXES[length - 1])) {
                this.#writeKeyedArray(value, keys);
            }
            else if (length < tags_js_1.SHORT_ARRAY_LIMIT) {
                this.#writeArrayHead(length);
                this.#writeElements(value, length);
            }
            else {
                this.#writeLongArray(value, length);
            }
        }
        else {
            const elements = denseElements(value, length);
            if (elements === undefined)
                this.#writeKeyedArray(value, keysOf(value));
            else
                this.#writeLongArray(elements, length);
        }
    }
    /** Of an array whose elements have tags. */
    #writeArrayHead(length) {
        const out = this.#out;
        if (length < tags_js_1.SHORT_ARRAY_LIMIT) {
            out.bytes[out.position++] = tags_js_1.SHORT_ARRAY | length;
        }
        else {
            out.bytes[out.position++] = tags_js_1.ARRAY;
            (0, varint_js_1.writeVarint)(out, length);
        }
    }
    #writeElements(value, length) {
        let i = 0;
        try {
            for (; i < length; i++)
                this.#write(value[i]);
        }
        catch (error) {
            throw refusal_js_1.Refusal.at(error, `[${i}]`);
        }
    }
    /**
     * An array that is too long to have its length in the tag. If it has nothing but numbers they are written without
     * tags. Each element is read once, since a getter may be behind it; so integers are taken for all there is until a
     * number is none, and are written anew then.
     */
    #writeLongArray(value, length) {
        const out = this.#out;
        const head = out.position;
        out.position = head + 1;
        (0, varint_js_1.writeVarint)(out, length);
        const start = out.position;
        let i = 0;
        let earlier = [];
        try {
            let member = value[0];
            if (typeof member === 'number' && length * packed_numbers_js_1.INT32_BYTES <= this.#maxBytes) {
                this.#reserve(length * packed_numbers_js_1.INT32_BYTES);
                let lowest = 0;
                let highest = 0;
                for (const { view } = out; typeof member === 'number' && isInt32(member); member = value[i]) {
                    view.setInt32(start + i * packed_numbers_js_1.INT32_BYTES, member, true);
                    if (member < lowest)
                        lowest = member;
                    else if (member > highest)
                        highest = member;
                    if (++i === length) {
                        const tag = (0, packed_numbers_js_1.narrow)(view, start, length, lowest, highest);
                        out.bytes[head] = tag;
                        out.position = start + length * (0, packed_numbers_js_1.widthOf)(tag);
                        return;
                    }
                }
                if (typeof member === 'number' && length * packed_numbers_js_1.FLOAT64_BYTES <= this.#maxBytes) {
                    out.position = start + i * packed_numbers_js_1.INT32_BYTES;
                    this.#reserve(length * packed_numbers_js_1.FLOAT64_BYTES);
                    const { view } = out;
                    (0, packed_numbers_js_1.widen)(view, start, i);
                    for (; typeof member === 'number'; member = value[i]) {
                        view.setFloat64(start + i * packed_numbers_js_1.FLOAT64_BYTES, member, true);
                        if (++i === length) {
                            if ((0, packed_numbers_js_1.areMostlyIntegers)(view, start, length))
                                break;
                            out.bytes[head] = tags_js_1.ARRAY_FLOAT64;
                            out.position = start + length * packed_numbers_js_1.FLOAT64_BYTES;
                            return;
                        }
                    }
                    earlier = (0, packed_numbers_js_1.readNumbers)(tags_js_1.ARRAY_FLOAT64, view, start, i);
                }
                else {
                    earlier = (0, packed_numbers_js_1.readNumbers)(tags_js_1.ARRAY_INT32, out.view, start, i);
                }
            }
            out.bytes[head] = tags_js_1.ARRAY;
            out.position = start;
            for (let k = 0; k < earlier.length; k++)
                this.#write(earlier[k]);
            while (i < length) {
                this.#write(member);
                if (++i < length)
                    member = value[i];
            }
        }
        catch (error) {
            throw refusal_js_1.Refusal.at(error, `[${i}]`);
        }
    }
    /** Holes, keys that are no indexes, elements that are not enumerable. */
    #writeKeyedArray(value, keys) {
        const out = this.#out;
        exports.encoderCounts.slowValues++;
        out.bytes[out.position++] = tags_js_1.ARRAY_KEYED;
        (0, varint_js_1.writeVarint)(out, value.length);
        for (const key of keys) {
            // A getter that ran before can have removed it.
            if (!hasOwn.call(value, key))
                continue;
            const index = Number(key) >>> 0;
            const isIndex = index !== 0xffffffff && String(index) === key;
            try {
                const member = value[key];
                this.#reserve(ROOM_BYTES);
                if (isIndex)
                    this.#writeNumber(index);
                else
                    (0, strings_js_1.writeString)(out, key, this.#maxBytes);
                this.#write(member);
            }
            catch (error) {
                throw refusal_js_1.Refusal.at(error, isIndex ? `[${key}]` : (0, refusal_js_1.propertyStep)(key));
            }
        }
        this.#reserve(ROOM_BYTES);
        out.bytes[out.position++] = tags_js_1.END;
    }
    #writeOther(value, prototype, number) {
        const verdict = prototype === null ? undefined : (0, carriage_js_1.verdictOn)(prototype);
        if (verdict?.isOrdinary === true) {
            this.#writePlain(value, number);
        }
        else if (isView(value)) {
            if (number !== -1 || this.#isNew(value, references_js_1.OTHER_BUCKET)) {
                exports.encoderCounts.slowValues++;
                this.#writeView(value);
                this.#depth--;
            }
        }
        else if (this.#isSpecial(value)) {
            if (number !== -1 || this.#isNew(value, references_js_1.OTHER_BUCKET)) {
                this.#writeSpecial(value);
                this.#depth--;
            }
        }
        else {
            const refusal = verdict?.refusal || (0, carriage_js_1.refusedKind)(value);
            if (refusal !== '')
                throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', refusal);
            this.#writePlain(value, number);
        }
    }
    /** Has an own form, whatever its prototype is now. */
    #isSpecial(value) {
        return (node_util_1.types.isDate(value) ||
            node_util_1.types.isMap(value) ||
            node_util_1.types.isSet(value) ||
            node_util_1.types.isNativeError(value) ||
            node_util_1.types.isRegExp(value) ||
            node_util_1.types.isArrayBuffer(value) ||
            node_util_1.types.isBoxedPrimitive(value) ||
            isView(value) ||
            (keepsDomExceptions() && value instanceof DOMException));
    }
    #writeSpecial(value) {
        const out = this.#out;
        exports.encoderCounts.slowValues++;
        if (node_util_1.types.isDate(value)) {
            out.bytes[out.position] = tags_js_1.DATE;
            out.view.setFloat64(out.position + 1, dateTime.call(value), true);
            out.position += 9;
        }
        else if (node_util_1.types.isMap(value)) {
            this.#writeMap(value);
        }
        else if (node_util_1.types.isSet(value)) {
            this.#writeSet(value);
        }
        else if (keepsDomExceptions() && value instanceof DOMException) {
            this.#writeDomException(value);
        }
        else if (node_util_1.types.isNativeError(value)) {
            this.#writeError(value);
        }
        else if (node_util_1.types.isRegExp(value)) {
            out.bytes[out.position++] = tags_js_1.REGEXP;
            (0, strings_js_1.writeString)(out, regexpSource.call(value), this.#maxBytes);
            (0, strings_js_1.writeString)(out, regexpFlags.call(value), this.#maxBytes);
        }
        else if (node_util_1.types.isArrayBuffer(value)) {
            this.#views.addBuffer(value);
            out.bytes[out.position++] = tags_js_1.VIEW;
        }
        else if (node_util_1.types.isBoxedPrimitive(value)) {
            out.bytes[out.position++] = tags_js_1.BOXED;
            this.#write(unboxed(value));
        }
        else {
            this.#writeView(value);
        }
    }
    #writeView(value) {
        const out = this.#out;
        this.#views.addView(value);
        out.bytes[out.position++] = tags_js_1.VIEW;
    }
    #writeMap(map) {
        const out = this.#out;
        // Copied first, as structured clone does: a getter inside can change the map while it is read.
        const entries = [];
        mapForEach.call(map, (value, key) => entries.push(key, value));
        out.bytes[out.position++] = tags_js_1.MAP;
        (0, varint_js_1.writeVarint)(out, entries.length / 2);
        let i = 0;
        try {
            for (; i < entries.length; i++)
                this.#write(entries[i]);
        }
        catch (error) {
            throw refusal_js_1.Refusal.at(error, `.${i % 2 === 0 ? 'keys' : 'values'}()[${i >> 1}]`);
        }
    }
    #writeSet(set) {
        const out = this.#out;
        const members = [];
        setForEach.call(set, (member) => members.push(member));
        out.bytes[out.position++] = tags_js_1.SET;
        (0, varint_js_1.writeVarint)(out, members.length);
        let i = 0;
        try {
            for (; i < members.length; i++)
                this.#write(members[i]);
        }
        catch (error) {
            throw refusal_js_1.Refusal.at(error, `.values()[${i}]`);
        }
    }
    /**
     * As structured clone: the class is what `name` says, if it is a class of the language; message and cause
     * only if they are own properties with a value; nothing else.
     */
    #writeError(error) {
        const out = this.#out;
        const name = read(() => requireText(error.name), '.name');
        const message = Object.getOwnPropertyDescriptor(error, 'message');
        const cause = Object.getOwnPropertyDescriptor(error, 'cause');
        const hasMessage = message !== undefined && 'value' in message;
        const hasCause = cause !== undefined && 'value' in cause;
        const text = hasMessage ? read(() => requireText(message.value), '.message') : '';
        const stack = read(() => error.stack, '.stack');
        this.#reserve(ROOM_BYTES);
        out.bytes[out.position++] = tags_js_1.ERROR;
        out.bytes[out.position++] = Math.max(0, tags_js_1.ERROR_CLASSES.indexOf(name));
        out.bytes[out.position++] =
            (hasMessage ? tags_js_1.ERROR_MESSAGE : 0) |
                (typeof stack === 'string' ? tags_js_1.ERROR_STACK : 0) |
                (hasCause ? tags_js_1.ERROR_CAUSE : 0);
        if (hasMessage)
            (0, strings_js_1.writeString)(out, text, this.#maxBytes);
        if (typeof stack === 'string')
            (0, strings_js_1.writeString)(out, stack, this.#maxBytes);
        if (hasCause) {
            try {
                this.#write(cause.value);
            }
            catch (refusal) {
                throw refusal_js_1.Refusal.at(refusal, '.cause');
            }
        }
    }
    #writeDomException(error) {
        const out = this.#out;
        const stack = read(() => error.stack, '.stack');
        const message = read(() => requireText(error.message), '.message');
        const name = read(() => requireText(error.name), '.name');
        out.bytes[out.position++] = tags_js_1.DOM_EXCEPTION;
        out.bytes[out.position++] = typeof stack === 'string' ? tags_js_1.ERROR_STACK : 0;
        (0, strings_js_1.writeString)(out, message, this.#maxBytes);
        (0, strings_js_1.writeString)(out, name, this.#maxBytes);
        if (typeof stack === 'string')
            (0, strings_js_1.writeString)(out, stack, this.#maxBytes);
    }
}
exports.Encoder = Encoder;
/** Whether it is sent as an integer: not -0, which must stay what it is. */
function isInt32(value) {
    return (value | 0) === value && (value !== 0 || 1 / value > 0);
}
/**
 * The elements of an array that has neither holes nor other keys, else undefined. It does not make a string of each
 * index to see that, and is a copy, so that getters among the elements run this once.
 */
function denseElements(value, length) {
    // Sparse arrays can be billions long; they have far fewer keys.
    for (let i = 0; i < length; i++) {
        if (!(i in value))
            return undefined;
    }
    const elements = valuesOf(value);
    return elements.length === length ? elements : undefined;
}
function unboxed(value) {
    if (node_util_1.types.isNumberObject(value))
        return Number.prototype.valueOf.call(value);
    if (node_util_1.types.isStringObject(value))
        return String.prototype.valueOf.call(value);
    if (node_util_1.types.isBooleanObject(value))
        return Boolean.prototype.valueOf.call(value);
    if (node_util_1.types.isBigIntObject(value))
        return BigInt.prototype.valueOf.call(value);
    return Symbol.prototype.valueOf.call(value);
}
/** As the language makes strings where it converts by itself: not of symbols. */
function requireText(value) {
    return `${value}`;
}
function read(reading, step) {
    try {
        return reading();
    }
    catch (error) {
        throw refusal_js_1.Refusal.at(error, step);
    }
}
let domExceptions;
/** Node 20 clones a DOMException as `{}`, later ones as itself: what this Node does is done here too. */
function keepsDomExceptions() {
    if (domExceptions === undefined) {
        try {
            domExceptions = structuredClone(new DOMException('')) instanceof DOMException;
        }
        catch {
            domExceptions = false;
        }
    }
    return domExceptions;
}
//# sourceMappingURL=encoder.js.map