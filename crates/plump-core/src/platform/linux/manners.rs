//! Threads that don't push in.
//!
//! System calls: `sched_getscheduler`, `sched_setscheduler`; by number, because musl's functions of these names refuse.

/// What decides whether this thread, when it is woken, takes the CPU from the one that woke it.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// This thread is scheduled as threads are; whatever else the program has chosen is left as it is.
    usual: bool,
}

impl Manners {
    /// Of the calling thread.
    #[must_use]
    pub fn of_this_thread() -> Self {
        // SAFETY: 0 is the calling thread; takes and returns integers.
        let policy = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
        Self {
            usual: policy == libc::c_long::from(libc::SCHED_OTHER),
        }
    }

    /// From now on whoever wakes this thread goes on first. The scheduler otherwise prefers one that has slept for long
    /// to one that runs.
    pub fn stand_back(self) {
        self.set(libc::SCHED_BATCH);
    }

    /// As before. Processes started from here on are scheduled as this thread is.
    pub fn resume(self) {
        self.set(libc::SCHED_OTHER);
    }

    fn set(self, policy: libc::c_int) {
        if self.usual {
            let parameters = libc::sched_param { sched_priority: 0 };
            // SAFETY: 0 is the calling thread, and the parameters are read during the call. Where a sandbox forbids it,
            // nothing has changed.
            unsafe {
                libc::syscall(
                    libc::SYS_sched_setscheduler,
                    0,
                    policy,
                    &raw const parameters,
                )
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manners;

    /// The policy of the calling thread.
    fn policy() -> libc::c_long {
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) }
    }

    #[test]
    fn a_thread_stands_back_and_comes_forward_again() {
        let manners = Manners::of_this_thread();
        let before = policy();
        manners.stand_back();
        if manners.usual {
            assert_eq!(policy(), libc::c_long::from(libc::SCHED_BATCH));
        }
        manners.resume();
        assert_eq!(policy(), before);
    }
}
