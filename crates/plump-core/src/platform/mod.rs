//! What the core needs of the operating system: one contract, one file per facility and system.
//!
//! Required types and functions, the same on every system (`unix/`, `linux/`, `macos/`, `windows/` hold them):
//!
//! - `pipe() -> io::Result<(PipeReader, PipeWriter)>`: close-on-exec (not inheritable) and non-blocking on this
//!   side from birth. `PipeReader::try_read`, `PipeWriter::try_write`: never wait, `WouldBlock` when they would,
//!   `BrokenPipe` instead of a signal.
//! - `InheritedEnd`: the end of a pipe (or a memory or bell handle) that goes to a child; closed here after the spawn.
//! - `Reactor`: the one place where the I/O thread sleeps. One-shot sources: a source reports once, then is silent
//!   until armed again. `Reactor::notify` wakes it from any thread.
//! - `spawn(SpawnRequest) -> io::Result<Child>`: never forks the whole address space (26 ms of blocked caller at
//!   584 MB resident, measured; `posix_spawn` 0.3 ms at any size).
//! - `Child`: `pid`, exit watched by the reactor, `try_wait`, `terminate`, `kill`.
//! - `Bell`: wakes one sleeper in this or another process; level, not edge: a ring before the sleep is not lost.
//! - `adopt_parent`: called in a worker when it opens its link; ends the worker with its parent where the system can.
//! - `current_cpu`, `cpu_count`, `resident_bytes(pid)`, `cpu_time(pid)`.
