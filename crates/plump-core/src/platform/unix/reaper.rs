//! Waits for children that nobody waits for any more.

use std::thread;

use super::child::look;

/// Reaps the child when it ends, on a thread that ends with it. Where no thread can be made, the child stays on the
/// system's list until this process ends: there is nothing better to do in a destructor.
///
/// A thread per child rather than one for all: abandoned children are few (their owner has usually killed them
/// already), and the one would need a reactor of its own that lives for ever.
pub(super) fn reap_in_background(pid: libc::pid_t) {
    let _ = thread::Builder::new()
        .name(format!("plump-reap-{pid}"))
        .spawn(move || look(pid, 0));
}
