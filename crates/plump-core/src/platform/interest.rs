//! What a reactor is asked for, and what it says.

/// What a source is armed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// A read would give bytes, the end, or an error.
    Readable,
    /// A write would take bytes, or fail for good.
    Writable,
    /// Every ring of a bell, for ever: nothing need be cleared or armed again. For bells alone.
    EveryRing,
}

/// One report of a reactor. At the end of a pipe and after an error both directions may be set, whatever was
/// asked for: the read or write that follows tells which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The key under which the source or child was registered.
    pub key: usize,
    /// A read would not wait; for a child: it has exited.
    pub readable: bool,
    /// A write would not wait.
    pub writable: bool,
}
