//! Calls that wait for a worker: whose turn is next. No I/O, no clock of its own.
//!
//! | lane | holds | who may take its first |
//! |---|---|---|
//! | shared | calls without a key | any worker |
//! | of a command | calls without a key of a command that may not run as often as a worker likes | a worker in which it does not run that often yet |
//! | of a place | the first call of every key that belongs to that place | the worker in that place |
//! | of a place and a command | of those, the calls of a command as above | the same, if the command does not run that often in it yet |
//!
//! Behind the first call of a key wait its others, in the order in which they were made; the next one comes into the lane
//! when no worker holds the one before it any more. So two calls of one key are never with workers at once, also when the
//! key has moved to another place meanwhile.
//!
//! Of the lanes whose first call can go, the one that has waited longest comes first, where each step of priority counts as
//! a wait of `aging`: a call overtakes those of lower priority that were made up to so much earlier, and no others. Nothing
//! starves, and the order of two calls never changes while they wait.

use crate::placing::place_of;
use crate::router::{Call, CallId};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The call.
    pub id: CallId,
    /// Bytes of its payload.
    pub bytes: usize,
    /// Higher goes first.
    pub priority: i8,
    /// Calls of one key run on one worker, one at a time, in their order.
    pub key: Option<u64>,
    /// Its command, by the pool's number.
    pub command: u32,
    /// Its command may not run as often in a worker as that likes.
    pub limited: bool,
    /// When it was made, nanoseconds of the monotonic clock.
    pub made_at: u64,
}

impl Ticket {
    /// That of a call, whose payload has so many bytes.
    #[must_use]
    pub fn of(id: CallId, call: &Call, bytes: usize) -> Self {
        Self {
            id,
            bytes,
            priority: call.priority,
            key: call.key,
            command: call.command,
            limited: call.limited,
            made_at: call.made_at,
        }
    }
}

/// Which worker a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Any of the pool.
    Anyone,
    /// The one in that place.
    Place(u32),
}

/// The place of keys that have none: there is no worker at all.
const NOWHERE: u32 = u32::MAX;

/// Beside a place: its lane for calls of all commands but those that have one of their own.
const UNLIMITED: u32 = u32::MAX;

/// Calls of one lane, by priority.
#[derive(Debug, Default)]
struct Lane {
    /// Few: one for every priority that is in use.
    levels: Vec<(i8, VecDeque<Ticket>)>,
}

impl Lane {
    fn level(&mut self, priority: i8) -> &mut VecDeque<Ticket> {
        let at = if let Some(at) = self.levels.iter().position(|(level, _)| *level == priority) {
            at
        } else {
            self.levels.push((priority, VecDeque::new()));
            self.levels.len() - 1
        };
        &mut self.levels[at].1
    }

    fn push(&mut self, ticket: Ticket) {
        self.level(ticket.priority).push_back(ticket);
    }

    /// Adds one that was made before others here.
    fn insert(&mut self, ticket: Ticket) {
        let level = self.level(ticket.priority);
        let at = level.partition_point(|other| other.made_at <= ticket.made_at);
        level.insert(at, ticket);
    }

    /// The level whose first call is next, and when that counts as made. Calls that wait no more are dropped.
    fn first(&mut self, aging_ns: i128, waits: &impl Fn(CallId) -> bool) -> Option<(i128, usize)> {
        let mut first: Option<(i128, usize)> = None;
        let mut has_empty = false;
        for (at, (priority, tickets)) in self.levels.iter_mut().enumerate() {
            while let Some(ticket) = tickets.front()
                && !waits(ticket.id)
            {
                tickets.pop_front();
            }
            let Some(ticket) = tickets.front() else {
                has_empty = true;
                continue;
            };
            let made_at = i128::from(ticket.made_at) - i128::from(*priority) * aging_ns;
            if first.is_none_or(|(earliest, _)| made_at < earliest) {
                first = Some((made_at, at));
            }
        }
        // One level is kept, so that a queue that fills and empties does not allocate.
        if has_empty && self.levels.len() > 1 && first.is_none() {
            self.levels.truncate(1);
        }
        first
    }

