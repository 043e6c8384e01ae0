//! What waits for JavaScript: settled calls, calls to run, cancellations, events of pools. Small bytes lie one after
//! the other in one buffer that is used again, so that a small answer costs no allocation.

use std::collections::VecDeque;

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
    /// `(offset, length)` in the inbox's buffer.
    Inline(usize, usize),
    /// On their own.
    Large(Vec<u8>),
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

/// Larger events get an `ArrayBuffer` of their own.
const LARGE_EVENT_BYTES: usize = 64 * 1024;

/// Large bodies that wait for JavaScript to fetch them.
#[derive(Debug, Default)]
pub struct LargeBodies {
    bodies: Vec<Option<Vec<u8>>>,
    free: Vec<u32>,
}

impl LargeBodies {
    fn put(&mut self, body: Vec<u8>) -> u32 {
        if let Some(token) = self.free.pop() {
            self.bodies[token as usize] = Some(body);
            return token;
        }
        self.bodies.push(Some(body));
        u32::try_from(self.bodies.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes the body of a token, once.
    pub fn take(&mut self, token: u32) -> Option<Vec<u8>> {
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
            self.put_large(EntryKind::Event, queue, [0; 3], payload.to_vec());
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
            return self.put_large(kind, id, [a, b, c], bytes.to_vec());
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

    fn put_large(&mut self, kind: EntryKind, id: u32, words: [u32; 3], bytes: Vec<u8>) -> bool {
        let length = word(bytes.len());
        let token = self.large.put(bytes);
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
            let offset = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            Body::Inline(offset, bytes.len())
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

    /// Adds an entry with bytes of its own.
    pub fn push_large(&mut self, kind: EntryKind, id: u32, [a, b, c]: [u32; 3], bytes: Vec<u8>) {
        self.entries.push_back(Entry {
            kind,
            id,
            a,
            b,
            c,
            body: Body::Large(bytes),
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

    /// Moves entries to `outlet` as long as there is room; `taken` hears of each.
    pub fn take(&mut self, outlet: &mut Outlet<'_>, mut taken: impl FnMut(EntryKind, u32)) {
        while let Some(entry) = self.entries.front_mut() {
            let (kind, id, words) = (entry.kind, entry.id, [entry.a, entry.b, entry.c]);
            let fits = match &mut entry.body {
                Body::Empty => outlet.put(kind, id, words, &[]),
                Body::Inline(offset, length) => {
                    outlet.put(kind, id, words, &self.bytes[*offset..*offset + *length])
                }
                Body::Large(bytes) => {
                    outlet.has_room(0) && {
                        let bytes = std::mem::take(bytes);
                        outlet.put_large(kind, id, words, bytes)
                    }
                }
            };
            if !fits {
                return;
            }
            self.entries.pop_front();
            taken(kind, id);
        }
        self.bytes.clear();
        // A burst must not keep its memory for ever.
        if self.bytes.capacity() > 1 << 20 {
            self.bytes = Vec::new();
        }
    }
}
