//! Rings between two processes: this test starts itself as the worker. Every worker is bounded: it ends with this process,
//! and it is killed when a test fails half-way.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(all(target_os = "linux", not(loom)))]

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use plump_core::channel::ring::{RingChannel, RingPair};
use plump_core::channel::{Channel, Sleeper};
use plump_core::platform::{self, Bell, Child, ExitStatus, FIRST_INHERITED, SpawnRequest, spawn};

/// Long enough for anything that should happen, not a measure of speed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Names the role of this program when another test has started it.
const ROLE: &str = "PLUMP_TEST_ROLE";
/// The process id of the one that has.
const PARENT: &str = "PLUMP_TEST_PARENT";

/// The worker of a pair, killed when a test fails half-way.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Worker {
    /// Starts this program again in another role, with the worker's side of a new pair.
    fn start(role: &str, capacity: u32) -> (RingChannel, Self) {
        let pair = RingPair::create(capacity).expect("shared memory");
        let request = SpawnRequest {
            program: std::env::current_exe().expect("this program").into(),
            args: vec![
                "--exact".into(),
                "this_program_started_again_plays_its_role".into(),
            ],
            env: vec![
                (ROLE.into(), role.into()),
                (PARENT.into(), std::process::id().to_string().into()),
            ],
            cwd: None,
            inherit: pair.inherit().expect("descriptors"),
            stderr: None,
        };
        // The signal of a parent's death belongs to the thread that spawns, and a test's thread does not live long.
        let child = platform::on_spawner_thread(move || spawn(request));
        let child = child.recv().expect("the spawner thread").expect("a worker");
        (pair.host_channel(), Self(child))
    }

    fn wait_for_exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < deadline, "the worker does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A byte that depends on its place in the stream.
fn byte_at(place: usize) -> u8 {
    u8::try_from(place % 251).expect("below 251")
}

/// Numbers for sizes, the same in every run.
fn next(random: &mut u64) -> usize {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    usize::try_from(*random >> 33).expect("31 bits")
}

fn wait(bell: &Bell) {
    assert!(bell.wait(Some(PATIENCE)), "nobody rang");
    bell.clear();
}

/// Reads what there is, asleep while there is nothing; 0 at the end.
fn read(channel: &mut RingChannel, into: &mut [u8], who: Sleeper) -> usize {
    loop {
        match channel.try_read(into) {
            Ok(bytes) => return bytes,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if channel.sleep(who) {
            wait(match who {
                Sleeper::JavaScript => channel.js_bell(),
                Sleeper::IoThread => channel.io_bell(),
            });
            channel.watch();
        }
    }
}

/// Writes everything, asleep while there is no space.
fn write(channel: &mut RingChannel, mut from: &[u8]) {
    while !from.is_empty() {
        match channel.try_write(from) {
            Ok(bytes) => from = &from[bytes..],
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                wait(channel.io_bell());
            }
        }
    }
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let parent = std::env::var(PARENT)
        .expect("the parent")
        .parse()
        .expect("a number");
    if !platform::adopt_parent(parent) {
        return;
    }
    let first = u64::try_from(FIRST_INHERITED).expect("never negative");
    let channel = RingChannel::open_inherited([first, first + 1, first + 2, first + 3, first + 4]);
    let mut channel = channel.expect("the worker's side");
    match role.as_str() {
        "echo" => {
            let mut into = vec![0; 10_000];
            let mut begun = 0;
            loop {
                let bytes = read(&mut channel, &mut into, Sleeper::IoThread);
                if bytes == 0 {
                    break;
                }
                begun += 1;
                channel.set_begun(begun);
                write(&mut channel, &into[..bytes]);
            }
        }
        "write_until_killed" => {
            let pattern: Vec<u8> = (0..10_000).map(byte_at).collect();
            let mut place = 0;
            let mut random = 1;
            loop {
                let size = next(&mut random) % 5_000 + 1;
                let phase = place % 251;
                write(&mut channel, &pattern[phase..phase + size]);
                place += size;
            }
        }
        "leave" => write(&mut channel, b"last words"),
        _ => panic!("no such role: {role}"),
    }
}

#[test]
fn a_worker_answers_every_byte_and_ends_with_the_channel() {
    let (mut host, mut worker) = Worker::start("echo", 4096);
    let mut random = 7;
    let mut back = vec![0; 4096];
    for round in 0..2_000 {
        let size = next(&mut random) % 4096 + 1;
        let sent: Vec<u8> = (round..round + size).map(byte_at).collect();
        write(&mut host, &sent);
        // As a blocked call and as the I/O thread by turns.
        let who = if round % 2 == 0 {
            Sleeper::JavaScript
        } else {
            Sleeper::IoThread
        };
        let mut taken = 0;
        while taken < size {
            let bytes = read(&mut host, &mut back[taken..size], who);
            assert_ne!(bytes, 0, "the worker has left");
            taken += bytes;
        }
        assert!(back[..size] == sent[..], "round {round}");
    }
    assert!(host.begun() >= 2_000);
    host.close();
    let status = worker.wait_for_exit();
    assert_eq!(status.code, Some(0), "{status:?}");
}

#[test]
fn a_worker_that_ends_in_order_is_the_end_after_its_last_bytes() {
    let (mut host, mut worker) = Worker::start("leave", 4096);
    let mut into = [0; 64];
    assert_eq!(read(&mut host, &mut into, Sleeper::JavaScript), 10);
    assert_eq!(&into[..10], b"last words");
    assert_eq!(read(&mut host, &mut into, Sleeper::JavaScript), 0);
    worker.wait_for_exit();
}

#[test]
fn a_worker_killed_in_the_middle_of_a_write_leaves_only_whole_writes() {
    let pattern: Vec<u8> = (0..70_000).map(byte_at).collect();
    let mut random = 3;
    for _ in 0..20 {
        let (mut host, mut worker) = Worker::start("write_until_killed", 1 << 16);
        let mut into = vec![0; 1 << 16];
        let mut place = 0;
        let until = 100_000 + next(&mut random) % 2_000_000;
        while place < until {
            let bytes = read(&mut host, &mut into, Sleeper::IoThread);
            let phase = place % 251;
            assert!(
                into[..bytes] == pattern[phase..phase + bytes],
                "near byte {place}"
            );
            place += bytes;
        }
        worker.0.kill();
        let status = worker.wait_for_exit();
        assert!(status.signal.is_some(), "{status:?}");
        // As the owner does it: first it learns of the death, then it reads what is left.
        host.peer_gone();
        loop {
            let bytes = host.try_read(&mut into).expect("bytes or the end");
            if bytes == 0 {
                break;
            }
            let phase = place % 251;
            assert!(
                into[..bytes] == pattern[phase..phase + bytes],
                "after the death, near byte {place}"
            );
            place += bytes;
        }
    }
}
