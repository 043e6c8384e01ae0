//! The memory of one direction's blocks: a page of words, then the blocks.

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::limits::MAX_BLOCKS;
use crate::memory::SharedMemory;
use crate::platform::InheritedEnd;

/// Bytes of a page, to which blocks are rounded. Larger pages of other machines are multiples of it, and what the system
/// reserves or takes back is rounded by itself.
pub(super) const PAGE: usize = 4096;

/// Addresses are cheap and gaps between blocks of different sizes are not: an arena is so many times its limit.
const ROOM: usize = 4;

/// Where the blocks begin: behind the words.
pub(super) const BLOCKS_START: usize = (MAX_BLOCKS * size_of::<u32>()).next_multiple_of(PAGE);

/// One direction's blocks.
#[derive(Debug)]
pub struct Arena {
    memory: SharedMemory,
}

impl Arena {
    /// Makes room for blocks of `limit` bytes together. It costs the page of words; everything else is reserved when it
    /// is used.
    ///
    /// # Errors
    /// What the system says when there is no descriptor or no room among the addresses left.
    pub fn create(limit: usize) -> io::Result<Self> {
        let bytes = limit
            .checked_mul(ROOM)
            .and_then(|bytes| bytes.checked_next_multiple_of(PAGE))
            .and_then(|bytes| bytes.checked_add(BLOCKS_START))
            .ok_or(io::ErrorKind::InvalidInput)?;
        let memory = SharedMemory::create_sparse(bytes)?;
        memory.reserve(0, BLOCKS_START)?;
        Ok(Self { memory })
    }

    /// Takes over the arena that the host made, by the number of its descriptor.
    ///
    /// # Errors
    /// `InvalidData` when it is none.
    pub fn open_inherited(number: u64) -> io::Result<Self> {
        let memory = SharedMemory::open_inherited(number)?;
        if memory.len() <= BLOCKS_START {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self { memory })
    }

    /// A descriptor of it for a child.
    ///
    /// # Errors
    /// What the system says when there is no descriptor left.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        self.memory.inherit()
    }

    /// The memory.
    #[must_use]
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    fn word(&self, slot: u32) -> &AtomicU32 {
        let slot = (slot as usize).min(MAX_BLOCKS - 1);
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "the mapping begins on a page and each word takes four bytes"
        )]
        // SAFETY: there are `MAX_BLOCKS` words before `BLOCKS_START`, and the memory is longer than that.
        let word = unsafe { self.memory.as_ptr().add(slot * size_of::<u32>()) }.cast::<AtomicU32>();
        // SAFETY: the mapping lives as long as `self`, the place is aligned and only ever used as an atomic, by both
        // processes. Any bytes are a valid value.
        unsafe { &*word }
    }

    /// Under which generation the block was given back the last time. The other process may have written anything.
    pub(super) fn given_back(&self, slot: u32) -> u32 {
        self.word(slot).load(Ordering::Acquire)
    }

    /// Gives the block back: its bytes are not looked at any more.
    pub(super) fn give_back(&self, slot: u32, generation: u32) {
        self.word(slot).store(generation, Ordering::Release);
    }

    /// Copies `part` to `offset`.
    ///
    /// # Panics
    /// When it does not fit: a mistake in this process, nothing that the other one could bring about.
    pub(super) fn copy_in(&self, offset: usize, part: &[u8]) {
        assert!(
            offset >= BLOCKS_START
                && offset
                    .checked_add(part.len())
                    .is_some_and(|end| end <= self.memory.len())
        );
        // SAFETY: the range lies inside, as was just seen.
        let place = unsafe { self.memory.as_ptr().add(offset) };
        // SAFETY: as above, and private memory never overlaps shared memory. The other process may read or write there:
        // the bytes are its own problem then, no reference to them exists here.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), place, part.len()) };
    }

    /// Copies `part` to `offset`, of which only the first `ready` bytes can be written where they lie; the pages of the rest
    /// are made by this.
    ///
    /// # Errors
    /// What the system says when there is no memory left.
    pub(super) fn copy_in_new(&self, offset: usize, part: &[u8], ready: usize) -> io::Result<()> {
        let (here, rest) = part.split_at(part.len().min(ready));
        self.copy_in(offset, here);
        self.memory.write(offset + here.len(), rest)
    }

    /// Copies from `offset` on until `into` is full. Not by `pread`, which needs no mapping and takes twice as long.
    ///
    /// # Panics
    /// As [`Arena::copy_in`].
    pub(super) fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        assert!(
            offset
                .checked_add(into.len())
                .is_some_and(|end| end <= self.memory.len())
        );
        // SAFETY: the range lies inside, as was just seen.
        let place = unsafe { self.memory.as_ptr().add(offset) };
        // SAFETY: as in `copy_in`; whatever another process writes meanwhile, each byte arrives as some byte. Pages that it
        // has given back to the system are zeroes.
        unsafe { std::ptr::copy_nonoverlapping(place, into.as_mut_ptr().cast(), into.len()) };
    }
}
