//! Mappings at addresses that suit large pages, and addresses that are kept for some to come.

use std::fs::File;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use super::{LARGE_PAGE, PAGE, SEALS, ask_for, check, make_pages};

/// A mapping at an address that lies as far behind a large page's boundary as its bytes do in the file: only so can both
/// have large pages.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread, and is only reachable as a raw pointer, whose users
// say themselves how they keep apart.
unsafe impl Send for Mapping {}
// SAFETY: as above; there are no methods on `&self` that touch the bytes, but `replace`, which is one system call.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` from `offset` on, which lies on a page's boundary; `sharing` is `MAP_SHARED` or `MAP_PRIVATE`.
    pub(super) fn new(
        file: &OwnedFd,
        offset: usize,
        bytes: usize,
        sharing: libc::c_int,
    ) -> io::Result<Self> {
        let place = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mapping = Self::reserve(offset, bytes)?;
        // SAFETY: replaces the mapping that was just made and that nobody else knows.
        let mapped = unsafe {
            libc::mmap(
                mapping.start.as_ptr().cast(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                sharing | libc::MAP_FIXED | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                place,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(mapping)
    }

    /// Addresses for `bytes` of a file from `offset` on. Nothing is behind them but zeroes, which can't be written.
    pub(super) fn reserve(offset: usize, bytes: usize) -> io::Result<Self> {
        let refused = || io::Error::from(io::ErrorKind::InvalidInput);
        let room = bytes.checked_add(LARGE_PAGE).ok_or_else(refused)?;
        // SAFETY: a new mapping of nothing at an address of the system's choice.
        let reserved = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                room,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if reserved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let reserved = reserved.cast::<u8>();
        let before = offset.wrapping_sub(reserved.addr()) % LARGE_PAGE;
        let after = LARGE_PAGE - before;
        // SAFETY: `before` is less than `LARGE_PAGE`, so the place and `bytes` behind it lie in what was just mapped.
        let start = unsafe { reserved.add(before) };
        if before > 0 {
            // SAFETY: the part before `start`, which nobody uses.
            unsafe { libc::munmap(reserved.cast(), before) };
        }
        let end = bytes.next_multiple_of(PAGE);
        if after > end - bytes {
            // SAFETY: `before + end` is at most `room`, rounded to a page.
            let tail = unsafe { start.add(end) };
            // SAFETY: the part behind the last page, which nobody uses.
            unsafe { libc::munmap(tail.cast(), after - (end - bytes)) };
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    /// Where it starts. Never make a reference to plain bytes out of it where another process can write them.
    pub(super) fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Moves to addresses that were kept for a mapping of that form; `false` when this one has another, or can't be moved.
    fn move_to(&mut self, room: Room, form: RoomForm) -> bool {
        if room.form != form {
            return false;
        }
        debug_assert_eq!(self.bytes, room.mapping.bytes);
        // Never unmapped as such: where the call fails, what was there may be gone already, and the addresses another's.
        let place = ManuallyDrop::new(room.mapping);
        // SAFETY: both are mappings that `reserve` made, of one size. Whoever uses `self` by its pointer holds it and
        // can't while it is borrowed here; what used `place` finds the other's bytes there from now on.
        let moved = unsafe {
            libc::mremap(
                self.start.as_ptr().cast(),
                self.bytes,
                self.bytes,
                libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
                place.start.as_ptr(),
            )
        };
        if moved == libc::MAP_FAILED {
            return false;
        }
        self.start = place.start;
        true
    }

    /// Puts memory of this process alone in the place of the file's, in one step: who still reads there reads zeroes.
    pub(super) fn replace(&self) -> io::Result<()> {
        // SAFETY: exactly the mapping that `new` made. It stays mapped, readable and writable throughout, so no access of
        // others can fail; that the bytes change is what they were told.
        let mapped = unsafe {
            libc::mmap(
                self.start.as_ptr().cast(),
                self.bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this address and size, and whoever uses the pointer keeps `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// What addresses a mapping needs: those of another one with the same form would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomForm {
    /// How far it begins behind a large page's boundary.
    place: usize,
    bytes: usize,
    /// Bytes before those that are shown, and how many are.
    skipped: usize,
    shown: usize,
}

/// Addresses for a mapping to come; until then there are zeroes, which can't be written.
#[derive(Debug)]
pub struct Room {
    mapping: Mapping,
    form: RoomForm,
}

impl Room {
    /// Addresses for a mapping of that form.
    ///
    /// # Errors
    /// What the system says when there are none left.
    pub fn new(form: RoomForm) -> io::Result<Self> {
        let mapping = Mapping::reserve(form.place, form.bytes)?;
        Ok(Self { mapping, form })
    }

    /// Where the bytes will be.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        // SAFETY: the skipped bytes are part of the mapping.
        unsafe { self.mapping.start.as_ptr().add(self.form.skipped) }
    }

    /// How many there will be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.form.shown
    }

    /// Never: no mapping of 0 bytes is made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// A part of a memory file that is mapped by itself.
#[derive(Debug)]
pub struct MappedPart {
    mapping: Mapping,
    form: RoomForm,
}

impl MappedPart {
    /// Maps `length` bytes from `offset` on of a file that was handed over. What is written to it is seen here alone, and
    /// forgotten with it.
    ///
    /// # Errors
    /// `InvalidData` when the file is not sealed or not as long as that; what the system says when it can't be mapped.
    pub fn lent(file: OwnedFd, offset: usize, length: usize) -> io::Result<Self> {
        let refused = || io::Error::from(io::ErrorKind::InvalidData);
        // SAFETY: the descriptor is open; only memory files have seals.
        let seals = check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) })
            .map_err(|_| refused())?;
        let file = File::from(file);
        let end = offset.checked_add(length).ok_or_else(refused)?;
        if seals & SEALS != SEALS || length == 0 || end as u64 > file.metadata()?.len() {
            return Err(refused());
        }
        let skipped = offset % PAGE;
        let form = RoomForm {
            place: (offset - skipped) % LARGE_PAGE,
            bytes: length + skipped,
            skipped,
            shown: length,
        };
        let file = OwnedFd::from(file);
        let mapping = Mapping::new(&file, offset - skipped, form.bytes, libc::MAP_PRIVATE)?;
        Ok(Self { mapping, form })
    }

    /// What addresses it needs.
    #[must_use]
    pub fn form(&self) -> RoomForm {
        self.form
    }

    /// Moves to addresses that were kept for it; `false` when they are none for this one, or it can't be moved.
    #[must_use]
    pub fn move_to(&mut self, room: Room) -> bool {
        self.mapping.move_to(room, self.form)
    }

    /// Copies its first bytes until `into` is full.
    ///
    /// # Panics
    /// When there are not so many bytes.
    pub fn copy_out(&self, into: &mut [MaybeUninit<u8>]) {
        assert!(into.len() <= self.form.shown);
        let start = self.as_ptr();
        // SAFETY: so many bytes lie inside, as was just seen; `into` is memory of its own.
        unsafe { std::ptr::copy_nonoverlapping(start, into.as_mut_ptr().cast(), into.len()) };
    }

    /// Where the bytes are.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        // SAFETY: the skipped bytes are part of the mapping.
        unsafe { self.mapping.start.as_ptr().add(self.form.skipped) }
    }
}

/// Memory of this process alone, with large pages where they can be had.
#[derive(Debug)]
pub struct PrivateMemory {
    mapping: Mapping,
    /// Whether it has its pages.
    ready: bool,
}

impl PrivateMemory {
    /// Addresses for `bytes`; the pages come when they are written, or by [`PrivateMemory::prepare`].
    ///
    /// # Errors
    /// `OutOfMemory` for more than the machine has available, `InvalidInput` for more than can be addressed, and what the
    /// system says when there are no addresses left.
    pub fn new(bytes: usize) -> io::Result<Self> {
        ask_for(bytes)?;
        let mapping = Mapping::reserve(0, bytes)?;
        mapping.replace()?;
        let ready = false;
        Ok(Self { mapping, ready })
    }

    /// Makes the pages, the first time: large ones as far as they can be had quickly. A wish: what can't be had now comes
    /// when it is written.
    pub fn prepare(&mut self) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        let advise = |at: usize, length: usize, advice: libc::c_int| {
            // SAFETY: the range lies inside of the mapping.
            let start = unsafe { self.mapping.as_ptr().add(at) };
            // SAFETY: the range is mapped, on pages' boundaries; the advice changes no byte of it.
            unsafe { libc::madvise(start.cast(), length, advice) == 0 }
        };
        let whole = self.mapping.len();
        advise(0, whole, libc::MADV_HUGEPAGE);
        let made = make_pages(whole / LARGE_PAGE, |page| {
            let at = page * LARGE_PAGE;
            Ok(advise(at, LARGE_PAGE, libc::MADV_POPULATE_WRITE))
        });
        let done = made.unwrap_or(0) * LARGE_PAGE;
        if done < whole / LARGE_PAGE * LARGE_PAGE {
            // All of it, though it matters for the rest alone: only a mapping that is one can be moved.
            advise(0, whole, libc::MADV_NOHUGEPAGE);
        }
        if done < whole {
            advise(done, whole - done, libc::MADV_POPULATE_WRITE);
        }
    }

    /// Where it starts.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ptr()
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Never: nobody asks for 0 bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What addresses it needs to show its first `shown` bytes.
    #[must_use]
    pub fn form(&self, shown: usize) -> RoomForm {
        RoomForm {
            place: 0,
            bytes: self.mapping.len(),
            skipped: 0,
            shown,
        }
    }

    /// Moves to addresses that were kept for it and `shown` bytes; `false` when they are none for this one, or it can't be
    /// moved.
    #[must_use]
    pub fn move_to(&mut self, room: Room, shown: usize) -> bool {
        self.mapping.move_to(room, self.form(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_zero_until_it_is_written_and_moves_with_what_is_in_it() {
        for bytes in [PAGE, LARGE_PAGE + PAGE, 5 * LARGE_PAGE] {
            let mut memory = PrivateMemory::new(bytes).unwrap();
            assert!(memory.as_ptr().addr().is_multiple_of(LARGE_PAGE));
            memory.prepare();
            for at in [0, bytes / 2, bytes - 1] {
                let place = memory.as_ptr().wrapping_add(at);
                // SAFETY: inside of the memory, which nobody else uses.
                assert_eq!(unsafe { place.read() }, 0);
                // SAFETY: as above.
                unsafe { place.write(7) };
            }
            memory.prepare();
            let room = Room::new(memory.form(bytes - 9)).unwrap();
            let place = room.as_ptr();
            assert_eq!(room.len(), bytes - 9);
            assert!(memory.move_to(room, bytes - 9));
            assert_eq!((memory.as_ptr(), memory.len()), (place, bytes));
            for at in [0, bytes / 2, bytes - 1] {
                // SAFETY: as above.
                assert_eq!(unsafe { place.wrapping_add(at).read() }, 7);
            }
            let other = Room::new(memory.form(bytes)).unwrap();
            assert!(!memory.move_to(other, bytes - 9));
            assert_eq!(memory.as_ptr(), place);
        }
        assert!(PrivateMemory::new(usize::MAX).is_err());
        assert!(PrivateMemory::new(1 << 46).is_err());
    }
}
