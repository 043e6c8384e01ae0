//! What a frame's header costs.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use plump_core::frame::{FrameKind, HEADER_BYTES, Header};

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame header");
    let header = Header {
        size: 64,
        ..Header::new(FrameKind::Call, 1 << 40, 7, 500)
    };
    group.bench_function("encode", |bencher| {
        bencher.iter(|| black_box(&header).encode());
    });
    let bytes = header.encode();
    group.bench_function("decode and check", |bencher| {
        bencher.iter(|| Header::decode(black_box(&bytes)));
    });
    // The floor: as many bytes, without any meaning.
    group.bench_function("copy", |bencher| {
        let mut copy = [0; HEADER_BYTES];
        bencher.iter(|| copy.copy_from_slice(black_box(&bytes)));
    });
    group.finish();
}

criterion_group!(benches, header);
criterion_main!(benches);
