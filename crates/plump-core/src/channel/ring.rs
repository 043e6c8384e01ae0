//! A channel over two rings of bytes in shared memory: no system call while the other side is awake.
//!
//! Each direction is one ring with one producer and one consumer. Its control state is two words, and each word is
//! changed by read-modify-write operations only, so that a question ("does anybody sleep?") and the act that it belongs
//! to ("these bytes are there") are one step:
//!
//! | word | low 32 bits | high 32 bits |
//! |---|---|---|
//! | `published` | bytes ever written, wrapping | who of the consumer's side sleeps: 1 its I/O thread, 2 its JavaScript thread; 4: the producer's side has left the channel |
//! | `consumed` | bytes ever read, wrapping | 1: the producer waits for space |
//!
//! - *publish* = `swap(published, new count)`: whoever was asleep is in the old value, and is counted as awake from now.
//! - *sleep* = `fetch_or(published, who)`: the count in the old value says whether bytes came in the meantime.
//! - *free* = `swap(consumed, new count)`, *wait for space* = `fetch_or(consumed, 1)`: the same the other way round.
//!
//! The alternative (a state word beside the counter, each side storing one and loading the other) needs a full fence on
//! both sides and is wrong without it; one word costs the same (a locked operation on a line that has to be fetched
//! anyway) and cannot lose a wake-up. `tests/ring_loom.rs` runs this file through every interleaving.
//!
//! ## Memory
//! One sealed piece of shared memory: a page of words, each on its own pair of cache lines ([`layout`]), then the bytes
//! of both rings. The other process may write anything into all of it at any moment, so:
//! - every word is read once per step, and what was read is checked against the capacity before it is used: a
//!   difference larger than the ring is `InvalidData`, for good;
//! - this side's own counters are private and only shown in the memory, never read back;
//! - no reference to the bytes is ever made (`&[u8]` promises that nobody writes): they are copied between raw pointers,
//!   once, into or out of private memory. The `swap` that follows each copy out is a release operation, which no access
//!   can be moved across, so the compiler cannot go back to the ring instead of looking at the copy.
//!
//! A process that dies in the middle of a write has not published it: nothing of it is ever seen. Its death itself is
//! known from the control pipe ([`RingChannel::peer_gone`]).
//!
//! ## Bells
//! Four for a pair: the I/O thread and the JavaScript thread of either side. A bell is rung only for a sleeper, so a bell that rang means "look again", not "there is something": a ring may arrive late, when everything
//! was read already.

#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]

#[cfg(not(loom))]
mod cells;
pub mod layout;
#[cfg(loom)]
mod model;

use std::cell::Cell;
use std::io;
use std::sync::Arc;

#[cfg(not(loom))]
use std::sync::atomic::Ordering;

#[cfg(loom)]
use loom::sync::atomic::Ordering;

#[cfg(not(loom))]
use self::cells::{Bell, Cells};
#[cfg(loom)]
use self::model::{Bell, Cells};
use super::{Channel, ChannelKind, Sleeper};
use crate::platform::{InheritedEnd, current_cpu, monotonic_ns};

/// Bytes of each ring by default. Four of the largest frames: the sender of a long payload is a few frames ahead of its
/// reader and both stay at work, while the pair costs half a MiB per worker and stays in a core's second-level cache.
/// `docs/decisions/0011-ring-capacity.md` has the measurement.
pub const DEFAULT_CAPACITY: u32 = 256 * 1024;

/// The largest ring: differences of the 32-bit counters must stay unambiguous.
pub const MAX_CAPACITY: u32 = 1 << 30;

const IO_THREAD_SLEEPS: u64 = 1 << 32;
const JS_SLEEPS: u64 = 1 << 33;
const ANYBODY_SLEEPS: u64 = IO_THREAD_SLEEPS | JS_SLEEPS;
const LEFT: u64 = 1 << 34;
const WAITS_FOR_SPACE: u64 = 1 << 32;

/// What stands in a CPU word as long as that side has not run.
const NO_CPU: u32 = u32::MAX;

/// A side that watches shows its CPU once in so many looks: often enough to follow a migration within a microsecond or
/// two, seldom enough not to be felt.
const LOOKS_PER_CPU: u32 = 64;

/// The two sides of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Host,
    Worker,
}

