//! What a reactor can watch.

use std::sync::{Arc, Weak};

use super::bell::Ringing;
use super::pipe_reader::Incoming;
use super::pipe_writer::Room;
use super::reactor::Reports;
use crate::platform::Event;

/// What a reactor can watch: made by [`super::PipeReader::source`], [`super::PipeWriter::source`] and
/// [`super::Bell::source`].
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) of: SourceOf,
}

#[derive(Clone, Debug)]
pub(super) enum SourceOf {
    Reader(Arc<Incoming>),
    Writer(Arc<Room>),
    Bell(Arc<Ringing>),
}

impl Source {
    /// Tells sources apart as long as one of them is alive.
    pub(super) fn id(&self) -> usize {
        match &self.of {
            SourceOf::Reader(of) => Arc::as_ptr(of).addr(),
            SourceOf::Writer(of) => Arc::as_ptr(of).addr(),
            SourceOf::Bell(of) => Arc::as_ptr(of).addr(),
        }
    }
}

/// A reactor that is owed one report.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    pub(super) reports: Weak<Reports>,
    pub(super) key: usize,
}

impl Armed {
    /// Reports that a read would not wait.
    pub(super) fn readable(self) {
        if let Some(reports) = self.reports.upgrade() {
            reports.give(Event {
                key: self.key,
                readable: true,
                writable: false,
            });
        }
    }
}
