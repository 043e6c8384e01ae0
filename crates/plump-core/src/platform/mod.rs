//! What the core needs of the operating system: one contract, one file per facility and system.
//!
//! `unix/` holds what Linux and macOS share, `linux/`, `macos/` and `windows/` the rest; what stands directly in this
//! folder is the same everywhere. Every name exported here exists on every system with the same signature
//! (`docs/platforms.md` says which facility each system uses for it):
//!
//! - [`pipe_to_child`], [`pipe_from_child`]: close-on-exec (not inheritable) and non-blocking on this side from birth.
//!   [`PipeReader::try_read`], [`PipeWriter::try_write`]: never wait, `WouldBlock` when they would, `BrokenPipe`
//!   instead of a signal.
//! - [`InheritedEnd`]: the end of a pipe (or a memory or bell handle) that goes to a child; closed here after the spawn.
//! - [`Reactor`]: the one place where the I/O thread sleeps. One-shot [`Source`]s: a source reports once, then is
//!   silent until armed again. [`Reactor::notify`] wakes it from any thread.
//! - [`spawn`]: never forks the whole address space (26 ms of blocked caller at 584 MB resident, measured;
//!   `posix_spawn` 0.3 ms at any size).
//! - [`Child`]: `pid`, exit watched by the reactor, `try_wait`, `terminate`, `kill`.
//! - [`Bell`]: wakes one sleeper in this or another process; level, not edge: a ring before the sleep is not lost.
//! - [`BellSet`]: the bells on which JavaScript sleeps; where the system can, one descriptor that an event loop can watch.
//! - [`leave_cpu`]: moves the calling thread to another CPU, where that can be worth it.
//! - [`on_spawner_thread`], [`adopt_parent`], [`ignore_interrupt`], [`exit_now`]: the life of a worker.
//! - [`is_main_thread`]: `true` is certain, `false` may be a thread of which that is not known.
//! - [`current_cpu`], [`available_cpus`], [`online_cpus`], [`resident_bytes`], [`cpu_time`], [`parent_id`]: what can be measured.
//! - [`container_limits`]: what holds this process together with others, and how tightly; [`Allowance`]: what follows from it.

mod allowance;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod bell_list;
mod exit_status;
mod interest;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(target_vendor = "apple")]
mod macos;
mod monotonic;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod no_cgroup;
mod spawn_request;
mod spawner_thread;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;
#[cfg(target_vendor = "apple")]
use macos as system;
#[cfg(windows)]
use windows as system;

pub use allowance::{Allowance, BYTES_PER_WORKER, ContainerLimits, CpuQuota, DecidedBy};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use bell_list::BellSet;
pub use exit_status::ExitStatus;
pub use interest::{Event, Interest};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::{BellSet, container_limits};
pub use monotonic::monotonic_ns;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use no_cgroup::container_limits;
pub use spawn_request::SpawnRequest;
pub use spawner_thread::on_spawner_thread;

pub use system::{
    Bell, adopt_parent, available_cpus, cpu_time, current_cpu, exit_now, ignore_interrupt,
    is_main_thread, leave_cpu, online_cpus, parent_id, resident_bytes, signal_name, wait_any,
};
#[cfg(unix)]
pub use unix::{
    Child, FIRST_INHERITED, InheritedEnd, PipeReader, PipeWriter, Reactor, Source,
    inherited_number, open_inherited_reader, open_inherited_writer, pipe_from_child, pipe_to_child,
    spawn,
};
#[cfg(windows)]
pub use windows::{
    Child, FIRST_INHERITED, InheritedEnd, PipeReader, PipeWriter, Reactor, Source,
    inherited_number, open_inherited_reader, open_inherited_writer, pipe_from_child, pipe_to_child,
    spawn,
};
