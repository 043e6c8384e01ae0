//! What a ring carries, beside plain copies and beside a pipe.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

#[cfg(target_os = "linux")]
mod placement;

#[cfg(target_os = "linux")]
mod linux {
    use std::hint::black_box;
    use std::io::{Read, Write};
    use std::time::{Duration, Instant};

    use criterion::{BenchmarkId, Criterion, Throughput};
    use plump_core::channel::ring::{RingChannel, RingPair};
    use plump_core::channel::{Channel, Sleeper};

    use super::placement::Placement;

    fn pair(capacity: u32) -> (RingChannel, RingChannel) {
        RingPair::create(capacity)
            .expect("shared memory")
            .into_channels()
    }

    /// A write and a read by one thread: the price of the protocol itself, without any traffic between CPUs.
    fn alone(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("write and read by one thread");
        for bytes in [64, 4096] {
            let from = vec![1; bytes];
            let mut into = vec![0; bytes];
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new("ring", bytes), |bencher| {
                let (mut host, mut worker) = pair(256 * 1024);
                bencher.iter(|| {
                    host.try_write(black_box(&from)).expect("space");
                    worker.try_read(black_box(&mut into)).expect("bytes")
                });
            });
            group.bench_function(BenchmarkId::new("two copies", bytes), |bencher| {
                let mut between = vec![0; bytes];
                bencher.iter(|| {
                    between.copy_from_slice(black_box(&from));
                    into.copy_from_slice(black_box(&between));
                });
            });
        }
        group.finish();
    }

    /// Messages of one size to a thread on another CPU, until all are read.
    fn stream(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("stream between two CPUs");
        for bytes in [64, 1024, 64 * 1024] {
            group.throughput(Throughput::Bytes(bytes as u64));
            for kib in [64, 256, 1024] {
                let name = format!("ring of {kib} KiB");
                group.bench_function(BenchmarkId::new(name, bytes), |bencher| {
                    bencher.iter_custom(|count| stream_ring(kib * 1024, bytes, count));
                });
            }
            group.bench_function(BenchmarkId::new("pipe of 64 KiB", bytes), |bencher| {
                bencher.iter_custom(|count| stream_pipe(bytes, count));
            });
        }
        group.finish();
    }

    fn stream_ring(capacity: u32, bytes: usize, count: u64) -> Duration {
        let placement = Placement::all().next().expect("one CPU at least").1;
        let (mut host, mut worker) = pair(capacity);
        let total = bytes as u64 * count;
        let reader = placement.spawn(move || {
            let mut into = vec![0; 64 * 1024];
            let mut seen = 0;
            while seen < total {
                if let Ok(read) = worker.try_read(&mut into) {
                    seen += read as u64;
                } else if worker.sleep(Sleeper::IoThread) {
                    worker.io_bell().wait(None);
                    worker.io_bell().clear();
                    worker.watch();
                }
            }
        });
        placement.take(false);
        let from = vec![1; bytes];
        let begun = Instant::now();
        for _ in 0..count {
            let mut rest = &from[..];
            while !rest.is_empty() {
                if let Ok(written) = host.try_write(rest) {
                    rest = &rest[written..];
                } else {
                    host.io_bell().wait(None);
                    host.io_bell().clear();
                }
            }
        }
        reader.join().expect("the reader");
        begun.elapsed()
    }

    fn stream_pipe(bytes: usize, count: u64) -> Duration {
        let placement = Placement::all().next().expect("one CPU at least").1;
        let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
        let total = bytes as u64 * count;
        let reading = placement.spawn(move || {
            let mut into = vec![0; 64 * 1024];
            let mut seen = 0;
            while seen < total {
                seen += reader.read(&mut into).expect("bytes") as u64;
            }
        });
        placement.take(false);
        let from = vec![1; bytes];
        let begun = Instant::now();
        for _ in 0..count {
            writer.write_all(&from).expect("space");
        }
        reading.join().expect("the reader");
        begun.elapsed()
    }

    /// All of it, in about a minute.
    pub fn run() {
        let mut criterion = Criterion::default()
            .sample_size(15)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        alone(&mut criterion);
        stream(&mut criterion);
        criterion.final_summary();
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
