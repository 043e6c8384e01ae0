//! What holds for the calls of a command, put together from four places. No I/O, no clock.
//!
//! | given | by | wins over |
//! |---|---|---|
//! | with the call | `with(options)` | all others |
//! | for the command, at the host | `commands` of the constructor or of `start` | the next two |
//! | for the command, where it is registered | `command(…, options)`; the worker announces it | the last |
//! | for all calls | the options of the instance | |
//!
//! Each option is looked for by itself. What workers announce is known only when the first of them is ready: calls that
//! were made before get it then, which is why a call that waits keeps what it was asked for with. Of a command the first
//! announcement counts; workers of one module say the same.

use crate::restarts::{Jitter, doubled};
use crate::router::{CallLimits, Names};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// The largest number of milliseconds; `MAX_MS` in `src/options.ts`.
const MAX_MS: u32 = 2_147_483_647;
const MAX_CONCURRENCY: u32 = 65_536;
const MAX_RETRIES: u32 = 100;
const PRIORITIES: std::ops::RangeInclusive<i8> = -100..=100;

/// How often a call of an idempotent command is run again, if that is not said.
const RETRIES: u32 = 2;
/// The longest pause before the first time, milliseconds, and what doubling it stops at.
const RETRY_MS: u32 = 100;
const MAX_RETRY_MS: u32 = 10_000;

/// Options of a command, `CommandOptions` in `src/options.ts`, or the defaults of an instance; `None` where one is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// Milliseconds for the whole call.
    pub timeout_ms: Option<u32>,
    /// Milliseconds until its handler is called.
    pub queue_ms: Option<u32>,
    /// Milliseconds from then until it is answered.
    pub run_ms: Option<u32>,
    /// Milliseconds from being given up until its worker is ended.
    pub grace_ms: Option<u32>,
    /// Higher goes first.
    pub priority: Option<i8>,
    /// How many of its handlers may run at once in one worker.
    pub concurrency: Option<u32>,
    /// Running it twice does no harm.
    pub idempotent: Option<bool>,
    /// How often it is run again when its worker dies.
    pub retries: Option<u32>,
    /// The longest pause before the first time, milliseconds.
    pub retry_ms: Option<u32>,
    /// What doubling the pause stops at, milliseconds.
    pub max_retry_ms: Option<u32>,
}

impl Rule {
    /// Whether every option is in its range; what a worker announces need not be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let within = |value: Option<u32>, min: u32, max: u32| {
            value.is_none_or(|value| (min..=max).contains(&value))
        };
        [self.timeout_ms, self.queue_ms, self.run_ms]
            .into_iter()
            .all(|ms| within(ms, 1, MAX_MS))
            && [self.grace_ms, self.retry_ms, self.max_retry_ms]
                .into_iter()
                .all(|ms| within(ms, 0, MAX_MS))
            && within(self.concurrency, 1, MAX_CONCURRENCY)
            && within(self.retries, 0, MAX_RETRIES)
            && self.priority.is_none_or(|step| PRIORITIES.contains(&step))
            && (self.retries.is_none() || self.idempotent == Some(true))
    }

    /// These options, and for those that are not given the ones of `other`.
    #[must_use]
    fn over(&self, other: &Self) -> Self {
        Self {
            timeout_ms: self.timeout_ms.or(other.timeout_ms),
            queue_ms: self.queue_ms.or(other.queue_ms),
            run_ms: self.run_ms.or(other.run_ms),
            grace_ms: self.grace_ms.or(other.grace_ms),
            priority: self.priority.or(other.priority),
            concurrency: self.concurrency.or(other.concurrency),
            idempotent: self.idempotent.or(other.idempotent),
            retries: self.retries.or(other.retries),
            retry_ms: self.retry_ms.or(other.retry_ms),
            max_retry_ms: self.max_retry_ms.or(other.max_retry_ms),
        }
    }

    fn says_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Options of commands, each with its place among those that are announced with it; empty for none, which is the common case.
///
/// # Errors
/// What is wrong with the JSON.
pub fn from_json(json: &str) -> Result<Vec<(u32, Rule)>, serde_json::Error> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json)
}

