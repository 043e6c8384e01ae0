//! What Linux has of its own.

mod bell;
mod bell_set;
mod cgroup;
mod close_from;
mod exit_watch;
mod main_thread;
mod manners;
mod measure;
mod parent;
mod pipe_size;
pub(super) mod poller;
mod process_handle;
mod quiet_writes;

pub use super::unix::{exit_now, ignore_interrupt, online_cpus, parent_id, signal_name};
pub use bell::{Bell, wait_any};
pub use bell_set::BellSet;
pub use cgroup::container_limits;
pub use main_thread::is_main_thread;
pub use measure::{available_cpus, cpu_time, current_cpu, leave_cpu, resident_bytes};
pub use parent::adopt_parent;

pub(super) use close_from::{EXTRA_SPAWN_FLAGS, close_everything_from};
pub(super) use exit_watch::ExitWatch;
pub(super) use manners::Manners;
pub(super) use pipe_size::enlarge;
pub(super) use process_handle::ProcessHandle;
pub(super) use quiet_writes::QuietWrites;
