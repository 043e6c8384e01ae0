//! Descriptors of memory on their way to another process: a pair of sockets beside the link, for nothing else.

use std::io;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;
use super::own::OwnMemory;
use crate::platform::InheritedEnd;

/// Bytes of the number that goes with a descriptor.
const NOTE_BYTES: usize = size_of::<u64>();

/// What goes beside the number, as the system lays it out: a header, and behind it the descriptor.
#[repr(C)]
struct About {
    header: libc::cmsghdr,
    descriptor: RawFd,
}

impl About {
    fn empty() -> Self {
        // SAFETY: all zeroes is a valid value of both.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// Length of the header and the descriptor, without what follows for alignment.
    fn bytes<T: TryFrom<usize> + Default>() -> T {
        // The type of lengths differs between C libraries.
        T::try_from(offset_of!(Self, descriptor) + size_of::<RawFd>()).unwrap_or_default()
    }

    fn is_descriptor(&self) -> bool {
        self.header.cmsg_level == libc::SOL_SOCKET && self.header.cmsg_type == libc::SCM_RIGHTS
    }
}

/// Where memory is handed over.
#[derive(Debug)]
pub struct MemoryGiver {
    socket: OwnedFd,
}

/// Where memory is taken over.
#[derive(Debug)]
pub struct MemoryTaker {
    socket: OwnedFd,
}

impl MemoryGiver {
    /// Makes the pair; the end is for the other process.
    ///
    /// # Errors
    /// What the system says when there is no descriptor left.
    pub fn pair() -> io::Result<(Self, InheritedEnd)> {
        let mut pair: [RawFd; 2] = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: there is room for two descriptors.
        check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
        // SAFETY: the descriptors are new and nobody else has them.
        let [socket, end] = pair.map(|number| unsafe { OwnedFd::from_raw_fd(number) });
        Ok((Self { socket }, InheritedEnd::from(end)))
    }

    /// Hands a descriptor of the memory over, under a number by which the other side knows it.
    ///
    /// # Errors
    /// `WouldBlock` when as many are under way as the system takes; what it says otherwise.
    pub fn give(&self, note: u64, memory: &OwnMemory) -> io::Result<()> {
        let mut note = note.to_le_bytes();
        let mut part = libc::iovec {
            iov_base: note.as_mut_ptr().cast(),
            iov_len: NOTE_BYTES,
        };
        let mut about = About::empty();
        about.header.cmsg_len = About::bytes();
        about.header.cmsg_level = libc::SOL_SOCKET;
        about.header.cmsg_type = libc::SCM_RIGHTS;
        about.descriptor = memory.file().as_raw_fd();
        let message = message_of(&mut part, &mut about);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: everything that the message names lives until the call returns.
        let sent = unsafe { libc::sendmsg(self.socket.as_raw_fd(), &raw const message, flags) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl MemoryTaker {
    /// Takes over the end that the host made, by the number of its descriptor.
    ///
    /// # Errors
    /// `InvalidData` when it is none.
    pub fn open_inherited(number: u64) -> io::Result<Self> {
        let refused = || io::Error::from(io::ErrorKind::InvalidData);
        let number = RawFd::try_from(number).map_err(|_| refused())?;
        let mut kind: libc::c_int = 0;
        let mut length = u32::try_from(size_of::<libc::c_int>()).unwrap_or_default();
        // SAFETY: any number may be asked about; there is room for the answer.
        let asked = unsafe {
            libc::getsockopt(
                number,
                libc::SOL_SOCKET,
                libc::SO_TYPE,
                (&raw mut kind).cast(),
                &raw mut length,
            )
        };
        if asked < 0 || kind != libc::SOCK_SEQPACKET {
            return Err(refused());
        }
        // SAFETY: the descriptor is open, as was just seen, and by the contract of the link handed to this caller alone.
        let socket = unsafe { OwnedFd::from_raw_fd(number) };
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        Ok(Self { socket })
    }

    /// The descriptor that was handed over under that number. What was handed over before it is let go.
    ///
    /// # Errors
    /// `WouldBlock` when it is not there, `UnexpectedEof` when the other side is gone.
    pub fn take(&self, wanted: u64) -> io::Result<OwnedFd> {
        loop {
            let (note, file) = self.next()?;
            if let Some(file) = file
                && note == wanted
            {
                return Ok(file);
            }
        }
    }

    fn next(&self) -> io::Result<(u64, Option<OwnedFd>)> {
        let mut note = [0; NOTE_BYTES];
        let mut part = libc::iovec {
            iov_base: note.as_mut_ptr().cast(),
            iov_len: NOTE_BYTES,
        };
        let mut about = About::empty();
        let mut message = message_of(&mut part, &mut about);
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: everything that the message names lives until the call returns, with the lengths it says.
        let received = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, flags) };
        if received < 0 {
            return Err(io::Error::last_os_error());
        }
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the descriptor is new and nobody else has it; there is room for one alone.
        let file = about
            .is_descriptor()
            .then(|| unsafe { OwnedFd::from_raw_fd(about.descriptor) });
        Ok((u64::from_le_bytes(note), file))
    }
}

fn message_of(part: &mut libc::iovec, about: &mut About) -> libc::msghdr {
    // SAFETY: all zeroes is a valid message without anything.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut *about).cast();
    message.msg_controllen = size_of::<About>() as _;
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd;

    fn pair() -> (MemoryGiver, MemoryTaker) {
        let (giver, end) = MemoryGiver::pair().unwrap();
        // SAFETY: the descriptor of the end is open while `end` lives; the copy is ours.
        let copy = unsafe { libc::dup(i32::try_from(end.handle_number()).unwrap()) };
        // SAFETY: as above.
        let copy = unsafe { OwnedFd::from_raw_fd(copy) };
        let number = u64::try_from(copy.into_raw_fd()).unwrap();
        (giver, MemoryTaker::open_inherited(number).unwrap())
    }

    #[test]
    fn memory_arrives_under_its_number_and_what_was_before_it_is_let_go() {
        let (giver, taker) = pair();
        let memory = OwnMemory::create(8192).unwrap();
        let other = OwnMemory::create(4096).unwrap();
        giver.give(7, &other).unwrap();
        giver.give(u64::MAX, &memory).unwrap();
        let file = std::fs::File::from(taker.take(u64::MAX).unwrap());
        assert_eq!(file.metadata().unwrap().len(), 8192);
        assert_eq!(taker.take(7).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(giver);
        assert_eq!(
            taker.take(7).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn what_the_other_side_does_not_take_is_refused_in_the_end() {
        let (giver, taker) = pair();
        let memory = OwnMemory::create(4096).unwrap();
        let refused = (0..100_000_u64).find_map(|note| giver.give(note, &memory).err());
        assert!(refused.is_some());
        assert!(taker.take(3).is_ok());
        drop(taker);
        assert!(giver.give(1, &memory).is_err());
    }
}
