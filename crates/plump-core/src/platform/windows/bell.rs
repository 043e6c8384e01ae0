//! A bell inside one process. Rings need shared memory, and calls go over pipes on Windows, so no bell has to be heard
//! by another process.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::handle::lock;
use super::source::{Armed, SourceOf};
use super::{InheritedEnd, Source};

/// Wakes one sleeper. Level: a ring before the sleep is not lost, and the bell goes on ringing until it is cleared.
#[derive(Debug)]
pub struct Bell {
    ringing: Arc<Ringing>,
}

#[derive(Debug, Default)]
pub(super) struct Ringing {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rings: bool,
    armed: Option<Armed>,
    /// Whether `armed` is told of every ring, or of the next alone.
    for_every_ring: bool,
    sleepers: Vec<Arc<Sleeper>>,
}

/// One thread in `wait_any`.
#[derive(Debug, Default)]
struct Sleeper {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    /// None on this system.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            ringing: Arc::default(),
        })
    }

    /// Rings. Rings that nobody has cleared yet merge into one.
    pub fn ring(&self) {
        let mut state = lock(&self.ringing.state);
        state.rings = true;
        let armed = if state.for_every_ring {
            state.armed.clone()
        } else {
            state.armed.take()
        };
        for sleeper in &state.sleepers {
            *lock(&sleeper.woken) = true;
            sleeper.changed.notify_all();
        }
        drop(state);
        if let Some(armed) = armed {
            armed.readable();
        }
    }

    /// Makes the bell silent.
    pub fn clear(&self) {
        lock(&self.ringing.state).rings = false;
    }

    /// Waits for a ring without clearing it; `false` when `timeout` passed first. `None` waits for ever.
    #[allow(clippy::must_use_candidate)] // who waits for ever knows the answer
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        wait_any(&[self], timeout)
    }

    /// What to register with a [`super::Reactor`].
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            of: SourceOf::Bell(Arc::clone(&self.ringing)),
        }
    }

    /// A bell stays in its process on this system.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// A bell stays in its process on this system.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn open_inherited(_number: u64) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Ringing {
    pub(super) fn arm(&self, armed: Armed, for_every_ring: bool) {
        let mut state = lock(&self.state);
        let rings = state.rings;
        state.for_every_ring = for_every_ring;
        state.armed = (for_every_ring || !rings).then(|| armed.clone());
        drop(state);
        if rings {
            armed.readable();
        }
    }

    pub(super) fn disarm(&self) {
        lock(&self.state).armed = None;
    }
}

/// Waits until one of the bells rings; `false` when `timeout` passed first. `None` waits for ever.
#[allow(clippy::must_use_candidate)] // who looks at everything anyway needs no answer
pub fn wait_any(bells: &[&Bell], timeout: Option<Duration>) -> bool {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let sleeper = Arc::new(Sleeper::default());
    for bell in bells {
        let mut state = lock(&bell.ringing.state);
        if state.rings {
            *lock(&sleeper.woken) = true;
        }
        state.sleepers.push(Arc::clone(&sleeper));
    }
    let woken = sleeper.sleep(deadline);
    for bell in bells {
        lock(&bell.ringing.state)
            .sleepers
            .retain(|known| !Arc::ptr_eq(known, &sleeper));
    }
    woken
}

impl Sleeper {
    fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut woken = lock(&self.woken);
        while !*woken {
            woken = match deadline {
                None => self
                    .changed
                    .wait(woken)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let waited = self.changed.wait_timeout(woken, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}