/// What a call itself was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Milliseconds for the whole call, 0 where that is not given.
    pub timeout_ms: u32,
    /// They are what is left to the call that it is made in: it gets no more, and may get less.
    pub capped: bool,
    /// Its other limits of time; 0 and `None` where they are not given.
    pub limits: CallLimits,
    /// Higher goes first.
    pub priority: Option<i8>,
}

/// What holds for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ruled {
    /// Milliseconds for the whole call, 0 for never.
    pub timeout_ms: u32,
    /// Its other limits of time.
    pub limits: CallLimits,
    /// Higher goes first.
    pub priority: i8,
    /// How many calls of its command one worker may have; 0 for any number.
    pub concurrency: u32,
    /// How often it is run again when its worker dies.
    pub retries: u32,
}

impl Ruled {
    /// For a call to which nothing but what it asks for applies.
    #[must_use]
    #[inline]
    pub fn plainly(asked: &Asked) -> Self {
        Self {
            timeout_ms: asked.timeout_ms,
            limits: asked.limits,
            priority: asked.priority.unwrap_or_default(),
            concurrency: 0,
            retries: 0,
        }
    }
}

#[derive(Debug, Default)]
struct OfCommand {
    rule: Rule,
    announced: bool,
    retried: u64,
}

/// The rules of one pool.
#[derive(Debug)]
pub struct Rules {
    instance: Rule,
    /// Given at the host, by names.
    given: HashMap<String, Rule>,
    /// By the pool's numbers of commands.
    commands: Vec<OfCommand>,
    /// Nothing applies to any call but what it asks for.
    plain: bool,
    /// Whether that may still change for calls that wait: no worker was ready.
    awaited: bool,
    /// Something was announced that calls may wait for.
    news: bool,
    retried: u64,
    jitter: Jitter,
}

impl Rules {
    /// The rules of an instance with these defaults, and with options for commands of these names.
    #[must_use]
    pub fn new(instance: Rule, given: HashMap<String, Rule>, jitter: Jitter) -> Self {
        Self {
            instance,
            given,
            commands: Vec::new(),
            plain: false,
            awaited: true,
            news: false,
            retried: 0,
            jitter,
        }
    }

    /// Whether nothing applies to any call but what it asks for.
    #[must_use]
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The pool has those names.
    pub fn learn(&mut self, names: &Names) {
        for number in self.commands.len()..names.len() {
            let name = names.name(u32::try_from(number).unwrap_or(u32::MAX));
            let rule = match self.given.get(name) {
                Some(given) => given.over(&self.instance),
                None => self.instance.clone(),
            };
            self.commands.push(OfCommand {
                rule,
                ..OfCommand::default()
            });
        }
    }

    /// A worker has announced a command, which the pool has learnt of, with these options.
    pub fn announce(&mut self, number: u32, name: &str, announced: Option<&Rule>) {
        let Some(command) = self.commands.get_mut(number as usize) else {
            return;
        };
        if std::mem::replace(&mut command.announced, true) {
            return;
        }
        let Some(announced) = announced.filter(|rule| !rule.says_nothing()) else {
            return;
        };
        let rule = announced.over(&self.instance);
        command.rule = match self.given.get(name) {
            Some(given) => given.over(&rule),
            None => rule,
        };
        self.plain = false;
        self.news = true;
    }

    /// A worker is ready, or has announced commands since.
    pub fn are_known(&mut self) {
        if std::mem::take(&mut self.awaited) {
            self.plain = self.instance.says_nothing()
                && self.given.is_empty()
                && self
                    .commands
                    .iter()
                    .all(|command| command.rule.says_nothing());
        }
    }

    /// Whether a clock starts with a call that asks for none: it must not be made late.
    #[must_use]
    pub fn start_clocks(&self) -> bool {
        self.commands
            .iter()
            .any(|OfCommand { rule, .. }| rule.timeout_ms.or(rule.queue_ms).is_some())
    }

    /// Whether calls that wait are to be looked at again; once for everything that was announced.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Whether what holds for the calls of a command may still change.
    #[must_use]
    pub fn may_change(&self, command: u32) -> bool {
        self.of(command).is_none_or(|command| !command.announced)
    }

