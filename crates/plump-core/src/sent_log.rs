//! The payloads of calls that a worker has, so that those that had not begun can be sent to another one when it dies.
//!
//! One buffer for all of a worker's calls, written from front to back: keeping a small payload costs a copy of its bytes and
//! no allocation. It begins anew whenever nothing is kept, and moves together when most of it is no longer needed.

use crate::port::{extend_padded, padded_length};

/// Below this a buffer is not tidied up.
/// It should stay in the nearest cache.
const TIDY_ABOVE_BYTES: usize = 16 * 1024;

/// Memory that an empty log keeps.
const KEPT_BYTES: usize = 256 * 1024;

/// In `Kept::at`: the payload has memory of its own, and this is its number.
const LARGE: usize = 1 << (usize::BITS - 1);

/// Where a payload is in its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    at: usize,
    length: usize,
}

/// The payloads of one worker.
#[derive(Debug, Default)]
pub struct SentLog {
    bytes: Vec<u8>,
    live: usize,
    count: usize,
    /// Few: places that are free are empty.
    large: Vec<Vec<u8>>,
}

impl SentLog {
    /// Keeps a payload, `parts` together as a frame has them.
    pub fn keep(&mut self, parts: &[&[u8]]) -> Kept {
        let at = self.bytes.len();
        if let [one] = parts {
            self.bytes.extend_from_slice(one);
        } else {
            self.bytes.reserve(padded_length(parts));
            extend_padded(&mut self.bytes, parts);
        }
        let length = self.bytes.len() - at;
        self.live += length;
        self.count += 1;
        Kept { at, length }
    }

    /// The same for a large one, which has memory of its own and is never moved.
    pub fn keep_large(&mut self, parts: &[&[u8]]) -> Kept {
        let length = padded_length(parts);
        let mut bytes = Vec::with_capacity(length);
        extend_padded(&mut bytes, parts);
        let free = self.large.iter().position(Vec::is_empty);
        let number = free.unwrap_or(self.large.len());
        if free.is_none() {
            self.large.push(Vec::new());
        }
        self.large[number] = bytes;
        let at = LARGE | number;
        Kept { at, length }
    }

    /// A payload that is kept.
    #[must_use]
    pub fn get(&self, kept: Kept) -> &[u8] {
        if kept.at & LARGE != 0 {
            return &self.large[kept.at & !LARGE];
        }
        &self.bytes[kept.at..kept.at + kept.length]
    }

    /// A payload that is not needed any more.
    pub fn forget(&mut self, kept: Kept) {
        if kept.at & LARGE != 0 {
            self.large[kept.at & !LARGE] = Vec::new();
            return;
        }
        self.live -= kept.length;
        self.count -= 1;
        if self.count == 0 {
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
        }
    }

    /// Whether most of the buffer is no longer needed: `tidy` should follow.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.bytes.len() > TIDY_ABOVE_BYTES && self.bytes.len() > 4 * self.live
    }

    /// Moves what is kept together; `all` are the places of everything that is.
    pub fn tidy<'a>(&mut self, all: impl Iterator<Item = &'a mut Kept>) {
        let mut bytes = Vec::with_capacity(2 * self.live);
        for kept in all.filter(|kept| kept.at & LARGE == 0) {
            let at = bytes.len();
            bytes.extend_from_slice(self.get(*kept));
            kept.at = at;
        }
        self.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back_as_they_were() {
        let mut log = SentLog::default();
        let first = log.keep(&[b"one"]);
        let second = log.keep(&[b"two", b"parts"]);
        assert_eq!(log.get(first), b"one");
        assert_eq!(log.get(second), b"two\0\0\0\0\0parts");
        log.forget(first);
        assert_eq!(log.get(second), b"two\0\0\0\0\0parts");
    }

    #[test]
    fn a_log_does_not_grow_while_calls_come_and_go() {
        let mut log = SentLog::default();
        let stays = log.keep(&[b"a long one that stays"]);
        let mut kept = std::collections::VecDeque::new();
        let mut stays = stays;
        for number in 0..100_000_u32 {
            kept.push_back((number, log.keep(&[&number.to_le_bytes()])));
            if kept.len() > 64 {
                let (_, gone) = kept.pop_front().unwrap();
                log.forget(gone);
            }
            if log.is_untidy() {
                let places = kept.iter_mut().map(|(_, kept)| kept);
                log.tidy(places.chain(std::iter::once(&mut stays)));
            }
        }
        assert!(
            log.bytes.capacity() < 4 * TIDY_ABOVE_BYTES,
            "{}",
            log.bytes.capacity()
        );
        assert_eq!(log.get(stays), b"a long one that stays");
        for (number, kept) in kept {
            assert_eq!(log.get(kept), number.to_le_bytes());
        }
    }

    #[test]
    fn an_empty_log_gives_its_memory_back() {
        let mut log = SentLog::default();
        let part = vec![0; 1 << 15];
        let kept: Vec<Kept> = (0..32).map(|_| log.keep(&[&part])).collect();
        for kept in kept {
            log.forget(kept);
        }
        assert_eq!(log.bytes.capacity(), 0);
    }

    #[test]
    fn large_payloads_have_memory_of_their_own() {
        let mut log = SentLog::default();
        let (one, two) = (vec![1; 100_000], vec![2; 200_000]);
        let mut small = log.keep(&[b"small"]);
        let mut kept = [
            log.keep_large(&[&one]),
            log.keep_large(&[b"12345678", &two]),
        ];
        log.tidy(kept.iter_mut().chain(std::iter::once(&mut small)));
        assert_eq!(log.get(kept[0]), one);
        assert_eq!(&log.get(kept[1])[8..], two);
        assert_eq!(log.get(small), b"small");
        log.forget(kept[0]);
        let again = log.keep_large(&[&two]);
        assert_eq!(again.at, kept[0].at, "a free place is used again");
        assert_eq!(log.get(again), two);
        assert!(log.bytes.capacity() < 1000);
    }
}
