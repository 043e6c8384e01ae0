//! What an event costs: made once, offered to every subscriber, taken by each. The floors are channels that carry the
//! same shared bytes without bounds, counters or an end: crossbeam's, on which a mailbox is built, and the standard
//! library's.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

use std::hint::black_box;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plump_core::bus::{Event, Mailbox, Waited};
use plump_core::limits::MAILBOX_EVENTS;

const SUBSCRIBERS: [usize; 3] = [1, 4, 16];
const EVENT_BYTES: [usize; 2] = [64, 4096];
/// Events between two meetings of publisher and subscribers, so that no mailbox ever has to drop one.
const BATCH: u64 = 1024;

/// How events come to one subscriber.
trait Way {
    /// What the publisher keeps.
    type In;
    /// What the subscriber keeps.
    type Out: Send + 'static;

    fn new() -> (Self::In, Self::Out);
    fn offer(to: &Self::In, event: &Arc<Event>);
    fn try_take(from: &Self::Out) -> Option<Arc<Event>>;
    /// Sleeps until there is an event.
    fn take(from: &Self::Out) -> Arc<Event>;
}

impl Way for Mailbox {
    type In = Arc<Mailbox>;
    type Out = Arc<Mailbox>;

    fn new() -> (Self::In, Self::Out) {
        let mailbox = Arc::new(Mailbox::new(MAILBOX_EVENTS));
        (Arc::clone(&mailbox), mailbox)
    }

    fn offer(to: &Self::In, event: &Arc<Event>) {
        to.offer(event);
    }

    fn try_take(from: &Self::Out) -> Option<Arc<Event>> {
        from.try_take()
    }

    fn take(from: &Self::Out) -> Arc<Event> {
        match from.take_until(Instant::now() + Duration::from_secs(60)) {
            Waited::Event(event) => event,
            other => panic!("no event within a minute: {other:?}"),
        }
    }
}

/// The channel that a mailbox is built on.
struct Crossbeam;

impl Way for Crossbeam {
    type In = crossbeam::channel::Sender<Arc<Event>>;
    type Out = crossbeam::channel::Receiver<Arc<Event>>;

    fn new() -> (Self::In, Self::Out) {
        crossbeam::channel::unbounded()
    }

    fn offer(to: &Self::In, event: &Arc<Event>) {
        to.send(Arc::clone(event)).expect("a receiver");
    }

    fn try_take(from: &Self::Out) -> Option<Arc<Event>> {
        from.try_recv().ok()
    }

    fn take(from: &Self::Out) -> Arc<Event> {
        from.recv().expect("a sender")
    }
}

/// The standard library's channel.
struct Mpsc;

impl Way for Mpsc {
    type In = mpsc::Sender<Arc<Event>>;
    type Out = mpsc::Receiver<Arc<Event>>;

    fn new() -> (Self::In, Self::Out) {
        mpsc::channel()
    }

    fn offer(to: &Self::In, event: &Arc<Event>) {
        to.send(Arc::clone(event)).expect("a receiver");
    }

    fn try_take(from: &Self::Out) -> Option<Arc<Event>> {
        from.try_recv().ok()
    }

    fn take(from: &Self::Out) -> Arc<Event> {
        from.recv().expect("a sender")
    }
}

fn event(bytes: usize) -> Arc<Event> {
    Arc::new(Event::new("default", "topic", &[&vec![7; bytes]]).expect("short names"))
}

/// An event out of its parts, and out of the body that came from another process; the floor is one copy.
fn make(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("make an event");
    for bytes in EVENT_BYTES {
        let payload = vec![7; bytes];
        let body = event(bytes).body().to_vec();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("from its parts", bytes), |bencher| {
            bencher.iter(|| Event::new("default", "topic", &[black_box(&payload)]));
        });
        group.bench_function(BenchmarkId::new("from a body", bytes), |bencher| {
            bencher.iter(|| Event::from_body(black_box(&body).clone()));
        });
        group.bench_function(BenchmarkId::new("a copy", bytes), |bencher| {
            bencher.iter(|| black_box(&payload).clone());
        });
    }
    group.finish();
}

