//! A message of 64 bytes to another thread and back: the ring as shipped, `ipc-channel` and `iceoryx2`, each as its own
//! documentation uses it; the latter both ways it offers, by looking all the time and by sleeping.

#[path = "../../../crates/plump-core/benches/placement/mod.rs"]
mod placement;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use iceoryx2::prelude::{NodeBuilder, ServiceName, ipc};
use ipc_channel::ipc::bytes_channel;
use placement::{Placement, cpus};
use plump_core::channel::ring::{DEFAULT_CAPACITY, RingChannel, RingPair};
use plump_core::channel::spin::{SpinWindow, Watch};
use plump_core::channel::{Channel, Sleeper};

const MESSAGE: [u8; 64] = [1; 64];

/// A side of a ring that waits as plump-ipc does.
struct Side {
    ring: RingChannel,
    window: SpinWindow,
    who: Sleeper,
}

impl Side {
    fn new(ring: RingChannel, who: Sleeper) -> Self {
        Self {
            ring,
            window: SpinWindow::new(50, cpus().len()),
            who,
        }
    }

    /// The next message; `false` when the other side has left.
    fn read(&mut self) -> bool {
        loop {
            if let Ok(bytes) = self.ring.try_read(&mut [0; 64]) {
                return bytes > 0;
            }
            if !self.ring.peer_on_other_cpu() {
                self.sleep();
                continue;
            }
            let mut watch = Watch::begin(self.window.window_for_next());
            let mut found = false;
            while !found && watch.goes_on() {
                found = self.ring.may_have_bytes();
                if watch.is_milestone() && !self.ring.peer_on_other_cpu() {
                    break;
                }
            }
            if !found {
                self.sleep();
            }
            self.window.record(watch.elapsed());
        }
    }

    fn sleep(&mut self) {
        if self.ring.sleep(self.who) {
            let bell = match self.who {
                Sleeper::JavaScript => self.ring.js_bell(),
                Sleeper::IoThread => self.ring.io_bell(),
            };
            bell.wait(None);
            bell.clear();
            self.ring.watch();
        }
    }
}

fn ring(placement: Placement, count: u64) -> Duration {
    let pair = RingPair::create(DEFAULT_CAPACITY).expect("shared memory");
    let (host, worker) = pair.into_channels();
    let answering = placement.spawn(move || {
        let mut worker = Side::new(worker, Sleeper::IoThread);
        while worker.read() {
            worker.ring.try_write(&MESSAGE).expect("space");
        }
    });
    placement.take(false);
    let mut host = Side::new(host, Sleeper::JavaScript);
    let begun = Instant::now();
    for _ in 0..count {
        host.ring.try_write(&MESSAGE).expect("space");
        assert!(host.read());
    }
    let took = begun.elapsed();
    drop(host);
    answering.join().expect("the other side");
    took
}

fn ipc_channel(placement: Placement, count: u64) -> Duration {
    let (there, from_there) = bytes_channel().expect("a channel");
    let (back, from_back) = bytes_channel().expect("a channel");
    let answering = placement.spawn(move || {
        while from_there.recv().is_ok() {
            back.send(&MESSAGE).expect("a receiver");
        }
    });
    placement.take(false);
    let begun = Instant::now();
    for _ in 0..count {
        there.send(&MESSAGE).expect("a receiver");
        assert_eq!(from_back.recv().expect("an answer").len(), 64);
    }
    let took = begun.elapsed();
    drop(there);
    answering.join().expect("the other side");
    took
}

fn service_name(what: &str) -> ServiceName {
    let name = format!("plump-ipc bench {} {what}", std::process::id());
    name.as_str().try_into().expect("a name")
}

/// One side of `iceoryx2`: what it publishes to, what it hears, and, for sleepers, the events of both.
macro_rules! iceoryx_side {
    ($node:ident, $out:ident, $in:ident, $mine:expr, $theirs:expr) => {
        let $node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let data = |name| {
            $node
                .service_builder(&service_name(name))
                .publish_subscribe::<[u8; 64]>()
                .open_or_create()
                .expect("a service")
        };
        let $out = data($mine)
            .publisher_builder()
            .create()
            .expect("a publisher");
        let $in = data($theirs)
            .subscriber_builder()
            .create()
            .expect("a subscriber");
    };
}

