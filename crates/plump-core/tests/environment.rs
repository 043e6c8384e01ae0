//! A host and real workers without JavaScript: calls, events, failures and ends, over every kind of channel.
//! Every worker is this program started again; see `environment/family.rs`.
#![cfg(unix)]

#[path = "environment/family.rs"]
#[expect(dead_code, reason = "`recycling.rs` uses the rest")]
mod family;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use family::{
    HEARD, Host, LEAVES_IN_MS, Outcome, PATIENCE, QUEUE, ROLE, Random, VERSION, is_running,
    program_again, signal, until, within_watchdog,
};
use plump_core::environment::{Environment, WaitOutcome};
use plump_core::errors::ErrorKind;
use plump_core::host::CallRequest;
use plump_core::inbox::ENTRY_WORDS;
use plump_core::link::VARIABLE;
use plump_core::platform;
use plump_core::rules::Asked;
use serde_json::json;

over_every_channel!(
    ten_thousand_calls_are_answered_each_to_its_caller,
    a_blocked_caller_gets_its_own_answer_and_the_others_go_to_the_loop,
    busy_workers_know_when_there_are_as_many_as_cpus,
    what_is_thrown_or_refused_arrives_as_such,
    a_killed_worker_fails_what_it_had_and_the_next_call_runs_on_a_fresh_one,
    a_blocked_caller_is_woken_by_the_death_of_its_worker,
    a_blocked_caller_is_answered_by_a_worker_that_was_started_while_it_slept,
    an_exit_code_is_told_with_the_last_words,
    a_failed_start_fails_the_queue_and_only_a_new_call_tries_again,
    a_module_that_fails_to_load_tells_why,
    a_program_that_does_not_exist_is_a_failed_start,
    a_worker_of_another_version_is_refused,
    long_names_of_commands_arrive,
    a_start_that_takes_too_long_is_ended,
    a_call_times_out_while_its_worker_is_busy_and_its_late_answer_is_dropped,
    a_blocked_caller_times_out,
    closing_lets_finish_what_has_begun_and_refuses_the_rest,
    closing_lets_a_worker_put_things_in_order_after_its_goodbye,
    closing_ends_a_busy_worker_politely,
    closing_ends_a_worker_that_ignores_the_polite_signal_by_force,
    closing_does_not_wait_for_a_worker_that_has_not_started,
    a_worker_that_is_ended_before_its_process_is_made_gets_none,
    a_command_that_the_worker_does_not_have_is_unknown,
    a_full_queue_refuses_and_timed_out_calls_make_room,
    a_payload_above_the_limit_is_refused_and_one_at_the_limit_passes,
    sixty_four_mebibytes_travel_both_ways_and_hold_up_nobody,
    events_of_the_host_reach_every_worker_in_their_order,
    events_reach_the_other_workers_while_the_host_is_busy,
    an_event_above_the_hosts_limit_is_refused_where_it_is_published,
    a_small_limit_of_one_instance_does_not_end_its_workers_by_the_events_of_another,
    a_worker_that_closes_its_link_and_lives_on_is_ended,
    a_stopped_worker_is_unresponsive,
    a_process_of_the_users_own_becomes_a_worker_by_its_link,
    every_call_settles_once_under_random_kills,
);

const SIGKILL: i32 = libc::SIGKILL;

fn ten_thousand_calls_are_answered_each_to_its_caller(channel: &str) {
    let mut host = Host::start();
    let pool = host.open_with(channel, "worker", json!({ "workers": 2 }));
    let mut random = Random(1);
    let mut made = HashMap::new();
    for number in 0..10_000_u32 {
        let length = [0, 10, 100, 5_000][random.below(4)];
        let payload = [&number.to_le_bytes()[..], &random.bytes(length)].concat();
        made.insert(host.call(pool, "echo", &payload), payload);
        if number % 500 == 0 {
            host.turn(Duration::ZERO);
        }
    }
    for (ticket, payload) in made {
        assert!(host.settle(ticket).result() == payload);
    }
    let stats = host.stats(pool);
    let answered: Vec<u64> = (0..2)
        .map(|worker| stats["workers"][worker]["calls"].as_u64().unwrap_or(0))
        .collect();
    assert_eq!(answered.iter().sum::<u64>(), 10_000);
    assert_eq!(stats["workers"][0]["channel"], channel);
    host.close(pool, 5000);
}

fn a_blocked_caller_gets_its_own_answer_and_the_others_go_to_the_loop(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    // The first waits for the start of the worker.
    assert_eq!(host.block(pool, "echo", b"first").result(), b"first");
    let mut others = Vec::new();
    for number in 0..1000_u32 {
        if number % 10 == 0 {
            others.push((number, host.call(pool, "echo", number.to_le_bytes())));
        }
        let text = format!("blocking {number}");
        assert_eq!(host.block(pool, "echo", &text).text(), text);
    }
    // Larger than what the caller's buffer holds.
    let large = vec![3; 3_000_000];
    assert!(host.block(pool, "echo", &large).result() == large);
    let early = others.iter().any(|(_, ticket)| host.has_settled(*ticket));
    assert!(!early, "no turn of the loop has come yet");
    for (number, ticket) in others {
        assert_eq!(host.settle(ticket).result(), number.to_le_bytes());
    }
}

