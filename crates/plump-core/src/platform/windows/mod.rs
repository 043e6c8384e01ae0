//! Windows. Pipes cannot be waited for together with anything else, so what the reactor hears comes from threads of
//! their own: one per reading end, one per watched child.

mod bell;
mod child;
mod command_line;
mod handle;
mod inherited;
mod job;
mod main_thread;
mod manners;
mod measure;
mod pipe_reader;
mod pipe_writer;
mod process;
mod reactor;
mod source;
mod spawn;
mod startup;

pub use bell::{Bell, wait_any};
pub use child::Child;
pub use inherited::{FIRST_INHERITED, InheritedEnd, inherited_number};
pub use main_thread::is_main_thread;
pub use measure::{available_cpus, cpu_time, current_cpu, leave_cpu, online_cpus, resident_bytes};
pub use pipe_reader::{PipeReader, open_inherited_reader, pipe_from_child};
pub use pipe_writer::{PipeWriter, open_inherited_writer, pipe_to_child};
pub use process::{adopt_parent, exit_now, ignore_interrupt, parent_id, signal_name};
pub use reactor::Reactor;
pub use source::Source;
pub use spawn::spawn;

pub(super) use manners::Manners;
