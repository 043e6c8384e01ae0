"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Views = exports.SEGMENT_BYTES = void 0;
exports.elementBytes = elementBytes;
const node_buffer_1 = require("node:buffer");
const outgoing_js_1 = require("./outgoing.js");
const carriage_js_1 = require("./carriage.js");
const limits_js_1 = require("./limits.js");
const refusal_js_1 = require("./refusal.js");
const tags_js_1 = require("./tags.js");
const varint_js_1 = require("./varint.js");
const node_util_1 = require("node:util");
/** From this size on binary data is handed over as a segment instead of being copied into the main bytes. */
exports.SEGMENT_BYTES = 16 * 1024;
const NO_VIEWS = [];
// A view's own properties can say anything; the getters of its class cannot be fooled.
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const typedArrayTag = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)
    .get;
const typedArrayBuffer = getter(typedArray, 'buffer');
const typedArrayStart = getter(typedArray, 'byteOffset');
const typedArrayLength = getter(typedArray, 'byteLength');
const typedArrayValues = Uint8Array.prototype.values;
const dataViewBuffer = getter(DataView.prototype, 'buffer');
const dataViewStart = getter(DataView.prototype, 'byteOffset');
const dataViewLength = getter(DataView.prototype, 'byteLength');
const arrayBufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const KIND_NUMBERS = new Map(tags_js_1.VIEW_KINDS.map((kind, number) => [kind, number]));
const ARRAY_BUFFER = KIND_NUMBERS.get('ArrayBuffer');
const BUFFER = KIND_NUMBERS.get('Buffer');
const DATA_VIEW = KIND_NUMBERS.get('DataView');
/**
 * The binary data of one message, gathered while it is encoded and written at its end, when it is known which
 * views share memory. Bytes that no view shows and whose ArrayBuffer is not itself in the message never
 * travel: they may be anybody's, as in Node's Buffer pool. Hence views that overlap share memory at the
 * receiver, views of one ArrayBuffer that do not overlap become separate.
 */
class Views {
    #views = NO_VIEWS;
    get count() {
        return this.#views.length;
    }
    clear() {
        this.#views = NO_VIEWS;
    }
    addBuffer(value) {
        const buffer = value;
        const length = arrayBufferLength.call(buffer);
        if (length === 0 && isDetached(buffer)) {
            throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', carriage_js_1.DETACHED_REFUSAL);
        }
        this.#add({ kind: ARRAY_BUFFER, buffer, start: 0, length, bytes: undefined });
    }
    addView(value) {
        const name = typedArrayTag.call(value);
        let view;
        if (name === undefined) {
            try {
                view = {
                    kind: DATA_VIEW,
                    buffer: dataViewBuffer.call(value),
                    start: dataViewStart.call(value),
                    length: dataViewLength.call(value),
                    bytes: undefined,
                };
            }
            catch {
                throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', carriage_js_1.DETACHED_REFUSAL);
            }
        }
        else {
            const kind = value instanceof node_buffer_1.Buffer ? BUFFER : KIND_NUMBERS.get(name);
            if (kind === undefined) {
                throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', `is a ${name}, of which nothing is known here.`);
            }
            view = {
                kind,
                buffer: typedArrayBuffer.call(value),
                start: typedArrayStart.call(value),
                length: typedArrayLength.call(value),
                bytes: name === 'Uint8Array' ? value : undefined,
            };
            if (view.length === 0 && isLost(value)) {
                throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', carriage_js_1.DETACHED_REFUSAL);
            }
        }
        if (node_util_1.types.isSharedArrayBuffer(view.buffer)) {
            throw new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', carriage_js_1.SHARED_MEMORY_REFUSAL);
        }
        this.#add(view);
    }
    #add(view) {
        // A list made with its element has no room for others, which are rare.
        if (this.#views === NO_VIEWS)
            this.#views = [view];
        else
            this.#views.push(view);
    }
    write(out, maxBytes) {
        const views = this.#views;
        const regions = [];
        const regionOf = views.length === 1 ? [aloneIn(views[0], regions)] : connectAll(views, regions);
        out.reserve(varint_js_1.MAX_VARINT_BYTES);
        (0, varint_js_1.writeVarint)(out, regions.length);
        let resizable = 0;
        for (let i = 0; i < regions.length; i++) {
            resizable += writeRegion(out, regions[i], maxBytes);
            if (resizable > limits_js_1.MAX_RESIZABLE_BYTES)
                throw (0, outgoing_js_1.payloadTooLarge)(limits_js_1.MAX_RESIZABLE_BYTES);
        }
        out.reserve(varint_js_1.MAX_VARINT_BYTES);
        (0, varint_js_1.writeVarint)(out, views.length);
        for (let i = 0; i < views.length; i++) {
            const view = views[i];
            const region = regionOf[i];
            out.reserve(1 + 3 * varint_js_1.MAX_VARINT_BYTES);
            out.bytes[out.position++] = view.kind | (isTracking(view) ? tags_js_1.VIEW_TRACKING : 0);
            (0, varint_js_1.writeVarint)(out, region.number);
            (0, varint_js_1.writeVarint)(out, view.start - region.start);
            (0, varint_js_1.writeVarint)(out, view.length);
        }
    }
}
exports.Views = Views;
/** The region of a view that is the only one. */
function aloneIn({ buffer, start, length, bytes }, regions) {
    const region = { buffer, start, shownFrom: start, end: start + length, number: 0, bytes };
    regions.push(region);
    return region;
}
/** Adds the regions that these views need; returns that of each view. */
function connectAll(views, regions) {
    const byBuffer = new Map();
    for (let i = 0; i < views.length; i++) {
        const { buffer } = views[i];
        const numbers = byBuffer.get(buffer);
        if (numbers === undefined)
            byBuffer.set(buffer, [i]);
        else
            numbers.push(i);
    }
    const regionOf = new Array(views.length);
    for (const numbers of byBuffer.values())
        connect(views, numbers, regions, regionOf);
    for (let i = 0; i < regions.length; i++)
        regions[i].number = i;
    return regionOf;
}
/** Adds the regions that these views of one ArrayBuffer need. */
function connect(views, numbers, regions, of) {
    const whole = numbers.find((number) => views[number].kind === ARRAY_BUFFER);
    if (whole !== undefined) {
        const { buffer, length } = views[whole];
        const region = { buffer, start: 0, shownFrom: 0, end: length, number: 0, bytes: undefined };
        regions.push(region);
        for (const number of numbers)
            of[number] = region;
        return;
    }
    numbers.sort((a, b) => views[a].start - views[b].start || views[b].length - views[a].length);
    let region;
    let members = [];
    for (const number of numbers) {
        const view = views[number];
        const end = view.start + view.length;
        if (region === undefined || view.start >= region.end) {
            align(region, members);
            const { buffer, start } = view;
            region = { buffer, start, shownFrom: start, end, number: 0, bytes: undefined };
            members = [];
            regions.push(region);
        }
        else if (end > region.end) {
            region.end = end;
        }
        members.push(view);
        of[number] = region;
    }
    align(region, members);
}
/**
 * Each view must start at a multiple of its element size in the new ArrayBuffer too. Where the region's first
 * view is too fine for that, room goes in front, which `writeRegion` fills with zeros.
 */
