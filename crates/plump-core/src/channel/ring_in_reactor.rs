//! A ring whose bell is a source of the process's reactor.

use super::ring::RingChannel;
use super::{Channel, ChannelKind, Sleeper};
#[cfg(not(loom))]
use crate::platform::Bell;
use crate::platform::{Interest, Reactor};
use std::io;
use std::sync::Arc;

/// A ring, and the reactor that its I/O bell wakes.
pub struct RingInReactor {
    ring: RingChannel,
    reactor: Arc<Reactor>,
}

impl RingInReactor {
    /// Registers the ring's bell. The bell is armed all the time: it rings only when this side has said that it sleeps.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(ring: RingChannel, reactor: Arc<Reactor>, key: usize) -> io::Result<Self> {
        reactor.register(key, ring.io_bell().source())?;
        reactor.arm(key, ring.io_bell().source(), Interest::EveryRing)?;
        Ok(Self { ring, reactor })
    }
}

impl Drop for RingInReactor {
    fn drop(&mut self) {
        self.reactor.deregister(self.ring.io_bell().source());
    }
}

impl Channel for RingInReactor {
    fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.ring.try_read(into)
    }

    fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.ring.try_write(from)
    }

    fn may_have_bytes(&self) -> bool {
        self.ring.may_have_bytes()
    }

    fn sleep(&mut self, who: Sleeper) -> bool {
        self.ring.sleep(who)
    }

    fn watch(&mut self) {
        self.ring.watch();
    }

    fn peer_on_other_cpu(&self) -> bool {
        self.ring.peer_on_other_cpu()
    }

    fn tell_crowded(&self, crowded: bool) {
        self.ring.tell_crowded(crowded);
    }

    fn told_crowded(&self) -> bool {
        self.ring.told_crowded()
    }

    fn check(&mut self) -> io::Result<()> {
        self.ring.check()
    }

    fn rung_at(&self) -> Option<u64> {
        self.ring.rung_at()
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Ring
    }

    fn peer_gone(&mut self) {
        self.ring.peer_gone();
    }

    // Under loom bells are of another type, and nobody asks.
    #[cfg(not(loom))]
    fn js_bell(&self) -> Option<Arc<Bell>> {
        Some(self.ring.shared_js_bell())
    }
}
