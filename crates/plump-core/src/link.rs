//! The link between a host and a worker: how it is made, and the worker's side of it.

use crate::block::{Arena, BlockReceiver, BlockSender, Blocks, Copies};
use crate::bus::{Event, Mailbox};
use crate::call_states::{CallTable, Cancelled, NO_PLACE};
use crate::channel::pipe::PipeChannel;
use crate::channel::ring::{DEFAULT_CAPACITY, RingChannel, RingPair};
use crate::channel::ring_in_reactor::RingInReactor;
use crate::channel::{Channel, Sleeper};
use crate::control::{Control, PROTOCOL};
use crate::debug;
use crate::environment::{Environment, Owner, SourceKind, State, key_of};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header, TELLS};
use crate::inbox::EntryKind;
use crate::limits::{
    MAILBOX_EVENTS, MAX_CONTROL_BYTES, MAX_QUEUE_NAME_BYTES, NAMES_PER_MESSAGE, TELL_PASSED_OVER,
};
use crate::memory::{MemoryGiver, MemoryTaker};
use crate::platform::{self, Bell, InheritedEnd, Reactor};
use crate::port::{Order, Payload, Port, PortError};
use crate::rules::Rule;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The variable that tells a worker the numbers of its descriptors. The worker deletes it at start, so that its own
/// children do not take themselves for workers.
pub const VARIABLE: &str = "PLUMP_IPC_LINK";

/// Version of the variable's form.
const FORM: &str = "1";

/// A worker waits this long for the host's first message.
const WELCOME_LIMIT: Duration = Duration::from_secs(30);

/// A worker that ends waits at most this long until the host has taken its last bytes.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Bytes read before others get their turn.
const READ_BUDGET_BYTES: usize = 1024 * 1024;

/// Bytes of events that are handed to the control pipe before the rest stays in the mailbox.
const EVENT_BACKLOG_BYTES: usize = 256 * 1024;

/// The ends that a worker inherits, until it has.
pub(crate) struct LinkEnds(Vec<InheritedEnd>);

impl LinkEnds {
    pub fn take(&mut self) -> Vec<InheritedEnd> {
        std::mem::take(&mut self.0)
    }
}

/// A link, seen from the host.
pub(crate) struct MadeLink {
    pub control: Port,
    pub data: Port,
    pub ends: LinkEnds,
    /// The value of `VARIABLE` for the worker.
    pub value: String,
}

/// What a link is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkOptions {
    /// The worker's parent, 0 when that may be any process.
    pub parent: u32,
    /// Calls take shared memory.
    pub ring: bool,
    pub max_payload_bytes: usize,
    /// Bytes that the blocks of one direction may take; 0 for none.
    pub max_block_bytes: usize,
    pub block_idle: Duration,
    /// JavaScript may be shown the worker's memory.
    pub trusted: bool,
}

/// Makes a link for the worker in `slot`.
pub(crate) fn make_link(
    reactor: &Arc<Reactor>,
    slot: usize,
    options: LinkOptions,
    copies: &Arc<Copies>,
) -> io::Result<MadeLink> {
    let LinkOptions {
        parent,
        ring,
        max_payload_bytes,
        ..
    } = options;
    let key = |source| key_of(Owner::Worker(slot), source);
    let (control, mut ends) = make_pipes(
        reactor,
        key(SourceKind::ControlIn),
        key(SourceKind::ControlOut),
    )?;
    let (data, data_ends, kind): (Box<dyn Channel>, _, _) = if ring {
        let pair = RingPair::create(DEFAULT_CAPACITY)?;
        let ends = pair.inherit()?;
        let channel = RingInReactor::new(
            pair.host_channel(),
            Arc::clone(reactor),
            key(SourceKind::DataIn),
        )?;
        (Box::new(channel), ends, "ring")
    } else {
        let (channel, ends) =
            make_pipes(reactor, key(SourceKind::DataIn), key(SourceKind::DataOut))?;
        (Box::new(channel), ends, "pipe")
    };
    ends.extend(data_ends);
    let mut data = Port::new(data, Order::Interleaved, max_payload_bytes);
    if ring && options.max_block_bytes > 0 {
        match make_blocks(options, copies) {
            Ok((blocks, block_ends)) => {
                data.set_blocks(blocks);
                ends.extend(block_ends);
            }
            // Large payloads go through the rings then.
            Err(error) => debug!("no room for blocks: {error}"),
        }
    }
    let numbers: Vec<String> = ends
        .iter()
        .enumerate()
        .map(|(index, end)| platform::inherited_number(index, end).to_string())
        .collect();
    let value = format!("{FORM} {parent} {kind} {}", numbers.join(" "));
    Ok(MadeLink {
        control: Port::new(
            Box::new(control),
            Order::Strict,
            // Control messages have a limit of their own, and an event is longer than its payload by two names.
            max_payload_bytes
                .max(MAX_CONTROL_BYTES)
                .saturating_add(4 + 2 * MAX_QUEUE_NAME_BYTES),
        ),
        data,
        ends: LinkEnds(ends),
        value,
    })
}

