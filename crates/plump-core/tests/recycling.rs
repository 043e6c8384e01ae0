//! Many calls that wait for workers which serve few each: none is stranded, each runs once, in a process that has served no
//! more than it may; nothing grows with the processes that are gone. A worker is this program started again, which takes
//! milliseconds. `npm run soak -- --only recycle-core` has 100,000 calls wait.
#![cfg(target_os = "linux")]

#[path = "environment/family.rs"]
#[expect(dead_code, reason = "`environment.rs` uses all of it")]
mod family;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs};

use family::{Counted, Host, ROLE, Random, Ticket, until, within_watchdog_of};
use plump_core::platform::{monotonic_ns, resident_bytes};
use serde_json::{Value, json};

/// How many calls wait; the seed of what is random; where the figures are written.
const CALLS: &str = "PLUMP_RECYCLING_CALLS";
const SEED: &str = "PLUMP_RECYCLING_SEED";
const FIGURES: &str = "PLUMP_RECYCLING_FIGURES";

/// No answer for so long: it hangs. Long enough for a machine that others measure on.
const STANDSTILL: Duration = Duration::from_secs(300);
/// What a start may take, of the whole run.
const START: Duration = Duration::from_millis(100);
/// What the host may have more at the end than when a tenth was done. It has let go of nine tenths of its calls meanwhile.
const MAY_GROW_BYTES: u64 = 4 << 20;
/// Of each place one may serve or start while the one before finishes.
const IN_ONE_PLACE: usize = 2;

/// Descriptors are counted: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

