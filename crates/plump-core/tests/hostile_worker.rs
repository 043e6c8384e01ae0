//! Workers that break every rule, against a host with honest workers beside them: the host lives, every call settles
//! with a code, nothing hangs, the calls of the others go on. Every worker is this program started again.
#![cfg(target_os = "linux")]

#[path = "environment/family.rs"]
#[expect(dead_code, reason = "`environment.rs` uses all of it")]
mod family;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use family::{Host, Outcome, PATIENCE, PLAYER, QUEUE, ROLE, Random, VERSION, is_running, until};
use plump_core::bus::Event;
use plump_core::channel::Channel;
use plump_core::channel::ring::{DEFAULT_CAPACITY, RingChannel, layout};
use plump_core::control::{Control, PROTOCOL};
use plump_core::errors::ErrorKind;
use plump_core::frame::{FLAG_MORE, FrameKind, HEADER_BYTES, Header};
use plump_core::limits::MAX_MAILBOX_BYTES;
use plump_core::link::VARIABLE;
use plump_core::rules::Rule;
use serde_json::json;

/// Which attack a worker makes, and the seed of what it does at random.
const ATTACK: &str = "PLUMP_TEST_ATTACK";
const SEED: &str = "PLUMP_TEST_SEED";
const CHANNEL: &str = "PLUMP_TEST_CHANNEL";
/// How many answers the host takes in while its ring is spoilt; the first seed of those who spoil it.
const HOSTILE_FRAMES: &str = "PLUMP_HOSTILE_FRAMES";
const HOSTILE_SEED: &str = "PLUMP_HOSTILE_SEED";
/// What the attacked pool allows.
const MAX_PAYLOAD: usize = 1_000_000;

over_every_channel!(
    breaches_over_the_control_pipe_end_the_worker_with_a_code,
    breaches_over_the_data_channel_end_the_worker_with_a_code,
    closed_channels_end_the_worker_with_a_code,
    what_is_odd_but_allowed_is_let_pass,
    mutated_answers_never_reach_further_than_their_call,
    a_flood_of_events_is_bounded_and_holds_up_nobody,
    a_worker_that_stops_reading_holds_up_nobody,
    the_exit_of_a_worker_that_is_traced_ends_its_calls,
    the_death_of_a_worker_in_the_middle_of_a_frame_is_its_death,
    last_words_of_any_bytes_are_passed_on_as_they_are,
    commands_of_one_worker_are_bounded_and_no_trap_for_the_next,
);

// --- the host's side --------------------------------------------------------------------------------------------------

/// What an attack leads to.
#[derive(Clone, Copy)]
enum Expected {
    /// The call fails so, and the host has ended the worker.
    Ended(ErrorKind),
    /// The call fails so, and the worker goes on.
    Failed(ErrorKind),
    /// The call is answered, then the host has ended the worker for what followed.
    AnsweredThenEnded,
    /// The call is answered, and the worker goes on.
    Answered,
}

use Expected::{Answered, AnsweredThenEnded, Ended, Failed};

/// A host with an honest worker.
struct Besieged {
    host: Host,
    honest: u32,
    honest_pid: String,
    calls: u32,
}

impl Besieged {
    fn new(channel: &str) -> Self {
        let mut host = Host::start();
        let honest = host.open(channel, "worker");
        let honest_pid = host.block(honest, "pid", b"").text();
        Self {
            host,
            honest,
            honest_pid,
            calls: 0,
        }
    }

    fn attacked_by(&self, channel: &str, attack: &str, seed: u64) -> u32 {
        let options = json!({
            "env": [[ATTACK, attack], [SEED, seed.to_string()]],
            "maxPayloadBytes": MAX_PAYLOAD,
        });
        self.host.open_with(channel, "attacker", options)
    }

    /// The honest worker is the one it was, and answers.
    fn is_well(&mut self) {
        let payload = self.calls.to_le_bytes();
        self.calls += 1;
        let ticket = self.host.call(self.honest, "echo", payload);
        assert_eq!(self.host.settle(ticket).result(), payload);
        let pid = self.host.block(self.honest, "pid", b"").text();
        assert_eq!(pid, self.honest_pid);
    }

    /// One attack on one call.
    fn withstands(&mut self, channel: &str, attack: &str, expected: Expected) {
        let pool = self.attacked_by(channel, attack, 1);
        let ticket = self.host.call(pool, "echo", b"to the attacker");
        let outcome = self.host.settle(ticket);
        match (expected, outcome) {
            (Ended(kind) | Failed(kind), Outcome::Failed(failed)) => {
                assert_eq!(failed.kind, kind, "{attack}: {:?}", failed.json);
                assert_eq!(failed.text("command"), "echo", "{attack}");
            }
            (Answered | AnsweredThenEnded, Outcome::Result(bytes)) => {
                assert_eq!(bytes, b"answer", "{attack}");
            }
            (_, outcome) => panic!("{attack}: {outcome:?}"),
        }
        if matches!(expected, Ended(_) | AnsweredThenEnded) {
            let exit = self.host.hear(pool, "exit");
            assert_eq!(exit["signal"], "SIGKILL", "{attack}");
        }
        self.is_well();
        self.host.core().close_pool(pool, 0);
        self.host.hear(pool, "closed");
    }
}

