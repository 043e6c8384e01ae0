//! An event made once, given to 1, 4 and 16 receivers as separate processes would have it, and taken by all of them, in
//! one thread: what the work is, without waking anybody. plump-ipc's bus (mailboxes, and a pipe to each process),
//! `ipc-channel` (a channel for each, as it has none for several) and `iceoryx2` (its publish-subscribe).

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use iceoryx2::prelude::{NodeBuilder, ServiceName, ipc};
use ipc_channel::ipc::bytes_channel;
use plump_core::bus::{Event, Mailbox};
use plump_core::channel::pipe::PipeChannel;
use plump_core::frame::{FrameKind, Header};
use plump_core::limits::MAILBOX_EVENTS;
use plump_core::platform::{PipeReader, PipeWriter, Reactor, pipe_from_child, pipe_to_child};
use plump_core::port::{Order, Port};

const RECEIVERS: [usize; 3] = [1, 4, 16];
/// Events between giving and taking: few enough for the buffers of all. Those that wait for a pipe leave together, as
/// they do in plump-ipc; the others send one at a time.
const BATCH: usize = 16;
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// The way to one process: what waits for it, and both ends of its pipe.
struct Subscriber {
    mailbox: Mailbox,
    near: Port,
    far: Port,
}

impl Subscriber {
    fn new() -> Self {
        let (to_worker, worker_reads) = pipe_to_child().expect("a pipe");
        let (from_worker, worker_writes) = pipe_from_child().expect("a pipe");
        Self {
            mailbox: Mailbox::new(MAILBOX_EVENTS),
            near: port(from_worker, to_worker),
            far: port(
                worker_reads.into_reader().expect("a reading end"),
                worker_writes.into_writer().expect("a writing end"),
            ),
        }
    }
}

fn port(reader: PipeReader, writer: PipeWriter) -> Port {
    let reactor = Arc::new(Reactor::new().expect("a reactor"));
    let channel = PipeChannel::new(reader, writer, reactor, 0, 1).expect("a channel");
    Port::new(Box::new(channel), Order::Strict, MAX_PAYLOAD_BYTES)
}

fn plump_ipc(group: &mut BenchmarkGroup<WallTime>, receivers: usize, bytes: usize) {
    group.bench_function(id("plump-ipc bus", receivers, bytes), |bencher| {
        let mut subscribers: Vec<_> = (0..receivers).map(|_| Subscriber::new()).collect();
        let payload = vec![7; bytes];
        bencher.iter(|| {
            for _ in 0..BATCH {
                let event = Event::new("default", "", &[black_box(&payload)]).expect("short names");
                let event = Arc::new(event);
                for subscriber in &subscribers {
                    subscriber.mailbox.offer(&event);
                }
            }
            for subscriber in &mut subscribers {
                while let Some(event) = subscriber.mailbox.try_take() {
                    let header = Header::new(FrameKind::Event, 1, 0, 0);
                    subscriber.near.send(header, &[event.body()]);
                }
                assert!(subscriber.near.flush().expect("a reader"), "room for all");
                let mut taken = 0;
                subscriber
                    .far
                    .receive(usize::MAX, |_, body| {
                        let event = Event::from_body(body.bytes().to_vec()).expect("an event");
                        assert_eq!(event.payload().len(), bytes);
                        taken += 1;
                        Ok(())
                    })
                    .expect("events");
                assert_eq!(taken, BATCH);
            }
        });
    });
}

fn ipc_channel(group: &mut BenchmarkGroup<WallTime>, receivers: usize, bytes: usize) {
    group.bench_function(id("ipc-channel", receivers, bytes), |bencher| {
        let channels: Vec<_> = (0..receivers)
            .map(|_| bytes_channel().expect("a channel"))
            .collect();
        let payload = vec![7; bytes];
        bencher.iter(|| {
            for _ in 0..BATCH {
                for (sender, _) in &channels {
                    sender.send(black_box(&payload)).expect("a receiver");
                }
            }
            for (_, receiver) in &channels {
                for _ in 0..BATCH {
                    assert_eq!(receiver.recv().expect("an event").len(), bytes);
                }
            }
        });
    });
}

fn iceoryx2<const BYTES: usize>(group: &mut BenchmarkGroup<WallTime>, receivers: usize) {
    group.bench_function(id("iceoryx2", receivers, BYTES), |bencher| {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let name = format!("plump-ipc bench {} fan out", std::process::id());
        let name: ServiceName = name.as_str().try_into().expect("a name");
        let service = node
            .service_builder(&name)
            .publish_subscribe::<[u8; BYTES]>()
            .max_subscribers(receivers)
            .subscriber_max_buffer_size(BATCH)
            .create()
            .expect("a service");
        let publisher = service.publisher_builder().create().expect("a publisher");
        let subscribers: Vec<_> = (0..receivers)
            .map(|_| service.subscriber_builder().create().expect("a subscriber"))
            .collect();
        let payload = [7; BYTES];
        bencher.iter(|| {
            for _ in 0..BATCH {
                // Its own way without a copy on the stack: written where it is sent from.
                let sample = publisher.loan_uninit().expect("memory");
                sample
                    .write_payload(*black_box(&payload))
                    .send()
                    .expect("subscribers");
            }
            for subscriber in &subscribers {
                for _ in 0..BATCH {
                    let event = subscriber.receive().expect("a connection");
                    assert_eq!(event.expect("an event").payload().len(), BYTES);
                }
            }
        });
    });
}

fn id(way: &str, receivers: usize, bytes: usize) -> BenchmarkId {
    BenchmarkId::new(way, format!("{bytes} bytes to {receivers}"))
}

fn all<const BYTES: usize>(group: &mut BenchmarkGroup<WallTime>) {
    for receivers in RECEIVERS {
        plump_ipc(group, receivers, BYTES);
        ipc_channel(group, receivers, BYTES);
        iceoryx2::<BYTES>(group, receivers);
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("fan out, one thread");
    group.throughput(Throughput::Elements(BATCH as u64));
    all::<64>(&mut group);
    all::<4096>(&mut group);
    group.finish();
    criterion.final_summary();
}
