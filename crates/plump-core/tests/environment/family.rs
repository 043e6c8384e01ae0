//! A host and its workers without JavaScript: what `src/exchange.ts` and `src/worker/serve.ts` do with the core, in as
//! few lines as possible. A worker is this test program, started again.

use std::collections::{HashMap, VecDeque};
use std::env;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use plump_core::environment::{Drained, Environment, WaitOutcome, Watching};
use plump_core::errors::ErrorKind;
use plump_core::failure::Failure;
use plump_core::host::CallRequest;
use plump_core::inbox::{ENTRY_WORDS, EntryKind, LARGE};
use plump_core::link::{AnswerKind, Ran, VARIABLE};
use plump_core::platform::monotonic_ns;
use plump_core::router::CallId;
use plump_core::rules::Asked;
use serde_json::{Value, json};

/// The version that host and workers claim.
pub const VERSION: &str = "1.2.3";
/// Says which role this program plays when a test has started it.
pub const ROLE: &str = "PLUMP_TEST_ROLE";
/// The test that plays it.
pub const PLAYER: &str = "this_program_started_again_plays_its_role";
/// Where a worker writes what it heard, once it has heard `END`.
pub const HEARD: &str = "PLUMP_TEST_HEARD";
/// How long a worker takes to exit after it has closed its link, milliseconds.
pub const LEAVES_IN_MS: &str = "PLUMP_TEST_LEAVES_IN_MS";
pub const END: &[u8] = b"end";
/// The queue that every worker opens.
pub const QUEUE: &str = "family";
/// Long enough for anything that should happen, not a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Ends this process, and with it its workers, when a test takes too long: a hang has a name and leaves nothing behind.
pub fn within_watchdog(name: &str, test: impl FnOnce()) {
    within_watchdog_of(4 * PATIENCE, name, test);
}

/// The same, with another time.
pub fn within_watchdog_of(limit: Duration, name: &str, test: impl FnOnce()) {
    let (done, finished) = mpsc::channel::<()>();
    let name = name.to_owned();
    let dog = thread::spawn(move || {
        if finished.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            eprintln!("'{name}' is not done after {limit:?}: the run ends here");
            std::process::abort();
        }
    });
    test();
    drop(done);
    dog.join().expect("the watchdog");
}

