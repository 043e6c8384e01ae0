"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.resolveCodec = resolveCodec;
const node_buffer_1 = require("node:buffer");
const errors_js_1 = require("../errors.js");
const json_js_1 = require("./json.js");
const limits_js_1 = require("./limits.js");
const outgoing_js_1 = require("./outgoing.js");
const structured_js_1 = require("./structured.js");
const views_js_1 = require("./views.js");
/** @throws PlumpSerializationError `ERR_PLUMP_CODEC` if it is none. */
function resolveCodec(option, limits = limits_js_1.DEFAULT_CODEC_LIMITS) {
    switch (option) {
        case 'structured':
            return {
                name: 'structured',
                encode: (value, out, root) => (0, structured_js_1.encodeStructured)(value, out, limits, root),
                decode: (bytes, start, end, owned) => (0, structured_js_1.decodeStructured)(bytes, start, end, limits, owned),
            };
        case 'json':
            return {
                name: 'json',
                encode: (value, out, root) => (0, json_js_1.encodeJson)(value, out, limits, root),
                decode: json_js_1.decodeJson,
            };
        default:
            return custom(option, limits);
    }
}
function custom(codec, limits) {
    const given = codec;
    if (typeof given !== 'object' || given === null)
        throw notACodec();
    const { name } = codec;
    if (typeof name !== 'string' ||
        name === '' ||
        typeof codec.encode !== 'function' ||
        typeof codec.decode !== 'function') {
        throw notACodec();
    }
    return {
        name,
        encode(value, out, root) {
            let encoded;
            try {
                encoded = codec.encode(value);
            }
            catch (error) {
                throw failed(name, `threw while it encoded ${described(root)}`, error);
            }
            append(name, encoded, out, limits);
        },
        decode(bytes, start, end) {
            const copy = new Uint8Array(end - start);
            copy.set(bytes.subarray(start, end));
            try {
                return codec.decode(copy);
            }
            catch (error) {
                throw failed(name, 'threw while it decoded', error);
            }
        },
    };
}
function append(name, encoded, out, limits) {
    if (typeof encoded === 'string') {
        const length = node_buffer_1.Buffer.byteLength(encoded);
        if (length > limits.maxPayloadBytes)
            throw (0, outgoing_js_1.payloadTooLarge)(limits.maxPayloadBytes);
        out.reserve(length);
        out.position += out.bytes.write(encoded, out.position, 'utf8');
    }
    else if (encoded instanceof Uint8Array) {
        const length = encoded.byteLength;
        if (length > limits.maxPayloadBytes)
            throw (0, outgoing_js_1.payloadTooLarge)(limits.maxPayloadBytes);
        if (length >= views_js_1.SEGMENT_BYTES) {
            out.addSegment(encoded);
            return;
        }
        out.reserve(length);
        out.bytes.set(encoded, out.position);
        out.position += length;
    }
    else {
        throw failed(name, 'returned neither a Uint8Array nor a string from encode()');
    }
}
const described = (root) => root === 'args' ? 'the arguments' : root === 'result' ? 'the result' : 'the event';
const notACodec = () => new errors_js_1.PlumpSerializationError('ERR_PLUMP_CODEC', "A codec is 'structured', 'json' or an object with a name and the functions encode and decode.");
const failed = (name, what, cause) => new errors_js_1.PlumpSerializationError('ERR_PLUMP_CODEC', `The codec ${JSON.stringify(name)} ${what}.`, cause === undefined ? undefined : { cause });
//# sourceMappingURL=codec.js.map