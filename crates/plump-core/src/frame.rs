//! The one frame format of every channel. `protocol/README.md` has the byte table, `protocol/vectors.json`
//! the vectors that both languages run.

use crate::block::BlockRange;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// In the first word of a `Call` frame, beside the command's number: the host wants to hear when the call begins.
pub const TELLS: u32 = 1 << 31;

/// A deadline as the second word of a `Call` frame: milliseconds since 1970, the low half, by the clock that `Date.now()` reads
/// in every process. What is left is for the worker to say when its handler is called, however long the frame was under way.
#[must_use]
pub fn deadline_word(left: Duration) -> u32 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let low = (now + left).as_millis() & u128::from(u32::MAX);
    u32::try_from(low).unwrap_or_default().max(1)
}

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 24;

/// The largest body of one frame, bytes. A larger payload is sent in parts, so that a small frame never waits
/// longer than one part of a large one.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The payload goes on in `Chunk` frames; the body begins with the total payload length as `u64`.
pub const FLAG_MORE: u8 = 1;

/// The payload lies in shared memory; the body is a `BlockRange` that says where.
pub const FLAG_BLOCK: u8 = 2;

/// The payload lies in memory that was handed over beside the channel; the body is a `BlockRange`.
pub const FLAG_LENT: u8 = 4;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Host to worker: run a command. `a` = command number, with `TELLS` or without, `b` = its deadline, `deadline_word`, 0 for none.
    Call = 1,
    /// Worker to host: what a handler returned. `a` = time it ran, microseconds.
    Result = 2,
    /// Worker to host: what a handler threw. `a` = time it ran, microseconds.
    Thrown = 3,
    /// Either way: the next part of a payload whose first frame had `FLAG_MORE`.
    Chunk = 4,
    /// Worker to host: how many of the calls sent so far have begun (`call` = count since the link was made).
    Started = 5,
    /// Worker to host: the call could not be run or answered; `a` = number of the error kind, body = its detail as UTF-8.
    Refused = 6,
    /// Control pipe, either way: a control message (bincode).
    Control = 16,
    /// Control pipe, either way: an event of the bus.
    Event = 17,
}

impl FrameKind {
    /// All kinds, with their names in the protocol's table.
    pub const ALL: &'static [FrameKind] = &[
        Self::Call,
        Self::Result,
        Self::Thrown,
        Self::Chunk,
        Self::Started,
        Self::Refused,
        Self::Control,
        Self::Event,
    ];

    /// The kind of a byte, if it is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == byte)
    }

    /// Whether its payload may be larger than one frame.
    #[must_use]
    pub fn may_be_long(self) -> bool {
        match self {
            Self::Call | Self::Result | Self::Thrown | Self::Control | Self::Event => true,
            Self::Chunk | Self::Started | Self::Refused => false,
        }
    }

    /// Whether its payload may lie in shared memory. What goes over the control pipe may not: there is none for it.
    #[must_use]
    pub fn may_be_in_block(self) -> bool {
        matches!(self, Self::Call | Self::Result | Self::Thrown)
    }

    /// Whether its payload may lie in memory that was handed over.
    #[must_use]
    pub fn may_be_lent(self) -> bool {
        self == Self::Call
    }
}

/// A frame's header: 24 bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame says.
    pub kind: FrameKind,
    /// `FLAG_MORE`, `FLAG_BLOCK`, `FLAG_LENT` or 0.
    pub flags: u8,
    /// Bytes of body that follow.
    pub size: u32,
    /// The call (or event) that the frame belongs to.
    pub call: u64,
    /// First word, by kind.
    pub a: u32,
    /// Second word, by kind.
    pub b: u32,
}

/// Why a header was refused: always the end of the link it came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No such kind.
    UnknownKind(u8),
    /// A flag that does not exist, or stands on a kind that can't have it.
    UnknownFlags(u8),
    /// A reserved byte is not zero.
    Reserved,
    /// A body above `MAX_BODY_BYTES`.
    TooLarge(u32),
    /// A first frame with `FLAG_MORE` whose body is too short for the total.
    Truncated,
    /// A frame with `FLAG_BLOCK` or `FLAG_LENT` whose body is no `BlockRange`.
    NoRange(u32),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(f, "unknown frame kind {kind}"),
            Self::UnknownFlags(flags) => write!(f, "unknown frame flags {flags:#04x}"),
            Self::Reserved => write!(f, "reserved bytes of a frame are not zero"),
            Self::TooLarge(size) => write!(
                f,
                "frame body of {size} bytes, at most {MAX_BODY_BYTES} are allowed"
            ),
            Self::Truncated => write!(f, "first frame of a long payload without its total length"),
            Self::NoRange(size) => write!(
                f,
                "a body of {size} bytes where the range of a block was to be"
            ),
        }
    }
}

impl std::error::Error for FrameError {}

impl Header {
    /// The header of a frame whose payload is complete in it.
    #[must_use]
    pub fn new(kind: FrameKind, call: u64, a: u32, b: u32) -> Self {
        Self {
            kind,
            flags: 0,
            size: 0,
            call,
            a,
            b,
        }
    }

    /// Writes the header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&self.size.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[5] = self.flags;
        bytes[8..16].copy_from_slice(&self.call.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.a.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.b.to_le_bytes());
        bytes
    }

    /// Reads and checks a header.
    ///
    /// # Errors
    /// `FrameError` for anything that this version of the protocol does not know.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let size = word(0);
        let kind = FrameKind::from_byte(bytes[4]).ok_or(FrameError::UnknownKind(bytes[4]))?;
        let flags = bytes[5];
        let is_known = match flags {
            0 => true,
            FLAG_MORE => kind.may_be_long(),
            FLAG_BLOCK => kind.may_be_in_block(),
            FLAG_LENT => kind.may_be_lent(),
            _ => false,
        };
        if !is_known {
            return Err(FrameError::UnknownFlags(flags));
        }
        if bytes[6] != 0 || bytes[7] != 0 {
            return Err(FrameError::Reserved);
        }
        if size as usize > MAX_BODY_BYTES {
            return Err(FrameError::TooLarge(size));
        }
        if flags == FLAG_MORE && size < 8 {
            return Err(FrameError::Truncated);
        }
        if matches!(flags, FLAG_BLOCK | FLAG_LENT) && size as usize != BlockRange::BYTES {
            return Err(FrameError::NoRange(size));
        }
        let call = u64::from(word(8)) | u64::from(word(12)) << 32;
        Ok(Self {
            kind,
            flags,
            size,
            call,
            a: word(16),
            b: word(20),
        })
    }
}