/// Tests over each kind of channel.
#[macro_export]
macro_rules! over_every_channel {
    ($($test:ident),* $(,)?) => {
        mod over_pipes {
            $(#[test] fn $test() { super::family::within_watchdog(stringify!($test), || super::$test("pipe")); })*
        }
        #[cfg(target_os = "linux")]
        mod over_rings {
            $(#[test] fn $test() { super::family::within_watchdog(stringify!($test), || super::$test("ring")); })*
        }
    };
}

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

// --- processes --------------------------------------------------------------------------------------------------------

/// Sends a signal to a process that this one has started.
pub fn signal(pid: u32, number: i32) {
    let pid = i32::try_from(pid).unwrap();
    assert!(pid > 1);
    // SAFETY: kill takes two numbers; the process is one of ours.
    unsafe { libc::kill(pid, number) };
}

/// Whether a process runs: it exists and is not a zombie that waits to be reaped.
pub fn is_running(pid: u32) -> bool {
    let pid = i32::try_from(pid).unwrap();
    // SAFETY: signal 0 only asks.
    let exists = unsafe { libc::kill(pid, 0) } == 0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let zombie = stat
        .rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'));
    exists && !zombie
}

/// Waits until `done` says so.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The command line that starts this program again, without the words of the test harness on its stdout.
pub fn program_again() -> (String, Vec<String>) {
    let program = env::current_exe().expect("this program");
    let program = program.to_str().expect("a path in UTF-8");
    let words = [
        "-c",
        "exec \"$0\" \"$@\" >/dev/null",
        program,
        PLAYER,
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    ("/bin/sh".into(), words.map(String::from).to_vec())
}

// --- the host ---------------------------------------------------------------------------------------------------------

/// The place of an event loop: where it sleeps.
#[derive(Default)]
struct Wake {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self, limit: Duration) {
        let rung = self.rung.lock().unwrap();
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, limit, |rung| !*rung)
            .unwrap();
        *rung = false;
    }
}

/// The token of a call for which the thread blocks.
const BLOCKED: u32 = 0;

/// A call that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What the core decided about a call.
#[derive(Clone, Debug)]
pub struct Failed {
    pub kind: ErrorKind,
    pub json: Value,
    pub cause: Vec<u8>,
}

impl Failed {
    fn read(bytes: &[u8]) -> Self {
        let (length, rest) = bytes.split_first_chunk().expect("a length");
        let (json, cause) = rest.split_at(u32::from_le_bytes(*length) as usize);
        let json: Value = serde_json::from_slice(json).expect("JSON");
        let number = u16::try_from(json["kind"].as_u64().expect("a kind")).unwrap();
        Self {
            kind: ErrorKind::from_number(number).expect("a known kind"),
            json,
            cause: cause.to_vec(),
        }
    }

    pub fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Result(Vec<u8>),
    Thrown(Vec<u8>),
    Failed(Failed),
}

impl Outcome {
    pub fn result(self) -> Vec<u8> {
        match self {
            Self::Result(bytes) => bytes,
            other => panic!("no result: {other:?}"),
        }
    }

    pub fn text(self) -> String {
        String::from_utf8(self.result()).expect("text")
    }

    pub fn failure(self) -> Failed {
        match self {
            Self::Failed(failed) => failed,
            Self::Result(bytes) | Self::Thrown(bytes) => {
                panic!("no failure but {} bytes", bytes.len())
            }
        }
    }
}

/// One row of the table and its bytes.
struct Entry {
    kind: u32,
    id: u32,
    a: u32,
    b: u32,
    bytes: Vec<u8>,
}

/// A JavaScript environment's part of the core with something like an event loop on top.
struct Loop {
    core: Environment,
    wake: Arc<Wake>,
    table: Vec<u32>,
    incoming: Vec<u8>,
}

impl Loop {
    fn start() -> Self {
        let wake = Arc::new(Wake::default());
        let ring = Arc::clone(&wake);
        Self {
            core: Environment::start(Box::new(move || ring.ring()), false).expect("an environment"),
            wake,
            table: vec![0; 1000 * ENTRY_WORDS],
            incoming: vec![0; 256 * 1024],
        }
    }

    fn entry(&self, index: usize) -> Entry {
        let row = &self.table[index * ENTRY_WORDS..][..ENTRY_WORDS];
        let length = row[3] as usize;
        let bytes = if row[2] == LARGE {
            let body = self.core.take_large_to_copy(row[7]);
            body.expect("a body for the token").into_vec()
        } else {
            self.incoming[row[2] as usize..][..length].to_vec()
        };
        assert_eq!(bytes.len(), length);
        Entry {
            kind: row[0],
            id: row[1],
            a: row[4],
            b: row[5],
            bytes,
        }
    }

    fn drain(&mut self, watching: Watching) -> (Drained, Vec<Entry>) {
        let drained = self
            .core
            .drain(&mut self.table, &mut self.incoming, watching);
        let entries = (0..drained.count).map(|index| self.entry(index)).collect();
        (drained, entries)
    }
}

pub struct Host {
    within: Loop,
    calls: u64,
    /// Calls without an outcome, by slot: a second outcome finds none.
    expected: HashMap<u32, Ticket>,
    outcomes: HashMap<Ticket, Outcome>,
    /// Events of queues that listen.
    pub events: VecDeque<(u32, Vec<u8>)>,
    /// What was told about pools.
    pub told: Vec<(u32, Value)>,
}

impl Host {
    pub fn start() -> Self {
        Self {
            within: Loop::start(),
            calls: 0,
            expected: HashMap::new(),
            outcomes: HashMap::new(),
            events: VecDeque::new(),
            told: Vec::new(),
        }
    }

    pub fn core(&self) -> &Environment {
        &self.within.core
    }

    /// Options of a pool whose workers play `role`.
    pub fn options(channel: &str, role: &str) -> Value {
        let (program, args) = program_again();
        json!({
            "program": program,
            "args": args,
            "env": [[ROLE, role]],
            "cwd": null,
            "name": role,
            "workers": 1,
            "channel": channel,
            "concurrency": 16,
            "startTimeoutMs": 30_000,
            "graceMs": 5000, "teardownMs": 5000, "minWorkers": 100_000, "idleMs": 1000, "growMs": 20, "spare": 0, "whenFull": "reject", "agingMs": 1000, "maxRestarts": 1000, "restartWindowMs": 60000, "backoffMs": 1, "maxBackoffMs": 1, "halfOpenMs": 1000, "maxCalls": 0, "maxAgeMs": 0, "maxRssBytes": 0,
            "heartbeatMs": 1000,
            "heartbeatTimeoutMs": 30_000,
            "maxPayloadBytes": 1 << 30,
            "maxBlockBytes": 256 << 20,
            "blockIdleMs": 1000,
            "trusted": false,
            "maxQueue": 1_000_000,
            "maxQueueBytes": 1_u64 << 31,
            "spinUs": 50,
            "version": VERSION,
            "welcome": "{\"settings\":true}",
        })
    }

    pub fn open(&self, channel: &str, role: &str) -> u32 {
        self.open_with(channel, role, json!({}))
    }

    /// A pool with other options than the usual ones; `env` is added to what a worker needs.
    pub fn open_with(&self, channel: &str, role: &str, other: Value) -> u32 {
        self.try_open_with(channel, role, other).expect("a pool")
    }

    pub fn try_open_with(
        &self,
        channel: &str,
        role: &str,
        other: Value,
    ) -> Result<u32, Box<Failure>> {
        let mut options = Self::options(channel, role);
        let Value::Object(other) = other else {
            panic!("options are an object")
        };
        for (name, value) in other {
            match (&name[..], value) {
                ("env", Value::Array(more)) => {
                    options["env"].as_array_mut().unwrap().extend(more);
                }
                (_, value) => options[name] = value,
            }
        }
        self.core().open_pool(&options.to_string())
    }

    pub fn try_call(
        &mut self,
        pool: u32,
        command: &str,
        timeout_ms: u32,
        payload: &[u8],
    ) -> Result<Ticket, ErrorKind> {
        let token = u32::try_from(self.calls).expect("few calls") + 1;
        self.submit(pool, command, token, timeout_ms, false, payload)?;
        self.calls += 1;
        let ticket = Ticket(self.calls);
        self.expected.insert(token, ticket);
        Ok(ticket)
    }

    fn submit(
        &self,
        pool: u32,
        command: &str,
        token: u32,
        timeout_ms: u32,
        blocking: bool,
        payload: &[u8],
    ) -> Result<CallId, ErrorKind> {
        let number = self.core().command_number(pool, command);
        let request = CallRequest {
            pool,
            command: number.ok_or(ErrorKind::NotStarted)?,
            token,
            blocking,
            asked: Asked {
                timeout_ms,
                ..Asked::default()
            },
            key: None,
            block: 0,
        };
        self.core().submit(request, &[payload])
    }

    /// Makes calls that have a priority, and some a key, before anybody else does anything in this environment.
    pub fn call_in_turn<P: AsRef<[u8]>>(
        &mut self,
        pool: u32,
        command: &str,
        calls: impl Iterator<Item = (i8, Option<u64>, P)>,
    ) -> Vec<Ticket> {
        let command = self.core().command_number(pool, command).expect("a pool");
        let first = u32::try_from(self.calls).expect("few calls") + 1;
        let mut made = 0;
        self.core().submit_all(|submitting| {
            for (priority, key, payload) in calls {
                let request = CallRequest {
                    pool,
                    command,
                    token: first + made,
                    blocking: false,
                    asked: Asked {
                        priority: Some(priority),
                        ..Asked::default()
                    },
                    key,
                    block: 0,
                };
                let made_one = submitting.submit(request, &[payload.as_ref()]);
                made_one.expect("a call");
                made += 1;
            }
        });
        let tickets = (0..made).map(|number| Ticket(u64::from(first + number)));
        let tickets: Vec<Ticket> = tickets.collect();
        self.calls += tickets.len() as u64;
        self.expected.extend((first..).zip(tickets.iter().copied()));
        tickets
    }

    pub fn call(&mut self, pool: u32, command: &str, payload: impl AsRef<[u8]>) -> Ticket {
        self.try_call(pool, command, 0, payload.as_ref())
            .expect("a call")
    }

    /// Makes a call as `call()` does: blocks this thread.
    pub fn block(&mut self, pool: u32, command: &str, payload: impl AsRef<[u8]>) -> Outcome {
        self.block_for(pool, command, 0, payload.as_ref())
    }

    pub fn block_for(
        &mut self,
        pool: u32,
        command: &str,
        timeout_ms: u32,
        payload: &[u8],
    ) -> Outcome {
        let call = self
            .submit(pool, command, BLOCKED, timeout_ms, true, payload)
            .expect("a call");
        let Loop {
            core,
            table,
            incoming,
            ..
        } = &mut self.within;
        assert_eq!(core.wait(call, table, incoming), WaitOutcome::Done);
        let entry = self.within.entry(0);
        assert_eq!(entry.id, BLOCKED, "the answer of another call");
        outcome(entry.kind, entry.bytes)
    }

    /// One turn of the event loop: takes in what there is, or sleeps until something comes, at most `limit`.
    pub fn turn(&mut self, limit: Duration) {
        let (drained, entries) = self.within.drain(Watching::Watch);
        let idle = entries.is_empty();
        for entry in entries {
            self.take(entry);
        }
        if idle && drained.asleep {
            self.within.wake.wait(limit);
        }
    }

    fn take(&mut self, entry: Entry) {
        let named = |kind: EntryKind| kind as u32 == entry.kind;
        if named(EntryKind::Event) {
            self.events.push_back((entry.id, entry.bytes));
        } else if named(EntryKind::Pool) {
            let told = serde_json::from_slice(&entry.bytes)
                .unwrap_or_else(|_| Failed::read(&entry.bytes).json);
            self.told.push((entry.id, told));
        } else {
            let ticket = self.expected.remove(&entry.id);
            let ticket = ticket.expect("an outcome for a call that has none to come");
            self.outcomes
                .insert(ticket, outcome(entry.kind, entry.bytes));
        }
    }

    /// Goes round until `done` gives something.
    pub fn run_until<R>(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Option<R>) -> R {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(result) = done(self) {
                return result;
            }
            assert!(
                Instant::now() < deadline,
                "in vain: {what}; told: {:?}",
                self.told
            );
            self.turn(Duration::from_millis(100));
        }
    }

    pub fn settle(&mut self, ticket: Ticket) -> Outcome {
        self.run_until("an outcome", |host| host.outcomes.remove(&ticket))
    }

    pub fn has_settled(&self, ticket: Ticket) -> bool {
        self.outcomes.contains_key(&ticket)
    }

    /// The outcomes that nobody has asked for yet.
    pub fn take_outcomes(&mut self) -> Vec<(Ticket, Outcome)> {
        self.outcomes.drain().collect()
    }

    pub fn in_flight(&self) -> usize {
        self.expected.len()
    }

    /// Takes the first event of that name about a pool.
    pub fn hear(&mut self, pool: u32, event: &str) -> Value {
        let heard = |host: &mut Self| {
            let place = host
                .told
                .iter()
                .position(|(id, told)| *id == pool && told["event"] == event);
            Some(host.told.remove(place?).1)
        };
        self.run_until(event, heard)
    }

    /// How often something was told about a pool.
    pub fn times(&self, pool: u32, event: &str) -> usize {
        let of = |(id, told): &&(u32, Value)| *id == pool && told["event"] == event;
        self.told.iter().filter(of).count()
    }

    pub fn stats(&self, pool: u32) -> Value {
        let stats = self.core().pool_stats(pool).expect("a pool");
        serde_json::from_str(&stats).unwrap()
    }

    /// Process ids of the workers that are ready.
    pub fn ready_pids(&self, pool: u32) -> Vec<u32> {
        let stats = self.stats(pool);
        let workers = stats["workers"].as_array().unwrap().iter();
        workers
            .filter(|worker| worker["state"] == "ready")
            .filter_map(|worker| u32::try_from(worker["pid"].as_u64()?).ok())
            .collect()
    }

    pub fn close(&mut self, pool: u32, grace_ms: u32) {
        self.core().close_pool(pool, grace_ms);
        self.hear(pool, "closed");
    }
}

