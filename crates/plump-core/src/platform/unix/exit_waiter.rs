//! Exits that did not come through the poller: a thread per child where there is no descriptor for a process
//! (Linux before 5.3, sandboxes that refuse `pidfd_open`), and children that were gone before they could be watched.

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::platform::system::poller::Poller;

use super::reactor::lock;
use crate::platform::Event;

/// What waiter threads have to say to a reactor.
#[derive(Debug)]
pub(in crate::platform) struct ExitReports {
    poller: Arc<Poller>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts watches, so that a thread that outlived its watch cannot report for a later child of the same id.
    watches: u64,
    waited_for: Vec<Watch>,
    gone: Vec<Watch>,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    number: u64,
    pid: libc::pid_t,
    key: usize,
}

impl ExitReports {
    pub(super) fn new(poller: Arc<Poller>) -> Self {
        Self {
            poller,
            state: Mutex::default(),
        }
    }

    /// Moves what there is to `events`.
    pub(super) fn take(&self, events: &mut Vec<Event>) {
        let mut state = lock(&self.state);
        events.extend(state.gone.drain(..).map(|watch| Event {
            key: watch.key,
            readable: true,
            writable: false,
        }));
    }

    /// Reports a child that has exited already.
    #[cfg_attr(any(target_os = "linux", target_os = "android"), allow(dead_code))]
    pub(in crate::platform) fn report(&self, pid: libc::pid_t, key: usize) {
        lock(&self.state).gone.push(Watch {
            number: 0,
            pid,
            key,
        });
        // A poller that cannot be notified is notified already.
        let _ = self.poller.notify();
    }

    /// Watches a child by a thread that sleeps in `waitid` and leaves the exit status where it is.
    #[cfg_attr(target_vendor = "apple", allow(dead_code))]
    pub(in crate::platform) fn wait_for(
        self: &Arc<Self>,
        pid: libc::pid_t,
        key: usize,
    ) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.waited_for.iter().any(|watch| watch.pid == pid) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.watches += 1;
        let watch = Watch {
            number: state.watches,
            pid,
            key,
        };
        let reports = Arc::clone(self);
        thread::Builder::new()
            .name(format!("plump-exit-{pid}"))
            .spawn(move || {
                wait_without_reaping(pid);
                reports.exited(watch.number);
            })?;
        state.waited_for.push(watch);
        Ok(())
    }

    fn exited(&self, number: u64) {
        let mut state = lock(&self.state);
        if let Some(at) = state
            .waited_for
            .iter()
            .position(|watch| watch.number == number)
        {
            let watch = state.waited_for.swap_remove(at);
            state.gone.push(watch);
            // As in `report`.
            let _ = self.poller.notify();
        }
    }

    /// Forgets a child. Its thread, if it has one, ends with it.
    pub(in crate::platform) fn forget(&self, pid: libc::pid_t) {
        let mut state = lock(&self.state);
        state.waited_for.retain(|watch| watch.pid != pid);
        state.gone.retain(|watch| watch.pid != pid);
    }
}

/// Returns when the child has exited (or is no child of this process any more); it stays unreaped, so its id cannot
/// be given to another process while somebody may still send it a signal.
pub(in crate::platform) fn wait_without_reaping(pid: libc::pid_t) {
    let Ok(id) = libc::id_t::try_from(pid) else {
        return;
    };
    loop {
        let mut about = MaybeUninit::<libc::siginfo_t>::uninit();
        let options = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `about` has the size that waitid writes and outlives the call.
        let done = unsafe { libc::waitid(libc::P_PID, id, about.as_mut_ptr(), options) };
        if done == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::system::poller::Events;
    use crate::platform::{SpawnRequest, spawn};
    use std::time::{Duration, Instant};

    fn shell(script: &str) -> crate::platform::Child {
        spawn(SpawnRequest {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: Vec::new(),
            cwd: None,
            inherit: Vec::new(),
            stderr: None,
        })
        .expect("a shell")
    }

    fn reports() -> Arc<ExitReports> {
        Arc::new(ExitReports::new(Arc::new(Poller::new().expect("a poller"))))
    }

    fn wait(reports: &ExitReports, limit: Duration) -> Vec<Event> {
        let deadline = Instant::now() + limit;
        let mut events = Vec::new();
        while events.is_empty() && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            reports
                .poller
                .wait(
                    &mut Events::with_capacity(std::num::NonZeroUsize::new(16).expect("not zero")),
                    Some(left),
                )
                .expect("a wait");
            reports.take(&mut events);
        }
        events
    }

    #[test]
    fn a_waiter_thread_reports_once_and_leaves_the_status() {
        let reports = reports();
        let mut child = shell("exit 9");
        let pid = libc::pid_t::try_from(child.pid()).expect("a pid");
        reports.wait_for(pid, 5).expect("a thread");
        let expected = Event {
            key: 5,
            readable: true,
            writable: false,
        };
        assert_eq!(wait(&reports, Duration::from_secs(20)), [expected]);
        assert_eq!(wait(&reports, Duration::from_millis(50)), []);
        let status = child.try_wait().expect("a status").expect("an exit");
        assert_eq!(status.code, Some(9));
    }

    #[test]
    fn a_forgotten_child_is_not_reported() {
        let reports = reports();
        let child = shell("exec sleep 20");
        let pid = libc::pid_t::try_from(child.pid()).expect("a pid");
        reports.wait_for(pid, 5).expect("a thread");
        reports.forget(pid);
        child.kill();
        assert_eq!(wait(&reports, Duration::from_millis(200)), []);
    }
}
