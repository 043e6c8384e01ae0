//! A channel carries bytes both ways between two processes, in order, and says when to wake whom.
//! Frames do not know which kind they travel over; `tests/channel_conformance.rs` runs one suite over all.

pub mod in_process;
pub mod pipe;
pub mod ring;
pub mod ring_in_reactor;
pub mod spin;

use crate::platform::Bell;
use std::io;
use std::sync::Arc;

/// Which kind of channel carries the calls of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// A pair of OS pipes.
    Pipe,
    /// A pair of rings in shared memory.
    Ring,
}

/// Who sleeps while a channel is silent, so that the other side knows which bell to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleeper {
    /// The process's I/O thread, woken through its reactor.
    IoThread,
    /// The JavaScript thread, inside a blocking `call()` or in its event loop, woken through the channel's own bell for it
    /// where there is one, through the I/O thread otherwise.
    JavaScript,
}

/// The contract of every channel.
///
/// Ownership: one value per side, used under the lock of that side's state, so never by two threads at once.
/// Order: bytes arrive in the order in which they were accepted, none lost or doubled.
/// Failure: an error other than `WouldBlock` is final, as is the end (`Ok(0)` from `try_read`); bytes that the other
/// side had written before it died are still read first.
pub trait Channel: Send {
    /// Reads what there is, at most `into.len()` bytes (> 0), without waiting. `Ok(0)` is the end of the channel.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing now; anything else is final.
    fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of `from` as fits, without waiting, and wakes the other side if it sleeps.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits now (the side's I/O thread is woken when it does); `BrokenPipe` when nobody will read.
    fn try_write(&mut self, from: &[u8]) -> io::Result<usize>;

    /// Whether a read would give something, as far as can be told without a system call. A pipe can't tell: `true`.
    fn may_have_bytes(&self) -> bool;

    /// Announces that this side stops watching and `who` goes to sleep. `false`: bytes arrived meanwhile, do not sleep.
    fn sleep(&mut self, who: Sleeper) -> bool;

    /// Announces that this side watches again; the other side need not ring.
    fn watch(&mut self);

    /// Whether watching for an answer can be worth it: the other side was last seen on another CPU. A channel that
    /// can't tell says `true`.
    fn peer_on_other_cpu(&self) -> bool;

    /// In the host: tells the worker whether as many workers are busy as there are CPUs, so that watching keeps another one
    /// from running. A channel that can't tell leaves the worker to what its own waits take.
    fn tell_crowded(&self, _crowded: bool) {}

    /// In the worker: whether the host has said so.
    fn told_crowded(&self) -> bool {
        false
    }

    /// When the other side last rang for a sleeper of this side, nanoseconds of the monotonic clock; `None` where it can't be
    /// told. What the other process says: only good for hints.
    fn rung_at(&self) -> Option<u64> {
        None
    }

    /// Which kind it is, for the stats.
    fn kind(&self) -> ChannelKind;

    /// The owner's reactor has reported this channel's key, for reading or for writing.
    fn fired(&mut self, _writable: bool) {}

    /// Looks whether the other side has spoilt what it can write of this channel, as far as that shows without reading or
    /// writing.
    ///
    /// # Errors
    /// As `try_read`: final.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The other process has ended: what it had written is still read, then comes the end. A pipe knows by itself.
    fn peer_gone(&mut self) {}

    /// The bell that the other side rings for `Sleeper::JavaScript`; `None` where the I/O thread wakes it.
    fn js_bell(&self) -> Option<Arc<Bell>> {
        None
    }
}
