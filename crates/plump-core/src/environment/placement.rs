//! Two processes that call each other all the time and sit on one CPU while another is idle: neither is ever ready to run
//! for long enough to be moved by the system, and each is woken where the other has just run. On a virtual machine a halted
//! CPU even counts as taken. So whoever notices moves itself away, rarely.
//!
//! Pure logic; `platform::leave_cpu` does it. `docs/decisions/0014-leaving-a-shared-cpu.md` says what was refused.

/// So many waits in a row for somebody on the same CPU are a conversation that would be faster from elsewhere.
const WAITS_BEFORE_MOVING: u32 = 32;

/// A pause so long ends a row, nanoseconds: calls that come seldom gain nothing by watching, nor by moving.
const LONGEST_PAUSE_NS: u64 = 200_000;

/// The first pause between two moves, nanoseconds. It doubles each time that the move was in vain.
const FIRST_REST_NS: u64 = 20_000_000;

/// The longest pause between two moves, nanoseconds: where all CPUs are busy a move gains nothing.
const LONGEST_REST_NS: u64 = 2_000_000_000;

/// Whether to leave the CPU that is shared with whom one waits for.
#[derive(Debug)]
pub struct Placement {
    waits: u32,
    last_wait: u64,
    rest: u64,
    not_before: u64,
    moved_at: u64,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            waits: 0,
            last_wait: 0,
            rest: FIRST_REST_NS,
            not_before: 0,
            moved_at: 0,
        }
    }
}

impl Placement {
    /// A wait for somebody on the same CPU begins at `now`, nanoseconds of the monotonic clock. `true`: move away first.
    pub fn waits_here(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.last_wait) > LONGEST_PAUSE_NS {
            self.waits = 0;
        }
        self.last_wait = now;
        self.waits += 1;
        if self.waits < WAITS_BEFORE_MOVING || now < self.not_before {
            return false;
        }
        // Together again soon after the last move: it was in vain.
        let in_vain = now.saturating_sub(self.moved_at) < 4 * self.rest;
        self.rest = if in_vain {
            (self.rest * 2).min(LONGEST_REST_NS)
        } else {
            FIRST_REST_NS
        };
        self.waits = 0;
        self.moved_at = now;
        self.not_before = now + self.rest;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits every 10 µs from `from` until `until`, nanoseconds: when it moved.
    fn moves(placement: &mut Placement, from: u64, until: u64) -> Vec<u64> {
        (from..until)
            .step_by(10_000)
            .filter(|now| placement.waits_here(*now))
            .collect()
    }

    #[test]
    fn it_moves_after_a_row_of_waits_and_then_ever_more_rarely() {
        let mut placement = Placement::default();
        let start = 1_000_000_000;
        let moves = moves(&mut placement, start, start + 10_000_000_000);
        assert_eq!(
            moves[0],
            start + u64::from(WAITS_BEFORE_MOVING - 1) * 10_000
        );
        let pauses: Vec<u64> = moves.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert!(*pauses.last().unwrap() >= LONGEST_REST_NS);
        assert!(moves.len() < 16, "{moves:?}");
    }

    #[test]
    fn seldom_calls_do_not_move_anybody() {
        let mut placement = Placement::default();
        let moved = (0..10_000).any(|wait| placement.waits_here(wait * 1_000_000));
        assert!(!moved);
    }

    #[test]
    fn a_move_that_held_for_long_makes_the_next_one_soon() {
        let mut placement = Placement::default();
        let first = moves(&mut placement, 1_000_000_000, 1_001_000_000);
        assert_eq!(first.len(), 1);
        let second = moves(&mut placement, 5_000_000_000, 5_001_000_000);
        assert_eq!(second.len(), 1);
        assert_eq!(placement.rest, FIRST_REST_NS);
    }
}