/// Makes the host's side of the blocks, and the ends that the worker inherits: of its incoming ones, of its outgoing ones,
/// and of the socket for those that the program filled.
fn make_blocks(
    options: LinkOptions,
    copies: &Arc<Copies>,
) -> io::Result<(Blocks, [InheritedEnd; 3])> {
    let limit = options.max_block_bytes;
    let to_worker = Arc::new(Arena::create(limit)?);
    let to_host = Arc::new(Arena::create(limit)?);
    let (giver, taker) = MemoryGiver::pair()?;
    let ends = [to_worker.inherit()?, to_host.inherit()?, taker];
    let mut sender = BlockSender::new(to_worker, limit, options.block_idle);
    sender.set_giver(giver);
    let blocks = Blocks {
        sender,
        receiver: BlockReceiver::new(to_host, limit, options.trusted, Arc::clone(copies)),
    };
    Ok((blocks, ends))
}

/// Takes over the worker's side of the blocks. None are used until the host has said how many may be.
fn open_blocks(numbers: &[u64]) -> io::Result<Blocks> {
    let [incoming, outgoing, taker] = *numbers else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let incoming = Arc::new(Arena::open_inherited(incoming)?);
    let outgoing = Arc::new(Arena::open_inherited(outgoing)?);
    // The host is trusted: it could do anything to its workers.
    let copies = Arc::new(Copies::new(0, Duration::ZERO));
    let mut receiver = BlockReceiver::new(incoming, 0, true, copies);
    receiver.set_taker(MemoryTaker::open_inherited(taker)?);
    Ok(Blocks {
        sender: BlockSender::new(outgoing, 0, Duration::ZERO),
        receiver,
    })
}

fn make_pipes(
    reactor: &Arc<Reactor>,
    in_key: usize,
    out_key: usize,
) -> io::Result<(PipeChannel, Vec<InheritedEnd>)> {
    let (writer, worker_reads) = platform::pipe_to_child()?;
    let (reader, worker_writes) = platform::pipe_from_child()?;
    let channel = PipeChannel::new(reader, writer, Arc::clone(reactor), in_key, out_key)?;
    Ok((channel, vec![worker_reads, worker_writes]))
}

/// Says that the I/O thread listens to a port; `false`: it has bytes already.
pub(crate) fn listen(port: &mut Port) -> bool {
    port.channel().sleep(Sleeper::IoThread)
}

/// Moves events from a mailbox into a control pipe, as far as that takes them.
pub(crate) fn carry(
    port: &mut Port,
    mailbox: &Mailbox,
    sent: &mut u64,
    most: usize,
) -> io::Result<()> {
    loop {
        while port.backlog() < most
            && let Some(event) = mailbox.try_take()
        {
            *sent += 1;
            port.send(Header::new(FrameKind::Event, *sent, 0, 0), &[event.body()]);
        }
        if !port.flush()? || mailbox.is_empty() {
            return Ok(());
        }
    }
}

