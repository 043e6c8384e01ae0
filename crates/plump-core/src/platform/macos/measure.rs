//! What processes use, and where.
//!
//! System calls: `proc_info`, `mach_timebase_info`.

use std::mem::{self, MaybeUninit};
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

type CpuNumber = unsafe extern "C" fn(*mut libc::size_t) -> libc::c_int;

/// The CPU that this thread runs on, `u32::MAX` where that cannot be told (before macOS 11).
#[must_use]
pub fn current_cpu() -> u32 {
    static FOUND: OnceLock<Option<CpuNumber>> = OnceLock::new();
    let Some(cpu_number) = *FOUND.get_or_init(find) else {
        return u32::MAX;
    };
    let mut number = 0;
    // SAFETY: the function is the one of that name, and `number` outlives the call, which writes it.
    if unsafe { cpu_number(&raw mut number) } != 0 {
        return u32::MAX;
    }
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Looked up at run time: linked, it would keep the whole library from loading before macOS 11.
fn find() -> Option<CpuNumber> {
    // SAFETY: the name ends with a zero; the look-up runs no foreign code.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_cpu_number_np".as_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the system documents the function of this name with exactly this signature.
    Some(unsafe { mem::transmute::<*mut libc::c_void, CpuNumber>(found) })
}

/// Nothing here: there are no rings to watch, so nobody gains by leaving.
pub fn leave_cpu() {}

/// How many CPUs this process may run on, at least 1. There is no affinity on macOS.
#[must_use]
pub fn available_cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The resident memory of a process of this user, bytes; `None` when there is no such process.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    Some(task_info(pid)?.pti_resident_size)
}

/// The CPU time that all threads of a process of this user have used, user and system; `None` when there is no such
/// process.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let info = task_info(pid)?;
    let ticks = u128::from(info.pti_total_user) + u128::from(info.pti_total_system);
    let (numerator, denominator) = *timebase();
    let nanoseconds = ticks * u128::from(numerator) / u128::from(denominator);
    Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
}

fn task_info(pid: u32) -> Option<libc::proc_taskinfo> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let bytes = libc::c_int::try_from(size_of::<libc::proc_taskinfo>()).ok()?;
    let mut info = MaybeUninit::<libc::proc_taskinfo>::uninit();
    let buffer = info.as_mut_ptr().cast();
    // SAFETY: `info` has `bytes` bytes and outlives the call.
    let written = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTASKINFO, 0, buffer, bytes) };
    if written != bytes {
        return None;
    }
    // SAFETY: the call has filled all of the structure, as the count says.
    Some(unsafe { info.assume_init() })
}

/// Nanoseconds per tick of the system's clock, as a fraction: 1 on Intel, 125/3 on Apple's own processors.
fn timebase() -> &'static (u32, u32) {
    static TIMEBASE: OnceLock<(u32, u32)> = OnceLock::new();
    #[allow(deprecated)]
    // the crate that replaces it here would be one more dependency for one call
    TIMEBASE.get_or_init(|| {
        let mut info = libc::mach_timebase_info { numer: 1, denom: 1 };
        // SAFETY: `info` outlives the call, which writes it.
        unsafe { libc::mach_timebase_info(&raw mut info) };
        (info.numer, info.denom.max(1))
    })
}
