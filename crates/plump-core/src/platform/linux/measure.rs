//! What processes use, and where.
//!
//! System calls: `sched_getcpu`, `sched_getaffinity`, `sched_setaffinity`, `clock_gettime`, `read` of `/proc/PID/statm`.

use std::fs;
use std::mem::{self, MaybeUninit};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

/// The CPU that this thread runs on, `u32::MAX` where that cannot be told.
#[must_use]
pub fn current_cpu() -> u32 {
    // SAFETY: sched_getcpu takes nothing.
    u32::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(u32::MAX)
}

/// Moves this thread to another CPU of those that it may run on, if there is one, and leaves it free to go anywhere again.
pub fn leave_cpu() {
    // SAFETY: a `cpu_set_t` is a bit field; zeros are valid and mean none.
    let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
    let bytes = size_of::<libc::cpu_set_t>();
    // SAFETY: `allowed` has `bytes` bytes and outlives the call; 0 is this thread.
    if unsafe { libc::sched_getaffinity(0, bytes, &raw mut allowed) } != 0 {
        return;
    }
    let here = current_cpu() as usize;
    let mut others = allowed;
    if here >= 8 * bytes {
        return;
    }
    // SAFETY: the set has a bit of that number.
    unsafe { libc::CPU_CLR(here, &mut others) };
    // SAFETY: CPU_COUNT only reads the set.
    if unsafe { libc::CPU_COUNT(&others) } == 0 {
        return;
    }
    // SAFETY: `others` has `bytes` bytes and outlives the call.
    if unsafe { libc::sched_setaffinity(0, bytes, &raw const others) } == 0 {
        // SAFETY: as above.
        unsafe { libc::sched_setaffinity(0, bytes, &raw const allowed) };
    }
}

/// How many CPUs this process may run on by its affinity, at least 1.
#[must_use]
pub fn available_cpus() -> usize {
    // SAFETY: a `cpu_set_t` is a bit field; zeros are valid and mean none.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    let bytes = size_of::<libc::cpu_set_t>();
    // SAFETY: `set` has `bytes` bytes and outlives the call; 0 is this thread.
    if unsafe { libc::sched_getaffinity(0, bytes, &raw mut set) } == 0 {
        // SAFETY: CPU_COUNT only reads the set.
        let count = usize::try_from(unsafe { libc::CPU_COUNT(&set) }).unwrap_or(0);
        if count > 0 {
            return count;
        }
    }
    // A machine with more CPUs than the set has bits.
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The resident memory of a process, bytes; `None` when there is no such process (or no `/proc`).
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf takes an integer.
    let page_bytes = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(pages * page_bytes)
}

/// The CPU time that all threads of a process have used, user and system; `None` when there is no such process.
/// By its clock rather than `/proc/PID/stat`, which counts in hundredths of a second.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock = 0;
    // SAFETY: `clock` outlives the call, which writes one integer to it.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: `time` has the size that clock_gettime writes and outlives the call.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: clock_gettime succeeded, so it has filled the structure.
    let time = unsafe { time.assume_init() };
    Some(Duration::new(
        u64::try_from(time.tv_sec).ok()?,
        u32::try_from(time.tv_nsec).ok()?,
    ))
}
