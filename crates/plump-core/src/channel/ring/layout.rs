//! Where everything lies in a pair's memory, in bytes from its start; words are little-endian as the machine is.
//!
//! Words that different sides change lie 128 bytes apart: processors fetch cache lines of 64 bytes in pairs, and a word
//! must not travel because its neighbour was written.

/// `u64`, control word of the ring to the worker: changed by the host (count, left) and the worker (sleepers).
pub const TO_WORKER_PUBLISHED: usize = 0;

/// `u64`, control word of the ring to the worker: changed by the worker (count) and the host (waits).
pub const TO_WORKER_CONSUMED: usize = 128;

/// `u64`, control word of the ring to the host: changed by the worker (count, left) and the host (sleepers).
pub const TO_HOST_PUBLISHED: usize = 256;

/// `u64`, control word of the ring to the host: changed by the host (count) and the worker (waits).
pub const TO_HOST_CONSUMED: usize = 384;

/// `u32`, the CPU on which the host was last seen, `u32::MAX` until then.
pub const HOST_CPU: usize = 512;

/// `u32`, the CPU on which the worker was last seen, `u32::MAX` until then.
pub const WORKER_CPU: usize = 640;

/// `u64`, how many calls the worker has begun.
pub const BEGUN: usize = 768;

/// `u64`, when the host last rang for a sleeper of the worker, nanoseconds of the monotonic clock.
pub const HOST_RANG: usize = 896;

/// `u64`, when the worker last rang for a sleeper of the host, nanoseconds of the monotonic clock.
pub const WORKER_RANG: usize = 1024;

/// `u64`, 1 while the host has as many busy workers as the machine has CPUs, else 0.
pub const HOST_CROWDED: usize = 1152;

/// Bytes of the page of words; the ring to the worker begins here, the ring to the host one capacity later.
pub const HEADER_BYTES: usize = 4096;