    /// What holds for a call of that command which asks for this.
    #[must_use]
    pub fn apply(&self, command: u32, asked: &Asked) -> Ruled {
        let rule = self
            .of(command)
            .map_or(&self.instance, |command| &command.rule);
        let or = |asked: u32, ruled: Option<u32>| match asked {
            0 => ruled.unwrap_or_default(),
            asked => asked,
        };
        let timeout_ms = match (asked.capped, rule.timeout_ms) {
            (true, Some(ruled)) => asked.timeout_ms.min(ruled),
            (true, None) => asked.timeout_ms,
            (false, ruled) => or(asked.timeout_ms, ruled),
        };
        Ruled {
            timeout_ms,
            limits: CallLimits {
                queue_ms: or(asked.limits.queue_ms, rule.queue_ms),
                run_ms: or(asked.limits.run_ms, rule.run_ms),
                grace_ms: asked.limits.grace_ms.or(rule.grace_ms),
            },
            priority: asked.priority.or(rule.priority).unwrap_or_default(),
            concurrency: rule.concurrency.unwrap_or_default(),
            retries: match rule.idempotent {
                Some(true) => rule.retries.unwrap_or(RETRIES),
                _ => 0,
            },
        }
    }

    /// How many calls of a command one worker may have; 0 for any number.
    #[must_use]
    pub fn concurrency(&self, command: u32) -> u32 {
        if self.plain {
            return 0;
        }
        self.of(command)
            .and_then(|command| command.rule.concurrency)
            .unwrap_or_default()
    }

    /// How long a call pauses that is to be run again, having been run so many times.
    pub fn pause(&mut self, command: u32, runs: u32) -> Duration {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        let rule = self.of(command).map(|command| &command.rule);
        let first = rule.and_then(|rule| rule.retry_ms).unwrap_or(RETRY_MS);
        let most = rule
            .and_then(|rule| rule.max_retry_ms)
            .unwrap_or(MAX_RETRY_MS);
        let longest = doubled(ms(first), runs.saturating_sub(1) as usize, ms(most));
        self.jitter.up_to(longest)
    }

    /// A call of that command is run again.
    pub fn count_retry(&mut self, command: u32) {
        self.retried += 1;
        if let Some(command) = self.commands.get_mut(command as usize) {
            command.retried += 1;
        }
    }

    /// How often calls were run again.
    #[must_use]
    pub fn retried(&self) -> u64 {
        self.retried
    }

    /// How often calls of that command were.
    #[must_use]
    pub fn retried_of(&self, command: u32) -> u64 {
        self.of(command).map_or(0, |command| command.retried)
    }

