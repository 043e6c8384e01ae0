//! What a ring carries arrives once, whole and in order, whatever the sizes and wherever the counters stand.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(not(loom))]

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use plump_core::channel::ring::{RingChannel, RingPair};
use plump_core::channel::{Channel, Sleeper};
use proptest::prelude::*;

/// Nothing here takes a second; a minute means that somebody sleeps for ever.
const WATCHDOG: Duration = Duration::from_secs(60);

fn pair(capacity: u32) -> (RingChannel, RingChannel) {
    RingPair::create(capacity)
        .expect("shared memory")
        .into_channels()
}

fn kind_of<T: std::fmt::Debug>(answer: std::io::Result<T>) -> ErrorKind {
    answer.expect_err("this can't be done").kind()
}

/// A byte that depends on its place in the stream, with a period that no ring's capacity divides.
fn byte_at(place: usize) -> u8 {
    u8::try_from(place % 251).unwrap()
}

#[test]
fn what_one_side_writes_the_other_reads() {
    let (mut host, mut worker) = pair(4096);
    let mut into = [0; 64];
    assert_eq!(kind_of(worker.try_read(&mut into)), ErrorKind::WouldBlock);
    assert_eq!(host.try_write(b"to the worker").unwrap(), 13);
    assert_eq!(worker.try_write(b"to the host").unwrap(), 11);
    assert!(host.may_have_bytes());
    assert!(worker.may_have_bytes());
    assert_eq!(worker.try_read(&mut into).unwrap(), 13);
    assert_eq!(&into[..13], b"to the worker");
    assert_eq!(host.try_read(&mut into).unwrap(), 11);
    assert_eq!(&into[..11], b"to the host");
    assert!(!host.may_have_bytes());
}

#[test]
fn a_full_ring_takes_what_fits_and_then_would_block() {
    let (mut host, mut worker) = pair(8);
    assert_eq!(host.try_write(b"0123456789").unwrap(), 8);
    assert_eq!(kind_of(host.try_write(b"89")), ErrorKind::WouldBlock);
    let mut into = [0; 3];
    assert_eq!(worker.try_read(&mut into).unwrap(), 3);
    assert_eq!(host.try_write(b"89abcd").unwrap(), 3);
    let mut into = [0; 16];
    assert_eq!(worker.try_read(&mut into).unwrap(), 8);
    assert_eq!(&into[..8], b"3456789a");
}

#[test]
fn writing_nothing_writes_nothing() {
    let (mut host, mut worker) = pair(8);
    assert_eq!(host.try_write(b"").unwrap(), 0);
    assert_eq!(host.try_write(b"12345678").unwrap(), 8);
    assert_eq!(host.try_write(b"").unwrap(), 0);
    assert_eq!(worker.try_read(&mut [0; 8]).unwrap(), 8);
}