fn outcome(kind: u32, bytes: Vec<u8>) -> Outcome {
    match kind {
        1 => Outcome::Result(bytes),
        2 => Outcome::Thrown(bytes),
        3 => Outcome::Failed(Failed::read(&bytes)),
        kind => panic!("an entry of kind {kind} is no outcome"),
    }
}

// --- the worker -------------------------------------------------------------------------------------------------------

/// What an honest worker can do. Numbers come as text.
const COMMANDS: &[&str] = &[
    "echo",     // the payload again
    "throw",    // the payload, thrown
    "refuse",   // a refusal
    "pid",      // its process id
    "count",    // the payload again, and five words about this process and this call: see `Counted`
    "sleep",    // blocks for that many milliseconds
    "delay",    // answers after that many milliseconds, other calls run meanwhile
    "signal",   // sends itself that signal
    "exit",     // exits with that code
    "say",      // writes the payload to stderr
    "spin",     // never ends
    "make",     // a result of that many bytes
    "publish",  // so many events, numbered from 0, then `END`
    "heard",    // how many events it heard, and whether in their order
    "leave",    // closes its link and lives on
    "crowded",  // whether it was told that as many workers are busy as there are CPUs
    "oversize", // publishes that many bytes; the kind of the error, or 0
];

/// What a worker says of a call of `count`, in words of 64 bits. Ids of processes are given again, together with the time of
/// its birth one tells which process it is. The clock is the same in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub pid: u64,
    pub born_ns: u64,
    /// Which call of its process it was, from 1.
    pub nth: u64,
    pub began_ns: u64,
    pub ended_ns: u64,
}

