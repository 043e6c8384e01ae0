//! What it costs each call that its times are recorded.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use plump_core::histogram::{CommandTimes, Histogram};

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("histogram");
    // Times as calls have them: mostly alike, some a thousand times longer, in an order that no processor foresees.
    let mut state = 1_u64;
    let times: Vec<u64> = (0..4096)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let random = state >> 33;
            if random.is_multiple_of(64) {
                random % 100_000
            } else {
                1 + random % 40
            }
        })
        .collect();
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % times.len();
        times[at]
    };
    let mut histogram = Histogram::default();
    group.bench_function("record", |bencher| {
        bencher.iter(|| histogram.record(black_box(next()), 1));
    });
    let mut commands = CommandTimes::default();
    group.bench_function("record wait and run of one of ten commands", |bencher| {
        bencher.iter(|| {
            let us = black_box(next());
            let command = u32::try_from(us % 10).unwrap_or(0);
            commands.record(command, us, us, 1);
        });
    });
    group.bench_function("snapshot", |bencher| {
        bencher.iter(|| black_box(&histogram).snapshot());
    });
    group.finish();
}

criterion_group!(benches, record);
criterion_main!(benches);
