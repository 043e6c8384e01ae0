/** What the host tells a worker about its instance; travels as JSON in the handshake, unread by Rust. */
export interface Welcome {
  /** URL of the module to load; none for a process that the user started. */
  readonly module: string | undefined
  /** Name of the codec. */
  readonly codec: string
  /** URL of the module that has the worker's side of the codec. */
  readonly codecModule: string | undefined
  readonly concurrency: number
  readonly maxDepth: number
  readonly maxPayloadBytes: number
  readonly spinUs: number
}