/// The link to this process's host.
pub(crate) struct Uplink {
    control: Option<Box<Port>>,
    pub data: Option<Box<Port>>,
    /// Rung by the host for this process's JavaScript; among those that are heard as long as there is a link.
    js_bell: Option<Arc<Bell>>,
    pub mailbox: Arc<Mailbox>,
    events_sent: u64,
    welcome: Option<Control>,
    /// What the host takes at most.
    pub max_payload_bytes: usize,
    /// The calls that came, once JavaScript has given their states a place.
    table: Option<CallTable>,
    /// The answers that JavaScript has written down.
    held: Option<Box<dyn HeldAnswers>>,
    /// Calls begun, as JavaScript says; answered; and told to the host as begun.
    begun: u64,
    /// Calls refused of which JavaScript was never told: it doesn't count them.
    unheard: u64,
    answered: u64,
    told: u64,
    /// Calls taken back that JavaScript has passed over or will never hear of, since the host was told of any.
    passed_over: u32,
}

/// Where answers are given while nobody else uses the link.
pub struct Answering<'a> {
    port: &'a mut Port,
    table: Option<&'a mut CallTable>,
    answered: &'a mut u64,
}

impl Answering<'_> {
    /// Answers a call; `place` is the one that it came with.
    pub fn answer(&mut self, call: u64, place: u32, kind: AnswerKind, parts: &[&[u8]]) {
        if let Some(table) = &mut self.table {
            table.let_go(place);
        }
        *self.answered += 1;
        let header = match kind {
            AnswerKind::Result(ran) => Header::new(FrameKind::Result, call, ran.us, ran.began_us),
            AnswerKind::Thrown(ran) => Header::new(FrameKind::Thrown, call, ran.us, ran.began_us),
            AnswerKind::Refused(kind) => Header::new(FrameKind::Refused, call, kind as u32, 0),
        };
        self.port.send(header, parts);
    }
}

/// Answers that JavaScript has written down and not sent, so that they leave together: the I/O thread sends them when
/// JavaScript does not come to it, because what it runs next takes long.
pub trait HeldAnswers: Send {
    /// Gives those that JavaScript has not sent.
    fn give(&mut self, answering: &mut Answering<'_>);
}

/// When a handler ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// For how many microseconds.
    pub us: u32,
    /// When it began, microseconds of the monotonic clock modulo 2^32; 0 where that was not looked at.
    pub began_us: u32,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// With a result.
    Result(Ran),
    /// With something thrown.
    Thrown(Ran),
    /// The call could not be run or its result not be sent; for the reason of that kind.
    Refused(ErrorKind),
}

