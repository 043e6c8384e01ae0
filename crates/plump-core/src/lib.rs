//! The core of plump-ipc: everything that must work while JavaScript is busy.
//!
//! One direction of travel: `environment` → `host`, `link` → `router`, `bus`, `inbox` → `port` → `frame`, `block` → `channel` →
//! `platform`. A module imports only from its right, and `errors`, `limits` from everywhere.

pub mod block;
pub mod bus;
pub mod call_states;
pub mod channel;
pub mod control;
pub mod debug;
pub mod environment;
pub mod errors;
pub mod failure;
pub mod frame;
pub mod histogram;
pub mod host;
pub mod inbox;
pub mod limits;
pub mod link;
pub mod memory;
pub mod placing;
pub mod platform;
pub mod port;
pub mod process;
pub mod queue;
pub mod queue_limits;
pub mod restarts;
pub mod router;
pub mod rules;
pub mod scaling;
pub mod sent_log;
pub mod stderr;
pub mod timers;
