//! Processes as `plump_core::platform` starts, watches, ends and measures them on Windows. Every child is this test
//! itself, started again in a role, and bounded.
#![cfg(windows)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use plump_core::platform::{
    self, Child, Event, ExitStatus, Interest, PipeReader, Reactor, SpawnRequest, inherited_number,
    open_inherited_reader, open_inherited_writer, pipe_from_child, pipe_to_child, spawn,
};

/// Long enough for anything that should happen, not a measure of speed.
const PATIENCE: Duration = Duration::from_secs(30);
const EXIT_KEY: usize = 7;

/// Names the role of a test program that another test started.
const ROLE: &str = "PLUMP_TEST_ROLE";
/// The numbers of the handles that a child inherited.
const IN: &str = "PLUMP_TEST_IN";
const OUT: &str = "PLUMP_TEST_OUT";

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

fn again(role: &str) -> SpawnRequest {
    let mut env: Vec<(OsString, OsString)> = vec![(ROLE.into(), role.into())];
    // Without it a process does not find the system's own libraries.
    env.extend(std::env::var_os("SystemRoot").map(|root| ("SystemRoot".into(), root)));
    SpawnRequest {
        program: std::env::current_exe().expect("this program").into(),
        args: [
            "this_program_started_again_plays_its_role",
            "--exact",
            "--nocapture",
        ]
        .map(OsString::from)
        .into(),
        env,
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
        thread::sleep(Duration::from_millis(5));
    }
}

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
                    .arm(1, reader.source(), Interest::Readable)
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

/// What a child writes to the handle that `OUT` names.
fn output_of(mut request: SpawnRequest) -> String {
    let (reader, end) = pipe_from_child().expect("a pipe");
    request
        .env
        .push((OUT.into(), inherited_number(0, &end).to_string().into()));
    request.inherit.push(end);
    let mut child = start(request);
    let output = read_to_end(reader);
    wait_for_exit(&mut child.0);
    output
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
        let mut child = start(again("leave"));
        let expected = ExitStatus {
            code: Some(33),
            signal: None,
        };
        assert_eq!(wait_for_exit(&mut child.0), expected);
        assert_eq!(child.0.try_wait().expect("a status"), Some(expected));
    });
}

#[test]
fn a_running_child_has_no_status_until_it_is_killed() {
    within_watchdog(|| {
        let mut child = start(again("sleep"));
        assert_eq!(child.0.try_wait().expect("a look"), None);
        child.0.kill();
        assert_eq!(wait_for_exit(&mut child.0).code, Some(1));
        child.0.terminate();
    });
}

#[test]
fn a_missing_program_is_an_error_of_spawn() {
    let mut request = again("leave");
    request.program = r"C:\nowhere\at\all.exe".into();
    assert_eq!(
        spawn(request).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::NotFound)
    );
    let mut request = again("leave");
    request.program = "all.exe".into();
    assert_eq!(
        spawn(request).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::InvalidInput)
    );
}

