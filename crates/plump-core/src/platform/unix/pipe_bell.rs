//! A bell made of a pipe, for systems without `eventfd`. Linux compiles it for its tests.
//!
//! A ring is a byte. Both ends are needed by both processes, and a child is
//! given one descriptor a bell: that is one end of a socket pair in which both ends of the pipe wait as ancillary data.
//! A named pipe opened for reading and writing would need only one descriptor, but a place in the file system that a
//! crash could leave behind.
#![cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
#![cfg_attr(any(target_os = "linux", target_os = "android"), allow(dead_code))]

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::ptr;
use std::time::Duration;

use super::inherited::retry;
use super::{InheritedEnd, Source, adopt, poll_readable, set_nonblocking};

/// Wakes one sleeper in this or another process. Level: a ring before the sleep is not lost, and the bell goes on
/// ringing until it is cleared.
#[derive(Debug)]
pub struct PipeBell {
    reader: File,
    writer: File,
}

/// Room for the two descriptors of a bell as ancillary data, aligned as the system wants it.
type Ancillary = [u64; 8];

const DESCRIPTORS: usize = 2;

impl PipeBell {
    /// A silent bell.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Self::from_ends(reader.into(), writer.into())
    }

    fn from_ends(reader: OwnedFd, writer: OwnedFd) -> io::Result<Self> {
        set_nonblocking(reader.as_fd())?;
        set_nonblocking(writer.as_fd())?;
        Ok(Self {
            reader: reader.into(),
            writer: writer.into(),
        })
    }

    /// Rings. Rings that nobody has cleared yet may merge into one.
    pub fn ring(&self) {
        // The reading end is ours as well, so there is no broken pipe and no signal.
        if retry(|| (&self.writer).write(&[1])).is_err() {
            // Full: nobody clears it, for whoever hears every ring (`Interest::EveryRing`) need not. It rings
            // already, but only a byte that comes anew is heard anew.
            self.clear();
            let _ = retry(|| (&self.writer).write(&[1]));
        }
    }

    /// Makes the bell silent.
    pub fn clear(&self) {
        let mut rings = [0; 64];
        while let Ok(read) = retry(|| (&self.reader).read(&mut rings)) {
            if read < rings.len() {
                break;
            }
        }
    }

    /// Waits for a ring without clearing it; `false` when `timeout` passed first. `None` waits for ever.
    #[allow(clippy::must_use_candidate)] // who waits for ever knows the answer
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        poll_readable(self.reader.as_raw_fd(), timeout)
    }

    /// What to register with a [`super::Reactor`]; valid as long as `self`.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.reader.as_raw_fd())
    }

    pub(in crate::platform) fn descriptor(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// The same bell for a child.
    ///
    /// # Errors
    /// Usually too many open files.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        let (sender, carrier) = UnixDatagram::pair()?;
        send(&sender, [self.reader.as_raw_fd(), self.writer.as_raw_fd()])?;
        Ok(OwnedFd::from(carrier).into())
    }

    /// In a worker: opens the bell that came as the inherited descriptor `number`.
    ///
    /// # Errors
    /// `EBADF` when it is not open, `InvalidInput` when it is not a bell.
    pub fn open_inherited(number: u64) -> io::Result<Self> {
        let carrier = UnixDatagram::from(adopt(number)?);
        carrier.set_nonblocking(true)?;
        let [reader, writer] = receive(&carrier)?;
        Self::from_ends(reader, writer)
    }
}

fn message(byte: &mut libc::iovec, ancillary: &mut Ancillary) -> libc::msghdr {
    // SAFETY: a `msghdr` of zeros is valid: no name, no data, no ancillary data.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = byte;
    message.msg_iovlen = 1;
    message.msg_control = ancillary.as_mut_ptr().cast();
    // SAFETY: CMSG_SPACE only computes.
    let space = unsafe { libc::CMSG_SPACE(payload_bytes()) };
    message.msg_controllen = space as _;
    message
}

#[allow(clippy::cast_possible_truncation)] // eight
const fn payload_bytes() -> libc::c_uint {
    (DESCRIPTORS * size_of::<RawFd>()) as libc::c_uint
}