fn busy_workers_know_when_there_are_as_many_as_cpus(channel: &str) {
    let cpus = platform::online_cpus();
    if cpus > 16 {
        eprintln!("not tested on {cpus} CPUs: it takes as many processes");
        return;
    }
    let mut host = Host::start();
    let pool = host.open_with(channel, "worker", json!({ "workers": cpus }));
    let crowded = |host: &mut Host| host.stats(pool)["crowded"].as_bool().unwrap();
    // All have started.
    let begun: Vec<_> = (0..cpus).map(|_| host.call(pool, "sleep", "50")).collect();
    for call in begun {
        host.settle(call);
    }
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(
        host.block(pool, "crowded", "").text(),
        (cpus == 1).to_string()
    );
    assert_eq!(crowded(&mut host), cpus == 1);

    let busy: Vec<_> = (1..cpus).map(|_| host.call(pool, "sleep", "300")).collect();
    let last = host.call(pool, "crowded", "");
    // A pipe has no place for such a word: there only the host knows.
    let told = channel == "ring";
    assert_eq!(host.settle(last).text(), told.to_string());
    assert!(crowded(&mut host));
    for call in busy {
        host.settle(call);
    }
    assert_eq!(
        host.block(pool, "crowded", "").text(),
        (told && cpus == 1).to_string()
    );
    assert_eq!(crowded(&mut host), cpus == 1);
}

fn what_is_thrown_or_refused_arrives_as_such(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    let thrown = host.call(pool, "throw", b"an error");
    assert!(matches!(host.settle(thrown), Outcome::Thrown(bytes) if bytes == b"an error"));
    let refused = host.call(pool, "refuse", b"");
    let refused = host.settle(refused).failure();
    assert_eq!(refused.kind, ErrorKind::GeneratorResult);
    assert_eq!(
        (refused.text("message"), refused.text("command")),
        ("not yet", "refuse")
    );
    assert!(matches!(
        host.block(pool, "throw", b"x"),
        Outcome::Thrown(_)
    ));
}

fn a_killed_worker_fails_what_it_had_and_the_next_call_runs_on_a_fresh_one(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    let pid = host.block(pool, "pid", b"").text();
    let waiting: Vec<_> = (0..5).map(|_| host.call(pool, "delay", b"30000")).collect();
    assert_eq!(host.block(pool, "say", b"about to die\n").result(), b"");
    let fatal = host.call(pool, "signal", SIGKILL.to_string());
    for ticket in waiting.into_iter().chain([fatal]) {
        let failed = host.settle(ticket).failure();
        assert_eq!(failed.kind, ErrorKind::WorkerKilled);
        assert_eq!(failed.text("signal"), "SIGKILL");
        assert_eq!(failed.json["pid"].to_string(), pid);
        assert_eq!(failed.text("stderr"), "about to die\n");
        assert!(["delay", "signal"].contains(&failed.text("command")));
    }
    let exit = host.hear(pool, "exit");
    assert_eq!(
        (&exit["signal"], &exit["expected"]),
        (&json!("SIGKILL"), &json!(false))
    );
    let fresh = host.block(pool, "pid", b"").text();
    assert_ne!(fresh, pid);
    assert!(!is_running(pid.parse().unwrap()));
}

fn a_blocked_caller_is_woken_by_the_death_of_its_worker(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    for _ in 0..5 {
        let failed = host.block(pool, "signal", SIGKILL.to_string()).failure();
        assert_eq!(failed.kind, ErrorKind::WorkerKilled);
    }
    // Killed from outside, while the caller has long been asleep.
    host.block(pool, "echo", b"");
    let pid = host.ready_pids(pool)[0];
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        signal(pid, SIGKILL);
    });
    let failed = host.block(pool, "spin", b"").failure();
    assert_eq!(failed.kind, ErrorKind::WorkerKilled);
    killer.join().unwrap();
}

fn a_blocked_caller_is_answered_by_a_worker_that_was_started_while_it_slept(channel: &str) {
    let mut host = Host::start();
    let narrow = json!({ "concurrency": 1 });
    let pool = host.open_with(channel, "worker", narrow);
    for _ in 0..5 {
        while !matches!(host.block(pool, "pid", b""), Outcome::Result(_)) {}
        while host.stats(pool)["queued"] == 0 {
            host.call(pool, "delay", b"30000");
        }
        let pid = host.ready_pids(pool)[0];
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            signal(pid, SIGKILL);
        });
        // It waits in the queue until the worker is dead, behind one that the next worker gets, too.
        assert_eq!(host.block(pool, "echo", b"after").result(), b"after");
        killer.join().unwrap();
        let fresh = host.ready_pids(pool)[0];
        assert_ne!(fresh, pid);
        signal(fresh, SIGKILL);
    }
}

fn an_exit_code_is_told_with_the_last_words(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    let failed = host.block(pool, "exit", b"7").failure();
    assert_eq!(failed.kind, ErrorKind::WorkerExited);
    assert_eq!(failed.json["exitCode"], 7);
    assert_eq!(failed.cause, b"");
    let other = host.open(channel, "dies_of_something");
    let ticket = host.call(other, "echo", b"");
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::WorkerExited);
    assert_eq!(failed.json["exitCode"], 70);
    assert_eq!(failed.cause, b"an uncaught error");
}

