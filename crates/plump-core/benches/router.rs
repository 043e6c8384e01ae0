//! What routing costs: making a call, its way through the queue of its pool, the window of a worker, its outcome. The
//! floors are the plain collections of the standard library with as much in them and none of the rules.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plump_core::queue::{Queue, Ticket};
use plump_core::router::{CallId, Calls, Names, Window};
use std::time::Duration;

const POOL: u32 = 0;
const COMMAND: u32 = 3;
const WORKER: u32 = 1;
const CONCURRENCY: u32 = 16;
const PAYLOAD_BYTES: usize = 64;
/// As many calls as may be under way at the same time: one, what a busy server has, the default of `maxQueue`.
const UNDER_WAY: [usize; 3] = [1, 1000, 100_000];

/// The outcome of a call that a worker has, until its slot is free again.
fn finish(calls: &mut Calls, id: CallId) {
    calls.settle(id);
    calls.leave_worker(id);
}

fn give_to_worker(calls: &mut Calls, id: CallId) {
    calls.give(id, WORKER);
}

/// A table in which so many calls are under way.
fn table(under_way: usize) -> (Calls, Vec<CallId>) {
    let mut calls = Calls::default();
    let ids = (0..under_way)
        .map(|_| calls.create(POOL, COMMAND, 0, false))
        .collect();
    (calls, ids)
}

/// A call from being made until its slot is free again, without any queue, among others that are under way.
fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a call, made and settled");
    group.throughput(Throughput::Elements(1));
    for under_way in UNDER_WAY {
        group.bench_function(BenchmarkId::new("calls", under_way), |bencher| {
            let (mut calls, _) = table(under_way);
            bencher.iter(|| {
                let id = calls.create(POOL, black_box(COMMAND), 0, false);
                give_to_worker(&mut calls, id);
                finish(&mut calls, id);
            });
        });
        group.bench_function(BenchmarkId::new("HashMap", under_way), |bencher| {
            let mut calls: HashMap<u64, u32> = (0..under_way as u64).map(|id| (id, 0)).collect();
            let mut next = under_way as u64;
            bencher.iter(|| {
                calls.insert(next, black_box(COMMAND));
                let command = calls.remove(&next);
                next += 1;
                command
            });
        });
    }
    group.finish();
}

fn new_queue() -> Queue {
    Queue::new(Duration::from_secs(1))
}

fn ticket(id: CallId) -> Ticket {
    Ticket {
        id,
        bytes: PAYLOAD_BYTES,
        priority: 0,
        key: None,
        command: COMMAND,
        limited: false,
        made_at: 0,
    }
}

/// One call goes in at the end of the queue and another out at its front, while so many wait.
fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a call through the queue");
    group.throughput(Throughput::Elements(1));
    for waiting in UNDER_WAY {
        group.bench_function(BenchmarkId::new("queue", waiting), |bencher| {
            let (mut calls, ids) = table(waiting);
            let mut queue = new_queue();
            for id in ids {
                queue.push(ticket(id), false, &[0]);
            }
            bencher.iter(|| {
                let id = calls.create(POOL, COMMAND, 0, false);
                queue.push(ticket(id), false, &[0]);
                let next = queue.next(|id| calls.is_undecided(id), |_, _| Some(()));
                let (first, ()) = next.expect("one at least waits");
                give_to_worker(&mut calls, first.id);
                finish(&mut calls, first.id);
            });
        });
        group.bench_function(BenchmarkId::new("VecDeque", waiting), |bencher| {
            let mut queue: VecDeque<u64> = (0..waiting as u64).collect();
            let mut next = waiting as u64;
            bencher.iter(|| {
                queue.push_back(black_box(next));
                next += 1;
                queue.pop_front()
            });
        });
    }
    group.finish();
}

/// Many calls wait and nine in ten are settled before any has begun, by their deadlines; then the others go out. The
/// whole, per call made.
fn settled_while_they_wait(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nine in ten settled while they wait");
    for waiting in [1000, 100_000] {
        group.throughput(Throughput::Elements(waiting as u64));
        group.bench_function(BenchmarkId::new("queue", waiting), |bencher| {
            bencher.iter_batched(
                || (table(waiting), new_queue()),
                |((mut calls, ids), mut queue)| {
                    for id in &ids {
                        queue.push(ticket(*id), false, &[0]);
                    }
                    for (index, id) in ids.iter().enumerate() {
                        if index % 10 != 9 && calls.settle(*id) {
                            let waits = |id| calls.is_undecided(id);
                            queue.forget(*id, PAYLOAD_BYTES, None, &[0], waits);
                            queue.sweep(waits);
                        }
                    }
                    while let Some((next, ())) =
                        queue.next(|id| calls.is_undecided(id), |_, _| Some(()))
                    {
                        give_to_worker(&mut calls, next.id);
                        finish(&mut calls, next.id);
                    }
                    assert_eq!(calls.in_flight(), 0, "every call was settled");
                    calls
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Whether one more call may go to a worker, with the call's sending and its answer: calls of 2 µs, of which the window
/// lets hundreds go ahead, and of 5 ms, of which it lets one.
fn window(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window of a worker");
    group.throughput(Throughput::Elements(1));
    for run_us in [2, 5000] {
        group.bench_function(BenchmarkId::new("a call of µs", run_us), |bencher| {
            let mut window = Window::default();
            window.send(false, 0);
            window.answer(run_us);
            bencher.iter(|| {
                let may = window.may_send(black_box(CONCURRENCY));
                window.send(false, 0);
                window.start(window.sent_total());
                window.answer(black_box(run_us));
                may
            });
        });
    }
    group.finish();
}

/// The number of a command, as a worker announces its name: among 8 and among as many as a large module may have.
fn names(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("number of a command's name");
    for count in [8, 10_000] {
        let all: Vec<_> = (0..count).map(|index| format!("command{index}")).collect();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let mut names = Names::default();
            for name in &all {
                names.number(name);
            }
            let wanted = &all[count / 2];
            bencher.iter(|| names.find(black_box(wanted)));
        });
    }
    group.finish();
}

criterion_group!(benches, call, queue, settled_while_they_wait, window, names);
criterion_main!(benches);
