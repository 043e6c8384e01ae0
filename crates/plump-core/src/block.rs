//! Warm blocks: large payloads travel in memory that both processes map, and only a few words of them over the channel.
//!
//! Each direction of a link has an *arena*: a sparse piece of shared memory, made when the worker is started and inherited
//! like the rings, so that no descriptor is ever passed later. A *block* is a range of it whose pages are reserved. The
//! sender owns the arena ([`BlockSender`]): it decides where blocks are, copies a payload into one, and says where it is.
//! The receiver ([`BlockReceiver`]) reads or keeps the payload and gives the block back.
//!
//! - **Warm.** First touch of a page costs several times the copy. So a block that came back is used again for the next
//!   payload of its size, and its pages go back to the system when it was idle for `blockIdleMs`.
//! - **Given back by a word, not by a message.** The first page of an arena has one word per block; the receiver stores
//!   the generation under which it got the block, and the sender looks at the words when it needs a block. A message
//!   would have to be sent from finalizers, which run while the garbage collector does, and would wake a process that
//!   sleeps.
//! - **Nothing waits for a block.** With no block free, or the limit reached, the payload goes through the channel in
//!   parts, as it would without blocks.
//! - **Nothing waits for a garbage collection.** The receiver keeps what it shows to JavaScript without a copy only up
//!   to half of the limit; the rest it copies into private memory, which is kept warm as well ([`Copies`]), and gives back
//!   at once.
//!
//! ## What the other process can do
//! It can write all of both arenas at any moment, name any range, and give back what it was not lent. So the host never
//! makes a reference to these bytes nor maps them for JavaScript (unless `trusted`): it checks where a payload is said to
//! be and lets the system copy from there. A block given back too early is one that the same worker was still reading.
//!
//! ## Blocks that the program fills
//! What `allocate()` gives is shown to the host's JavaScript before it is sent, so it may not lie in an arena: each is a
//! piece of memory of its own that no other process can ever write, handed to the worker that gets it ([`Lender`]). It
//! takes one of the words of that worker's arena, and comes back by it like any block.
//!
//! Where shared memory cannot be had, and over pipes, there are no blocks.

mod arena;
mod copies;
mod lender;
mod receiver;
mod sender;

pub use arena::Arena;
pub use copies::{BlockCopy, Copies};
pub use lender::{Allocated, AllocatedBlock, Lease, Lender, Refused};
pub use receiver::{BlockPlace, BlockReceiver, Form, ReceivedBlock};
pub use sender::BlockSender;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// Where a payload is, as the sender says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// Where it begins in the arena; of a block that was handed over, in that.
    pub offset: u64,
    /// Bytes of it.
    pub length: u64,
    /// Bytes of it that are binary parts, which a receiver that keeps the block shows without a copy.
    pub shown: u64,
    /// The number of the block.
    pub slot: u32,
    /// How often the block was lent; what the receiver stores to give it back.
    pub generation: u32,
}

impl BlockRange {
    /// Bytes of its form on the wire.
    pub const BYTES: usize = 32;

    /// Its form on the wire, little-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.shown.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.slot.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.generation.to_le_bytes());
        bytes
    }

    /// The number under which its memory is handed over, if it is.
    pub(crate) fn note(&self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Reads it; nothing is checked yet.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        let half = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let whole = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Self {
            offset: whole(0),
            length: whole(8),
            shown: whole(16),
            slot: half(24),
            generation: half(28),
        }
    }
}

/// When to look again whether what is out came back. While nothing else happens the looks get rarer, by doubling: an idle
/// process should not be woken for what may stay out for hours.
#[derive(Debug)]
struct Looks {
    /// How many times `idle` to wait for the next one.
    after: u32,
}

impl Looks {
    /// The first one comes after `idle`.
    const FRESH: Self = Self { after: 1 };
    const RAREST: u32 = 64;

    fn next(&mut self, now: Instant, idle: Duration) -> Instant {
        let next = now + idle * self.after;
        self.after = (self.after * 2).min(Self::RAREST);
        next
    }
}

/// Of free blocks (their capacity, since when they are free, their number) the best for so many bytes: not much larger than
/// needed, and of equals the one that was used last.
fn best_fit(bytes: usize, free: impl Iterator<Item = (usize, Instant, usize)>) -> Option<usize> {
    let fits = bytes..=bytes.saturating_mul(2);
    free.filter(|(capacity, ..)| fits.contains(capacity))
        .min_by_key(|(capacity, since, at)| (*capacity, Reverse(*since), *at))
        .map(|(_, _, at)| at)
}

/// Both directions of a link's blocks, as one of its sides has them.
#[derive(Debug)]
pub struct Blocks {
    /// Blocks for what this side sends.
    pub sender: BlockSender,
    /// Blocks in which the other side sends.
    pub receiver: BlockReceiver,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_survives_the_way() {
        let range = BlockRange {
            offset: 0x0102_0304_0506_0708,
            length: 0x1112_1314_1516_1718,
            shown: 0x2122_2324_2526_2728,
            slot: 0x3132_3334,
            generation: 0x4142_4344,
        };
        assert_eq!(BlockRange::decode(&range.encode()), range);
    }
}