fn a_failed_start_fails_the_queue_and_only_a_new_call_tries_again(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "exits");
    let queued: Vec<_> = (0..3).map(|_| host.call(pool, "echo", b"")).collect();
    for ticket in queued {
        let failed = host.settle(ticket).failure();
        assert_eq!(failed.kind, ErrorKind::StartFailed);
        assert_eq!(failed.json["exitCode"], 3);
        assert_eq!(failed.text("stderr"), "no module here\n");
    }
    assert_eq!(
        host.hear(pool, "failed")["kind"],
        ErrorKind::StartFailed as u16
    );
    host.hear(pool, "exit");
    host.turn(Duration::from_millis(100));
    assert_eq!(host.times(pool, "exit"), 0, "nothing tries again by itself");
    let again = host.call(pool, "echo", b"");
    assert_eq!(host.settle(again).failure().kind, ErrorKind::StartFailed);
    host.hear(pool, "exit");
    host.turn(Duration::from_millis(100));
    assert_eq!(host.times(pool, "exit"), 0, "one call, one attempt");
    // A blocked caller hears of it, too.
    assert_eq!(
        host.block(pool, "echo", b"").failure().kind,
        ErrorKind::StartFailed
    );
}

fn a_module_that_fails_to_load_tells_why(channel: &str) {
    let mut host = Host::start();
    // The cause may be longer than what the user's calls may send.
    let small = json!({ "maxPayloadBytes": 1024 });
    let pool = host.open_with(channel, "fails", small);
    let ticket = host.call(pool, "echo", b"");
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::StartFailed);
    assert!(failed.cause == vec![b'c'; 200_000]);
    assert_eq!(failed.json["exitCode"], 1);
}

fn a_program_that_does_not_exist_is_a_failed_start(channel: &str) {
    let mut host = Host::start();
    let nowhere = json!({ "program": "/nowhere/at/all", "workers": 2 });
    let pool = host.open_with(channel, "worker", nowhere);
    let ticket = host.call(pool, "echo", b"");
    assert_eq!(host.settle(ticket).failure().kind, ErrorKind::SpawnFailed);
    assert_eq!(
        host.hear(pool, "failed")["kind"],
        ErrorKind::SpawnFailed as u16
    );
    host.close(pool, 0);
}

fn a_worker_of_another_version_is_refused(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "has_another_version");
    let ticket = host.call(pool, "echo", b"");
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::VersionMismatch);
    assert!(failed.text("message").contains("0.0.1"), "{failed:?}");
}

fn long_names_of_commands_arrive(channel: &str) {
    let mut host = Host::start();
    let small = json!({ "maxPayloadBytes": 1024 });
    let pool = host.open_with(channel, "announces_long_names", small);
    let ready = host.hear(pool, "ready");
    assert_eq!(ready["commands"].as_array().unwrap().len(), 600);
}

fn a_start_that_takes_too_long_is_ended(channel: &str) {
    for role in ["waits", "connects_and_waits"] {
        let mut host = Host::start();
        let soon = json!({ "startTimeoutMs": 200 });
        let pool = host.open_with(channel, role, soon);
        let ticket = host.call(pool, "echo", b"");
        let failed = host.settle(ticket).failure();
        assert_eq!(failed.kind, ErrorKind::StartTimeout);
        assert_eq!(failed.json["timeoutMs"], 200);
        let pid = u32::try_from(failed.json["pid"].as_u64().unwrap()).unwrap();
        until("the end of the worker", || !is_running(pid));
    }
}

fn a_call_times_out_while_its_worker_is_busy_and_its_late_answer_is_dropped(channel: &str) {
    let mut host = Host::start();
    let narrow = json!({ "concurrency": 1 });
    let pool = host.open_with(channel, "worker", narrow);
    host.block(pool, "pid", b"");
    let mut made = Vec::new();
    for _ in 0..6 {
        made.push(host.try_call(pool, "sleep", 150, b"600").unwrap());
    }
    let mut places = Vec::new();
    for ticket in made {
        let failed = host.settle(ticket).failure();
        assert_eq!(failed.kind, ErrorKind::CallTimeout);
        assert_eq!(failed.json["timeoutMs"], 150);
        let queued = failed.text("message").contains("waiting in the queue");
        places.push(queued);
        assert_eq!(failed.json["pid"].is_number(), !queued);
    }
    assert!(
        places.contains(&true) && places.contains(&false),
        "{places:?}"
    );
    // Slots are used again; the late answers meet nobody.
    for number in 0..50_u32 {
        let ticket = host.call(pool, "echo", number.to_le_bytes());
        assert_eq!(host.settle(ticket).result(), number.to_le_bytes());
    }
}

fn a_blocked_caller_times_out(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    host.block(pool, "echo", b"");
    let began = Instant::now();
    let failed = host.block_for(pool, "delay", 100, b"30000").failure();
    assert_eq!(failed.kind, ErrorKind::CallTimeout);
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(host.block(pool, "echo", b"on").result(), b"on");
}

fn closing_lets_finish_what_has_begun_and_refuses_the_rest(channel: &str) {
    let mut host = Host::start();
    let narrow = json!({ "concurrency": 1 });
    let pool = host.open_with(channel, "worker", narrow);
    let pid = host.block(pool, "pid", b"").text();
    let made: Vec<_> = (0..20).map(|_| host.call(pool, "delay", b"200")).collect();
    host.core().close_pool(pool, 20_000);
    assert_eq!(
        host.try_call(pool, "echo", 0, b"").unwrap_err(),
        ErrorKind::Closed
    );
    let (mut finished, mut refused) = (0, 0);
    for ticket in made {
        match host.settle(ticket) {
            Outcome::Result(bytes) => {
                assert_eq!(bytes, b"late");
                finished += 1;
            }
            other => {
                assert_eq!(other.failure().kind, ErrorKind::Closed);
                refused += 1;
            }
        }
    }
    assert!(finished >= 1 && refused >= 10, "{finished} {refused}");
    let exit = host.hear(pool, "exit");
    assert_eq!(
        (&exit["exitCode"], &exit["expected"]),
        (&json!(0), &json!(true))
    );
    host.hear(pool, "closed");
    assert!(!is_running(pid.parse().unwrap()));
    // Again is the same as once.
    host.core().close_pool(pool, 0);
    assert_eq!(host.core().pool_stats(pool), None, "nothing of it is kept");
}

