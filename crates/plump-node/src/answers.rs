//! Answers that JavaScript has written down, in memory that it shares with the I/O thread: JavaScript sends them together, and
//! the I/O thread sends those that JavaScript has shown when the next handler keeps it from doing so.
//!
//! The first word says which records are shown: the first of them in its upper half, how many there are by then in the lower.
//! 0: none. JavaScript shows records by setting it, and takes them back, before it sends them, by setting it to 0; the I/O
//! thread takes them by the same step. Whoever finds the word as it was set has the records, the other has not.

use crate::hot::{joined, with_main};
use napi::bindgen_prelude::{Uint8Array, Uint32Array};
use plump_core::errors::ErrorKind;
use plump_core::link::{AnswerKind, Answering, HeldAnswers, Ran};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the records begin; `ANSWER` in `src/native.ts`.
const RECORDS: usize = 8;
/// The words of one answer; `ANSWER` in `src/native.ts`.
const WORDS: usize = 8;
const LOW: usize = 0;
const HIGH: usize = 1;
const KIND: usize = 2;
const RUN_US: usize = 3;
const OFFSET: usize = 4;
const LENGTH: usize = 5;
const PLACE: usize = 6;
const BEGAN_US: usize = 7;

/// Memory of JavaScript's: the words as in `ANSWER`, and the bytes with the payloads.
pub struct View {
    words: NonNull<AtomicU32>,
    count: usize,
    bytes: NonNull<u8>,
    length: usize,
}

// SAFETY: the words are used as atomics; the bytes of a record are not written to as long as it is shown, and by who has it.
unsafe impl Send for View {}

impl View {
    /// The memory of these arrays.
    ///
    /// # Safety
    /// The arrays must be kept for as long as it is used.
    pub unsafe fn new(words: &mut Uint32Array, bytes: &mut Uint8Array) -> Self {
        // SAFETY: only the address is taken; JavaScript waits for this call.
        let words = unsafe { words.as_mut() };
        // SAFETY: the same.
        let bytes = unsafe { bytes.as_mut() };
        Self {
            count: words.len(),
            words: NonNull::from(words).cast(),
            length: bytes.len(),
            bytes: NonNull::from(bytes).cast(),
        }
    }

    fn atomic(&self, at: usize) -> &AtomicU32 {
        assert!(at < self.count);
        // SAFETY: inside of the memory.
        let word = unsafe { self.words.add(at) };
        // SAFETY: the memory lives as long as `self` is used.
        unsafe { word.as_ref() }
    }

    fn payload(&self, offset: u32, length: u32) -> &[u8] {
        let start = (offset as usize).min(self.length);
        let length = (length as usize).min(self.length - start);
        // SAFETY: inside of the memory.
        let start = unsafe { self.bytes.add(start) };
        // SAFETY: the memory lives as long as `self` is used; nobody writes to what a shown record names.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// Gives the records of that range. With segments there is only one, whose last bytes they are.
    pub fn give_range(
        &self,
        records: Range<usize>,
        segments: &[&[u8]],
        answering: &mut Answering<'_>,
    ) {
        for record in records {
            let at = RECORDS + record * WORDS;
            if at + WORDS > self.count {
                return;
            }
            let word = |which: usize| self.atomic(at + which).load(Ordering::Relaxed);
            let ran = Ran {
                us: word(RUN_US),
                began_us: word(BEGAN_US),
            };
            let kind = match word(KIND) {
                2 => AnswerKind::Result(ran),
                3 => AnswerKind::Thrown(ran),
                _ => {
                    let kind = u16::try_from(ran.us).ok().and_then(ErrorKind::from_number);
                    AnswerKind::Refused(kind.unwrap_or(ErrorKind::Codec))
                }
            };
            let call = joined(word(LOW), word(HIGH));
            let main = self.payload(word(OFFSET), word(LENGTH));
            if segments.is_empty() {
                answering.answer(call, word(PLACE), kind, &[main]);
            } else {
                answering.answer(call, word(PLACE), kind, &with_main(main, segments));
            }
        }
    }
}

impl HeldAnswers for View {
    fn give(&mut self, answering: &mut Answering<'_>) {
        let shown = self.atomic(0).swap(0, Ordering::AcqRel);
        let records = (shown >> 16) as usize..(shown & 0xffff) as usize;
        self.give_range(records, &[], answering);
    }
}
