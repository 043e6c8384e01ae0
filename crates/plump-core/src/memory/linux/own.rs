//! Memory files that only their maker can write.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::mapping::Mapping;
use super::{LARGE_PAGE, MADV_COLLAPSE, PAGE, SEALS, allocate, ask_for, check, memory_file};

/// In addition to the size: no new way to write to the file can be had any more, by nobody. What was mapped before stays.
const OWN_SEALS: libc::c_int = SEALS | libc::F_SEAL_FUTURE_WRITE;

/// Where memory of [`OwnMemory`] is mapped in its maker; it outlives the file where somebody still looks at it.
#[derive(Debug)]
pub struct OwnMapping(Mapping);

impl OwnMapping {
    /// Where the memory starts, on a large page's boundary. Only this process can write it.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: memory of 0 bytes is not made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// A piece of memory that only its maker can ever write; whom it is handed to may read it.
///
/// Ownership: the pages go when this is dropped and nobody has a mapping of it; for its maker's, see
/// [`OwnMemory::let_go`].
#[derive(Debug)]
pub struct OwnMemory {
    file: OwnedFd,
    mapping: Arc<OwnMapping>,
}

impl OwnMemory {
    /// Makes room for `bytes`, of which nothing is reserved yet. What is used of it must be reserved before.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than can be addressed; what the system says when there is no descriptor or no
    /// room among the addresses left, or when it can't seal (before Linux 5.1).
    pub fn create(bytes: usize) -> io::Result<Self> {
        let refused = || io::Error::from(io::ErrorKind::InvalidInput);
        let size = libc::off_t::try_from(bytes).map_err(|_| refused())?;
        if size == 0 {
            return Err(refused());
        }
        let file = memory_file()?;
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::ftruncate(file.as_raw_fd(), size) })?;
        let mapping = Mapping::new(&file, 0, bytes, libc::MAP_SHARED)?;
        // Nobody else has the file yet, so it may be sealed after it was mapped, and must be: no later mapping can write.
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, OWN_SEALS) })?;
        Ok(Self {
            file,
            mapping: Arc::new(OwnMapping(mapping)),
        })
    }

    /// Reserves the pages of `length` bytes from `offset` on, which lie inside, as large pages where they can be had:
    /// they are quicker to make, and to map, by hundreds of times.
    ///
    /// # Errors
    /// `OutOfMemory` for more than the machine has available, and what the system says when there is no memory left.
    pub fn reserve(&self, offset: usize, length: usize) -> io::Result<()> {
        let end = offset
            .checked_add(length)
            .filter(|end| length > 0 && *end <= self.mapping.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        ask_for(length)?;
        let first = offset.next_multiple_of(LARGE_PAGE);
        let last = end / LARGE_PAGE * LARGE_PAGE;
        if first < last {
            // A range without any page can't be made large.
            for place in (first..last).step_by(LARGE_PAGE) {
                allocate(&self.file, 0, place, PAGE)?;
            }
            // SAFETY: the range lies inside the mapping.
            let start = unsafe { self.mapping.as_ptr().add(first) };
            // A wish: what stays small is reserved below.
            // SAFETY: the range is mapped, on pages' boundaries; the advice changes no byte of it.
            unsafe { libc::madvise(start.cast(), last - first, MADV_COLLAPSE) };
        }
        allocate(&self.file, 0, offset, length)
    }

    /// Where it is mapped here.
    #[must_use]
    pub fn mapping(&self) -> &Arc<OwnMapping> {
        &self.mapping
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives the pages back to the system, also where somebody in this process still looks at them: he reads zeroes from
    /// now on.
    ///
    /// # Errors
    /// What the system says; the pages go with the last mapping then.
    pub fn let_go(self) -> io::Result<()> {
        if Arc::strong_count(&self.mapping) > 1 {
            self.mapping.0.replace()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MappedPart, Room};
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::FromRawFd;

    /// The file as another process has it.
    fn copy_of(memory: &OwnMemory) -> OwnedFd {
        memory.file().try_clone_to_owned().unwrap()
    }

    fn map(file: &OwnedFd, bytes: usize, protection: libc::c_int, sharing: libc::c_int) -> bool {
        // SAFETY: a new mapping at an address of the system's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                protection,
                sharing,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return false;
        }
        // What could be made writable later would be as bad.
        // SAFETY: the mapping was just made.
        let later = unsafe { libc::mprotect(start, bytes, libc::PROT_READ | libc::PROT_WRITE) };
        // SAFETY: as above.
        unsafe { libc::munmap(start, bytes) };
        later == 0
    }

    #[test]
    fn nobody_else_can_write_resize_or_empty_it() {
        let bytes = 3 * LARGE_PAGE;
        let memory = OwnMemory::create(bytes).unwrap();
        memory.reserve(0, bytes).unwrap();
        let theirs = copy_of(&memory);
        let (read, write) = (libc::PROT_READ, libc::PROT_WRITE);
        assert!(!map(&theirs, bytes, read | write, libc::MAP_SHARED));
        assert!(!map(&theirs, bytes, read, libc::MAP_SHARED));
        assert!(map(&theirs, bytes, read | write, libc::MAP_PRIVATE));
        let number = theirs.as_raw_fd();
        // SAFETY: the descriptor is open.
        assert!(unsafe { libc::ftruncate(number, 4096) } < 0);
        // SAFETY: as above.
        assert!(unsafe { libc::ftruncate(number, 1 << 30) } < 0);
        let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        assert!(allocate(&theirs, punch, 0, 4096).is_err());
        assert!(File::from(theirs.try_clone().unwrap()).write(&[1]).is_err());
        // Opened a second time it is the same file.
        let path = std::ffi::CString::new(format!("/proc/self/fd/{number}")).unwrap();
        // SAFETY: the path ends with a zero.
        let again = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        if again >= 0 {
            // SAFETY: the descriptor is new.
            let again = unsafe { OwnedFd::from_raw_fd(again) };
            assert!(!map(&again, bytes, read | write, libc::MAP_SHARED));
            assert!(File::from(again).write(&[1]).is_err());
        }
    }

    #[test]
    fn what_is_written_to_a_lent_part_is_seen_there_alone_and_forgotten_with_it() {
        let memory = OwnMemory::create(3 * LARGE_PAGE).unwrap();
        memory
            .reserve(LARGE_PAGE - 4096, LARGE_PAGE + 4096)
            .unwrap();
        let at = LARGE_PAGE - 8;
        // SAFETY: inside, reserved, and nobody else uses it.
        let ours = unsafe { memory.mapping().as_ptr().add(at) };
        for round in 1..4_u8 {
            // SAFETY: as above.
            unsafe { ours.write_bytes(round, 5000) };
            let lent = MappedPart::lent(copy_of(&memory), at, 5000).unwrap();
            for place in [0, 4999] {
                let (theirs, ours) = (lent.as_ptr().wrapping_add(place), ours.wrapping_add(place));
                // SAFETY: inside of the mapping, which lives.
                assert_eq!(unsafe { theirs.read() }, round);
                // SAFETY: as above.
                unsafe { theirs.write(99) };
                // SAFETY: inside, reserved, and nobody else writes it.
                assert_eq!(unsafe { ours.read() }, round);
            }
        }
        assert!(MappedPart::lent(copy_of(&memory), at, 3 * LARGE_PAGE).is_err());
        assert!(MappedPart::lent(copy_of(&memory), usize::MAX, 2).is_err());
    }

    #[test]
    fn a_lent_part_moves_to_addresses_that_were_kept_for_it() {
        let memory = OwnMemory::create(3 * LARGE_PAGE).unwrap();
        memory.reserve(0, 3 * LARGE_PAGE).unwrap();
        let (at, length) = (LARGE_PAGE - 4096 - 8, LARGE_PAGE + 5000);
        let ours = memory.mapping().as_ptr().wrapping_add(at);
        // SAFETY: inside, reserved, and nobody else uses it.
        unsafe { ours.write_bytes(1, length) };
        let first = MappedPart::lent(copy_of(&memory), at, length).unwrap();
        // SAFETY: inside of the mapping, which lives.
        unsafe { first.as_ptr().write(99) };
        let room = Room::new(first.form()).unwrap();
        let place = room.as_ptr();
        assert_eq!(room.len(), length);
        for offset in [0, length - 1] {
            // SAFETY: inside of the room, which can be read.
            assert_eq!(unsafe { place.wrapping_add(offset).read() }, 0);
        }
        // SAFETY: inside, reserved, and nobody else uses it.
        unsafe { ours.write_bytes(2, length) };
        let mut second = MappedPart::lent(copy_of(&memory), at, length).unwrap();
        assert!(second.move_to(room));
        assert_eq!(second.as_ptr(), place);
        for offset in [0, 4096, length - 1] {
            let byte = place.wrapping_add(offset);
            // SAFETY: inside of the mapping, which lives.
            assert_eq!(unsafe { byte.read() }, 2);
            // SAFETY: as above.
            unsafe { byte.write(98) };
            // SAFETY: inside, reserved, and nobody else writes it.
            assert_eq!(unsafe { ours.wrapping_add(offset).read() }, 2);
        }
        // SAFETY: inside of the mapping, which lives.
        assert_eq!(unsafe { first.as_ptr().read() }, 99);
        for other in [
            MappedPart::lent(copy_of(&memory), at - 8, length).unwrap(),
            MappedPart::lent(copy_of(&memory), at, length - 8).unwrap(),
        ] {
            assert!(!second.move_to(Room::new(other.form()).unwrap()));
        }
        assert_eq!(second.as_ptr(), place);
    }

    #[test]
    fn memory_that_was_let_go_can_still_be_looked_at() {
        let memory = OwnMemory::create(LARGE_PAGE).unwrap();
        memory.reserve(0, LARGE_PAGE).unwrap();
        let mapping = Arc::clone(memory.mapping());
        // SAFETY: inside and reserved.
        unsafe { mapping.as_ptr().write(7) };
        memory.let_go().unwrap();
        // SAFETY: still mapped.
        assert_eq!(unsafe { mapping.as_ptr().read() }, 0);
        // SAFETY: as above.
        unsafe { mapping.as_ptr().write(8) };
    }
}