impl Counted {
    fn words(self) -> [u64; 5] {
        let Self {
            pid,
            born_ns,
            nth,
            began_ns,
            ended_ns,
        } = self;
        [pid, born_ns, nth, began_ns, ended_ns]
    }

    /// The payload of an answer, and what is said in it.
    pub fn read(answer: &[u8]) -> (&[u8], Self) {
        let (payload, rest) = answer.split_at(answer.len() - 40);
        let mut words = rest
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        let mut next = || words.next().expect("a word");
        let counted = Self {
            pid: next(),
            born_ns: next(),
            nth: next(),
            began_ns: next(),
            ended_ns: next(),
        };
        (payload, counted)
    }
}

/// Starts as a worker: its link, by the variable.
fn connect(core: &Environment) -> Result<String, Box<Failure>> {
    let link = env::var(VARIABLE).expect("the variable of the link");
    core.open_uplink(&link, VERSION)
}

/// Is a worker until the host ends it.
pub fn serve() -> ! {
    let born_ns = monotonic_ns();
    let mut within = Loop::start();
    // Before the link: events may wait in it already.
    let queue = within.core.open_queue(QUEUE, 65_536);
    let settings = connect(&within.core).expect("a link");
    assert_eq!(settings, "{\"settings\":true}");
    within.core.listen(queue, true);
    let mut service = Service {
        queue,
        born_ns,
        begun: 0,
        later: Vec::new(),
        heard: 0,
        in_order: true,
    };
    let names: Vec<String> = COMMANDS.iter().map(ToString::to_string).collect();
    within.core.announce_ready(&names, &[]);
    let mut ending = false;
    loop {
        within.core.begun(service.begun);
        let (drained, entries) = within.drain(Watching::Watch);
        for entry in entries {
            match entry.kind {
                4 => service.run(&within, &entry),
                5 => {}
                6 => service.hear(&entry.bytes),
                8 => ending = true,
                kind => panic!("an entry of kind {kind} in a worker"),
            }
        }
        let due = service.answer_later(&within);
        if ending && service.later.is_empty() {
            within.core.end_uplink();
            // As a program does that has something to put in order.
            let takes = env::var(LEAVES_IN_MS).map_or(0, |ms| ms.parse().expect("a number"));
            thread::sleep(Duration::from_millis(takes));
            std::process::exit(0);
        }
        if drained.count == 0 && drained.asleep {
            within.wake.wait(due.unwrap_or(PATIENCE));
        }
    }
}

