//! Sealed memory files.

mod handing;
mod mapping;
mod own;

pub use handing::{MemoryGiver, MemoryTaker};
pub use mapping::{MappedPart, PrivateMemory, Room, RoomForm};
pub use own::{OwnMapping, OwnMemory};

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mapping::Mapping;

use crate::platform::{InheritedEnd, monotonic_ns};

/// What must be sealed before anything is mapped: the size, and the seals themselves.
const SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

/// From here on the machine is asked first whether it has so much: the kernel reserves page by page and, with none left,
/// would rather end other processes than refuse. Asking costs a tenth of reserving this much.
const LARGE: usize = 16 << 20;

/// Shown in `/proc/PID/maps`, never looked up.
const NAME: &CStr = c"plump-ipc";

/// A piece of memory that another process can map as well. Its size never changes; its bytes may, at any moment.
///
/// Ownership: dropping it unmaps the memory here; the memory itself goes when the last process has let go of it.
#[derive(Debug)]
pub struct SharedMemory {
    mapping: Mapping,
    /// None once it was closed.
    file: Mutex<Option<OwnedFd>>,
}

impl SharedMemory {
    /// Whether this system has it.
    #[must_use]
    pub fn available() -> bool {
        true
    }

    /// Makes `bytes` of zeroed memory, with every page reserved.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than can be addressed, `OutOfMemory` for more than the machine has available,
    /// and what the system says when there is no memory or no descriptor left (here, and not as a SIGBUS later).
    pub fn create(bytes: usize) -> io::Result<Self> {
        let memory = Self::create_sparse(bytes)?;
        memory.reserve(0, bytes)?;
        Ok(memory)
    }

