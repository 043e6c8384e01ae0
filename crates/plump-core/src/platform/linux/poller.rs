//! epoll as the reactor uses it, with the names of the `polling` crate, which macOS uses.
//!
//! Not `polling` itself: it reads its notifier, arms it again, sets a timer descriptor and arms that in every single
//! wait, four system calls on a way that an answer takes twice. Here a wait is one. The notifier is edge-triggered and
//! never read, since every write to an eventfd is an edge.
//!
//! System calls: `epoll_create1`, `eventfd`, `epoll_ctl`, `epoll_pwait2` (`epoll_wait` before Linux 5.11), `write`.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The key of the notifier.
const NOTIFIER: u64 = u64::MAX;

/// How often a source reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform) enum PollMode {
    /// Once, then it is silent until modified.
    Oneshot,
    /// Every time that something new comes, for ever.
    Edge,
}

/// What a source is watched for, and what it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Event {
    pub key: usize,
    pub readable: bool,
    pub writable: bool,
}

impl Event {
    pub fn readable(key: usize) -> Self {
        Self {
            key,
            readable: true,
            writable: false,
        }
    }

    pub fn writable(key: usize) -> Self {
        Self {
            key,
            readable: false,
            writable: true,
        }
    }
}

/// Room for reports.
pub(in crate::platform) struct Events {
    list: Vec<libc::epoll_event>,
    most: usize,
}

impl Events {
    pub fn with_capacity(most: NonZeroUsize) -> Self {
        Self {
            list: Vec::with_capacity(most.get()),
            most: most.get(),
        }
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        const GONE: u32 = (libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP).cast_unsigned();
        self.list
            .iter()
            .filter(|report| { report.u64 } != NOTIFIER)
            .map(|report| {
                let events = report.events;
                Event {
                    key: usize::try_from(report.u64).unwrap_or(usize::MAX),
                    readable: events & (libc::EPOLLIN.cast_unsigned() | GONE) != 0,
                    writable: events & (libc::EPOLLOUT.cast_unsigned() | GONE) != 0,
                }
            })
    }
}

/// An epoll instance and its notifier.
#[derive(Debug)]
pub(in crate::platform) struct Poller {
    epoll: OwnedFd,
    notifier: OwnedFd,
    old_kernel: AtomicBool,
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: no pointers.
        let notifier = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let poller = Self {
            epoll,
            notifier,
            old_kernel: AtomicBool::new(false),
        };
        let events = (libc::EPOLLIN | libc::EPOLLET).cast_unsigned();
        poller.control(
            libc::EPOLL_CTL_ADD,
            poller.notifier.as_raw_fd(),
            events,
            NOTIFIER,
        )?;
        Ok(poller)
    }

    fn control(&self, operation: i32, descriptor: RawFd, events: u32, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: key };
        // SAFETY: `event` is valid for the call, which copies it.
        let status = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                operation,
                descriptor,
                &raw mut event,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// # Safety
    /// The descriptor must be deleted before it is closed.
    pub unsafe fn add_with_mode(
        &self,
        descriptor: RawFd,
        event: Event,
        mode: PollMode,
    ) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            descriptor,
            bits(event, mode),
            event.key as u64,
        )
    }

    pub fn modify_with_mode(
        &self,
        descriptor: BorrowedFd<'_>,
        event: Event,
        mode: PollMode,
    ) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_MOD,
            descriptor.as_raw_fd(),
            bits(event, mode),
            event.key as u64,
        )
    }

    pub fn delete(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, descriptor.as_raw_fd(), 0, 0)
    }

    /// Wakes `wait`, or lets the next one return at once.
    pub fn notify(&self) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: eight bytes, as an eventfd takes them.
        let written =
            unsafe { libc::write(self.notifier.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        if written < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits for reports, at most `timeout`. Returns early, with none, after a signal.
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.list.clear();
        events.list.reserve(events.most);
        let most = i32::try_from(events.most).unwrap_or(i32::MAX);
        let count = self.wait_raw(events.list.as_mut_ptr(), most, timeout);
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => 0,
                error => return Err(error),
            },
        };
        // SAFETY: the system has written that many reports, no more than there was room for.
        unsafe { events.list.set_len(count) };
        Ok(())
    }

    fn wait_raw(
        &self,
        list: *mut libc::epoll_event,
        most: i32,
        timeout: Option<Duration>,
    ) -> libc::c_long {
        if !self.old_kernel.load(Ordering::Relaxed) {
            let spec = timeout.map(|timeout| libc::timespec {
                // 68 years are enough, and fit every C library's type.
                tv_sec: timeout.as_secs().try_into().unwrap_or(i32::MAX.into()),
                tv_nsec: timeout.subsec_nanos().into(),
            });
            let spec = spec.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: there is room for `most` reports at `list`; the time, where there is one, lives until after the call.
            let count = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.epoll.as_raw_fd(),
                    list,
                    most,
                    spec,
                    ptr::null::<libc::sigset_t>(),
                    0_usize,
                )
            };
            let refused = count < 0
                && matches!(
                    io::Error::last_os_error().raw_os_error(),
                    Some(libc::ENOSYS | libc::EPERM)
                );
            if !refused {
                return count;
            }
            self.old_kernel.store(true, Ordering::Relaxed);
        }
        // Up, not down: a wait that ends a little early would only be begun again.
        let milliseconds = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: there is room for `most` reports at `list`.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), list, most, milliseconds) };
        count.into()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

fn owned(descriptor: RawFd) -> io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made it, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn bits(event: Event, mode: PollMode) -> u32 {
    let mut bits = match mode {
        PollMode::Oneshot => libc::EPOLLONESHOT,
        PollMode::Edge => libc::EPOLLET,
    };
    if event.readable {
        bits |= libc::EPOLLIN | libc::EPOLLRDHUP;
    }
    if event.writable {
        bits |= libc::EPOLLOUT;
    }
    bits.cast_unsigned()
}