fn send(socket: &UnixDatagram, descriptors: [RawFd; DESCRIPTORS]) -> io::Result<()> {
    let mut byte = [0_u8];
    let mut data = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut ancillary: Ancillary = [0; 8];
    let message = message(&mut data, &mut ancillary);
    // SAFETY: `message` names `ancillary`, which is large enough for one header.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: CMSG_LEN only computes.
    let length = unsafe { libc::CMSG_LEN(payload_bytes()) };
    // Filled field by field: some C libraries have padding fields between these.
    let mut filled = zeroed_header();
    filled.cmsg_len = length as _;
    filled.cmsg_level = libc::SOL_SOCKET;
    filled.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: CMSG_FIRSTHDR gave the aligned start of `ancillary`, which nobody else uses now.
    unsafe { ptr::write(header, filled) };
    // SAFETY: the header lies in `ancillary`; its data follows inside the space that CMSG_SPACE asked for.
    let payload = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: `payload` has room for the descriptors, as CMSG_SPACE computed.
    unsafe { ptr::write_unaligned(payload.cast(), descriptors) };
    // SAFETY: everything that `message` names is alive until the end of this function.
    if unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn receive(socket: &UnixDatagram) -> io::Result<[OwnedFd; DESCRIPTORS]> {
    let mut byte = [0_u8];
    let mut data = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut ancillary: Ancillary = [0; 8];
    let mut message = message(&mut data, &mut ancillary);
    // SAFETY: everything that `message` names is alive and writable until the end of this function.
    if unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, RECEIVE_FLAGS) } < 0 {
        let error = io::Error::last_os_error();
        return Err(match error.kind() {
            io::ErrorKind::WouldBlock => not_a_bell(),
            _ => error,
        });
    }
    // SAFETY: recvmsg has set the length of what it wrote to `ancillary`.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if header.is_null() {
        return Err(not_a_bell());
    }
    // SAFETY: a header that is not null lies whole in `ancillary`.
    let about = unsafe { ptr::read(header) };
    // SAFETY: CMSG_LEN only computes.
    let length = unsafe { libc::CMSG_LEN(payload_bytes()) };
    // The field's type is not the same on every system.
    #[allow(clippy::useless_conversion)]
    let complete =
        usize::try_from(about.cmsg_len).is_ok_and(|had| u32::try_from(had) == Ok(length));
    if about.cmsg_type != libc::SCM_RIGHTS || !complete {
        return Err(not_a_bell());
    }
    // SAFETY: the data of the header follows it inside `ancillary`.
    let payload = unsafe { libc::CMSG_DATA(header) };
    // SAFETY: `cmsg_len` says that two descriptors lie here.
    let [reader, writer]: [RawFd; DESCRIPTORS] = unsafe { ptr::read_unaligned(payload.cast()) };
    // SAFETY: the system has just made this descriptor for us.
    let reader = unsafe { OwnedFd::from_raw_fd(reader) };
    // SAFETY: the system has just made this descriptor for us.
    let writer = unsafe { OwnedFd::from_raw_fd(writer) };
    for end in [&reader, &writer] {
        // SAFETY: F_SETFD takes no pointer and the descriptor is ours.
        if unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok([reader, writer])
}

fn zeroed_header() -> libc::cmsghdr {
    // SAFETY: a `cmsghdr` is integers only; zeros are valid.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const RECEIVE_FLAGS: libc::c_int = libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RECEIVE_FLAGS: libc::c_int = 0;

fn not_a_bell() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the inherited descriptor is not a bell",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Interest, Reactor};
    use std::os::fd::IntoRawFd;
    use std::time::Instant;

    const SOON: Option<Duration> = Some(Duration::from_millis(20));

    #[test]
    fn a_ring_before_the_wait_is_not_lost() {
        let bell = PipeBell::new().expect("a bell");
        assert!(!bell.wait(SOON), "a new bell is silent");
        bell.ring();
        assert!(bell.wait(None));
        assert!(bell.wait(None), "waiting does not clear");
        bell.clear();
        assert!(!bell.wait(SOON));
    }

    #[test]
    fn a_bell_that_is_rung_a_hundred_thousand_times_never_waits() {
        let bell = PipeBell::new().expect("a bell");
        for _ in 0..100_000 {
            bell.ring();
        }
        assert!(bell.wait(None));
        bell.clear();
        assert!(!bell.wait(SOON), "one clear takes every ring");
    }

    #[test]
    fn who_hears_every_ring_hears_those_after_the_pipe_is_full() {
        let bell = PipeBell::new().expect("a bell");
        let reactor = Reactor::new().expect("a reactor");
        reactor.register(1, bell.source()).expect("registered");
        reactor
            .arm(1, bell.source(), Interest::EveryRing)
            .expect("armed");
        for _ in 0..100_000 {
            bell.ring();
        }
        let mut heard = Vec::new();
        reactor.wait(&mut heard, None).expect("a wait");
        assert_eq!(heard.len(), 1);
        for _ in 0..100_000 {
            heard.clear();
            bell.ring();
            let deadline = Instant::now() + Duration::from_secs(20);
            reactor.wait(&mut heard, Some(deadline)).expect("a wait");
            assert_eq!(heard.len(), 1);
        }
        reactor.deregister(bell.source());
    }

    #[test]
    fn both_holders_of_an_inherited_bell_ring_and_hear() {
        let bell = PipeBell::new().expect("a bell");
        let end = bell.inherit().expect("an end");
        let number = duplicate(end.as_raw());
        drop(end);
        let other = PipeBell::open_inherited(number).expect("the same bell");
        bell.ring();
        assert!(other.wait(None));
        other.clear();
        assert!(!bell.wait(SOON));
        other.ring();
        assert!(bell.wait(None));
    }

    #[test]
    fn a_socket_without_a_bell_in_it_is_refused() {
        let (_keep, empty) = UnixDatagram::pair().expect("a pair");
        let number = OwnedFd::from(empty).into_raw_fd();
        let refused = PipeBell::open_inherited(u64::from(number.unsigned_abs()));
        assert_eq!(
            refused.map(drop).map_err(|error| error.kind()),
            Err(io::ErrorKind::InvalidInput)
        );
    }

    /// A number that nobody owns, as a child finds it.
    fn duplicate(descriptor: RawFd) -> u64 {
        // SAFETY: F_DUPFD_CLOEXEC takes no pointer.
        let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) };
        assert!(copy >= 0);
        u64::from(copy.unsigned_abs())
    }
}
