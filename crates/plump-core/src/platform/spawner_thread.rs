//! The thread that spawns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::system::Manners;

type Work = Box<dyn FnOnce() + Send>;

/// Runs `work` on a thread that lives as long as the process, made at the first use, and gives its result through
/// the receiver. Work runs in the order in which it came.
///
/// On Linux the parent-death signal of a child belongs to the *thread* that spawned it: a child spawned by a
/// `worker_thread` or by a pool's thread would be killed when that thread ends.
///
/// The receiver reports a disconnect when `work` panicked, and when the thread could not be made.
pub fn on_spawner_thread<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Receiver<R> {
    static SPAWNER: OnceLock<Option<Sender<Work>>> = OnceLock::new();
    let (give, result) = mpsc::channel();
    let work: Work = Box::new(move || {
        // Nobody may want the result any more: not an error.
        let _ = give.send(work());
    });
    if let Some(spawner) = SPAWNER.get_or_init(start) {
        // The thread never drops its receiver, so this cannot fail.
        let _ = spawner.send(work);
    }
    result
}

fn start() -> Option<Sender<Work>> {
    let (give, take) = mpsc::channel::<Work>();
    thread::Builder::new()
        .name("plump-spawner".into())
        .spawn(move || {
            let manners = Manners::of_this_thread();
            loop {
                // JavaScript must not wait for what it hands over to this thread in order not to wait.
                manners.stand_back();
                let Ok(work) = take.recv() else { return };
                manners.resume();
                // A panic must not end the thread: every child spawned so far would be killed with it.
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
        })
        .ok()
        .map(|_| give)
}
