//! The worker's link, from JavaScript.

use crate::session::{Session, require, thrown};
use napi::Status;
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use plump_core::rules::{self, Rule};

/// Opens the link and waits for the host's welcome.
#[napi]
pub fn link_open(value: String, version: String) -> Result<String> {
    require(|session| session.core.open_uplink(&value, &version))?
        .map_err(|failure| thrown(&failure))
}

/// The module is loaded.
#[napi]
pub fn link_ready(commands: Vec<String>, rules: String) -> Result<()> {
    let rules = rules_of(&rules)?;
    require(|session| session.core.announce_ready(&commands, &rules))
}

/// Commands registered later.
#[napi]
pub fn link_commands(commands: Vec<String>, rules: String) -> Result<()> {
    let rules = rules_of(&rules)?;
    require(|session| session.core.announce(&commands, &rules))
}

/// Options of commands, by their places.
fn rules_of(json: &str) -> Result<Vec<(u32, Rule)>> {
    rules::from_json(json).map_err(|error| Error::new(Status::InvalidArg, error.to_string()))
}

/// The module failed to load.
#[napi]
pub fn link_failed(length: u32) -> Result<()> {
    require(|session| session.core.load_failed(cause(session, length)))
}

/// This process is about to end.
#[napi]
pub fn link_last_words(length: u32) -> Result<()> {
    require(|session| session.core.last_words(cause(session, length)))
}

/// This worker wants to end: the host sends no more calls, and a shutdown when those sent are answered.
#[napi]
pub fn link_leave() -> Result<()> {
    require(|session| session.core.leave())
}

/// Everything is answered: the time for this worker's own end begins.
#[napi]
pub fn link_finished() -> Result<()> {
    require(|session| session.core.finished())
}

/// This worker's own end is done: the link ends.
#[napi]
pub fn link_end() -> Result<()> {
    require(|session| session.core.end_uplink())
}

/// The bytes of an error, as far as one may be told.
fn cause(session: &Session, length: u32) -> &[u8] {
    let length = (length as usize)
        .min(session.outgoing.len())
        .min(plump_core::limits::MAX_CAUSE_BYTES);
    &session.outgoing[..length]
}