/// The two rings of a pair, named after where they lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    ToWorker,
    ToHost,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Host => Self::Worker,
            Self::Worker => Self::Host,
        }
    }

    /// The ring that this side writes.
    fn outgoing(self) -> Lane {
        match self {
            Self::Host => Lane::ToWorker,
            Self::Worker => Lane::ToHost,
        }
    }

    /// The ring that this side reads.
    fn incoming(self) -> Lane {
        self.other().outgoing()
    }
}

/// The bells of a pair.
#[derive(Debug)]
struct Bells {
    host: SideBells,
    worker: SideBells,
}

/// The bells of one side.
#[derive(Debug)]
struct SideBells {
    io: Bell,
    /// Shared with those that sleep on it without the channel at hand.
    js: Arc<Bell>,
}

impl SideBells {
    fn new() -> io::Result<Self> {
        Ok(Self {
            io: Bell::new()?,
            js: Arc::new(Bell::new()?),
        })
    }

    fn open_inherited([io, js]: [u64; 2]) -> io::Result<Self> {
        Ok(Self {
            io: Bell::open_inherited(io)?,
            js: Arc::new(Bell::open_inherited(js)?),
        })
    }
}

impl Bells {
    fn of(&self, side: Side) -> &SideBells {
        match side {
            Side::Host => &self.host,
            Side::Worker => &self.worker,
        }
    }
}

/// A new pair of rings with its bells, in the host, until the worker has been started.
#[derive(Debug)]
pub struct RingPair {
    cells: Arc<Cells>,
    bells: Arc<Bells>,
}

impl RingPair {
    /// How many ends a worker inherits for a pair: the memory, then the bells of the host's I/O thread and JavaScript
    /// thread, then those of the worker's.
    pub const INHERITED: usize = 5;

    /// Makes the memory and the bells. `capacity`: bytes of each ring, a power of two up to [`MAX_CAPACITY`].
    ///
    /// # Errors
    /// `InvalidInput` for another capacity, `Unsupported` where there is no shared memory (take the pipes), and what the
    /// system says when there is no memory or descriptor left.
    pub fn create(capacity: u32) -> io::Result<Self> {
        Self::create_counting_from(capacity, 0)
    }

    /// As [`RingPair::create`], with counters that begin at `start` instead of 0: shows what happens where they wrap
    /// around without moving 4 GiB first.
    ///
    /// # Errors
    /// As for [`RingPair::create`].
    pub fn create_counting_from(capacity: u32, start: u32) -> io::Result<Self> {
        if !capacity.is_power_of_two() || capacity > MAX_CAPACITY {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the capacity of a ring must be a power of two up to 2^30",
            ));
        }
        let cells = Cells::create(capacity)?;
        for lane in [Lane::ToWorker, Lane::ToHost] {
            cells
                .published(lane)
                .store(u64::from(start), Ordering::Relaxed);
            cells
                .consumed(lane)
                .store(u64::from(start), Ordering::Relaxed);
        }
        for side in [Side::Host, Side::Worker] {
            cells
                .cpu(side)
                .store(NO_CPU, std::sync::atomic::Ordering::Relaxed);
        }
        let bells = Bells {
            host: SideBells::new()?,
            worker: SideBells::new()?,
        };
        Ok(Self {
            cells: Arc::new(cells),
            bells: Arc::new(bells),
        })
    }

    /// What the worker must inherit, in the order in which [`RingChannel::open_inherited`] takes the numbers.
    ///
    /// # Errors
    /// What the system says when there is no descriptor left.
    pub fn inherit(&self) -> io::Result<Vec<InheritedEnd>> {
        Ok(vec![
            self.cells.inherit()?,
            self.bells.host.io.inherit()?,
            self.bells.host.js.inherit()?,
            self.bells.worker.io.inherit()?,
            self.bells.worker.js.inherit()?,
        ])
    }

    /// The host's side. Dropping it tells the worker that the host has left.
    #[must_use]
    pub fn host_channel(self) -> RingChannel {
        RingChannel::new(self.cells, self.bells, Side::Host)
    }

    /// Both sides in this process, host's first: for tests and benchmarks.
    #[must_use]
    pub fn into_channels(self) -> (RingChannel, RingChannel) {
        let worker = RingChannel::new(
            Arc::clone(&self.cells),
            Arc::clone(&self.bells),
            Side::Worker,
        );
        (self.host_channel(), worker)
    }

    /// The memory, with the words at the places that [`layout`] names.
    #[cfg(not(loom))]
    #[must_use]
    pub fn memory(&self) -> &Arc<crate::memory::SharedMemory> {
        self.cells.memory()
    }
}