/// Looks all the time: what its own benchmark measures.
fn iceoryx2_watched(placement: Placement, count: u64) -> Duration {
    let (ready, is_ready) = mpsc::channel();
    iceoryx_side!(node, publisher, subscriber, "there", "back");
    let answering = placement.spawn(move || {
        iceoryx_side!(node, publisher, subscriber, "back", "there");
        ready.send(()).expect("the first thread");
        for _ in 0..count {
            while subscriber.receive().expect("a connection").is_none() {
                std::hint::spin_loop();
            }
            publisher.send_copy(MESSAGE).expect("a subscriber");
        }
        // The first side ends the connection.
        ready.send(()).ok();
        while subscriber.receive().is_ok_and(|last| last.is_none()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    placement.take(false);
    is_ready.recv().expect("the other side");
    let begun = Instant::now();
    for _ in 0..count {
        publisher.send_copy(MESSAGE).expect("a subscriber");
        while subscriber.receive().expect("a connection").is_none() {
            std::hint::spin_loop();
        }
    }
    let took = begun.elapsed();
    publisher.send_copy(MESSAGE).expect("a subscriber");
    answering.join().expect("the other side");
    took
}

/// Sleeps until it is notified, as its examples of events do.
fn iceoryx2_asleep(placement: Placement, count: u64) -> Duration {
    macro_rules! events {
        ($node:ident, $notifier:ident, $listener:ident, $mine:expr, $theirs:expr) => {
            let event = |name| {
                $node
                    .service_builder(&service_name(name))
                    .event()
                    .open_or_create()
                    .expect("a service")
            };
            let $notifier = event($mine)
                .notifier_builder()
                .create()
                .expect("a notifier");
            let $listener = event($theirs)
                .listener_builder()
                .create()
                .expect("a listener");
        };
    }
    let (ready, is_ready) = mpsc::channel();
    iceoryx_side!(node, publisher, subscriber, "there", "back");
    events!(node, notifier, listener, "event there", "event back");
    let answering = placement.spawn(move || {
        iceoryx_side!(node, publisher, subscriber, "back", "there");
        events!(node, notifier, listener, "event back", "event there");
        ready.send(()).expect("the first thread");
        for _ in 0..count {
            listener.blocking_wait_one().expect("a notification");
            assert!(subscriber.receive().expect("a connection").is_some());
            publisher.send_copy(MESSAGE).expect("a subscriber");
            notifier.notify().expect("a listener");
        }
        while subscriber.receive().is_ok_and(|last| last.is_none()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    placement.take(false);
    is_ready.recv().expect("the other side");
    let begun = Instant::now();
    for _ in 0..count {
        publisher.send_copy(MESSAGE).expect("a subscriber");
        notifier.notify().expect("a listener");
        listener.blocking_wait_one().expect("a notification");
        assert!(subscriber.receive().expect("a connection").is_some());
    }
    let took = begun.elapsed();
    publisher.send_copy(MESSAGE).expect("a subscriber");
    answering.join().expect("the other side");
    took
}

fn main() {
    // Its nodes leave empty folders in /tmp/iceoryx2 and a file in /dev/shm when they end, whatever is done here.
    let mut criterion = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (name, placement) in Placement::all() {
        let mut group = criterion.benchmark_group(format!("round trip, {name}"));
        group.bench_function("plump-ipc ring, adaptive", |bencher| {
            bencher.iter_custom(|count| ring(placement, count));
        });
        group.bench_function("ipc-channel", |bencher| {
            bencher.iter_custom(|count| ipc_channel(placement, count));
        });
        // On one CPU watchers only keep each other from running.
        if placement == Placement::Apart {
            group.bench_function("iceoryx2, watched", |bencher| {
                bencher.iter_custom(|count| iceoryx2_watched(placement, count));
            });
        }
        group.bench_function("iceoryx2, asleep", |bencher| {
            bencher.iter_custom(|count| iceoryx2_asleep(placement, count));
        });
        group.finish();
    }
    criterion.final_summary();
}
