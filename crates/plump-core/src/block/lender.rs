//! Blocks that a program fills itself before it sends them: none of their bytes is copied.
//!
//! Each is a piece of memory of its own, which no other process can write. JavaScript has it while the program fills it;
//! the call that it goes with has it from then on, and the worker until that has given it back. Whoever has it holds a
//! *lease*: when the last one is gone, however that came about, the memory is free. A block is kept warm for the next one
//! of its size, and its pages go back to the system when it was idle for `blockIdleMs`.
//!
//! The bytes of a call that are not the block's lie in front of it in the same memory, so that a payload is one run.

use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::arena::PAGE;
use super::sender::rounded;
use super::{Looks, best_fit};
use crate::limits::MAX_BLOCKS;
use crate::memory::{OwnMapping, OwnMemory};
use crate::port::{extend_padded, padded_length};

/// Where the bytes of a block begin in its memory, on a large page's boundary. What is before is for the rest of a payload
/// that the block is sent with, and reserved as far as it is used.
const FRONT: usize = 2 << 20;

/// So much of the front is reserved with the block.
const READY_FRONT: usize = 16 * PAGE;

#[derive(Debug)]
enum Standing {
    /// Warm, and free since then.
    Free(Instant),
    /// The program has it, or has lost it when the lease does not live any more.
    Allocated(Weak<()>),
    /// A call has it, or a worker, as long as the lease lives.
    Sent(Weak<()>),
}

#[derive(Debug)]
struct Lent {
    /// Of the last allocation.
    id: u32,
    /// Of the memory.
    key: u32,
    /// Whether JavaScript has an `ArrayBuffer` over all of it, of `length` bytes.
    shown: Weak<()>,
    memory: Arc<OwnMemory>,
    capacity: usize,
    length: usize,
    standing: Standing,
}

/// Why there is no block.
#[derive(Debug)]
pub enum Refused {
    /// The program has allocated all that the limit allows, and not sent it.
    Limit,
    /// The rest of what the limit allows is with workers, who may keep it as long as they like. Workers can't be handed memory of that size, or the system has none left.
    Unavailable(io::Error),
}

/// The blocks of one pool that its program fills.
#[derive(Debug)]
pub struct Lender {
    limit: usize,
    idle: Duration,
    blocks: Vec<Lent>,
    reserved: usize,
    last_id: u32,
    last_key: u32,
    looks: Looks,
}

/// A block as JavaScript has it. It can be looked at as long as this lives, also when the block has been sent since.
#[derive(Debug)]
pub struct AllocatedBlock {
    /// Its number, by which it is sent and released.
    pub id: u32,
    /// The number of its memory.
    pub key: u32,
    mapping: Arc<OwnMapping>,
    length: usize,
    _lease: Arc<()>,
}

/// What [`Lender::allocate`] gives.
#[derive(Debug)]
pub enum Allocated {
    /// Memory that JavaScript has to be shown.
    New(AllocatedBlock),
    /// Memory that it was shown before, and still has an `ArrayBuffer` of.
    Again {
        /// Its number, by which it is sent and released.
        id: u32,
        /// The number of its memory.
        key: u32,
    },
}

impl AllocatedBlock {
    /// Where its bytes are.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        // SAFETY: the memory is longer than `FRONT`.
        unsafe { self.mapping.as_ptr().add(FRONT) }
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Never: no block of 0 bytes is allocated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// A block on its way: whoever holds this has it.
#[derive(Debug)]
pub struct Lease {
    memory: Arc<OwnMemory>,
    length: usize,
    _out: Arc<()>,
}

impl Lease {
    /// Bytes of the block.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Never: no block of 0 bytes is allocated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The memory, to hand over.
    pub(super) fn memory(&self) -> &OwnMemory {
        &self.memory
    }

    /// Puts the rest of a payload in front of the block; says where the payload begins then, and its bytes. `None`: there
    /// is no room.
    pub(super) fn put_in_front(&self, front: &[&[u8]]) -> Option<(usize, usize)> {
        let bytes = padded_length(front).next_multiple_of(8);
        let start = FRONT.checked_sub(bytes)?;
        if bytes > READY_FRONT {
            let page = start / PAGE * PAGE;
            self.memory.reserve(page, FRONT - page).ok()?;
        }
        let mut at = start;
        for part in front.iter().filter(|part| !part.is_empty()) {
            at = self.write(at, &[0; 8][..at.next_multiple_of(8) - at]);
            at = self.write(at, part);
        }
        self.write(at, &[0; 8][..FRONT - at]);
        Some((start, bytes + self.length))
    }

