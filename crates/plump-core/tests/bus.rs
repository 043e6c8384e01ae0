//! Mailboxes under several threads: nothing is lost that was not counted as dropped, nobody's events change their order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plump_core::bus::{Event, Mailbox, Waited};

const PUBLISHERS: u64 = 4;
const EVENTS: u64 = 20_000;

fn event(publisher: u64, number: u64) -> Arc<Event> {
    let event = Event::new("q", "", &[&publisher.to_le_bytes(), &number.to_le_bytes()]);
    Arc::new(event.expect("short names"))
}

fn words(event: &Event) -> (u64, u64) {
    let (publisher, number) = event.payload().split_at(8);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    (word(publisher), word(number))
}

/// Publishes from several threads while `take` takes; the events as they came.
fn storm(
    mailbox: &Arc<Mailbox>,
    mut take: impl FnMut(&Mailbox) -> Option<Arc<Event>>,
) -> Vec<(u64, u64)> {
    let done = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let mailbox = Arc::clone(mailbox);
            thread::spawn(move || {
                for number in 0..EVENTS {
                    mailbox.offer(&event(publisher, number));
                }
            })
        })
        .collect();
    let joiner = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            for publisher in publishers {
                publisher.join().expect("a publisher");
            }
            done.store(true, Ordering::Release);
        })
    };
    let mut taken = Vec::new();
    loop {
        // Looked at first: what comes before the end is taken after it.
        let ended = done.load(Ordering::Acquire);
        match take(mailbox) {
            Some(event) => taken.push(words(&event)),
            None if ended => break,
            None => {}
        }
    }
    joiner.join().expect("the publishers");
    taken
}

fn assert_in_order(taken: &[(u64, u64)]) {
    let mut last = HashMap::new();
    for (publisher, number) in taken {
        let before = last.insert(publisher, *number);
        assert!(before.is_none_or(|before| before < *number));
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(1)
}

#[test]
fn events_of_each_publisher_arrive_in_their_order_and_all_of_them_where_there_is_room() {
    let mailbox = Arc::new(Mailbox::new(usize::MAX));
    let taken = storm(&mailbox, |mailbox| {
        if let Waited::Event(event) = mailbox.take_until(soon()) {
            Some(event)
        } else {
            None
        }
    });
    assert_eq!(taken.len() as u64, PUBLISHERS * EVENTS);
    assert_in_order(&taken);
    assert_eq!(mailbox.counts(), (PUBLISHERS * EVENTS, 0));
    assert!(mailbox.is_empty());
}

#[test]
fn what_a_slow_subscriber_loses_is_counted_and_the_rest_keeps_its_order() {
    let mailbox = Arc::new(Mailbox::new(100));
    let mut turns = 0;
    let taken = storm(&mailbox, |mailbox| {
        turns += 1;
        if turns % 64 == 0 {
            thread::sleep(Duration::from_micros(200));
        }
        mailbox.try_take()
    });
    assert_in_order(&taken);
    let (received, dropped) = mailbox.counts();
    assert_eq!(received, PUBLISHERS * EVENTS);
    assert_eq!(dropped, received - taken.len() as u64);
    assert!(dropped > 0, "the subscriber must have been slow");
    for publisher in 0..PUBLISHERS {
        let last = taken.iter().rev().find(|event| event.0 == publisher);
        if let Some((_, number)) = last
            && taken.last() == last
        {
            assert_eq!(*number, EVENTS - 1, "the newest is never dropped");
        }
    }
}

#[test]
fn every_event_wakes_one_who_waits() {
    let mailbox = Arc::new(Mailbox::new(10));
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let deadline = Instant::now() + Duration::from_secs(30);
                // Another one may be quicker.
                while mailbox.wait_until(deadline) {
                    if mailbox.try_take().is_some() {
                        return true;
                    }
                }
                false
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(20));
    for number in 0..4 {
        mailbox.offer(&event(0, number));
    }
    let took = waiters
        .into_iter()
        .map(|waiter| waiter.join().expect("a waiter"))
        .filter(|took| *took)
        .count();
    assert_eq!(took, 4);
    assert!(!mailbox.wait_until(soon()));
}
