//! A channel whose two ends live in one process, over queues in memory: for tests of what stands above channels, and
//! the plainest reading of the contract.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Channel, ChannelKind, Sleeper};

/// Wakes the owner of one end; called by the thread that uses the other end, without any lock of the channel.
/// For a reactor: `move || reactor.notify()`.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// One end of the pair.
pub struct InProcessChannel {
    incoming: Arc<Queue>,
    outgoing: Arc<Queue>,
}

/// The bytes of one direction.
struct Queue {
    state: Mutex<State>,
    capacity_bytes: usize,
    wake_reader: Arc<Waker>,
    wake_writer: Arc<Waker>,
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // four independent facts: all combinations occur
struct State {
    bytes: VecDeque<u8>,
    reader_sleeps: bool,
    writer_waits: bool,
    reader_gone: bool,
    writer_gone: bool,
}

impl InProcessChannel {
    /// Two connected ends, each direction holding at most `capacity_bytes` (> 0). A waker is called once when its
    /// end has announced a sleep and bytes or the end arrive, and once when a write that got `WouldBlock` would find
    /// room or a broken pipe.
    #[must_use]
    pub fn pair(capacity_bytes: usize, wake_first: Waker, wake_second: Waker) -> (Self, Self) {
        let (wake_first, wake_second) = (Arc::new(wake_first), Arc::new(wake_second));
        let queue = |wake_reader: &Arc<Waker>, wake_writer: &Arc<Waker>| {
            Arc::new(Queue {
                state: Mutex::default(),
                capacity_bytes,
                wake_reader: Arc::clone(wake_reader),
                wake_writer: Arc::clone(wake_writer),
            })
        };
        let to_first = queue(&wake_first, &wake_second);
        let to_second = queue(&wake_second, &wake_first);
        let first = Self {
            incoming: Arc::clone(&to_first),
            outgoing: Arc::clone(&to_second),
        };
        let second = Self {
            incoming: to_second,
            outgoing: to_first,
        };
        (first, second)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes who asked for it, without the lock.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let has_news = !state.bytes.is_empty() || state.writer_gone;
        let has_room = state.bytes.len() < self.capacity_bytes || state.reader_gone;
        let wake_reader = has_news && std::mem::take(&mut state.reader_sleeps);
        let wake_writer = has_room && state.writer_waits;
        if wake_writer {
            state.writer_waits = false;
        }
        drop(state);
        if wake_reader {
            (self.wake_reader)();
        }
        if wake_writer {
            (self.wake_writer)();
        }
        result
    }
}

impl Channel for InProcessChannel {
    fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.incoming.change(|state| {
            if state.bytes.is_empty() && !state.writer_gone {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = state.bytes.len().min(into.len());
            for (to, from) in into.iter_mut().zip(state.bytes.drain(..count)) {
                *to = from;
            }
            Ok(count)
        })
    }

    fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        let capacity = self.outgoing.capacity_bytes;
        self.outgoing.change(|state| {
            if state.reader_gone {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let count = (capacity - state.bytes.len()).min(from.len());
            if count == 0 && !from.is_empty() {
                state.writer_waits = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.bytes.extend(&from[..count]);
            Ok(count)
        })
    }

    fn may_have_bytes(&self) -> bool {
        let state = self.incoming.lock();
        !state.bytes.is_empty() || state.writer_gone
    }

    fn sleep(&mut self, _who: Sleeper) -> bool {
        let mut state = self.incoming.lock();
        state.reader_sleeps = state.bytes.is_empty() && !state.writer_gone;
        state.reader_sleeps
    }

    fn watch(&mut self) {
        self.incoming.lock().reader_sleeps = false;
    }

    fn peer_on_other_cpu(&self) -> bool {
        true
    }

    /// It behaves as a pipe does.
    fn kind(&self) -> ChannelKind {
        ChannelKind::Pipe
    }
}

impl Drop for InProcessChannel {
    fn drop(&mut self) {
        self.incoming.change(|state| state.reader_gone = true);
        self.outgoing.change(|state| state.writer_gone = true);
    }
}

impl fmt::Debug for InProcessChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessChannel")
            .field("incoming_bytes", &self.incoming.lock().bytes.len())
            .field("outgoing_bytes", &self.outgoing.lock().bytes.len())
            .finish_non_exhaustive()
    }
}