fn closing_lets_a_worker_put_things_in_order_after_its_goodbye(channel: &str) {
    let mut host = Host::start();
    let slow = json!({ "env": [[LEAVES_IN_MS, "900"]] });
    let pool = host.open_with(channel, "worker", slow);
    host.block(pool, "echo", b"");
    host.core().close_pool(pool, 20_000);
    let exit = host.hear(pool, "exit");
    assert_eq!(exit["exitCode"], 0, "{exit}");
    host.hear(pool, "closed");
    // Not without end.
    let slow = json!({ "env": [[LEAVES_IN_MS, "30000"]] });
    let pool = host.open_with(channel, "worker", slow);
    host.block(pool, "echo", b"");
    host.core().close_pool(pool, 100);
    assert_eq!(host.hear(pool, "exit")["signal"], "SIGTERM");
}

fn end_of_a_busy_worker(channel: &str, role: &str) -> String {
    let mut host = Host::start();
    let pool = host.open(channel, role);
    host.block(pool, "echo", b"");
    let ticket = host.call(pool, "spin", b"");
    // The worker has it before it is asked to end.
    thread::sleep(Duration::from_millis(50));
    host.core().close_pool(pool, 100);
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::Closed);
    host.hear(pool, "closed");
    failed.text("signal").to_owned()
}

fn closing_ends_a_busy_worker_politely(channel: &str) {
    assert_eq!(end_of_a_busy_worker(channel, "worker"), "SIGTERM");
}

fn closing_ends_a_worker_that_ignores_the_polite_signal_by_force(channel: &str) {
    let signal = end_of_a_busy_worker(channel, "ignores_the_polite_signal");
    assert_eq!(signal, "SIGKILL");
}

fn closing_does_not_wait_for_a_worker_that_has_not_started(channel: &str) {
    let mut host = Host::start();
    let began = Instant::now();
    let pool = host.open_with(channel, "waits", json!({ "workers": 3 }));
    let ticket = host.call(pool, "echo", b"");
    host.close(pool, 60_000);
    assert_eq!(host.settle(ticket).failure().kind, ErrorKind::Closed);
    assert!(began.elapsed() < PATIENCE, "the grace is for calls");
}

fn a_worker_that_is_ended_before_its_process_is_made_gets_none(channel: &str) {
    let mut host = Host::start();
    // Everything that makes a worker happens on this thread, and it is busy.
    let (release, released) = mpsc::channel::<()>();
    let held = platform::on_spawner_thread(move || released.recv_timeout(PATIENCE));
    let other = std::env::temp_dir().join(format!("plump-never-{}-{channel}", std::process::id()));
    let program = json!({
        "program": "/bin/sh",
        "args": ["-c", format!("echo > '{}'", other.display())],
        "workers": 2,
    });
    let pool = host.open_with(channel, "worker", program);
    let ticket = host.call(pool, "echo", b"");
    let stats = host.stats(pool);
    assert_eq!(stats["workers"][1]["state"], "starting");
    assert_eq!(stats["workers"][1]["channel"], channel);
    host.core().close_pool(pool, 0);
    assert_eq!(host.settle(ticket).failure().kind, ErrorKind::Closed);
    release.send(()).expect("the thread waits");
    held.recv().expect("a result").expect("no timeout");
    host.hear(pool, "closed");
    // What the thread was given after the two workers has its turn when they have had theirs.
    let _ = platform::on_spawner_thread(|| ()).recv();
    assert!(!other.exists(), "its program ran");
}

fn a_command_that_the_worker_does_not_have_is_unknown(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    for name in ["nothing", "", "__proto__", "Echo"] {
        // Before the worker has said what it has, the call waits; afterwards it is refused at once.
        match host.try_call(pool, name, 0, b"") {
            Ok(ticket) => {
                let failed = host.settle(ticket).failure();
                assert_eq!(failed.kind, ErrorKind::UnknownCommand);
                assert_eq!(failed.text("command"), name);
            }
            Err(kind) => assert_eq!(kind, ErrorKind::UnknownCommand),
        }
    }
    assert_eq!(host.block(pool, "echo", b"on").result(), b"on");
}

