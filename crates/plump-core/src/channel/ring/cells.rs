//! A pair's words and bytes in shared memory: the only file of the ring with raw pointers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::{Lane, MAX_CAPACITY, Side, layout};
use crate::memory::SharedMemory;
use crate::platform::InheritedEnd;

pub(super) use crate::platform::Bell;

/// The memory of a pair, with both rings' capacity.
#[derive(Debug)]
pub(super) struct Cells {
    memory: Arc<SharedMemory>,
    capacity: u32,
}

impl Cells {
    /// Makes the memory. `capacity` was checked.
    pub(super) fn create(capacity: u32) -> io::Result<Self> {
        let memory = SharedMemory::create(layout::HEADER_BYTES + 2 * capacity as usize)?;
        Ok(Self {
            memory: Arc::new(memory),
            capacity,
        })
    }

    /// Takes over inherited memory; its size says the capacity.
    pub(super) fn open_inherited(number: u64) -> io::Result<Self> {
        let memory = SharedMemory::open_inherited(number)?;
        let capacity = memory
            .len()
            .checked_sub(layout::HEADER_BYTES)
            .map_or(0, |bytes| bytes / 2);
        let capacity = u32::try_from(capacity)
            .ok()
            .filter(|capacity| capacity.is_power_of_two() && *capacity <= MAX_CAPACITY)
            .filter(|capacity| memory.len() == layout::HEADER_BYTES + 2 * *capacity as usize)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the inherited memory is not a pair of rings",
                )
            })?;
        Ok(Self {
            memory: Arc::new(memory),
            capacity,
        })
    }

    pub(super) fn inherit(&self) -> io::Result<InheritedEnd> {
        self.memory.inherit()
    }

    pub(super) fn memory(&self) -> &Arc<SharedMemory> {
        &self.memory
    }

    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    pub(super) fn published(&self, lane: Lane) -> &AtomicU64 {
        self.word(match lane {
            Lane::ToWorker => layout::TO_WORKER_PUBLISHED,
            Lane::ToHost => layout::TO_HOST_PUBLISHED,
        })
    }

    pub(super) fn consumed(&self, lane: Lane) -> &AtomicU64 {
        self.word(match lane {
            Lane::ToWorker => layout::TO_WORKER_CONSUMED,
            Lane::ToHost => layout::TO_HOST_CONSUMED,
        })
    }

    pub(super) fn begun(&self) -> &AtomicU64 {
        self.word(layout::BEGUN)
    }

    pub(super) fn rang(&self, side: Side) -> &AtomicU64 {
        self.word(match side {
            Side::Host => layout::HOST_RANG,
            Side::Worker => layout::WORKER_RANG,
        })
    }

    pub(super) fn crowded(&self) -> &AtomicU64 {
        self.word(layout::HOST_CROWDED)
    }

    pub(super) fn cpu(&self, side: Side) -> &AtomicU32 {
        let offset = match side {
            Side::Host => layout::HOST_CPU,
            Side::Worker => layout::WORKER_CPU,
        };
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "the mapping begins on a page, offsets are multiples of 128"
        )]
        // SAFETY: every offset of `layout` lies inside the header, which `create` and `open_inherited` made sure of.
        let word = unsafe { self.memory.as_ptr().add(offset) }.cast::<AtomicU32>();
        // SAFETY: the mapping lives as long as `self`, starts on a page's boundary, the offset is a multiple of 128, and
        // the place is only ever used as an atomic, by both processes. Any bytes are a valid value.
        unsafe { &*word }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        #[expect(clippy::cast_ptr_alignment, reason = "as in `cpu`")]
        // SAFETY: as in `cpu`.
        let word = unsafe { self.memory.as_ptr().add(offset) }.cast::<AtomicU64>();
        // SAFETY: as in `cpu`.
        unsafe { &*word }
    }

    /// The ring's bytes from the place of counter `at` on, and how many follow before the ring begins anew.
    fn place(&self, lane: Lane, at: u32) -> (*mut u8, usize) {
        let start = match lane {
            Lane::ToWorker => 0,
            Lane::ToHost => self.capacity as usize,
        };
        let offset = at & (self.capacity - 1);
        let until_end = (self.capacity - offset) as usize;
        // SAFETY: `offset` is below the capacity, and the memory holds the header and two rings of that capacity.
        let place = unsafe {
            self.memory
                .as_ptr()
                .add(layout::HEADER_BYTES + start + offset as usize)
        };
        (place, until_end)
    }

    /// Copies `from` into the ring, from the place of counter `at` on.
    ///
    /// # Panics
    /// When `from` is longer than the ring: a mistake in this process, nothing that the other one could bring about.
    pub(super) fn copy_in(&self, lane: Lane, at: u32, from: &[u8]) {
        assert!(from.len() <= self.capacity as usize);
        let (place, until_end) = self.place(lane, at);
        let (first, second) = from.split_at(from.len().min(until_end));
        // SAFETY: `first` is no longer than what follows `place` in the ring, and private memory never overlaps shared
        // memory. The other process may read or write there: the bytes are its own problem then, no reference to them
        // exists here.
        unsafe { std::ptr::copy_nonoverlapping(first.as_ptr(), place, first.len()) };
        if !second.is_empty() {
            let (start, _) = self.place(lane, 0);
            // SAFETY: as above; together the parts are no longer than the ring.
            unsafe { std::ptr::copy_nonoverlapping(second.as_ptr(), start, second.len()) };
        }
    }

    /// Copies out of the ring, from the place of counter `at` on, until `into` is full.
    ///
    /// # Panics
    /// As [`Cells::copy_in`].
    pub(super) fn copy_out(&self, lane: Lane, at: u32, into: &mut [u8]) {
        assert!(into.len() <= self.capacity as usize);
        let (place, until_end) = self.place(lane, at);
        let (first, second) = into.split_at_mut(into.len().min(until_end));
        // SAFETY: as in `copy_in`; whatever another process writes meanwhile, each byte arrives as some byte.
        unsafe { std::ptr::copy_nonoverlapping(place, first.as_mut_ptr(), first.len()) };
        if !second.is_empty() {
            let (start, _) = self.place(lane, 0);
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(start, second.as_mut_ptr(), second.len()) };
        }
    }
}
