//! What waits for JavaScript: settled calls, calls to run, cancellations, events of pools. Small bytes lie one after
//! the other in one buffer that is used again, so that a small answer costs no allocation.

use crate::block::{BlockCopy, Form, ReceivedBlock};
use crate::memory::{Room, prefer_large_pages};
use crate::port::Payload;
use std::collections::VecDeque;
use std::mem::MaybeUninit;

/// What an entry says. The numbers are those of `KIND` in `src/native.ts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum EntryKind {
    /// A handler's result.
    Result = 1,
    /// What a handler threw.
    Thrown = 2,
    /// A failure that the core decided.
    Failed = 3,
    /// A call to run.
    Call = 4,
    /// A call that is no longer waited for.
    Cancel = 5,
    /// An event of the bus.
    Event = 6,
    /// Something happened to a pool.
    Pool = 7,
    /// The host asks this worker to end.
    Shutdown = 8,
}

/// The bytes of an entry.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// That many of the inbox's buffer, behind those of the entry before.
    Inline(usize),
    /// On their own.
    Large(LargeBody),
}

/// Bytes that JavaScript fetches by their token.
#[derive(Debug)]
pub enum LargeBody {
    /// In private memory.
    Bytes(Vec<u8>),
    /// In shared memory.
    Block(ReceivedBlock),
    /// In private memory that is used again.
    Copy(BlockCopy),
}

impl LargeBody {
    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Block(block) => block.len(),
            Self::Copy(copy) => copy.len(),
        }
    }

    /// How JavaScript can be shown it; `None` where it is not worth getting ready for another one like that.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        match self {
            Self::Bytes(_) => None,
            Self::Block(block) => block.form(),
            Self::Copy(copy) => copy.form(),
        }
    }

    /// Moves to addresses that were kept for it; `false` when it stays where it was.
    #[must_use]
    pub fn move_to(&mut self, room: Room) -> bool {
        match self {
            Self::Bytes(_) => false,
            Self::Block(block) => block.move_to(room),
            Self::Copy(copy) => copy.move_to(room),
        }
    }

    /// Copies it to new memory that only this process can write; `false` when `into` has not its length.
    #[must_use]
    pub fn copy_to(&self, into: &mut [MaybeUninit<u8>]) -> bool {
        prefer_large_pages(into);
        match self {
            Self::Bytes(bytes) => {
                for (place, byte) in into.iter_mut().zip(bytes) {
                    place.write(*byte);
                }
                bytes.len() == into.len()
            }
            Self::Block(block) => block.copy_to(into),
            Self::Copy(copy) => copy.copy_to(into),
        }
    }

    /// A copy of it in private memory, or it itself.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        if let Self::Bytes(bytes) = self {
            return bytes;
        }
        let mut bytes = Vec::with_capacity(self.len());
        if self.copy_to(&mut bytes.spare_capacity_mut()[..self.len()]) {
            // SAFETY: there is room for so many bytes, and all of them were written.
            unsafe { bytes.set_len(self.len()) };
        }
        bytes
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One thing for JavaScript.
#[derive(Debug)]
pub struct Entry {
    /// What it says.
    pub kind: EntryKind,
    /// Slot, call (low half), queue or pool.
    pub id: u32,
    /// First word.
    pub a: u32,
    /// Second word.
    pub b: u32,
    /// Third word.
    pub c: u32,
    /// Its bytes.
    pub body: Body,
}

/// Words of one entry in the table that JavaScript reads.
pub const ENTRY_WORDS: usize = 8;

/// The offset that says: the bytes are got by their token.
pub const LARGE: u32 = u32::MAX;

/// The queue of entries.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// How far `bytes` has been handed out.
    taken: usize,
    entries: VecDeque<Entry>,
}

/// Where entries go: the table and the buffer that JavaScript gave, and the large bodies by token.
pub struct Outlet<'a> {
    table: &'a mut [u32],
    incoming: &'a mut [u8],
    large: &'a mut LargeBodies,
    count: usize,
    used: usize,
}

/// Memory that an empty inbox keeps.
const KEPT_BYTES: usize = 1 << 20;

/// Larger events get an `ArrayBuffer` of their own.
const LARGE_EVENT_BYTES: usize = 64 * 1024;

/// Large bodies that wait for JavaScript to fetch them.
#[derive(Debug, Default)]
pub struct LargeBodies {
    bodies: Vec<Option<LargeBody>>,
    free: Vec<u32>,
}

impl LargeBodies {
    fn put(&mut self, body: LargeBody) -> u32 {
        if let Some(token) = self.free.pop() {
            self.bodies[token as usize] = Some(body);
            return token;
        }
        self.bodies.push(Some(body));
        u32::try_from(self.bodies.len() - 1).unwrap_or(u32::MAX)
    }

    /// The body of a token.
    pub fn get_mut(&mut self, token: u32) -> Option<&mut LargeBody> {
        self.bodies.get_mut(token as usize)?.as_mut()
    }

