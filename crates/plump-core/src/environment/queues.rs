//! The queues of the bus in this process.

use super::{CALLER_LOOKS_UP, Environment, State, WaitOutcome};
use crate::bus::{Event, Mailbox, Queue, Waited};
use crate::errors::ErrorKind;
use crate::inbox::{EntryKind, Outlet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest single sleep of any other caller: what is added to the clock has to have a bound.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a queue has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Events published through it.
    pub published: u64,
    /// Events that came for it.
    pub received: u64,
    /// Of these, those that were dropped because nobody took them in time.
    pub dropped: u64,
    /// Events of any queue that this process dropped on their way to another one that took them too slowly.
    pub undelivered: u64,
}

impl Environment {
    /// Opens a queue of the bus.
    #[must_use]
    pub fn open_queue(&self, name: &str, capacity: usize) -> u32 {
        self.shared.with(|state| {
            let id = state.next_queue;
            state.next_queue += 1;
            let mailbox = Arc::new(Mailbox::new(capacity));
            state.queues.insert(
                id,
                Queue {
                    name: name.to_owned(),
                    mailbox,
                    listening: false,
                    published: 0,
                },
            );
            id
        })
    }

    /// Whether the queue's events are handed out by `drain`.
    pub fn listen(&self, queue: u32, listening: bool) {
        self.shared.with(|state| {
            if let Some(queue) = state.queues.get_mut(&queue) {
                queue.listening = listening;
            }
        });
    }

    /// Closes a queue.
    pub fn close_queue(&self, queue: u32) {
        self.shared.with(|state| {
            if let Some(queue) = state.queues.remove(&queue) {
                queue.mailbox.close();
            }
        });
    }

    /// What a queue has seen.
    #[must_use]
    pub fn queue_counts(&self, queue: u32) -> Option<QueueCounts> {
        let state = self.shared.lock();
        let queue = state.queues.get(&queue)?;
        let (received, dropped) = queue.mailbox.counts();
        let workers = state.workers.iter().flatten().map(|worker| &worker.mailbox);
        let uplink = state.uplink.iter().map(|uplink| &uplink.mailbox);
        let undelivered = workers
            .chain(uplink)
            .map(|mailbox| mailbox.counts().1)
            .sum();
        Some(QueueCounts {
            published: queue.published,
            received,
            dropped,
            undelivered,
        })
    }

    /// Whether another process could publish.
    #[must_use]
    pub fn has_peers(&self) -> bool {
        let state = self.shared.lock();
        state.uplink.is_some() || state.workers.iter().any(Option::is_some)
    }

    /// Publishes an event on a queue, to every other process of the family.
    ///
    /// # Errors
    /// `BusClosed` for a queue that is not open, `PayloadTooLarge` for more than the host of this process takes.
    pub fn publish(&self, queue: u32, parts: &[&[u8]]) -> Result<(), ErrorKind> {
        self.shared.with(|state| {
            let queue = state.queues.get_mut(&queue).ok_or(ErrorKind::BusClosed)?;
            let event =
                Arc::new(Event::new(&queue.name, "", parts).ok_or(ErrorKind::InvalidArgument)?);
            // The host would take it for a breach of the protocol.
            if let Some(uplink) = &state.uplink
                && event.payload().len() > uplink.max_payload_bytes
            {
                return Err(ErrorKind::PayloadTooLarge);
            }
            queue.published += 1;
            state.fan_out(&event, None);
            if let Some(uplink) = &state.uplink {
                uplink.mailbox.offer(&event);
            }
            state.notify_io();
            Ok(())
        })
    }

    /// Waits for the next event of a queue, at most `wait` (`None`: for ever); it is the first entry of the table then.
    pub fn take_event(
        &self,
        queue: u32,
        wait: Option<Duration>,
        table: &mut [u32],
        incoming: &mut [u8],
    ) -> WaitOutcome {
        let Some(mailbox) = self.mailbox(queue) else {
            return WaitOutcome::Gone;
        };
        let (slice, last) = self.slice_of(wait);
        match mailbox.take_until(slice) {
            Waited::Event(event) => {
                let mut state = self.shared.lock();
                let mut outlet = Outlet::new(table, incoming, &mut state.large);
                outlet.put(EntryKind::Event, queue, [0; 3], event.payload());
                WaitOutcome::Done
            }
            Waited::Closed => WaitOutcome::Gone,
            Waited::Timeout if last => WaitOutcome::Timeout,
            Waited::Timeout => WaitOutcome::Again,
        }
    }

    /// Waits until a queue has an event to take, at most `wait` (`None`: for ever).
    #[must_use]
    pub fn poll_event(&self, queue: u32, wait: Option<Duration>) -> WaitOutcome {
        let Some(mailbox) = self.mailbox(queue) else {
            return WaitOutcome::Gone;
        };
        let (slice, last) = self.slice_of(wait);
        if mailbox.wait_until(slice) {
            if mailbox.is_closed() {
                WaitOutcome::Gone
            } else {
                WaitOutcome::Done
            }
        } else if last {
            WaitOutcome::Timeout
        } else {
            WaitOutcome::Again
        }
    }

    /// Until when one slice of a wait goes, and whether it is the last: a thread that may be ended from outside comes up
    /// every now and then.
    pub(super) fn slice_of(&self, wait: Option<Duration>) -> (Instant, bool) {
        let slice = if self.looks_up {
            CALLER_LOOKS_UP
        } else {
            LONGEST_WAIT
        };
        match wait {
            Some(wait) if wait <= slice => (Instant::now() + wait, true),
            _ => (Instant::now() + slice, false),
        }
    }

    pub(super) fn mailbox(&self, queue: u32) -> Option<Arc<Mailbox>> {
        self.shared
            .lock()
            .queues
            .get(&queue)
            .map(|queue| Arc::clone(&queue.mailbox))
    }
}

impl State {
    /// Gives an event to every worker but the one it came from.
    pub fn fan_out(&mut self, event: &Arc<Event>, from: Option<usize>) {
        for (slot, worker) in self.workers.iter().enumerate() {
            if let Some(worker) = worker
                && from != Some(slot)
            {
                worker.mailbox.offer(event);
            }
        }
    }

    /// Gives an event that came from another process to the queues of its name.
    pub fn deliver(&mut self, event: &Arc<Event>) {
        for queue in self
            .queues
            .values()
            .filter(|queue| queue.name == event.queue())
        {
            queue.mailbox.offer(event);
        }
    }
}
