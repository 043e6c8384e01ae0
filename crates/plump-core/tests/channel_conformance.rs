//! One suite over every kind of channel: what `plump_core::channel::Channel` promises.
//!
//! A kind joins by one line at the end of this file: its name and a function that makes a connected pair of `Side`s.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use plump_core::channel::in_process::InProcessChannel;
use plump_core::channel::pipe::PipeChannel;
use plump_core::channel::{Channel, Sleeper};
#[cfg(target_os = "linux")]
use plump_core::channel::{
    ring::{self, RingPair},
    ring_in_reactor::RingInReactor,
};
use plump_core::platform::{Reactor, pipe_from_child, pipe_to_child};

/// No test runs longer than this: one that hangs ends the whole run with its name.
const WATCHDOG: Duration = Duration::from_secs(60);
/// Long enough for a wake-up that should come, not a measure of speed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to believe that a wake-up which must not come does not come.
const SILENCE: Duration = Duration::from_millis(50);

const READ_KEY: usize = 1;
const WRITE_KEY: usize = 2;

/// One end of a channel with the reactor of its process.
struct Side {
    channel: Box<dyn Channel>,
    reactor: Arc<Reactor>,
}

impl Side {
    /// Sleeps in the reactor until something is reported for this channel or `limit` has passed.
    fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut events = Vec::new();
        self.reactor
            .wait(&mut events, Some(deadline))
            .expect("a reactor that waits");
        for event in &events {
            self.channel.fired(event.key == WRITE_KEY);
        }
        // A channel that wakes by `notify` alone reports no key; it comes back before the deadline.
        !events.is_empty() || Instant::now() < deadline
    }

    fn sleep(&mut self) -> bool {
        let slept = self.channel.sleep(Sleeper::IoThread) && self.wait(PATIENCE);
        self.channel.watch();
        slept
    }

    fn read_exactly(&mut self, mut into: &mut [u8]) {
        while !into.is_empty() {
            match self.channel.try_read(into) {
                Ok(0) => panic!("the channel ended with {} bytes to come", into.len()),
                Ok(read) => into = &mut into[read..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.sleep();
                }
                Err(error) => panic!("reading failed: {error}"),
            }
        }
    }

    fn write_all(&mut self, mut from: &[u8]) {
        while !from.is_empty() {
            match self.channel.try_write(from) {
                Ok(written) => from = &from[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(self.wait(PATIENCE), "no room was announced");
                }
                Err(error) => panic!("writing failed: {error}"),
            }
        }
    }

    /// Reads until something else than "nothing now" comes.
    fn read_something(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.channel.try_read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.sleep();
                }
                done => return done,
            }
        }
    }

    /// Writes until it would have to wait; how many bytes were taken.
    fn fill(&mut self) -> usize {
        let mut taken = 0;
        loop {
            match self.channel.try_write(&pattern(taken, 10_007)) {
                Ok(written) => {
                    assert!(
                        written > 0,
                        "a write takes something or says that it would block"
                    );
                    taken += written;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
                Err(error) => panic!("writing failed: {error}"),
            }
        }
    }
}

type Pair = fn() -> (Side, Side);

/// The bytes that belong at `offset` of the stream; no two offsets near each other look alike.
fn pattern(offset: usize, count: usize) -> Vec<u8> {
    (offset..offset + count).map(byte_at).collect()
}

fn byte_at(offset: usize) -> u8 {
    let mixed = (offset as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed.to_be_bytes()[0]
}

fn assert_pattern(offset: usize, bytes: &[u8]) {
    if let Some(at) = (0..bytes.len()).find(|at| bytes[*at] != byte_at(offset + at)) {
        panic!(
            "byte {} of the stream is not the one that was written",
            offset + at
        );
    }
}

/// Runs a test on a thread of its own and gives up on it, so that a hang has a name.
fn within_watchdog(test: fn(Pair), pair: Pair) {
    let (done, finished) = mpsc::channel();
    let runner = thread::spawn(move || {
        test(pair);
        let _ = done.send(());
    });
    let hangs = finished.recv_timeout(WATCHDOG) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!hangs, "still not done after {WATCHDOG:?}");
    if let Err(panic) = runner.join() {
        std::panic::resume_unwind(panic);
    }
}

fn nothing_is_there_at_first(pair: Pair) {
    let (mut host, mut worker) = pair();
    for side in [&mut host, &mut worker] {
        let read = side.channel.try_read(&mut [0; 16]);
        assert_eq!(
            read.map_err(|error| error.kind()),
            Err(ErrorKind::WouldBlock)
        );
    }
}

