//! A clock that all processes of a machine read alike.

/// Nanoseconds of a clock that never goes back. On Linux it is the same one for all processes, elsewhere one of this process.
///
/// System calls: `clock_gettime`.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call, which fills it; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Nanoseconds of a clock that never goes back.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[must_use]
pub fn monotonic_ns() -> u64 {
    static BEGINNING: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let beginning = BEGINNING.get_or_init(std::time::Instant::now);
    u64::try_from(beginning.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