/// How a side stands to its channel; it only moves downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The owner knows that the other process has ended: what it published is still read.
    PeerGone,
    /// The other side wrote something impossible.
    Broken,
    /// This side has left.
    Closed,
}

/// One side of a pair of rings.
#[derive(Debug)]
pub struct RingChannel {
    cells: Arc<Cells>,
    bells: Arc<Bells>,
    side: Side,
    /// Bytes ever written to the outgoing ring; the word in memory only shows it.
    written: u32,
    /// Bytes of the outgoing ring that the other side had read when last looked at: at least that much is free.
    seen_consumed: u32,
    /// Bytes ever read from the incoming ring; the word in memory only shows it.
    read: u32,
    /// A sleep was announced and not taken back. The other side may have taken it back already.
    announced: bool,
    /// The CPU that was last shown, so that an unchanged one costs no write.
    shown_cpu: Cell<u32>,
    looks: Cell<u32>,
    state: State,
}

impl RingChannel {
    /// The worker's side, from the numbers of the inherited descriptors in the order of [`RingPair::inherit`].
    ///
    /// # Errors
    /// `InvalidData` when they are not what a host hands down, and what the system says otherwise.
    pub fn open_inherited(numbers: [u64; RingPair::INHERITED]) -> io::Result<Self> {
        let [memory, host_io, host_js, worker_io, worker_js] = numbers;
        let cells = Cells::open_inherited(memory)?;
        let bells = Bells {
            host: SideBells::open_inherited([host_io, host_js])?,
            worker: SideBells::open_inherited([worker_io, worker_js])?,
        };
        Ok(Self::new(Arc::new(cells), Arc::new(bells), Side::Worker))
    }

    /// The only place where own counters are read: before this side has moved them, they are where the host put them.
    fn new(cells: Arc<Cells>, bells: Arc<Bells>, side: Side) -> Self {
        let written = count(cells.published(side.outgoing()).load(Ordering::Acquire));
        let read = count(cells.consumed(side.incoming()).load(Ordering::Acquire));
        Self {
            cells,
            bells,
            side,
            written,
            seen_consumed: written,
            read,
            announced: false,
            shown_cpu: Cell::new(NO_CPU),
            looks: Cell::new(0),
            state: State::Open,
        }
    }