fn breaches_over_the_control_pipe_end_the_worker_with_a_code(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in [
        "random bytes over the control pipe",
        "no hello",
        "a control message of random bytes",
        "a control message with a tail",
        "a control message that claims 2^60 names",
        "a control message above its limit",
        "an empty command name",
        "a command name of 1,025 bytes",
        "a command name that is no UTF-8",
        "a million commands",
        "nothing announced without end",
        "no options of commands",
        "options of commands out of their range",
        "options of commands out of their order",
        "options of commands twice",
        "options of commands that are not announced",
        "options of commands and no commands",
        "options of commands that claim 2^60 entries",
        "a welcome",
        "a cancellation",
        "an expiry",
        "a recall",
        "calls given back that nobody asked for",
        "a shutdown",
        "a ping",
        "a result over the control pipe",
        "a call over the control pipe",
        "a count of begun calls over the control pipe",
        "an event that is none",
        "an event above the limit",
        "an event that never began",
        "an event that claims 2^63 bytes",
        "three events at the same time",
    ] {
        besieged.withstands(channel, attack, Ended(ErrorKind::Protocol));
    }
    for attack in ["a hello of another protocol", "a hello of another version"] {
        besieged.withstands(channel, attack, Ended(ErrorKind::VersionMismatch));
    }
}

fn breaches_over_the_data_channel_end_the_worker_with_a_code(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in [
        "random bytes as an answer",
        "an answer to a call it was not sent",
        "an answer to a call of another slot",
        "an answer to a call of another epoch",
        "an answer to a call of the honest worker",
        "more begun than it was sent",
        "fewer begun than before",
        "a call to the host",
        "an event over the data channel",
        "a control message over the data channel",
        "a refusal of no kind",
        "a refusal of a kind that is too large for one",
        "a result above the limit",
        "a long result above the limit",
        "a long result that claims 2^64 - 1 bytes",
        "a part of nothing",
        "a part beyond the total",
        "too many results under way",
        "two long results for one call",
        "a frame of 4 GiB",
    ] {
        besieged.withstands(channel, attack, Ended(ErrorKind::Protocol));
    }
    besieged.withstands(channel, "an answer twice", AnsweredThenEnded);
    besieged.withstands(channel, "an answer and its refusal", AnsweredThenEnded);
    besieged.withstands(channel, "an answer and rubbish", AnsweredThenEnded);
}

fn closed_channels_end_the_worker_with_a_code(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in [
        "closes the control pipe",
        "closes the data channel",
        "closes everything",
        "closes the data channel before it is ready",
        "closes the control pipe before it is ready",
        "closes everything before it says hello",
    ] {
        besieged.withstands(channel, attack, Ended(ErrorKind::WorkerLost));
    }
}

fn what_is_odd_but_allowed_is_let_pass(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in [
        "ready twice",
        "a pong that nobody asked for",
        "a goodbye and goes on",
        "the same command twice",
        "a report of all as begun",
        "an answer in many small parts",
        "rings without end",
    ] {
        besieged.withstands(channel, attack, Answered);
    }
    let refusal = Failed(ErrorKind::Codec);
    besieged.withstands(channel, "a refusal that is no UTF-8", refusal);
    if channel == "ring" {
        besieged.withstands(channel, "cuts the shared memory", Answered);
    }
}

/// Answers with some bytes changed, and shared memory scribbled over. Whatever comes of it, the call settles, for at the
/// latest the worker's own end settles it.
fn mutated_answers_never_reach_further_than_their_call(channel: &str) {
    let mut besieged = Besieged::new(channel);
    let mut attacks = vec!["a mutated answer"; 40];
    if channel == "ring" {
        attacks.extend(["scribbles over shared memory"; 12]);
    }
    let (mut results, mut failures) = (0, 0);
    for (attacks, seed) in attacks.chunks(4).zip((0..).step_by(4)) {
        let calls: Vec<_> = attacks
            .iter()
            .zip(seed..)
            .map(|(attack, seed)| {
                let pool = besieged.attacked_by(channel, attack, seed);
                let tickets = [(); 3].map(|()| besieged.host.call(pool, "echo", b"x"));
                (pool, tickets)
            })
            .collect();
        besieged.is_well();
        for (pool, tickets) in calls {
            // The next attempts of those behind it are those of a fresh attacker.
            match besieged.host.settle(tickets[0]) {
                Outcome::Result(_) | Outcome::Thrown(_) => results += 1,
                Outcome::Failed(_) => failures += 1,
            }
            besieged.host.core().close_pool(pool, 0);
            for ticket in &tickets[1..] {
                besieged.host.settle(*ticket);
            }
            besieged.host.hear(pool, "closed");
        }
    }
    assert!(
        failures >= 10 && results + failures >= 40,
        "{results} results, {failures} failures"
    );
    assert_eq!(besieged.host.in_flight(), 0);
    besieged.is_well();
}

fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().expect("a number"))
}

/// Takes in as many frames as `PLUMP_HOSTILE_FRAMES` says, a million in `ci/hostile.sh`, out of a ring whose bytes, lengths
/// and words its owner rewrites all the time through the descriptors that it inherited, and which it tries to cut.
#[test]
fn frames_out_of_a_ring_that_is_spoilt_meanwhile_never_reach_further_than_their_calls() {
    let frames = number_from(HOSTILE_FRAMES, 20_000);
    let seed = number_from(HOSTILE_SEED, 1);
    // Ten thousand a second is far less than the slowest build takes in.
    let limit = 4 * PATIENCE + Duration::from_micros(100 * frames);
    let name = "frames out of a ring that is spoilt meanwhile";
    family::within_watchdog_of(limit, name, || take_in_spoilt_frames(frames, seed));
}

