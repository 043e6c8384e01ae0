//! The sender's side: where blocks are, which of them are free, and when their pages go back to the system.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arena::{Arena, BLOCKS_START, PAGE};
use super::lender::Lease;
use super::{BlockRange, Looks, best_fit};
use crate::limits::MAX_BLOCKS;
use crate::memory::{LARGE_PAGE, MemoryGiver};

/// Blocks are rounded up to one of so many sizes between a power of two and the next, so that payloads of about the same
/// size find each other's blocks.
const SIZES_PER_DOUBLING: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// There is no block: the place is free.
    None,
    /// Warm, and free since then.
    Free(Instant),
    /// The receiver has it.
    Out,
}

#[derive(Debug)]
struct Block {
    start: usize,
    capacity: usize,
    /// So many bytes of it can be written where they lie; the rest by a system call, the first time.
    ready: usize,
    generation: u32,
    standing: Standing,
    /// Not of the arena but handed over: it is `Out`, and there is none here when it is back.
    lent: Option<Lease>,
}

/// The blocks of one direction, as their owner sees them.
#[derive(Debug)]
pub struct BlockSender {
    arena: Arc<Arena>,
    limit: usize,
    idle: Duration,
    /// By slot.
    blocks: Vec<Block>,
    reserved: usize,
    /// At blocks that are all out.
    looks: Looks,
    giver: Option<MemoryGiver>,
}

impl BlockSender {
    /// Blocks of `limit` bytes together, whose pages are given back when they were free for `idle`.
    #[must_use]
    pub fn new(arena: Arc<Arena>, limit: usize, idle: Duration) -> Self {
        Self {
            arena,
            limit,
            idle,
            blocks: Vec::new(),
            reserved: 0,
            looks: Looks::FRESH,
            giver: None,
        }
    }

    /// From now on blocks that the program filled itself are handed over there.
    pub fn set_giver(&mut self, giver: MemoryGiver) {
        self.giver = Some(giver);
    }

    /// Sets the limit and how long blocks stay warm, once the host has said it.
    pub fn set_limits(&mut self, limit: usize, idle: Duration) {
        (self.limit, self.idle) = (limit, idle);
    }

