//! kqueue, by the `polling` crate.

pub(in crate::platform) use polling::{Event, Events, PollMode, Poller};
