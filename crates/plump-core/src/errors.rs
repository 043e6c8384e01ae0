//! Every error of plump-ipc, once. The TypeScript union, the classes' table and `docs/errors.md` are
//! generated from this list (`cargo run -p plump-core --bin lists`).

/// The class with which an error reaches the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// `PlumpError`: the program uses the package in a way it can't work.
    Plump,
    /// `PlumpConnectionError`: the link to a worker can't be made or was closed.
    Connection,
    /// `PlumpWorkerError`: the worker failed to start, or ended.
    Worker,
    /// `PlumpSerializationError`: a value can't travel.
    Serialization,
    /// `PlumpTimeoutError`: a limit of time was reached.
    Timeout,
    /// `PlumpAbortError`: the caller gave the call up.
    Abort,
}

impl ErrorClass {
    /// The name of the JavaScript class.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plump => "PlumpError",
            Self::Connection => "PlumpConnectionError",
            Self::Worker => "PlumpWorkerError",
            Self::Serialization => "PlumpSerializationError",
            Self::Timeout => "PlumpTimeoutError",
            Self::Abort => "PlumpAbortError",
        }
    }
}

macro_rules! error_kinds {
    ($( $(#[doc = $doc:literal])* $kind:ident = $number:literal, $code:literal, $class:ident, $summary:literal, $remedy:literal; )*) => {
        /// One way in which something can go wrong; the number travels between Rust and TypeScript,
        /// the code is what users match on and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ErrorKind {
            $( #[doc = $summary] $kind = $number, )*
        }

        impl ErrorKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [ErrorKind] = &[ $( Self::$kind, )* ];

            /// The stable `ERR_PLUMP_*` code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $( Self::$kind => $code, )* }
            }

            /// The class of the JavaScript error.
            #[must_use]
            pub fn class(self) -> ErrorClass {
                match self { $( Self::$kind => ErrorClass::$class, )* }
            }

            /// What happened, in one sentence.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $( Self::$kind => $summary, )* }
            }

            /// What to do about it, in one sentence.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $( Self::$kind => $remedy, )* }
            }
        }
    };
}