fn bytes_arrive_in_order_both_ways(pair: Pair) {
    let (mut host, mut worker) = pair();
    for round in 0..100 {
        let there = pattern(round * 1_000, 1_000);
        let back = pattern(round * 1_000 + 500, 300);
        host.write_all(&there);
        worker.write_all(&back);
        let mut got = vec![0; there.len()];
        worker.read_exactly(&mut got);
        assert_eq!(got, there);
        let mut got = vec![0; back.len()];
        host.read_exactly(&mut got);
        assert_eq!(got, back);
    }
}

fn the_two_directions_do_not_wait_for_each_other(pair: Pair) {
    let (mut host, mut worker) = pair();
    let to_worker = host.fill();
    let to_host = worker.fill();
    let mut got = vec![0; to_worker];
    worker.read_exactly(&mut got);
    assert_pattern(0, &got);
    let mut got = vec![0; to_host];
    host.read_exactly(&mut got);
    assert_pattern(0, &got);
}

fn a_full_channel_would_block_and_loses_nothing(pair: Pair) {
    let (mut host, mut worker) = pair();
    let filled = host.fill();
    assert!(filled > 0, "a channel holds something");
    let refused = host.channel.try_write(&vec![0; 64 * 1024]);
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock)
    );
    let mut got = vec![0; filled];
    worker.read_exactly(&mut got);
    assert_pattern(0, &got);
    host.write_all(&pattern(filled, 1_000));
    let mut got = vec![0; 1_000];
    worker.read_exactly(&mut got);
    assert_pattern(filled, &got);
}

fn a_write_larger_than_the_channel_is_taken_in_parts(pair: Pair) {
    let (mut host, mut worker) = pair();
    let all = pattern(0, 8 << 20);
    let first = host.channel.try_write(&all).expect("a first part");
    assert!(
        first > 0 && first < all.len(),
        "took {first} of {} bytes",
        all.len()
    );
    let mut got = vec![0; first];
    worker.read_exactly(&mut got);
    assert_pattern(0, &got);
}

fn room_is_announced_to_a_writer_that_found_none(pair: Pair) {
    let (mut host, mut worker) = pair();
    let filled = host.fill();
    // Windows tells nobody when a pipe has room: there a writer is told to try again.
    assert!(cfg!(windows) || !host.wait(SILENCE), "there is no room yet");
    let mut got = vec![0; filled];
    worker.read_exactly(&mut got);
    assert!(host.wait(PATIENCE), "room was not announced");
    host.write_all(&[1]);
}

fn a_sleeper_is_woken_by_bytes(pair: Pair) {
    let (mut host, mut worker) = pair();
    for round in 0..200 {
        assert!(
            worker.channel.sleep(Sleeper::IoThread),
            "nothing is there: sleep"
        );
        if round == 0 {
            assert!(!worker.wait(SILENCE), "woken although nothing came");
            worker.channel.watch();
            assert!(worker.channel.sleep(Sleeper::IoThread));
        }
        let writer = thread::spawn(move || {
            host.write_all(&pattern(round, 1));
            host
        });
        assert!(worker.wait(PATIENCE), "not woken in round {round}");
        worker.channel.watch();
        host = writer.join().expect("a writer");
        let mut got = [0];
        worker.read_exactly(&mut got);
        assert_pattern(round, &got);
    }
}

fn who_goes_to_sleep_over_bytes_is_not_left_asleep(pair: Pair) {
    let (mut host, mut worker) = pair();
    host.write_all(&[7]);
    if worker.channel.sleep(Sleeper::IoThread) {
        assert!(worker.wait(PATIENCE), "slept over a byte that was there");
    }
    worker.channel.watch();
    assert!(worker.channel.may_have_bytes());
    let mut got = [0];
    worker.read_exactly(&mut got);
    assert_eq!(got, [7]);
}

fn a_sleeper_is_woken_by_the_end(pair: Pair) {
    let (host, mut worker) = pair();
    assert!(worker.channel.sleep(Sleeper::IoThread));
    let closer = thread::spawn(move || drop(host));
    assert!(worker.wait(PATIENCE), "not woken by the end");
    worker.channel.watch();
    closer.join().expect("a closer");
    assert_eq!(worker.read_something(&mut [0; 16]).expect("the end"), 0);
}

fn single_bytes_can_be_read(pair: Pair) {
    let (mut host, mut worker) = pair();
    // Fits into the smallest channel, so that nobody needs to read meanwhile.
    host.write_all(&pattern(0, 4_000));
    for offset in 0..4_000 {
        let mut got = [0];
        worker.read_exactly(&mut got);
        assert_pattern(offset, &got);
    }
}

