//! The other process writes whatever it likes into the shared memory: nothing panics, nothing outside is touched, and
//! what can't be true ends the channel.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(all(target_os = "linux", not(loom)))]

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use plump_core::channel::ring::{RingChannel, RingPair, layout};
use plump_core::channel::{Channel, Sleeper};
use plump_core::memory::SharedMemory;
use proptest::prelude::*;

/// The memory as the other process has it.
struct Hostile(Arc<SharedMemory>);

impl Hostile {
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.0.len());
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "the offset is a multiple of 8, the memory begins on a page"
        )]
        // SAFETY: the offset lies inside the memory, which lives as long as `self`.
        let word = unsafe { self.0.as_ptr().add(offset) }.cast::<AtomicU64>();
        // SAFETY: aligned, alive, and only used as an atomic here.
        unsafe { &*word }
    }

    fn cpu(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.0.len());
        #[expect(
            clippy::cast_ptr_alignment,
            reason = "the offset is a multiple of 4, the memory begins on a page"
        )]
        // SAFETY: the offset lies inside the memory, which lives as long as `self`.
        let word = unsafe { self.0.as_ptr().add(offset) }.cast::<AtomicU32>();
        // SAFETY: aligned, alive, and only used as an atomic here.
        unsafe { &*word }
    }
}

fn pair(capacity: u32) -> (Hostile, RingChannel, RingChannel) {
    let pair = RingPair::create(capacity).expect("shared memory");
    let hostile = Hostile(Arc::clone(pair.memory()));
    let (host, worker) = pair.into_channels();
    (hostile, host, worker)
}

#[test]
fn bytes_that_were_not_published_are_not_seen() {
    // What a worker leaves behind that dies between the copy and the publication.
    let (hostile, mut host, _worker) = pair(64);
    hostile
        .word(layout::HEADER_BYTES + 64)
        .store(u64::MAX, Ordering::Relaxed);
    host.peer_gone();
    assert!(host.try_read(&mut [0; 64]).is_ok_and(|bytes| bytes == 0));
}

