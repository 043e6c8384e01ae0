"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.encodeJson = encodeJson;
exports.decodeJson = decodeJson;
const node_buffer_1 = require("node:buffer");
const node_util_1 = require("node:util");
const errors_js_1 = require("../errors.js");
const outgoing_js_1 = require("./outgoing.js");
const refusal_js_1 = require("./refusal.js");
const strings_js_1 = require("./strings.js");
/**
 * Appends `value` as JSON text.
 *
 * What JSON has no word for becomes what `JSON.stringify()` makes of it: inside an array or object `undefined`,
 * functions and symbols are null or left out, NaN and Infinity null, Dates strings, Maps `{}`. `undefined` itself is no
 * bytes at all, so a function without a result keeps none. Refused with the path: BigInt, cycles, getters and
 * `toJSON()` that throw, and functions and symbols that are an argument or the result themselves.
 *
 * @throws PlumpSerializationError, and `out` is as it was before.
 */
function encodeJson(value, out, limits, root = 'result') {
    refuseCode(value, root);
    let text;
    const { busy } = out;
    out.busy = true;
    try {
        text = JSON.stringify(value);
    }
    catch (error) {
        throw unserializable(value, error).toError(root);
    }
    finally {
        out.busy = busy;
    }
    if (text === undefined)
        return;
    if (isTooDeep(text, limits.maxDepth)) {
        throw new refusal_js_1.Refusal('ERR_PLUMP_TOO_DEEP', `is nested deeper than ${limits.maxDepth} levels. Flatten it, or raise maxDepth.`).toError(root);
    }
    const length = node_buffer_1.Buffer.byteLength(text);
    if (length > limits.maxPayloadBytes)
        throw (0, outgoing_js_1.payloadTooLarge)(limits.maxPayloadBytes);
    out.reserve(length);
    out.position += out.bytes.write(text, out.position, 'utf8');
}
/** @throws PlumpSerializationError `ERR_PLUMP_DECODE` */
function decodeJson(from, start, end) {
    if (start === end)
        return undefined;
    const bytes = node_buffer_1.Buffer.isBuffer(from)
        ? from
        : node_buffer_1.Buffer.from(from.buffer, from.byteOffset, from.byteLength);
    try {
        return JSON.parse((0, strings_js_1.sliceUtf8)(bytes, start, end));
    }
    catch (cause) {
        throw new errors_js_1.PlumpSerializationError('ERR_PLUMP_DECODE', 'The bytes that came from the other process are not JSON. Do both sides use the same codec?', { cause });
    }
}
function refuseCode(value, root) {
    const members = root === 'args' && Array.isArray(value) ? value : undefined;
    const suspects = members ?? [value];
    for (let i = 0; i < suspects.length; i++) {
        const kind = typeof suspects[i];
        if (kind !== 'function' && kind !== 'symbol')
            continue;
        const refusal = new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', `is a ${kind}, which cannot be sent.`);
        throw (members === undefined ? refusal : refusal_js_1.Refusal.at(refusal, `[${i}]`)).toError(root);
    }
}
/** Text can only be that deep if it has that many brackets, so short text is never read again. */
function isTooDeep(text, maxDepth) {
    // One level more, for the list of arguments.
    const most = maxDepth + 1;
    if (text.length < most * 2)
        return false;
    let depth = 0;
    let inString = false;
    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (inString) {
            if (code === 0x5c)
                i++;
            else if (code === 0x22)
                inString = false;
        }
        else if (code === 0x22) {
            inString = true;
        }
        else if (code === 0x5b || code === 0x7b) {
            if (++depth > most)
                return true;
        }
        else if (code === 0x5d || code === 0x7d) {
            depth--;
        }
    }
    return false;
}
const SEARCHED_VALUES = 100_000;
/**
 * `JSON.stringify()` does not say where it failed, so the value is walked again until the first thing that
 * could have made it fail. Only then: a replacer function, which would know, makes every message slower.
 */
function unserializable(root, error) {
    let left = SEARCHED_VALUES;
    const ancestors = [];
    const search = (value) => {
        if (left-- <= 0)
            return undefined;
        if (typeof value === 'bigint') {
            return new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', "is a BigInt, which JSON has no form for. Send a string, or use the codec 'structured'.", error);
        }
        if (typeof value !== 'object' || value === null)
            return undefined;
        if (ancestors.includes(value)) {
            return new refusal_js_1.Refusal('ERR_PLUMP_UNSERIALIZABLE', "contains itself, which JSON has no form for. Use the codec 'structured'.", error);
        }
        if (ancestors.length > 2000 || node_util_1.types.isProxy(value))
            return undefined;
        ancestors.push(value);
        for (const key of Object.keys(value)) {
            const step = Array.isArray(value) ? `[${key}]` : (0, refusal_js_1.propertyStep)(key);
            let found;
            try {
                found = search(value[key]);
            }
            catch (thrown) {
                return refusal_js_1.Refusal.at(thrown, step);
            }
            if (found !== undefined)
                return refusal_js_1.Refusal.at(found, step);
        }
        ancestors.pop();
        return undefined;
    };
    try {
        return search(root) ?? refusal_js_1.Refusal.thrown(error);
    }
    catch (thrown) {
        return refusal_js_1.Refusal.thrown(thrown);
    }
}
//# sourceMappingURL=json.js.map