    /// Makes room for `bytes` of which nothing is reserved yet: it costs addresses and no memory. What is used of it must
    /// be reserved before.
    ///
    /// # Errors
    /// `InvalidInput` for 0 bytes or more than can be addressed, and what the system says when there is no descriptor or
    /// no room among the addresses left.
    pub fn create_sparse(bytes: usize) -> io::Result<Self> {
        let size = libc::off_t::try_from(bytes)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "shared memory of 0 or too many bytes",
                )
            })?;
        let file = memory_file()?;
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::ftruncate(file.as_raw_fd(), size) })?;
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
        Self::map(file, bytes)
    }

    /// Reserves the pages of `length` bytes from `offset` on, which lie inside.
    ///
    /// # Errors
    /// `OutOfMemory` for more than the machine has available, and what the system says when there is no memory left.
    pub fn reserve(&self, offset: usize, length: usize) -> io::Result<()> {
        ask_for(length)?;
        self.allocate(0, offset, length)
    }

    /// Reserves large pages for `length` bytes from `offset` on, which lie inside, as far as they can be had quickly; says
    /// how many bytes those are. They can be written at once. What is left must be reserved, or written by
    /// [`SharedMemory::write`].
    ///
    /// # Errors
    /// As [`SharedMemory::reserve`].
    pub fn reserve_large(&self, offset: usize, length: usize) -> io::Result<usize> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let (offset, length) = self.inside(offset, length).ok_or_else(outside)?;
        ask_for(length)?;
        if !offset.is_multiple_of(LARGE_PAGE) {
            return Ok(0);
        }
        self.with_file(|file| make_large(file, &self.mapping, offset, length))
    }

    /// Writes `bytes` at `offset` where nothing is reserved yet, which must lie inside. That takes less than reserving
    /// pages, which fills them with zeroes, and writing them one fault at a time.
    ///
    /// # Errors
    /// What the system says when there is no memory left.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let (offset, _) = self.inside(offset, bytes.len()).ok_or_else(outside)?;
        self.with_file(|file| write_all(file, offset, bytes))
    }

    /// Makes the pages of `length` bytes from `offset` on, which lie inside and have been written, quick to write: they are
    /// put into this process's page table, many at each fault of a read in the place of one at each fault of a write. A wish:
    /// where it can't be had, nothing is lost.
    pub fn map_for_writing(&self, offset: usize, length: usize) {
        let Some((offset, length)) = self.inside(offset, length) else {
            return;
        };
        for at in (offset..offset + length).step_by(FAULT_AROUND) {
            // SAFETY: the range lies inside the mapping, and has its pages.
            let place = unsafe { self.as_ptr().add(at) };
            // SAFETY: as above; whatever another process writes there, some byte is read.
            unsafe { place.read_volatile() };
        }
    }

    /// Gives the pages of `length` bytes from `offset` on back to the system: they read as zeroes and must be reserved
    /// again before they are used.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_back(&self, offset: usize, length: usize) -> io::Result<()> {
        let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        self.allocate(punch, offset, length)
    }

    /// Closes its descriptor: from now on pages can only be given back by [`SharedMemory::remove`]. For memory that is kept
    /// for no more than what lies in it.
    pub fn close_file(&self) {
        drop(self.lock_file().take());
    }

    /// The same as [`SharedMemory::give_back`] for whole pages, without a descriptor.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, offset: usize, length: usize) -> io::Result<()> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let (offset, length) = self.inside(offset, length).ok_or_else(outside)?;
        // SAFETY: the range lies inside the mapping.
        let start = unsafe { self.as_ptr().add(offset) };
        // SAFETY: the range is mapped, and no reference to its bytes exists: they are the other process's as well.
        check(unsafe { libc::madvise(start.cast(), length, libc::MADV_REMOVE) })?;
        Ok(())
    }

    fn lock_file(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_file<R>(&self, work: impl FnOnce(&OwnedFd) -> io::Result<R>) -> io::Result<R> {
        let file = self.lock_file();
        let closed = || io::Error::from(io::ErrorKind::NotConnected);
        work(file.as_ref().ok_or_else(closed)?)
    }

    fn allocate(&self, mode: libc::c_int, offset: usize, length: usize) -> io::Result<()> {
        let outside = || io::Error::from(io::ErrorKind::InvalidInput);
        let (offset, length) = self.inside(offset, length).ok_or_else(outside)?;
        self.with_file(|file| allocate(file, mode, offset, length))
    }

    fn inside(&self, offset: usize, length: usize) -> Option<(usize, usize)> {
        let end = offset.checked_add(length)?;
        (length > 0 && end <= self.len()).then_some((offset, length))
    }

    /// Bytes of it that have memory behind them.
    ///
    /// # Errors
    /// What the system says.
    pub fn reserved_bytes(&self) -> io::Result<u64> {
        let file = File::from(self.with_file(OwnedFd::try_clone)?);
        Ok(file.metadata()?.blocks() * 512)
    }

    /// Takes over memory that the parent process made, by the number of the descriptor.
    ///
    /// # Errors
    /// `InvalidData` when the descriptor is not a sealed memory file (it is left alone then); what the system says when
    /// it cannot be mapped.
    pub fn open_inherited(number: u64) -> io::Result<Self> {
        let refused = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let number =
            RawFd::try_from(number).map_err(|_| refused("not the number of a descriptor"))?;
        // SAFETY: any number may be asked about; one that is not open is an error, and only memory files have seals.
        let seals = check(unsafe { libc::fcntl(number, libc::F_GET_SEALS) })
            .map_err(|_| refused("the descriptor is not a memory file"))?;
        if seals & SEALS != SEALS {
            return Err(refused("the memory file is not sealed"));
        }
        // SAFETY: the descriptor is open, as was just seen, and by the contract of this function handed to it alone.
        let file = unsafe { OwnedFd::from_raw_fd(number) };
        // SAFETY: the descriptor is open; the call touches no memory of ours.
        check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        let file = File::from(file);
        let bytes = usize::try_from(file.metadata()?.len())
            .map_err(|_| refused("the memory file is too large"))?;
        if bytes == 0 {
            return Err(refused("the memory file is empty"));
        }
        Self::map(file.into(), bytes)
    }

    fn map(file: OwnedFd, bytes: usize) -> io::Result<Self> {
        // The size was sealed before.
        let mapping = Mapping::new(&file, 0, bytes, libc::MAP_SHARED)?;
        let file = Mutex::new(Some(file));
        Ok(Self { mapping, file })
    }

    /// A descriptor of the same memory for a child.
    ///
    /// # Errors
    /// What the system says when there is no descriptor left.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        Ok(InheritedEnd::from(self.with_file(OwnedFd::try_clone)?))
    }

    /// Where the memory starts here, on a page's boundary. Never make a reference to plain bytes out of it: the other
    /// process may be writing them.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ptr()
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mapping.len()
    }

    /// Never: memory of 0 bytes is not made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// Bytes of a page.