#[test]
fn more_bytes_than_a_ring_holds_are_the_end_of_it() {
    for count in [65, 1000, u32::MAX, u32::MAX - 63] {
        let (hostile, mut host, _worker) = pair(64);
        hostile
            .word(layout::TO_HOST_PUBLISHED)
            .store(u64::from(count), Ordering::Release);
        assert!(host.may_have_bytes());
        assert!(
            !host.sleep(Sleeper::IoThread),
            "a fault must not be slept over"
        );
        assert_eq!(
            host.try_read(&mut [0; 64]).unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        // The other process can't take it back.
        hostile
            .word(layout::TO_HOST_PUBLISHED)
            .store(0, Ordering::Release);
        assert_eq!(
            host.try_read(&mut [0; 64]).unwrap_err().kind(),
            ErrorKind::InvalidData
        );
        assert_eq!(
            host.try_write(b"x").unwrap_err().kind(),
            ErrorKind::InvalidData
        );
    }
}

#[test]
fn a_reader_ahead_of_the_writer_is_the_end_of_it() {
    let (hostile, mut host, _worker) = pair(4);
    assert_eq!(host.try_write(b"0123").unwrap(), 4);
    hostile
        .word(layout::TO_WORKER_CONSUMED)
        .store(5, Ordering::Release);
    assert_eq!(
        host.try_write(b"4").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[test]
fn words_that_were_spoilt_are_found_without_reading_or_writing() {
    for (word, value) in [
        (layout::TO_HOST_PUBLISHED, 65),
        (layout::TO_WORKER_CONSUMED, 1),
    ] {
        let (hostile, mut host, _worker) = pair(64);
        assert!(host.check().is_ok());
        hostile.word(word).store(value, Ordering::Release);
        assert_eq!(host.check().unwrap_err().kind(), ErrorKind::InvalidData);
        hostile.word(word).store(0, Ordering::Release);
        assert!(host.check().is_err(), "for good");
    }
}

#[test]
fn own_counters_are_not_believed_when_the_other_side_moves_them() {
    let (hostile, mut host, mut worker) = pair(64);
    hostile
        .word(layout::TO_WORKER_PUBLISHED)
        .store(40, Ordering::Release);
    hostile
        .word(layout::TO_HOST_CONSUMED)
        .store(40, Ordering::Release);
    assert_eq!(host.try_write(b"abc").unwrap(), 3);
    let mut into = [0; 64];
    assert_eq!(worker.try_read(&mut into).unwrap(), 3);
    assert_eq!(&into[..3], b"abc");
    assert_eq!(worker.try_write(b"def").unwrap(), 3);
    assert_eq!(host.try_read(&mut into).unwrap(), 3);
    assert_eq!(&into[..3], b"def");
}

#[test]
fn a_published_word_full_of_flags_is_only_its_count() {
    let (hostile, mut host, _worker) = pair(64);
    hostile
        .word(layout::TO_HOST_PUBLISHED)
        .store(0xffff_ffff_0000_0003, Ordering::Release);
    let mut into = [0; 64];
    assert_eq!(host.try_read(&mut into).unwrap(), 3);
    assert_eq!(
        host.try_read(&mut into).unwrap(),
        0,
        "the flags say that the other side has left"
    );
}

/// A value that one of the words is set to, between two steps of the host.
#[derive(Clone, Debug)]
struct Lie {
    offset: usize,
    value: u64,
}

fn lie() -> impl Strategy<Value = Lie> {
    let offset = prop::sample::select(vec![
        layout::TO_WORKER_PUBLISHED,
        layout::TO_WORKER_CONSUMED,
        layout::TO_HOST_PUBLISHED,
        layout::TO_HOST_CONSUMED,
        layout::HOST_CPU,
        layout::WORKER_CPU,
        layout::BEGUN,
    ]);
    let value = prop_oneof![
        any::<u64>(),
        0_u64..300,
        (0_u64..300).prop_map(|value| u64::MAX - value)
    ];
    (offset, value).prop_map(|(offset, value)| Lie { offset, value })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_lie_makes_the_host_panic_or_touch_what_is_not_its_own(
        lies in prop::collection::vec((lie(), 0_u8..6, 1_usize..300), 1..200),
        capacity in (0_u32..9).prop_map(|exponent| 1 << exponent),
        start in any::<u32>(),
    ) {
        let pair = RingPair::create_counting_from(capacity, start).unwrap();
        let hostile = Hostile(Arc::clone(pair.memory()));
        let mut host = pair.host_channel();
        for (lie, step, size) in lies {
            hostile.word(lie.offset).store(lie.value, Ordering::Release);
            match step {
                0 | 1 => {
                    let mut into = vec![0xa5; size + 1];
                    match host.try_read(&mut into[..size]) {
                        Ok(taken) => prop_assert!(taken <= size.min(capacity as usize)),
                        Err(error) => prop_assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::InvalidData)),
                    }
                    prop_assert_eq!(into[size], 0xa5);
                }
                2 | 3 => {
                    match host.try_write(&vec![1; size]) {
                        Ok(taken) => prop_assert!(taken <= size.min(capacity as usize)),
                        Err(error) => prop_assert!(matches!(
                            error.kind(),
                            ErrorKind::WouldBlock | ErrorKind::InvalidData | ErrorKind::BrokenPipe
                        )),
                    }
                }
                4 => {
                    host.sleep(if size % 2 == 0 { Sleeper::JavaScript } else { Sleeper::IoThread });
                }
                _ => {
                    let _ = (host.may_have_bytes(), host.peer_on_other_cpu(), host.begun());
                    host.watch();
                }
            }
        }
    }
}

#[test]
fn a_million_steps_survive_a_thread_that_scribbles_over_everything() {
    let new_pair = || {
        let pair = RingPair::create(4096).expect("shared memory");
        (Hostile(Arc::clone(pair.memory())), pair.host_channel())
    };
    let (mut hostile, mut host) = new_pair();
    // A fault is final, so the host goes on with a new pair, and the scribbler follows it.
    let prey = Arc::new(Mutex::new(Arc::clone(&hostile.0)));
    let stop = Arc::new(AtomicBool::new(false));
    let scribbler = std::thread::spawn({
        let prey = Arc::clone(&prey);
        let stop = Arc::clone(&stop);
        move || {
            let mut state = 1;
            while !stop.load(Ordering::Relaxed) {
                let hostile = Hostile(Arc::clone(&prey.lock().unwrap()));
                for _ in 0..64 {
                    state = next(state);
                    scribble(&hostile, state);
                }
            }
        }
    });
    let mut state = 2;
    let mut into = [0; 5000];
    let (mut reads, mut writes, mut faults) = (0, 0, 0);
    for round in 0..1_000_000_usize {
        // The thread may be given no time to run: some of its work is done here.
        if round % 8 == 0 {
            state = next(state);
            scribble(&hostile, state);
        }
        let size = round % 300 + 1;
        let read = host.try_read(&mut into[..size]);
        let written = host.try_write(&into[..size]);
        reads += usize::from(read.as_ref().is_ok_and(|bytes| *bytes > 0));
        writes += usize::from(written.as_ref().is_ok_and(|bytes| *bytes > 0));
        let is_fault = |error: &std::io::Error| error.kind() == ErrorKind::InvalidData;
        if read.is_err_and(|error| is_fault(&error)) || written.is_err_and(|error| is_fault(&error))
        {
            faults += 1;
            (hostile, host) = new_pair();
            *prey.lock().unwrap() = Arc::clone(&hostile.0);
        }
    }
    stop.store(true, Ordering::Relaxed);
    scribbler.join().expect("the scribbler ends");
    assert!(
        reads > 1000,
        "few lies were believed: {reads} reads, nothing was tested"
    );
    assert!(
        writes > 1000,
        "few lies were believed: {writes} writes, nothing was tested"
    );
    assert!(
        faults > 10,
        "few lies were found out: {faults}, nothing was tested"
    );
}

fn next(random: u64) -> u64 {
    random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1)
}