macro_rules! over_every_channel_alone {
    ($($test:ident),* $(,)?) => {
        mod over_pipes { $(#[test] fn $test() { super::alone(stringify!($test), || super::$test("pipe")); })* }
        mod over_rings { $(#[test] fn $test() { super::alone(stringify!($test), || super::$test("ring")); })* }
    };
}

over_every_channel_alone!(
    each_call_has_a_process_of_its_own,
    each_call_has_a_process_of_its_own_with_a_spare,
    each_call_has_a_process_of_its_own_among_four,
    seven_calls_a_process_with_keys_and_priorities,
    calls_that_take_long_do_not_pile_up_processes,
);

fn each_call_has_a_process_of_its_own(channel: &str) {
    let two = json!({ "workers": 2, "maxCalls": 1 });
    run(channel, "plain", two, |_| (0, None));
}

fn each_call_has_a_process_of_its_own_with_a_spare(channel: &str) {
    let spare = json!({ "workers": 3, "minWorkers": 2, "spare": 1, "maxCalls": 1 });
    run(channel, "spare", spare, |_| (0, None));
}

fn each_call_has_a_process_of_its_own_among_four(channel: &str) {
    let four = json!({ "workers": 4, "maxCalls": 1 });
    run(channel, "four", four, |_| (0, None));
}

fn seven_calls_a_process_with_keys_and_priorities(channel: &str) {
    // Nothing that waits gets older than what has a higher priority.
    let seven = json!({ "workers": 2, "maxCalls": 7, "agingMs": 100_000_000 });
    let (answers, calls) = run(channel, "mixed", seven, |random| {
        let priority = i8::try_from(random.below(3)).unwrap();
        let key = random.below(20);
        // The calls of one key have one priority: else it is not only their order that counts.
        if key < 10 {
            (0, Some(key as u64))
        } else {
            (priority, None)
        }
    });
    let mut by_key: HashMap<u64, Vec<Counted>> = HashMap::new();
    let mut began: [Vec<u64>; 3] = [vec![], vec![], vec![]];
    for ((priority, key), answer) in calls.iter().zip(&answers) {
        match key {
            Some(key) => by_key.entry(*key).or_default().push(*answer),
            None => began[usize::try_from(*priority).unwrap()].push(answer.began_ns),
        }
    }
    assert!(by_key.len() > 1);
    for (key, of_key) in by_key {
        for pair in of_key.windows(2) {
            let in_order = pair[0].ended_ns <= pair[1].began_ns;
            assert!(in_order, "two calls of key {key} at once: {pair:?}");
        }
    }
    let mean = |times: &Vec<u64>| {
        times.iter().map(|ns| u128::from(*ns)).sum::<u128>() / times.len().max(1) as u128
    };
    assert!(mean(&began[2]) < mean(&began[1]) && mean(&began[1]) < mean(&began[0]));
}

/// A worker that has its last call is on its way out. Were its place filled each time, all calls would run at once.
fn calls_that_take_long_do_not_pile_up_processes(channel: &str) {
    let mut host = Host::start();
    let narrow = json!({ "workers": 2, "maxCalls": 1 });
    let elastic = json!({ "workers": 2, "minWorkers": 1, "spare": 1, "maxCalls": 1 });
    for options in [narrow, elastic] {
        let pool = host.open_with(channel, "worker", options);
        let calls: Vec<_> = (0..12).map(|_| host.call(pool, "sleep", "150")).collect();
        let mut alive = Alive::default();
        for ticket in calls {
            host.settle(ticket).result();
            alive.hear(&mut host, pool);
        }
        host.close(pool, 5000);
        alive.closed = true;
        alive.hear(&mut host, pool);
        assert!(alive.most <= 2 * IN_ONE_PLACE, "{} at once", alive.most);
        assert_eq!(alive.now, 0);
    }
}

// --- a run ------------------------------------------------------------------------------------------------------------

fn number_of(variable: &str, usual: u64) -> u64 {
    env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

fn alone(name: &str, test: impl FnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let calls = u32::try_from(number_of(CALLS, 300)).unwrap();
    within_watchdog_of(STANDSTILL + START * calls, name, test);
}

/// The processes of a pool, by what was told of them.
#[derive(Default)]
struct Alive {
    started: u64,
    now: usize,
    most: usize,
    retired: u64,
    closed: bool,
}

impl Alive {
    fn hear(&mut self, host: &mut Host, pool: u32) {
        for (of, told) in host.told.drain(..) {
            assert_eq!(of, pool);
            match told["event"].as_str() {
                Some("spawn") => {
                    (self.started, self.now) = (self.started + 1, self.now + 1);
                    self.most = self.most.max(self.now);
                }
                // Of one that was not made before the pool was closed there is no process.
                Some("exit") if told["pid"].is_null() => assert!(self.closed, "{told}"),
                Some("exit") => {
                    // One that is replaced as planned has not failed. Who was still starting when the pool was closed has
                    // nothing to finish, and is killed.
                    let ended_by_itself = told["exitCode"] == 0 || self.closed;
                    assert!(told["expected"] == true && ended_by_itself, "{told}");
                    self.now -= 1;
                }
                Some("retire") => {
                    assert!(["calls", "idle"].contains(&told["reason"].as_str().unwrap()));
                    self.retired += 1;
                }
                Some("ready" | "restart" | "closed" | "drained") => {}
                _ => panic!("told: {told}"),
            }
        }
    }
}

fn entries_of(directory: &str) -> usize {
    fs::read_dir(directory).expect(directory).count()
}

/// Children of this process as the system has them, also those that wait to be reaped.
fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("threads");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .map(|children| children.split_whitespace().count())
        .sum()
}

/// What this process has.
#[derive(Clone, Copy)]
struct Held {
    resident: u64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn now() -> Self {
        Self {
            resident: resident_bytes(std::process::id()).expect("memory"),
            descriptors: entries_of("/proc/self/fd"),
            threads: entries_of("/proc/self/task"),
        }
    }

    fn json(self) -> Value {
        json!({ "residentMiB": mib(self.resident), "descriptors": self.descriptors, "threads": self.threads })
    }
}

fn mib(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let tenths = (bytes * 10 / (1 << 20)) as f64;
    tenths / 10.0
}

type Turn = (i8, Option<u64>);

/// Lets calls wait for a pool before it has a worker, and looks at everything until the last process is gone. What was said
/// of each call, and what it was made with, comes back.
fn run(
    channel: &str,
    variant: &str,
    mut options: Value,
    turn: impl Fn(&mut Random) -> Turn,
) -> (Vec<Counted>, Vec<Turn>) {
    let calls = usize::try_from(number_of(CALLS, 300)).unwrap();
    let seed = number_of(SEED, 1);
    let mut random = Random(seed);
    let max_calls = options["maxCalls"].as_u64().unwrap();
    let workers = usize::try_from(options["workers"].as_u64().unwrap()).unwrap();
    // A single failure would keep the pool from starting anything for longer than a standstill may last.
    let strict = json!({ "maxRestarts": 1, "restartWindowMs": 86_400_000, "backoffMs": 3_600_000, "maxBackoffMs": 3_600_000, "halfOpenMs": 3_600_000, "concurrency": 4 });
    let given = strict.as_object().unwrap().clone();
    options.as_object_mut().unwrap().extend(given);

    let (mut host, before) = warm_host(channel);
    let turns: Vec<Turn> = (0..calls).map(|_| turn(&mut random)).collect();
    let pool = host.open_with(channel, "worker", options);
    let queuing = Instant::now();
    let all = turns.iter().enumerate();
    let queued_at = Cell::new(0);
    let all = all.map(|(number, (priority, key))| {
        queued_at.set(monotonic_ns());
        (*priority, *key, number.to_le_bytes())
    });
    let tickets = host.call_in_turn(pool, "count", all);
    let numbers: HashMap<_, _> = tickets.into_iter().zip(0..).collect();
    let queued_in = queuing.elapsed();
    let mut alive = Alive::default();

    let Course {
        answers,
        took,
        tenths,
        most_children,
        after_a_tenth,
        at_the_end,
    } = follow(&mut host, pool, &mut alive, &numbers);

    let stats = host.stats(pool);
    assert_eq!(
        (&stats["queued"], &stats["inFlight"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(stats["circuit"], "closed");
    host.close(pool, 5000);
    alive.closed = true;
    alive.hear(&mut host, pool);
    assert!(host.take_outcomes().is_empty(), "a second outcome");
    assert_eq!((host.in_flight(), alive.now), (0, 0));
    nothing_is_left(before);

    // All of them waited before one was run.
    let first_began = answers.iter().map(|answer| answer.began_ns).min();
    assert!(first_began > Some(queued_at.get()));
    let served = by_process(&answers, max_calls);
    let needed = (calls as u64).div_ceil(max_calls);
    let bound = workers * IN_ONE_PLACE;
    let processes = served.len();
    assert!(processes as u64 >= needed);
    // One can have been started for the last calls, and found none.
    assert!(
        (needed..=needed + needed / 50 + bound as u64).contains(&alive.started),
        "{} processes for {calls} calls",
        alive.started
    );
    assert!(
        alive.most <= bound && most_children <= bound,
        "{} at once, of {bound}",
        alive.most
    );
    let grown = at_the_end.resident.saturating_sub(after_a_tenth.resident);
    assert!(
        grown <= MAY_GROW_BYTES,
        "the host has grown by {grown} bytes"
    );

    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let a_second = |count: usize| (count as f64 / took.as_secs_f64() * 10.0).round() / 10.0;
    let figures = json!({
        "variant": variant,
        "channel": channel,
        "calls": calls,
        "maxCalls": max_calls,
        "workersAtMost": workers,
        "queuedInMs": queued_in.as_millis(),
        "seconds": took.as_secs(),
        "secondsAtEachTenth": tenths.iter().map(|at| at.round()).collect::<Vec<_>>(),
        "callsPerSecond": a_second(calls),
        "processesPerSecond": a_second(processes),
        "served": answers.len(),
        "processesStarted": alive.started,
        "processesThatServed": processes,
        "mostServedByOne": served.values().max(),
        "retired": alive.retired,
        "mostAtOnce": alive.most,
        "mostChildrenSeen": most_children,
        "mayLiveAtOnce": bound,
        "host": {
            "before": before.json(),
            "afterATenth": after_a_tenth.json(),
            "atTheEnd": at_the_end.json(),
            "afterClose": Held::now().json(),
        },
    });
    if let Ok(file) = env::var(FIGURES) {
        fs::write(file, figures.to_string()).expect("figures");
    }
    (answers, turns)
}

/// A host in which what is made once in a process has been made, and what it has.
fn warm_host(channel: &str) -> (Host, Held) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    host.block(pool, "pid", b"");
    host.close(pool, 5000);
    host.told.clear();
    until("no child", || children() == 0);
    (host, Held::now())
}

/// Waits until this process has no more than before.
fn nothing_is_left(before: Held) {
    until("no child", || children() == 0);
    until("no descriptor more than before", || {
        entries_of("/proc/self/fd") <= before.descriptors
    });
    until("no thread more than before", || {
        entries_of("/proc/self/task") <= before.threads
    });
}

/// What was seen until the last call was answered.
struct Course {
    answers: Vec<Counted>,
    took: Duration,
    tenths: Vec<f64>,
    most_children: usize,
    after_a_tenth: Held,
    at_the_end: Held,
}

/// Takes in the answers of all calls, by their numbers.
fn follow(
    host: &mut Host,
    pool: u32,
    alive: &mut Alive,
    numbers: &HashMap<Ticket, usize>,
) -> Course {
    let calls = numbers.len();
    let mut answers = vec![Counted::default(); calls];
    let begun = Instant::now();
    let (mut settled, mut last, mut most_children) = (0, Instant::now(), 0);
    let mut after_a_tenth = None;
    let mut tenths = vec![];
    while settled < calls {
        host.turn(Duration::from_millis(100));
        alive.hear(host, pool);
        let before = settled;
        for (ticket, outcome) in host.take_outcomes() {
            // `Host` has made sure that it is the only outcome of its call.
            let number = numbers[&ticket];
            let answer = outcome.result();
            let (payload, counted) = Counted::read(&answer);
            assert_eq!(payload, number.to_le_bytes(), "the answer of another call");
            answers[number] = counted;
            settled += 1;
        }
        if settled > before {
            last = Instant::now();
            most_children = most_children.max(children());
        }
        assert!(
            last.elapsed() < STANDSTILL,
            "{settled} of {calls}, and nothing more"
        );
        if settled >= calls.div_ceil(10) && after_a_tenth.is_none() {
            after_a_tenth = Some(Held::now());
        }
        if settled * 10 / calls > tenths.len() {
            tenths.push(begun.elapsed().as_secs_f64());
            if calls > 1000 {
                eprintln!("  {settled} of {calls} in {:.0?}", begun.elapsed());
            }
        }
    }
    Course {
        answers,
        took: begun.elapsed(),
        tenths,
        most_children,
        after_a_tenth: after_a_tenth.expect("a tenth"),
        at_the_end: Held::now(),
    }
}

/// How many calls each process has served: its first, its second and so on, each once, and no more than it may.
fn by_process(answers: &[Counted], max_calls: u64) -> HashMap<(u64, u64), u64> {
    let mut served: HashMap<(u64, u64), Vec<u64>> = HashMap::new();
    for answer in answers {
        let of_process = served.entry((answer.pid, answer.born_ns)).or_default();
        of_process.push(answer.nth);
    }
    let counted = served.into_iter().map(|(process, mut calls)| {
        calls.sort_unstable();
        let count = calls.len() as u64;
        assert!(
            calls.iter().copied().eq(1..=count) && count <= max_calls,
            "{process:?}: {calls:?}"
        );
        (process, count)
    });
    counted.collect()
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    if let Ok(role) = env::var(ROLE) {
        assert!(family::play(&role), "no role {role}");
    }
}