fn a_full_queue_refuses_and_timed_out_calls_make_room(channel: &str) {
    let mut host = Host::start();
    let narrow =
        json!({ "concurrency": 1, "maxQueue": 3, "maxQueueBytes": 11_000, "channel": channel });
    let pool = host.open_with(channel, "worker", narrow);
    host.block(pool, "pid", b"");
    let mut running = Vec::new();
    while host.stats(pool)["queued"] == 0 {
        running.push(host.call(pool, "delay", b"3000"));
        assert!(running.len() < 100);
    }
    let timed = host.try_call(pool, "delay", 50, b"1").unwrap();
    let third = host.call(pool, "delay", b"1");
    assert_eq!(
        host.try_call(pool, "echo", 0, b"").unwrap_err(),
        ErrorKind::QueueFull
    );
    assert_eq!(host.settle(timed).failure().kind, ErrorKind::CallTimeout);
    let fourth = host
        .try_call(pool, "echo", 0, &[1; 4000])
        .expect("the place of the one that timed out");
    assert_eq!(
        host.try_call(pool, "echo", 0, b"").unwrap_err(),
        ErrorKind::QueueFull
    );
    for ticket in running.into_iter().chain([third, fourth]) {
        host.settle(ticket).result();
    }
    // The limit of bytes; one call alone may be larger.
    let alone = host.call(pool, "delay", b"300");
    let mut waiting = vec![host.call(pool, "delay", b"300")];
    while host.stats(pool)["queued"] == 0 {
        waiting.push(host.call(pool, "echo", [0; 3000]));
    }
    assert_eq!(
        host.try_call(pool, "echo", 0, &[0; 4900]).unwrap_err(),
        ErrorKind::QueueFull
    );
    for ticket in waiting.into_iter().chain([alone]) {
        host.settle(ticket);
    }
    let alone = vec![9; 100_000];
    assert!(host.block(pool, "echo", &alone).result() == alone);
}

fn a_payload_above_the_limit_is_refused_and_one_at_the_limit_passes(channel: &str) {
    let mut host = Host::start();
    let small = json!({ "maxPayloadBytes": 100_000 });
    let pool = host.open_with(channel, "worker", small);
    let most = vec![1; 100_000];
    let ticket = host.call(pool, "echo", &most);
    assert!(host.settle(ticket).result() == most);
    assert_eq!(
        host.try_call(pool, "echo", 0, &vec![1; 100_001])
            .unwrap_err(),
        ErrorKind::PayloadTooLarge
    );
    // A worker that answers with more than it may does not speak the protocol.
    let ticket = host.call(pool, "make", b"100001");
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::Protocol);
    assert!(failed.text("message").contains("maxPayloadBytes"));
    assert_eq!(host.block(pool, "make", b"100000").result().len(), 100_000);
}

fn sixty_four_mebibytes_travel_both_ways_and_hold_up_nobody(channel: &str) {
    let mut host = Host::start();
    // In blocks it would be there before the first small call is made.
    let pool = host.open_with(channel, "worker", json!({ "maxBlockBytes": 0 }));
    let large = Random(9).bytes(64 * 1024 * 1024);
    let ticket = host.call(pool, "echo", &large);
    let mut small = 0;
    while !host.has_settled(ticket) && small < 5 {
        let one = host.call(pool, "echo", b"small");
        assert_eq!(host.settle(one).result(), b"small");
        small += usize::from(!host.has_settled(ticket));
    }
    assert!(small >= 1, "a small call is answered before the large one");
    assert!(host.settle(ticket).result() == large);
    assert!(host.block(pool, "echo", &large).result() == large);
    let pool = host.open(channel, "worker");
    let ticket = host.call(pool, "echo", &large);
    assert!(host.block(pool, "echo", &large).result() == large);
    assert!(host.settle(ticket).result() == large);
}

fn events_of_the_host_reach_every_worker_in_their_order(channel: &str) {
    let mut host = Host::start();
    let pool = host.open_with(channel, "worker", json!({ "workers": 2 }));
    let other = host.open(channel, "worker");
    let queue = host.core().open_queue(QUEUE, 10);
    let elsewhere = host.core().open_queue("elsewhere", 10);
    host.core().listen(queue, true);
    for number in 0..5000_u64 {
        host.core()
            .publish(queue, &[&number.to_le_bytes()])
            .unwrap();
        host.core().publish(elsewhere, &[b"not for them"]).unwrap();
    }
    for pool in [pool, other] {
        for _ in 0..2 {
            host.run_until("all events", |host| {
                let ticket = host.call(pool, "heard", b"");
                (host.settle(ticket).text() == "5000 true").then_some(())
            });
        }
    }
    assert!(host.events.is_empty(), "nobody hears himself");
    let counts = host.core().queue_counts(queue).expect("a queue");
    assert_eq!(
        (counts.published, counts.received, counts.dropped),
        (5000, 0, 0)
    );
    // And from a worker to the host.
    let large = host.core().open_queue(QUEUE, 65_536);
    let ticket = host.call(other, "publish", b"3000");
    host.settle(ticket);
    let mut table = vec![0; ENTRY_WORDS];
    let mut incoming = vec![0; 1024];
    for number in 0..3000_u64 {
        let wait = Some(PATIENCE.min(Duration::from_millis(100)));
        let taken = loop {
            match host
                .core()
                .take_event(large, wait, &mut table, &mut incoming)
            {
                WaitOutcome::Timeout | WaitOutcome::Again => {}
                taken => break taken,
            }
        };
        assert_eq!(taken, WaitOutcome::Done);
        assert_eq!(incoming[..8], number.to_le_bytes());
    }
    // The queue of ten listens: what was not handed out in time was dropped, the newest kept.
    host.run_until("the last event", |host| {
        let last = host.events.back()?;
        (last.1 == family::END).then_some(())
    });
}