/// What commands say that they took, microseconds.
const LONG_US: u32 = 10_000;

struct Service {
    queue: u32,
    born_ns: u64,
    begun: u32,
    later: Vec<(Instant, u64)>,
    heard: u64,
    in_order: bool,
}

impl Service {
    fn run(&mut self, within: &Loop, entry: &Entry) {
        let core = &within.core;
        let call = u64::from(entry.b) << 32 | u64::from(entry.id);
        self.begun = self.begun.wrapping_add(1);
        let number = || -> u64 {
            let text = std::str::from_utf8(&entry.bytes).expect("text");
            text.parse().expect("a number")
        };
        let command = COMMANDS[(entry.a & 0xffff) as usize];
        // Few calls are sent ahead to one whose commands take long.
        let short = ["echo", "count"].contains(&command);
        let us = if short { 5 } else { LONG_US };
        let ran = Ran { us, began_us: 0 };
        let result = |bytes: &[u8]| core.answer(call, AnswerKind::Result(ran), &[bytes]);
        let text = |text: String| result(text.as_bytes());
        match command {
            "echo" => result(&entry.bytes),
            "throw" => core.answer(call, AnswerKind::Thrown(ran), &[&entry.bytes]),
            "refuse" => {
                let kind = AnswerKind::Refused(ErrorKind::GeneratorResult);
                core.answer(call, kind, &[b"not yet"]);
            }
            "pid" => text(std::process::id().to_string()),
            "count" => {
                let began_ns = monotonic_ns();
                let counted = Counted {
                    pid: u64::from(std::process::id()),
                    born_ns: self.born_ns,
                    nth: u64::from(self.begun),
                    began_ns,
                    ended_ns: monotonic_ns(),
                };
                let words = counted.words().map(u64::to_le_bytes).concat();
                result(&[&entry.bytes[..], &words].concat());
            }
            "crowded" => text(core.is_crowded().to_string()),
            "sleep" => {
                thread::sleep(Duration::from_millis(number()));
                result(b"");
            }
            "delay" => {
                let due = Instant::now() + Duration::from_millis(number());
                self.later.push((due, call));
            }
            "signal" => {
                signal(std::process::id(), i32::try_from(number()).unwrap());
                // A signal to oneself may take a moment.
                thread::sleep(PATIENCE);
            }
            "exit" => {
                std::process::exit(i32::try_from(number()).unwrap());
            }
            "say" => {
                eprint!("{}", String::from_utf8_lossy(&entry.bytes));
                result(b"");
            }
            "spin" => loop {
                std::hint::spin_loop();
            },
            "make" => result(&vec![7; usize::try_from(number()).unwrap()]),
            "publish" => {
                for number in 0..number() {
                    let bytes = number.to_le_bytes();
                    core.publish(self.queue, &[&bytes]).expect("published");
                }
                core.publish(self.queue, &[END]).expect("published");
                result(b"");
            }
            "heard" => text(format!("{} {}", self.heard, self.in_order)),
            "leave" => {
                core.end_uplink();
                thread::sleep(PATIENCE);
            }
            "oversize" => {
                let bytes = vec![0; usize::try_from(number()).unwrap()];
                let kind = core.publish(self.queue, &[&bytes]).err();
                text(kind.map_or(0, |kind| kind as u16).to_string());
            }
            other => panic!("no command {other}"),
        }
    }

