//! What the core does, in words, on stderr: for `NODE_DEBUG=plump-ipc`.

use std::sync::atomic::{AtomicBool, Ordering};

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Turns the words on or off, for the whole process.
pub fn enable(on: bool) {
    ENABLED.store(on, Ordering::Relaxed);
}

/// Whether they are on.
#[must_use]
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Says something, if anybody wants to hear it.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)*) => {
        if $crate::debug::enabled() {
            eprintln!("PLUMP-IPC {}: {}", std::process::id(), format_args!($($argument)*));
        }
    };
}
