// Generated from crates/plump-core/src/errors.rs by `npm run generate`; edit the list there.

/** The stable codes of all errors of plump-ipc. docs/errors.md says what to do about each. */
export type PlumpErrorCode =
  | 'ERR_PLUMP_WORKER_EXITED'
  | 'ERR_PLUMP_WORKER_KILLED'
  | 'ERR_PLUMP_WORKER_LOST'
  | 'ERR_PLUMP_WORKER_UNRESPONSIVE'
  | 'ERR_PLUMP_START_FAILED'
  | 'ERR_PLUMP_START_TIMEOUT'
  | 'ERR_PLUMP_SPAWN_FAILED'
  | 'ERR_PLUMP_PROTOCOL'
  | 'ERR_PLUMP_VERSION_MISMATCH'
  | 'ERR_PLUMP_CLOSED'
  | 'ERR_PLUMP_NOT_STARTED'
  | 'ERR_PLUMP_ALREADY_STARTED'
  | 'ERR_PLUMP_NOT_A_WORKER'
  | 'ERR_PLUMP_START_IN_WORKER'
  | 'ERR_PLUMP_NESTING_TOO_DEEP'
  | 'ERR_PLUMP_TOO_MANY_WORKERS'
  | 'ERR_PLUMP_UNKNOWN_COMMAND'
  | 'ERR_PLUMP_DUPLICATE_COMMAND'
  | 'ERR_PLUMP_INVALID_COMMAND_NAME'
  | 'ERR_PLUMP_INVALID_OPTION'
  | 'ERR_PLUMP_INVALID_ARGUMENT'
  | 'ERR_PLUMP_CALL_TIMEOUT'
  | 'ERR_PLUMP_BUS_TIMEOUT'
  | 'ERR_PLUMP_UNSERIALIZABLE'
  | 'ERR_PLUMP_TOO_DEEP'
  | 'ERR_PLUMP_PAYLOAD_TOO_LARGE'
  | 'ERR_PLUMP_DECODE'
  | 'ERR_PLUMP_CODEC'
  | 'ERR_PLUMP_CODEC_MISMATCH'
  | 'ERR_PLUMP_GENERATOR_RESULT'
  | 'ERR_PLUMP_QUEUE_FULL'
  | 'ERR_PLUMP_BINDING_MISSING'
  | 'ERR_PLUMP_BUS_CLOSED'
  | 'ERR_PLUMP_INVALID_LINK'
  | 'ERR_PLUMP_NO_CONTEXT'
  | 'ERR_PLUMP_BLOCK_GONE'
  | 'ERR_PLUMP_CANCELLED'
  | 'ERR_PLUMP_QUEUE_TIMEOUT'
  | 'ERR_PLUMP_RUN_TIMEOUT'
  | 'ERR_PLUMP_WORKER_ENDED'
  | 'ERR_PLUMP_NO_CALL'
  | 'ERR_PLUMP_CIRCUIT_OPEN'
  | 'ERR_PLUMP_BLOCK_LIMIT'

/** Names of the classes in which errors reach the user. */
export type ErrorClassName =
  | 'PlumpError'
  | 'PlumpConnectionError'
  | 'PlumpWorkerError'
  | 'PlumpSerializationError'
  | 'PlumpTimeoutError'
  | 'PlumpAbortError'

export interface CodeEntry {
  /** Travels between Rust and TypeScript in place of the code. */
  readonly number: number
  readonly class: ErrorClassName
  /** What happened, in one sentence. */
  readonly summary: string
  /** What to do about it, in one sentence. */
  readonly remedy: string
}