fn take_in_spoilt_frames(frames: u64, seed: u64) {
    const IN_FLIGHT: usize = 64;
    let mut besieged = Besieged::new("ring");
    let (mut whole, mut spoilt, mut lives) = (0, 0, 0);
    let (mut breaches, mut deaths) = (0, 0);
    while whole + spoilt < frames {
        let pool = besieged.host.open_with(
            "ring",
            "attacker",
            json!({
                "env": [[ATTACK, "spoils its ring"], [SEED, (seed + lives).to_string()]],
                "maxPayloadBytes": MAX_PAYLOAD,
                // Words by which nobody is woken any more are found out by a heartbeat.
                "heartbeatMs": 20,
            }),
        );
        lives += 1;
        let mut calls: VecDeque<_> = (0..IN_FLIGHT)
            .map(|_| besieged.host.call(pool, "echo", b"x"))
            .collect();
        let mut lives_on = true;
        while let Some(call) = calls.pop_front() {
            match besieged.host.settle(call) {
                Outcome::Result(bytes) if bytes == SPOILT_ANSWER => whole += 1,
                Outcome::Result(_) | Outcome::Thrown(_) => spoilt += 1,
                Outcome::Failed(failed) => {
                    match failed.kind {
                        ErrorKind::Protocol => breaches += 1,
                        // What waited in the queue when the pool was closed.
                        ErrorKind::Closed => {}
                        // It has noticed itself that nothing goes on, or its refusal has become one of another kind.
                        _ => deaths += 1,
                    }
                    if std::mem::replace(&mut lives_on, false) {
                        besieged.host.core().close_pool(pool, 0);
                    }
                }
            }
            if lives_on && whole + spoilt < frames {
                calls.push_back(besieged.host.call(pool, "echo", b"x"));
            }
        }
        if lives_on {
            besieged.host.core().close_pool(pool, 0);
        }
        besieged.host.hear(pool, "closed");
        besieged.is_well();
    }
    assert_eq!(besieged.host.in_flight(), 0);
    println!(
        "seed {seed}: {whole} answers as they were sent, {spoilt} with other bytes; {lives} workers: {breaches} calls ended by a breach, \
         {deaths} by a death"
    );
    // Otherwise nothing was spoilt, or nothing but the first frames was taken in.
    assert!(spoilt > 0 && breaches > 0, "nothing was tested");
    assert!(frames < 100 * IN_FLIGHT as u64 || lives > 1);
}

fn resident_bytes() -> u64 {
    plump_core::platform::resident_bytes(std::process::id()).expect("the memory of this process")
}

fn a_flood_of_events_is_bounded_and_holds_up_nobody(channel: &str) {
    // In a process of its own, whose memory no other test uses. Of what was freed AddressSanitizer would keep 256 MiB.
    let sanitizer = std::env::var("ASAN_OPTIONS").unwrap_or_default() + ":quarantine_size_mb=1";
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args([PLAYER, "--exact", "--nocapture"])
        .env(ROLE, "is_flooded")
        .env(CHANNEL, channel)
        .env("ASAN_OPTIONS", sanitizer)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("a child").success());
}

fn be_flooded(channel: &str) {
    let mut besieged = Besieged::new(channel);
    // A subscriber that never takes anything.
    let queue = besieged.host.core().open_queue(QUEUE, 1000);
    let before = resident_bytes();
    let pool = besieged.attacked_by(channel, "a flood of events", 1);
    let ticket = besieged.host.call(pool, "echo", b"");
    let mut well = 0;
    while !besieged.host.has_settled(ticket) {
        besieged.is_well();
        well += 1;
    }
    assert_eq!(besieged.host.settle(ticket).result(), b"answer");
    assert!(well >= 3, "{well} calls of the honest worker");
    besieged.host.run_until("the whole flood", |host| {
        let counts = host.core().queue_counts(queue).expect("a queue");
        (counts.received == FLOOD && counts.dropped == FLOOD - 1000).then_some(())
    });
    let grown = resident_bytes().saturating_sub(before);
    // What waits is one mailbox full for the honest worker and one small queue; what the allocator keeps for its threads
    // comes on top.
    let most = 4 * MAX_MAILBOX_BYTES as u64;
    assert!(
        FLOOD * 1024 > 2 * most && grown < most,
        "{grown} bytes more than before"
    );
}

fn a_worker_that_stops_reading_holds_up_nobody(channel: &str) {
    let mut besieged = Besieged::new(channel);
    let pool = besieged.attacked_by(channel, "stops reading", 1);
    besieged.host.hear(pool, "ready");
    let megabyte = vec![0; MAX_PAYLOAD];
    let host = &mut besieged.host;
    let mut calls = Vec::new();
    for _ in 0..40 {
        calls.push(host.try_call(pool, "echo", 300, &megabyte).expect("a call"));
    }
    let queue = host.core().open_queue(QUEUE, 10);
    for _ in 0..200 {
        host.core().publish(queue, &[&megabyte]).expect("published");
    }
    for ticket in calls {
        let failed = besieged.host.settle(ticket).failure();
        assert_eq!(failed.kind, ErrorKind::CallTimeout);
        besieged.is_well();
    }
    // And one that nothing limits: its link thread does not answer.
    let quick = json!({
        "env": [[ATTACK, "stops reading"], [SEED, "1"]],
        "graceMs": 5000, "teardownMs": 5000, "minWorkers": 100_000, "idleMs": 1000, "growMs": 20, "spare": 0, "whenFull": "reject", "agingMs": 1000, "maxRestarts": 1000, "restartWindowMs": 60000, "backoffMs": 1, "maxBackoffMs": 1, "halfOpenMs": 1000, "maxCalls": 0, "maxAgeMs": 0, "maxRssBytes": 0,
        "heartbeatMs": 50,
        "heartbeatTimeoutMs": 300,
    });
    let other = besieged.host.open_with(channel, "attacker", quick);
    let failed = besieged.host.block(other, "echo", &megabyte).failure();
    assert_eq!(failed.kind, ErrorKind::WorkerUnresponsive);
    besieged.is_well();
    for pool in [pool, other] {
        besieged.host.close(pool, 0);
    }
}