    /// Writes behind `at` in the front; returns where it ended.
    fn write(&self, at: usize, part: &[u8]) -> usize {
        let end = at + part.len();
        assert!(end <= FRONT);
        // SAFETY: the range lies in the front, as was just seen.
        let place = unsafe { self.memory.mapping().as_ptr().add(at) };
        // SAFETY: as above; its pages are reserved, and nobody but the holder of the lease uses the front.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), place, part.len()) };
        end
    }

    /// The payload that is made of `front` and the block, as private bytes.
    #[must_use]
    pub fn put_together(&self, front: &[&[u8]]) -> Vec<u8> {
        let before = padded_length(front).next_multiple_of(8);
        let mut payload = Vec::with_capacity(before + self.length);
        extend_padded(&mut payload, front);
        payload.resize(before, 0);
        // SAFETY: the memory is longer than `FRONT`.
        let block = unsafe { self.memory.mapping().as_ptr().add(FRONT) };
        let place = payload.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        // SAFETY: there is room for so many bytes, and so many are in the block. Who kept a view of it may be writing:
        // each byte arrives as some byte, no reference to them exists here.
        unsafe { std::ptr::copy_nonoverlapping(block, place, self.length) };
        // SAFETY: they were just written.
        unsafe { payload.set_len(before + self.length) };
        payload
    }
}

impl Lender {
    /// Blocks of `limit` bytes together, whose pages are given back when they were free for `idle`.
    #[must_use]
    pub fn new(limit: usize, idle: Duration) -> Self {
        Self {
            limit,
            idle,
            blocks: Vec::new(),
            reserved: 0,
            last_id: 0,
            last_key: 0,
            looks: Looks::FRESH,
        }
    }

    /// How long blocks stay warm, if there are any.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        (!self.blocks.is_empty()).then_some(self.idle)
    }

    /// Bytes that have pages behind them, those in front of the blocks not counted.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Whether a warm block for that many bytes is free: then it need not be looked for ones that come back.
    #[must_use]
    pub fn has_warm(&self, bytes: usize) -> bool {
        self.warm(bytes).is_some()
    }

