"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.MAX_RESIZABLE_BYTES = exports.DEFAULT_CODEC_LIMITS = void 0;
exports.DEFAULT_CODEC_LIMITS = {
    maxDepth: 1000,
    maxPayloadBytes: 1024 * 1024 * 1024,
};
/**
 * Address space that the resizable ArrayBuffers of one message may reserve at the receiver. Reserving costs
 * no memory, so the bytes received do not bound it; this does. Known to both sides: the sender refuses
 * what the receiver would.
 */
exports.MAX_RESIZABLE_BYTES = 64 * 1024 * 1024 * 1024;
//# sourceMappingURL=limits.js.map