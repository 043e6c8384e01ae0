//! What processes use, and where.
//!
//! System calls: `GetCurrentProcessorNumber`, `GetProcessAffinityMask`, `OpenProcess`, `K32GetProcessMemoryInfo`,
//! `GetProcessTimes`.

use std::mem;
use std::num::NonZero;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentProcessorNumber, GetProcessAffinityMask, GetProcessTimes,
    OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
};

/// The CPU that this thread runs on, within its group of 64.
#[must_use]
pub fn current_cpu() -> u32 {
    // SAFETY: GetCurrentProcessorNumber takes nothing.
    unsafe { GetCurrentProcessorNumber() }
}

/// Nothing here: there are no rings to watch, so nobody gains by leaving.
pub fn leave_cpu() {}

/// How many CPUs this process may run on by its affinity, at least 1.
#[must_use]
pub fn available_cpus() -> usize {
    let (mut ours, mut all) = (0_usize, 0_usize);
    // SAFETY: GetCurrentProcess takes nothing and gives a constant that needs no closing.
    let this_process = unsafe { GetCurrentProcess() };
    // SAFETY: both masks outlive the call, which writes them.
    if unsafe { GetProcessAffinityMask(this_process, &raw mut ours, &raw mut all) } != 0
        && ours != 0
    {
        return ours.count_ones() as usize;
    }
    // A process in several groups of CPUs has no mask.
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The resident memory of a process, bytes; `None` when there is no such process, or it may not be asked.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let process = open(pid)?;
    let bytes = u32::try_from(size_of::<PROCESS_MEMORY_COUNTERS>()).ok()?;
    // SAFETY: the structure is integers only; zeros are valid.
    let mut counters: PROCESS_MEMORY_COUNTERS = unsafe { mem::zeroed() };
    let raw = process.as_raw_handle();
    // SAFETY: the handle is open, and `counters` has `bytes` bytes and outlives the call.
    if unsafe { K32GetProcessMemoryInfo(raw, &raw mut counters, bytes) } == 0 {
        return None;
    }
    Some(counters.WorkingSetSize as u64)
}

/// The CPU time that all threads of a process have used, user and system; `None` when there is no such process, or
/// it may not be asked.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let process = open(pid)?;
    let mut times = [FILETIME {
        dwLowDateTime: 0,
        dwHighDateTime: 0,
    }; 4];
    let [created, exited, kernel, user] = times.each_mut().map(|time| &raw mut *time);
    // SAFETY: the handle is open, and all four times outlive the call, which writes them.
    if unsafe { GetProcessTimes(process.as_raw_handle(), created, exited, kernel, user) } == 0 {
        return None;
    }
    let [.., kernel, user] = times.map(ticks);
    // A tick is 100 ns.
    Some(Duration::from_nanos((kernel + user).checked_mul(100)?))
}

fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

fn open(pid: u32) -> Option<OwnedHandle> {
    // SAFETY: OpenProcess takes integers.
    let raw = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if raw.is_null() {
        return None;
    }
    // SAFETY: the system has just made this handle; nobody else knows it.
    Some(unsafe { OwnedHandle::from_raw_handle(raw) })
}

/// How many CPUs the machine has in use. Windows starts processes on all CPUs of their group, so those that this process
/// may use say it well enough.
#[must_use]
pub fn online_cpus() -> usize {
    available_cpus()
}