/// The system gives the exit status of a process to who traces it first, a debugger for example, and only then to its parent.
fn the_exit_of_a_worker_that_is_traced_ends_its_calls(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in ["is traced for a moment", "is traced for long"] {
        let pool = besieged.attacked_by(channel, attack, 1);
        let failed = besieged.host.block(pool, "echo", b"x").failure();
        if attack == "is traced for long" {
            assert_eq!(failed.kind, ErrorKind::WorkerLost, "{:?}", failed.json);
        } else {
            assert_eq!(failed.kind, ErrorKind::WorkerExited, "{:?}", failed.json);
        }
        besieged.is_well();
        besieged.host.close(pool, 0);
    }
}

fn the_death_of_a_worker_in_the_middle_of_a_frame_is_its_death(channel: &str) {
    let mut besieged = Besieged::new(channel);
    for attack in [
        "dies in the middle of a header",
        "dies in the middle of a body",
        "dies in the middle of a long result",
    ] {
        let pool = besieged.attacked_by(channel, attack, 1);
        let failed = besieged.host.block(pool, "echo", b"").failure();
        assert_eq!(failed.kind, ErrorKind::WorkerExited, "{attack}");
        assert_eq!(failed.json["exitCode"], 5, "{attack}");
        besieged.is_well();
        besieged.host.close(pool, 0);
    }
}

fn last_words_of_any_bytes_are_passed_on_as_they_are(channel: &str) {
    let mut besieged = Besieged::new(channel);
    let pool = besieged.attacked_by(channel, "last words of random bytes", 3);
    let failed = besieged.host.block(pool, "echo", b"").failure();
    assert_eq!(failed.kind, ErrorKind::WorkerExited);
    assert!(failed.cause == Random(3).bytes(1 << 20));
    besieged.is_well();
}

fn commands_of_one_worker_are_bounded_and_no_trap_for_the_next(channel: &str) {
    let mut besieged = Besieged::new(channel);
    // As many as allowed: the host goes on, and its numbers fit those of the worker.
    let pool = besieged.attacked_by(channel, "as many commands as allowed", 1);
    let ticket = besieged.host.call(pool, "echo", b"");
    assert_eq!(besieged.host.settle(ticket).result(), b"answer");
    besieged.is_well();
    besieged.host.close(pool, 0);
}

#[test]
fn attackers_end_with_their_host() {
    family::within_watchdog("attackers_end_with_their_host", || {
        let mut pids = Vec::new();
        {
            let mut besieged = Besieged::new("auto");
            for attack in ["stops reading", "closes everything", "a flood of events"] {
                let pool = besieged.attacked_by("auto", attack, 1);
                let ready = besieged.host.hear(pool, "ready");
                pids.push(u32::try_from(ready["pid"].as_u64().unwrap()).unwrap());
            }
        }
        for pid in pids {
            until("the end of the attacker", || !is_running(pid));
        }
    });
}

// --- the attacker -----------------------------------------------------------------------------------------------------

/// Events of a flood.
const FLOOD: u64 = 600_000;

/// What those answer who spoil their ring.
const SPOILT_ANSWER: &[u8] = &[0x5a; 40];

/// Answers between two things that such a one does, and how many things it does before it ends by itself.
const ANSWERS_BETWEEN: usize = 64;
const DEEDS: usize = 400;

enum Data {
    Pipes {
        from: Option<File>,
        to: Option<File>,
    },
    Ring(Option<RingChannel>),
}

/// A worker's end of a link, without any manners.
struct Raw {
    control_in: Option<File>,
    control_out: Option<File>,
    data: Data,
    /// Descriptors of the ring: memory, the host's bell, the bell of its callers.
    shared: Vec<File>,
    random: Random,
}

fn file(number: &str) -> File {
    let number = number.parse().expect("a descriptor");
    // SAFETY: the host has handed this descriptor down for this process alone.
    unsafe { File::from_raw_fd(number) }
}

fn copy_of(number: &str) -> File {
    let number: i32 = number.parse().expect("a descriptor");
    // SAFETY: F_DUPFD_CLOEXEC takes no pointer.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    assert!(copy >= 0);
    // SAFETY: fcntl has just made this descriptor.
    unsafe { File::from_raw_fd(copy) }
}

fn control(message: &Control) -> Vec<u8> {
    frame(FrameKind::Control, 0, 0, &message.encode())
}

fn frame(kind: FrameKind, call: u64, a: u32, body: &[u8]) -> Vec<u8> {
    let header = Header {
        size: u32::try_from(body.len()).expect("a body that fits its header"),
        ..Header::new(kind, call, a, 0)
    };
    [&header.encode(), body].concat()
}

/// The frames of a payload of any length.
fn long(kind: FrameKind, call: u64, payload: &[u8], part_bytes: usize) -> Vec<u8> {
    let (first, rest) = payload.split_at(part_bytes.min(payload.len()));
    let mut bytes = beginning(kind, call, payload.len() as u64, first);
    for part in rest.chunks(part_bytes) {
        bytes.extend(frame(FrameKind::Chunk, call, 0, part));
    }
    bytes
}

fn beginning(kind: FrameKind, call: u64, total: u64, part: &[u8]) -> Vec<u8> {
    let body = [&total.to_le_bytes(), part].concat();
    let mut bytes = frame(kind, call, 0, &body);
    bytes[5] = FLAG_MORE;
    bytes
}