    fn peek(&self, level: usize) -> Option<&Ticket> {
        self.levels[level].1.front()
    }

    fn take(&mut self, level: usize) -> Option<Ticket> {
        self.levels[level].1.pop_front()
    }

    fn drain(&mut self) -> impl Iterator<Item = Ticket> + '_ {
        self.levels
            .iter_mut()
            .flat_map(|(_, tickets)| tickets.drain(..))
    }

    fn len(&self) -> usize {
        self.levels.iter().map(|(_, tickets)| tickets.len()).sum()
    }

    fn retain(&mut self, keep: &impl Fn(CallId) -> bool) {
        for (_, tickets) in &mut self.levels {
            tickets.retain(|ticket| keep(ticket.id));
        }
    }
}

/// The calls of one key.
#[derive(Debug, Default)]
struct Key {
    /// The one that waits in a lane or is with a worker.
    first: Option<CallId>,
    /// In which place's lane it waits, if it does.
    place: Option<u32>,
    /// Those behind it.
    rest: VecDeque<Ticket>,
}

/// Where a call was found.
#[derive(Clone, Copy)]
enum Found {
    Shared,
    Command(u32),
    Place(u32, u32),
}

/// The calls of a pool that wait.
#[derive(Debug)]
pub struct Queue {
    aging_ns: i128,
    shared: Lane,
    commands: BTreeMap<u32, Lane>,
    places: BTreeMap<(u32, u32), Lane>,
    keys: FxHashMap<u64, Key>,
    waiting: usize,
    /// Of those, the ones behind the first call of their key.
    behind: usize,
    /// Tickets of settled calls that are still here, or have been dropped since: no fewer than there are.
    forgotten: usize,
    bytes: usize,
}

impl Queue {
    /// An empty queue, in which each step of priority counts as a wait of `aging`.
    #[must_use]
    pub fn new(aging: Duration) -> Self {
        Self {
            aging_ns: i128::try_from(aging.as_nanos()).unwrap_or(i128::MAX / 256),
            shared: Lane::default(),
            commands: BTreeMap::new(),
            places: BTreeMap::new(),
            keys: FxHashMap::default(),
            waiting: 0,
            behind: 0,
            forgotten: 0,
            bytes: 0,
        }
    }

    /// Adds a call. `limited`: its command may not run as often in a worker as that likes. `places`: those that keys may
    /// belong to now.
    pub fn push(&mut self, mut ticket: Ticket, limited: bool, places: &[u32]) {
        ticket.limited = limited;
        self.waiting += 1;
        self.bytes += ticket.bytes;
        if let Some(key) = ticket.key {
            let of_key = self.keys.entry(key).or_default();
            if of_key.first.is_some() {
                of_key.rest.push_back(ticket);
                self.behind += 1;
            } else {
                self.come_first(key, ticket, places);
            }
        } else if limited {
            self.commands
                .entry(ticket.command)
                .or_default()
                .push(ticket);
        } else {
            self.shared.push(ticket);
        }
    }

    /// Adds a call again that had been taken out: it was with a worker and has not begun. Its turn is that of when it was
    /// made.
    pub fn push_again(&mut self, mut ticket: Ticket, limited: bool, places: &[u32]) {
        ticket.limited = limited;
        self.waiting += 1;
        self.bytes += ticket.bytes;
        match ticket.key {
            Some(key) => self.come_first(key, ticket, places),
            None if limited => self
                .commands
                .entry(ticket.command)
                .or_default()
                .insert(ticket),
            None => self.shared.insert(ticket),
        }
    }

    /// A key's first call comes into the lane of the place that the key belongs to.
    fn come_first(&mut self, key: u64, ticket: Ticket, places: &[u32]) {
        let place = place_of(key, places).unwrap_or(NOWHERE);
        let of_key = self.keys.entry(key).or_default();
        of_key.first = Some(ticket.id);
        of_key.place = Some(place);
        self.places
            .entry(lane_of(place, &ticket))
            .or_default()
            .insert(ticket);
    }

