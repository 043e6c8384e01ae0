//! Queues of the bus, from JavaScript.

use crate::session::require;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use plump_core::environment::QueueCounts;

/// Opens a queue.
#[napi]
pub fn bus_open(name: String, capacity: u32) -> Result<u32> {
    require(|session| session.core.open_queue(&name, capacity as usize))
}

/// Whether its events come by `drain`.
#[napi]
pub fn bus_listen(queue: u32, listening: bool) -> Result<()> {
    require(|session| session.core.listen(queue, listening))
}

/// Closes a queue.
#[napi]
pub fn bus_close(queue: u32) -> Result<()> {
    require(|session| session.core.close_queue(queue))
}

/// Its counts, as JSON.
#[napi]
pub fn bus_stats(queue: u32) -> Result<String> {
    let counts = require(|session| session.core.queue_counts(queue))?.unwrap_or_default();
    let QueueCounts {
        published,
        received,
        dropped,
        undelivered,
    } = counts;
    Ok(format!(
        r#"{{"published":{published},"received":{received},"dropped":{dropped},"undelivered":{undelivered}}}"#
    ))
}

/// Whether another process could publish.
#[napi]
pub fn bus_has_peers() -> Result<bool> {
    require(|session| session.core.has_peers())
}
