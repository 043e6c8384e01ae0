//! Calls on the way there: made, queued, sent.

use super::pool::{Pool, PoolState, queued};
use super::worker::{Limit, MAX_KEPT_BYTES, Worker};
use super::{CallRequest, UNKNOWN_COMMAND};
use crate::block::Lease;
use crate::channel::ChannelKind;
use crate::debug;
use crate::environment::{SourceKind, State};
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header, TELLS, deadline_word};
use crate::placing::place_of;
use crate::port::PortError;
use crate::queue::{For, Ticket};
use crate::queue_limits::Admission;
use crate::router::{CallId, CallLimits};
use crate::rules::Ruled;
use crate::timers::Timer;
use std::time::{Duration, Instant};

/// An answer kept back waits until so many bytes are together.
const KEPT_BACK_BYTES: usize = 16 * 1024;

/// Calls that are made together are written together, so many bytes at the most: a worker should begin with the first
/// while the others are still being made.
pub(super) const SENT_TOGETHER_BYTES: usize = 16 * 1024;

/// The payload of a call that is sent.
pub(super) enum Outgoing<'a> {
    /// Still in JavaScript's memory.
    Borrowed(&'a [&'a [u8]]),
    /// It waited in the queue; so many bytes of it are binary parts.
    Owned(Vec<u8>, usize),
    /// A block, with the rest in JavaScript's memory.
    Lent(&'a [&'a [u8]], Lease),
    /// A block that waited in the queue, with the rest.
    OwnedLent(Vec<u8>, Lease),
}

impl State {
    pub(super) fn submit(
        &mut self,
        request: CallRequest,
        parts: &[&[u8]],
    ) -> Result<CallId, ErrorKind> {
        let pool = self
            .pools
            .get_mut(&request.pool)
            // The numbers of pools that have come to their end are not used again.
            .ok_or(ErrorKind::Closed)?;
        if request.command == UNKNOWN_COMMAND {
            return Err(ErrorKind::UnknownCommand);
        }
        if pool.state != PoolState::Open {
            return Err(ErrorKind::Closed);
        }
        let bytes = crate::port::padded_length(parts);
        if bytes as u64 > pool.options.max_payload_bytes {
            return Err(ErrorKind::PayloadTooLarge);
        }
        let is_plain = pool.rules.is_plain();
        let ruled = if is_plain {
            Ruled::plainly(&request.asked)
        } else {
            pool.rules.apply(request.command, &request.asked)
        };
        let at_once =
            pool.queue.is_empty() && request.key.is_none_or(|key| pool.queue.is_free(key));
        let large = request.block != 0;
        let slot = if at_once {
            self.free_worker(&request, weight(bytes, large), ruled.concurrency)
        } else {
            None
        };
        let Some(pool) = self.pools.get_mut(&request.pool) else {
            return Err(ErrorKind::Closed);
        };
        if slot.is_none()
            && let Admission::Refused(_) = pool.limits.admit(queued(&pool.queue), bytes)
        {
            return Err(ErrorKind::QueueFull);
        }
        // From here on the call is made: the block is its own.
        let lease = parts
            .last()
            .and_then(|data| pool.lender.claim(request.block, data));
        let parts = &parts[..parts.len() - usize::from(lease.is_some())];
        let bytes = crate::port::padded_length(parts);
        let id = self.calls.create(
            request.pool,
            request.command,
            request.token,
            request.blocking,
        );
        // No two calls are made at the same time: their order hangs on it.
        self.made_at = self.now_ns.max(self.made_at + 1);
        if let Some(call) = self.calls.get_mut(id) {
            call.made_at = self.made_at;
        }
        if ruled.timeout_ms > 0 {
            let deadline = Instant::now() + Duration::from_millis(u64::from(ruled.timeout_ms));
            if let Some(call) = self.calls.get_mut(id) {
                call.timeout_ms = ruled.timeout_ms;
                call.deadline = Some(deadline);
            }
            self.add_timer(deadline, Timer::Call(id));
        }
        if ruled.limits != CallLimits::default() {
            self.limit_call(id, ruled.limits, Instant::now());
        }
        if request.key.is_some() || ruled.priority != 0 {
            self.order_call(id, &request, ruled.priority, slot.is_some());
        }
        if !is_plain {
            self.rule_call(id, &request.asked, &ruled);
        }
        if let Some(slot) = slot {
            let outgoing = match lease {
                Some(lease) => Outgoing::Lent(parts, lease),
                None => Outgoing::Borrowed(parts),
            };
            self.send_call(slot, id, outgoing);
            return Ok(id);
        }
        let mut payload = Vec::with_capacity(bytes);
        crate::port::extend_padded(&mut payload, parts);
        let shown = bytes - parts.first().map_or(0, |main| main.len());
        self.queue_call(id, payload, shown, lease);
        if let Some(failure) = self.rejection(request.pool) {
            self.forget_waiting(id);
            let name = self.command_name(id);
            self.fail(id, &failure.of_command(&name));
            return Ok(id);
        }
        // What waits may wait for one worker alone, while others are free for this call.
        let has_lanes = |pool: &Pool| pool.queue.has_lanes();
        if self.pools.get(&request.pool).is_some_and(has_lanes) {
            self.send_waiting(request.pool);
        } else if self.is_first_of_elastic(request.pool) {
            self.fill_pool(request.pool);
        }
        self.note_take_over();
        Ok(id)
    }