/// Made once, offered to all, taken by all, by one thread: what the work is, without waking anybody.
fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan out, one thread");
    for subscribers in SUBSCRIBERS {
        for bytes in EVENT_BYTES {
            group.throughput(Throughput::Elements(1));
            let name = format!("{bytes} bytes to {subscribers}");
            offer_and_take::<Mailbox>(&mut group, "mailbox", &name, subscribers, bytes);
            offer_and_take::<Crossbeam>(&mut group, "crossbeam", &name, subscribers, bytes);
            offer_and_take::<Mpsc>(&mut group, "std mpsc", &name, subscribers, bytes);
        }
    }
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn offer_and_take<W: Way>(
    group: &mut Group,
    way: &str,
    name: &str,
    subscribers: usize,
    bytes: usize,
) {
    group.bench_function(BenchmarkId::new(way, name), |bencher| {
        let (to, from): (Vec<_>, Vec<_>) = (0..subscribers).map(|_| W::new()).unzip();
        let payload = vec![7; bytes];
        bencher.iter(|| {
            let event = Event::new("default", "topic", &[black_box(&payload)]);
            let event = Arc::new(event.expect("short names"));
            for each in &to {
                W::offer(each, &event);
            }
            for each in &from {
                assert!(W::try_take(each).is_some(), "it was offered");
            }
        });
    });
}

/// The same with a thread for each subscriber, which sleeps when there is nothing: the time until all have all events.
fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan out to threads");
    // Waking threads is what the machine makes of it; a few samples show that as well as a hundred.
    group
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for subscribers in SUBSCRIBERS {
        for bytes in EVENT_BYTES {
            group.throughput(Throughput::Elements(1));
            let name = format!("{bytes} bytes to {subscribers}");
            let id = |way| BenchmarkId::new(way, &name);
            group.bench_function(id("mailbox"), |bencher| {
                bencher.iter_custom(|count| fan_out::<Mailbox>(subscribers, bytes, count));
            });
            group.bench_function(id("crossbeam"), |bencher| {
                bencher.iter_custom(|count| fan_out::<Crossbeam>(subscribers, bytes, count));
            });
            group.bench_function(id("std mpsc"), |bencher| {
                bencher.iter_custom(|count| fan_out::<Mpsc>(subscribers, bytes, count));
            });
        }
    }
    group.finish();
}

fn fan_out<W: Way>(subscribers: usize, bytes: usize, count: u64) -> Duration {
    let meeting = Arc::new(Barrier::new(subscribers + 1));
    let batches: Vec<u64> = (0..count.div_ceil(BATCH))
        .map(|batch| BATCH.min(count - batch * BATCH))
        .collect();
    let (to, from): (Vec<_>, Vec<_>) = (0..subscribers).map(|_| W::new()).unzip();
    let receivers: Vec<_> = from
        .into_iter()
        .map(|from| {
            let (meeting, batches) = (Arc::clone(&meeting), batches.clone());
            thread::spawn(move || {
                meeting.wait();
                for batch in batches {
                    for _ in 0..batch {
                        assert_eq!(W::take(&from).payload().len(), bytes);
                    }
                    meeting.wait();
                }
            })
        })
        .collect();
    let payload = vec![7; bytes];
    meeting.wait();
    let begun = Instant::now();
    for batch in batches {
        for _ in 0..batch {
            let event = Event::new("default", "topic", &[black_box(&payload)]);
            let event = Arc::new(event.expect("short names"));
            for each in &to {
                W::offer(each, &event);
            }
        }
        meeting.wait();
    }
    let took = begun.elapsed();
    for receiver in receivers {
        receiver.join().expect("a subscriber");
    }
    took
}

criterion_group!(benches, make, one_thread, threads);
criterion_main!(benches);