    /// Takes the body of a token, once.
    pub fn take(&mut self, token: u32) -> Option<LargeBody> {
        let body = self.bodies.get_mut(token as usize)?.take()?;
        self.free.push(token);
        Some(body)
    }
}

impl<'a> Outlet<'a> {
    /// An outlet that fills `table` and `incoming` from their beginnings.
    pub fn new(table: &'a mut [u32], incoming: &'a mut [u8], large: &'a mut LargeBodies) -> Self {
        Self {
            table,
            incoming,
            large,
            count: 0,
            used: 0,
        }
    }

    /// Entries written so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether any event fits.
    #[must_use]
    pub fn has_room_for_event(&self) -> bool {
        self.has_room(LARGE_EVENT_BYTES)
    }

    /// Writes an event; `has_room_for_event` has said that it fits.
    pub fn put_event(&mut self, queue: u32, payload: &[u8]) {
        if payload.len() > LARGE_EVENT_BYTES {
            let body = LargeBody::Bytes(payload.to_vec());
            self.put_large(EntryKind::Event, queue, [0; 3], body);
        } else {
            self.put(EntryKind::Event, queue, [0; 3], payload);
        }
    }

    /// Writes an entry whose bytes are `bytes`; `false` when there is no room for it now.
    pub fn put(&mut self, kind: EntryKind, id: u32, [a, b, c]: [u32; 3], bytes: &[u8]) -> bool {
        if !self.has_room(bytes.len()) {
            return false;
        }
        if bytes.len() > self.incoming.len() {
            return self.put_large(kind, id, [a, b, c], LargeBody::Bytes(bytes.to_vec()));
        }
        let offset = self.used;
        self.incoming[offset..offset + bytes.len()].copy_from_slice(bytes);
        // The next bytes begin aligned, as a payload of its own would.
        self.used = (offset + bytes.len())
            .next_multiple_of(8)
            .min(self.incoming.len());
        self.write(kind, id, [a, b, c], word(offset), word(bytes.len()), 0);
        true
    }

    fn put_large(&mut self, kind: EntryKind, id: u32, words: [u32; 3], body: LargeBody) -> bool {
        let length = word(body.len());
        let token = self.large.put(body);
        self.write(kind, id, words, LARGE, length, token);
        true
    }

    /// Whether an entry with that many bytes can be written now.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        (self.count + 1) * ENTRY_WORDS <= self.table.len()
            && (bytes > self.incoming.len() || self.used + bytes <= self.incoming.len())
    }

    fn write(
        &mut self,
        kind: EntryKind,
        id: u32,
        [a, b, c]: [u32; 3],
        offset: u32,
        length: u32,
        token: u32,
    ) {
        let at = self.count * ENTRY_WORDS;
        self.table[at..at + ENTRY_WORDS].copy_from_slice(&[
            kind as u32,
            id,
            offset,
            length,
            a,
            b,
            c,
            token,
        ]);
        self.count += 1;
    }
}

fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Inbox {
    /// Adds an entry with small bytes, which are copied.
    pub fn push(&mut self, kind: EntryKind, id: u32, [a, b, c]: [u32; 3], bytes: &[u8]) {
        let body = if bytes.is_empty() {
            Body::Empty
        } else {
            // While there is always something left, the buffer is never empty: what was handed out goes now and then.
            if self.taken > KEPT_BYTES && self.taken > self.bytes.len() / 2 {
                self.bytes.drain(..self.taken);
                self.taken = 0;
            }
            self.bytes.extend_from_slice(bytes);
            Body::Inline(bytes.len())
        };
        self.entries.push_back(Entry {
            kind,
            id,
            a,
            b,
            c,
            body,
        });
    }

    /// Adds an entry with the payload of a frame.
    pub fn push_payload(
        &mut self,
        kind: EntryKind,
        id: u32,
        [a, b, c]: [u32; 3],
        payload: Payload<'_>,
    ) {
        let body = match payload {
            Payload::Whole(bytes) => return self.push(kind, id, [a, b, c], bytes),
            Payload::Assembled(bytes) => LargeBody::Bytes(bytes),
            Payload::Block(block) => LargeBody::Block(block),
        };
        self.entries.push_back(Entry {
            kind,
            id,
            a,
            b,
            c,
            body: Body::Large(body),
        });
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Moves entries to `outlet` as long as there is room.
    pub fn take(&mut self, outlet: &mut Outlet<'_>) {
        while let Some(entry) = self.entries.front_mut() {
            let (kind, id, words) = (entry.kind, entry.id, [entry.a, entry.b, entry.c]);
            let fits = match &mut entry.body {
                Body::Empty => outlet.put(kind, id, words, &[]),
                Body::Inline(length) => {
                    let bytes = &self.bytes[self.taken..self.taken + *length];
                    let fits = outlet.put(kind, id, words, bytes);
                    if fits {
                        self.taken += *length;
                    }
                    fits
                }
                Body::Large(body) => {
                    outlet.has_room(0) && {
                        let body = std::mem::replace(body, LargeBody::Bytes(Vec::new()));
                        outlet.put_large(kind, id, words, body)
                    }
                }
            };
            if !fits {
                return;
            }
            self.entries.pop_front();
        }
        self.bytes.clear();
        self.taken = 0;
        // A burst must not keep its memory for ever.
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: [u32; 3] = [0; 3];

    fn private(body: Option<LargeBody>) -> Option<Vec<u8>> {
        match body? {
            LargeBody::Bytes(bytes) => Some(bytes),
            LargeBody::Block(_) | LargeBody::Copy(_) => panic!("nothing here came in a block"),
        }
    }

    /// Takes what fits into a table of `rows` and a buffer of `room`: kind, id, words and bytes of each.
    fn take(
        inbox: &mut Inbox,
        large: &mut LargeBodies,
        rows: usize,
        room: usize,
    ) -> Vec<(u32, u32, [u32; 3], Vec<u8>)> {
        let (mut table, mut incoming) = (vec![0; rows * ENTRY_WORDS], vec![0; room]);
        let mut outlet = Outlet::new(&mut table, &mut incoming, large);
        inbox.take(&mut outlet);
        let count = outlet.count();
        table
            .chunks(ENTRY_WORDS)
            .take(count)
            .map(|row| {
                let bytes = if row[2] == LARGE {
                    private(large.take(row[7])).expect("a body for the token")
                } else {
                    assert_eq!(row[2] % 8, 0, "bytes begin aligned");
                    incoming[row[2] as usize..][..row[3] as usize].to_vec()
                };
                assert_eq!(row[3] as usize, bytes.len());
                (row[0], row[1], [row[4], row[5], row[6]], bytes)
            })
            .collect()
    }

    #[test]
    fn entries_come_out_in_their_order_with_their_words_and_bytes() {
        let (mut inbox, mut large) = (Inbox::default(), LargeBodies::default());
        inbox.push(EntryKind::Result, 1, [9, 8, 7], b"one");
        inbox.push(EntryKind::Cancel, 2, EMPTY, b"");
        let three = Payload::Assembled(b"three".to_vec());
        inbox.push_payload(EntryKind::Thrown, 3, EMPTY, three);
        inbox.push(EntryKind::Call, 4, [1, 2, 3], b"fourth");
        assert_eq!(inbox.len(), 4);
        let entries = take(&mut inbox, &mut large, 10, 100);
        assert_eq!(
            entries,
            [
                (1, 1, [9, 8, 7], b"one".to_vec()),
                (5, 2, EMPTY, Vec::new()),
                (2, 3, EMPTY, b"three".to_vec()),
                (4, 4, [1, 2, 3], b"fourth".to_vec()),
            ]
        );
        assert!(inbox.is_empty());
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_turn() {
        let (mut inbox, mut large) = (Inbox::default(), LargeBodies::default());
        for id in 0..10 {
            inbox.push(EntryKind::Result, id, EMPTY, &[1; 30]);
        }
        let ids = |entries: Vec<(u32, u32, [u32; 3], Vec<u8>)>| -> Vec<u32> {
            entries.into_iter().map(|entry| entry.1).collect()
        };
        assert_eq!(ids(take(&mut inbox, &mut large, 4, 1000)), [0, 1, 2, 3]);
        assert_eq!(ids(take(&mut inbox, &mut large, 99, 100)), [4, 5, 6]);
        // Larger than the buffer: it gets memory of its own, also where the buffer is full.
        assert_eq!(ids(take(&mut inbox, &mut large, 99, 20)), [7, 8, 9]);
    }

    #[test]
    fn an_inbox_that_is_never_empty_does_not_grow() {
        let (mut inbox, mut large) = (Inbox::default(), LargeBodies::default());
        let mut sent = 0_u32;
        let mut next = 0_u32;
        for _ in 0..20_000 {
            while inbox.len() < 20 {
                inbox.push(
                    EntryKind::Result,
                    sent,
                    EMPTY,
                    &sent.to_le_bytes().repeat(250),
                );
                sent += 1;
            }
            for (_, id, _, bytes) in take(&mut inbox, &mut large, 10, 16 * 1024) {
                assert_eq!((id, &bytes[..4]), (next, &next.to_le_bytes()[..]));
                next += 1;
            }
            assert!(!inbox.is_empty());
        }
        assert!(
            inbox.bytes.capacity() < 4 * KEPT_BYTES,
            "{} bytes for 20 entries of 1000",
            inbox.bytes.capacity()
        );
    }

    #[test]
    fn a_large_body_is_given_once() {
        let mut large = LargeBodies::default();
        let (first, second) = (
            large.put(LargeBody::Bytes(vec![1])),
            large.put(LargeBody::Bytes(vec![2])),
        );
        assert_eq!(private(large.take(first)), Some(vec![1]));
        assert_eq!(private(large.take(first)), None);
        assert_eq!(private(large.take(99)), None);
        assert_eq!(
            large.put(LargeBody::Bytes(vec![3])),
            first,
            "its token is used again"
        );
        assert_eq!(private(large.take(second)), Some(vec![2]));
    }
}