    /// The size of a pool depends on how long the first call waits: those behind it need not be looked at.
    fn is_first_of_elastic(&self, pool: u32) -> bool {
        self.pools
            .get(&pool)
            .is_some_and(|pool| !pool.options.is_elastic() || pool.queue.at_the_front() <= 1)
    }

    /// What a new call's turn depends on.
    fn order_call(&mut self, id: CallId, request: &CallRequest, priority: i8, goes_at_once: bool) {
        if let Some(call) = self.calls.get_mut(id) {
            (call.priority, call.key) = (priority, request.key);
        }
        if goes_at_once
            && let Some(key) = request.key
            && let Some(pool) = self.pools.get_mut(&request.pool)
        {
            pool.queue.hold(key, id);
        }
    }

    /// A new call waits.
    fn queue_call(&mut self, id: CallId, payload: Vec<u8>, shown: usize, lease: Option<Lease>) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let ticket = Ticket::of(id, call, payload.len());
        (call.payload, call.lease, call.shown) = (payload, lease, shown);
        let limited = call.limited;
        if let Some(pool) = self.pools.get_mut(&call.pool) {
            pool.queue.push(ticket, limited, &pool.places);
            let calls = &self.calls;
            pool.queue.sweep(|call| calls.is_undecided(call));
        }
    }

    /// The worker that a new call may go to at once, with a payload of so many bytes, whose command may have so many calls
    /// in one worker.
    fn free_worker(
        &mut self,
        request: &CallRequest,
        bytes: usize,
        most_of_command: u32,
    ) -> Option<usize> {
        let pool = self.pools.get_mut(&request.pool)?;
        let whom = match request.key {
            None => For::Anyone,
            Some(key) => For::Place(place_of(key, &pool.places)?),
        };
        let concurrency = pool.options.concurrency;
        let (workers, now_ns) = (&self.workers, self.now_ns);
        // Where the size changes the first ones are preferred: else none would ever be idle for long.
        let mut last = workers.len();
        let turn = if pool.options.is_elastic() {
            &mut last
        } else {
            &mut pool.turn
        };
        let wanted = Wanted {
            pool: request.pool,
            whom,
            limit: Limit {
                concurrency,
                command: request.command,
                most_of_command,
            },
            bytes,
            now_ns,
        };
        free_worker(workers, &wanted, turn)
    }

    /// Sends what waits to those who may have it.
    pub(super) fn dispatch(&mut self, pool_id: u32) {
        self.send_waiting(pool_id);
        self.flush_sent();
    }

    fn send_waiting(&mut self, pool_id: u32) {
        let mut sent = false;
        loop {
            let Some(pool) = self.pools.get_mut(&pool_id) else {
                return;
            };
            if pool.queue.is_empty() {
                break;
            }
            let (workers, calls, now_ns) = (&self.workers, &self.calls, self.now_ns);
            let concurrency = pool.options.concurrency;
            let mut last = workers.len();
            let turn = if pool.options.is_elastic() {
                &mut last
            } else {
                &mut pool.turn
            };
            let rules = &pool.rules;
            let next = pool.queue.next(
                |id| calls.is_undecided(id),
                |whom, ticket| {
                    let large = calls
                        .get(ticket.id)
                        .is_some_and(|call| call.lease.is_some());
                    let wanted = Wanted {
                        pool: pool_id,
                        whom,
                        limit: Limit {
                            concurrency,
                            command: ticket.command,
                            most_of_command: rules.concurrency(ticket.command),
                        },
                        bytes: weight(ticket.bytes, large),
                        now_ns,
                    };
                    free_worker(workers, &wanted, turn)
                },
            );
            let Some((ticket, slot)) = next else {
                self.fill_pool(pool_id);
                break;
            };
            sent = true;
            let Some(call) = self.calls.get_mut(ticket.id) else {
                continue;
            };
            let payload = std::mem::take(&mut call.payload);
            let outgoing = match call.lease.take() {
                Some(lease) => Outgoing::OwnedLent(payload, lease),
                None => Outgoing::Owned(payload, call.shown),
            };
            self.send_call(slot, ticket.id, outgoing);
        }
        if sent {
            self.note_drained(pool_id);
        }
    }

    /// Sends a call to a worker, if that knows the command.
    fn send_call(&mut self, slot: usize, id: CallId, payload: Outgoing<'_>) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (command, deadline) = (call.command, call.deadline);
        let tells = if call.limits.run_ms > 0 { TELLS } else { 0 };
        let now_ns = self.now_ns;
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(number) = worker.numbers.get(command as usize).copied().flatten() else {
            let name = self.command_name(id);
            let failure = Failure::new(
                ErrorKind::UnknownCommand,
                format!("The worker has no command '{name}'."),
            );
            // The next one of its key may go.
            self.leave_worker(id);
            self.fail(id, &failure.of_command(&name));
            return;
        };
        let due = deadline.map_or(0, |deadline| {
            deadline_word(deadline.saturating_duration_since(Instant::now()))
        });
        self.note_crowd(slot);
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        self.calls.give(id, u32::try_from(slot).unwrap_or(u32::MAX));
        if let Some(call) = self.calls.get_mut(id) {
            let whatever = call.retries > 0;
            call.kept = match &payload {
                Outgoing::Borrowed(parts) => worker.keep(parts, whatever),
                Outgoing::Owned(bytes, _) => worker.keep(&[bytes], whatever),
                Outgoing::Lent(..) | Outgoing::OwnedLent(..) => None,
            };
            if call.limited {
                *worker.held.entry(command).or_default() += 1;
            }
        }
        let long = worker.pace(command).is_long();
        worker.window.send(long, now_ns);
        let watch_ahead = worker.window.holds_waiting();
        // A warm spare was used: there may be another one to be kept.
        let uses_spare = worker.elastic && worker.window.sent_total() == 1;
        let pool_id = worker.pool;
        // Without a limit this is never so.
        let is_last = worker.window.sent_total() == worker.max_calls;
        if is_last {
            worker.leaving = true;
        }
        let header = Header::new(FrameKind::Call, id, number | tells, due);
        // The first call of an idle worker goes at once. Over a pipe each further one would cost a system call: they go
        // together, when JavaScript looks for answers or the I/O thread comes.
        let keep_back = worker.channel == ChannelKind::Pipe && worker.window.in_flight() > 1;
        let Some(port) = &mut worker.data else { return };
        match payload {
            Outgoing::Borrowed(parts) => port.send(header, parts),
            Outgoing::Owned(bytes, shown) => port.send_together(header, bytes, shown),
            Outgoing::Lent(front, lease) => port.send_lent(header, front, lease),
            Outgoing::OwnedLent(front, lease) => port.send_lent(header, &[&front], lease),
        }
        let warm = port.blocks().and_then(|blocks| blocks.sender.idle());
        let backlog = port.backlog();
        if keep_back && backlog < KEPT_BACK_BYTES {
            self.unflushed = true;
            self.notify_io();
        } else if !keep_back && backlog < SENT_TOGETHER_BYTES {
            // `flush_sent` follows.
            worker.to_flush = true;
        } else {
            self.flush_worker(slot);
        }
        self.watch_heart(slot);
        self.watch_memory(slot);
        if watch_ahead {
            self.watch_ahead(slot);
        }
        if is_last {
            self.tell_retired(slot, "calls");
        }
        if uses_spare {
            self.look_at_pool_at(pool_id, Instant::now());
        }
        if let Some(idle) = warm {
            self.watch_blocks(idle);
        }
    }

    pub(super) fn command_name(&self, id: CallId) -> String {
        self.calls
            .get(id)
            .and_then(|call| {
                Some(
                    self.pools
                        .get(&call.pool)?
                        .names
                        .name(call.command)
                        .to_owned(),
                )
            })
            .unwrap_or_default()
    }

    /// Writes what `send_call` has left to be written together.
    pub(super) fn flush_sent(&mut self) {
        for slot in 0..self.workers.len() {
            if let Some(worker) = self.worker_mut(slot)
                && std::mem::take(&mut worker.to_flush)
            {
                self.flush_worker(slot);
            }
        }
    }

    /// Writes what a worker's data channel takes.
    pub(super) fn flush_worker(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if let Some(port) = &mut worker.data
            && let Err(error) = port.flush()
        {
            debug!("writing to worker {:?}: {error}", worker.pid);
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    /// Sends everything that was kept back.
    pub(crate) fn flush_kept_back(&mut self) {
        if !std::mem::take(&mut self.unflushed) {
            return;
        }
        for slot in 0..self.workers.len() {
            if self.workers[slot]
                .as_ref()
                .is_some_and(|worker| worker.data.as_ref().is_some_and(|p| p.backlog() > 0))
            {
                self.flush_worker(slot);
            }
        }
        self.flush_uplink();
    }

    /// There is room again in one of a worker's channels.
    pub(crate) fn worker_writable(&mut self, slot: usize, source: SourceKind) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let port = if source == SourceKind::ControlOut {
            &mut worker.control
        } else {
            &mut worker.data
        };
        let Some(port) = port else { return };
        port.channel().fired(source != SourceKind::DataIn);
        if source == SourceKind::ControlOut {
            self.carry_worker_events(slot);
        } else {
            let pool = worker.pool;
            self.flush_worker(slot);
            self.dispatch(pool);
        }
    }
}