fn events_reach_the_other_workers_while_the_host_is_busy(channel: &str) {
    let mut host = Host::start();
    let file = std::env::temp_dir().join(format!(
        "plump-heard-{}-{channel}-{:?}",
        std::process::id(),
        thread::current().id()
    ));
    let heard = json!({ "env": [[HEARD, file.to_str().unwrap()]] });
    let speaker = host.open(channel, "worker");
    let listener = host.open_with(channel, "worker", heard);
    host.block(speaker, "echo", b"");
    host.block(listener, "echo", b"");
    host.call(speaker, "publish", b"10000");
    // From here on the host's thread does nothing for anybody.
    let mut text = String::new();
    until("the other worker's word", || {
        text = std::fs::read_to_string(&file).unwrap_or_default();
        !text.is_empty()
    });
    std::fs::remove_file(&file).unwrap();
    assert_eq!(text, "10000 true");
}

fn an_event_above_the_hosts_limit_is_refused_where_it_is_published(channel: &str) {
    let mut host = Host::start();
    let small = json!({ "maxPayloadBytes": 2000 });
    let pool = host.open_with(channel, "worker", small);
    let too_large = (ErrorKind::PayloadTooLarge as u16).to_string();
    assert_eq!(host.block(pool, "oversize", b"2001").text(), too_large);
    assert_eq!(host.block(pool, "oversize", b"2000").text(), "0");
    assert_eq!(host.block(pool, "echo", b"lives").result(), b"lives");
}

fn a_small_limit_of_one_instance_does_not_end_its_workers_by_the_events_of_another(channel: &str) {
    let mut host = Host::start();
    let small = json!({ "maxPayloadBytes": 1024 });
    let small = host.open_with(channel, "worker", small);
    let large = host.open(channel, "worker");
    let pid = host.block(small, "pid", b"").text();
    assert_eq!(host.block(large, "oversize", b"300000").text(), "0");
    host.block(large, "publish", b"7");
    host.run_until("the events behind it", |host| {
        let heard = host.block(small, "heard", b"").text();
        heard.starts_with("7 ").then_some(())
    });
    assert_eq!(host.block(small, "pid", b"").text(), pid);
}

fn a_worker_that_closes_its_link_and_lives_on_is_ended(channel: &str) {
    let mut host = Host::start();
    let pool = host.open(channel, "worker");
    let pid = host.block(pool, "pid", b"").text().parse().unwrap();
    let ticket = host.call(pool, "leave", b"");
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::WorkerLost);
    until("the end of the worker", || !is_running(pid));
    assert_eq!(host.block(pool, "echo", b"on").result(), b"on");
}

fn a_stopped_worker_is_unresponsive(channel: &str) {
    let mut host = Host::start();
    let quick = json!({ "heartbeatMs": 50, "heartbeatTimeoutMs": 300 });
    let pool = host.open_with(channel, "worker", quick);
    let pid = host.block(pool, "pid", b"").text().parse().unwrap();
    // Busy is not stopped: its link thread answers.
    assert_eq!(host.block(pool, "sleep", b"800").result(), b"");
    let ticket = host.call(pool, "signal", libc::SIGSTOP.to_string());
    let failed = host.settle(ticket).failure();
    assert_eq!(failed.kind, ErrorKind::WorkerUnresponsive);
    assert_eq!(failed.text("signal"), "SIGKILL");
    until("the end of the worker", || !is_running(pid));
    let failed = host
        .block(pool, "signal", libc::SIGSTOP.to_string())
        .failure();
    assert_eq!(failed.kind, ErrorKind::WorkerUnresponsive);
}

fn a_process_of_the_users_own_becomes_a_worker_by_its_link(channel: &str) {
    let mut host = Host::start();
    let pool = host.open_with(channel, "worker", json!({ "workers": 0 }));
    let start = |host: &Host| {
        let link = host.core().open_link(pool).expect("a link");
        let (program, args) = program_again();
        let descriptors: Vec<i32> = link
            .descriptors
            .iter()
            .map(|number| i32::try_from(*number).unwrap())
            .collect();
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env(ROLE, "worker")
            .env(VARIABLE, &link.value);
        let inherit = move || {
            // First out of the way of each other, then to their places.
            for (index, from) in descriptors.iter().enumerate() {
                // SAFETY: dup2 takes two numbers and may be called between fork and exec.
                unsafe { libc::dup2(*from, 60 + i32::try_from(index).unwrap()) };
            }
            for index in 0..i32::try_from(descriptors.len()).unwrap() {
                // SAFETY: as above; the copy is not close-on-exec.
                unsafe { libc::dup2(60 + index, 3 + index) };
                // SAFETY: the number is ours since the loop before.
                unsafe { libc::close(60 + index) };
            }
            Ok(())
        };
        // SAFETY: between fork and exec only calls are made that may be made there.
        unsafe { command.pre_exec(inherit) };
        let child = command.spawn().expect("a child");
        host.core().link_handed(link.link);
        child
    };
    let mut child = start(&host);
    assert_eq!(
        host.block(pool, "pid", b"").text(),
        child.id().to_string(),
        "calls wait for it"
    );
    let ticket = host.call(pool, "delay", b"30000");
    signal(child.id(), SIGKILL);
    let failed = host.settle(ticket).failure();
    assert_eq!(
        failed.kind,
        ErrorKind::WorkerLost,
        "its exit is not ours to know"
    );
    child.wait().unwrap();
    let mut child = start(&host);
    assert_eq!(host.block(pool, "echo", b"next").result(), b"next");
    // A link that nobody ever takes does not hold up the end.
    let _nobody = host.core().open_link(pool).expect("a link");
    host.close(pool, 20_000);
    assert!(child.wait().unwrap().success());
}