#[test]
fn a_missing_directory_is_an_error_of_spawn_that_names_it() {
    let mut request = again("leave");
    request.cwd = Some(r"C:\nowhere\at\all".into());
    let error = spawn(request).map(drop).expect_err("no such directory");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn arguments_arrive_as_they_are() {
    within_watchdog(|| {
        let mut request = again("arguments");
        let given = ["", "two words", r#"say "hi""#, r"C:\dir\", r#"a\\"b"#, "ü"];
        request.args.extend(given.map(OsString::from));
        assert_eq!(output_of(request), format!("{given:?}"));
    });
}

#[test]
fn the_environment_is_the_given_one() {
    within_watchdog(|| {
        let mut request = again("environment");
        request.env.push(("PLUMP_ONE".into(), "1".into()));
        request.env.push(("PLUMP_EQUALS".into(), "a=b".into()));
        assert_eq!(
            output_of(request),
            r#"{"PLUMP_EQUALS": "a=b", "PLUMP_ONE": "1"}"#
        );
    });
}

#[test]
fn standard_error_can_be_taken() {
    within_watchdog(|| {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut request = again("complain");
        request.stderr = Some(end);
        let mut child = start(request);
        assert!(read_to_end(reader).contains("complaint"));
        wait_for_exit(&mut child.0);
    });
}

#[test]
fn bytes_go_to_a_child_and_come_back() {
    within_watchdog(|| {
        let (mut writer, end) = pipe_to_child().expect("a pipe");
        let mut request = again("echo");
        request
            .env
            .push((IN.into(), inherited_number(0, &end).to_string().into()));
        request.inherit.push(end);
        let (reader, end) = pipe_from_child().expect("a pipe");
        request
            .env
            .push((OUT.into(), inherited_number(1, &end).to_string().into()));
        request.inherit.push(end);
        let mut child = start(request);
        assert_eq!(writer.try_write(b"hello").expect("room"), 5);
        drop(writer);
        assert_eq!(read_to_end(reader), "hello");
        wait_for_exit(&mut child.0);
    });
}

#[test]
fn an_exit_is_reported_once_under_its_key() {
    within_watchdog(|| {
        let reactor = Reactor::new().expect("a reactor");
        let mut child = start(again("sleep"));
        reactor.watch_exit(EXIT_KEY, &child.0).expect("watched");
        assert_eq!(reports_of(&reactor, Duration::from_millis(50)), []);
        child.0.kill();
        let reports = reports_of(&reactor, PATIENCE);
        assert_eq!(
            reports.iter().map(|event| event.key).collect::<Vec<_>>(),
            [EXIT_KEY]
        );
        assert_eq!(wait_for_exit(&mut child.0).code, Some(1));
        assert_eq!(reports_of(&reactor, Duration::from_millis(50)), []);
        reactor.unwatch_exit(&child.0);
    });
}

#[test]
fn a_killed_parent_takes_its_child_along() {
    within_watchdog(|| {
        let (mut reader, end) = pipe_from_child().expect("a pipe");
        let mut request = again("parent");
        request
            .env
            .push((OUT.into(), inherited_number(0, &end).to_string().into()));
        request.inherit.push(end);
        let mut parent = start(request);
        let deadline = Instant::now() + PATIENCE;
        let mut first = [0];
        while reader.try_read(&mut first).is_err() {
            assert!(Instant::now() < deadline, "the grandchild does not begin");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(&first, b"+");
        parent.0.kill();
        wait_for_exit(&mut parent.0);
        // The grandchild holds the writing end and sleeps longer than anybody waits here.
        assert_eq!(read_to_end(reader), "");
    });
}

#[test]
fn a_child_knows_its_parent() {
    within_watchdog(|| assert_eq!(output_of(again("child")), std::process::id().to_string()));
}

#[test]
fn a_process_can_be_measured() {
    let own = std::process::id();
    assert!(platform::resident_bytes(own).expect("a size") > 100_000);
    let deadline = Instant::now() + PATIENCE;
    let before = platform::cpu_time(own).expect("a time");
    while platform::cpu_time(own).expect("a time") == before {
        assert!(
            Instant::now() < deadline,
            "the clock of this process stands"
        );
    }
    assert!(platform::available_cpus() >= 1);
    assert_eq!(platform::resident_bytes(u32::MAX), None);
    assert_eq!(platform::cpu_time(u32::MAX), None);
}

/// Does nothing in the run that the user sees.
#[test]
fn this_program_started_again_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let number = |name| {
        std::env::var(name)
            .expect("a handle")
            .parse()
            .expect("a number")
    };
    let say = |words: &str| {
        let mut out = open_inherited_writer(number(OUT)).expect("a pipe");
        assert_eq!(out.try_write(words.as_bytes()).expect("room"), words.len());
    };
    match role.as_str() {
        "leave" => platform::exit_now(33),
        "sleep" => thread::sleep(2 * PATIENCE),
        "child" => say(&platform::parent_id().to_string()),
        "complain" => eprintln!("complaint"),
        "arguments" => {
            let arguments: Vec<String> = std::env::args().skip(4).collect();
            say(&format!("{arguments:?}"));
        }
        "environment" => {
            let ours: BTreeMap<_, _> = std::env::vars()
                .filter(|(name, _)| name.starts_with("PLUMP_") && name != ROLE && name != OUT)
                .collect();
            say(&format!("{ours:?}"));
        }
        "echo" => say(&read_to_end(
            open_inherited_reader(number(IN)).expect("a pipe"),
        )),
        "parent" => {
            let out = open_inherited_writer(number(OUT)).expect("a pipe");
            std::mem::forget(out);
            let mut request = again("grandchild");
            let end = copy_of(number(OUT));
            request
                .env
                .push((OUT.into(), inherited_number(0, &end).to_string().into()));
            request.inherit.push(end);
            let child = start(request);
            thread::sleep(2 * PATIENCE);
            drop(child);
        }
        "grandchild" => {
            let mut out = open_inherited_writer(number(OUT)).expect("a pipe");
            assert!(platform::adopt_parent(platform::parent_id()));
            assert_eq!(out.try_write(b"+").expect("room"), 1);
            thread::sleep(2 * PATIENCE);
        }
        other => panic!("no role {other}"),
    }
}

fn copy_of(number: u64) -> platform::InheritedEnd {
    use std::os::windows::io::BorrowedHandle;
    let raw = std::ptr::without_provenance_mut(usize::try_from(number).expect("a handle"));
    // SAFETY: the handle was inherited and stays open.
    let handle = unsafe { BorrowedHandle::borrow_raw(raw) };
    handle.try_clone_to_owned().expect("a copy").into()
}
