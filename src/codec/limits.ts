/** What a codec looks at before it recurses or allocates. */
export interface CodecLimits {
  /** Containers inside one another, counted per argument, result or event. Default 1,000. */
  readonly maxDepth: number
  /** Bytes of one encoded payload, binary parts included. Default 1 GiB. */
  readonly maxPayloadBytes: number
}

export const DEFAULT_CODEC_LIMITS: CodecLimits = {
  maxDepth: 1000,
  maxPayloadBytes: 1024 * 1024 * 1024,
}

/** What the encoded value is to the user: the first word of the path in an error. */
export type PayloadRoot = 'args' | 'result' | 'event'

/**
 * Address space that the resizable ArrayBuffers of one message may reserve at the receiver. Reserving costs
 * no memory, so the bytes received do not bound it; this does. Known to both sides: the sender refuses
 * what the receiver would.
 */
export const MAX_RESIZABLE_BYTES = 64 * 1024 * 1024 * 1024