fn every_call_settles_once_under_random_kills(channel: &str) {
    const CALLS: u32 = 10_000;
    const KILLS: u32 = 100;
    let mut host = Host::start();
    let pool = host.open_with(channel, "worker", json!({ "workers": 2 }));
    let mut random = Random(0x00D1_E000 + channel.len() as u64);
    let mut made = Vec::new();
    let (mut answered, mut failed, mut kills) = (0, 0, 0);
    let mut check = |payload: Option<u32>, outcome: Outcome| match outcome {
        Outcome::Result(bytes) => {
            match payload {
                Some(number) => assert_eq!(bytes[..4], number.to_le_bytes()),
                None => assert_eq!(bytes, b"late"),
            }
            answered += 1;
        }
        other => {
            let kind = other.failure().kind;
            let timed_out = kind == ErrorKind::CallTimeout && payload.is_none();
            assert!(
                kind == ErrorKind::WorkerKilled || timed_out,
                "{kind:?} is no outcome of a kill"
            );
            failed += 1;
        }
    };
    for number in 0..CALLS {
        let payload = [number.to_le_bytes(); 8].concat();
        match random.below(100) {
            0 => {
                let outcome = host.block(pool, "echo", &payload);
                check(Some(number), outcome);
            }
            1..=4 => {
                let timeout = 1 + u32::try_from(random.below(4)).unwrap();
                let ticket = host.try_call(pool, "delay", timeout, b"2").unwrap();
                made.push((None, ticket));
            }
            5 => {
                let large = payload.repeat(20_000);
                made.push((Some(number), host.call(pool, "echo", large)));
            }
            _ => made.push((Some(number), host.call(pool, "echo", &payload))),
        }
        if number % 7 == 0 {
            host.turn(Duration::ZERO);
        }
        if number % (CALLS / KILLS) == 50 {
            let pids = host.run_until("a worker to kill", |host| {
                Some(host.ready_pids(pool)).filter(|pids| !pids.is_empty())
            });
            signal(pids[random.below(pids.len())], SIGKILL);
            kills += 1;
        }
        while made.len() > 200 {
            let (payload, ticket) = made.swap_remove(random.below(made.len()));
            let outcome = host.settle(ticket);
            check(payload, outcome);
        }
    }
    for (payload, ticket) in made {
        let outcome = host.settle(ticket);
        check(payload, outcome);
    }
    assert_eq!(kills, KILLS);
    assert_eq!(answered + failed, CALLS);
    assert!(failed >= 20, "only {failed} calls met a kill");
    assert_eq!(host.in_flight(), 0);
    host.close(pool, 5000);
    assert!(host.times(pool, "exit") >= 90);
}

// --- what is not about channels ---------------------------------------------------------------------------------------

#[test]
fn more_workers_than_a_family_may_have_are_refused() {
    within_watchdog("more_workers_than_a_family_may_have_are_refused", || {
        let host = Host::start();
        for workers in [1025, 1_000_000, u64::MAX] {
            let many = json!({ "workers": workers });
            let refused = host.try_open_with("auto", "worker", many);
            assert_eq!(
                refused.expect_err("too many").kind,
                ErrorKind::TooManyWorkers as u16
            );
        }
        let _one = host.open("auto", "worker");
        let many = json!({ "workers": u64::MAX });
        assert!(host.try_open_with("auto", "worker", many).is_err());
        let wrong = host.core().open_pool("{}").expect_err("no options");
        assert_eq!(wrong.kind, ErrorKind::InvalidOption as u16);
    });
}

#[test]
fn a_pool_that_does_not_exist_takes_no_calls() {
    within_watchdog("a_pool_that_does_not_exist_takes_no_calls", || {
        let mut host = Host::start();
        assert_eq!(
            host.try_call(99, "echo", 0, b"").unwrap_err(),
            ErrorKind::NotStarted
        );
        let request = CallRequest {
            pool: 99,
            command: 0,
            token: 0,
            blocking: false,
            asked: Asked::default(),
            key: None,
            block: 0,
        };
        assert_eq!(
            host.core().submit(request, &[]).unwrap_err(),
            ErrorKind::Closed
        );
        assert!(host.core().pool_stats(99).is_none());
        host.core().close_pool(99, 0);
        assert!(host.core().open_link(99).is_err());
    });
}

#[test]
fn a_queue_that_is_closed_gives_and_takes_nothing() {
    within_watchdog("a_queue_that_is_closed_gives_and_takes_nothing", || {
        let host = Host::start();
        let queue = host.core().open_queue("q", 10);
        let (mut table, mut incoming) = (vec![0; ENTRY_WORDS], vec![0; 100]);
        let now = Some(Duration::ZERO);
        let mut take = || {
            host.core()
                .take_event(queue, now, &mut table, &mut incoming)
        };
        assert_eq!(take(), WaitOutcome::Timeout);
        assert_eq!(host.core().poll_event(queue, now), WaitOutcome::Timeout);
        host.core().close_queue(queue);
        assert_eq!(take(), WaitOutcome::Gone);
        assert_eq!(host.core().poll_event(queue, now), WaitOutcome::Gone);
        assert_eq!(
            host.core().publish(queue, &[b""]),
            Err(ErrorKind::BusClosed)
        );
        assert_eq!(host.core().queue_counts(queue), None);
    });
}

