//! `poll`, for sleepers that have no reactor.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// Waits until the descriptor can be read; `false` when `timeout` passed first. `None` waits for ever.
pub(in crate::platform) fn poll_readable(descriptor: RawFd, timeout: Option<Duration>) -> bool {
    let mut asked = [question(descriptor)];
    poll(&mut asked, timeout)
}

/// Waits until one of the descriptors can be read; `false` when `timeout` passed first.
pub(in crate::platform) fn poll_readable_any(
    descriptors: impl Iterator<Item = RawFd>,
    timeout: Option<Duration>,
) -> bool {
    let mut asked: Vec<_> = descriptors.map(question).collect();
    poll(&mut asked, timeout)
}

fn question(descriptor: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd: descriptor,
        events: libc::POLLIN,
        revents: 0,
    }
}

fn poll(asked: &mut [libc::pollfd], timeout: Option<Duration>) -> bool {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let Ok(count) = libc::nfds_t::try_from(asked.len()) else {
        return false;
    };
    loop {
        let milliseconds = match deadline {
            None => -1,
            Some(deadline) => milliseconds(deadline.saturating_duration_since(Instant::now())),
        };
        // SAFETY: `asked` is a live slice of `count` structures, which poll reads and writes until it returns.
        let ready = unsafe { libc::poll(asked.as_mut_ptr(), count, milliseconds) };
        if ready > 0 {
            return true;
        }
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            // EINVAL or ENOMEM: a caller that asks again at its own pace is better than a panic in a sleeper.
            return false;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
    }
}

/// Rounded up, so that a sleeper never spins through its last fraction of a millisecond.
fn milliseconds(left: Duration) -> i32 {
    i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}
