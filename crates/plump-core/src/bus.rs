//! The bus: an event is encoded once and its bytes are shared by all who receive it. Every subscriber (a queue of this
//! process, or another process) has a crossbeam channel of its own; a channel is many-consumer, so cloning a receiver
//! would split one stream instead of making a second.
//!
//! Bounds are kept by counters beside an unbounded channel rather than by a bounded one: the bounded flavour touches
//! its whole array at birth, a mebibyte per subscriber at the default capacity.

use crate::limits::{MAX_MAILBOX_BYTES, MAX_QUEUE_NAME_BYTES};
use crossbeam::channel::{Receiver, RecvTimeoutError, Select, Sender, TryRecvError, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// An event as it travels: `u16` length and name of the queue, `u16` length and topic, payload.
#[derive(Debug)]
pub struct Event {
    body: Vec<u8>,
    topic_at: usize,
    payload_at: usize,
}

impl Event {
    /// Makes an event; `None` when a name is too long. `parts` are put together as a payload of a frame is.
    #[must_use]
    pub fn new(queue: &str, topic: &str, parts: &[&[u8]]) -> Option<Self> {
        if queue.len() > MAX_QUEUE_NAME_BYTES || topic.len() > MAX_QUEUE_NAME_BYTES {
            return None;
        }
        let mut body =
            Vec::with_capacity(4 + queue.len() + topic.len() + crate::port::padded_length(parts));
        for name in [queue, topic] {
            body.extend_from_slice(&u16::try_from(name.len()).ok()?.to_le_bytes());
            body.extend_from_slice(name.as_bytes());
        }
        crate::port::extend_padded(&mut body, parts);
        Some(Self {
            topic_at: 2 + queue.len(),
            payload_at: 4 + queue.len() + topic.len(),
            body,
        })
    }

    /// Reads an event that came from another process; `None` when it is not one.
    #[must_use]
    pub fn from_body(body: Vec<u8>) -> Option<Self> {
        let name_end = |at: usize| {
            let length = usize::from(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
            let bytes = body.get(at + 2..at + 2 + length)?;
            (length <= MAX_QUEUE_NAME_BYTES && std::str::from_utf8(bytes).is_ok())
                .then_some(at + 2 + length)
        };
        let topic_at = name_end(0)?;
        let payload_at = name_end(topic_at)?;
        Some(Self {
            body,
            topic_at,
            payload_at,
        })
    }

    /// Name of the queue it was published on.
    #[must_use]
    pub fn queue(&self) -> &str {
        std::str::from_utf8(&self.body[2..self.topic_at]).unwrap_or_default()
    }

    /// Its topic, empty for `broadcast`.
    #[must_use]
    pub fn topic(&self) -> &str {
        std::str::from_utf8(&self.body[self.topic_at + 2..self.payload_at]).unwrap_or_default()
    }

    /// What the codec made.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.body[self.payload_at..]
    }

    /// All of it, as it goes into a frame.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// What one subscriber has not taken yet: bounded in events and bytes, the oldest are dropped and counted.
#[derive(Debug)]
pub struct Mailbox {
    sender: Sender<Arc<Event>>,
    receiver: Receiver<Arc<Event>>,
    capacity: usize,
    bytes: AtomicUsize,
    closed: AtomicBool,
    received: AtomicU64,
    dropped: AtomicU64,
}

/// How waiting for an event ended.
#[derive(Debug)]
pub enum Waited {
    /// With an event.
    Event(Arc<Event>),
    /// The time is over.
    Timeout,
    /// The mailbox was closed.
    Closed,
}

impl Mailbox {
    /// A mailbox that holds at most `capacity` events and `MAX_MAILBOX_BYTES`.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (sender, receiver) = unbounded();
        Self {
            sender,
            receiver,
            capacity: capacity.max(1),
            bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Adds an event; drops the oldest ones above the bounds, never the one that is added.
    pub fn offer(&self, event: &Arc<Event>) {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(event.body.len(), Ordering::Relaxed);
        // Can't fail: this mailbox holds a receiver.
        let _ = self.sender.send(Arc::clone(event));
        while self.receiver.len() > self.capacity
            || (self.bytes.load(Ordering::Relaxed) > MAX_MAILBOX_BYTES && self.receiver.len() > 1)
        {
            if self.try_take().is_none() {
                break;
            }
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The oldest event, if there is one.
    pub fn try_take(&self) -> Option<Arc<Event>> {
        match self.receiver.try_recv() {
            Ok(event) => Some(self.taken(event)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    /// Waits for the oldest event until `deadline`.
    pub fn take_until(&self, deadline: Instant) -> Waited {
        match self.receiver.recv_deadline(deadline) {
            Ok(_) if self.is_closed() => {
                // For whoever else waits here.
                self.wake_all();
                Waited::Closed
            }
            Ok(event) => Waited::Event(self.taken(event)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Waited::Timeout,
        }
    }

    /// Nobody will take anything any more: those who wait are told.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake_all();
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn wake_all(&self) {
        let nothing = Event {
            body: Vec::new(),
            topic_at: 0,
            payload_at: 0,
        };
        // Can't fail: this mailbox holds a receiver.
        let _ = self.sender.send(Arc::new(nothing));
    }

    /// Waits until there is an event to take; `false` when `deadline` came first.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut select = Select::new();
        select.recv(&self.receiver);
        select.ready_deadline(deadline).is_ok()
    }

    fn taken(&self, event: Arc<Event>) -> Arc<Event> {
        self.bytes.fetch_sub(event.body.len(), Ordering::Relaxed);
        event
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// Events that were offered, and those that were dropped of them.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (
            self.received.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}

/// A queue of this process: a subscriber by name.
#[derive(Debug)]
pub struct Queue {
    /// Its name; events published under another are not for it.
    pub name: String,
    /// What it holds.
    pub mailbox: Arc<Mailbox>,
    /// Whether JavaScript listens: events are handed out by the drain.
    pub listening: bool,
    /// Events published through it.
    pub published: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn event(text: &str) -> Arc<Event> {
        Arc::new(Event::new("q", "t", &[text.as_bytes()]).unwrap())
    }

    #[test]
    fn an_event_survives_the_way() {
        let made = Event::new("queue", "a.b", &[b"12345", b"678"]).unwrap();
        let read = Event::from_body(made.body().to_vec()).unwrap();
        assert_eq!((read.queue(), read.topic()), ("queue", "a.b"));
        assert_eq!(read.payload(), made.payload());
    }

    #[test]
    fn hostile_bodies_are_no_events() {
        for body in [
            &[][..],
            &[1],
            &[255, 255, 1],
            &[1, 0, 0xff, 0, 0],
            &[0, 0, 9, 0, 1],
        ] {
            assert!(Event::from_body(body.to_vec()).is_none(), "{body:?}");
        }
        assert!(Event::new(&"x".repeat(256), "", &[]).is_none());
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let mailbox = Mailbox::new(3);
        for number in 0..5 {
            mailbox.offer(&event(&number.to_string()));
        }
        let kept: Vec<_> = std::iter::from_fn(|| mailbox.try_take())
            .map(|event| event.payload().to_vec())
            .collect();
        assert_eq!(kept, [b"2", b"3", b"4"]);
        assert_eq!(mailbox.counts(), (5, 2));
    }

    #[test]
    fn bytes_are_bounded_but_one_large_event_passes() {
        let mailbox = Mailbox::new(100);
        let half = vec![0; MAX_MAILBOX_BYTES / 2];
        for _ in 0..4 {
            mailbox.offer(&Arc::new(Event::new("q", "", &[&half]).unwrap()));
        }
        assert_eq!(
            mailbox.len(),
            1,
            "two halves and their names are more than the whole"
        );
        mailbox.offer(&Arc::new(
            Event::new("q", "", &[&half, &half, &half]).unwrap(),
        ));
        assert_eq!(mailbox.len(), 1);
    }

    #[test]
    fn waiting_ends_when_the_mailbox_is_closed() {
        let mailbox = Arc::new(Mailbox::new(3));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let mailbox = Arc::clone(&mailbox);
                let deadline = Instant::now() + Duration::from_secs(30);
                std::thread::spawn(move || mailbox.take_until(deadline))
            })
            .collect();
        mailbox.close();
        for waiter in waiters {
            assert!(matches!(waiter.join().unwrap(), Waited::Closed));
        }
    }

    #[test]
    fn waiting_ends_with_an_event_or_with_the_time() {
        let mailbox = Arc::new(Mailbox::new(3));
        assert!(matches!(
            mailbox.take_until(Instant::now() + Duration::from_millis(1)),
            Waited::Timeout
        ));
        let other = Arc::clone(&mailbox);
        let sender = std::thread::spawn(move || other.offer(&event("x")));
        assert!(matches!(
            mailbox.take_until(Instant::now() + Duration::from_secs(30)),
            Waited::Event(_)
        ));
        sender.join().unwrap();
    }
}