#[test]
fn a_link_that_is_none_is_refused() {
    within_watchdog("a_link_that_is_none_is_refused", || {
        let core = Environment::start(Box::new(|| {}), false).expect("an environment");
        for value in [
            "",
            "1",
            "2 0 pipe 3 4 5 6",
            "1 0 pipe 3 4 5",
            "1 0 pipe 3 4 5 6 7",
            "1 0 ring 3 4 5 6 7",
            "1 0 socket 3 4 5 6",
            "1 0 pipe 3 4 5 x",
            "1 0 pipe 3 4 5 -6",
            "1 x pipe 3 4 5 6",
            "1 -1 pipe 3 4 5 6",
            "1 0  pipe 3 4 5 6",
            "1 0 pipe 3 4 5 6 ",
            "1 0 pipe 1000000 1000001 1000002 1000003",
            "1 0 pipe 0 1 2 1000003",
            "1 0 pipe 18446744073709551615 4 5 6",
            "1 0 pipe 18446744073709551616 4 5 6",
        ] {
            let refused = core.open_uplink(value, VERSION).expect_err(value);
            assert_eq!(refused.kind, ErrorKind::InvalidLink as u16, "{value}");
        }
    });
}

/// Starts this program again as something else than a worker, its stdout readable.
fn play_alone(role: &str, channel: &str) -> std::process::Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args([family::PLAYER, "--exact", "--nocapture"])
        .env(ROLE, role)
        .env("PLUMP_TEST_CHANNEL", channel)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

#[cfg(target_os = "linux")]
#[test]
fn an_environment_that_ends_leaves_no_process_no_descriptor_and_no_thread() {
    within_watchdog("an_environment_that_ends_leaves_nothing", || {
        for channel in ["pipe", "ring"] {
            let output = play_alone("ends_environments", channel)
                .wait_with_output()
                .unwrap();
            assert!(output.status.success(), "over {channel}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn workers_end_with_a_host_that_is_killed_whatever_they_do() {
    within_watchdog("workers_end_with_a_host_that_is_killed", || {
        for channel in ["pipe", "ring"] {
            let mut host = play_alone("is_killed", channel);
            let out = BufReader::new(host.stdout.take().unwrap());
            let pids: Vec<u32> = out
                .lines()
                .map_while(Result::ok)
                .find_map(|line| {
                    let pids = line.split("workers ").nth(1)?;
                    Some(pids.split(' ').map(|pid| pid.parse().unwrap()).collect())
                })
                .expect("the process ids of its workers");
            assert_eq!(pids.len(), 3);
            assert!(pids.iter().all(|pid| is_running(*pid)));
            signal(host.id(), SIGKILL);
            host.wait().unwrap();
            until("the end of its workers", || {
                !pids.iter().any(|pid| is_running(*pid))
            });
        }
    });
}

#[cfg(target_os = "linux")]
fn entries_of(directory: &str) -> usize {
    std::fs::read_dir(directory).expect(directory).count()
}

/// Makes and ends environments in the middle of everything; panics when something stays behind.
#[cfg(target_os = "linux")]
fn end_environments(channel: &str) {
    let round = |seed: u64| {
        let mut random = Random(seed);
        let mut host = Host::start();
        let pool = host.open_with(channel, "worker", json!({ "workers": 2 }));
        let other = host.open(channel, "waits");
        let queue = host.core().open_queue(QUEUE, 10);
        host.core().publish(queue, &[b"event"]).unwrap();
        let _link = host.core().open_link(pool);
        for _ in 0..random.below(4) {
            host.block(pool, "echo", b"");
        }
        for _ in 0..random.below(50) {
            host.call(pool, "delay", b"30000");
            host.call(pool, "echo", vec![0; 100_000]);
            host.call(other, "echo", b"never");
        }
        if random.below(2) == 0 {
            host.core().close_pool(pool, 1000);
        }
        // Spawned, starting, ready or busy: all of them end here.
        thread::sleep(Duration::from_millis(random.next() % 40));
    };
    round(1);
    let settled = || {
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: a null pointer asks for no status; nothing is reaped.
        let child = unsafe { libc::waitid(libc::P_ALL, 0, std::ptr::null_mut(), options) };
        (
            child == -1,
            entries_of("/proc/self/fd"),
            entries_of("/proc/self/task"),
        )
    };
    until("no child", || settled().0);
    thread::sleep(Duration::from_millis(100));
    let before = settled();
    for seed in 2..22 {
        round(seed);
    }
    let deadline = Instant::now() + PATIENCE;
    while settled() != before {
        assert!(
            Instant::now() < deadline,
            "(no children, descriptors, threads): {before:?} before, {:?} after",
            settled()
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Has three workers that are busy, idle and stopped, says which, and waits for its end.
fn be_killed(channel: &str) {
    let mut host = Host::start();
    let pools: Vec<_> = (0..3).map(|_| host.open(channel, "worker")).collect();
    let pids: Vec<_> = pools
        .iter()
        .map(|pool| host.block(*pool, "pid", b"").text())
        .collect();
    host.call(pools[0], "spin", b"");
    host.call(pools[1], "signal", libc::SIGSTOP.to_string());
    thread::sleep(Duration::from_millis(50));
    println!("\nworkers {}", pids.join(" "));
    thread::sleep(PATIENCE);
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let channel = std::env::var("PLUMP_TEST_CHANNEL").unwrap_or_default();
    match role.as_str() {
        #[cfg(target_os = "linux")]
        "ends_environments" => end_environments(&channel),
        "is_killed" => be_killed(&channel),
        role => assert!(family::play(role), "no role {role}"),
    }
}
