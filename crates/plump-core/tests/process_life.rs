//! Processes as `plump_core::platform` starts, watches, ends and measures them. Unix; every child is a shell, a
//! `sleep` or this test itself, and every one is bounded.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use plump_core::platform::{
    self, Bell, Child, Event, ExitStatus, FIRST_INHERITED, InheritedEnd, PipeReader, Reactor,
    SpawnRequest, inherited_number, open_inherited_reader, open_inherited_writer, pipe_from_child,
    pipe_to_child, spawn,
};

/// Long enough for anything that should happen, not a measure of speed.
const PATIENCE: Duration = Duration::from_secs(20);
const EXIT_KEY: usize = 7;
/// Names the role of a test program that another test started.
const ROLE: &str = "PLUMP_TEST_ROLE";
/// The process id that a grandchild expects its parent to have.
const PARENT: &str = "PLUMP_TEST_PARENT";

/// Runs a test on a thread of its own and gives up on it, so that a hang has a name.
fn within_watchdog(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let runner = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    let hangs = finished.recv_timeout(2 * PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!hangs, "still not done after {:?}", 2 * PATIENCE);
    if let Err(panic) = runner.join() {
        std::panic::resume_unwind(panic);
    }
}

/// `/bin/sh -c script` with an empty environment.
fn shell(script: &str) -> SpawnRequest {
    SpawnRequest {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: Vec::new(),
        cwd: None,
        inherit: Vec::new(),
        stderr: None,
    }
}

/// Kills the child when a test fails half-way.
struct Bounded(Child);

impl Drop for Bounded {
    fn drop(&mut self) {
        self.0.kill();
    }
}

fn start(request: SpawnRequest) -> Bounded {
    Bounded(spawn(request).expect("a child"))
}

fn wait_for_exit(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "child {} does not end",
            child.pid()
        );
        thread::sleep(Duration::from_millis(2));
    }
}

/// Everything up to the end of the pipe.
fn read_to_end(mut reader: PipeReader) -> String {
    let reactor = Reactor::new().expect("a reactor");
    reactor.register(1, reader.source()).expect("registered");
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    let mut part = [0; 4096];
    loop {
        match reader.try_read(&mut part) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(
                    Instant::now() < deadline,
                    "no end of the pipe; so far {all:?}"
                );
                reactor
                    .arm(1, reader.source(), platform::Interest::Readable)
                    .expect("armed");
                reactor
                    .wait(&mut Vec::new(), Some(deadline))
                    .expect("a wait");
            }
            Err(error) => panic!("reading failed: {error}"),
        }
    }
    reactor.deregister(reader.source());
    String::from_utf8(all).expect("text")
}

/// Runs a script whose standard output is descriptor 3, and gives what it wrote.
fn output_of(mut request: SpawnRequest) -> String {
    let (reader, end) = pipe_from_child().expect("a pipe");
    request.inherit.insert(0, end);
    let mut child = start(request);
    let output = read_to_end(reader);
    wait_for_exit(&mut child.0);
    output
}

/// This test program once more, in a role of [`this_program_started_again_plays_its_role`]. Through a shell, so that the
/// test runner's own words do not mix with those of this run.
fn again(role: &str) -> SpawnRequest {
    let program = std::env::current_exe().expect("this program");
    let mut request = shell("exec \"$0\" \"$@\" >/dev/null");
    request.args.push(program.into_os_string());
    let test = "this_program_started_again_plays_its_role";
    request
        .args
        .extend([test, "--exact", "--nocapture"].map(OsString::from));
    request.env = vec![(ROLE.into(), role.into())];
    request
}

fn reports_of(reactor: &Reactor, limit: Duration) -> Vec<Event> {
    let deadline = Instant::now() + limit;
    let mut events = Vec::new();
    while events.is_empty() && Instant::now() < deadline {
        reactor.wait(&mut events, Some(deadline)).expect("a wait");
    }
    events
}

