//! A worker ends with its parent.

use crate::platform::unix::parent_id;

/// In a worker: looks whether its parent is still the expected one. `false`: the parent is gone already, and the
/// caller must end. macOS has no parent-death signal: after this, the end of the link tells a worker that its parent
/// is gone, on a thread that runs whatever JavaScript does.
#[must_use]
pub fn adopt_parent(expected_parent: u32) -> bool {
    parent_id() == expected_parent
}