const PAGE: usize = 4096;

/// So many bytes a fault of a read puts into the page table where they are there already: the kernel's `fault_around_bytes`,
/// unless somebody has changed it.
const FAULT_AROUND: usize = 64 * 1024;

/// Bytes of a large page. Memory of such pages is several times quicker to make than of small ones, and to read and write
/// for the first time.
pub const LARGE_PAGE: usize = 2 << 20;

/// `MADV_COLLAPSE`, of Linux 6.1.
const MADV_COLLAPSE: libc::c_int = 25;

/// Longer than a large page takes that the machine has at hand (a tenth to a quarter of a millisecond), and than small pages
/// for as many bytes (one). It is that long where pages have to be moved about to make room, and on virtual machines whose
/// host has taken the memory back (5 ms each). What is left is better made of small ones.
const TOO_LONG: Duration = Duration::from_millis(2);

/// So long nobody asks for large pages of files again where one took too long.
const PAUSE_NS: u64 = 1_000_000_000;

/// When one took too long the last time, nanoseconds; 0 if none did.
static SLOW_AT_NS: AtomicU64 = AtomicU64::new(0);

/// Has large pages made one after the other by `make`, which says whether that could be done, as long as it takes no longer
/// than it should; says how many of so many there are.
fn make_pages(count: usize, mut make: impl FnMut(usize) -> io::Result<bool>) -> io::Result<usize> {
    let slow_at = SLOW_AT_NS.load(Ordering::Relaxed);
    if slow_at != 0 && monotonic_ns().saturating_sub(slow_at) < PAUSE_NS {
        return Ok(0);
    }
    for done in 0..count {
        let began = Instant::now();
        if !make(done)? {
            return Ok(done);
        }
        if began.elapsed() > TOO_LONG {
            SLOW_AT_NS.store(monotonic_ns(), Ordering::Relaxed);
            return Ok(done + 1);
        }
    }
    Ok(count)
}

/// Reserves large pages for a range that begins where one does, and puts them into the page table; says how far it came.
fn make_large(
    file: &OwnedFd,
    mapping: &Mapping,
    offset: usize,
    length: usize,
) -> io::Result<usize> {
    let pages = make_pages(length / LARGE_PAGE, |page| {
        let at = offset + page * LARGE_PAGE;
        // A range without any page can't be made large.
        allocate(file, 0, at, PAGE)?;
        // SAFETY: the range lies inside the mapping.
        let start = unsafe { mapping.as_ptr().add(at) };
        // SAFETY: the range is mapped, on pages' boundaries; the advice changes no byte of it.
        Ok(unsafe { libc::madvise(start.cast(), LARGE_PAGE, MADV_COLLAPSE) } == 0)
    })?;
    Ok(pages * LARGE_PAGE)
}

/// Asks for large pages behind private memory that is about to be written for the first time: that takes a quarter of
/// the time of small ones. A wish: where it can't be had, nothing is lost.
pub fn prefer_large_pages(memory: &mut [MaybeUninit<u8>]) {
    let before = memory.as_ptr().align_offset(LARGE_PAGE);
    if before >= memory.len() {
        return;
    }
    let whole = (memory.len() - before) / LARGE_PAGE * LARGE_PAGE;
    if whole > 0 {
        let start = memory[before..].as_mut_ptr();
        // SAFETY: the pages lie inside of memory that this process has; the advice changes no byte of it.
        unsafe { libc::madvise(start.cast(), whole, libc::MADV_HUGEPAGE) };
    }
}