    fn of(&self, command: u32) -> Option<&OfCommand> {
        self.commands.get(command as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(instance: Rule, given: &[(&str, Rule)]) -> (Rules, Names) {
        let given = given
            .iter()
            .map(|(name, rule)| ((*name).to_owned(), rule.clone()))
            .collect();
        let mut rules = Rules::new(instance, given, Jitter::seeded(1));
        let mut names = Names::default();
        for name in ["first", "second"] {
            names.number(name);
        }
        rules.learn(&names);
        (rules, names)
    }

    fn timeout(ms: u32) -> Rule {
        Rule {
            timeout_ms: Some(ms),
            ..Rule::default()
        }
    }

    #[test]
    fn the_call_wins_over_the_host_over_the_registration_over_the_instance() {
        let instance = Rule {
            queue_ms: Some(4),
            run_ms: Some(4),
            grace_ms: Some(4),
            ..timeout(4)
        };
        let given = Rule {
            queue_ms: Some(2),
            ..timeout(2)
        };
        let registered = Rule {
            run_ms: Some(3),
            queue_ms: Some(3),
            ..timeout(3)
        };
        let (mut rules, _) = rules(instance, &[("first", given)]);
        rules.announce(0, "first", Some(&registered));
        let asked = Asked {
            timeout_ms: 1,
            ..Asked::default()
        };
        let first = rules.apply(0, &asked);
        assert_eq!(first.timeout_ms, 1);
        assert_eq!(first.limits.queue_ms, 2);
        assert_eq!(first.limits.run_ms, 3);
        assert_eq!(first.limits.grace_ms, Some(4));
        assert_eq!(rules.apply(1, &Asked::default()).timeout_ms, 4);
    }

    #[test]
    fn a_nested_call_gets_no_more_than_is_left() {
        let (rules, _) = rules(Rule::default(), &[("first", timeout(100))]);
        let left = |timeout_ms| Asked {
            timeout_ms,
            capped: true,
            ..Asked::default()
        };
        assert_eq!(rules.apply(0, &left(50)).timeout_ms, 50);
        assert_eq!(rules.apply(0, &left(500)).timeout_ms, 100);
        assert_eq!(rules.apply(1, &left(500)).timeout_ms, 500);
    }

    #[test]
    fn a_priority_of_zero_can_be_asked_for() {
        let rule = Rule {
            priority: Some(5),
            ..Rule::default()
        };
        let (rules, _) = rules(rule, &[]);
        let asked = |priority| Asked {
            priority,
            ..Asked::default()
        };
        assert_eq!(rules.apply(0, &asked(None)).priority, 5);
        assert_eq!(rules.apply(0, &asked(Some(0))).priority, 0);
    }

    #[test]
    fn a_pool_without_rules_is_plain_once_that_is_known() {
        let (mut none, _) = rules(Rule::default(), &[]);
        assert!(!none.is_plain(), "a worker may announce some");
        none.announce(0, "first", None);
        none.are_known();
        assert!(none.is_plain());
        none.announce(1, "second", Some(&timeout(5)));
        assert!(!none.is_plain());
        assert!(none.take_news());
        assert!(!none.take_news());

        let (mut some, _) = rules(timeout(5), &[]);
        some.are_known();
        assert!(!some.is_plain());
    }

    #[test]
    fn of_a_command_the_first_announcement_counts() {
        let (mut rules, mut names) = rules(Rule::default(), &[]);
        assert!(rules.may_change(0));
        rules.announce(0, "first", None);
        assert!(!rules.may_change(0));
        rules.announce(0, "first", Some(&timeout(5)));
        assert_eq!(rules.apply(0, &Asked::default()).timeout_ms, 0);
        let number = names.number("third");
        assert!(rules.may_change(number));
        rules.learn(&names);
        rules.announce(number, "third", Some(&timeout(5)));
        assert_eq!(rules.apply(number, &Asked::default()).timeout_ms, 5);
    }

    #[test]
    fn only_idempotent_commands_are_run_again() {
        let idempotent = |idempotent, retries| Rule {
            idempotent,
            retries,
            ..Rule::default()
        };
        for (host, registered, retries) in [
            (idempotent(None, None), idempotent(Some(true), Some(7)), 7),
            (idempotent(None, None), idempotent(Some(true), None), 2),
            (
                idempotent(Some(false), None),
                idempotent(Some(true), Some(7)),
                0,
            ),
            (idempotent(Some(true), Some(0)), Rule::default(), 0),
        ] {
            let (mut rules, _) = rules(Rule::default(), &[("first", host)]);
            rules.announce(0, "first", Some(&registered));
            assert_eq!(rules.apply(0, &Asked::default()).retries, retries);
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let rule = Rule {
            retry_ms: Some(10),
            max_retry_ms: Some(35),
            ..Rule::default()
        };
        let (mut rules, _) = rules(rule, &[]);
        for (runs, longest) in [(1, 10), (2, 20), (3, 35), (100, 35)] {
            let pauses: Vec<Duration> = (0..200).map(|_| rules.pause(0, runs)).collect();
            let longest = Duration::from_millis(longest);
            assert!(pauses.iter().all(|pause| *pause <= longest), "{runs}");
            assert!(pauses.iter().any(|pause| *pause > longest / 2), "{runs}");
        }
    }

    #[test]
    fn what_is_out_of_its_range_is_not_valid() {
        assert!(Rule::default().is_valid());
        let idempotent = Some(true);
        for rule in [
            timeout(0),
            timeout(u32::MAX),
            Rule {
                concurrency: Some(0),
                ..Rule::default()
            },
            Rule {
                concurrency: Some(65_537),
                ..Rule::default()
            },
            Rule {
                priority: Some(101),
                ..Rule::default()
            },
            Rule {
                retries: Some(1),
                ..Rule::default()
            },
            Rule {
                retries: Some(101),
                idempotent,
                ..Rule::default()
            },
            Rule {
                max_retry_ms: Some(u32::MAX),
                ..Rule::default()
            },
        ] {
            assert!(!rule.is_valid(), "{rule:?}");
        }
    }
}
