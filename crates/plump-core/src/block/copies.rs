//! Warm private memory for payloads that JavaScript must not see where they arrived.
//!
//! Their pages are as dear at first touch as those of blocks: 64 MiB take 6 ms at best, and 150 ms where a virtual machine
//! has to ask its host for each page. So memory whose copy JavaScript has let go of is kept for the next one of its size,
//! and goes back to the system when it was free for `blockIdleMs`.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::sender::rounded;
use super::{Form, Looks, ReceivedBlock, best_fit};
use crate::memory::{PrivateMemory, Room};

/// Below this the engine's own memory, which it needs no finalizer for, is as quick.
const MIN_BYTES: usize = 1 << 20;

/// From here on an engine that is shown memory is about to collect garbage.
pub(super) const WORTH_A_SPARE: usize = 16 << 20;

#[derive(Debug)]
struct Warm {
    limit: usize,
    idle: Duration,
    /// Since when it is free.
    free: Vec<(Instant, PrivateMemory)>,
    taken_at: Instant,
    looks: Looks,
}

/// The memory for copies of one instance.
#[derive(Debug)]
pub struct Copies {
    warm: Mutex<Warm>,
    /// Bytes of all of it: free, or with JavaScript.
    bytes: AtomicUsize,
}

impl Copies {
    /// Memory of `limit` bytes and one payload together, which is given back when it was free for `idle`.
    #[must_use]
    pub fn new(limit: usize, idle: Duration) -> Self {
        let warm = Warm {
            limit,
            idle,
            free: Vec::new(),
            taken_at: Instant::now(),
            looks: Looks::FRESH,
        };
        Self {
            warm: Mutex::new(warm),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Sets the limit and how long memory stays warm, once the host has said it.
    pub fn set_limits(&self, limit: usize, idle: Duration) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        (warm.limit, warm.idle) = (limit, idle);
    }

    /// How long memory stays warm, if there is any.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        (self.bytes.load(Ordering::Relaxed) > 0).then_some(warm.idle)
    }

    /// Memory for a copy of so many bytes; `None` for few, above the limit, and where there is none.
    #[must_use]
    pub fn take(this: &Arc<Self>, length: usize) -> Option<BlockCopy> {
        if length < MIN_BYTES {
            return None;
        }
        let mut warm = this.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.taken_at = Instant::now();
        warm.looks = Looks::FRESH;
        let free = warm.free.iter().enumerate();
        let fit = best_fit(
            length,
            free.map(|(at, (since, memory))| (memory.len(), *since, at)),
        );
        let memory = match fit {
            Some(at) => warm.free.swap_remove(at).1,
            None => this.make(&mut warm, rounded(length))?,
        };
        Some(BlockCopy {
            memory: ManuallyDrop::new(memory),
            length,
            home: Arc::downgrade(this),
        })
    }

    /// Makes memory, for which free one of other sizes may have to go. The last one may go beyond the limit: four of 64 MiB
    /// and a little are in turn where a garbage collection comes late.
    fn make(&self, warm: &mut Warm, capacity: usize) -> Option<PrivateMemory> {
        if capacity > warm.limit {
            return None;
        }
        while self.bytes.load(Ordering::Relaxed) >= warm.limit {
            let free = warm.free.iter().enumerate();
            let oldest = free.min_by_key(|(_, (since, _))| *since)?.0;
            self.let_go(&warm.free.swap_remove(oldest).1);
        }
        let memory = PrivateMemory::new(capacity).ok()?;
        self.bytes.fetch_add(memory.len(), Ordering::Relaxed);
        Some(memory)
    }

    /// That memory goes.
    fn let_go(&self, memory: &PrivateMemory) {
        self.bytes.fetch_sub(memory.len(), Ordering::Relaxed);
    }

    /// Gives memory back that was free for long enough, and says when to come again; `None` when there is nothing to come
    /// for.
    pub fn shed(&self, now: Instant) -> Option<Instant> {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = warm.idle;
        let is_old = |since: Instant| now.saturating_duration_since(since) >= idle;
        while let Some(at) = warm.free.iter().position(|(since, _)| is_old(*since)) {
            self.let_go(&warm.free.swap_remove(at).1);
        }
        let next = warm.free.iter().map(|(since, _)| *since + idle).min();
        if next.is_none() && self.bytes.load(Ordering::Relaxed) > 0 {
            return Some(warm.looks.next(now, idle));
        }
        next
    }

    /// Takes memory back. The garbage collector may be who calls: it never waits here.
    fn take_back(&self, memory: PrivateMemory) {
        let now = Instant::now();
        if let Ok(mut warm) = self.warm.try_lock()
            && now.saturating_duration_since(warm.taken_at) < warm.idle
        {
            warm.free.push((now, memory));
        } else {
            self.let_go(&memory);
        }
    }
}

/// A copy of a payload in private memory. Dropping it gives the memory back.
#[derive(Debug)]
pub struct BlockCopy {
    /// Taken out when this is dropped.
    memory: ManuallyDrop<PrivateMemory>,
    length: usize,
    home: Weak<Copies>,
}

impl BlockCopy {
    /// Copies a payload here, which must be that for which the memory was taken; `None` when it is not.
    #[must_use]
    pub fn fill(mut self, block: &ReceivedBlock) -> Option<Self> {
        self.memory.prepare();
        let start = self.as_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: `take` gave memory of at least so many bytes, and nobody else knows it.
        let into = unsafe { std::slice::from_raw_parts_mut(start, self.length) };
        block.copy_to(into).then_some(self)
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Never: small payloads are copied elsewhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where the bytes are.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// Copies it again; `false` when `into` has not its length.
    #[must_use]
    pub fn copy_to(&self, into: &mut [MaybeUninit<u8>]) -> bool {
        if into.len() != self.length {
            return false;
        }
        // SAFETY: so many bytes are there, and `into` is memory of its own.
        unsafe {
            std::ptr::copy_nonoverlapping(self.as_ptr(), into.as_mut_ptr().cast(), self.length);
        };
        true
    }

    /// How JavaScript can be shown it; `None` where it is not worth getting ready for another one like that.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        (self.length >= WORTH_A_SPARE).then(|| Form::Room(self.memory.form(self.length)))
    }

    /// Moves to addresses that were kept for it; `false` when it stays where it was.
    #[must_use]
    pub fn move_to(&mut self, room: Room) -> bool {
        self.memory.move_to(room, self.length)
    }
}

impl Drop for BlockCopy {
    fn drop(&mut self) {
        // SAFETY: nobody uses it any more.
        let memory = unsafe { ManuallyDrop::take(&mut self.memory) };
        if let Some(home) = self.home.upgrade() {
            home.take_back(memory);
        }
    }
}
