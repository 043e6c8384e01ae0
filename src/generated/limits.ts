// Generated from crates/plump-core/src/limits.rs by `npm run generate`; edit the list there.

/** The limits that TypeScript looks at too, before a value crosses over. */
export const limits = {
  maxCommandNameBytes: 1_024,
  maxCommands: 65_536,
  maxCauseBytes: 1_048_576,
  maxQueueNameBytes: 255,
  maxMailboxEvents: 65_536,
  maxWorkers: 1_024,
  placesAhead: 4_096,
  maxCallPlaces: 65_535,
} as const
