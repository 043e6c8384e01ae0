//! Who sleeps is woken, by its own bell, and nobody else is.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(not(loom))]

use std::io::ErrorKind;
use std::time::Duration;

use plump_core::channel::ring::{RingChannel, RingPair};
use plump_core::channel::{Channel, Sleeper};
use plump_core::platform::Bell;

fn pair(capacity: u32) -> (RingChannel, RingChannel) {
    RingPair::create(capacity)
        .expect("shared memory")
        .into_channels()
}

/// Whether the bell has been rung; forgets it.
fn rang(bell: &Bell) -> bool {
    let rang = bell.wait(Some(Duration::ZERO));
    bell.clear();
    rang
}

#[test]
fn no_bell_rings_for_a_side_that_watches() {
    let (mut host, mut worker) = pair(4096);
    for _ in 0..100 {
        host.try_write(b"question").unwrap();
        worker.try_read(&mut [0; 8]).unwrap();
        worker.try_write(b"answer").unwrap();
        host.try_read(&mut [0; 8]).unwrap();
    }
    assert!(!rang(host.io_bell()));
    assert!(!rang(host.js_bell()));
    assert!(!rang(worker.io_bell()));
}

#[test]
fn the_bell_of_the_one_who_sleeps_rings_once() {
    let (mut host, mut worker) = pair(4096);
    assert!(host.sleep(Sleeper::JavaScript));
    worker.try_write(b"one").unwrap();
    assert!(rang(host.js_bell()));
    assert!(!rang(host.io_bell()));
    worker.try_write(b"two").unwrap();
    assert!(
        !rang(host.js_bell()),
        "the first bytes have woken the sleeper already"
    );

    host.try_read(&mut [0; 64]).unwrap();
    assert!(host.sleep(Sleeper::IoThread));
    worker.try_write(b"three").unwrap();
    assert!(rang(host.io_bell()));
    assert!(!rang(host.js_bell()));

    assert!(worker.sleep(Sleeper::IoThread));
    host.try_write(b"four").unwrap();
    assert!(rang(worker.io_bell()));
}

#[test]
fn the_last_who_announces_a_sleep_is_the_one_to_wake() {
    let (mut host, mut worker) = pair(4096);
    assert!(host.sleep(Sleeper::IoThread));
    assert!(host.sleep(Sleeper::JavaScript));
    worker.try_write(b"x").unwrap();
    assert!(rang(host.js_bell()));
    assert!(!rang(host.io_bell()));
}

#[test]
fn a_side_that_watches_again_is_not_rung_for() {
    let (mut host, mut worker) = pair(4096);
    assert!(host.sleep(Sleeper::IoThread));
    host.watch();
    worker.try_write(b"x").unwrap();
    assert!(!rang(host.io_bell()));
}

#[test]
fn nobody_goes_to_sleep_over_bytes() {
    let (mut host, mut worker) = pair(4096);
    worker.try_write(b"x").unwrap();
    assert!(!host.sleep(Sleeper::IoThread));
    worker.try_write(b"y").unwrap();
    assert!(
        !rang(host.io_bell()),
        "a sleep that did not come about is not announced"
    );
}

#[test]
fn a_writer_who_found_no_space_hears_of_it_once() {
    let (mut host, mut worker) = pair(4);
    assert_eq!(host.try_write(b"01234").unwrap(), 4);
    worker.try_read(&mut [0; 1]).unwrap();
    assert!(!rang(host.io_bell()), "nobody has asked for space yet");
    host.try_write(b"4").unwrap();
    assert_eq!(
        host.try_write(b"5").unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    worker.try_read(&mut [0; 1]).unwrap();
    assert!(rang(host.io_bell()));
    worker.try_read(&mut [0; 1]).unwrap();
    assert!(!rang(host.io_bell()));
}

#[test]
fn who_leaves_wakes_a_reader_and_a_writer() {
    let (host, mut worker) = pair(4);
    assert!(worker.sleep(Sleeper::IoThread));
    drop(host);
    assert!(rang(worker.io_bell()));

    let (mut host, worker) = pair(4);
    assert!(host.sleep(Sleeper::JavaScript));
    drop(worker);
    assert!(rang(host.js_bell()));

    let (mut host, worker) = pair(4);
    host.try_write(b"0123").unwrap();
    assert_eq!(
        host.try_write(b"4").unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(worker);
    assert!(rang(host.io_bell()));
    assert_eq!(
        host.try_write(b"4").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn sleepers_on_both_sides_of_full_rings_all_wake() {
    // Both rings full, both writers waiting: whoever reads first sets the other going.
    let (mut host, mut worker) = pair(4);
    host.try_write(b"0123").unwrap();
    worker.try_write(b"0123").unwrap();
    assert!(host.try_write(b"4").is_err());
    assert!(worker.try_write(b"4").is_err());
    assert!(
        !host.sleep(Sleeper::IoThread),
        "there is something to read, so this side reads and does not wait"
    );
    assert_eq!(host.try_read(&mut [0; 4]).unwrap(), 4);
    assert!(rang(worker.io_bell()));
    assert_eq!(worker.try_write(b"4").unwrap(), 1);
    assert_eq!(worker.try_read(&mut [0; 4]).unwrap(), 4);
    assert!(rang(host.io_bell()));
    assert_eq!(host.try_write(b"4").unwrap(), 1);
}