/// Bytes of a call as a worker sees them that is to be sent one more: one with a block counts as large, for it can't be
/// taken back.
fn weight(bytes: usize, has_block: bool) -> usize {
    if has_block {
        bytes.max(MAX_KEPT_BYTES + 1)
    } else {
        bytes
    }
}

/// A worker that is looked for.
struct Wanted {
    pool: u32,
    whom: For,
    limit: Limit,
    /// Bytes of the call that it is to be sent.
    bytes: usize,
    now_ns: u64,
}

/// The least loaded of those workers that may be sent one more call. One that is held up is sent none behind the call that
/// runs as long as another one goes on: that will come to it sooner. While all are held up, each is sent one that it
/// can begin with as soon as it has finished.
fn free_worker(
    workers: &[Option<Box<Worker>>],
    wanted: &Wanted,
    turn: &mut usize,
) -> Option<usize> {
    let count = workers.len();
    *turn = if *turn + 1 < count { *turn + 1 } else { 0 };
    let mut best: Option<(bool, u64, usize)> = None;
    let (mut seen, mut one_goes_on) = (0, false);
    for step in 0..count {
        let at = *turn + step;
        let slot = if at < count { at } else { at - count };
        let Some(worker) = workers[slot].as_deref() else {
            continue;
        };
        let is_meant = worker.pool == wanted.pool
            && match wanted.whom {
                For::Anyone => true,
                For::Place(place) => worker.place == place,
            };
        if !is_meant || !worker.serves() {
            continue;
        }
        seen += 1;
        let held_up = worker.shares && worker.window.is_held_up(wanted.now_ns);
        one_goes_on |= !held_up;
        if worker.takes_calls(wanted.limit, wanted.bytes) {
            let load = worker.window.in_flight();
            if best.is_none_or(|(held, least, _)| (held_up, load) < (held, least)) {
                best = Some((held_up, load, slot));
                if load == 0 {
                    break;
                }
            }
        }
    }
    let (held_up, _, slot) = best?;
    let alone = seen == 1;
    let has_room = |worker: &Worker| worker.window.ahead() < 2;
    let may = !held_up || alone || (!one_goes_on && workers[slot].as_deref().is_some_and(has_room));
    may.then_some(slot)
}