export const codes: Readonly<Record<PlumpErrorCode, CodeEntry>> = {
  ERR_PLUMP_WORKER_EXITED: {
    number: 1,
    class: 'PlumpWorkerError',
    summary: 'The worker process exited while the call was on it.',
    remedy: 'Look at `exitCode`, `cause` and `stderr`; the call may have run in part, so repeat it only where that does no harm.',
  },
  ERR_PLUMP_WORKER_KILLED: {
    number: 2,
    class: 'PlumpWorkerError',
    summary: 'The worker process was ended by a signal while the call was on it.',
    remedy: "Look at `signal` and `stderr`: SIGSEGV and SIGABRT point to a native addon, SIGKILL often to the kernel's out-of-memory killer.",
  },
  ERR_PLUMP_WORKER_LOST: {
    number: 3,
    class: 'PlumpWorkerError',
    summary: 'The link to the worker was closed while the call was on it.',
    remedy: 'A worker must not close descriptors it did not open; one that was started through `createLink()` is looked after by whoever started it.',
  },
  ERR_PLUMP_WORKER_UNRESPONSIVE: {
    number: 4,
    class: 'PlumpWorkerError',
    summary: "The worker's link thread stopped answering, so the worker was ended.",
    remedy: 'A busy handler does not cause this, a stopped process does; raise `heartbeatTimeoutMs`, or set it to 0 while debugging.',
  },
  ERR_PLUMP_START_FAILED: {
    number: 5,
    class: 'PlumpWorkerError',
    summary: 'The worker did not get ready.',
    remedy: 'The `cause` is what its module threw while loading, `stderr` what it printed last; the next call makes one new attempt.',
  },
  ERR_PLUMP_START_TIMEOUT: {
    number: 6,
    class: 'PlumpTimeoutError',
    summary: 'The worker did not get ready within `startTimeoutMs`.',
    remedy: 'Look for a top-level await that never settles in the worker module, or raise `startTimeoutMs`.',
  },
  ERR_PLUMP_SPAWN_FAILED: {
    number: 7,
    class: 'PlumpConnectionError',
    summary: 'The operating system refused to start the worker process.',
    remedy: "The message names the system's reason: too many open files or processes, a missing `cwd` or executable.",
  },
  ERR_PLUMP_PROTOCOL: {
    number: 8,
    class: 'PlumpConnectionError',
    summary: 'The other side sent bytes that are not of the protocol, so the link was ended.',
    remedy: 'Something in the worker writes to descriptors it did not open; find the native code or library that does.',
  },
  ERR_PLUMP_VERSION_MISMATCH: {
    number: 9,
    class: 'PlumpConnectionError',
    summary: 'Host and worker run different versions of plump-ipc.',
    remedy: 'Make both resolve the same installed package.',
  },
  ERR_PLUMP_CLOSED: {
    number: 10,
    class: 'PlumpConnectionError',
    summary: 'The instance is closed or closing.',
    remedy: 'Make calls before `close()` or `stopWorker()`, or use a new instance.',
  },
  ERR_PLUMP_NOT_STARTED: {
    number: 11,
    class: 'PlumpConnectionError',
    summary: 'No worker was started for this instance.',
    remedy: 'Call `start(module)` or use `spawn(module)` first.',
  },
  ERR_PLUMP_ALREADY_STARTED: {
    number: 12,
    class: 'PlumpError',
    summary: 'This instance was started before.',
    remedy: 'Use one instance per worker module.',
  },
  ERR_PLUMP_NOT_A_WORKER: {
    number: 13,
    class: 'PlumpConnectionError',
    summary: 'This process is not a worker: it has no link to a host.',
    remedy: 'Call `runWorker()` only in a process started by `start()`, `spawn()` or with the entries of `createLink()`; `isWorker` tells.',
  },
  ERR_PLUMP_START_IN_WORKER: {
    number: 14,
    class: 'PlumpError',
    summary: 'A worker module tried to start workers while it was loading.',
    remedy: 'Guard host code with `if (!isWorker)`, or start inner workers in a function given to `init()` or inside a command.',
  },
  ERR_PLUMP_NESTING_TOO_DEEP: {
    number: 15,
    class: 'PlumpError',
    summary: 'Workers started workers of their own too many levels deep.',
    remedy: 'A worker that starts itself never ends; guard host code with `if (!isWorker)`.',
  },
  ERR_PLUMP_TOO_MANY_WORKERS: {
    number: 16,
    class: 'PlumpError',
    summary: 'The family would have more worker processes than its limit.',
    remedy: 'Close instances that are no longer used, or share one.',
  },
  ERR_PLUMP_UNKNOWN_COMMAND: {
    number: 17,
    class: 'PlumpError',
    summary: 'The worker has no command of that name.',
    remedy: 'The message names the nearest one; commands are the functions the module exports and those registered with `command()`.',
  },
  ERR_PLUMP_DUPLICATE_COMMAND: {
    number: 18,
    class: 'PlumpError',
    summary: 'Two different functions were registered under one command name.',
    remedy: 'Give one of them another name.',
  },
  ERR_PLUMP_INVALID_COMMAND_NAME: {
    number: 19,
    class: 'PlumpError',
    summary: 'A command name must be a string of 1 to 1,024 UTF-8 bytes.',
    remedy: 'Pass the name of an exported function or of a registered command.',
  },
  ERR_PLUMP_INVALID_OPTION: {
    number: 20,
    class: 'PlumpError',
    summary: 'An option is unknown, of the wrong type or out of its range.',
    remedy: 'The message names the option, its range and the value it got.',
  },
  ERR_PLUMP_INVALID_ARGUMENT: {
    number: 21,
    class: 'PlumpError',
    summary: 'An argument of a plump-ipc function is of the wrong type or out of its range.',
    remedy: 'The message names the argument and what it takes.',
  },
  ERR_PLUMP_CALL_TIMEOUT: {
    number: 22,
    class: 'PlumpTimeoutError',
    summary: 'The call did not settle within its `timeoutMs`.',
    remedy: 'The message says whether it was still queued or already with a worker; a handler that had begun may still finish.',
  },
  ERR_PLUMP_BUS_TIMEOUT: {
    number: 23,
    class: 'PlumpTimeoutError',
    summary: 'No event arrived within the time given.',
    remedy: 'Use `poll()` where the absence of events is normal.',
  },
  ERR_PLUMP_UNSERIALIZABLE: {
    number: 24,
    class: 'PlumpSerializationError',
    summary: "A value can't be sent to another process.",
    remedy: '`path` names the value; send data instead of functions, symbols and handles of this process.',
  },
  ERR_PLUMP_TOO_DEEP: {
    number: 25,
    class: 'PlumpSerializationError',
    summary: 'A value is nested deeper than `maxDepth`.',
    remedy: 'Flatten it, or raise `maxDepth` on both sides.',
  },
  ERR_PLUMP_PAYLOAD_TOO_LARGE: {
    number: 26,
    class: 'PlumpSerializationError',
    summary: 'An encoded value is larger than `maxPayloadBytes`.',
    remedy: 'Send it in parts, or raise `maxPayloadBytes`.',
  },
  ERR_PLUMP_DECODE: {
    number: 27,
    class: 'PlumpSerializationError',
    summary: 'Bytes that arrived are not a value of the codec in use.',
    remedy: 'Both sides must use the same codec; bytes that a worker forged end here too.',
  },
  ERR_PLUMP_CODEC: {
    number: 28,
    class: 'PlumpSerializationError',
    summary: 'A custom codec threw, or returned something that is not bytes.',
    remedy: 'The `cause` is what the codec threw.',
  },
  ERR_PLUMP_CODEC_MISMATCH: {
    number: 29,
    class: 'PlumpSerializationError',
    summary: 'Host and worker use codecs of different names.',
    remedy: 'Give the worker the codec through `plump.useCodec(codec)` in its module, or `codecModule`.',
  },
  ERR_PLUMP_GENERATOR_RESULT: {
    number: 30,
    class: 'PlumpSerializationError',
    summary: "A handler returned a generator or an iterator, which can't be sent.",
    remedy: 'Return an array, or publish the items on the bus.',
  },
  ERR_PLUMP_QUEUE_FULL: {
    number: 31,
    class: 'PlumpError',
    summary: 'Too many calls or bytes wait for a worker.',
    remedy: 'Wait for earlier calls before making more, or use more workers.',
  },
  ERR_PLUMP_BINDING_MISSING: {
    number: 32,
    class: 'PlumpError',
    summary: 'The native part of plump-ipc could not be loaded.',
    remedy: "Install the package for this platform, or build it with `npm run build`; under Node's permission model pass `--allow-addons`.",
  },
  ERR_PLUMP_BUS_CLOSED: {
    number: 33,
    class: 'PlumpConnectionError',
    summary: 'The queue was closed.',
    remedy: 'Use a new `PlumpQueue`.',
  },
  ERR_PLUMP_INVALID_LINK: {
    number: 34,
    class: 'PlumpConnectionError',
    summary: "The link given to this process can't be used.",
    remedy: 'Pass exactly the `stdio` entries and the `env` of one `createLink()` to one process.',
  },
  ERR_PLUMP_NO_CONTEXT: {
    number: 35,
    class: 'PlumpError',
    summary: 'A command that is a method was called before the worker had an instance to run it on.',
    remedy: 'Call `setContext(instance)` in the worker module.',
  },
  ERR_PLUMP_BLOCK_GONE: {
    number: 36,
    class: 'PlumpSerializationError',
    summary: 'A block was used after it had been passed to a call or released.',
    remedy: 'Allocate a new block for each call; views of `bytes` that were kept from before must not be used either.',
  },
  ERR_PLUMP_CANCELLED: {
    number: 37,
    class: 'PlumpAbortError',
    summary: "The caller's `signal` was aborted before the call had settled.",
    remedy: "The `cause` is the signal's reason; a handler that had begun may have run in part.",
  },
  ERR_PLUMP_QUEUE_TIMEOUT: {
    number: 38,
    class: 'PlumpTimeoutError',
    summary: 'The call did not begin within its `queueMs`; it was not run.',
    remedy: 'Use more workers, make fewer calls at once, or raise `queueMs`.',
  },
  ERR_PLUMP_RUN_TIMEOUT: {
    number: 39,
    class: 'PlumpTimeoutError',
    summary: 'The handler did not finish within its `runMs`.',
    remedy: 'Raise `runMs`, or let the handler look at `context.aborted`; it may have run in part.',
  },
  ERR_PLUMP_WORKER_ENDED: {
    number: 40,
    class: 'PlumpWorkerError',
    summary: 'The worker was ended because another call on it did not stop; this call had begun there.',
    remedy: 'The message names that call; this one may have run in part, so repeat it only where that does no harm.',
  },
  ERR_PLUMP_NO_CALL: {
    number: 41,
    class: 'PlumpError',
    summary: '`context` was used outside of a handler.',
    remedy: 'Read what is needed from `context` before the first `await` of a handler that is no `async` function, and never outside of handlers.',
  },
  ERR_PLUMP_CIRCUIT_OPEN: {
    number: 42,
    class: 'PlumpWorkerError',
    summary: 'Too many workers have failed in a short time, so none is started for a while.',
    remedy: 'The message and `cause` tell of the last failure; `halfOpenMs` later one start tries whether it works again, and `maxRestarts` and `restartWindowMs` say how many failures are too many.',
  },
  ERR_PLUMP_BLOCK_LIMIT: {
    number: 43,
    class: 'PlumpError',
    summary: 'All the memory that this instance may use for blocks is in use.',
    remedy: 'Release blocks that are not sent, wait for calls that have some, or raise `maxBlockBytes`.',
  },
}