impl Raw {
    fn open() -> Self {
        let value = std::env::var(VARIABLE).expect("the variable of the link");
        let seed = std::env::var(SEED).expect("a seed");
        let words: Vec<&str> = value.split(' ').collect();
        let parent = words[1].parse().expect("a process id");
        if !plump_core::platform::adopt_parent(parent) {
            std::process::exit(0);
        }
        let (data, shared) = match (words[2], &words[5..]) {
            ("pipe", [from, to]) => {
                let (from, to) = (Some(file(from)), Some(file(to)));
                (Data::Pipes { from, to }, Vec::new())
            }
            // The blocks are left alone: what can be said about them is in `tests/blocks.rs`.
            ("ring", [memory, io, js, own_io, own_js, ..]) => {
                let shared = vec![copy_of(memory), copy_of(io), copy_of(js)];
                let numbers = [memory, io, js, own_io, own_js];
                let numbers: Vec<u64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
                let ring = RingChannel::open_inherited(numbers.try_into().unwrap());
                (Data::Ring(Some(ring.expect("a ring"))), shared)
            }
            other => panic!("no such link: {other:?}"),
        };
        Self {
            control_in: Some(file(words[3])),
            control_out: Some(file(words[4])),
            data,
            shared,
            random: Random(seed.parse().expect("a number")),
        }
    }

    /// Writes to the control pipe. The host may have had enough in the middle of it.
    fn control(&mut self, bytes: &[u8]) {
        if let Some(pipe) = &mut self.control_out {
            let _ = pipe.write_all(bytes);
        }
    }

    fn say(&mut self, message: &Control) {
        self.control(&control(message));
    }