function align(region, members) {
    if (region === undefined || members.length < 2)
        return;
    const { start } = region;
    if (members.some((view) => (view.start - start) % elementBytes(view.kind) !== 0)) {
        region.start = start - (start % 8);
    }
}
/** Returns the address space that the region's buffer reserves at the receiver beyond its bytes. */
function writeRegion(out, region, maxBytes) {
    const { buffer } = region;
    const length = region.end - region.start;
    if (length > maxBytes)
        throw (0, outgoing_js_1.payloadTooLarge)(maxBytes);
    const isResizable = buffer.resizable === true && region.end === arrayBufferLength.call(buffer);
    const isSegment = length >= exports.SEGMENT_BYTES;
    out.reserve(1 + 2 * varint_js_1.MAX_VARINT_BYTES + (isSegment ? 0 : length));
    out.bytes[out.position++] =
        (isSegment ? tags_js_1.REGION_SEGMENT : 0) | (isResizable ? tags_js_1.REGION_RESIZABLE : 0);
    (0, varint_js_1.writeVarint)(out, length);
    const max = isResizable ? buffer.maxByteLength - region.start : 0;
    if (isResizable)
        (0, varint_js_1.writeVarint)(out, max);
    const { bytes } = region;
    // Only while it is as long as it was: a getter may have resized its memory.
    if (!isSegment && bytes !== undefined && typedArrayLength.call(bytes) === length) {
        out.bytes.set(bytes, out.position);
        out.position += length;
        return max;
    }
    let shown = new Uint8Array(buffer, region.shownFrom, region.end - region.shownFrom);
    if (shown.length < length) {
        const padded = new Uint8Array(length);
        padded.set(shown, length - shown.length);
        shown = padded;
    }
    if (isSegment) {
        out.addSegment(shown);
    }
    else {
        out.bytes.set(shown, out.position);
        out.position += length;
    }
    return max;
}
/**
 * A fixed view that ends where its resizable buffer ends looks the same as one that follows the buffer's
 * length; only resizing would tell. The second is what `new Uint8Array(buffer)` makes, so it is taken for that.
 */
function isTracking({ kind, buffer, start, length }) {
    if (buffer.resizable !== true || kind === ARRAY_BUFFER)
        return false;
    return arrayBufferLength.call(buffer) - start - length < elementBytes(kind);
}
function elementBytes(kind) {
    switch (tags_js_1.VIEW_KINDS[kind]) {
        case 'Int16Array':
        case 'Uint16Array':
        case 'Float16Array':
            return 2;
        case 'Int32Array':
        case 'Uint32Array':
        case 'Float32Array':
            return 4;
        case 'Float64Array':
        case 'BigInt64Array':
        case 'BigUint64Array':
            return 8;
        default:
            return 1;
    }
}
function isDetached(buffer) {
    try {
        new Uint8Array(buffer);
        return false;
    }
    catch {
        return true;
    }
}
/** Detached, or beyond the end of a resizable buffer that has shrunk: V8 then says length 0 and offset 0. */
function isLost(view) {
    try {
        typedArrayValues.call(view);
        return false;
    }
    catch {
        return true;
    }
}
//# sourceMappingURL=views.js.map