fn sixty_four_mebibytes_pass_between_two_threads(pair: Pair) {
    const TOTAL: usize = 64 << 20;
    let (mut host, mut worker) = pair();
    let writer = thread::spawn(move || {
        let mut sent = 0;
        let mut size = 1;
        while sent < TOTAL {
            let part = pattern(sent, size.min(TOTAL - sent));
            host.write_all(&part);
            sent += part.len();
            size = (size * 7 + 1) % 150_001;
        }
        host
    });
    let mut got = vec![0; 70_001];
    let mut received = 0;
    while received < TOTAL {
        let read = worker.read_something(&mut got).expect("bytes");
        assert!(read > 0, "ended after {received} bytes");
        assert_pattern(received, &got[..read]);
        received += read;
    }
    let host = writer.join().expect("a writer");
    let read = worker.channel.try_read(&mut got);
    assert_eq!(
        read.map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock),
        "more than was sent"
    );
    drop(host);
}

fn a_write_that_nobody_will_read_is_a_broken_pipe(pair: Pair) {
    let (mut host, worker) = pair();
    drop(worker);
    for _ in 0..2 {
        let written = host.channel.try_write(&[1; 100]);
        assert_eq!(
            written.map_err(|error| error.kind()),
            Err(ErrorKind::BrokenPipe)
        );
    }
}

fn a_writer_that_waits_for_room_learns_that_nobody_will_read(pair: Pair) {
    let (mut host, worker) = pair();
    host.fill();
    drop(worker);
    assert!(host.wait(PATIENCE), "the end was not announced");
    let written = host.channel.try_write(&[1; 100]);
    assert_eq!(
        written.map_err(|error| error.kind()),
        Err(ErrorKind::BrokenPipe)
    );
}

fn the_end_comes_after_the_bytes_before_it_and_stays(pair: Pair) {
    let (mut host, mut worker) = pair();
    let filled = host.fill();
    drop(host);
    let mut got = vec![0; filled];
    worker.read_exactly(&mut got);
    assert_pattern(0, &got);
    for _ in 0..3 {
        assert_eq!(worker.read_something(&mut got).expect("the end"), 0);
    }
}

/// The suite, as one module a kind.
macro_rules! conformance {
    ($kind:ident, $pair:expr) => {
        conformance!($kind, $pair, [
            nothing_is_there_at_first,
            bytes_arrive_in_order_both_ways,
            the_two_directions_do_not_wait_for_each_other,
            a_full_channel_would_block_and_loses_nothing,
            a_write_larger_than_the_channel_is_taken_in_parts,
            room_is_announced_to_a_writer_that_found_none,
            a_sleeper_is_woken_by_bytes,
            who_goes_to_sleep_over_bytes_is_not_left_asleep,
            a_sleeper_is_woken_by_the_end,
            single_bytes_can_be_read,
            sixty_four_mebibytes_pass_between_two_threads,
            a_write_that_nobody_will_read_is_a_broken_pipe,
            a_writer_that_waits_for_room_learns_that_nobody_will_read,
            the_end_comes_after_the_bytes_before_it_and_stays,
        ]);
    };
    ($kind:ident, $pair:expr, [$($test:ident),* $(,)?]) => {
        mod $kind {
            $(
                #[test]
                fn $test() {
                    super::within_watchdog(super::$test, $pair);
                }
            )*
        }
    };
}

fn reactor() -> Arc<Reactor> {
    Arc::new(Reactor::new().expect("a reactor"))
}

fn pipe() -> (Side, Side) {
    let (to_worker, worker_reads) = pipe_to_child().expect("a pipe");
    let (from_worker, worker_writes) = pipe_from_child().expect("a pipe");
    let worker_reads = worker_reads
        .into_reader()
        .expect("the worker's reading end");
    let worker_writes = worker_writes
        .into_writer()
        .expect("the worker's writing end");
    let [host, worker] =
        [(from_worker, to_worker), (worker_reads, worker_writes)].map(|(reader, writer)| {
            let reactor = reactor();
            let channel =
                PipeChannel::new(reader, writer, Arc::clone(&reactor), READ_KEY, WRITE_KEY);
            Side {
                channel: Box::new(channel.expect("a channel")),
                reactor,
            }
        });
    (host, worker)
}

fn in_process_of(capacity_bytes: usize) -> (Side, Side) {
    let reactors = [reactor(), reactor()];
    let [wake_host, wake_worker] = reactors.clone().map(|reactor| {
        let wake: Box<dyn Fn() + Send + Sync> = Box::new(move || reactor.notify());
        wake
    });
    let (host, worker) = InProcessChannel::pair(capacity_bytes, wake_host, wake_worker);
    let [of_host, of_worker] = reactors;
    (
        Side {
            channel: Box::new(host),
            reactor: of_host,
        },
        Side {
            channel: Box::new(worker),
            reactor: of_worker,
        },
    )
}