/// Moves one word by a little, so that it often passes the checks, or writes over bytes.
fn scribble(hostile: &Hostile, random: u64) {
    let words = [
        layout::TO_WORKER_CONSUMED,
        layout::TO_HOST_PUBLISHED,
        layout::TO_HOST_CONSUMED,
        layout::TO_WORKER_PUBLISHED,
        layout::HEADER_BYTES,
        layout::HEADER_BYTES + 4096,
    ];
    let word = hostile.word(words[usize::try_from(random >> 40).unwrap() % words.len()]);
    let moved = word
        .load(Ordering::Relaxed)
        .wrapping_add(random >> 57)
        .wrapping_sub(8);
    // Without the bit that says that this side has left, which would end the play at once.
    word.store(moved & !(1 << 34), Ordering::Relaxed);
    hostile
        .cpu(layout::WORKER_CPU)
        .store(u32::try_from(random >> 33).unwrap(), Ordering::Relaxed);
}

#[test]
fn memory_of_another_shape_is_not_taken_for_rings() {
    for bytes in [
        1,
        layout::HEADER_BYTES,
        layout::HEADER_BYTES + 2 * 3000,
        layout::HEADER_BYTES + 4097,
    ] {
        let memory = SharedMemory::create(bytes).expect("shared memory");
        // The number is handed over for good, as to a worker; the bells' are not looked at any more.
        let end = memory.inherit().unwrap();
        let numbers = [end.handle_number(), u64::MAX, u64::MAX, u64::MAX, u64::MAX];
        std::mem::forget(end);
        let refused = RingChannel::open_inherited(numbers).expect_err("not a pair of rings");
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{bytes}");
    }
}
