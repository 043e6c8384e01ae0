//! Every limit on what may be counted, named or sent; a number that comes from a peer meets one of these before it
//! is used. The options that users can set have their ranges in `src/options.ts`.

/// UTF-8 bytes of a command's name.
pub const MAX_COMMAND_NAME_BYTES: usize = 1024;

/// Commands that one worker may announce.
pub const MAX_COMMANDS: usize = 65_536;

/// Bytes of one control message, encoded.
pub const MAX_CONTROL_BYTES: usize = 4 * 1024 * 1024;

/// Names announced in one control message; more are announced in several.
pub const NAMES_PER_MESSAGE: usize = 512;

/// Bytes of an error that explains a failed start or an end; a longer one is cut by the worker.
pub const MAX_CAUSE_BYTES: usize = 1024 * 1024;

/// Bytes of a queue's name and of a topic.
pub const MAX_QUEUE_NAME_BYTES: usize = 255;

/// Bytes of events that may wait for one subscriber; the oldest are dropped above it.
pub const MAX_MAILBOX_BYTES: usize = 64 * 1024 * 1024;

/// Events that may wait for one process: what a mailbox of a worker or of the host holds.
pub const MAILBOX_EVENTS: usize = 65_536;

/// The last bytes of a worker's stderr that an error carries.
pub const STDERR_TAIL_BYTES: usize = 4096;

/// Long payloads that may arrive at the same time over one channel.
pub const MAX_PARTIAL_PAYLOADS: usize = 4096;

/// Bytes that are handed to one channel before the rest stays in the queue, where it can still be given to another worker.
pub const CHANNEL_BACKLOG_BYTES: usize = 1024 * 1024;

/// Calls sent to one worker ahead of those it runs, at most.
pub const MAX_PREFETCH: u32 = 1024;

/// Calls taken back from one worker that its JavaScript may still have to pass over, at most: each keeps its place and its
/// payload there until then. Thrice what may lie ahead, so that a worker which tells of every `TELL_PASSED_OVER` of them is
/// never left waiting.
pub const MAX_TAKEN_BACK: u32 = 3072;

/// After so many calls that it has passed over a worker tells how many it has looked at.
pub const TELL_PASSED_OVER: u32 = 512;

/// Places for the states of a worker's calls beyond those that may run.
pub const PLACES_AHEAD: usize = MAX_PREFETCH as usize + MAX_TAKEN_BACK as usize;

/// Microseconds of work that should wait in a worker ahead of what it runs: enough to hide the way there and back,
/// short enough that another worker, if free, would not have been much quicker.
pub const PREFETCH_US: u32 = 1000;

/// Workers of one family (an environment's pools together).
pub const MAX_WORKERS: usize = 1024;

/// Blocks that one direction of a link may have at the same time: their words fill a page.
pub const MAX_BLOCKS: usize = 1024;

/// Payloads of at least so many bytes travel in shared memory where there is any. Here what a block costs (its round of
/// the words, an external `ArrayBuffer` and its finalizer) is as much as the copies it saves;
/// `docs/decisions/0012-warm-blocks.md` has the measurement.
pub const MIN_BLOCK_BYTES: usize = 128 * 1024;
