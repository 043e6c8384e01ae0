"use strict";
// The built-in codec: the values of structured clone, in a form of our own.
//
// Not `v8.Serializer`: it costs 3 µs for `['add', [1, 2]]`, and the host must read bytes that a worker may have
// made up, which only code that checks every bound may do.
Object.defineProperty(exports, "__esModule", { value: true });
exports.encoderCounts = exports.decodeStructured = void 0;
exports.encodeStructured = encodeStructured;
const encoder_js_1 = require("./encoder.js");
var decoder_js_1 = require("./decoder.js");
Object.defineProperty(exports, "decodeStructured", { enumerable: true, get: function () { return decoder_js_1.decodeStructured; } });
var encoder_js_2 = require("./encoder.js");
Object.defineProperty(exports, "encoderCounts", { enumerable: true, get: function () { return encoder_js_2.encoderCounts; } });
let idle;
/**
 * Appends `value` to `out` as one self-contained payload.
 *
 * The semantics are those of `structuredClone()`, with these differences: a Buffer stays a Buffer; a view carries the
 * bytes that it shows and not the rest of its ArrayBuffer, unless that is itself part of the value; views of one
 * value that overlap share memory at the receiver. What belongs to this process (SharedArrayBuffer, Blob, ports,
 * keys, streams, …) is refused, also where this Node could clone it.
 *
 * With `root: 'args'` the value is the array that a call made of its arguments: it is taken to be dense, without
 * other keys, and does not count as a level of nesting.
 *
 * @throws PlumpSerializationError `ERR_PLUMP_UNSERIALIZABLE`, `ERR_PLUMP_TOO_DEEP` (both with the `path` to the value)
 * or `ERR_PLUMP_PAYLOAD_TOO_LARGE`; `out` is then as it was before.
 */
function encodeStructured(value, out, limits, root = 'result') {
    const encoder = idle ?? new encoder_js_1.Encoder();
    idle = undefined;
    try {
        encoder.encode(value, out, limits, root);
    }
    finally {
        idle = encoder;
    }
}
//# sourceMappingURL=structured.js.map