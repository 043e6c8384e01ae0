//! One worker process, as its host sees it.

use crate::bus::Mailbox;
use crate::channel::ChannelKind;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::MAX_BODY_BYTES;
use crate::limits::{CHANNEL_BACKLOG_BYTES, MAX_COMMAND_NAME_BYTES, MAX_COMMANDS};
use crate::platform::{self, Bell, Child, ExitStatus, InheritedEnd};
use crate::port::Port;
use crate::process::{Life, LifeEvent};
use crate::router::{CallId, Pace, Window};
use crate::rules::Rule;
use crate::sent_log::SentLog;
use crate::stderr::Tap;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Instant;

/// One worker process.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not states: the state is `life`"
)]
pub(crate) struct Worker {
    pub(super) serial: u64,
    pub(super) pool: u32,
    /// When it was last seen without a call; only kept where the size of its pool changes.
    pub(super) idle_since: Instant,
    /// The size of its pool changes.
    pub(super) elastic: bool,
    /// Workers that had its place before.
    pub(super) restarts: u64,
    /// Its place in the pool, to which keys belong; its successor gets it.
    pub(super) place: u32,
    pub(super) life: Life,
    pub(super) child: Option<Child>,
    /// Started by us; a process of the user's own has only its link.
    pub(super) ours: bool,
    pub(super) pid: Option<u32>,
    pub(super) control: Option<Box<Port>>,
    pub data: Option<Box<Port>>,
    /// Rung by it for this process's JavaScript; among those that are heard as long as the worker is here.
    pub js_bell: Option<Arc<Bell>>,
    pub(super) channel: ChannelKind,
    pub(super) stderr: Option<Arc<Tap>>,
    pub mailbox: Arc<Mailbox>,
    pub(super) events_sent: u64,
    pub window: Window,
    /// Its pool has others that could run what it has not begun.
    pub(super) shares: bool,
    /// A timer will look whether it is held up.
    pub(super) ahead_watched: bool,
    /// How often in a row that was in vain.
    pub(super) vain_looks: u32,
    /// When it had last moved when it was asked to answer what it keeps back.
    pub(super) asked_to_answer: u64,
    /// What it takes for each command of the pool.
    pub(super) paces: Vec<Pace>,
    /// The worker's number of each command of the pool.
    pub(super) numbers: Vec<Option<u32>>,
    pub(super) announced: u32,
    /// Options of the commands that it announces next.
    pub(super) rules: Vec<(u32, Rule)>,
    /// How many calls it has of commands that may not run as often as it likes.
    pub(super) held: FxHashMap<u32, u32>,
    pub(super) greeted: bool,
    pub(super) was_ready: bool,
    pub(super) buried: bool,
    /// Why it is to end, if that is known before it does.
    pub(super) reason: Option<Failure>,
    pub(super) last_words: Vec<u8>,
    pub(super) goodbye: bool,
    /// The clock of its teardown runs: nothing that it has begun is left.
    pub(super) tears_down: bool,
    /// It asked to end: it gets no more calls, and is told to end when it has answered those it has.
    pub(super) leaving: bool,
    /// Calls that it gets in its life; 0: any number.
    pub(super) max_calls: u64,
    /// A timer will look at its memory.
    pub(super) memory_watched: bool,
    /// How often it was asked which calls it has not begun, and has not said.
    pub(super) recalls: u32,
    /// It is about to be ended by force, because of that call: it gets no more, and says which of those it has had not begun.
    pub(super) condemned_by: Option<CallId>,
    /// The same, also when it was spared since: it begins nothing more.
    pub(super) recalled_by: Option<CallId>,
    /// Payloads of the calls that it has.
    pub(super) sent_log: SentLog,
    pub(super) link_closed: bool,
    pub(super) exit: Option<ExitStatus>,
    /// How often its exit was reported while its status could not be had.
    pub(super) vain_exits: u32,
    pub(super) born: Instant,
    /// It was sent calls that are still to be written.
    pub(super) to_flush: bool,
    pub(super) heartbeat_set: bool,
    pub(super) pinged: Option<(u32, Instant)>,
    /// Ends for a process that the user starts, until it has inherited them.
    pub(super) ends: Vec<InheritedEnd>,
}

/// Larger payloads are not kept while a worker has them.
pub(super) const MAX_KEPT_BYTES: usize = 64 * 1024;

/// One of a worker's two channels.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    Control,
    Data,
}

/// How many calls a worker may have.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// Of all commands that run.
    pub concurrency: u32,
    /// The command of the one that it is to be sent.
    pub command: u32,
    /// Of that command; 0 for any number.
    pub most_of_command: u32,
}

