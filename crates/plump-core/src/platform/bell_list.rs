//! The bells on which one thread sleeps, where the system has no descriptor for several of them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Bell, wait_any};

/// Bells on which one thread sleeps. Bells may be added and removed by any thread at any time; who sleeps hears of a bell
/// that is added meanwhile only with its next wait.
#[derive(Debug, Default)]
pub struct BellSet {
    bells: Mutex<Vec<Arc<Bell>>>,
}

impl BellSet {
    /// A set of no bells.
    ///
    /// # Errors
    /// Never here.
    pub fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Adds a bell.
    ///
    /// # Errors
    /// Never here.
    pub fn add(&self, bell: &Arc<Bell>) -> io::Result<()> {
        self.bells().push(Arc::clone(bell));
        Ok(())
    }

    /// Removes a bell; one that is not in the set is not an error.
    pub fn remove(&self, bell: &Arc<Bell>) {
        self.bells().retain(|known| !Arc::ptr_eq(known, bell));
    }

    /// Sleeps until one of the bells rings, or has rung since the last wait; at most `timeout`, `None` for ever. May return
    /// for no reason.
    pub fn wait(&self, timeout: Option<Duration>) {
        let bells = self.bells().clone();
        let all: Vec<&Bell> = bells.iter().map(Arc::as_ref).collect();
        wait_any(&all, timeout);
        for bell in bells {
            bell.clear();
        }
    }

    /// Forgets the rings that have come.
    pub fn clear(&self) {
        for bell in self.bells().iter() {
            bell.clear();
        }
    }

    /// A descriptor for an event loop: none here.
    #[must_use]
    pub fn descriptor(&self) -> Option<i32> {
        None
    }

    fn bells(&self) -> MutexGuard<'_, Vec<Arc<Bell>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