/** Codes by their number; the place of number 0 is empty. */
export const codeOfNumber: readonly (PlumpErrorCode | undefined)[] = [
  undefined,
  'ERR_PLUMP_WORKER_EXITED',
  'ERR_PLUMP_WORKER_KILLED',
  'ERR_PLUMP_WORKER_LOST',
  'ERR_PLUMP_WORKER_UNRESPONSIVE',
  'ERR_PLUMP_START_FAILED',
  'ERR_PLUMP_START_TIMEOUT',
  'ERR_PLUMP_SPAWN_FAILED',
  'ERR_PLUMP_PROTOCOL',
  'ERR_PLUMP_VERSION_MISMATCH',
  'ERR_PLUMP_CLOSED',
  'ERR_PLUMP_NOT_STARTED',
  'ERR_PLUMP_ALREADY_STARTED',
  'ERR_PLUMP_NOT_A_WORKER',
  'ERR_PLUMP_START_IN_WORKER',
  'ERR_PLUMP_NESTING_TOO_DEEP',
  'ERR_PLUMP_TOO_MANY_WORKERS',
  'ERR_PLUMP_UNKNOWN_COMMAND',
  'ERR_PLUMP_DUPLICATE_COMMAND',
  'ERR_PLUMP_INVALID_COMMAND_NAME',
  'ERR_PLUMP_INVALID_OPTION',
  'ERR_PLUMP_INVALID_ARGUMENT',
  'ERR_PLUMP_CALL_TIMEOUT',
  'ERR_PLUMP_BUS_TIMEOUT',
  'ERR_PLUMP_UNSERIALIZABLE',
  'ERR_PLUMP_TOO_DEEP',
  'ERR_PLUMP_PAYLOAD_TOO_LARGE',
  'ERR_PLUMP_DECODE',
  'ERR_PLUMP_CODEC',
  'ERR_PLUMP_CODEC_MISMATCH',
  'ERR_PLUMP_GENERATOR_RESULT',
  'ERR_PLUMP_QUEUE_FULL',
  'ERR_PLUMP_BINDING_MISSING',
  'ERR_PLUMP_BUS_CLOSED',
  'ERR_PLUMP_INVALID_LINK',
  'ERR_PLUMP_NO_CONTEXT',
  'ERR_PLUMP_BLOCK_GONE',
  'ERR_PLUMP_CANCELLED',
  'ERR_PLUMP_QUEUE_TIMEOUT',
  'ERR_PLUMP_RUN_TIMEOUT',
  'ERR_PLUMP_WORKER_ENDED',
  'ERR_PLUMP_NO_CALL',
  'ERR_PLUMP_CIRCUIT_OPEN',
  'ERR_PLUMP_BLOCK_LIMIT',
]