    /// Whether a call with that key could go at once, because nothing of its key waits or runs.
    #[must_use]
    pub fn is_free(&self, key: u64) -> bool {
        !self.keys.contains_key(&key)
    }

    /// A call of a key goes to a worker without having waited; `is_free` has said that it may.
    pub fn hold(&mut self, key: u64, id: CallId) {
        self.keys.insert(
            key,
            Key {
                first: Some(id),
                place: None,
                rest: VecDeque::new(),
            },
        );
    }

    /// Takes out the call whose turn it is. `waits`: whether a call still does. `worker`: which one may have a call now, if
    /// there is one.
    pub fn next<W>(
        &mut self,
        waits: impl Fn(CallId) -> bool,
        mut worker: impl FnMut(For, &Ticket) -> Option<W>,
    ) -> Option<(Ticket, W)> {
        let mut best: Option<(i128, usize, Found, W)> = None;
        let mut look = |lane: &mut Lane, found: Found| {
            let Some((made_at, level)) = lane.first(self.aging_ns, &waits) else {
                return;
            };
            if best.as_ref().is_some_and(|(least, ..)| *least <= made_at) {
                return;
            }
            let whom = match found {
                Found::Place(place, _) => For::Place(place),
                Found::Shared | Found::Command(_) => For::Anyone,
            };
            if let Some(worker) = lane.peek(level).and_then(|ticket| worker(whom, ticket)) {
                best = Some((made_at, level, found, worker));
            }
        };
        look(&mut self.shared, Found::Shared);
        for (command, lane) in &mut self.commands {
            look(lane, Found::Command(*command));
        }
        for ((place, command), lane) in &mut self.places {
            look(lane, Found::Place(*place, *command));
        }
        let (_, level, found, worker) = best?;
        let ticket = match found {
            Found::Shared => self.shared.take(level)?,
            // Of these lanes there can be many: each is looked at every time, so that none stays that is empty.
            Found::Command(command) => {
                let lane = self.commands.get_mut(&command)?;
                let ticket = lane.take(level)?;
                if lane.len() == 0 {
                    self.commands.remove(&command);
                }
                ticket
            }
            Found::Place(place, command) => {
                let lane = self.places.get_mut(&(place, command))?;
                let ticket = lane.take(level)?;
                if command != UNLIMITED && lane.len() == 0 {
                    self.places.remove(&(place, command));
                }
                ticket
            }
        };
        if let Some(key) = ticket.key.and_then(|key| self.keys.get_mut(&key)) {
            key.place = None;
        }
        self.waiting = self.waiting.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ticket.bytes);
        Some((ticket, worker))
    }

    /// A call that waited was settled. `true`: the next one of its key may go now.
    pub fn forget(
        &mut self,
        id: CallId,
        bytes: usize,
        key: Option<u64>,
        places: &[u32],
        waits: impl Fn(CallId) -> bool,
    ) -> bool {
        self.waiting = self.waiting.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.forgotten += 1;
        if let Some(key) = key {
            if self.keys.get(&key).is_some_and(|key| key.first != Some(id)) {
                self.behind = self.behind.saturating_sub(1);
            }
            return self.release(key, id, places, waits);
        }
        false
    }

    /// No worker holds that call of a key any more: the next one comes, if there is one that still waits (`true`).
    pub fn release(
        &mut self,
        key: u64,
        id: CallId,
        places: &[u32],
        waits: impl Fn(CallId) -> bool,
    ) -> bool {
        let Some(of_key) = self.keys.get_mut(&key) else {
            return false;
        };
        if of_key.first != Some(id) {
            return false;
        }
        (of_key.first, of_key.place) = (None, None);
        while let Some(ticket) = of_key.rest.pop_front() {
            if waits(ticket.id) {
                self.behind = self.behind.saturating_sub(1);
                self.come_first(key, ticket, places);
                return true;
            }
        }
        self.keys.remove(&key);
        false
    }

    /// The places have changed: what waits for one that its key does not belong to any more goes elsewhere.
    pub fn move_keys(&mut self, places: &[u32]) {
        let waiting: Vec<Ticket> = self
            .places
            .values_mut()
            .flat_map(|lane| lane.drain().collect::<Vec<_>>())
            .collect();
        self.places.clear();
        for ticket in waiting {
            // One that was settled meanwhile is not the first of its key any more.
            let key = ticket.key.filter(|key| {
                self.keys
                    .get(key)
                    .is_some_and(|of_key| of_key.first == Some(ticket.id))
            });
            if let Some(key) = key {
                self.come_first(key, ticket, places);
            }
        }
    }

    /// What is known of calls that wait has changed. `revise` sets the priority of each, and says whether its command may not
    /// run as often in a worker as that likes.
    pub fn revise(&mut self, mut revise: impl FnMut(&mut Ticket) -> bool) {
        let mut waiting: Vec<Ticket> = self.shared.drain().collect();
        for lane in self.commands.values_mut() {
            waiting.extend(lane.drain());
        }
        waiting.sort_by_key(|ticket| ticket.made_at);
        self.commands.clear();
        for mut ticket in waiting {
            ticket.limited = revise(&mut ticket);
            if ticket.limited {
                self.commands
                    .entry(ticket.command)
                    .or_default()
                    .push(ticket);
            } else {
                self.shared.push(ticket);
            }
        }
        for ((place, _), mut lane) in std::mem::take(&mut self.places) {
            for mut ticket in lane.drain() {
                ticket.limited = revise(&mut ticket);
                self.places
                    .entry(lane_of(place, &ticket))
                    .or_default()
                    .insert(ticket);
            }
        }
        for key in self.keys.values_mut() {
            for ticket in &mut key.rest {
                ticket.limited = revise(ticket);
            }
        }
    }

    /// The places for which calls wait.
    pub fn wanted_places(&mut self, waits: impl Fn(CallId) -> bool) -> Vec<u32> {
        let aging_ns = self.aging_ns;
        self.places
            .iter_mut()
            .filter(|((place, _), _)| *place != NOWHERE)
            .filter_map(|((place, _), lane)| lane.first(aging_ns, &waits).map(|_| *place))
            .collect()
    }

    /// Takes out everything that waits, in no order.
    pub fn take_all(&mut self) -> Vec<Ticket> {
        let mut all: Vec<Ticket> = self.shared.drain().collect();
        for lane in self.commands.values_mut().chain(self.places.values_mut()) {
            all.extend(lane.drain());
        }
        for key in self.keys.values_mut() {
            all.extend(key.rest.drain(..));
            if key.place.take().is_some() {
                key.first = None;
            }
        }
        self.keys.retain(|_, key| key.first.is_some());
        (self.waiting, self.behind, self.bytes) = (0, 0, 0);
        all
    }

    /// Gives the places of calls that were settled meanwhile back, whenever they are more than those that wait.
    pub fn sweep(&mut self, waits: impl Fn(CallId) -> bool) {
        if self.forgotten <= 1024 + self.waiting {
            return;
        }
        self.forgotten = 0;
        self.shared.retain(&waits);
        for lane in self.commands.values_mut().chain(self.places.values_mut()) {
            lane.retain(&waits);
        }
        self.commands.retain(|_, lane| lane.len() > 0);
        self.places
            .retain(|(_, command), lane| *command == UNLIMITED || lane.len() > 0);
        for key in self.keys.values_mut() {
            key.rest.retain(|ticket| waits(ticket.id));
        }
    }

    /// When the call was made that is next in a lane and has waited longest; what a pool grows by.
    pub fn oldest(&mut self, waits: impl Fn(CallId) -> bool) -> Option<u64> {
        let aging_ns = self.aging_ns;
        std::iter::once(&mut self.shared)
            .chain(self.commands.values_mut())
            .chain(self.places.values_mut())
            .filter_map(|lane| {
                let (_, level) = lane.first(aging_ns, &waits)?;
                lane.peek(level).map(|ticket| ticket.made_at)
            })
            .min()
    }

    /// Whether calls wait, or have waited, that may not go to any worker.
    #[must_use]
    pub fn has_lanes(&self) -> bool {
        !self.places.is_empty() || !self.commands.is_empty()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// How many wait for a worker, and not for another call of their key.
    #[must_use]
    pub fn at_the_front(&self) -> usize {
        self.waiting - self.behind
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Bytes of payload that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The lane of a place that a call waits in.
fn lane_of(place: u32, ticket: &Ticket) -> (u32, u32) {
    (
        place,
        if ticket.limited {
            ticket.command
        } else {
            UNLIMITED
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const AGING: Duration = Duration::from_secs(1);
    const SECOND: u64 = 1_000_000_000;

    fn ticket(id: CallId, priority: i8, made_at: u64) -> Ticket {
        Ticket {
            id,
            bytes: 10,
            priority,
            key: None,
            command: 0,
            limited: false,
            made_at,
        }
    }

    fn keyed(id: CallId, key: u64, priority: i8) -> Ticket {
        Ticket {
            key: Some(key),
            ..ticket(id, priority, id)
        }
    }

    fn all(_: CallId) -> bool {
        true
    }

    /// Everything that workers take who take anything.
    fn order(queue: &mut Queue) -> Vec<CallId> {
        std::iter::from_fn(|| queue.next(all, |_, _| Some(())))
            .map(|(ticket, ())| ticket.id)
            .collect()
    }

    #[test]
    fn calls_go_in_the_order_in_which_they_were_made() {
        let mut queue = Queue::new(AGING);
        for id in 0..5 {
            queue.push(ticket(id, 0, id), false, &[]);
        }
        assert_eq!((queue.len(), queue.bytes()), (5, 50));
        assert_eq!(order(&mut queue), [0, 1, 2, 3, 4]);
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }

    #[test]
    fn a_higher_priority_overtakes_what_was_made_up_to_one_step_of_aging_before_it() {
        let mut queue = Queue::new(AGING);
        queue.push(ticket(1, 0, 0), false, &[]);
        queue.push(ticket(2, 0, SECOND / 2), false, &[]);
        queue.push(ticket(3, 1, SECOND + 1), false, &[]);
        queue.push(ticket(4, 5, 9 * SECOND), false, &[]);
        queue.push(ticket(5, -1, 0), false, &[]);
        assert_eq!(order(&mut queue), [1, 3, 2, 5, 4]);
    }

    #[test]
    fn nothing_starves_behind_a_stream_of_higher_priority() {
        let mut queue = Queue::new(AGING);
        queue.push(ticket(0, -10, 0), false, &[]);
        let mut went = None;
        for second in 1..100 {
            queue.push(ticket(second, 10, second * SECOND), false, &[]);
            let (next, ()) = queue.next(all, |_, _| Some(())).unwrap();
            if next.id == 0 {
                went = Some(second);
                break;
            }
        }
        assert_eq!(
            went,
            Some(20),
            "twenty steps of priority are twenty seconds"
        );
    }

    #[test]
    fn of_one_key_one_call_is_out_at_a_time_and_the_next_one_is_the_next_that_was_made() {
        let mut queue = Queue::new(AGING);
        for id in 0..3 {
            // Inside a key priority changes nothing.
            queue.push(keyed(id, 7, i8::try_from(id).unwrap()), false, &[0, 1]);
        }
        assert!(!queue.is_free(7));
        for id in 0..3 {
            assert_eq!(order(&mut queue), [id]);
            queue.release(7, id, &[0, 1], all);
        }
        assert!(queue.is_free(7));
        assert!(queue.is_empty());
    }

    #[test]
    fn keys_go_to_their_place_and_the_heads_of_keys_by_priority() {
        let mut queue = Queue::new(AGING);
        let places = [0, 1, 2, 3];
        for key in 0..100 {
            queue.push(keyed(key, key, 0), false, &places);
        }
        queue.push(keyed(500, 500, 1), false, &places);
        assert_eq!(queue.wanted_places(all), places);
        let mut first_of = [None; 4];
        while let Some((ticket, place)) = queue.next(all, |whom, _| match whom {
            For::Place(place) => Some(place),
            For::Anyone => None,
        }) {
            assert_eq!(place_of(ticket.key.unwrap(), &places), Some(place));
            first_of[place as usize].get_or_insert(ticket.id);
        }
        let place = place_of(500, &places).unwrap();
        assert_eq!(first_of[place as usize], Some(500));
    }

    #[test]
    fn a_busy_worker_holds_up_its_keys_and_no_others() {
        let mut queue = Queue::new(AGING);
        let places = [0, 1];
        for key in 0..20 {
            queue.push(keyed(key, key, 0), false, &places);
        }
        queue.push(ticket(99, 0, 99), false, &places);
        let went: Vec<_> =
            std::iter::from_fn(|| queue.next(all, |whom, _| (whom != For::Place(1)).then_some(())))
                .map(|(ticket, ())| ticket.id)
                .collect();
        assert!(went.contains(&99));
        let kept: HashSet<_> = (0..20)
            .filter(|key| place_of(*key, &places) == Some(1))
            .collect();
        assert!(!kept.is_empty());
        assert!(kept.iter().all(|key| !went.contains(key)));
        assert_eq!(queue.len(), kept.len());
    }

    #[test]
    fn keys_move_with_the_places_but_not_while_a_worker_has_a_call_of_theirs() {
        let mut queue = Queue::new(AGING);
        for id in 0..40 {
            queue.push(keyed(id, id / 2, 0), false, &[0, 1]);
        }
        // One call is with a worker.
        let (out, ()) = queue
            .next(all, |whom, _| matches!(whom, For::Place(1)).then_some(()))
            .unwrap();
        queue.move_keys(&[0]);
        let went: Vec<_> =
            std::iter::from_fn(|| queue.next(all, |whom, _| (whom == For::Place(0)).then_some(())))
                .map(|(ticket, ())| ticket)
                .collect();
        assert_eq!(went.len(), 19, "the heads of all other keys");
        assert!(went.iter().all(|ticket| ticket.key != out.key));
        queue.release(out.key.unwrap(), out.id, &[0], all);
        let (next, ()) = queue.next(all, |_, _| Some(())).unwrap();
        assert_eq!((next.id, next.key), (out.id + 1, out.key));
    }

    #[test]
    fn keys_wait_for_the_first_place_there_is() {
        let mut queue = Queue::new(AGING);
        queue.push(keyed(1, 1, 0), false, &[]);
        assert!(queue.wanted_places(all).is_empty());
        let none = |whom, _: &Ticket| matches!(whom, For::Place(0)).then_some(());
        assert!(queue.next(all, none).is_none());
        queue.move_keys(&[0]);
        assert_eq!(queue.next(all, none).map(|(ticket, ())| ticket.id), Some(1));
    }

    #[test]
    fn a_command_that_may_not_go_on_holds_up_no_other() {
        let mut queue = Queue::new(AGING);
        for id in 0..6 {
            let of_command = Ticket {
                command: u32::try_from(id % 2).unwrap(),
                ..ticket(id, 0, id)
            };
            queue.push(of_command, id % 2 == 1, &[]);
        }
        let mut left = 1;
        let went: Vec<_> = std::iter::from_fn(|| {
            queue
                .next(all, |_, ticket| {
                    (ticket.command == 0 || left > 0).then_some(ticket.command)
                })
                .inspect(|(ticket, _)| left -= i32::from(ticket.command == 1))
        })
        .map(|(ticket, _)| ticket.id)
        .collect();
        assert_eq!(went, [0, 1, 2, 4]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn what_was_settled_meanwhile_is_skipped_and_takes_no_place() {
        let mut queue = Queue::new(AGING);
        for id in 0..3 {
            queue.push(ticket(id, 0, id), false, &[]);
        }
        queue.forget(0, 10, None, &[], |id| id != 0);
        assert_eq!((queue.len(), queue.bytes()), (2, 20));
        let next = queue.next(|id| id != 0, |_, _| Some(()));
        assert_eq!(next.map(|(ticket, ())| ticket.id), Some(1));
    }

    #[test]
    fn the_first_call_of_a_key_that_is_settled_while_it_waits_lets_the_next_one_come() {
        let mut queue = Queue::new(AGING);
        for id in 0..4 {
            queue.push(keyed(id, 7, 0), false, &[0]);
        }
        let waits = |id| id == 2 || id == 3;
        // In the middle, then the head.
        queue.forget(1, 10, Some(7), &[0], waits);
        queue.forget(0, 10, Some(7), &[0], waits);
        let next = queue.next(waits, |_, _| Some(()));
        assert_eq!(next.map(|(ticket, ())| ticket.id), Some(2));
        assert!(queue.next(waits, |_, _| Some(())).is_none(), "it is out");
        queue.release(7, 2, &[0], waits);
        assert_eq!(
            queue.next(waits, |_, _| Some(())).map(|(t, ())| t.id),
            Some(3)
        );
        queue.release(7, 3, &[0], waits);
        assert!(
            queue.is_free(7),
            "nothing is kept of a key that nobody uses"
        );
    }

    #[test]
    fn what_had_not_begun_comes_back_before_what_was_made_later() {
        let mut queue = Queue::new(AGING);
        for id in 0..4 {
            queue.push(ticket(id, 0, id), false, &[]);
        }
        let first = queue.next(all, |_, _| Some(())).unwrap().0;
        let second = queue.next(all, |_, _| Some(())).unwrap().0;
        queue.push_again(second, false, &[]);
        queue.push_again(first, false, &[]);
        assert_eq!(order(&mut queue), [0, 1, 2, 3]);
    }

    #[test]
    fn a_call_of_a_key_that_comes_back_is_the_first_of_its_key_again() {
        let mut queue = Queue::new(AGING);
        for id in 0..2 {
            queue.push(keyed(id, 7, 0), false, &[0]);
        }
        let out = queue.next(all, |_, _| Some(())).unwrap().0;
        queue.push_again(out, false, &[0, 1]);
        assert_eq!(order(&mut queue), [0]);
        queue.release(7, 0, &[0, 1], all);
        assert_eq!(order(&mut queue), [1]);
    }

    #[test]
    fn a_key_is_held_by_a_call_that_did_not_wait() {
        let mut queue = Queue::new(AGING);
        assert!(queue.is_free(7));
        queue.hold(7, 1);
        queue.push(keyed(2, 7, 0), false, &[0]);
        assert!(queue.next(all, |_, _| Some(())).is_none());
        queue.release(7, 1, &[0], all);
        assert_eq!(order(&mut queue), [2]);
    }

    #[test]
    fn calls_that_are_settled_behind_one_that_waits_leave_nothing() {
        let mut queue = Queue::new(AGING);
        queue.push(ticket(0, 0, 0), false, &[]);
        for id in 1..10_000 {
            queue.push(ticket(id, i8::try_from(id % 3).unwrap(), id), false, &[]);
            queue.forget(id, 10, None, &[], |id| id == 0);
            queue.sweep(|id| id == 0);
        }
        assert_eq!((queue.len(), queue.bytes()), (1, 10));
        assert!(queue.shared.len() < 2_000);
    }

    #[test]
    fn calls_that_are_settled_behind_another_one_of_their_key_leave_nothing() {
        let mut queue = Queue::new(AGING);
        queue.hold(7, 0);
        for id in 1..10_000 {
            queue.push(keyed(id, 7, 0), false, &[0]);
            queue.forget(id, 10, Some(7), &[0], |_| false);
            queue.sweep(|_| false);
        }
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
        assert!(queue.keys[&7].rest.len() < 2_000);
    }

    #[test]
    fn what_waits_for_another_call_of_its_key_is_not_at_the_front() {
        let mut queue = Queue::new(AGING);
        for id in 0..6 {
            queue.push(keyed(id, id % 2, 0), false, &[0]);
        }
        queue.push(ticket(6, 0, 6), false, &[0]);
        assert_eq!((queue.len(), queue.at_the_front()), (7, 3));
        // Behind the first of its key, then a first one.
        queue.forget(3, 10, Some(1), &[0], |id| id != 3);
        assert_eq!((queue.len(), queue.at_the_front()), (6, 3));
        queue.forget(1, 10, Some(1), &[0], |id| id != 3 && id != 1);
        assert_eq!((queue.len(), queue.at_the_front()), (5, 3));
        let waits = |id| id != 3 && id != 1;
        while queue.next(waits, |_, _| Some(())).is_some() {}
        assert_eq!((queue.len(), queue.at_the_front()), (2, 0));
        queue.release(0, 0, &[0], all);
        assert_eq!((queue.len(), queue.at_the_front()), (2, 1));
        queue.take_all();
        assert_eq!((queue.len(), queue.at_the_front()), (0, 0));
    }

    #[test]
    fn everything_can_be_taken_out() {
        let mut queue = Queue::new(AGING);
        for id in 0..10 {
            queue.push(keyed(id, id % 3, 0), false, &[0, 1]);
            queue.push(ticket(10 + id, 0, id), id % 2 == 0, &[]);
        }
        let ids: HashSet<_> = queue
            .take_all()
            .into_iter()
            .map(|ticket| ticket.id)
            .collect();
        assert_eq!(ids.len(), 20);
        assert!(queue.is_empty() && queue.is_free(0));
    }

    #[test]
    fn a_call_of_a_key_whose_command_has_no_room_holds_up_no_other_key() {
        let mut queue = Queue::new(AGING);
        for id in 0..3 {
            queue.push(keyed(id, id, 0), true, &[0]);
        }
        queue.push(
            Ticket {
                command: 5,
                ..keyed(3, 3, 0)
            },
            false,
            &[0],
        );
        let next = |queue: &mut Queue, room: bool| {
            queue
                .next(all, |_, ticket| (room || ticket.command == 5).then_some(()))
                .map(|(ticket, ())| ticket.id)
        };
        assert_eq!(next(&mut queue, false), Some(3));
        assert_eq!(next(&mut queue, false), None);
        for id in 0..3 {
            assert_eq!(next(&mut queue, true), Some(id));
        }
        assert!(queue.is_empty());
        assert_eq!(queue.places.len(), 1, "lanes of commands do not pile up");
    }

    #[test]
    fn what_becomes_known_of_calls_that_wait_changes_their_lanes_and_their_turn() {
        let mut queue = Queue::new(AGING);
        for id in 0..4 {
            let of_command = Ticket {
                command: u32::try_from(id % 2).unwrap(),
                ..ticket(id, 0, id)
            };
            queue.push(of_command, false, &[0]);
        }
        for id in 4..8 {
            let of_command = Ticket {
                command: u32::try_from(id % 2).unwrap(),
                ..keyed(id, id / 6, 0)
            };
            queue.push(of_command, false, &[0]);
        }
        queue.revise(|ticket| {
            ticket.priority = i8::from(ticket.id == 3) * 2 + i8::from(ticket.id == 6);
            ticket.command == 1
        });
        assert_eq!((queue.len(), queue.bytes()), (8, 80));
        assert_eq!(queue.commands.len(), 1);
        let unlimited =
            std::iter::from_fn(|| queue.next(all, |_, ticket| (ticket.command == 0).then_some(())));
        let ids: Vec<CallId> = unlimited.map(|(ticket, ())| ticket.id).collect();
        assert_eq!(ids, [6, 0, 2, 4]);
        assert_eq!(
            order(&mut queue),
            [3, 1],
            "5 and 7 wait for those of their keys"
        );
        queue.release(0, 4, &[0], all);
        queue.release(1, 6, &[0], all);
        assert_eq!(order(&mut queue), [5, 7]);
    }
}
