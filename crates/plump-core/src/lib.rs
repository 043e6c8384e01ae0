//! The core of plump-ipc: everything that must work while JavaScript is busy.
//!
//! One direction of travel: `host`/`link` → `router` → `port` → `frame` → `channel` → `platform`.
//! A module imports only from its right, and `errors` and `limits` from everywhere.

pub mod bus;
pub mod channel;
pub mod control;
pub mod errors;
pub mod frame;
pub mod host;
pub mod inbox;
pub mod limits;
pub mod link;
pub mod platform;
pub mod port;
pub mod process;
pub mod router;