error_kinds! {
    WorkerExited = 1, "ERR_PLUMP_WORKER_EXITED", Worker,
        "The worker process exited while the call was on it.",
        "Look at `exitCode`, `cause` and `stderr`; the call may have run in part, so repeat it only where that does no harm.";
    WorkerKilled = 2, "ERR_PLUMP_WORKER_KILLED", Worker,
        "The worker process was ended by a signal while the call was on it.",
        "Look at `signal` and `stderr`: SIGSEGV and SIGABRT point to a native addon, SIGKILL often to the kernel's out-of-memory killer.";
    WorkerLost = 3, "ERR_PLUMP_WORKER_LOST", Worker,
        "The link to the worker was closed while the call was on it.",
        "A worker must not close descriptors it did not open; one that was started through `createLink()` is looked after by whoever started it.";
    WorkerUnresponsive = 4, "ERR_PLUMP_WORKER_UNRESPONSIVE", Worker,
        "The worker's link thread stopped answering, so the worker was ended.",
        "A busy handler does not cause this, a stopped process does; raise `heartbeatTimeoutMs`, or set it to 0 while debugging.";
    StartFailed = 5, "ERR_PLUMP_START_FAILED", Worker,
        "The worker did not get ready.",
        "The `cause` is what its module threw while loading, `stderr` what it printed last; the next call makes one new attempt.";
    StartTimeout = 6, "ERR_PLUMP_START_TIMEOUT", Timeout,
        "The worker did not get ready within `startTimeoutMs`.",
        "Look for a top-level await that never settles in the worker module, or raise `startTimeoutMs`.";
    SpawnFailed = 7, "ERR_PLUMP_SPAWN_FAILED", Connection,
        "The operating system refused to start the worker process.",
        "The message names the system's reason: too many open files or processes, a missing `cwd` or executable.";
    Protocol = 8, "ERR_PLUMP_PROTOCOL", Connection,
        "The other side sent bytes that are not of the protocol, so the link was ended.",
        "Something in the worker writes to descriptors it did not open; find the native code or library that does.";
    VersionMismatch = 9, "ERR_PLUMP_VERSION_MISMATCH", Connection,
        "Host and worker run different versions of plump-ipc.",
        "Make both resolve the same installed package.";
    Closed = 10, "ERR_PLUMP_CLOSED", Connection,
        "The instance is closed or closing.",
        "Make calls before `close()` or `stopWorker()`, or use a new instance.";
    NotStarted = 11, "ERR_PLUMP_NOT_STARTED", Connection,
        "No worker was started for this instance.",
        "Call `start(module)` or use `spawn(module)` first.";
    AlreadyStarted = 12, "ERR_PLUMP_ALREADY_STARTED", Plump,
        "This instance was started before.",
        "Use one instance per worker module.";
    NotAWorker = 13, "ERR_PLUMP_NOT_A_WORKER", Connection,
        "This process is not a worker: it has no link to a host.",
        "Call `runWorker()` only in a process started by `start()`, `spawn()` or with the entries of `createLink()`; `isWorker` tells.";
    StartInWorker = 14, "ERR_PLUMP_START_IN_WORKER", Plump,
        "A worker module tried to start workers while it was loading.",
        "Guard host code with `if (!isWorker)`, or start inner workers in a function given to `init()` or inside a command.";
    NestingTooDeep = 15, "ERR_PLUMP_NESTING_TOO_DEEP", Plump,
        "Workers started workers of their own too many levels deep.",
        "A worker that starts itself never ends; guard host code with `if (!isWorker)`.";
    TooManyWorkers = 16, "ERR_PLUMP_TOO_MANY_WORKERS", Plump,
        "The family would have more worker processes than its limit.",
        "Close instances that are no longer used, or share one.";
    UnknownCommand = 17, "ERR_PLUMP_UNKNOWN_COMMAND", Plump,
        "The worker has no command of that name.",
        "The message names the nearest one; commands are the functions the module exports and those registered with `command()`.";
    DuplicateCommand = 18, "ERR_PLUMP_DUPLICATE_COMMAND", Plump,
        "Two different functions were registered under one command name.",
        "Give one of them another name.";
    InvalidCommandName = 19, "ERR_PLUMP_INVALID_COMMAND_NAME", Plump,
        "A command name must be a string of 1 to 1,024 UTF-8 bytes.",
        "Pass the name of an exported function or of a registered command.";
    InvalidOption = 20, "ERR_PLUMP_INVALID_OPTION", Plump,
        "An option is unknown, of the wrong type or out of its range.",
        "The message names the option, its range and the value it got.";
    InvalidArgument = 21, "ERR_PLUMP_INVALID_ARGUMENT", Plump,
        "An argument of a plump-ipc function is of the wrong type or out of its range.",
        "The message names the argument and what it takes.";
    CallTimeout = 22, "ERR_PLUMP_CALL_TIMEOUT", Timeout,
        "The call did not settle within its `timeoutMs`.",
        "The message says whether it was still queued or already with a worker; a handler that had begun may still finish.";
    BusTimeout = 23, "ERR_PLUMP_BUS_TIMEOUT", Timeout,
        "No event arrived within the time given.",
        "Use `poll()` where the absence of events is normal.";
    Unserializable = 24, "ERR_PLUMP_UNSERIALIZABLE", Serialization,
        "A value can't be sent to another process.",
        "`path` names the value; send data instead of functions, symbols and handles of this process.";
    TooDeep = 25, "ERR_PLUMP_TOO_DEEP", Serialization,
        "A value is nested deeper than `maxDepth`.",
        "Flatten it, or raise `maxDepth` on both sides.";
    PayloadTooLarge = 26, "ERR_PLUMP_PAYLOAD_TOO_LARGE", Serialization,
        "An encoded value is larger than `maxPayloadBytes`.",
        "Send it in parts, or raise `maxPayloadBytes`.";
    Decode = 27, "ERR_PLUMP_DECODE", Serialization,
        "Bytes that arrived are not a value of the codec in use.",
        "Both sides must use the same codec; bytes that a worker forged end here too.";
    Codec = 28, "ERR_PLUMP_CODEC", Serialization,
        "A custom codec threw, or returned something that is not bytes.",
        "The `cause` is what the codec threw.";
    CodecMismatch = 29, "ERR_PLUMP_CODEC_MISMATCH", Serialization,
        "Host and worker use codecs of different names.",
        "Give the worker the codec through `plump.useCodec(codec)` in its module, or `codecModule`.";
    GeneratorResult = 30, "ERR_PLUMP_GENERATOR_RESULT", Serialization,
        "A handler returned a generator or an iterator, which can't be sent.",
        "Return an array, or publish the items on the bus.";
    QueueFull = 31, "ERR_PLUMP_QUEUE_FULL", Plump,
        "Too many calls or bytes wait for a worker.",
        "Wait for earlier calls before making more, or use more workers.";
    BindingMissing = 32, "ERR_PLUMP_BINDING_MISSING", Plump,
        "The native part of plump-ipc could not be loaded.",
        "Install the package for this platform, or build it with `npm run build`; under Node's permission model pass `--allow-addons`.";
    BusClosed = 33, "ERR_PLUMP_BUS_CLOSED", Connection,
        "The queue was closed.",
        "Use a new `PlumpQueue`.";
    InvalidLink = 34, "ERR_PLUMP_INVALID_LINK", Connection,
        "The link given to this process can't be used.",
        "Pass exactly the `stdio` entries and the `env` of one `createLink()` to one process.";
    NoContext = 35, "ERR_PLUMP_NO_CONTEXT", Plump,
        "A command that is a method was called before the worker had an instance to run it on.",
        "Call `setContext(instance)` in the worker module.";
    BlockGone = 36, "ERR_PLUMP_BLOCK_GONE", Serialization,
        "A block was used after it had been passed to a call or released.",
        "Allocate a new block for each call; views of `bytes` that were kept from before must not be used either.";
    Cancelled = 37, "ERR_PLUMP_CANCELLED", Abort,
        "The caller's `signal` was aborted before the call had settled.",
        "The `cause` is the signal's reason; a handler that had begun may have run in part.";
    QueueTimeout = 38, "ERR_PLUMP_QUEUE_TIMEOUT", Timeout,
        "The call did not begin within its `queueMs`; it was not run.",
        "Use more workers, make fewer calls at once, or raise `queueMs`.";
    RunTimeout = 39, "ERR_PLUMP_RUN_TIMEOUT", Timeout,
        "The handler did not finish within its `runMs`.",
        "Raise `runMs`, or let the handler look at `context.aborted`; it may have run in part.";
    WorkerEnded = 40, "ERR_PLUMP_WORKER_ENDED", Worker,
        "The worker was ended because another call on it did not stop; this call had begun there.",
        "The message names that call; this one may have run in part, so repeat it only where that does no harm.";
    NoCall = 41, "ERR_PLUMP_NO_CALL", Plump,
        "`context` was used outside of a handler.",
        "Read what is needed from `context` before the first `await` of a handler that is no `async` function, and never outside of handlers.";
    CircuitOpen = 42, "ERR_PLUMP_CIRCUIT_OPEN", Worker,
        "Too many workers have failed in a short time, so none is started for a while.",
        "The message and `cause` tell of the last failure; `halfOpenMs` later one start tries whether it works again, and `maxRestarts` and `restartWindowMs` say how many failures are too many.";
    BlockLimit = 43, "ERR_PLUMP_BLOCK_LIMIT", Plump,
        "All the memory that this instance may use for blocks is in use.",
        "Release blocks that are not sent, wait for calls that have some, or raise `maxBlockBytes`.";
}

impl ErrorKind {
    /// The kind of a number that came over the boundary to TypeScript.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| *kind as u16 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorKind;
    use std::collections::HashSet;

    #[test]
    fn codes_and_numbers_are_unique_and_well_formed() {
        let codes: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        for (index, kind) in ErrorKind::ALL.iter().enumerate() {
            assert_eq!(
                *kind as usize,
                index + 1,
                "numbers are dense, so that a table can be indexed"
            );
            assert!(kind.code().starts_with("ERR_PLUMP_"));
            assert!(kind.summary().ends_with('.') && kind.remedy().ends_with('.'));
            assert_eq!(ErrorKind::from_number(*kind as u16), Some(*kind));
        }
        assert_eq!(ErrorKind::from_number(0), None);
    }
}