#[test]
fn an_exit_code_is_told_and_remembered() {
    within_watchdog(|| {
        let mut child = start(shell("exit 42"));
        let expected = ExitStatus {
            code: Some(42),
            signal: None,
        };
        assert_eq!(wait_for_exit(&mut child.0), expected);
        assert_eq!(child.0.try_wait().expect("a status"), Some(expected));
        assert_eq!(expected.to_string(), "exit code 42");
    });
}

#[test]
fn a_signal_is_told_by_number_and_name() {
    within_watchdog(|| {
        let mut child = start(shell("kill -SEGV $$"));
        let status = wait_for_exit(&mut child.0);
        assert_eq!(
            status,
            ExitStatus {
                code: None,
                signal: Some(libc::SIGSEGV)
            }
        );
        assert_eq!(status.to_string(), "SIGSEGV");
        assert_eq!(platform::signal_name(libc::SIGKILL), Some("SIGKILL"));
        assert_eq!(platform::signal_name(0), None);
    });
}

#[test]
fn a_running_child_has_no_status_until_it_is_killed() {
    within_watchdog(|| {
        let mut child = start(shell("exec sleep 30"));
        assert_eq!(child.0.try_wait().expect("a look"), None);
        child.0.kill();
        assert_eq!(wait_for_exit(&mut child.0).signal, Some(libc::SIGKILL));
        child.0.kill();
        child.0.terminate();
    });
}

#[test]
fn a_child_can_be_asked_to_end() {
    within_watchdog(|| {
        let mut child = start(shell("exec sleep 30"));
        child.0.terminate();
        assert_eq!(wait_for_exit(&mut child.0).signal, Some(libc::SIGTERM));
    });
}

#[test]
fn a_missing_program_is_an_error_of_spawn() {
    let mut request = shell("");
    request.program = "/nowhere/at/all".into();
    assert_eq!(
        spawn(request).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::NotFound)
    );
}

#[test]
fn a_file_that_cannot_be_run_is_an_error_of_spawn() {
    let mut request = shell("");
    request.program = "/etc/passwd".into();
    let refused = spawn(request).map(drop).map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::PermissionDenied));
}

#[test]
fn a_missing_directory_is_an_error_of_spawn_that_names_it() {
    let mut request = shell("");
    request.cwd = Some("/nowhere/at/all".into());
    let error = spawn(request).map(drop).expect_err("no such directory");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}

#[test]
fn a_program_is_never_searched_for() {
    let mut request = shell("");
    request.program = "sh".into();
    assert_eq!(
        spawn(request).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::InvalidInput)
    );
}

#[test]
fn a_zero_byte_is_refused_wherever_it_stands() {
    let poisoned = OsString::from("a\0b");
    let mut requests = [shell(""), shell(""), shell(""), shell(""), shell("")];
    requests[0].program = OsString::from("/bin/\0sh");
    requests[1].args.push(poisoned.clone());
    requests[2].env.push((poisoned.clone(), "x".into()));
    requests[3].env.push(("X".into(), poisoned.clone()));
    requests[4].cwd = Some(PathBuf::from(poisoned));
    for request in requests {
        let refused = spawn(request).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::InvalidInput));
    }
}

#[test]
fn arguments_arrive_as_they_are() {
    within_watchdog(|| {
        let mut request = shell("printf '<%s>' \"$@\" >&3");
        request
            .args
            .extend(["name", "", "two words", "'quoted'", "ü"].map(OsString::from));
        assert_eq!(output_of(request), "<><two words><'quoted'><ü>");
    });
}

#[test]
fn the_environment_is_exactly_the_given_one() {
    within_watchdog(|| {
        let mut request = shell("exec /usr/bin/env >&3");
        request.env = vec![
            ("PLUMP_ONE".into(), "1".into()),
            ("PLUMP_EMPTY".into(), "".into()),
            ("PLUMP_EQUALS".into(), "a=b".into()),
        ];
        let output = output_of(request);
        let got: BTreeMap<_, _> = output
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        // The shell adds these by itself.
        let own = ["PWD", "OLDPWD", "SHLVL", "_"];
        let got: Vec<_> = got
            .into_iter()
            .filter(|(name, _)| !own.contains(name))
            .collect();
        assert_eq!(
            got,
            [
                ("PLUMP_EMPTY", ""),
                ("PLUMP_EQUALS", "a=b"),
                ("PLUMP_ONE", "1")
            ]
        );
    });
}

