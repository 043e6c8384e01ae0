"use strict";
// Arrays of nothing but numbers, without a tag at each. Both directions, beside the encoder and the decoder: what is
// here needs no more than the bytes.
Object.defineProperty(exports, "__esModule", { value: true });
exports.FLOAT64_BYTES = exports.INT32_BYTES = exports.INT16_BYTES = void 0;
exports.narrow = narrow;
exports.widen = widen;
exports.areMostlyIntegers = areMostlyIntegers;
exports.widthOf = widthOf;
exports.readNumbers = readNumbers;
const tags_js_1 = require("./tags.js");
exports.INT16_BYTES = 2;
exports.INT32_BYTES = 4;
exports.FLOAT64_BYTES = 8;
/** Gives integers that were written as int32 from `start` on the narrowest form that holds them; returns its tag. */
function narrow(view, start, count, lowest, highest) {
    if (lowest >= -0x80 && highest < 0x80) {
        for (let i = 0; i < count; i++) {
            view.setInt8(start + i, view.getInt32(start + i * exports.INT32_BYTES, true));
        }
        return tags_js_1.ARRAY_INT8;
    }
    if (lowest >= -0x8000 && highest < 0x8000) {
        for (let i = 0; i < count; i++) {
            const integer = view.getInt32(start + i * exports.INT32_BYTES, true);
            view.setInt16(start + i * exports.INT16_BYTES, integer, true);
        }
        return tags_js_1.ARRAY_INT16;
    }
    return tags_js_1.ARRAY_INT32;
}
/** Makes float64 of integers that were written as int32 from `start` on. */
function widen(view, start, count) {
    for (let i = count - 1; i >= 0; i--) {
        view.setFloat64(start + i * exports.FLOAT64_BYTES, view.getInt32(start + i * exports.INT32_BYTES, true), true);
    }
}
/** How many of them are looked at to see what most numbers are. */
const SAMPLES = 16;
/**
 * Whether most of the float64 from `start` on are integers, which are shorter with a tag each. A guess: looking at all
 * of them takes longer than writing them.
 */
function areMostlyIntegers(view, start, count) {
    const step = Math.ceil(count / SAMPLES);
    let fractions = 0;
    let seen = 0;
    for (let i = step - 1; i < count; i += step) {
        seen++;
        if (!Number.isInteger(view.getFloat64(start + i * exports.FLOAT64_BYTES, true)))
            fractions++;
    }
    return fractions * 2 < seen;
}
/** Arrays up to this length are copies of one that has it: made at once as long as they get, and without holes. */
const COPIED_ELEMENTS = 1024;
const filled = (number) => {
    const array = [];
    for (let i = 0; i < COPIED_ELEMENTS; i++)
        array.push(number);
    return array;
};
let integers;
let floats;
/** Bytes that one number takes. */
function widthOf(tag) {
    switch (tag) {
        case tags_js_1.ARRAY_INT8:
            return 1;
        case tags_js_1.ARRAY_INT16:
            return exports.INT16_BYTES;
        case tags_js_1.ARRAY_INT32:
            return exports.INT32_BYTES;
        default:
            return exports.FLOAT64_BYTES;
    }
}
/** The caller has compared the length with the bytes that are there. */
function readNumbers(tag, view, start, count) {
    if (tag === tags_js_1.ARRAY_FLOAT64) {
        const array = (floats ??= filled(0.5)).slice(0, count);
        for (let i = 0; i < count; i++)
            array[i] = view.getFloat64(start + i * exports.FLOAT64_BYTES, true);
        return array;
    }
    const array = (integers ??= filled(0)).slice(0, count);
    if (tag === tags_js_1.ARRAY_INT8) {
        for (let i = 0; i < count; i++)
            array[i] = view.getInt8(start + i);
    }
    else if (tag === tags_js_1.ARRAY_INT16) {
        for (let i = 0; i < count; i++)
            array[i] = view.getInt16(start + i * exports.INT16_BYTES, true);
    }
    else {
        for (let i = 0; i < count; i++)
            array[i] = view.getInt32(start + i * exports.INT32_BYTES, true);
    }
    return array;
}
//# sourceMappingURL=packed-numbers.js.map