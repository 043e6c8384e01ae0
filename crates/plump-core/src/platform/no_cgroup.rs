//! Containers where there are no control groups: nothing is known of them.
//!
//! Windows holds processes together by jobs and macOS not at all; what a job limits is not asked for, so that a worker for
//! each CPU is what `'auto'` means on both.

use super::ContainerLimits;

/// What a container allows this process: nothing is known.
#[must_use]
pub fn container_limits() -> ContainerLimits {
    ContainerLimits::default()
}