    fn hear(&mut self, event: &[u8]) {
        if event == END {
            if let Ok(file) = env::var(HEARD) {
                std::fs::write(file, format!("{} {}", self.heard, self.in_order)).unwrap();
            }
        } else if let Ok(number) = event.try_into() {
            self.in_order &= u64::from_le_bytes(number) == self.heard;
            self.heard += 1;
        }
    }

    /// Answers what is due; how long until the next.
    fn answer_later(&mut self, within: &Loop) -> Option<Duration> {
        let now = Instant::now();
        let ran = Ran {
            us: LONG_US,
            began_us: 0,
        };
        self.later.retain(|(due, call)| {
            if *due <= now {
                within
                    .core
                    .answer(*call, AnswerKind::Result(ran), &[b"late"]);
            }
            *due > now
        });
        self.later
            .iter()
            .map(|(due, _)| due.saturating_duration_since(now))
            .min()
    }
}

/// The roles of workers that are no attackers. `false`: it is none of them.
pub fn play(role: &str) -> bool {
    match role {
        "worker" => serve(),
        "exits" => {
            eprintln!("no module here");
            std::process::exit(3);
        }
        "fails" => {
            let within = Loop::start();
            connect(&within.core).expect("a link");
            // More than one frame holds.
            within.core.load_failed(&vec![b'c'; 200_000]);
            std::process::exit(1);
        }
        "dies_of_something" => {
            let within = Loop::start();
            connect(&within.core).expect("a link");
            within.core.announce_ready(&["echo".into()], &[]);
            let mut within = within;
            while within.drain(Watching::Watch).1.is_empty() {
                within.wake.wait(PATIENCE);
            }
            within.core.last_words(b"an uncaught error");
            std::process::exit(70);
        }
        "connects_and_waits" => {
            let within = Loop::start();
            connect(&within.core).expect("a link");
            thread::sleep(PATIENCE);
        }
        "waits" => thread::sleep(PATIENCE),
        "has_another_version" => {
            let within = Loop::start();
            let link = env::var(VARIABLE).expect("the variable of the link");
            let refused = within.core.open_uplink(&link, "0.0.1");
            let refused = refused.expect_err("another version");
            assert_eq!(refused.kind, ErrorKind::VersionMismatch as u16);
            thread::sleep(PATIENCE);
        }
        "announces_long_names" => {
            let within = Loop::start();
            connect(&within.core).expect("a link");
            let names: Vec<String> = (0..600).map(|number| format!("{number:0>1024}")).collect();
            within.core.announce_ready(&names, &[]);
            thread::sleep(PATIENCE);
        }
        "ignores_the_polite_signal" => {
            // SAFETY: ignoring a signal installs no code.
            unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
            serve();
        }
        _ => return false,
    }
    true
}
