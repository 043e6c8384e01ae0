//! What Linux and macOS have in common.

mod child;
mod exit_waiter;
mod file_actions;
mod inherited;
mod pipe;
mod pipe_bell;
mod poll;
mod process;
mod reactor;
mod reaper;
mod signal;
mod spawn;
mod spawn_attributes;

pub use child::Child;
pub use inherited::{FIRST_INHERITED, InheritedEnd, inherited_number};
pub use pipe::{
    PipeReader, PipeWriter, open_inherited_reader, open_inherited_writer, pipe_from_child,
    pipe_to_child,
};
pub use process::{exit_now, ignore_interrupt, online_cpus, parent_id};
pub use reactor::{Reactor, Source};
pub use signal::signal_name;
pub use spawn::spawn;

pub(super) use exit_waiter::ExitReports;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use exit_waiter::wait_without_reaping;
pub(super) use file_actions::FileActions;
pub(super) use inherited::{adopt, set_nonblocking};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use pipe_bell::PipeBell;
pub(super) use poll::{poll_readable, poll_readable_any};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use reactor::{KEYS, lock};