impl Environment {
    /// Opens the link named by the value of `VARIABLE`, says hello and waits for the host's welcome: its settings.
    ///
    /// # Errors
    /// `InvalidLink`, `VersionMismatch`, `StartTimeout`.
    pub fn open_uplink(&self, value: &str, version: &str) -> Result<String, Box<Failure>> {
        let shared = self.shared();
        let uplink = {
            let state = shared.lock();
            if state.uplink.is_some() {
                return Err(Box::new(Failure::new(
                    ErrorKind::InvalidLink,
                    "This process has a link already.",
                )));
            }
            open(value, &state.reactor)?
        };
        shared.with(|state| {
            let mut uplink = Box::new(uplink);
            if let Some(data) = &mut uplink.data {
                uplink.js_bell = state.attend(data);
            }
            state.uplink = Some(uplink);
            let hello = Control::Hello {
                protocol: PROTOCOL,
                version: version.to_owned(),
                pid: std::process::id(),
            };
            state.send_up(&hello);
            state.pump_uplink_control();
        });
        let deadline = Instant::now() + WELCOME_LIMIT;
        let mut state = shared.lock();
        loop {
            let welcome = state
                .uplink
                .as_mut()
                .and_then(|uplink| uplink.welcome.take());
            if let Some(Control::Welcome {
                protocol,
                version: host,
                max_payload_bytes,
                spin_us,
                max_block_bytes,
                block_idle_ms,
                settings,
            }) = welcome
            {
                if protocol != PROTOCOL || host != version {
                    let message = format!(
                        "The host runs plump-ipc {host} (protocol {protocol}), this worker {version} (protocol {PROTOCOL})."
                    );
                    return Err(Box::new(Failure::new(ErrorKind::VersionMismatch, message)));
                }
                let max = usize::try_from(max_payload_bytes).unwrap_or(usize::MAX);
                if let Some(uplink) = &mut state.uplink {
                    uplink.max_payload_bytes = max;
                    // Not the control pipe: an event may come from an instance with a larger limit.
                    if let Some(port) = &mut uplink.data {
                        port.set_max_payload_bytes(max);
                        if let Some(blocks) = port.blocks() {
                            let limit = usize::try_from(max_block_bytes).unwrap_or(usize::MAX);
                            let idle = Duration::from_millis(u64::from(block_idle_ms));
                            blocks.sender.set_limits(limit, idle);
                            blocks.receiver.set_limits(limit, idle);
                        }
                    }
                }
                state.allow_watching(spin_us);
                return Ok(settings);
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                let message = "The host did not say what this worker is to be.";
                return Err(Box::new(Failure::new(ErrorKind::StartTimeout, message)));
            };
            state = shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// Announces commands, which get the next numbers, and options of some of them, by their places among `names`.
    pub fn announce(&self, names: &[String], rules: &[(u32, Rule)]) {
        self.shared().with(|state| {
            state.prepare_commands(names, rules);
            if state.control_up().is_some_and(|port| port.flush().is_err()) {
                host_is_gone();
            }
        });
    }

    /// The module is loaded, with these commands. All of it is one write: each would wake the host.
    pub fn announce_ready(&self, names: &[String], rules: &[(u32, Rule)]) {
        self.shared().with(|state| {
            state.prepare_commands(names, rules);
            state.send_up(&Control::Ready);
        });
    }

    /// The module could not be loaded; the cause in the built-in form. Waits until the host can read it.
    pub fn load_failed(&self, cause: &[u8]) {
        self.shared()
            .with(|state| state.send_up(&Control::LoadFailed(cause.to_vec())));
        self.flush_all(LAST_FLUSH);
    }

    /// This process is about to end, by that cause. Waits until the host can read it and everything before it.
    pub fn last_words(&self, cause: &[u8]) {
        self.shared().with(|state| {
            if !cause.is_empty() {
                state.send_up(&Control::LastWords(cause.to_vec()));
            }
        });
        self.flush_all(LAST_FLUSH);
    }

    /// This worker wants to end: the host sends no more calls, and `Shutdown` when those sent are answered.
    pub fn leave(&self) {
        self.shared().with(|state| state.send_up(&Control::Leaving));
    }

    /// Everything is answered, as the host asked. From now on it counts the time that this worker takes to end.
    pub fn finished(&self) {
        self.shared()
            .with(|state| state.send_up(&Control::Finished));
    }

    /// This worker's own end is done: the link ends, the process may.
    pub fn end_uplink(&self) {
        self.shared().with(|state| state.send_up(&Control::Goodbye));
        self.flush_all(LAST_FLUSH);
        self.shared().with(|state| {
            let bell = state.uplink.take().and_then(|uplink| uplink.js_bell);
            if let Some(bell) = bell {
                state.bells.remove(&bell);
            }
        });
    }

    /// How many calls have begun since the link was opened, modulo 2^32.
    pub fn begun(&self, count: u32) {
        self.shared().with(|state| {
            if let Some(uplink) = &mut state.uplink {
                uplink.note_begun(count);
            }
            state.tell_begun();
        });
    }

    /// Answers a call that came without a place.
    pub fn answer(&self, call: u64, kind: AnswerKind, parts: &[&[u8]]) {
        self.answer_all(|answers| answers.answer(call, NO_PLACE, kind, parts));
    }

    /// Where the states of calls are from now on, before the first call has come.
    pub fn attach_call_table(&self, table: CallTable) {
        self.shared().with(|state| {
            if let Some(uplink) = &mut state.uplink {
                uplink.table = Some(table);
            }
        });
    }

    /// Where the answers are that JavaScript has written down, from now on.
    pub fn attach_held_answers(&self, held: Box<dyn HeldAnswers>) {
        self.shared().with(|state| {
            if let Some(uplink) = &mut state.uplink {
                uplink.held = Some(held);
            }
        });
    }

    /// The call of that place is about to be run, which the host wants to hear; `false`: it was taken back, and is not to
    /// be.
    #[must_use]
    pub fn begin(&self, place: u32) -> bool {
        self.shared().with(|state| {
            let table = state
                .uplink
                .as_ref()
                .and_then(|uplink| uplink.table.as_ref());
            let Some(call) = table.and_then(|table| table.begin(place)) else {
                return false;
            };
            state.send_up(&Control::Began(call));
            true
        })
    }

    /// The call of that place, which was taken back, was passed over; so many have begun by now, that included.
    pub fn pass_over(&self, place: u32, begun: u32) {
        self.shared().with(|state| {
            let Some(uplink) = &mut state.uplink else {
                return;
            };
            uplink.note_begun(begun);
            if let Some(table) = &mut uplink.table {
                table.let_go(place);
            }
            state.note_passed_over();
        });
    }

    /// Answers calls, which leave together.
    pub fn answer_all(&self, answer: impl FnOnce(&mut Answering<'_>)) {
        self.shared().with(|state| state.answer_all(answer));
    }

    /// Waits until everything that was said has been written, at most `limit`.
    fn flush_all(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            let left = self.shared().with(|state| {
                state.carry_uplink_events();
                state.flush_uplink();
                state.uplink.as_ref().map_or(0, |uplink| {
                    let ports = [&uplink.control, &uplink.data].into_iter().flatten();
                    ports.map(|port| port.backlog()).sum::<usize>() + uplink.mailbox.len()
                })
            });
            if left == 0 {
                return;
            }
            // The host's side is full: it needs a moment, and this process has nothing else to do.
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Takes over what the host handed down.
fn open(value: &str, reactor: &Arc<Reactor>) -> Result<Uplink, Box<Failure>> {
    let refuse = |what: &str| {
        Box::new(Failure::new(
            ErrorKind::InvalidLink,
            format!("The link of this process {what}."),
        ))
    };
    let words: Vec<&str> = value.split(' ').collect();
    let [FORM, parent, kind, numbers @ ..] = words.as_slice() else {
        return Err(refuse("has no form that this version knows"));
    };
    let numbers: Result<Vec<u64>, _> = numbers.iter().map(|number| number.parse()).collect();
    let (Ok(parent), Ok(numbers)) = (parent.parse::<u32>(), numbers) else {
        return Err(refuse("has no form that this version knows"));
    };
    if parent != 0 && !platform::adopt_parent(parent) {
        debug!("the host is gone");
        platform::exit_now(0);
    }
    platform::ignore_interrupt();
    let io = |error: io::Error| refuse(&format!("can't be used: {error}"));
    let key = |source| key_of(Owner::Uplink, source);
    let pipes = |read: u64, write: u64, in_source, out_source| -> io::Result<PipeChannel> {
        let reader = platform::open_inherited_reader(read)?;
        let writer = platform::open_inherited_writer(write)?;
        PipeChannel::new(
            reader,
            writer,
            Arc::clone(reactor),
            key(in_source),
            key(out_source),
        )
    };
    let mut blocks = None;
    let (control, data): (PipeChannel, Box<dyn Channel>) = match (*kind, numbers.as_slice()) {
        ("pipe", [control_in, control_out, data_in, data_out]) => {
            let data =
                pipes(*data_in, *data_out, SourceKind::DataIn, SourceKind::DataOut).map_err(io)?;
            let control = pipes(
                *control_in,
                *control_out,
                SourceKind::ControlIn,
                SourceKind::ControlOut,
            )
            .map_err(io)?;
            (control, Box::new(data))
        }
        (
            "ring",
            [
                control_in,
                control_out,
                memory,
                host_io,
                host_js,
                worker_io,
                worker_js,
                more @ ..,
            ],
        ) => {
            blocks = match more {
                [] => None,
                [_, _, _] => Some(open_blocks(more).map_err(io)?),
                _ => return Err(refuse("has no form that this version knows")),
            };
            let numbers = [*memory, *host_io, *host_js, *worker_io, *worker_js];
            let ring = RingChannel::open_inherited(numbers).map_err(io)?;
            let ring = RingInReactor::new(ring, Arc::clone(reactor), key(SourceKind::DataIn))
                .map_err(io)?;
            let control = pipes(
                *control_in,
                *control_out,
                SourceKind::ControlIn,
                SourceKind::ControlOut,
            )
            .map_err(io)?;
            (control, Box::new(ring))
        }
        _ => return Err(refuse("has no form that this version knows")),
    };
    let mut data = Port::new(data, Order::Interleaved, usize::MAX);
    if let Some(blocks) = blocks {
        data.set_blocks(blocks);
    }
    Ok(Uplink::new(control, data))
}

impl Uplink {
    fn new(control: PipeChannel, data: Port) -> Self {
        let control = Port::new(Box::new(control), Order::Strict, usize::MAX);
        Self {
            control: Some(Box::new(control)),
            data: Some(Box::new(data)),
            js_bell: None,
            mailbox: Arc::new(Mailbox::new(MAILBOX_EVENTS)),
            events_sent: 0,
            welcome: None,
            max_payload_bytes: usize::MAX,
            table: None,
            held: None,
            begun: 0,
            unheard: 0,
            answered: 0,
            told: 0,
            passed_over: 0,
        }
    }
}

impl Uplink {
    /// So many calls have begun, modulo 2^32.
    fn note_begun(&mut self, count: u32) {
        let low = u32::try_from(self.begun & 0xffff_ffff).unwrap_or_default();
        self.begun += u64::from(count.wrapping_sub(low));
    }
}

impl State {
    /// Says something to the host.
    fn send_up(&mut self, message: &Control) {
        self.prepare_up(message);
        if let Some(port) = self.control_up()
            && port.flush().is_err()
        {
            host_is_gone();
        }
    }

    /// The same, together with what is sent next.
    fn prepare_up(&mut self, message: &Control) {
        if let Some(port) = self.control_up() {
            port.send_owned(Header::new(FrameKind::Control, 0, 0, 0), message.encode());
        }
    }

    fn prepare_commands(&mut self, names: &[String], rules: &[(u32, Rule)]) {
        let mut from = 0;
        for names in names.chunks(NAMES_PER_MESSAGE) {
            let to = from + u32::try_from(names.len()).unwrap_or(u32::MAX);
            let theirs: Vec<_> = rules
                .iter()
                .filter(|(place, _)| (from..to).contains(place))
                .map(|(place, rule)| (place - from, rule.clone()))
                .collect();
            if !theirs.is_empty() {
                self.prepare_up(&Control::Rules(theirs));
            }
            self.prepare_up(&Control::Commands(names.to_vec()));
            from = to;
        }
    }

    fn control_up(&mut self) -> Option<&mut Port> {
        self.uplink.as_mut()?.control.as_deref_mut()
    }

    /// Takes in what the host says over the control pipe.
    pub(crate) fn pump_uplink_control(&mut self) {
        let Some(mut port) = self
            .uplink
            .as_mut()
            .and_then(|uplink| uplink.control.take())
        else {
            return;
        };
        port.channel().fired(false);
        loop {
            match port.receive(READ_BUDGET_BYTES, |header, payload| {
                self.on_control_from_host(header, payload)
            }) {
                Ok(false) if !listen(&mut port) => {}
                Ok(_) => {
                    listen(&mut port);
                    break;
                }
                Err(error) => {
                    debug!("the link to the host has ended: {error}");
                    host_is_gone();
                }
            }
        }
        if let Some(uplink) = &mut self.uplink {
            uplink.control = Some(port);
        }
    }

    fn on_control_from_host(
        &mut self,
        header: Header,
        payload: Payload<'_>,
    ) -> Result<(), PortError> {
        let breach = || PortError::Protocol("the host does not speak the protocol".into());
        if header.kind == FrameKind::Event {
            let body = match payload {
                Payload::Assembled(bytes) => bytes,
                payload => payload.bytes().to_vec(),
            };
            self.deliver(&Arc::new(Event::from_body(body).ok_or_else(breach)?));
            return Ok(());
        }
        if header.kind != FrameKind::Control {
            return Err(breach());
        }
        match Control::decode(payload.bytes()).ok_or_else(breach)? {
            welcome @ Control::Welcome { .. } => {
                if let Some(uplink) = &mut self.uplink {
                    uplink.welcome = Some(welcome);
                }
                if let Some(shared) = self.shared.upgrade() {
                    shared.changed.notify_all();
                }
            }
            Control::Cancel(call) => self.on_cancel(call),
            Control::Expire(call) => {
                self.pump_uplink_data();
                if self.call_table().is_some_and(|table| table.forbid(call)) {
                    self.refuse(call, ErrorKind::QueueTimeout);
                }
            }
            // Inside `receive` the port is taken out: the answer waits until it is back.
            Control::Recall => {
                self.pump_uplink_data();
                let calls = self.call_table().map(CallTable::recall).unwrap_or_default();
                self.said_later.push(Control::Recalled(calls));
            }
            Control::GiveBack(wanted) => {
                self.send_held();
                self.pump_uplink_data();
                let calls = self
                    .call_table()
                    .map(|table| table.give_back(&wanted))
                    .unwrap_or_default();
                if let Some(uplink) = &mut self.uplink {
                    uplink.answered += calls.len() as u64;
                }
                self.said_later.push(Control::Recalled(calls));
            }
            Control::Shutdown => self.inbox.push(EntryKind::Shutdown, 0, [0; 3], &[]),
            Control::Ping(number) => self.said_later.push(Control::Pong(number)),
            _ => return Err(breach()),
        }
        Ok(())
    }

    /// Sends the answers that JavaScript has written down and keeps for those that follow: what it runs takes long.
    fn send_held(&mut self) {
        let held = |uplink: &mut Box<Uplink>| uplink.held.take();
        let Some(mut held) = self.uplink.as_mut().and_then(held) else {
            return;
        };
        self.answer_all(|answering| held.give(answering));
        if let Some(uplink) = &mut self.uplink {
            uplink.held = Some(held);
        }
    }

    fn answer_all(&mut self, answer: impl FnOnce(&mut Answering<'_>)) {
        let Some(uplink) = &mut self.uplink else {
            return;
        };
        let Some(port) = &mut uplink.data else { return };
        answer(&mut Answering {
            port,
            table: uplink.table.as_mut(),
            answered: &mut uplink.answered,
        });
        let warm = port.blocks().and_then(|blocks| blocks.sender.idle());
        self.flush_uplink();
        if let Some(idle) = warm {
            self.watch_blocks(idle);
        }
    }

    fn call_table(&mut self) -> Option<&mut CallTable> {
        self.uplink.as_mut()?.table.as_mut()
    }

    /// Nobody waits for a call any more.
    fn on_cancel(&mut self, call: u64) {
        // What has come and lies in the channel is looked at first: it could not be found otherwise.
        self.pump_uplink_data();
        let cancelled = self
            .call_table()
            .map_or(Cancelled::NotHere, |table| table.cancel(call));
        match cancelled {
            Cancelled::BeforeItBegan => self.refuse(call, ErrorKind::Cancelled),
            Cancelled::WhileItRuns(place) => {
                let (low, high) = halves(call);
                self.inbox
                    .push(EntryKind::Cancel, low, [place, high, 0], &[]);
            }
            Cancelled::NotHere => {}
        }
    }

    /// Answers a call of which JavaScript was never told.
    fn refuse_unbegun(&mut self, call: u64) {
        if let Some(uplink) = &mut self.uplink {
            uplink.unheard += 1;
        }
        self.refuse(call, ErrorKind::Cancelled);
        self.note_passed_over();
    }

    /// Answers a call that will never be run.
    fn refuse(&mut self, call: u64, kind: ErrorKind) {
        if let Some(uplink) = &mut self.uplink
            && let Some(port) = &mut uplink.data
        {
            uplink.answered += 1;
            port.send(Header::new(FrameKind::Refused, call, kind as u32, 0), &[]);
        }
        self.flush_uplink();
    }

    /// Takes in what the host sends over the data channel.
    pub(crate) fn pump_uplink_data(&mut self) {
        let Some(mut port) = self.uplink.as_mut().and_then(|uplink| uplink.data.take()) else {
            return;
        };
        let mut frames = 0;
        let mut unwanted = Vec::new();
        let received = port.receive(READ_BUDGET_BYTES, |header, payload| {
            frames += 1;
            if header.kind != FrameKind::Call {
                return Err(PortError::Protocol(
                    "the host does not speak the protocol".into(),
                ));
            }
            let (low, high) = halves(header.call);
            let (command, tells) = (header.a & 0xffff, header.a & TELLS != 0);
            if self
                .call_table()
                .is_some_and(|table| table.is_unwanted(header.call))
            {
                unwanted.push(header.call);
                return Ok(());
            }
            let place = self
                .call_table()
                .map_or(NO_PLACE, |table| table.receive(header.call, tells));
            let words = [command | place << 16, high, header.b];
            self.inbox
                .push_payload(EntryKind::Call, low, words, payload);
            Ok(())
        });
        if frames > 0 {
            self.something_came(port.channel().rung_at());
        }
        if let Some(uplink) = &mut self.uplink {
            uplink.data = Some(port);
        }
        if let Err(error) = received {
            debug!("the data channel to the host has ended: {error}");
            host_is_gone();
        }
        for call in unwanted {
            self.refuse_unbegun(call);
        }
    }

    pub(crate) fn uplink_writable(&mut self, source: SourceKind) {
        let Some(uplink) = &mut self.uplink else {
            return;
        };
        let port = if source == SourceKind::ControlOut {
            &mut uplink.control
        } else {
            &mut uplink.data
        };
        if let Some(port) = port {
            port.channel().fired(source != SourceKind::DataIn);
        }
        if source == SourceKind::ControlOut {
            self.carry_uplink_events();
        } else {
            self.flush_uplink();
        }
    }

    /// Writes what the data channel to the host takes.
    pub(crate) fn flush_uplink(&mut self) {
        if let Some(port) = self.uplink.as_mut().and_then(|uplink| uplink.data.as_mut())
            && port.flush().is_err()
        {
            host_is_gone();
        }
    }

    /// Moves events from the mailbox into the control pipe to the host, and answers what it asked.
    pub(crate) fn carry_uplink_events(&mut self) {
        for message in std::mem::take(&mut self.said_later) {
            self.send_up(&message);
        }
        let Some(uplink) = self.uplink.as_deref_mut() else {
            return;
        };
        if let Some(port) = &mut uplink.control
            && carry(
                port,
                &uplink.mailbox,
                &mut uplink.events_sent,
                EVENT_BACKLOG_BYTES,
            )
            .is_err()
        {
            host_is_gone();
        }
    }

    /// A call that was taken back does not lie here any more. The host hears of it when there were many: it holds back what
    /// it would send otherwise.
    fn note_passed_over(&mut self) {
        let Some(uplink) = &mut self.uplink else {
            return;
        };
        uplink.passed_over += 1;
        if uplink.passed_over >= TELL_PASSED_OVER {
            self.say_begun();
        }
    }

    /// Tells the host of calls that have begun and wait for something, so that it sends more. Those that are answered
    /// need not be told.
    fn tell_begun(&mut self) {
        let Some(uplink) = &mut self.uplink else {
            return;
        };
        let begun = uplink.begun + uplink.unheard;
        if begun > uplink.answered && begun > uplink.told {
            self.say_begun();
        }
    }

    fn say_begun(&mut self) {
        let Some(uplink) = &mut self.uplink else {
            return;
        };
        uplink.told = uplink.begun + uplink.unheard;
        uplink.passed_over = 0;
        if let Some(port) = &mut uplink.data {
            port.send(Header::new(FrameKind::Started, uplink.told, 0, 0), &[]);
        }
        self.flush_uplink();
    }
}

/// The host's end is the worker's, whatever JavaScript is doing.
fn host_is_gone() -> ! {
    platform::exit_now(0)
}

fn halves(call: u64) -> (u32, u32) {
    (
        u32::try_from(call & 0xffff_ffff).unwrap_or_default(),
        u32::try_from(call >> 32).unwrap_or_default(),
    )
}