    fn data(&mut self, mut bytes: &[u8]) {
        match &mut self.data {
            Data::Pipes { to, .. } => {
                if let Some(pipe) = to {
                    let _ = pipe.write_all(bytes);
                }
            }
            Data::Ring(ring) => {
                let Some(ring) = ring else { return };
                while !bytes.is_empty() {
                    match ring.try_write(bytes) {
                        Ok(written) => bytes = &bytes[written..],
                        Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                            thread::sleep(Duration::from_millis(1));
                        }
                        Err(_) => return,
                    }
                }
            }
        }
    }

    fn read_data(&mut self, into: &mut [u8]) {
        match &mut self.data {
            Data::Pipes { from, .. } => {
                let pipe = from.as_mut().expect("a pipe");
                pipe.read_exact(into).expect("a frame");
            }
            Data::Ring(ring) => {
                let ring = ring.as_mut().expect("a ring");
                let mut read = 0;
                while read < into.len() {
                    match ring.try_read(&mut into[read..]) {
                        Ok(0) => std::process::exit(0),
                        Ok(more) => read += more,
                        Err(_) => thread::sleep(Duration::from_millis(1)),
                    }
                }
            }
        }
    }

    fn hello(&mut self) {
        self.say(&Control::Hello {
            protocol: PROTOCOL,
            version: VERSION.into(),
            pid: std::process::id(),
        });
    }

    /// Begins as an honest worker does; the id of the first call.
    fn first_call(&mut self) -> u64 {
        self.hello();
        self.say(&Control::Commands(vec!["echo".into()]));
        self.say(&Control::Ready);
        self.next_call()
    }

    fn next_call(&mut self) -> u64 {
        let mut header = [0; HEADER_BYTES];
        self.read_data(&mut header);
        let header = Header::decode(&header).expect("a header");
        assert_eq!(header.kind, FrameKind::Call);
        self.read_data(&mut vec![0; header.size as usize]);
        header.call
    }

    fn answer(&mut self, call: u64) {
        self.data(&frame(FrameKind::Result, call, 7, b"answer"));
    }

    fn close_data(&mut self) {
        match &mut self.data {
            Data::Pipes { from, to } => (*from, *to) = (None, None),
            Data::Ring(ring) => {
                if let Some(mut ring) = ring.take() {
                    ring.close();
                }
                self.shared.clear();
            }
        }
    }

    fn close_control(&mut self) {
        (self.control_in, self.control_out) = (None, None);
    }

    /// Attacks before or without a first call; `false`: it is none of these.
    #[expect(clippy::too_many_lines, reason = "a table of attacks")]
    fn attack_over_control(&mut self, attack: &str) -> bool {
        match attack {
            "random bytes over the control pipe" => {
                let mut bytes = self.random.bytes(100_000);
                bytes[4] = 99;
                self.control(&bytes);
                return true;
            }
            "no hello" => {
                self.say(&Control::Ready);
                return true;
            }
            "a hello of another protocol" => {
                self.say(&Control::Hello {
                    protocol: PROTOCOL + 1,
                    version: VERSION.into(),
                    pid: 1,
                });
                return true;
            }
            "a hello of another version" => {
                self.say(&Control::Hello {
                    protocol: PROTOCOL,
                    version: "9".repeat(1000),
                    pid: u32::MAX,
                });
                return true;
            }
            "closes everything before it says hello" => {
                self.close_data();
                self.close_control();
                return true;
            }
            _ => {}
        }
        let message = |message: &Control| control(message);
        let raw = |body: &[u8]| frame(FrameKind::Control, 0, 0, body);
        let event = |call: u64, body: &[u8]| frame(FrameKind::Event, call, 0, body);
        let names = |name: &str| control(&Control::Commands(vec!["echo".into(), name.into()]));
        let rules = |places: &[u32]| {
            let rule = |place: &u32| (*place, Rule::default());
            control(&Control::Rules(places.iter().map(rule).collect()))
        };
        let bytes = match attack {
            "a control message of random bytes" => raw(&[0xfe; 300]),
            "a control message with a tail" => raw(&[Control::Ready.encode(), vec![0]].concat()),
            "a control message that claims 2^60 names" => {
                raw(&[2, 253, 0, 0, 0, 0, 0, 0, 0, 16, 1, b'x'])
            }
            "a control message above its limit" => {
                beginning(FrameKind::Control, 0, 4 * 1024 * 1024 + 1, b"12345678")
            }
            "an empty command name" => names(""),
            "a command name of 1,025 bytes" => names(&"x".repeat(1025)),
            "a command name that is no UTF-8" => raw(&[2, 1, 2, 0xff, 0xfe]),
            "a million commands" => {
                let many: Vec<String> = (0..1000).map(|number| format!("c{number}")).collect();
                control(&Control::Commands(many)).repeat(1000)
            }
            "nothing announced without end" => {
                control(&Control::Commands(Vec::new())).repeat(1_000_000)
            }
            "no options of commands" => message(&Control::Rules(Vec::new())),
            "options of commands out of their range" => {
                let rule = Rule {
                    concurrency: Some(0),
                    ..Rule::default()
                };
                message(&Control::Rules(vec![(0, rule)]))
            }
            "options of commands out of their order" => rules(&[1, 0]),
            "options of commands twice" => [rules(&[0]), rules(&[0])].concat(),
            "options of commands that are not announced" => [rules(&[2]), names("add")].concat(),
            "options of commands and no commands" => {
                [rules(&[0]), control(&Control::Ready)].concat()
            }
            "options of commands that claim 2^60 entries" => {
                raw(&[16, 253, 0, 0, 0, 0, 0, 0, 0, 16, 1, 0])
            }
            "a welcome" => message(&Control::Welcome {
                protocol: PROTOCOL,
                version: VERSION.into(),
                max_payload_bytes: 1,
                spin_us: 0,
                max_block_bytes: 0,
                block_idle_ms: 0,
                settings: String::new(),
            }),
            "a cancellation" => message(&Control::Cancel(1 << 32)),
            "an expiry" => message(&Control::Expire(1 << 32)),
            "a recall" => message(&Control::Recall),
            "calls given back that nobody asked for" => message(&Control::Recalled(vec![1 << 32])),
            "an end that nobody asked for" => message(&Control::Finished),
            "a shutdown" => message(&Control::Shutdown),
            "a ping" => message(&Control::Ping(1)),
            "a result over the control pipe" => frame(FrameKind::Result, 1 << 32, 0, b""),
            "a call over the control pipe" => frame(FrameKind::Call, 1 << 32, 0, b""),
            "a count of begun calls over the control pipe" => frame(FrameKind::Started, 0, 0, b""),
            "an event that is none" => event(1, &[9, 0, b'x']),
            "an event above the limit" => beginning(FrameKind::Event, 1, 1 << 30, b"12345678"),
            "an event that never began" => frame(FrameKind::Chunk, 1, 0, b"part"),
            "an event that claims 2^63 bytes" => beginning(FrameKind::Event, 1, 1 << 63, b"12"),
            "three events at the same time" => (1..=3)
                .flat_map(|call| beginning(FrameKind::Event, call, 100, b"12"))
                .collect(),
            _ => return false,
        };
        self.hello();
        self.control(&bytes);
        true
    }

    /// Attacks around a first call.
    fn attack(&mut self, attack: &str) {
        if self.attack_over_control(attack) {
            return;
        }
        match attack {
            "closes the data channel before it is ready" => {
                self.close_data();
                self.hello();
                self.say(&Control::Commands(vec!["echo".into()]));
                self.say(&Control::Ready);
                return;
            }
            "closes the control pipe before it is ready" => {
                self.hello();
                self.close_control();
                return;
            }
            "stops reading" => {
                self.hello();
                self.say(&Control::Commands(vec!["echo".into()]));
                self.say(&Control::Ready);
                return;
            }
            "as many commands as allowed" => {
                self.hello();
                let names: Vec<String> = (0..65_535).map(|number| format!("c{number}")).collect();
                for names in names.chunks(512) {
                    self.say(&Control::Commands(names.to_vec()));
                }
            }
            "the same command twice" => {
                self.hello();
                self.say(&Control::Commands(vec!["echo".into(), "echo".into()]));
            }
            _ => {}
        }
        let call = self.first_call();
        self.attack_with(attack, call);
    }

    #[expect(clippy::too_many_lines, reason = "a table of attacks")]
    fn attack_with(&mut self, attack: &str, call: u64) {
        use FrameKind::{Chunk, Refused, Result, Started, Thrown};
        let result = |call: u64| frame(Result, call, 0, b"answer");
        let bytes = match attack {
            "random bytes as an answer" => {
                let mut bytes = self.random.bytes(100_000);
                bytes[4] = 200;
                bytes
            }
            "an answer to a call it was not sent" => result(u64::MAX),
            "an answer to a call of another slot" => result(call + 1),
            "an answer to a call of another epoch" => result(call + (1 << 32)),
            // The honest worker's first call was in the first slot.
            "an answer to a call of the honest worker" => result(1 << 32),
            "more begun than it was sent" => frame(Started, 1000, 0, b""),
            "fewer begun than before" => {
                [frame(Started, 1, 0, b""), frame(Started, 0, 0, b"")].concat()
            }
            "a call to the host" => frame(FrameKind::Call, call, 0, b""),
            "an event over the data channel" => {
                let event = Event::new(QUEUE, "", &[b"x"]).expect("an event");
                frame(FrameKind::Event, 1, 0, event.body())
            }
            "a control message over the data channel" => control(&Control::Goodbye),
            "a refusal of no kind" => frame(Refused, call, 9999, b""),
            "a refusal of a kind that is too large for one" => frame(Refused, call, 65_537, b""),
            "a result above the limit" => beginning(Result, call, MAX_PAYLOAD as u64 + 1, b"12"),
            "a long result above the limit" => {
                long(Thrown, call, &vec![0; 2 * MAX_PAYLOAD], 60_000)
            }
            "a long result that claims 2^64 - 1 bytes" => beginning(Result, call, u64::MAX, b"12"),
            "a part of nothing" => frame(Chunk, call, 0, b"part"),
            "a part beyond the total" => [
                beginning(Result, call, 5, b"12"),
                frame(Chunk, call, 0, b"3456"),
            ]
            .concat(),
            "too many results under way" => (0..5000)
                .flat_map(|call| beginning(Result, call, 100, b"12"))
                .collect(),
            "two long results for one call" => [
                beginning(Result, call, 100, b"12"),
                beginning(Result, call + 1, 100, b"12"),
            ]
            .concat(),
            "a frame of 4 GiB" => {
                let mut bytes = result(call);
                bytes[..4].fill(0xff);
                bytes
            }
            "an answer twice" => result(call).repeat(2),
            "an answer and its refusal" => [result(call), frame(Refused, call, 17, b"")].concat(),
            "an answer and rubbish" => [result(call), vec![0xee; 50]].concat(),
            "an answer in many small parts" => long(Result, call, b"answer", 1),
            "a refusal that is no UTF-8" => frame(Refused, call, 28, &[0xff, 0xfe, b'x']),
            "a report of all as begun" => [
                frame(Started, 1, 0, b""),
                frame(Started, 1, 0, b""),
                result(call),
            ]
            .concat(),
            "dies in the middle of a header" => {
                self.data(&result(call)[..10]);
                std::process::exit(5);
            }
            "dies in the middle of a body" => {
                self.data(&result(call)[..HEADER_BYTES + 2]);
                std::process::exit(5);
            }
            "dies in the middle of a long result" => {
                self.data(&long(Result, call, &vec![0; 100_000], 1000)[..50_000]);
                std::process::exit(5);
            }
            "last words of random bytes" => {
                let words = Control::LastWords(self.random.bytes(1 << 20)).encode();
                self.control(&long(FrameKind::Control, 0, &words, 60_000));
                std::process::exit(5);
            }
            "is traced for a moment" => traced_for(Duration::from_millis(300)),
            "is traced for long" => traced_for(PATIENCE / 2),
            "closes the control pipe" => return self.close_control(),
            "closes the data channel" => return self.close_data(),
            "closes everything" => {
                self.close_data();
                return self.close_control();
            }
            "a mutated answer" => return self.mutate(call),
            "scribbles over shared memory" => return self.scribble(),
            "spoils its ring" => return self.spoil_ring(call),
            "a flood of events" => return self.flood(call),
            "ready twice" => {
                self.say(&Control::Ready);
                result(call)
            }
            "a pong that nobody asked for" => {
                self.say(&Control::Pong(77));
                result(call)
            }
            "a goodbye and goes on" => {
                self.say(&Control::Goodbye);
                result(call)
            }
            "cuts the shared memory" => {
                assert!(self.shared[0].set_len(0).is_err(), "sealed");
                assert!(self.shared[0].set_len(1 << 30).is_err(), "sealed");
                result(call)
            }
            "rings without end" => {
                for _ in 0..50_000 {
                    for bell in self.shared.iter().skip(1) {
                        let _ = (&*bell).write_all(&1_u64.to_le_bytes());
                    }
                }
                result(call)
            }
            "the same command twice" | "as many commands as allowed" => result(call),
            other => panic!("no attack '{other}'"),
        };
        self.data(&bytes);
    }

    /// Answers with a few bytes changed, and ends: what the host was led to wait for never comes.
    fn mutate(&mut self, call: u64) {
        let mut bytes = [
            frame(FrameKind::Started, 1, 0, b""),
            long(FrameKind::Result, call, &[1; 5000], 1000),
        ]
        .concat();
        for _ in 0..=self.random.below(3) {
            let at = self.random.below(bytes.len());
            // Mostly in the headers: a changed payload is still a payload.
            let at = if self.random.below(4) > 0 {
                at % 90
            } else {
                at
            };
            match self.random.below(3) {
                0 => bytes[at] ^= 1 << self.random.below(8),
                1 => bytes[at] = self.random.next().to_le_bytes()[0],
                _ => {
                    bytes.remove(at);
                }
            }
        }
        self.data(&bytes);
        thread::sleep(Duration::from_millis(5));
        std::process::exit(6);
    }

    /// Writes over the ring's memory while the host uses it, its header most of all, and ends.
    fn scribble(&mut self) {
        let length = self.shared[0].metadata().expect("its length").len();
        let length = usize::try_from(length).unwrap();
        for _ in 0..20_000 {
            let count = 1 + self.random.below(16);
            let bytes = self.random.bytes(count);
            let at = match self.random.below(3) {
                0 => self.random.below(length - 16),
                _ => self.random.below(4096.min(length - 16)),
            };
            let _ = self.shared[0].write_all_at(&bytes, at as u64);
            if self.random.below(50) == 0 {
                let _ = (&self.shared[1]).write_all(&1_u64.to_le_bytes());
                let _ = (&self.shared[2]).write_all(&1_u64.to_le_bytes());
            }
        }
        std::process::exit(6);
    }

    /// Answers calls while it spoils the ring in which the answers lie, here and in a second thread, and ends when that has
    /// brought everything to a stop.
    fn spoil_ring(&mut self, first: u64) {
        let memory = self.shared[0].try_clone().expect("a descriptor");
        let mut random = Random(self.random.next());
        thread::spawn(move || {
            let to_host = (layout::HEADER_BYTES + DEFAULT_CAPACITY as usize) as u64;
            loop {
                // Anywhere in the ring: sometimes it is a frame that the host takes out just now.
                for _ in 0..8 {
                    let at = random.below(DEFAULT_CAPACITY as usize - 8) as u64;
                    let count = 1 + random.below(8);
                    let _ = memory.write_all_at(&random.bytes(count), to_host + at);
                }
                thread::sleep(Duration::from_micros(random.next() % 1000));
            }
        });
        let mut call = Some(first);
        // Bytes that this side has written: where the next frame will lie.
        let mut written = 0;
        for _ in 0..DEEDS {
            for _ in 0..=self.random.below(2 * ANSWERS_BETWEEN) {
                let Some(answered) = call else {
                    std::process::exit(6)
                };
                let answer = frame(FrameKind::Result, answered, 7, SPOILT_ANSWER);
                self.data(&answer);
                written += answer.len();
                call = self.call_if_any();
            }
            self.spoil(written);
        }
        std::process::exit(6);
    }

    /// One deed, mostly one that the host can't notice.
    fn spoil(&mut self, written: usize) {
        const FRAME: usize = HEADER_BYTES + SPOILT_ANSWER.len();
        let memory = &self.shared[0];
        let to_host = layout::HEADER_BYTES + DEFAULT_CAPACITY as usize;
        let last = (written - FRAME) % DEFAULT_CAPACITY as usize;
        match self.random.below(64) {
            // The bytes of the last answer, while it may be read.
            0..40 => {
                let at = HEADER_BYTES + self.random.below(SPOILT_ANSWER.len());
                let at = (last + at) % DEFAULT_CAPACITY as usize;
                let _ = memory.write_all_at(&self.random.bytes(1), (to_host + at) as u64);
            }
            // Its length, or something else of its header.
            40..44 => {
                let at = (last + self.random.below(HEADER_BYTES)) % DEFAULT_CAPACITY as usize;
                let _ = memory.write_all_at(&self.random.bytes(1), (to_host + at) as u64);
            }
            // How much was written and read, in both directions, and who sleeps.
            44 => {
                let words = [
                    layout::TO_HOST_PUBLISHED,
                    layout::TO_HOST_CONSUMED,
                    layout::TO_WORKER_PUBLISHED,
                    layout::TO_WORKER_CONSUMED,
                ];
                let at = words[self.random.below(words.len())] + self.random.below(5);
                let _ = memory.write_all_at(&self.random.bytes(1), at as u64);
            }
            // What only serves as a hint.
            45..52 => {
                let words = [
                    layout::HOST_CPU,
                    layout::WORKER_CPU,
                    layout::BEGUN,
                    layout::WORKER_RANG,
                ];
                let at = words[self.random.below(words.len())];
                let _ = memory.write_all_at(&self.random.bytes(8), at as u64);
            }
            52..58 => {
                let cut = self.random.below(2 * DEFAULT_CAPACITY as usize) as u64;
                assert!(memory.set_len(cut).is_err(), "sealed");
                assert!(memory.set_len(1 << 30).is_err(), "sealed");
            }
            _ => {
                let bell = &self.shared[1 + self.random.below(2)];
                let _ = (&*bell).write_all(&1_u64.to_le_bytes());
            }
        }
    }

    /// The next call; none when none has come for a while or the ring is of no use any more.
    fn call_if_any(&mut self) -> Option<u64> {
        let Data::Ring(Some(ring)) = &mut self.data else {
            return None;
        };
        // A header, and a payload of one byte.
        let mut bytes = [0; HEADER_BYTES + 1];
        let mut read = 0;
        let mut vain = 0;
        while read < bytes.len() {
            match ring.try_read(&mut bytes[read..]) {
                Ok(0) => return None,
                Ok(more) => read += more,
                Err(error) if error.kind() == IoErrorKind::WouldBlock && vain < 1000 => {
                    vain += 1;
                    thread::sleep(Duration::from_micros(if vain < 100 { 20 } else { 200 }));
                }
                Err(_) => return None,
            }
        }
        Header::decode(bytes[..HEADER_BYTES].try_into().unwrap())
            .ok()
            .map(|header| header.call)
    }

    fn flood(&mut self, call: u64) {
        let event = Event::new(QUEUE, "", &[&[0; 1024]]).expect("an event");
        let many: Vec<u8> = (1..=100)
            .flat_map(|number| frame(FrameKind::Event, number, 0, event.body()))
            .collect();
        for _ in 0..FLOOD / 100 {
            self.control(&many);
        }
        self.answer(call);
    }
}

