//! The life of a worker process: one enum, one table of transitions.

use serde::Serialize;

/// Where a worker is in its life.
///
/// | from | event | to |
/// |---|---|---|
/// | `Starting` | `Ready` | `Ready` |
/// | `Starting`, `Ready` | `AskedToEnd` | `Draining` |
/// | `Draining` | `Finished` | `Ending` |
/// | `Starting`, `Ready`, `Draining`, `Ending` | `Terminated` | `Terminating` |
/// | any but `Killing`, `Dead` | `Killed` | `Killing` |
/// | any but `Dead` | `Gone` | `Dead` |
///
/// Every other pair is ignored: events race (a worker may die while it is asked to end). `docs/workers.md` has the same
/// table, pair by pair; a test compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// Being spawned, loading its module, or running its init functions.
    Starting,
    /// Takes calls.
    Ready,
    /// Finishes what it has begun.
    Draining,
    /// Has finished everything, runs its teardown functions and exits.
    Ending,
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
    /// Its module is loaded, and its init functions are done.
    Ready,
    /// `Shutdown` was sent.
    AskedToEnd,
    /// It says that it has answered everything that it had begun.
    Finished,
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
            (Self::Draining, LifeEvent::Finished) => Some(Self::Ending),
            (
                Self::Starting | Self::Ready | Self::Draining | Self::Ending,
                LifeEvent::Terminated,
            ) => Some(Self::Terminating),
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

    const STATES: [Life; 7] = [
        Life::Starting,
        Life::Ready,
        Life::Draining,
        Life::Ending,
        Life::Terminating,
        Life::Killing,
        Life::Dead,
    ];

    const EVENTS: [LifeEvent; 6] = [
        LifeEvent::Ready,
        LifeEvent::AskedToEnd,
        LifeEvent::Finished,
        LifeEvent::Terminated,
        LifeEvent::Killed,
        LifeEvent::Gone,
    ];

    /// A state as `stats()` and the docs have it.
    fn name(state: Life) -> String {
        format!("{state:?}").to_lowercase()
    }

    /// The cells of the rows of the docs' table of transitions, without the line under its head.
    fn documented() -> Vec<Vec<String>> {
        let docs = include_str!("../../../docs/workers.md");
        let table = docs.split("<!-- transitions -->").nth(1);
        let lines = table.expect("the docs mark their table").trim().lines();
        let cells = |line: &str| {
            let inner = line.trim().trim_matches('|').split('|');
            inner
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect::<Vec<String>>()
        };
        let rows = lines.map(cells);
        rows.filter(|row| !row.iter().all(|cell| cell.trim_matches('-').is_empty()))
            .collect()
    }

    #[test]
    fn the_table_in_the_docs_is_that_of_the_code() {
        let events = EVENTS.map(|event| format!("{event:?}"));
        let mut expected = vec![
            std::iter::once("state".to_owned())
                .chain(events)
                .collect::<Vec<String>>(),
        ];
        for state in STATES {
            let next = EVENTS.map(|event| {
                let mut life = state;
                let moved = life.step(event);
                assert_eq!(moved, life != state, "{state:?} {event:?}");
                if moved { name(life) } else { String::new() }
            });
            expected.push(std::iter::once(name(state)).chain(next).collect());
        }
        assert_eq!(documented(), expected);
    }

    #[test]
    fn states_are_shown_by_the_names_in_the_docs() {
        for state in STATES {
            let shown = serde_json::to_string(&state).expect("a plain enum");
            assert_eq!(shown.trim_matches('"'), name(state));
        }
    }

    #[test]
    fn nothing_leaves_death_and_everything_can_reach_it() {
        for event in EVENTS {
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
            for event in EVENTS {
                if let Some(next) = state.after(event) {
                    assert!(rank(next) > rank(state), "{state:?} {event:?} {next:?}");
                }
            }
        }
    }

    #[test]
    fn only_a_draining_worker_ends_by_itself() {
        for state in STATES.into_iter().filter(|state| *state != Life::Draining) {
            assert_eq!(state.after(LifeEvent::Finished), None);
        }
    }

    #[test]
    fn only_a_starting_worker_gets_ready() {
        for state in STATES.into_iter().skip(1) {
            assert_eq!(state.after(LifeEvent::Ready), None);
        }
    }
}
