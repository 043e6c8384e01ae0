//! The life of a worker process: one enum, one table of transitions.

use serde::Serialize;

/// Where a worker is in its life.
///
/// | from | event | to |
/// |---|---|---|
/// | `Starting` | `Ready` | `Ready` |
/// | `Starting`, `Ready` | `AskedToEnd` | `Draining` |
/// | `Starting`, `Ready`, `Draining` | `Terminated` | `Terminating` |
/// | any but `Dead` | `Killed` | `Killing` |
/// | any but `Dead` | `Gone` | `Dead` |
///
/// Every other pair is ignored: events race (a worker may die while it is asked to end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// Being spawned, or loading its module.
    Starting,
    /// Takes calls.
    Ready,
    /// Finishes what it has begun.
    Draining,
    /// Was asked by the system's polite signal.
    Terminating,
    /// Was ended by force.
    Killing,
    /// Reaped, or its link is gone for good.
    Dead,
}

/// What can happen to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeEvent {
    /// Its module is loaded.
    Ready,
    /// `Shutdown` was sent.
    AskedToEnd,
    /// The polite signal was sent.
    Terminated,
    /// The hard signal was sent.
    Killed,
    /// It has exited, or, for a process that is not our child, its link has closed.
    Gone,
}

impl Life {
    /// The state after `event`, `None` where the event changes nothing.
    #[must_use]
    pub fn after(self, event: LifeEvent) -> Option<Self> {
        match (self, event) {
            (Self::Starting, LifeEvent::Ready) => Some(Self::Ready),
            (Self::Starting | Self::Ready, LifeEvent::AskedToEnd) => Some(Self::Draining),
            (Self::Starting | Self::Ready | Self::Draining, LifeEvent::Terminated) => {
                Some(Self::Terminating)
            }
            (Self::Dead | Self::Killing, LifeEvent::Killed) | (Self::Dead, LifeEvent::Gone) => None,
            (_, LifeEvent::Killed) => Some(Self::Killing),
            (_, LifeEvent::Gone) => Some(Self::Dead),
            _ => None,
        }
    }

    /// Moves on by `event`; `false` where it changes nothing.
    pub fn step(&mut self, event: LifeEvent) -> bool {
        match self.after(event) {
            Some(next) => {
                *self = next;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Life, LifeEvent};

    const STATES: [Life; 6] = [
        Life::Starting,
        Life::Ready,
        Life::Draining,
        Life::Terminating,
        Life::Killing,
        Life::Dead,
    ];

    #[test]
    fn nothing_leaves_death_and_everything_can_reach_it() {
        for event in [
            LifeEvent::Ready,
            LifeEvent::AskedToEnd,
            LifeEvent::Terminated,
            LifeEvent::Killed,
            LifeEvent::Gone,
        ] {
            assert_eq!(Life::Dead.after(event), None);
        }
        for state in STATES.into_iter().filter(|state| *state != Life::Dead) {
            assert_eq!(state.after(LifeEvent::Gone), Some(Life::Dead));
        }
    }

    #[test]
    fn a_worker_never_goes_back() {
        let rank = |life: Life| STATES.iter().position(|state| *state == life);
        for state in STATES {
            for event in [
                LifeEvent::Ready,
                LifeEvent::AskedToEnd,
                LifeEvent::Terminated,
                LifeEvent::Killed,
                LifeEvent::Gone,
            ] {
                if let Some(next) = state.after(event) {
                    assert!(rank(next) > rank(state), "{state:?} {event:?} {next:?}");
                }
            }
        }
    }

    #[test]
    fn only_a_starting_worker_gets_ready() {
        for state in STATES.into_iter().skip(1) {
            assert_eq!(state.after(LifeEvent::Ready), None);
        }
    }
}
