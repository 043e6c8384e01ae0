//! Messages of one size to a thread on another CPU until all are read: the ring as shipped, `ipc-channel`, and `iceoryx2`
//! as it streams without loss, which never sleeps.

#[path = "../../../crates/plump-core/benches/placement/mod.rs"]
mod placement;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use iceoryx2::prelude::{BackpressureStrategy, NodeBuilder, ServiceName, ipc};
use ipc_channel::ipc::bytes_channel;
use placement::Placement;
use plump_core::channel::ring::{DEFAULT_CAPACITY, RingPair};
use plump_core::channel::{Channel, Sleeper};

/// As many messages as may be on their way; of the smaller ones the ring holds several times as many.
const BUFFERED: usize = 64;

fn ring<const BYTES: usize>(placement: Placement, count: u64) -> Duration {
    let pair = RingPair::create(DEFAULT_CAPACITY).expect("shared memory");
    let (mut host, mut worker) = pair.into_channels();
    // Message by message, as the others hand them out; plump-ipc itself reads all there is at once.
    let reading = placement.spawn(move || {
        let mut message = [0; BYTES];
        for _ in 0..count {
            let mut filled = 0;
            while filled < BYTES {
                if let Ok(read) = worker.try_read(&mut message[filled..]) {
                    filled += read;
                } else if worker.sleep(Sleeper::IoThread) {
                    worker.io_bell().wait(None);
                    worker.io_bell().clear();
                    worker.watch();
                }
            }
        }
    });
    placement.take(false);
    let message = [1; BYTES];
    let begun = Instant::now();
    for _ in 0..count {
        let mut rest = &message[..];
        while !rest.is_empty() {
            if let Ok(written) = host.try_write(rest) {
                rest = &rest[written..];
            } else {
                host.io_bell().wait(None);
                host.io_bell().clear();
            }
        }
    }
    reading.join().expect("the reader");
    begun.elapsed()
}

fn ipc_channel<const BYTES: usize>(placement: Placement, count: u64) -> Duration {
    let (sender, receiver) = bytes_channel().expect("a channel");
    let reading = placement.spawn(move || {
        for _ in 0..count {
            assert_eq!(receiver.recv().expect("a message").len(), BYTES);
        }
    });
    placement.take(false);
    let message = [1; BYTES];
    let begun = Instant::now();
    for _ in 0..count {
        sender.send(&message).expect("a receiver");
    }
    reading.join().expect("the reader");
    begun.elapsed()
}

fn iceoryx2<const BYTES: usize>(placement: Placement, count: u64) -> Duration {
    let name = format!("plump-ipc bench {} stream", std::process::id());
    let name: ServiceName = name.as_str().try_into().expect("a name");
    macro_rules! service {
        ($node:ident, $service:ident) => {
            let $node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
            let $service = $node
                .service_builder(&name)
                .publish_subscribe::<[u8; BYTES]>()
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(BUFFERED)
                .open_or_create()
                .expect("a service");
        };
    }
    let (ready, is_ready) = mpsc::channel();
    service!(node, service);
    let publisher = service
        .publisher_builder()
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()
        .expect("a publisher");
    let reading = placement.spawn(move || {
        service!(node, service);
        let subscriber = service.subscriber_builder().create().expect("a subscriber");
        ready.send(()).expect("the first thread");
        for _ in 0..count {
            while subscriber.receive().expect("a connection").is_none() {
                std::hint::spin_loop();
            }
        }
    });
    placement.take(false);
    is_ready.recv().expect("the other side");
    let message = [1; BYTES];
    let begun = Instant::now();
    for _ in 0..count {
        let sample = publisher.loan_uninit().expect("memory");
        sample.write_payload(message).send().expect("a subscriber");
    }
    reading.join().expect("the reader");
    begun.elapsed()
}

fn all<const BYTES: usize>(group: &mut BenchmarkGroup<WallTime>, placement: Placement) {
    group.throughput(Throughput::Bytes(BYTES as u64));
    let id = |way| BenchmarkId::new(way, BYTES);
    group.bench_function(id("plump-ipc ring"), |bencher| {
        bencher.iter_custom(|count| ring::<BYTES>(placement, count));
    });
    group.bench_function(id("ipc-channel"), |bencher| {
        bencher.iter_custom(|count| ipc_channel::<BYTES>(placement, count));
    });
    group.bench_function(id("iceoryx2"), |bencher| {
        bencher.iter_custom(|count| iceoryx2::<BYTES>(placement, count));
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    // On one CPU a watcher only keeps the other side from running.
    for (name, placement) in Placement::all().filter(|(_, each)| *each == Placement::Apart) {
        let mut group = criterion.benchmark_group(format!("stream, {name}"));
        all::<64>(&mut group, placement);
        all::<4096>(&mut group, placement);
        group.finish();
    }
    criterion.final_summary();
}