#[test]
fn counters_wrap_around_at_4_gib() {
    for capacity in [1, 2, 8, 64, 4096] {
        let start = u32::MAX - 100;
        let pair = RingPair::create_counting_from(capacity, start).expect("shared memory");
        let (mut host, mut worker) = pair.into_channels();
        let mut sent = 0;
        let mut seen = 0;
        let mut size = 1;
        while seen < 20_000 {
            let bytes: Vec<u8> = (sent..sent + size).map(byte_at).collect();
            match host.try_write(&bytes) {
                Ok(taken) => sent += taken,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            let mut into = vec![0; size % 7 + 1];
            match worker.try_read(&mut into) {
                Ok(taken) => {
                    for byte in &into[..taken] {
                        assert_eq!(*byte, byte_at(seen), "capacity {capacity}, byte {seen}");
                        seen += 1;
                    }
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            size = size % 23 + 1;
        }
    }
}

#[test]
fn a_capacity_that_is_no_power_of_two_is_refused() {
    for capacity in [0, 3, 4097, (1 << 30) + 1, 1 << 31] {
        assert_eq!(
            kind_of(RingPair::create(capacity)),
            ErrorKind::InvalidInput,
            "{capacity}"
        );
    }
}

#[test]
fn a_side_that_leaves_is_the_end_after_what_it_had_written() {
    let (mut host, mut worker) = pair(64);
    host.try_write(b"last words").unwrap();
    drop(host);
    assert!(worker.may_have_bytes());
    let mut into = [0; 4];
    assert_eq!(worker.try_read(&mut into).unwrap(), 4);
    assert!(!worker.sleep(Sleeper::IoThread), "there are bytes left");
    let mut into = [0; 64];
    assert_eq!(worker.try_read(&mut into).unwrap(), 6);
    assert_eq!(worker.try_read(&mut into).unwrap(), 0);
    assert_eq!(worker.try_read(&mut into).unwrap(), 0);
    assert!(
        !worker.sleep(Sleeper::IoThread),
        "the end must not be slept over"
    );
    assert_eq!(
        kind_of(worker.try_write(b"anybody?")),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn a_side_whose_process_died_is_the_end_after_what_it_had_written() {
    let (mut host, mut worker) = pair(64);
    worker.try_write(b"last words").unwrap();
    host.peer_gone();
    assert!(host.may_have_bytes());
    assert_eq!(kind_of(host.try_write(b"anybody?")), ErrorKind::BrokenPipe);
    let mut into = [0; 64];
    assert_eq!(host.try_read(&mut into).unwrap(), 10);
    assert_eq!(host.try_read(&mut into).unwrap(), 0);
    assert!(!host.sleep(Sleeper::JavaScript));
}

#[test]
fn a_side_that_has_left_reads_and_writes_no_more() {
    let (mut host, mut worker) = pair(64);
    worker.try_write(b"unread").unwrap();
    host.close();
    host.close();
    assert_eq!(host.try_read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(kind_of(host.try_write(b"x")), ErrorKind::BrokenPipe);
    assert_eq!(kind_of(worker.try_write(b"x")), ErrorKind::BrokenPipe);
}

#[test]
fn what_the_worker_has_begun_is_known_to_the_host() {
    let (host, worker) = pair(8);
    assert_eq!(host.begun(), 0);
    worker.set_begun(u64::MAX);
    assert_eq!(host.begun(), u64::MAX);
}

#[test]
fn the_host_tells_the_worker_of_crowded_cpus_and_the_worker_nobody() {
    let (host, worker) = pair(8);
    assert!(!worker.told_crowded());
    worker.tell_crowded(true);
    assert!(!worker.told_crowded());
    host.tell_crowded(true);
    assert!(worker.told_crowded() && !host.told_crowded());
    host.tell_crowded(false);
    assert!(!worker.told_crowded());
}

#[test]
fn a_side_that_has_not_run_yet_may_be_on_another_cpu() {
    let (host, _worker) = pair(8);
    assert!(host.peer_on_other_cpu());
}

#[test]
fn both_sides_on_one_cpu_know_it() {
    // One thread runs both sides; it may be moved between two lines, but not every time.
    let (mut host, mut worker) = pair(8);
    let seen = (0..1000).any(|_| {
        worker.try_write(b"x").unwrap();
        host.try_read(&mut [0; 8]).unwrap();
        !host.peer_on_other_cpu()
    });
    assert!(seen);
}

/// One step of a program that uses both ends of one direction.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    Sleep,
    Watch,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..200).prop_map(Step::Write),
        4 => (1_usize..200).prop_map(Step::Read),
        1 => Just(Step::Sleep),
        1 => Just(Step::Watch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ring_behaves_as_a_bounded_queue(
        steps in prop::collection::vec(step(), 1..300),
        capacity in (0_u32..9).prop_map(|exponent| 1 << exponent),
        start in any::<u32>(),
        to_worker in any::<bool>(),
    ) {
        let pair = RingPair::create_counting_from(capacity, start).unwrap();
        let (host, worker) = pair.into_channels();
        let (mut producer, mut consumer) = if to_worker { (host, worker) } else { (worker, host) };
        let mut model = VecDeque::new();
        let mut place = 0;
        for step in steps {
            match step {
                Step::Write(size) => {
                    let bytes: Vec<u8> = (place..place + size).map(byte_at).collect();
                    let room = capacity as usize - model.len();
                    match producer.try_write(&bytes) {
                        Ok(taken) => {
                            prop_assert!(taken > 0 && taken <= room.min(size));
                            model.extend(&bytes[..taken]);
                            place += taken;
                        }
                        Err(error) => {
                            prop_assert_eq!(error.kind(), ErrorKind::WouldBlock);
                            prop_assert_eq!(room, 0);
                        }
                    }
                }
                Step::Read(size) => {
                    let mut into = vec![0; size];
                    match consumer.try_read(&mut into) {
                        Ok(taken) => {
                            prop_assert_eq!(taken, model.len().min(size));
                            let expected: Vec<u8> = model.drain(..taken).collect();
                            prop_assert_eq!(&into[..taken], &expected[..]);
                        }
                        Err(error) => {
                            prop_assert_eq!(error.kind(), ErrorKind::WouldBlock);
                            prop_assert!(model.is_empty());
                        }
                    }
                }
                Step::Sleep => prop_assert_eq!(consumer.sleep(Sleeper::IoThread), model.is_empty()),
                Step::Watch => consumer.watch(),
            }
            prop_assert_eq!(consumer.may_have_bytes(), !model.is_empty());
        }
    }
}

/// Sends `total` bytes through one direction, with sizes from a seed, both sides sleeping when they can't go on.
fn stream(capacity: u32, total: usize, largest: usize, to_worker: bool) {
    let (host, worker) = pair(capacity);
    let (mut producer, mut consumer) = if to_worker {
        (host, worker)
    } else {
        (worker, host)
    };
    let mut size_of_next = {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % largest + 1
        }
    };
    // A table long enough for any piece at any phase of the period, so that making the bytes costs nothing.
    let table: Vec<u8> = (0..largest + 251).map(byte_at).collect();
    let expected = table.clone();
    let deadline = Instant::now() + WATCHDOG;
    let writer = std::thread::spawn(move || {
        let mut sent = 0;
        while sent < total {
            let size = size_of_next().min(total - sent);
            let phase = sent % 251;
            let mut piece = &table[phase..phase + size];
            while !piece.is_empty() {
                match producer.try_write(piece) {
                    Ok(taken) => piece = &piece[taken..],
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        let bell = producer.io_bell();
                        assert!(
                            bell.wait(Some(deadline - Instant::now())),
                            "nobody said that there is space"
                        );
                        bell.clear();
                    }
                }
            }
            sent += size;
        }
        producer
    });
    let mut seen = 0;
    let mut into = vec![0; largest];
    while seen < total {
        match consumer.try_read(&mut into) {
            Ok(taken) => {
                let phase = seen % 251;
                assert!(
                    into[..taken] == expected[phase..phase + taken],
                    "wrong bytes near {seen}"
                );
                seen += taken;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                if consumer.sleep(Sleeper::IoThread) {
                    let bell = consumer.io_bell();
                    assert!(
                        bell.wait(Some(deadline - Instant::now())),
                        "nobody said that there are bytes"
                    );
                    bell.clear();
                    consumer.watch();
                }
            }
        }
    }
    let producer = writer.join().expect("the writer succeeds");
    assert!(!consumer.may_have_bytes());
    drop(producer);
    assert_eq!(consumer.try_read(&mut into).unwrap(), 0);
}

#[test]
fn two_threads_stream_256_mib_of_random_sizes() {
    stream(256 * 1024, 256 * 1024 * 1024, 100_000, true);
}

#[test]
fn two_threads_stream_through_a_ring_smaller_than_what_they_send() {
    stream(64, 4 * 1024 * 1024, 1000, false);
}