fn in_process() -> (Side, Side) {
    in_process_of(64 * 1024)
}

fn in_process_of_one_byte_more_than_a_page() -> (Side, Side) {
    in_process_of(4_097)
}

#[cfg(target_os = "linux")]
fn ring_of(capacity: u32) -> (Side, Side) {
    let pair = RingPair::create(capacity).expect("shared memory");
    let (host, worker) = pair.into_channels();
    let [host, worker] = [host, worker].map(|ring| {
        let reactor = reactor();
        let channel = RingInReactor::new(ring, Arc::clone(&reactor), READ_KEY);
        Side {
            channel: Box::new(channel.expect("a channel")),
            reactor,
        }
    });
    (host, worker)
}

#[cfg(target_os = "linux")]
fn ring() -> (Side, Side) {
    ring_of(ring::DEFAULT_CAPACITY)
}

#[cfg(target_os = "linux")]
fn ring_of_a_page() -> (Side, Side) {
    ring_of(4_096)
}

conformance!(over_pipe, super::pipe);
#[cfg(target_os = "linux")]
conformance!(over_ring, super::ring);
#[cfg(target_os = "linux")]
conformance!(over_tiny_ring, super::ring_of_a_page);
conformance!(over_in_process, super::in_process);
conformance!(
    over_tiny_in_process,
    super::in_process_of_one_byte_more_than_a_page
);

/// The suite itself is tested with channels that are wrong in one way each.
mod the_suite {
    use super::{
        Channel, ErrorKind, Pair, Side, Sleeper, bytes_arrive_in_order_both_ways, in_process, io,
        nothing_is_there_at_first, the_end_comes_after_the_bytes_before_it_and_stays,
        who_goes_to_sleep_over_bytes_is_not_left_asleep,
    };
    use plump_core::channel::ChannelKind;
    use std::panic::catch_unwind;

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        SwapsTwoBytes,
        EndsInsteadOfWaiting,
        ForgetsAtTheEnd,
        SaysThatNothingIsThere,
    }

    struct Faulty {
        channel: Box<dyn Channel>,
        fault: Fault,
    }

    impl Channel for Faulty {
        fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.channel.try_read(into) {
                Ok(read) if self.fault == Fault::SwapsTwoBytes && read > 1 => into.swap(0, 1),
                Err(error)
                    if self.fault == Fault::EndsInsteadOfWaiting
                        && error.kind() == ErrorKind::WouldBlock =>
                {
                    return Ok(0);
                }
                Ok(read) if self.fault == Fault::ForgetsAtTheEnd => return Ok(read.min(1_000) / 2),
                done => return done,
            }
            Ok(into.len())
        }

        fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
            self.channel.try_write(from)
        }

        fn may_have_bytes(&self) -> bool {
            self.fault != Fault::SaysThatNothingIsThere && self.channel.may_have_bytes()
        }

        fn sleep(&mut self, who: Sleeper) -> bool {
            self.channel.sleep(who)
        }

        fn watch(&mut self) {
            self.channel.watch();
        }

        fn peer_on_other_cpu(&self) -> bool {
            self.channel.peer_on_other_cpu()
        }

        fn kind(&self) -> ChannelKind {
            self.channel.kind()
        }
    }

    fn with(fault: Fault) -> (Side, Side) {
        let (host, worker) = in_process();
        let [host, worker] = [host, worker].map(|side| Side {
            channel: Box::new(Faulty {
                channel: side.channel,
                fault,
            }),
            reactor: side.reactor,
        });
        (host, worker)
    }

    fn assert_found(test: fn(Pair), faulty: Pair) {
        assert!(
            catch_unwind(|| test(in_process)).is_ok(),
            "the test is wrong itself"
        );
        assert!(
            catch_unwind(|| test(faulty)).is_err(),
            "the fault was not found"
        );
    }

    #[test]
    fn finds_bytes_out_of_order() {
        assert_found(bytes_arrive_in_order_both_ways, || {
            with(Fault::SwapsTwoBytes)
        });
    }

    #[test]
    fn finds_an_end_that_is_none() {
        assert_found(nothing_is_there_at_first, || {
            with(Fault::EndsInsteadOfWaiting)
        });
    }

    #[test]
    fn finds_bytes_lost_at_the_end() {
        assert_found(the_end_comes_after_the_bytes_before_it_and_stays, || {
            with(Fault::ForgetsAtTheEnd)
        });
    }

    #[test]
    fn finds_bytes_that_are_denied() {
        assert_found(who_goes_to_sleep_over_bytes_is_not_left_asleep, || {
            with(Fault::SaysThatNothingIsThere)
        });
    }
}
