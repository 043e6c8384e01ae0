//! What a worker says on its control pipe, and what it is told.

use super::READ_BUDGET_BYTES;
use super::worker::Direction;
use crate::bus::Event;
use crate::control::Control;
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::frame::{FrameKind, Header};
use crate::limits::MAX_CONTROL_BYTES;
use crate::link::{self};
use crate::port::{Payload, Port, PortError};
use crate::process::{Life, LifeEvent};
use std::sync::Arc;

/// Bytes of events that are handed to a control pipe before the rest stays in the mailbox, where the oldest can be dropped.
const EVENT_BACKLOG_BYTES: usize = 256 * 1024;

impl State {
    pub(super) fn send_control(&mut self, slot: usize, message: &Control) {
        let Some(port) = self
            .worker_mut(slot)
            .and_then(|worker| worker.control.as_mut())
        else {
            return;
        };
        port.send_owned(Header::new(FrameKind::Control, 0, 0, 0), message.encode());
        if let Err(error) = port.flush() {
            self.link_broken(slot, &PortError::Io(error));
        }
    }

    /// Takes in what a worker's control pipe holds.
    pub(crate) fn pump_worker_control(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let (serial, pool) = (worker.serial, worker.pool);
        let Some(mut port) = worker.control.take() else {
            return;
        };
        port.channel().fired(false);
        let received = loop {
            match port.receive(READ_BUDGET_BYTES, |header, payload| {
                self.on_control(slot, header, payload)
            }) {
                Ok(false) if !link::listen(&mut port) => {}
                // The budget is used up: the others get their turn first.
                Ok(_) => {
                    link::listen(&mut port);
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        match received {
            Ok(()) => {
                self.put_back(serial, Direction::Control, port);
                self.end_if_said(slot);
                self.let_go(slot);
                // Calls may have come back.
                self.dispatch(pool);
            }
            Err(error) => self.link_broken(slot, &error),
        }
    }

    pub(super) fn on_control(
        &mut self,
        slot: usize,
        header: Header,
        payload: Payload<'_>,
    ) -> Result<(), PortError> {
        let breach = |what: &str| Err(PortError::Protocol(what.to_owned()));
        match header.kind {
            FrameKind::Event => {
                let body = match payload {
                    Payload::Assembled(bytes) => bytes,
                    payload => payload.bytes().to_vec(),
                };
                let Some(event) = Event::from_body(body) else {
                    return breach("an event that is none");
                };
                let event = Arc::new(event);
                self.deliver(&event);
                self.fan_out(&event, Some(slot));
                self.notify_io();
                return Ok(());
            }
            FrameKind::Control if payload.bytes().len() <= MAX_CONTROL_BYTES => {}
            kind => {
                return breach(&format!(
                    "a {kind:?} frame does not go over the control pipe"
                ));
            }
        }
        let Some(message) = Control::decode(payload.bytes()) else {
            return breach("a control message that is none");
        };
        let Some(worker) = self.worker_mut(slot) else {
            return Ok(());
        };
        match message {
            Control::Hello {
                protocol,
                version,
                pid,
            } => self.on_hello(slot, protocol, &version, pid),
            _ if !worker.greeted => return breach("it did not say hello first"),
            Control::Rules(rules) => {
                if !worker.note_rules(rules) {
                    return breach("options of commands that can't be");
                }
            }
            Control::Commands(names) => {
                if !worker.may_announce(&names) {
                    return breach("too many commands, or names that can't be");
                }
                let last = worker.rules.last().map(|(place, _)| *place as usize);
                if last.is_some_and(|place| place >= names.len()) {
                    return breach("options of commands that it does not announce");
                }
                self.on_commands(slot, &names);
            }
            _ if !worker.rules.is_empty() => {
                return breach("options of commands, and no commands after them");
            }
            Control::Ready => self.on_ready(slot),
            Control::LoadFailed(cause) => {
                worker.last_words = cause;
                if worker.life == Life::Starting && worker.reason.is_none() {
                    let message = "The worker module could not be loaded.";
                    worker.reason = Some(Failure::new(ErrorKind::StartFailed, message));
                }
            }
            Control::LastWords(cause) => worker.last_words = cause,
            Control::Leaving => {
                // It is told to end when the port that this came through is back in its place.
                worker.leaving = true;
            }
            Control::Finished => match worker.life {
                Life::Starting | Life::Ready => {
                    return breach("it has finished without having been asked to");
                }
                _ => self.on_finished(slot),
            },
            Control::Goodbye => worker.goodbye = true,
            Control::Pong(number) => {
                if worker.pinged.is_some_and(|(pinged, _)| pinged == number) {
                    worker.pinged = None;
                }
            }
            Control::Began(call) => self.on_began(slot, call),
            Control::Recalled(calls) => {
                let Some(left) = worker.recalls.checked_sub(1) else {
                    return breach("it gave calls back that it was not asked for");
                };
                worker.recalls = left;
                self.on_recalled(slot, &calls)?;
            }
            Control::Welcome { .. }
            | Control::Cancel(_)
            | Control::Expire(_)
            | Control::Recall
            | Control::GiveBack(_)
            | Control::Shutdown
            | Control::Ping(_) => {
                return breach("a control message that goes the other way");
            }
        }
        Ok(())
    }

    /// A port was taken out so that what it received could change everything else. Its worker may be gone since.
    pub(super) fn put_back(&mut self, serial: u64, direction: Direction, port: Box<Port>) {
        if let Some(worker) = self.worker_by_serial(serial) {
            match direction {
                Direction::Control => worker.control = Some(port),
                Direction::Data => worker.data = Some(port),
            }
        }
    }

    /// A worker that asked to end is told to, once it has answered everything.
    pub(super) fn let_go(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        if worker.leaving
            && worker.window.in_flight() == 0
            && worker.life.step(LifeEvent::AskedToEnd)
        {
            self.send_control(slot, &Control::Shutdown);
            self.time_teardown(slot);
        }
    }

    /// Moves events from a worker's mailbox into its control pipe.
    pub(crate) fn carry_worker_events(&mut self, slot: usize) {
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        let Some(port) = &mut worker.control else {
            return;
        };
        let result = link::carry(
            port,
            &worker.mailbox,
            &mut worker.events_sent,
            EVENT_BACKLOG_BYTES,
        );
        if let Err(error) = result {
            self.link_broken(slot, &PortError::Io(error));
        }
    }
}
