//! The ring's own source under loom, which runs every order in which two threads can interleave (up to a number of
//! preemptions): a byte read before it was published, a byte overwritten before it was read, and a sleeper whom nobody
//! wakes (loom: deadlock) are all found. `ci/loom.sh` runs this, and shows with seeded bugs that it can fail.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(loom)]

use std::io::ErrorKind;

use loom::thread;
use plump_core::channel::ring::{RingChannel, RingPair};
use plump_core::channel::{Channel, Sleeper};

/// Reads until `into` is full or the end, asleep while there is nothing; says how many bytes came.
fn read(channel: &mut RingChannel, into: &mut [u8], who: Sleeper) -> usize {
    let mut taken = 0;
    while taken < into.len() {
        match channel.try_read(&mut into[taken..]) {
            Ok(0) => break,
            Ok(bytes) => taken += bytes,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                if channel.sleep(who) {
                    let bell = match who {
                        Sleeper::IoThread => channel.io_bell(),
                        Sleeper::JavaScript => channel.js_bell(),
                    };
                    bell.wait();
                    bell.clear();
                    channel.watch();
                }
            }
        }
    }
    taken
}

/// Writes all of `from`, asleep while there is no space. `false`: nobody reads any more.
fn write(channel: &mut RingChannel, mut from: &[u8]) -> bool {
    while !from.is_empty() {
        match channel.try_write(from) {
            Ok(bytes) => from = &from[bytes..],
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                channel.io_bell().wait();
                channel.io_bell().clear();
            }
        }
    }
    true
}

fn pair(capacity: u32) -> (RingChannel, RingChannel) {
    RingPair::create(capacity).expect("a model").into_channels()
}

#[test]
fn what_is_published_is_read_and_a_sleeping_reader_is_woken() {
    loom::model(|| {
        let (mut host, mut worker) = pair(4);
        let writer = thread::spawn(move || {
            assert!(write(&mut host, &[1]));
            assert!(write(&mut host, &[2]));
            host
        });
        let mut into = [0; 2];
        assert_eq!(read(&mut worker, &mut into, Sleeper::IoThread), 2);
        assert_eq!(into, [1, 2]);
        writer.join().unwrap();
    });
}

#[test]
fn a_full_ring_is_emptied_before_it_is_filled_and_a_sleeping_writer_is_woken() {
    loom::model(|| {
        let (mut host, mut worker) = pair(1);
        let writer = thread::spawn(move || {
            assert!(write(&mut host, &[1, 2, 3]));
            host
        });
        let mut into = [0; 3];
        assert_eq!(read(&mut worker, &mut into, Sleeper::IoThread), 3);
        assert_eq!(into, [1, 2, 3]);
        writer.join().unwrap();
    });
}

#[test]
fn a_question_and_its_answer_wake_both_sleepers() {
    loom::model(|| {
        let (mut host, mut worker) = pair(2);
        let worker = thread::spawn(move || {
            let mut into = [0];
            assert_eq!(read(&mut worker, &mut into, Sleeper::IoThread), 1);
            assert!(write(&mut worker, &[into[0] + 1]));
            worker
        });
        assert!(write(&mut host, &[7]));
        let mut into = [0];
        assert_eq!(read(&mut host, &mut into, Sleeper::JavaScript), 1);
        assert_eq!(into, [8]);
        worker.join().unwrap();
    });
}

#[test]
fn who_leaves_wakes_a_sleeping_reader_after_its_last_bytes() {
    loom::model(|| {
        let (mut host, mut worker) = pair(4);
        let writer = thread::spawn(move || {
            assert!(write(&mut host, &[1]));
            drop(host);
        });
        let mut into = [0; 2];
        assert_eq!(read(&mut worker, &mut into, Sleeper::IoThread), 1);
        assert_eq!(into, [1, 0]);
        writer.join().unwrap();
    });
}

#[test]
fn who_leaves_wakes_a_sleeping_writer() {
    loom::model(|| {
        let (mut host, worker) = pair(1);
        let reader = thread::spawn(move || drop(worker));
        assert!(
            !write(&mut host, &[1, 2]),
            "a byte was never read, so not all can have been written"
        );
        reader.join().unwrap();
    });
}

#[test]
fn a_reader_that_watches_again_before_it_slept_misses_nothing() {
    loom::model(|| {
        let (mut host, mut worker) = pair(4);
        let writer = thread::spawn(move || {
            assert!(write(&mut host, &[1]));
            assert!(write(&mut host, &[2]));
            host
        });
        // Announces a sleep, thinks better of it, and sleeps the next time.
        worker.sleep(Sleeper::IoThread);
        worker.watch();
        let mut into = [0; 2];
        assert_eq!(read(&mut worker, &mut into, Sleeper::IoThread), 2);
        assert_eq!(into, [1, 2]);
        writer.join().unwrap();
    });
}
