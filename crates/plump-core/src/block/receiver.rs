//! The receiver's side: where a payload is said to be is checked, then it is copied out or kept, and given back.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::arena::{Arena, BLOCKS_START, PAGE};
use super::copies::WORTH_A_SPARE;
use super::{BlockCopy, BlockRange, Copies};
use crate::limits::MAX_BLOCKS;
use crate::memory::{MappedPart, MemoryTaker, Room, RoomForm};

/// Of a payload that is shown to JavaScript where it lies, at least so much must be what can be shown: a few views must
/// not hold a large block that was decoded long ago.
const SHOWN_PART: u64 = 2;

/// What all blocks of one direction have in common at their receiver.
#[derive(Debug)]
struct Shared {
    arena: Arc<Arena>,
    /// Bytes that JavaScript holds.
    kept: AtomicUsize,
    /// Where what it must not hold is copied.
    copies: Arc<Copies>,
    /// What lies in the arena for this process, where it may be held after the sender has gone. Locked for a look, also by
    /// the garbage collector.
    held: Option<Mutex<Held>>,
}

/// What a receiver has of an arena.
#[derive(Debug, Default)]
struct Held {
    /// Offsets and lengths, in no order.
    ranges: Vec<(usize, usize)>,
    /// The sender has gone: nobody but this process gives pages back.
    is_left: bool,
}

impl Shared {
    fn add_held(&self, range: (usize, usize)) {
        if let Some(held) = &self.held {
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.ranges.push(range);
        }
    }

    /// A payload is not looked at any more.
    fn forget_held(&self, range: (usize, usize)) {
        let Some(held) = &self.held else { return };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = held.ranges.iter().position(|held| *held == range) {
            held.ranges.swap_remove(at);
        }
        if held.is_left {
            drop(held);
            self.give_pages_back(range.0 / PAGE * PAGE, range.0 + range.1);
        }
    }

    /// The sender has gone: what nobody holds here goes back to the system now, and the rest with its last holder. One
    /// small payload that a program keeps must not hold a descriptor and all that a worker has ever sent.
    fn leave(&self) {
        let Some(held) = &self.held else { return };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_left = true;
        self.arena.memory().close_file();
        let mut ranges = held.ranges.clone();
        drop(held);
        ranges.sort_unstable();
        let mut free = BLOCKS_START;
        for (offset, length) in ranges {
            self.give_pages_back(free, offset / PAGE * PAGE);
            free = free.max(offset + length);
        }
        self.give_pages_back(free, self.arena.memory().len());
    }

    /// Gives back the pages that begin in a range.
    fn give_pages_back(&self, start: usize, end: usize) {
        let start = start.next_multiple_of(PAGE);
        let end = end.next_multiple_of(PAGE).min(self.arena.memory().len());
        if start < end {
            // What the system refuses to take back goes with the arena.
            let _ = self.arena.memory().remove(start, end - start);
        }
    }
}

/// Where a payload was: the next one of its length may come there again. It does not keep the memory.
#[derive(Clone, Debug)]
pub struct BlockPlace {
    shared: Weak<Shared>,
    offset: usize,
    length: usize,
}

impl BlockPlace {
    /// Where its bytes will be: they are the sender's until a payload has come there. `None` when none can come there any
    /// more.
    #[must_use]
    pub fn as_ptr(&self) -> Option<*mut u8> {
        let shared = self.shared.upgrade()?;
        // SAFETY: a payload lay there, inside of the memory.
        Some(unsafe { shared.arena.memory().as_ptr().add(self.offset) })
    }

    /// How many there will be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Never: an empty payload does not travel in a block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl PartialEq for BlockPlace {
    fn eq(&self, other: &Self) -> bool {
        let range = |place: &Self| (place.offset, place.length);
        range(self) == range(other) && Weak::ptr_eq(&self.shared, &other.shared)
    }
}

/// How JavaScript can be shown a payload over memory that was got ready before it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Where it lies.
    Place(BlockPlace),
    /// At addresses that it moves to.
    Room(RoomForm),
}

/// The blocks in which the other side sends.
#[derive(Debug)]
pub struct BlockReceiver {
    shared: Arc<Shared>,
    keeps: bool,
    limit: usize,
    taker: Option<MemoryTaker>,
}

/// Where a payload lies.
#[derive(Debug)]
enum Place {
    /// At that offset of the arena.
    Arena(usize),
    /// In memory that was handed over for it.
    Lent(MappedPart),
}

impl BlockReceiver {
    /// The blocks of `arena`, of which the sender may use `limit` bytes. `keeps`: JavaScript may be shown the bytes where
    /// they lie, because the other process is trusted; what it is not is copied to memory of `copies`.
    #[must_use]
    pub fn new(arena: Arc<Arena>, limit: usize, keeps: bool, copies: Arc<Copies>) -> Self {
        Self {
            shared: Arc::new(Shared {
                arena,
                kept: AtomicUsize::new(0),
                copies,
                held: keeps.then(Mutex::default),
            }),
            keeps,
            limit,
            taker: None,
        }
    }

    /// From now on blocks that the sender's program filled are taken over there.
    pub fn set_taker(&mut self, taker: MemoryTaker) {
        self.taker = Some(taker);
    }

    /// Sets the limit and how long memory for copies stays warm, once the host has said it.
    pub fn set_limits(&mut self, limit: usize, idle: Duration) {
        self.limit = limit;
        self.shared.copies.set_limits(limit, idle);
    }

