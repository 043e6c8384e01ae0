"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.MAX_VARINT_BYTES = void 0;
exports.writeVarint = writeVarint;
/** Any integer from 0 to 2^53 - 1, 7 bits a byte, lowest first. The caller has reserved 8 bytes. */
function writeVarint(out, value) {
    const bytes = out.bytes;
    let position = out.position;
    while (value >= 0x80) {
        bytes[position++] = (value % 0x80) | 0x80;
        value = Math.floor(value / 0x80);
    }
    bytes[position++] = value;
    out.position = position;
}
/** The longest form: 8 bytes of 7 bits. */
exports.MAX_VARINT_BYTES = 8;
//# sourceMappingURL=varint.js.map