    /// A block of `bytes`, filled with whatever was in it last.
    ///
    /// With `anew` JavaScript has lost what it was shown before.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn allocate(&mut self, bytes: usize, anew: bool) -> Result<Allocated, Refused> {
        let limit = self.limit.next_multiple_of(PAGE);
        let capacity = rounded(bytes).min(limit);
        if bytes > self.limit {
            return Err(Refused::Limit);
        }
        if self.allocated() > limit - capacity {
            // What it lost does not count.
            self.collect(Instant::now());
            if self.allocated() > limit - capacity {
                return Err(Refused::Limit);
            }
        }
        if !self.has_warm(bytes) {
            self.collect(Instant::now());
        }
        let at = match self.warm(bytes) {
            Some(at) => at,
            None => self.make(capacity)?,
        };
        self.looks = Looks::FRESH;
        // 0 is no block.
        self.last_id = self.last_id.wrapping_add(1).max(1);
        let block = &mut self.blocks[at];
        block.id = self.last_id;
        if !anew && block.length == bytes && block.shown.strong_count() > 0 {
            block.standing = Standing::Allocated(Weak::clone(&block.shown));
            let (id, key) = (block.id, block.key);
            return Ok(Allocated::Again { id, key });
        }
        let lease = Arc::new(());
        block.length = bytes;
        block.shown = Arc::downgrade(&lease);
        block.standing = Standing::Allocated(Arc::downgrade(&lease));
        Ok(Allocated::New(AllocatedBlock {
            id: block.id,
            key: block.key,
            mapping: Arc::clone(block.memory.mapping()),
            length: bytes,
            _lease: lease,
        }))
    }

    /// Whether the memory of that number is still there.
    #[must_use]
    pub fn knows(&self, key: u32) -> bool {
        self.blocks.iter().any(|block| block.key == key)
    }

    /// Takes a block from JavaScript, whose bytes are `data`: it belongs to whoever holds the lease from now on. `None`
    /// when it is not such a block, or no longer.
    #[must_use]
    pub fn claim(&mut self, id: u32, data: &[u8]) -> Option<Lease> {
        let block = self.find(id)?;
        // SAFETY: the memory is longer than `FRONT`.
        let start = unsafe { block.memory.mapping().as_ptr().add(FRONT) };
        if block.length != data.len() || !std::ptr::eq(start, data.as_ptr()) {
            return None;
        }
        let out = Arc::new(());
        block.standing = Standing::Sent(Arc::downgrade(&out));
        // It can't be claimed again.
        block.id = 0;
        Some(Lease {
            memory: Arc::clone(&block.memory),
            length: block.length,
            _out: out,
        })
    }

    /// Takes a block back that JavaScript does not need any more.
    pub fn release(&mut self, id: u32) {
        if let Some(block) = self.find(id) {
            block.id = 0;
            block.standing = Standing::Free(Instant::now());
        }
    }

    fn find(&mut self, id: u32) -> Option<&mut Lent> {
        self.blocks
            .iter_mut()
            .find(|block| id != 0 && block.id == id)
    }

    /// Gives the pages of blocks back that were free for long enough, and says when to come again; `None` when there is
    /// nothing to come for.
    pub fn shed(&mut self, now: Instant) -> Option<Instant> {
        self.collect(now);
        let mut next: Option<Instant> = None;
        let mut at = 0;
        while at < self.blocks.len() {
            match self.blocks[at].standing {
                Standing::Free(since) if now.saturating_duration_since(since) >= self.idle => {
                    self.drop_block(at);
                    continue;
                }
                Standing::Free(since) => {
                    let due = since + self.idle;
                    next = Some(next.map_or(due, |next| next.min(due)));
                }
                Standing::Allocated(_) | Standing::Sent(_) => {}
            }
            at += 1;
        }
        if next.is_none() && !self.blocks.is_empty() {
            next = Some(self.looks.next(now, self.idle));
        }
        next
    }

    /// Looks which blocks nobody has any more.
    fn collect(&mut self, now: Instant) {
        for block in &mut self.blocks {
            match &block.standing {
                Standing::Allocated(lease) | Standing::Sent(lease) if lease.strong_count() == 0 => {
                    block.id = 0;
                    block.standing = Standing::Free(now);
                }
                _ => {}
            }
        }
    }

    /// Bytes that the program has and did not send.
    fn allocated(&self) -> usize {
        self.blocks
            .iter()
            .filter(|block| matches!(block.standing, Standing::Allocated(_)))
            .map(|block| block.capacity)
            .sum()
    }

    /// The best free block.
    fn warm(&self, bytes: usize) -> Option<usize> {
        let free = self.blocks.iter().enumerate();
        best_fit(
            bytes,
            free.filter_map(|(at, block)| match block.standing {
                Standing::Free(since) => Some((block.capacity, since, at)),
                _ => None,
            }),
        )
    }

    /// Makes a block, for which free ones of other sizes may have to go.
    fn make(&mut self, capacity: usize) -> Result<usize, Refused> {
        while self.reserved + capacity > self.limit.next_multiple_of(PAGE)
            || self.blocks.len() >= MAX_BLOCKS
        {
            self.drop_oldest()
                .ok_or_else(|| Refused::Unavailable(io::ErrorKind::QuotaExceeded.into()))?;
        }
        let memory = OwnMemory::create(FRONT + capacity).map_err(Refused::Unavailable)?;
        memory
            .reserve(FRONT - READY_FRONT, READY_FRONT + capacity)
            .map_err(Refused::Unavailable)?;
        self.reserved += capacity;
        self.last_key = self.last_key.wrapping_add(1).max(1);
        self.blocks.push(Lent {
            id: 0,
            key: self.last_key,
            shown: Weak::new(),
            memory: Arc::new(memory),
            capacity,
            length: 0,
            standing: Standing::Free(Instant::now()),
        });
        Ok(self.blocks.len() - 1)
    }

    fn drop_oldest(&mut self) -> Option<()> {
        let oldest = self
            .blocks
            .iter()
            .enumerate()
            .filter_map(|(at, block)| match block.standing {
                Standing::Free(since) => Some((since, at)),
                Standing::Allocated(_) | Standing::Sent(_) => None,
            })
            .min()?;
        self.drop_block(oldest.1);
        Some(())
    }

    fn drop_block(&mut self, at: usize) {
        let block = self.blocks.swap_remove(at);
        self.reserved -= block.capacity;
        // JavaScript may still have an `ArrayBuffer` over it, until it is collected: that must not hold the pages.
        if let Some(memory) = Arc::into_inner(block.memory) {
            let _ = memory.let_go();
        }
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        // What JavaScript and workers have stays as it is until they let go of it.
        self.collect(Instant::now());
        for at in (0..self.blocks.len()).rev() {
            if matches!(self.blocks[at].standing, Standing::Free(_)) {
                self.drop_block(at);
            }
        }
    }
}