    /// The memory for copies.
    #[must_use]
    pub fn copies(&self) -> &Copies {
        &self.shared.copies
    }

    /// The payload of a range; `None` when it can't be one of the sender's.
    #[must_use]
    pub fn receive(&self, range: BlockRange) -> Option<ReceivedBlock> {
        let arena = &self.shared.arena;
        let (offset, length) = (
            usize::try_from(range.offset).ok()?,
            usize::try_from(range.length).ok()?,
        );
        let end = offset.checked_add(length)?;
        let is_inside = offset >= BLOCKS_START && end <= arena.memory().len();
        (is_inside && makes_sense(range)).then(|| {
            self.shared.add_held((offset, length));
            self.block(range, length, Place::Arena(offset))
        })
    }

    /// The payload of a range that was handed over; `None` when it was not, or can't be one of the sender's. What a process
    /// writes to it is seen there alone.
    #[must_use]
    pub fn take_over(&self, range: BlockRange) -> Option<ReceivedBlock> {
        let file = self.taker.as_ref()?.take(range.note()).ok()?;
        let (offset, length) = (
            usize::try_from(range.offset).ok()?,
            usize::try_from(range.length).ok()?,
        );
        if !makes_sense(range) {
            return None;
        }
        let mapping = MappedPart::lent(file, offset, length).ok()?;
        Some(self.block(range, length, Place::Lent(mapping)))
    }

    fn block(&self, range: BlockRange, length: usize, place: Place) -> ReceivedBlock {
        ReceivedBlock {
            shared: Arc::clone(&self.shared),
            place,
            length,
            slot: range.slot,
            generation: range.generation,
            may_be_kept: self.keeps && range.shown >= range.length / SHOWN_PART,
            limit: self.limit,
            kept: false,
        }
    }
}

impl Drop for BlockReceiver {
    fn drop(&mut self) {
        // Otherwise the arena goes at once.
        if Arc::strong_count(&self.shared) > 1 {
            self.shared.leave();
        }
    }
}

fn makes_sense(range: BlockRange) -> bool {
    range.length > 0
        && range.offset.is_multiple_of(8)
        && range.shown <= range.length
        && (range.slot as usize) < MAX_BLOCKS
}

/// A payload that arrived in a block. Dropping it gives the block back.
#[derive(Debug)]
pub struct ReceivedBlock {
    shared: Arc<Shared>,
    place: Place,
    length: usize,
    slot: u32,
    generation: u32,
    may_be_kept: bool,
    limit: usize,
    kept: bool,
}

impl ReceivedBlock {
    /// Bytes of the payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Never: an empty payload does not travel in a block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether JavaScript may be shown the bytes where they lie, until this is dropped: the sender is trusted, and what is
    /// kept already leaves it blocks to go on with. It counts as kept from now on.
    pub fn keep(&mut self) -> bool {
        if !self.kept
            && self.may_be_kept
            && self.shared.kept.load(Ordering::Relaxed) < self.limit / 2
        {
            self.kept = true;
            self.shared.kept.fetch_add(self.length, Ordering::Relaxed);
        }
        self.kept
    }

    /// Where the bytes lie. The other process may be writing them: never make a reference out of it.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match &self.place {
            // SAFETY: the range was seen to lie inside of the memory, which lives as long as `self`.
            Place::Arena(offset) => unsafe { self.shared.arena.memory().as_ptr().add(*offset) },
            Place::Lent(part) => part.as_ptr(),
        }
    }

    /// How JavaScript can be shown it; `None` where it is not worth getting ready for another one like that.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        match &self.place {
            Place::Lent(part) => Some(Form::Room(part.form())),
            Place::Arena(offset) if self.length >= WORTH_A_SPARE => Some(Form::Place(BlockPlace {
                shared: Arc::downgrade(&self.shared),
                offset: *offset,
                length: self.length,
            })),
            Place::Arena(_) => None,
        }
    }

    /// Moves to addresses that were kept for it; `false` when it stays where it was.
    #[must_use]
    pub fn move_to(&mut self, room: Room) -> bool {
        match &mut self.place {
            Place::Lent(part) => part.move_to(room),
            Place::Arena(_) => false,
        }
    }

    /// The memory for copies.
    #[must_use]
    pub fn copies(&self) -> &Copies {
        &self.shared.copies
    }

    /// Warm memory for a copy; `None` where it is not worth it, or there is none.
    #[must_use]
    pub fn room_for_copy(&self) -> Option<BlockCopy> {
        Copies::take(&self.shared.copies, self.length)
    }

    /// Copies the payload into memory that only this process can write; `false` when `into` has not its length.
    #[must_use]
    pub fn copy_to(&self, into: &mut [MaybeUninit<u8>]) -> bool {
        if into.len() != self.length {
            return false;
        }
        match &self.place {
            Place::Arena(offset) => self.shared.arena.copy_out(*offset, into),
            Place::Lent(part) => part.copy_out(into),
        }
        true
    }
}

impl Drop for ReceivedBlock {
    fn drop(&mut self) {
        if self.kept {
            self.shared.kept.fetch_sub(self.length, Ordering::Relaxed);
        }
        if let Place::Arena(offset) = self.place {
            self.shared.forget_held((offset, self.length));
        }
        self.shared.arena.give_back(self.slot, self.generation);
    }
}