/// Exits while another process traces this one, which lets go after that time.
#[expect(
    clippy::zombie_processes,
    reason = "it is to live on when this process has ended"
)]
fn traced_for(time: Duration) -> ! {
    // SAFETY: prctl takes integers: whoever likes may trace this process, where only ancestors may otherwise.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
    let mut tracer = Command::new(std::env::current_exe().expect("this program"))
        .args([PLAYER, "--exact", "--nocapture"])
        .env(ROLE, "tracer")
        .env(ATTACK, std::process::id().to_string())
        .env(SEED, time.as_millis().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a tracer");
    let mut told = [0];
    let mut stderr = tracer.stderr.take().expect("a pipe");
    stderr.read_exact(&mut told).expect("it traces");
    // SAFETY: ends this process at once; what else ends with it is of no interest.
    unsafe { libc::_exit(5) }
}

/// Traces the process that `ATTACK` names for `SEED` milliseconds.
fn trace() {
    let pid: libc::pid_t = std::env::var(ATTACK).unwrap().parse().expect("a pid");
    let time = number_from(SEED, 0);
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE takes no memory.
    let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, nothing, nothing) };
    assert_eq!(seized, 0, "{}", std::io::Error::last_os_error());
    std::io::stderr().write_all(b"t").expect("heard");
    thread::sleep(Duration::from_millis(time));
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    if role == "is_flooded" {
        be_flooded(&std::env::var(CHANNEL).expect("a channel"));
    } else if role == "tracer" {
        trace();
    } else if role == "attacker" {
        // Nobody is to think that an attacker ends because its host does not read any more.
        // SAFETY: ignoring a signal installs no code.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        let mut raw = Raw::open();
        raw.attack(&std::env::var(ATTACK).expect("an attack"));
        thread::sleep(PATIENCE);
    } else {
        assert!(family::play(&role), "no role {role} for {PLAYER}");
    }
}
