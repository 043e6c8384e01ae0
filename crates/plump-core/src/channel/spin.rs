//! How long to watch a channel before sleeping.
//!
//! Waking a sleeper costs 1 to 150 µs, an answer that is being watched for arrives in well under one: it pays to watch
//! for a short window, but only where the answer usually comes within it. Pure logic: the caller says how long waits
//! took, and looks itself whether the other side is on another CPU
//! ([`Channel::peer_on_other_cpu`](super::Channel::peer_on_other_cpu)); on the same CPU watching only keeps the other
//! side from running.

use std::time::{Duration, Instant};

/// A wait longer than this many windows counts as that many: one night of idleness must not take hours to forget.
const LONGEST_SAMPLE: u32 = 2;

/// The weight of a new sample is one in so many.
const MEMORY: u32 = 8;

/// While the window is shut it is opened once in so many waits, to see whether answers have become quick. Each vain
/// attempt doubles the distance up to [`RAREST_PROBE`].
const FIRST_PROBE: u32 = 8;

/// The most waits between two attempts: a vain one costs a whole window.
const RAREST_PROBE: u32 = 64;

/// While there are as many busy workers as CPUs the window is only so much of itself.
const CROWDED_PART: u32 = 8;

/// The window of one waiter, adapted to what its waits took.
#[derive(Clone, Debug)]
pub struct SpinWindow {
    widest: Duration,
    /// `widest`, or less while others want the CPU.
    longest: Duration,
    average: Duration,
    shut_for: u32,
    probe_after: u32,
    offered: bool,
    hits: u64,
    misses: u64,
}

impl SpinWindow {
    /// `spin_us`: the longest window, microseconds, 0 turns watching off. `cpus`: how many CPUs the machine has; with one
    /// there is never a window, for the other side could not run in it. Not how many this process may use: two processes
    /// pinned to one CPU each gain the most from watching, and those that share one are told apart by
    /// [`Channel::peer_on_other_cpu`](super::Channel::peer_on_other_cpu).
    #[must_use]
    pub fn new(spin_us: u32, cpus: usize) -> Self {
        let longest = if cpus > 1 {
            Duration::from_micros(u64::from(spin_us))
        } else {
            Duration::ZERO
        };
        Self {
            widest: longest,
            longest,
            average: Duration::ZERO,
            shut_for: 0,
            probe_after: FIRST_PROBE,
            offered: false,
            hits: 0,
            misses: 0,
        }
    }

    /// Others want this CPU, or no longer: then a window is only worth it where the answer comes sooner than a sleeper could
    /// be woken.
    pub fn narrow(&mut self, crowded: bool) {
        self.longest = if crowded {
            self.widest / CROWDED_PART
        } else {
            self.widest
        };
    }

    /// Whether there may be a window at all.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        !self.longest.is_zero()
    }

    /// Whether there will be a window before the next sleep.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.longest.is_zero()
            && (self.average <= self.longest || self.shut_for >= self.probe_after)
    }

    /// How long to watch before the next sleep. Zero: sleep at once. To be followed by [`SpinWindow::record`] when what
    /// was waited for has come.
    pub fn window_for_next(&mut self) -> Duration {
        self.offered = self.is_open();
        if self.offered {
            self.longest
        } else {
            Duration::ZERO
        }
    }

    /// Says how long the wait took, from its beginning until there was something to read, asleep or awake. Not to be
    /// called for waits that did not watch although there was a window (the other side was on this CPU): they say nothing
    /// about the window.
    pub fn record(&mut self, took: Duration) {
        if self.longest.is_zero() {
            return;
        }
        let hit = took <= self.longest;
        if self.offered {
            if hit {
                self.hits += 1;
            } else {
                self.misses += 1;
            }
        }
        let was_shut = self.average > self.longest;
        if was_shut && self.offered {
            self.shut_for = 0;
            if hit {
                // The attempt paid: trust it at once. The old average belongs to another kind of work.
                self.average = took;
                self.probe_after = FIRST_PROBE;
                return;
            }
            self.probe_after = (self.probe_after * 2).min(RAREST_PROBE);
        } else if was_shut {
            self.shut_for += 1;
        }
        let sample = took.min(self.longest * LONGEST_SAMPLE);
        self.average = (self.average * (MEMORY - 1) + sample) / MEMORY;
    }

    /// Waits that ended inside an offered window, and those that did not.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }
}

/// Looks between two readings of the clock, which costs as much as some of them.
const LOOKS_PER_CLOCK: u32 = 16;

/// One watch: `while watch.goes_on() { look }`.
///
/// Its clock starts with the sixteenth look, less than a microsecond late: an answer that is there by then, as most are
/// while both sides are awake, has cost no reading of the clock at all.
#[derive(Debug)]
pub struct Watch {
    begun: Option<Instant>,
    window: Duration,
    looks: u32,
}

impl Watch {
    /// Begins to watch for `window`.
    #[must_use]
    pub fn begin(window: Duration) -> Self {
        Self {
            // Without a window a sleep follows, beside which the clock is nothing, and which has to be measured.
            begun: window.is_zero().then(Instant::now),
            window,
            looks: 0,
        }
    }

    /// Whether to look once more; eases the processor in between.
    pub fn goes_on(&mut self) -> bool {
        if self.window.is_zero() {
            return false;
        }
        if self.looks % LOOKS_PER_CLOCK == LOOKS_PER_CLOCK - 1 {
            let begun = *self.begun.get_or_insert_with(Instant::now);
            if begun.elapsed() >= self.window {
                return false;
            }
        }
        self.looks = self.looks.wrapping_add(1);
        std::hint::spin_loop();
        true
    }

    /// Whether this look is one at which the clock was read: the place for checks that are too dear for every look.
    #[must_use]
    pub fn is_milestone(&self) -> bool {
        self.looks.is_multiple_of(LOOKS_PER_CLOCK)
    }

    /// How long it has been, sleep after it included; zero for a watch that ended before its clock started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }
}
