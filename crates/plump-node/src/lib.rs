//! The Node extension of plump-ipc: glue between the core and JavaScript, no decisions. `src/native.ts` has the
//! contract. The hot path is made of raw functions without arguments; everything else is napi-rs.
#![allow(
    clippy::needless_pass_by_value,
    reason = "napi-rs converts arguments into values of their own; there is nothing to borrow from"
)]
#![allow(
    clippy::missing_errors_doc,
    reason = "the contract, errors included, is src/native.ts"
)]
#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "napi-derive makes nothing that calls them when the crate is compiled for tests"
    )
)]

mod answers;
mod bus;
mod host;
mod hot;
mod large;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod loop_watch;
mod session;
mod spare;
mod wake;
mod worker;

use napi::Env;
use napi::bindgen_prelude::{JsObjectValue, Object, Result};
use napi_derive::napi;

/// Adds the functions of the hot path to what the module exports.
#[napi(module_exports)]
pub fn export_hot_path(mut exports: Object, env: Env) -> Result<()> {
    for (name, function) in hot::FUNCTIONS {
        exports.set_named_property(name, hot::function(env, name, *function)?)?;
    }
    Ok(())
}
