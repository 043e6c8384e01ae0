//! Pools, from JavaScript.

use crate::session::{require, thrown};
use napi::Status;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;

/// What a process that the user starts needs to become a worker.
#[napi(object)]
pub struct NativeLink {
    /// Descriptors for the places 3, 4, … of its `stdio`.
    pub descriptors: Vec<i64>,
    /// The value of `PLUMP_IPC_LINK`.
    pub value: String,
    /// Its number.
    pub link: u32,
}

fn no_pool() -> Error {
    Error::new(Status::InvalidArg, "ERR_PLUMP_NOT_STARTED: no such pool")
}

/// Makes a pool.
#[napi]
pub fn pool_open(options: String) -> Result<u32> {
    require(|session| session.core.open_pool(&options))?.map_err(|failure| thrown(&failure))
}

/// The number of a command's name.
#[napi]
pub fn command_number(pool: u32, name: String) -> Result<u32> {
    require(|session| session.core.command_number(pool, &name))?.ok_or_else(no_pool)
}

/// Begins the end of a pool.
#[napi]
pub fn pool_close(pool: u32, grace_ms: u32) -> Result<()> {
    require(|session| session.core.close_pool(pool, grace_ms))
}

/// Starts a worker of a pool that has none without a call.
#[napi]
pub fn pool_await_first(pool: u32) -> Result<()> {
    require(|session| session.core.await_first(pool))
}

/// What a pool is doing, as JSON; `null`: it has come to its end.
#[napi]
pub fn pool_stats(pool: u32) -> Result<Option<String>> {
    require(|session| session.core.pool_stats(pool))
}

/// Whether the pool's producers should hold back.
#[napi]
pub fn pool_needs_drain(pool: u32) -> Result<bool> {
    require(|session| session.core.pool_needs_drain(pool))
}

/// A link for a process that the user starts.
#[napi]
pub fn pool_link(pool: u32) -> Result<NativeLink> {
    let link =
        require(|session| session.core.open_link(pool))?.map_err(|failure| thrown(&failure))?;
    let descriptors = link
        .descriptors
        .iter()
        .map(|number| number.cast_signed())
        .collect();
    Ok(NativeLink {
        descriptors,
        value: link.value,
        link: link.link,
    })
}

/// The process has inherited its ends.
#[napi]
pub fn link_handed(_pool: u32, link: u32) -> Result<()> {
    require(|session| session.core.link_handed(link))
}
