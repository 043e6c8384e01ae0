//! Anonymous memory that two processes map: nothing with a name that a crash could leave behind.
//!
//! Only Linux has all that the rings and blocks need of it: memory without a name, sealed so that the other process
//! cannot shrink it under us (a shrunk mapping is a SIGBUS here), with its pages reserved at birth (a page that cannot
//! be had later is a SIGBUS, too). Elsewhere [`SharedMemory::available`] says `false` and everything travels over the
//! pipes; `docs/platforms.md` names that fall-back.
//!
//! ## System calls (Linux)
//! `memfd_create`, `ftruncate`, `fallocate`, `fcntl(F_ADD_SEALS, F_GET_SEALS, F_SETFD)`, `fstat`, `mmap`, `munmap`, `mremap`,
//! `pwrite`, `madvise(MADV_POPULATE_WRITE, MADV_HUGEPAGE, MADV_COLLAPSE)`, `socketpair`, `sendmsg`, `recvmsg`, `getsockopt`.
//!
//! ## What the other process can still do
//! It can write any byte at any moment: whoever reads treats every value as hostile. It can punch holes
//! (`fallocate(FALLOC_FL_PUNCH_HOLE)`): the pages come back as zeroes when they are touched, which is no worse than
//! writing zeroes, as long as the machine has memory at all. It cannot change the size.
//!
//! Of [`OwnMemory`] it can do none of that: the file is sealed against every way to write to it but the mapping that its
//! maker had before. It is handed over one by one, through a socket ([`MemoryGiver`]).

#[cfg(not(target_os = "linux"))]
mod absent;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use absent::{
    LARGE_PAGE, MappedPart, MemoryGiver, MemoryTaker, OwnMapping, OwnMemory, PrivateMemory, Room,
    RoomForm, SharedMemory, prefer_large_pages,
};
#[cfg(target_os = "linux")]
pub use linux::{
    LARGE_PAGE, MappedPart, MemoryGiver, MemoryTaker, OwnMapping, OwnMemory, PrivateMemory, Room,
    RoomForm, SharedMemory, prefer_large_pages,
};