/// A memory file that allows sealing and is closed on exec.
fn memory_file() -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Where `vm.memfd_noexec` is 2 only this flag is let through; kernels before 6.3 do not know it.
    // SAFETY: the name ends with a zero and lives for ever.
    let mut number = unsafe { libc::memfd_create(NAME.as_ptr(), flags | libc::MFD_NOEXEC_SEAL) };
    if number < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
        // SAFETY: as above.
        number = unsafe { libc::memfd_create(NAME.as_ptr(), flags) };
    }
    check(number)?;
    // SAFETY: the descriptor is new and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Writes `bytes` to a file at `offset`.
fn write_all(file: &OwnedFd, offset: usize, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let left = &bytes[done..];
        let place = libc::off_t::try_from(offset + done)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: the descriptor is open, and so many bytes can be read there.
        let written =
            unsafe { libc::pwrite(file.as_raw_fd(), left.as_ptr().cast(), left.len(), place) };
        match usize::try_from(written) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Changes what is behind a range of a file: reserves it, or by `mode` gives it back.
fn allocate(file: &OwnedFd, mode: libc::c_int, offset: usize, length: usize) -> io::Result<()> {
    let number = |number: usize| {
        libc::off_t::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let (offset, length) = (number(offset)?, number(length)?);
    loop {
        // SAFETY: the descriptor is open; the call changes what is behind the mapping and never its size.
        match check(unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, length) }) {
            Ok(_) => return Ok(()),
            // A large reservation is interrupted by any signal of the process.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Refuses what is more than the machine has available.
fn ask_for(length: usize) -> io::Result<()> {
    if length >= LARGE && available_bytes().is_some_and(|available| length as u64 > available) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    Ok(())
}

/// What the machine could give away without swapping; `None` where it can't be read. What a container may have is not
/// looked at: that is for the limit of the blocks to say.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn check(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_without_pages_can_be_read_and_takes_only_its_own() {
        let memory = SharedMemory::create_sparse(3 * LARGE_PAGE).unwrap();
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * PAGE).collect();
        let at = LARGE_PAGE - PAGE;
        memory.write(at, &bytes).unwrap();
        assert_eq!(memory.reserved_bytes().unwrap(), bytes.len() as u64);
        for (offset, byte) in bytes.iter().enumerate() {
            let place = memory.as_ptr().wrapping_add(at + offset);
            // SAFETY: inside of the mapping, and written.
            assert_eq!(unsafe { place.read() }, *byte);
        }
        memory.write(3 * LARGE_PAGE - 1, &[1]).unwrap();
        assert!(memory.write(3 * LARGE_PAGE - 1, &[1, 2]).is_err());
        assert!(memory.write(usize::MAX, &[1]).is_err());
    }

    #[test]
    fn large_pages_are_reserved_only_where_they_are_whole() {
        let memory = SharedMemory::create_sparse(4 * LARGE_PAGE).unwrap();
        let done = memory
            .reserve_large(LARGE_PAGE, 3 * LARGE_PAGE - PAGE)
            .unwrap();
        assert!(done.is_multiple_of(LARGE_PAGE) && done <= 2 * LARGE_PAGE);
        // One that the system refuses to make large leaves the page that was tried.
        assert!(memory.reserved_bytes().unwrap() <= (done + PAGE) as u64);
        assert!(memory.reserved_bytes().unwrap() >= done as u64);
        assert_eq!(memory.reserve_large(PAGE, 2 * LARGE_PAGE).unwrap(), 0);
        assert_eq!(memory.reserve_large(LARGE_PAGE, PAGE).unwrap(), 0);
        assert!(memory.reserve_large(LARGE_PAGE, 4 * LARGE_PAGE).is_err());
    }
}
