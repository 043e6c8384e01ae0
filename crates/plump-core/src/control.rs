//! What both sides tell each other besides calls and events: serde types in bincode, with a limit on what decoding may allocate.

use crate::limits::MAX_CONTROL_BYTES;
use crate::rules::Rule;
use serde::{Deserialize, Serialize};

/// The protocol's version; both sides must have the same.
pub const PROTOCOL: u32 = 1;

/// A control message, either way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Host to worker, first: what the worker is to be.
    Welcome {
        /// `PROTOCOL` of the host.
        protocol: u32,
        /// Version of the host's package.
        version: String,
        /// The largest payload, bytes.
        max_payload_bytes: u64,
        /// Microseconds for which the worker may watch for the next call.
        spin_us: u32,
        /// Shared memory that the worker's blocks may take in each direction, bytes.
        max_block_bytes: u64,
        /// Milliseconds that a free block stays warm.
        block_idle_ms: u32,
        /// JSON for the worker's TypeScript half.
        settings: String,
    },
    /// Worker to host, first.
    Hello {
        /// `PROTOCOL` of the worker.
        protocol: u32,
        /// Version of the worker's package.
        version: String,
        /// Its process id.
        pid: u32,
    },
    /// Worker to host: names of commands, which get the next numbers.
    Commands(Vec<String>),
    /// Worker to host: the module is loaded.
    Ready,
    /// Worker to host: the module could not be loaded; the error in the built-in form.
    LoadFailed(Vec<u8>),
    /// Worker to host: the worker is about to end by this error, in the built-in form.
    LastWords(Vec<u8>),
    /// Worker to host: everything was answered, the worker ends as it was asked to.
    Goodbye,
    /// Host to worker: nobody waits for this call any more. If it has not begun it must not, and is refused.
    Cancel(u64),
    /// Host to worker: finish what has begun, then end.
    Shutdown,
    /// Host to worker: answer with `Pong`.
    Ping(u32),
    /// Worker to host: the link thread lives.
    Pong(u32),
    /// Worker to host: send no more calls, and `Shutdown` when those sent are answered.
    Leaving,
    /// Host to worker: this call's time to begin is over. If it has not begun it must not, and is refused.
    Expire(u64),
    /// Worker to host: this call, of which the host wanted to hear it, has begun.
    Began(u64),
    /// Host to worker: nothing more must begin; answer with `Recalled`.
    Recall,
    /// Worker to host: these calls had not begun and never will, in the order in which they came.
    Recalled(Vec<u64>),
    /// Worker to host: options of commands, each by its place among the names of the `Commands` that follows.
    Rules(Vec<(u32, Rule)>),
    /// Host to worker: those of these calls that have not begun must not; answer with `Recalled`. Others may. What has run is
    /// answered now.
    GiveBack(Vec<u64>),
    /// Worker to host: everything that had begun is answered, as the host asked; what is left is the worker's own end.
    Finished,
}

impl Control {
    /// Encodes the message.
    ///
    /// # Panics
    /// Never: every variant can be encoded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        bincode::serde::encode_to_vec(self, bincode::config::standard())
            .expect("control messages are plain data")
    }

    /// Decodes a message that takes all of `bytes`; `None` when it does not.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let config = bincode::config::standard().with_limit::<MAX_CONTROL_BYTES>();
        match bincode::serde::decode_from_slice(bytes, config) {
            Ok((message, used)) if used == bytes.len() => Some(message),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        for message in [
            Control::Ready,
            Control::Ping(7),
            Control::Commands(vec!["add".into(), "ä".into()]),
            Control::LastWords(vec![0; 1000]),
            Control::Rules(vec![(
                3,
                Rule {
                    priority: Some(-5),
                    ..Rule::default()
                },
            )]),
        ] {
            assert_eq!(Control::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn hostile_bytes_are_refused_without_allocation() {
        // Variant 2 (Commands) that claims 2^40 names.
        assert_eq!(Control::decode(&[2, 253, 0, 0, 0, 0, 0, 1, 0, 0]), None);
        assert_eq!(Control::decode(&[200]), None);
        assert_eq!(Control::decode(&[]), None);
        let mut trailing = Control::Ready.encode();
        trailing.push(0);
        assert_eq!(Control::decode(&trailing), None);
    }
}
