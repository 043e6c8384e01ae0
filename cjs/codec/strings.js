"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.sliceUtf16 = exports.sliceUtf8 = void 0;
exports.writeString = writeString;
exports.writeLongString = writeLongString;
exports.readLatin1 = readLatin1;
const node_buffer_1 = require("node:buffer");
const outgoing_js_1 = require("./outgoing.js");
const tags_js_1 = require("./tags.js");
const hasRaw = ['utf8Write', 'latin1Write', 'ucs2Write', 'latin1Slice', 'utf8Slice', 'ucs2Slice'].every((name) => typeof node_buffer_1.Buffer.prototype[name] === 'function');
const raw = (buffer) => buffer;
const writeUtf8 = hasRaw
    ? (bytes, text, at) => raw(bytes).utf8Write(text, at)
    : (bytes, text, at) => bytes.write(text, at, 'utf8');
const writeLatin1 = hasRaw
    ? (bytes, text, at) => raw(bytes).latin1Write(text, at)
    : (bytes, text, at) => bytes.write(text, at, 'latin1');
const writeUtf16 = hasRaw
    ? (bytes, text, at) => raw(bytes).ucs2Write(text, at)
    : (bytes, text, at) => bytes.write(text, at, 'utf16le');
const sliceLatin1 = hasRaw
    ? (bytes, start, end) => raw(bytes).latin1Slice(start, end)
    : (bytes, start, end) => bytes.toString('latin1', start, end);
exports.sliceUtf8 = hasRaw
    ? (bytes, start, end) => raw(bytes).utf8Slice(start, end)
    : (bytes, start, end) => bytes.toString('utf8', start, end);
exports.sliceUtf16 = hasRaw
    ? (bytes, start, end) => raw(bytes).ucs2Slice(start, end)
    : (bytes, start, end) => bytes.toString('utf16le', start, end);
const HEAD_BYTES = 5;
/** Up to here a string is written as if it were ASCII, and it is seen whether it was; above, that is counted first. */
const TRIED_CHARACTERS = 32 * 1024;
/** Writes any string, with its tag. */
function writeString(out, text, maxBytes) {
    const length = text.length;
    if (length < tags_js_1.SHORT_STRING_LIMIT) {
        if (out.bytes.length - out.position < tags_js_1.SHORT_STRING_LIMIT)
            out.reserve(tags_js_1.SHORT_STRING_LIMIT);
        const bytes = out.bytes;
        const at = out.position + 1;
        let i = 0;
        for (; i < length; i++) {
            const code = text.charCodeAt(i);
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
    writeLongString(out, text, maxBytes);
}
/** Writes a string that is long or not ASCII, with its tag. */
function writeLongString(out, text, maxBytes) {
    const length = text.length;
    if (length > maxBytes)
        throw (0, outgoing_js_1.payloadTooLarge)(maxBytes);
    if (length > TRIED_CHARACTERS) {
        const isAscii = node_buffer_1.Buffer.byteLength(text) === length;
        if (!isAscii && length * 2 > maxBytes && !isLatin1(text))
            throw (0, outgoing_js_1.payloadTooLarge)(maxBytes);
        out.reserve(HEAD_BYTES + (isAscii ? length : length * 2));
        if (isAscii)
            writeLatin1(out.bytes, text, out.position + HEAD_BYTES);
        finish(out, text, isAscii);
    }
    else {
        // Enough for ASCII and for either of the other forms; what is cut off is written again.
        out.reserve(HEAD_BYTES + length * 2 + 4);
        finish(out, text, writeUtf8(out.bytes, text, out.position + HEAD_BYTES) === length);
    }
}
function finish(out, text, isAscii) {
    const { bytes } = out;
    const start = out.position;
    const at = start + HEAD_BYTES;
    let tag = tags_js_1.STRING_LATIN1;
    let written = text.length;
    if (!isAscii && !(text.charCodeAt(0) <= 0xff && writesAsLatin1(bytes, text, at))) {
        tag = tags_js_1.STRING_UTF16;
        written = writeUtf16(bytes, text, at);
    }
    bytes[start] = tag;
    out.view.setUint32(start + 1, written, true);
    out.position = at + written;
}
/** Characters beyond one byte are cut; reading back and comparing is faster than looking at each before. */
function writesAsLatin1(bytes, text, at) {
    writeLatin1(bytes, text, at);
    return sliceLatin1(bytes, at, at + text.length) === text;
}
function isLatin1(text) {
    for (let i = 0; i < text.length; i++) {
        if (text.charCodeAt(i) > 0xff)
            return false;
    }
    return true;
}
const make = String.fromCharCode;
/**
 * Reads one byte a character. One call with all the codes is up to four times faster than a slice, which
 * has to enter native code, as long as the string is short.
 */
// prettier-ignore
function readLatin1(b, p, length) {
    switch (length) {
        case 0: return '';
        case 1: return make(b[p]);
        case 2: return make(b[p], b[p + 1]);
        case 3: return make(b[p], b[p + 1], b[p + 2]);
        case 4: return make(b[p], b[p + 1], b[p + 2], b[p + 3]);
        case 5: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4]);
        case 6: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5]);
        case 7: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6]);
        case 8: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7]);
        case 9: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8]);
        case 10: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9]);
        case 11: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10]);
        case 12: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11]);
        case 13: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12]);
        case 14: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12], b[p + 13]);
        case 15: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12], b[p + 13], b[p + 14]);
        case 16: return make(b[p], b[p + 1], b[p + 2], b[p + 3], b[p + 4], b[p + 5], b[p + 6], b[p + 7], b[p + 8], b[p + 9], b[p + 10], b[p + 11], b[p + 12], b[p + 13], b[p + 14], b[p + 15]);
        default: return sliceLatin1(b, p, p + length);
    }
}
//# sourceMappingURL=strings.js.map