    /// Bytes of each ring.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.cells.capacity()
    }

    /// Rung when this side's I/O thread slept and bytes came, or when space came that a write had not found. Register it
    /// with the reactor; when it fires: clear it, pump, and sleep again.
    #[must_use]
    pub fn io_bell(&self) -> &Bell {
        &self.bells.of(self.side).io
    }

    /// Rung when this side slept as [`Sleeper::JavaScript`] and bytes came.
    #[must_use]
    pub fn js_bell(&self) -> &Bell {
        &self.bells.of(self.side).js
    }

    /// The same, for whoever sleeps on it without this channel at hand.
    #[must_use]
    pub fn shared_js_bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bells.of(self.side).js)
    }

    /// How many calls the worker says it has begun; see [`RingChannel::set_begun`]. The value is the worker's: check it.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.cells
            .begun()
            .load(std::sync::atomic::Ordering::Acquire)
    }

    /// In the worker, before a handler begins: how many have begun with it. It stays readable after the worker's death,
    /// which is how the host knows what may have run.
    pub fn set_begun(&self, count: u64) {
        self.cells
            .begun()
            .store(count, std::sync::atomic::Ordering::Release);
    }

    /// The other process has ended: what it had published is still read, then comes the end; writing is `BrokenPipe`.
    pub fn peer_gone(&mut self) {
        if self.state == State::Open {
            self.state = State::PeerGone;
        }
    }

    /// Leaves the channel: the other side reads what was published, then the end, and is woken for it. Nothing can be
    /// read or written here any more. Dropping does the same.
    pub fn close(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        let before = self
            .cells
            .published(self.side.outgoing())
            .fetch_or(LEFT, Ordering::AcqRel);
        self.wake_sleeper(before);
        let before = self
            .cells
            .consumed(self.side.incoming())
            .fetch_and(!WAITS_FOR_SPACE, Ordering::AcqRel);
        self.wake_writer(before);
    }

    /// Shows on which CPU this side runs.
    fn show_cpu(&self) {
        let cpu = current_cpu();
        if cpu != self.shown_cpu.get() {
            self.shown_cpu.set(cpu);
            self.cells
                .cpu(self.side)
                .store(cpu, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Rings for whom `before`, the outgoing ring's `published` until now, names as asleep.
    fn wake_sleeper(&self, before: u64) {
        if before & ANYBODY_SLEEPS == 0 {
            return;
        }
        // Whoever wakes up wants to know how long it would have had to watch: its waking is not part of that.
        self.cells
            .rang(self.side)
            .store(monotonic_ns(), std::sync::atomic::Ordering::Relaxed);
        let bells = self.bells.of(self.side.other());
        if before & JS_SLEEPS != 0 {
            bells.js.ring();
        }
        if before & IO_THREAD_SLEEPS != 0 {
            bells.io.ring();
        }
    }

    /// Rings if `before`, the incoming ring's `consumed` until now, says that its producer waits for space.
    fn wake_writer(&self, before: u64) {
        if before & WAITS_FOR_SPACE != 0 {
            self.bells.of(self.side.other()).io.ring();
        }
    }

    /// Whether writing has become pointless. Looks at the word of the ring that this side reads: it was looked at a moment
    /// ago and costs nothing to look at again.
    fn nobody_reads(&self) -> bool {
        let published = self
            .cells
            .published(self.side.incoming())
            .load(Ordering::Relaxed);
        self.state != State::Open || published & LEFT != 0
    }

    fn fault(&mut self) -> io::Error {
        self.state = State::Broken;
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the other process wrote impossible counters into the ring",
        )
    }

    /// Bytes that can be read, by a `published` word of the incoming ring; `None` when it is impossible.
    fn readable(&self, published: u64) -> Option<u32> {
        let bytes = count(published).wrapping_sub(self.read);
        (bytes <= self.cells.capacity()).then_some(bytes)
    }

    /// Whether there is nothing to learn from a read, by a `published` word of the incoming ring.
    fn is_silent(&self, published: u64) -> bool {
        self.readable(published) == Some(0) && published & LEFT == 0 && self.state == State::Open
    }

    /// Takes over a `consumed` word of the outgoing ring and says how many bytes are free.
    fn note_consumed(&mut self, consumed: u64) -> io::Result<u32> {
        let used = self.written.wrapping_sub(count(consumed));
        if used > self.cells.capacity() {
            return Err(self.fault());
        }
        self.seen_consumed = count(consumed);
        Ok(self.cells.capacity() - used)
    }

    /// How many bytes are free for a write of `wanted`: looks at the other side's line only when what was free before is
    /// not enough, and asks to be woken when nothing is free.
    fn free(&mut self, wanted: u32) -> io::Result<u32> {
        let lane = self.side.outgoing();
        let free = self.cells.capacity() - self.written.wrapping_sub(self.seen_consumed);
        if free >= wanted {
            return Ok(free);
        }
        let consumed = self.cells.consumed(lane).load(Ordering::Acquire);
        let free = self.note_consumed(consumed)?;
        if free > 0 {
            return Ok(free);
        }
        let consumed = self
            .cells
            .consumed(lane)
            .fetch_or(WAITS_FOR_SPACE, Ordering::AcqRel);
        let free = self.note_consumed(consumed)?;
        if free > 0 {
            self.cells
                .consumed(lane)
                .fetch_and(!WAITS_FOR_SPACE, Ordering::AcqRel);
        }
        Ok(free)
    }
}

impl Channel for RingChannel {
    fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.state {
            State::Open | State::PeerGone => {}
            State::Broken => return Err(self.fault()),
            State::Closed => return Ok(0),
        }
        let lane = self.side.incoming();
        let published = self.cells.published(lane).load(Ordering::Acquire);
        let Some(readable) = self.readable(published) else {
            return Err(self.fault());
        };
        if readable == 0 {
            let ended = self.state != State::Open || published & LEFT != 0;
            return if ended {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        self.show_cpu();
        let bytes = readable.min(u32::try_from(into.len()).unwrap_or(u32::MAX));
        let taken = &mut into[..bytes as usize];
        self.cells.copy_out(lane, self.read, taken);
        self.read = self.read.wrapping_add(bytes);
        let before = self
            .cells
            .consumed(lane)
            .swap(u64::from(self.read), Ordering::AcqRel);
        self.wake_writer(before);
        Ok(bytes as usize)
    }

    fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        if self.state == State::Broken {
            return Err(self.fault());
        }
        if self.nobody_reads() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let wanted = u32::try_from(from.len()).unwrap_or(u32::MAX);
        let bytes = self.free(wanted)?.min(wanted);
        if bytes == 0 {
            if wanted == 0 {
                return Ok(0);
            }
            // Once more: a reader that left before the wish for space was there to be seen has rung for nobody.
            let kind = if self.nobody_reads() {
                io::ErrorKind::BrokenPipe
            } else {
                io::ErrorKind::WouldBlock
            };
            return Err(kind.into());
        }
        self.show_cpu();
        let lane = self.side.outgoing();
        self.cells
            .copy_in(lane, self.written, &from[..bytes as usize]);
        self.written = self.written.wrapping_add(bytes);
        let before = self
            .cells
            .published(lane)
            .swap(u64::from(self.written), Ordering::AcqRel);
        self.wake_sleeper(before);
        Ok(bytes as usize)
    }

    fn may_have_bytes(&self) -> bool {
        let looks = self.looks.get().wrapping_add(1);
        self.looks.set(looks);
        if looks.is_multiple_of(LOOKS_PER_CPU) {
            self.show_cpu();
        }
        let published = self
            .cells
            .published(self.side.incoming())
            .load(Ordering::Relaxed);
        !self.is_silent(published)
    }

    fn sleep(&mut self, who: Sleeper) -> bool {
        // Two announcements of one side would ring twice: the last one counts.
        self.watch();
        let who = match who {
            Sleeper::IoThread => IO_THREAD_SLEEPS,
            Sleeper::JavaScript => JS_SLEEPS,
        };
        let published = self
            .cells
            .published(self.side.incoming())
            .fetch_or(who, Ordering::AcqRel);
        self.announced = true;
        if self.is_silent(published) {
            return true;
        }
        self.watch();
        false
    }

    fn watch(&mut self) {
        if self.announced {
            self.announced = false;
            self.cells
                .published(self.side.incoming())
                .fetch_and(!ANYBODY_SLEEPS, Ordering::AcqRel);
        }
    }

    fn peer_on_other_cpu(&self) -> bool {
        let peer = self
            .cells
            .cpu(self.side.other())
            .load(std::sync::atomic::Ordering::Relaxed);
        peer == NO_CPU || peer != current_cpu()
    }

    fn check(&mut self) -> io::Result<()> {
        match self.state {
            State::Open => {}
            State::Broken => return Err(self.fault()),
            State::PeerGone | State::Closed => return Ok(()),
        }
        let outgoing = self.cells.consumed(self.side.outgoing());
        self.note_consumed(outgoing.load(Ordering::Acquire))?;
        let incoming = self.cells.published(self.side.incoming());
        match self.readable(incoming.load(Ordering::Acquire)) {
            Some(_) => Ok(()),
            None => Err(self.fault()),
        }
    }

    fn tell_crowded(&self, crowded: bool) {
        if self.side == Side::Host {
            self.cells
                .crowded()
                .store(u64::from(crowded), std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn told_crowded(&self) -> bool {
        let crowded = self.cells.crowded();
        self.side == Side::Worker && crowded.load(std::sync::atomic::Ordering::Relaxed) != 0
    }

    fn rung_at(&self) -> Option<u64> {
        let rang = self.cells.rang(self.side.other());
        Some(rang.load(std::sync::atomic::Ordering::Relaxed))
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Ring
    }
}

impl Drop for RingChannel {
    fn drop(&mut self) {
        self.close();
    }
}

/// The counter in a control word.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the counter is the low half of the word"
)]
fn count(word: u64) -> u32 {
    word as u32
}
