//! Whether the workers that have calls are alive.

use super::worker::breach;
use crate::control::Control;
use crate::environment::State;
use crate::errors::ErrorKind;
use crate::failure::Failure;
use crate::timers::Timer;
use std::time::{Duration, Instant};

impl State {
    pub(super) fn watch_heart(&mut self, slot: usize) {
        let Some(worker) = self.workers.get_mut(slot).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(pool) = self.pools.get(&worker.pool) else {
            return;
        };
        if worker.heartbeat_set
            || pool.options.heartbeat_ms == 0
            || pool.options.heartbeat_timeout_ms == 0
        {
            return;
        }
        worker.heartbeat_set = true;
        let (serial, every) = (worker.serial, pool.options.heartbeat_ms);
        self.add_timer(
            Instant::now() + Duration::from_millis(u64::from(every)),
            Timer::Heartbeat(serial),
        );
    }

    /// Time to hear whether a worker's link thread lives; only while it has calls.
    pub(crate) fn heartbeat_due(&mut self, serial: u64, now: Instant) {
        let Some(slot) = self.slot_of_serial(serial) else {
            return;
        };
        // A pong that lies in the pipe counts, also when this process was itself stopped for a while.
        self.pump_worker_control(slot);
        // One that has overwritten the words by which it would ring, and then rings no more, is found out here.
        self.pump_worker(slot);
        let checked = self
            .worker_mut(slot)
            .and_then(|worker| worker.data.as_mut())
            .map(|port| port.channel().check());
        if let Some(Err(error)) = checked {
            self.end_worker(slot, breach(&error.to_string()));
            return;
        }
        let Some(worker) = self.worker_mut(slot) else {
            return;
        };
        worker.heartbeat_set = false;
        if worker.window.in_flight() == 0 {
            worker.pinged = None;
            return;
        }
        let (pool, pinged) = (worker.pool, worker.pinged);
        let Some(pool) = self.pools.get(&pool) else {
            return;
        };
        let (every, limit) = (pool.options.heartbeat_ms, pool.options.heartbeat_timeout_ms);
        match pinged {
            Some((_, at))
                if now.saturating_duration_since(at) >= Duration::from_millis(u64::from(limit)) =>
            {
                let message = format!("The worker's link thread has not answered for {limit} ms.");
                self.end_worker(slot, Failure::new(ErrorKind::WorkerUnresponsive, message));
                return;
            }
            Some(_) => {}
            None => {
                let number = u32::try_from(serial & 0xffff).unwrap_or_default();
                if let Some(worker) = self.worker_mut(slot) {
                    worker.pinged = Some((number, now));
                }
                self.send_control(slot, &Control::Ping(number));
            }
        }
        if let Some(worker) = self.worker_mut(slot) {
            worker.heartbeat_set = true;
        }
        self.add_timer(
            now + Duration::from_millis(u64::from(every.min(limit))),
            Timer::Heartbeat(serial),
        );
    }
}