    /// How long blocks stay warm, if there are any.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        (self.reserved > 0).then_some(self.idle)
    }

    /// Bytes that have pages behind them.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Puts a payload into a block: `parts` together, every part after the first at a multiple of 8, which makes `length`
    /// bytes. `None` when no block can be had now: the payload goes another way.
    pub fn fill(&mut self, parts: &[&[u8]], length: usize, shown: usize) -> Option<BlockRange> {
        let slot = self.take(length)?;
        if self.put(slot, parts).is_err() {
            self.drop_block(slot);
            return None;
        }
        let generation = self.lend_out(slot);
        let block = &self.blocks[slot];
        self.looks = Looks::FRESH;
        Some(BlockRange {
            offset: block.start as u64,
            length: length as u64,
            shown: shown as u64,
            slot: u32::try_from(slot).ok()?,
            generation,
        })
    }

    /// Puts a payload into a block, all of which has pages afterwards.
    fn put(&self, slot: usize, parts: &[&[u8]]) -> io::Result<()> {
        let &Block {
            start,
            capacity,
            ready,
            ..
        } = &self.blocks[slot];
        let mut at = 0;
        let mut add = |part: &[u8]| {
            let ready = ready.saturating_sub(at);
            self.arena.copy_in_new(start + at, part, ready)?;
            at += part.len();
            io::Result::Ok(at)
        };
        let mut end = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            add(&[0; 8][..usize::next_multiple_of(end, 8) - end])?;
            end = add(part)?;
        }
        let end = end.max(ready);
        if end < capacity {
            self.arena.memory().reserve(start + end, capacity - end)?;
        }
        Ok(())
    }

    /// Hands a block over that the program has filled, with the rest of its payload. The lease comes back when that can't
    /// be done now: the payload goes another way.
    ///
    /// # Errors
    /// The lease.
    pub fn hand_over(&mut self, front: &[&[u8]], lease: Lease) -> Result<BlockRange, Lease> {
        let Some(giver) = &self.giver else {
            return Err(lease);
        };
        let Some((start, length)) = lease.put_in_front(front) else {
            return Err(lease);
        };
        let Some(slot) = free_slot(&self.blocks) else {
            return Err(lease);
        };
        if slot == self.blocks.len() {
            self.blocks.push(Block::none());
        }
        let generation = self.blocks[slot].generation.wrapping_add(1).max(1);
        let range = BlockRange {
            offset: start as u64,
            length: length as u64,
            shown: lease.len() as u64,
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            generation,
        };
        if giver.give(range.note(), lease.memory()).is_err() {
            return Err(lease);
        }
        self.lend_out(slot);
        let block = &mut self.blocks[slot];
        (block.start, block.capacity, block.lent) = (0, 0, Some(lease));
        self.looks = Looks::FRESH;
        Ok(range)
    }

    /// A block is lent; the generation under which it is.
    fn lend_out(&mut self, slot: usize) -> u32 {
        let block = &mut self.blocks[slot];
        block.standing = Standing::Out;
        // 0 is what the words begin with.
        block.generation = block.generation.wrapping_add(1).max(1);
        block.generation
    }

    /// Gives the pages of blocks back that were free for long enough, and says when to come again; `None` when there is
    /// nothing to come for.
    pub fn shed(&mut self, now: Instant) -> Option<Instant> {
        self.collect(now);
        let mut next: Option<Instant> = None;
        let mut out = false;
        for slot in 0..self.blocks.len() {
            match self.blocks[slot].standing {
                Standing::None => {}
                Standing::Out => out = true,
                Standing::Free(since) if now.saturating_duration_since(since) >= self.idle => {
                    self.drop_block(slot);
                }
                Standing::Free(since) => {
                    let due = since + self.idle;
                    next = Some(next.map_or(due, |next| next.min(due)));
                }
            }
        }
        if next.is_none() && out {
            next = Some(self.looks.next(now, self.idle));
        }
        next
    }

    /// A free block for that many bytes, warm if there is one.
    fn take(&mut self, bytes: usize) -> Option<usize> {
        if bytes > self.limit {
            return None;
        }
        let mut warm = self.warm(bytes);
        if warm.is_none() {
            self.collect(Instant::now());
            warm = self.warm(bytes);
        }
        let Some(slot) = warm else {
            return self.make(rounded(bytes).min(self.limit));
        };
        let block = &mut self.blocks[slot];
        if block.ready < block.capacity {
            // Not at the first payload, which has cost enough.
            let memory = self.arena.memory();
            memory.map_for_writing(block.start, block.capacity);
            block.ready = block.capacity;
        }
        Some(slot)
    }

    /// The best free block.
    fn warm(&self, bytes: usize) -> Option<usize> {
        let free = self.blocks.iter().enumerate();
        best_fit(
            bytes,
            free.filter_map(|(slot, block)| match block.standing {
                Standing::Free(since) => Some((block.capacity, since, slot)),
                _ => None,
            }),
        )
    }

    /// Looks which blocks came back.
    pub fn collect(&mut self, now: Instant) {
        for (slot, block) in (0..).zip(&mut self.blocks) {
            if block.standing == Standing::Out && self.arena.given_back(slot) == block.generation {
                block.standing = if block.lent.take().is_some() {
                    Standing::None
                } else {
                    Standing::Free(now)
                };
            }
        }
    }

    /// Makes a block, for which free ones of other sizes may have to go.
    fn make(&mut self, capacity: usize) -> Option<usize> {
        while self.reserved + capacity > self.limit {
            self.drop_oldest()?;
        }
        let (slot, start) = loop {
            let slot = free_slot(&self.blocks);
            if let (Some(slot), Some(start)) = (slot, self.gap(capacity)) {
                break (slot, start);
            }
            self.drop_oldest()?;
        };
        let memory = self.arena.memory();
        let Ok(ready) = memory.reserve_large(start, capacity) else {
            let _ = memory.give_back(start, capacity);
            return None;
        };
        self.reserved += capacity;
        if slot == self.blocks.len() {
            self.blocks.push(Block::none());
        }
        let block = &mut self.blocks[slot];
        (block.start, block.capacity, block.ready) = (start, capacity, ready);
        Some(slot)
    }

    /// Where that many bytes are between the blocks.
    fn gap(&self, bytes: usize) -> Option<usize> {
        let mut taken: Vec<(usize, usize)> = self
            .blocks
            .iter()
            .filter(|block| block.standing != Standing::None && block.lent.is_none())
            .map(|block| (block.start, block.capacity))
            .collect();
        taken.sort_unstable();
        // Only where a large page begins can it have one.
        let step = if bytes < LARGE_PAGE { PAGE } else { LARGE_PAGE };
        let mut at = BLOCKS_START.next_multiple_of(step);
        for (start, capacity) in taken {
            if start.saturating_sub(at) >= bytes {
                return Some(at);
            }
            at = (start + capacity).next_multiple_of(step);
        }
        (self.arena.memory().len().saturating_sub(at) >= bytes).then_some(at)
    }

    fn drop_oldest(&mut self) -> Option<()> {
        let since = |block: &Block| match block.standing {
            Standing::Free(since) => Some(since),
            _ => None,
        };
        let oldest = (0..self.blocks.len())
            .filter_map(|slot| Some((since(&self.blocks[slot])?, slot)))
            .min()?;
        self.drop_block(oldest.1);
        Some(())
    }

    fn drop_block(&mut self, slot: usize) {
        let block = &mut self.blocks[slot];
        block.standing = Standing::None;
        self.reserved -= block.capacity;
        // What the system refuses to take back stays reserved until the arena goes.
        let _ = self.arena.memory().give_back(block.start, block.capacity);
    }
}

impl Block {
    fn none() -> Self {
        Self {
            start: 0,
            capacity: 0,
            ready: 0,
            generation: 0,
            standing: Standing::None,
            lent: None,
        }
    }
}

/// A place for one more block.
fn free_slot(blocks: &[Block]) -> Option<usize> {
    blocks
        .iter()
        .position(|block| block.standing == Standing::None)
        .or_else(|| (blocks.len() < MAX_BLOCKS).then_some(blocks.len()))
}

/// The size of a block for that many bytes.
pub(super) fn rounded(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 2 / SIZES_PER_DOUBLING).max(PAGE);
    bytes.next_multiple_of(step).next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_at_most_an_eighth_larger_than_what_is_in_them() {
        for bytes in [
            1,
            4096,
            4097,
            100_000,
            (1 << 20) + 1,
            (64 << 20) + 30,
            200 << 20,
        ] {
            let rounded = rounded(bytes);
            assert!(rounded >= bytes && rounded.is_multiple_of(PAGE));
            assert!(rounded <= bytes + bytes / 8 + PAGE, "{bytes}: {rounded}");
        }
    }
}
