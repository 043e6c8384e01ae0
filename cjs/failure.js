"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.readFailure = readFailure;
exports.failureError = failureError;
exports.statusError = statusError;
exports.nativeError = nativeError;
const thrown_js_1 = require("./codec/thrown.js");
const codec_js_1 = require("./codec/codec.js");
const decoder_js_1 = require("./codec/decoder.js");
const errors_js_1 = require("./errors.js");
const codes_js_1 = require("./generated/codes.js");
// A worker that ends says why in this form, whatever codec its calls have: that may be what there is to tell.
const structured = (0, codec_js_1.resolveCodec)('structured');
/** Reads the bytes of a failure entry (see `Failure` in native.ts). */
function readFailure(bytes, start, end) {
    const json = start + 4;
    const jsonEnd = json + bytes.readUInt32LE(start);
    const facts = JSON.parse(bytes.toString('utf8', json, jsonEnd));
    let cause;
    if (jsonEnd < end) {
        try {
            cause = (0, thrown_js_1.decodeThrown)(bytes, jsonEnd, end, structured);
        }
        catch (error) {
            // A worker that dies may leave garbage; that explains the death better than nothing.
            cause = error;
        }
    }
    return { facts, cause };
}
/** The error for a failure that the core decided. */
function failureError({ facts, cause }, hint = '') {
    const code = codeOf(facts.kind);
    const message = facts.message === '' ? undefined : facts.message + hint;
    // Where it is noticed says nothing; the caller's frames are added where the call is known.
    return (0, decoder_js_1.withoutFrames)(() => (0, errors_js_1.createError)(code, message, { ...facts, cause }));
}
/** The error for a status that a native function left in the words. */
function statusError(status, message) {
    return (0, errors_js_1.createError)(codeOf(status), message);
}
/** The error for what a native function threw: an `Error` whose message begins with one of our codes. */
function nativeError(error) {
    const message = error?.message;
    const parts = typeof message === 'string' ? /^(ERR_PLUMP_[A-Z_]+): ?(.*)$/s.exec(message) : null;
    if (parts === null || !codes_js_1.codeOfNumber.includes(parts[1]))
        return error;
    return (0, errors_js_1.createError)(parts[1], parts[2] === '' ? undefined : parts[2]);
}
function codeOf(number) {
    return codes_js_1.codeOfNumber[number] ?? 'ERR_PLUMP_PROTOCOL';
}
//# sourceMappingURL=failure.js.map