impl Worker {
    /// Whether it is there for calls, now or when it has finished others.
    pub(super) fn serves(&self) -> bool {
        self.life == Life::Ready
            && !self.leaving
            && self.condemned_by.is_none()
            && !self.link_closed
    }

    /// Whether something of its calls has come.
    pub(crate) fn may_have_bytes(&mut self) -> bool {
        let port = self.data.as_mut();
        port.is_some_and(|port| port.channel().may_have_bytes())
    }

    pub(super) fn takes_calls(&self, limit: Limit, bytes: usize) -> bool {
        let has_room = |port: &Port| {
            // A small call goes between the parts of a large one and need not wait until all of them have gone.
            let before = if bytes <= MAX_BODY_BYTES {
                port.small_backlog()
            } else {
                port.backlog()
            };
            before < CHANNEL_BACKLOG_BYTES
        };
        self.serves()
            && self.window.may_send(limit.concurrency)
            && (limit.most_of_command == 0 || self.held_of(limit.command) < limit.most_of_command)
            // What is too large to be kept here can't be taken back: it goes where it begins at once.
            && (bytes <= MAX_KEPT_BYTES || self.window.has_nothing_ahead())
            && self.data.as_deref().is_some_and(has_room)
    }

    /// What it takes for the calls of a command.
    pub(super) fn pace(&mut self, command: u32) -> &mut Pace {
        let at = command as usize;
        if self.paces.len() <= at {
            self.paces.resize(at + 1, Pace::default());
        }
        &mut self.paces[at]
    }

    fn held_of(&self, command: u32) -> u32 {
        self.held.get(&command).copied().unwrap_or_default()
    }

    /// Whether it may announce commands of these names. None at all is a breach, too: each message costs the host an entry,
    /// and this one could come for ever.
    pub(super) fn may_announce(&self, names: &[String]) -> bool {
        let may_be = |name: &String| (1..=MAX_COMMAND_NAME_BYTES).contains(&name.len());
        self.announced as usize + names.len() <= MAX_COMMANDS
            && !names.is_empty()
            && names.iter().all(may_be)
    }

    /// It says which options the commands have that it announces next; `false`: they can't be.
    pub(super) fn note_rules(&mut self, rules: Vec<(u32, Rule)>) -> bool {
        let in_order = rules.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let may_be = self.rules.is_empty()
            && !rules.is_empty()
            && rules.len() <= MAX_COMMANDS
            && in_order
            && rules.iter().all(|(_, rule)| rule.is_valid());
        if may_be {
            self.rules = rules;
        }
        may_be
    }

    pub(super) fn note_number(&mut self, command: u32, number: u32) {
        let at = command as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, None);
        }
        // The first announcement counts: a name can't be announced twice by an honest worker.
        self.numbers[at].get_or_insert(number);
    }

    pub(super) fn kill(&mut self) {
        if self.life.step(LifeEvent::Killed)
            && let Some(child) = &self.child
        {
            child.kill();
        }
    }

    /// What its calls are told.
    pub(super) fn death(&self, closing: bool, stderr: Option<String>) -> Failure {
        let exit = self.exit;
        let code = exit.as_ref().and_then(|exit| exit.code);
        let signal = exit.as_ref().and_then(|exit| exit.signal).map(|signal| {
            platform::signal_name(signal).map_or_else(|| signal.to_string(), str::to_owned)
        });
        let mut failure = self.reason.clone().unwrap_or_else(|| {
            let how = match (code, &signal) {
                (_, Some(signal)) => format!("was ended by {signal}"),
                (Some(code), None) => format!("exited with code {code}"),
                (None, None) => "is gone".to_owned(),
            };
            if closing {
                let message = format!(
                    "The instance was closed while the call was running; the worker {how}."
                );
                Failure::new(ErrorKind::Closed, message)
            } else if !self.was_ready {
                Failure::new(
                    ErrorKind::StartFailed,
                    format!("The worker {how} before it was ready."),
                )
            } else {
                let kind = match (code, &signal) {
                    (_, Some(_)) => ErrorKind::WorkerKilled,
                    (Some(_), None) => ErrorKind::WorkerExited,
                    (None, None) => ErrorKind::WorkerLost,
                };
                Failure::new(kind, format!("The worker {how} while the call was on it."))
            }
        });
        failure.pid = self.pid;
        failure.exit_code = code;
        failure.signal = signal;
        failure.stderr = stderr;
        failure.cause.clone_from(&self.last_words);
        failure
    }
}

pub(super) fn breach(what: &str) -> Failure {
    Failure::new(
        ErrorKind::Protocol,
        format!("The worker does not speak the protocol: {what}."),
    )
}
