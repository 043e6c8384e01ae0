//! Where the two threads of a benchmark run.

use std::mem;
use std::thread::JoinHandle;

/// Where the two threads of a benchmark run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each on a CPU of its own.
    Apart,
    /// Both on one CPU.
    Together,
    /// Wherever the system puts them.
    Free,
}

impl Placement {
    /// All, with their names; without `Apart` on a machine with one CPU.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        [
            ("two CPUs", Self::Apart),
            ("one CPU", Self::Together),
            ("free", Self::Free),
        ]
        .into_iter()
        .filter(|(_, placement)| *placement != Self::Apart || cpus().len() > 1)
    }

    /// Puts the calling thread, the first or the second of a benchmark, on its CPU.
    pub fn take(self, second: bool) {
        let cpus = cpus();
        match self {
            Self::Apart => pin(&cpus[usize::from(second)..][..1]),
            Self::Together => pin(&cpus[..1]),
            Self::Free => pin(cpus),
        }
    }

    /// Runs `work` as the second thread of a benchmark.
    pub fn spawn<R: Send + 'static>(
        self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        std::thread::spawn(move || {
            self.take(true);
            work()
        })
    }
}

/// The CPUs that this process was started on; asked once, before anything is pinned.
pub fn cpus() -> &'static [usize] {
    static CPUS: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    CPUS.get_or_init(|| {
        // SAFETY: a `cpu_set_t` is a bit field; zeros are valid and mean none.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: `set` has the size that is given and outlives the call; 0 is this thread.
        let answer = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        assert_eq!(answer, 0, "which CPUs there are");
        let has = |cpu: &usize| {
            // SAFETY: CPU_ISSET reads one bit of the set.
            unsafe { libc::CPU_ISSET(*cpu, &set) }
        };
        (0..1024).filter(has).collect()
    })
}

fn pin(cpus: &[usize]) {
    // SAFETY: a `cpu_set_t` is a bit field; zeros are valid and mean none.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for cpu in cpus {
        // SAFETY: CPU_SET sets one bit of the set.
        unsafe { libc::CPU_SET(*cpu, &mut set) };
    }
    // SAFETY: `set` has the size that is given and outlives the call; 0 is this thread.
    let answer = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(answer, 0, "a thread stays on {cpus:?}");
}