#[test]
fn a_child_starts_in_the_given_directory() {
    within_watchdog(|| {
        let mut request = shell("/bin/pwd >&3");
        request.cwd = Some("/usr".into());
        assert_eq!(output_of(request), "/usr\n");
    });
}

#[test]
fn standard_input_is_empty() {
    within_watchdog(|| {
        assert_eq!(
            output_of(shell(
                "if read line; then echo $line; else echo empty; fi >&3"
            )),
            "empty\n"
        );
    });
}

#[test]
fn standard_error_can_be_taken() {
    within_watchdog(|| {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut request = shell("echo complaint >&2");
        request.stderr = Some(end);
        let mut child = start(request);
        assert_eq!(read_to_end(reader), "complaint\n");
        wait_for_exit(&mut child.0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_gets_the_given_descriptors_and_no_other() {
    within_watchdog(|| {
        // Somebody else's file, which is not close-on-exec: a library in C, say.
        let leak = fs::File::open("/dev/null").expect("a file");
        // SAFETY: dup takes no pointer.
        let leaky = unsafe { libc::dup(leak.as_raw_fd()) };
        assert!(leaky >= 0);
        let (_writer, second) = pipe_to_child().expect("a pipe");
        let (_reader, third) = pipe_from_child().expect("a pipe");
        let mut request = shell("exec /bin/ls /proc/self/fd >&3");
        request.inherit = vec![second, third];
        let output = output_of(request);
        // SAFETY: close takes no pointer; the number is ours.
        unsafe { libc::close(leaky) };
        let mut got: Vec<i32> = output
            .lines()
            .map(|line| line.parse().expect("a number"))
            .collect();
        got.sort_unstable();
        // 6 is the directory that ls itself reads.
        assert_eq!(got, [0, 1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn inherited_ends_keep_their_order_whatever_their_numbers_were() {
    within_watchdog(|| {
        let mut readers = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..5 {
            let (reader, end) = pipe_from_child().expect("a pipe");
            readers.push(reader);
            ends.push(end);
        }
        // The numbers here descend while the numbers there ascend, so that a plain dup2 would collide.
        ends.reverse();
        readers.reverse();
        for (index, end) in ends.iter().enumerate() {
            let expected = u64::from(FIRST_INHERITED.unsigned_abs()) + index as u64;
            assert_eq!(inherited_number(index, end), expected);
        }
        let mut request = shell("for n in 3 4 5 6 7; do eval \"echo $n >&$n\"; done");
        request.inherit = ends;
        let mut child = start(request);
        for (index, reader) in readers.into_iter().enumerate() {
            assert_eq!(read_to_end(reader), format!("{}\n", index + 3));
        }
        wait_for_exit(&mut child.0);
    });
}

#[test]
fn a_pipe_to_a_child_ends_when_this_side_is_dropped() {
    within_watchdog(|| {
        let (mut writer, end) = pipe_to_child().expect("a pipe");
        let mut request = shell("cat <&4 >&3");
        request.inherit = vec![end];
        let (reader, out) = pipe_from_child().expect("a pipe");
        request.inherit.insert(0, out);
        let mut child = start(request);
        assert_eq!(writer.try_write(b"hello").expect("room"), 5);
        drop(writer);
        assert_eq!(read_to_end(reader), "hello");
        assert_eq!(wait_for_exit(&mut child.0).code, Some(0));
    });
}

#[test]
fn the_end_of_a_child_is_the_end_of_its_pipe() {
    within_watchdog(|| {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut request = shell("exec sleep 30");
        request.inherit = vec![end];
        let mut child = start(request);
        child.0.kill();
        assert_eq!(read_to_end(reader), "");
        wait_for_exit(&mut child.0);
    });
}

#[test]
fn an_exit_is_reported_once_under_its_key() {
    within_watchdog(|| {
        let reactor = Reactor::new().expect("a reactor");
        let (writer, end) = pipe_to_child().expect("a pipe");
        let mut request = shell("read line <&3; exit 5");
        request.inherit = vec![end];
        let mut child = start(request);
        reactor.watch_exit(EXIT_KEY, &child.0).expect("watched");
        assert_eq!(reports_of(&reactor, Duration::from_millis(50)), []);
        drop(writer);
        let reports = reports_of(&reactor, PATIENCE);
        assert_eq!(
            reports.iter().map(|event| event.key).collect::<Vec<_>>(),
            [EXIT_KEY]
        );
        assert!(reports[0].readable);
        assert_eq!(
            child
                .0
                .try_wait()
                .expect("a status")
                .and_then(|status| status.code),
            Some(5)
        );
        assert_eq!(reports_of(&reactor, Duration::from_millis(50)), []);
        reactor.unwatch_exit(&child.0);
    });
}

#[test]
fn an_exit_before_the_watch_is_reported() {
    within_watchdog(|| {
        let reactor = Reactor::new().expect("a reactor");
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut request = shell("exit 0");
        request.inherit = vec![end];
        let child = start(request);
        read_to_end(reader);
        thread::sleep(Duration::from_millis(50));
        reactor.watch_exit(EXIT_KEY, &child.0).expect("watched");
        assert_eq!(reports_of(&reactor, PATIENCE).len(), 1);
        reactor.unwatch_exit(&child.0);
    });
}

#[test]
fn an_exit_nobody_watches_any_more_is_silent() {
    within_watchdog(|| {
        let reactor = Reactor::new().expect("a reactor");
        let child = start(shell("exec sleep 30"));
        reactor.watch_exit(EXIT_KEY, &child.0).expect("watched");
        reactor.unwatch_exit(&child.0);
        child.0.kill();
        assert_eq!(reports_of(&reactor, Duration::from_millis(100)), []);
    });
}

#[test]
fn a_source_is_silent_until_armed_and_after_its_report() {
    within_watchdog(|| {
        const SILENCE: Duration = Duration::from_millis(50);
        let reactor = Reactor::new().expect("a reactor");
        let (reader, end) = pipe_from_child().expect("a pipe");
        reactor.register(1, reader.source()).expect("registered");
        drop(end);
        assert_eq!(
            reports_of(&reactor, SILENCE),
            [],
            "a hang-up nobody asked about"
        );
        reactor
            .arm(1, reader.source(), platform::Interest::Readable)
            .expect("armed");
        assert_eq!(reports_of(&reactor, PATIENCE).len(), 1);
        assert_eq!(reports_of(&reactor, SILENCE), [], "one report an arming");
        reactor
            .arm(2, reader.source(), platform::Interest::Readable)
            .expect("armed");
        assert_eq!(
            reports_of(&reactor, PATIENCE)
                .iter()
                .map(|event| event.key)
                .sum::<usize>(),
            2
        );
        reactor
            .arm(1, reader.source(), platform::Interest::Readable)
            .expect("armed");
        reactor.deregister(reader.source());
        assert_eq!(reports_of(&reactor, SILENCE), [], "deregistered");
        let refused = reactor.arm(1, reader.source(), platform::Interest::Readable);
        assert_eq!(
            refused.map_err(|error| error.kind()),
            Err(ErrorKind::NotFound)
        );
    });
}

#[test]
fn a_notification_before_the_wait_is_not_lost() {
    within_watchdog(|| {
        let reactor = Reactor::new().expect("a reactor");
        reactor.notify();
        let mut events = Vec::new();
        reactor.wait(&mut events, None).expect("a wait");
        assert_eq!(events, []);
        reactor
            .wait(&mut events, Some(Instant::now()))
            .expect("a wait that is over");
    });
}

#[test]
fn keys_and_sources_are_registered_once() {
    let reactor = Reactor::new().expect("a reactor");
    let bell = Bell::new().expect("a bell");
    let refused = reactor
        .register(usize::MAX, bell.source())
        .map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::InvalidInput));
    reactor.register(1, bell.source()).expect("registered");
    let refused = reactor
        .register(2, bell.source())
        .map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::AlreadyExists));
    reactor.deregister(bell.source());
    reactor.deregister(bell.source());
}

#[test]
fn a_bell_wakes_a_sleeper_in_another_thread_and_in_a_reactor() {
    within_watchdog(|| {
        let bell = Bell::new().expect("a bell");
        let other = Bell::new().expect("a bell");
        assert!(!bell.wait(Some(Duration::from_millis(20))));
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                bell.ring();
                bell.ring();
            });
            assert!(platform::wait_any(&[&other, &bell], Some(PATIENCE)));
        });
        assert!(
            bell.wait(Some(Duration::ZERO)),
            "level: it rings until it is cleared"
        );
        let reactor = Reactor::new().expect("a reactor");
        reactor.register(3, bell.source()).expect("registered");
        reactor
            .arm(3, bell.source(), platform::Interest::Readable)
            .expect("armed");
        assert_eq!(reports_of(&reactor, PATIENCE).len(), 1);
        reactor.deregister(bell.source());
        bell.clear();
        assert!(!platform::wait_any(
            &[&other, &bell],
            Some(Duration::from_millis(20))
        ));
    });
}

#[test]
fn a_hundred_children_leave_no_descriptor_and_no_zombie() {
    within_watchdog(|| {
        // In a process of its own: the other tests open descriptors meanwhile.
        let output = output_of(again("hundred_children"));
        assert!(output.ends_with("clean\n"), "{output}");
    });
}

#[test]
fn an_abandoned_child_does_not_stay_as_a_zombie() {
    within_watchdog(|| {
        let child = spawn(shell("exec sleep 0.2")).expect("a child");
        let pid = child.pid();
        drop(child);
        let deadline = Instant::now() + PATIENCE;
        // SAFETY: signal 0 only asks whether the process exists; a zombie does.
        while unsafe { libc::kill(pid.cast_signed(), 0) } == 0 {
            assert!(Instant::now() < deadline, "{pid} is still there");
            thread::sleep(Duration::from_millis(10));
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_parent_takes_its_child_along() {
    within_watchdog(|| {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut request = again("parent");
        request.inherit = vec![end];
        let mut parent = start(request);
        let mut first = [0];
        let mut reader = reader;
        let deadline = Instant::now() + PATIENCE;
        while reader.try_read(&mut first).is_err() {
            assert!(Instant::now() < deadline, "the grandchild does not begin");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(&first, b"+", "the grandchild adopted its parent");
        parent.0.kill();
        wait_for_exit(&mut parent.0);
        // The grandchild holds the writing end and spins for 30 s: only its death ends the pipe.
        assert_eq!(read_to_end(reader), "");
    });
}

#[test]
fn a_worker_learns_that_its_parent_is_gone() {
    within_watchdog(|| {
        assert_eq!(output_of(again("orphan")), "gone\n");
    });
}

#[test]
fn an_ignored_interrupt_does_not_end_a_process() {
    within_watchdog(|| {
        assert_eq!(output_of(again("interrupted")), "still here\n");
    });
}

#[test]
fn a_broken_pipe_raises_no_signal_where_the_signal_would_kill() {
    within_watchdog(|| {
        assert_eq!(output_of(again("broken_pipe")), "BrokenPipe, still here\n");
    });
}

#[test]
fn leaving_now_runs_nothing_else() {
    within_watchdog(|| {
        let mut child = start(again("leave"));
        assert_eq!(wait_for_exit(&mut child.0).code, Some(33));
    });
}

#[test]
fn a_bell_rings_across_processes() {
    within_watchdog(|| {
        let bell = Bell::new().expect("a bell");
        let (reader, ready) = pipe_from_child().expect("a pipe");
        let mut request = again("ringer");
        request.inherit = vec![ready, bell.inherit().expect("an end")];
        let mut child = start(request);
        assert!(bell.wait(Some(PATIENCE)), "the child did not ring");
        assert_eq!(read_to_end(reader), "rung\n");
        wait_for_exit(&mut child.0);
    });
}

#[test]
fn only_open_pipes_and_bells_can_be_taken_over() {
    let file = fs::File::open("/dev/null").expect("a file");
    let number = u64::from(file.as_raw_fd().unsigned_abs());
    let kind = |error: std::io::Error| (error.kind(), error.raw_os_error());
    let not_that = Err((ErrorKind::InvalidInput, None));
    assert_eq!(
        open_inherited_reader(number).map(drop).map_err(kind),
        not_that
    );
    assert_eq!(
        open_inherited_writer(number).map(drop).map_err(kind),
        not_that
    );
    assert_eq!(
        Bell::open_inherited(number).map(drop).map_err(kind),
        not_that
    );
    assert!(file.metadata().is_ok(), "a refused descriptor stays open");
    for closed in [2, 900_000, u64::MAX] {
        let errors = [
            open_inherited_reader(closed).map(drop).map_err(kind),
            open_inherited_writer(closed).map(drop).map_err(kind),
            Bell::open_inherited(closed).map(drop).map_err(kind),
        ];
        for error in errors {
            assert_eq!(error.map_err(|(_, number)| number), Err(Some(libc::EBADF)));
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn whoever_wakes_the_spawning_thread_goes_on_first_and_its_children_are_scheduled_as_others() {
    fn policy_of(id: u32) -> i32 {
        // SAFETY: takes and returns numbers.
        unsafe { libc::sched_getscheduler(id.cast_signed()) }
    }
    within_watchdog(|| {
        let (thread, child) = platform::on_spawner_thread(|| {
            // SAFETY: returns a number.
            let thread = unsafe { libc::gettid() };
            (thread.cast_unsigned(), start(shell("exec sleep 30")))
        })
        .recv()
        .expect("a child");
        let own = policy_of(0);
        assert_eq!(policy_of(child.0.pid()), own);
        let idle = if own == libc::SCHED_OTHER {
            libc::SCHED_BATCH
        } else {
            own
        };
        let deadline = Instant::now() + PATIENCE;
        while policy_of(thread) != idle {
            assert!(Instant::now() < deadline, "it pushes in");
            thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn a_process_can_be_measured() {
    let own = std::process::id();
    assert!(platform::resident_bytes(own).expect("a size") > 100_000);
    let before = platform::cpu_time(own).expect("a time");
    let deadline = Instant::now() + PATIENCE;
    while platform::cpu_time(own).expect("a time") < before + Duration::from_millis(5) {
        assert!(
            Instant::now() < deadline,
            "the clock of this process stands"
        );
    }
    assert!(platform::available_cpus() >= 1);
    assert!(platform::parent_id() > 0);
    let nobody = u32::MAX;
    assert_eq!(platform::resident_bytes(nobody), None);
    assert_eq!(platform::cpu_time(nobody), None);
}

#[test]
fn the_spawner_thread_survives_a_panic_and_keeps_the_order() {
    within_watchdog(|| {
        let name = || thread::current().name().map(String::from);
        let panics = platform::on_spawner_thread(|| std::panic::resume_unwind(Box::new("meant")));
        let first = platform::on_spawner_thread(name);
        let second = platform::on_spawner_thread(name);
        assert!(panics.recv_timeout(PATIENCE).map(|(): ()| ()).is_err());
        assert_eq!(
            first.recv_timeout(PATIENCE),
            Ok(Some("plump-spawner".into()))
        );
        assert_eq!(
            second.recv_timeout(PATIENCE),
            Ok(Some("plump-spawner".into()))
        );
    });
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let mut out = platform::open_inherited_writer(3).ok();
    let mut say = |words: &str| {
        let written = out
            .as_mut()
            .expect("descriptor 3")
            .try_write(words.as_bytes());
        assert_eq!(written.expect("room"), words.len());
    };
    match role.as_str() {
        "hundred_children" => say(if children_leave_nothing() {
            "clean\n"
        } else {
            "dirty\n"
        }),
        "parent" => be_a_parent(),
        "grandchild" => {
            let parent = std::env::var(PARENT)
                .expect("a parent")
                .parse()
                .expect("a number");
            let adopted = platform::adopt_parent(parent);
            // By now the thread that asked for this process has ended.
            thread::sleep(Duration::from_millis(200));
            say(if adopted { "+" } else { "-" });
            thread::sleep(2 * PATIENCE);
        }
        "orphan" => say(if platform::adopt_parent(u32::MAX) {
            "there\n"
        } else {
            "gone\n"
        }),
        "interrupted" => {
            platform::ignore_interrupt();
            // SAFETY: raise takes a signal number.
            unsafe { libc::raise(libc::SIGINT) };
            say("still here\n");
        }
        "broken_pipe" => {
            // SAFETY: the default action installs no code.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            let (mut writer, end) = pipe_to_child().expect("a pipe");
            drop(end);
            let error = writer.try_write(b"x").expect_err("nobody reads");
            say(&format!("{:?}, still here\n", error.kind()));
        }
        "ringer" => {
            Bell::open_inherited(4).expect("the bell").ring();
            say("rung\n");
        }
        "leave" => {
            extern "C" fn handler() {
                platform::exit_now(44);
            }
            // SAFETY: the handler is a plain function that lives as long as the process.
            unsafe { libc::atexit(handler) };
            platform::exit_now(33);
        }
        other => panic!("no role {other}"),
    }
}

/// Spawns on the spawner thread, asked by a thread that ends at once.
fn be_a_parent() {
    let asks = thread::spawn(|| {
        platform::on_spawner_thread(|| {
            let mut request = again("grandchild");
            request
                .env
                .push((PARENT.into(), std::process::id().to_string().into()));
            request.inherit = vec![copy_of_descriptor_3()];
            spawn(request).map(Bounded)
        })
        .recv_timeout(PATIENCE)
    });
    let child = asks
        .join()
        .expect("a thread")
        .expect("an answer")
        .expect("a grandchild");
    thread::sleep(2 * PATIENCE);
    drop(child);
}

fn copy_of_descriptor_3() -> InheritedEnd {
    // SAFETY: F_DUPFD_CLOEXEC takes no pointer.
    let copy = unsafe { libc::fcntl(3, libc::F_DUPFD_CLOEXEC, 10) };
    assert!(copy >= 0);
    // SAFETY: fcntl has just made this descriptor.
    unsafe { OwnedFd::from_raw_fd(copy) }.into()
}

fn children_leave_nothing() -> bool {
    let reactor = Reactor::new().expect("a reactor");
    let run = |count: usize| {
        let mut children: Vec<_> = (0..count)
            .map(|key| {
                let (reader, from_child) = pipe_from_child().expect("a pipe");
                let (writer, to_child) = pipe_to_child().expect("a pipe");
                let mut request = shell("exit 0");
                request.inherit = vec![from_child, to_child];
                let child = start(request);
                reactor.watch_exit(key, &child.0).expect("watched");
                (child, reader, writer)
            })
            .collect();
        let mut gone = 0;
        while gone < count {
            gone += reports_of(&reactor, PATIENCE).len();
        }
        for (child, ..) in &mut children {
            reactor.unwatch_exit(&child.0);
            wait_for_exit(&mut child.0);
        }
    };
    run(1);
    let before = descriptors();
    run(100);
    // SAFETY: a null pointer asks for no status.
    let waited = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    waited == -1 && descriptors() == before
}

fn descriptors() -> usize {
    fs::read_dir("/dev/fd")
        .expect("the list of descriptors")
        .count()
}
