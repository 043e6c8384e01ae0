//! The hot path: raw functions whose arguments and results are words of a table that JavaScript made. A call through
//! napi-rs' conversions costs some 240 ns, one of these 20.

use crate::answers::View;
use crate::large::{self, external};
use crate::session::{self, Session};
use crate::spare;
use napi::bindgen_prelude::{Error, Result, Uint8Array, Unknown};
use napi::{Env, Status, sys};
use plump_core::block::{Allocated, Refused};
use plump_core::environment::{WaitOutcome, Watching};
use plump_core::errors::ErrorKind;
use plump_core::host::CallRequest;
use plump_core::platform::monotonic_ns;
use plump_core::router::CallLimits;
use plump_core::rules::Asked;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::time::Duration;

/// Indexes into `words`; `WORD` in `src/native.ts`.
mod word {
    pub const QUEUE: usize = 0;
    pub const LENGTH: usize = 1;
    pub const WAIT_MS: usize = 2;
    pub const WATCH_US: usize = 3;
    pub const BEGUN: usize = 4;
    pub const ALIVE: usize = 5;
    pub const RECORDS: usize = 6;
    pub const CALL_LOW: usize = 7;
    pub const CALL_HIGH: usize = 8;
    pub const OFFSET: usize = 9;
    pub const PLACE: usize = 10;
    pub const FIRST: usize = 11;
    pub const STATUS: usize = 16;
    pub const COUNT: usize = 17;
    pub const MORE: usize = 18;
    pub const ASLEEP: usize = 19;
    pub const IN_FLIGHT: usize = 20;
    pub const NOW_US: usize = 21;
    pub const BLOCK_KEY: usize = 30;
    pub const TABLE: usize = 64;
    pub const CALLS: usize = TABLE + 1000 * 8;
}

/// Calls or answers that one native call takes at most; `MAX_RECORDS` in `src/native.ts`.
const MAX_RECORDS: usize = 64;

/// The words of one call; `CALL` in `src/native.ts`.
mod call {
    pub const WORDS: usize = 16;
    pub const POOL: usize = 0;
    pub const COMMAND: usize = 1;
    pub const TOKEN: usize = 2;
    pub const OFFSET: usize = 3;
    pub const LENGTH: usize = 4;
    pub const FLAGS: usize = 5;
    pub const TIMEOUT_MS: usize = 6;
    pub const QUEUE_MS: usize = 7;
    pub const RUN_MS: usize = 8;
    pub const GRACE_MS: usize = 9;
    pub const KEY_LOW: usize = 10;
    pub const KEY_HIGH: usize = 11;
    pub const BLOCK: usize = 12;
    pub const STATUS: usize = 13;
    pub const LOW: usize = 14;
    pub const HIGH: usize = 15;
}

/// `CALL_FLAG` in `src/native.ts`.
mod call_flag {
    pub const BLOCKING: u32 = 1;
    pub const LIMITED: u32 = 2;
    pub const KEYED: u32 = 4;
    pub const PRIORITIZED: u32 = 8;
    pub const CAPPED: u32 = 16;
    /// The priority is in the byte from this bit on.
    pub const PRIORITY: u32 = 8;
}

/// `STATUS` in `src/native.ts`.
const STATUS_AGAIN: u32 = 0x1_0000;
const STATUS_TIMEOUT: u32 = 0x1_0001;

/// For `waitMs` and `watchUs`: for ever; at once.
const WORD_MAX: u32 = u32::MAX;

/// The functions and their names.
pub const FUNCTIONS: &[(&str, Hot)] = &[
    ("submit", |_, _| run(|session| submit(session, &[]))),
    ("submitWith", |env, arguments| {
        with_segments(env, arguments, submit)
    }),
    ("wait", |_, _| run(wait)),
    ("drain", |_, _| run(drain)),
    ("answer", |_, _| run(|session| send_answers(session, &[]))),
    ("answerWith", |env, arguments| {
        with_segments(env, arguments, send_answers)
    }),
    ("cancel", |_, _| run(cancel)),
    ("begin", |_, _| run(begin)),
    ("passOver", |_, _| {
        run(|session| {
            let (place, begun) = (session.word(word::PLACE), session.word(word::BEGUN));
            session.core.pass_over(place, begun);
        })
    }),
    ("tellBegun", |_, _| {
        run(|session| session.core.begun(session.word(word::BEGUN)))
    }),
    ("now", |_, _| run(|session| session.set_now(monotonic_ns()))),
    ("hold", |env, _| {
        run(|session| session.wake.hold(env, session.word(word::ALIVE) == 1))
    }),
    ("publish", |_, _| run(|session| publish(session, &[]))),
    ("publishWith", |env, arguments| {
        with_segments(env, arguments, publish)
    }),
    ("take", |_, _| run(take)),
    ("poll", |_, _| run(poll)),
    ("takeLarge", large::take),
    ("copyLarge", large::copy),
    ("makeSpare", |env, _| spare::make(env)),
    ("allocateBlock", allocate_block),
    ("releaseBlock", release_block),
    ("knowsBlock", knows_block),
    ("detach", detach),
];

type Hot = fn(Env, &[sys::napi_value]) -> Result<sys::napi_value>;

/// Makes a JavaScript function of one of the table.
pub fn function(env: Env, name: &str, hot: Hot) -> Result<Unknown<'static>> {
    let mut made = ptr::null_mut();
    // SAFETY: the name is valid for its length, and a function pointer fits into the data pointer.
    let status = unsafe {
        sys::napi_create_function(
            env.raw(),
            name.as_ptr().cast::<c_char>(),
            name.len().cast_signed(),
            Some(trampoline),
            hot as *mut c_void,
            &raw mut made,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(Error::new(
            Status::from(status),
            "a function could not be made",
        ));
    }
    // SAFETY: a value that was just made in this environment, used at once.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), made) })
}

unsafe extern "C" fn trampoline(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); 3];
    let mut count = arguments.len();
    let mut data = ptr::null_mut();
    // SAFETY: `info` is valid during this call; there is room for `count` arguments.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        )
    };
    if status != sys::Status::napi_ok || data.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `function` put a pointer of exactly this type there.
    let hot = unsafe { std::mem::transmute::<*mut c_void, Hot>(data) };
    let outcome = std::panic::catch_unwind(|| hot(Env::from_raw(env), &arguments[..count.min(3)]));
    match outcome {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => throw(env, &error.reason),
        // The host must never crash: a defect of ours becomes an error of that call.
        Err(_) => throw(
            env,
            "plump-ipc has met a defect of its own; please report it",
        ),
    }
}

fn throw(env: sys::napi_env, message: &str) -> sys::napi_value {
    let message = std::ffi::CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: a valid environment and a terminated text.
    unsafe { sys::napi_throw_error(env, ptr::null(), message.as_ptr()) };
    ptr::null_mut()
}

fn run(work: impl FnOnce(&mut Session)) -> Result<sys::napi_value> {
    session::require(work)?;
    Ok(ptr::null_mut())
}

/// Runs `work` with the binary parts that its one argument, an array, holds.
fn with_segments(
    env: Env,
    arguments: &[sys::napi_value],
    work: fn(&mut Session, &[&[u8]]),
) -> Result<sys::napi_value> {
    let array = arguments.first().copied().unwrap_or(ptr::null_mut());
    let mut length = 0;
    // SAFETY: a value of this call; anything but an array is refused by its status.
    if unsafe { sys::napi_get_array_length(env.raw(), array, &raw mut length) }
        != sys::Status::napi_ok
    {
        return Err(Error::new(
            Status::ArrayExpected,
            "segments must be an array",
        ));
    }
    let mut segments: Vec<Uint8Array> = Vec::with_capacity(length as usize);
    for index in 0..length {
        let mut element = ptr::null_mut();
        // SAFETY: the index is below the length.
        if unsafe { sys::napi_get_element(env.raw(), array, index, &raw mut element) }
            != sys::Status::napi_ok
        {
            return Err(Error::new(
                Status::GenericFailure,
                "a segment can't be read",
            ));
        }
        // SAFETY: a value of this call; anything but a Uint8Array is refused.
        segments.push(unsafe {
            napi::bindgen_prelude::FromNapiValue::from_napi_value(env.raw(), element)
        }?);
    }
    let parts: Vec<&[u8]> = segments.iter().map(AsRef::as_ref).collect();
    run(|session| work(session, &parts))
}

impl Session {
    fn word(&self, index: usize) -> u32 {
        self.words[index]
    }

    fn set(&mut self, index: usize, value: u32) {
        // SAFETY: JavaScript is inside this call, so nobody else uses the words now.
        let words = unsafe { self.words.as_mut() };
        words[index] = value;
    }

    fn set_now(&mut self, now_ns: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
        self.set(word::NOW_US, (now_ns / 1000) as u32);
    }

    fn set_status(&mut self, result: std::result::Result<(), ErrorKind>) {
        self.set(word::STATUS, result.err().map_or(0, |kind| kind as u32));
    }

    /// The main bytes of a payload and its segments.
    fn parts<'a>(&'a self, segments: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let (offset, length) = (self.word(word::OFFSET), self.word(word::LENGTH));
        with_main(piece(&self.outgoing, offset, length), segments)
    }

    /// The table and the incoming buffer.
    fn outlets(&mut self) -> (&plump_core::environment::Environment, &mut [u32], &mut [u8]) {
        // SAFETY: JavaScript is inside this call, so nobody else uses the words now.
        let words = unsafe { self.words.as_mut() };
        // SAFETY: the same of the incoming buffer.
        let incoming = unsafe { self.incoming.as_mut() };
        (&self.core, &mut words[word::TABLE..word::CALLS], incoming)
    }
}

/// The limits that a call's record names.
fn limits_of(record: &[u32]) -> CallLimits {
    if record[call::FLAGS] & call_flag::LIMITED == 0 {
        return CallLimits::default();
    }
    CallLimits {
        queue_ms: record[call::QUEUE_MS],
        run_ms: record[call::RUN_MS],
        grace_ms: Some(record[call::GRACE_MS]).filter(|ms| *ms != WORD_MAX),
    }
}

fn priority_of(record: &[u32]) -> Option<i8> {
    let given = record[call::FLAGS] & call_flag::PRIORITIZED != 0;
    given.then(|| (record[call::FLAGS] >> call_flag::PRIORITY).to_le_bytes()[0].cast_signed())
}

fn key_of(record: &[u32]) -> Option<u64> {
    let keyed = record[call::FLAGS] & call_flag::KEYED != 0;
    keyed.then(|| joined(record[call::KEY_LOW], record[call::KEY_HIGH]))
}

/// Gives up the call whose id the words have; status 0, or `STATUS_AGAIN` when its outcome was decided before.
fn cancel(session: &mut Session) {
    let call = call_of(session);
    let given_up = session.core.cancel(call);
    session.set(word::STATUS, if given_up { 0 } else { STATUS_AGAIN });
}

/// A call is about to be run of which the host wants to hear it; status 0, or `STATUS_AGAIN` when it must not be.
fn begin(session: &mut Session) {
    let may = session.core.begin(session.word(word::PLACE));
    session.set(word::STATUS, if may { 0 } else { STATUS_AGAIN });
}

fn call_of(session: &Session) -> u64 {
    joined(session.word(word::CALL_LOW), session.word(word::CALL_HIGH))
}

/// An id of its halves.
pub fn joined(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// How many records JavaScript has written.
fn records(session: &Session) -> usize {
    (session.word(word::RECORDS) as usize).min(MAX_RECORDS)
}

/// The bytes that a record's two words name.
fn piece(outgoing: &[u8], offset: u32, length: u32) -> &[u8] {
    let start = (offset as usize).min(outgoing.len());
    let end = (start + length as usize).min(outgoing.len());
    &outgoing[start..end]
}

/// Makes the calls that JavaScript has written down. With segments there is only one, whose last bytes they are.
fn submit(session: &mut Session, segments: &[&[u8]]) {
    let count = records(session);
    // SAFETY: JavaScript is inside this call, so nobody else uses the words now.
    let words = unsafe { session.words.as_mut() };
    let outgoing: &[u8] = &session.outgoing;
    let records = words[word::CALLS..]
        .chunks_exact_mut(call::WORDS)
        .take(count);
    let asleep = session.core.submit_all(|calls| {
        for record in records {
            let request = CallRequest {
                pool: record[call::POOL],
                command: record[call::COMMAND],
                token: record[call::TOKEN],
                blocking: record[call::FLAGS] & call_flag::BLOCKING != 0,
                asked: Asked {
                    timeout_ms: record[call::TIMEOUT_MS],
                    capped: record[call::FLAGS] & call_flag::CAPPED != 0,
                    limits: limits_of(record),
                    priority: priority_of(record),
                },
                key: key_of(record),
                block: record[call::BLOCK],
            };
            let main = piece(outgoing, record[call::OFFSET], record[call::LENGTH]);
            // The common case makes no list on the heap.
            let outcome = if segments.is_empty() {
                calls.submit(request, &[main])
            } else {
                calls.submit(request, &with_main(main, segments))
            };
            match outcome {
                Ok(id) => {
                    record[call::STATUS] = 0;
                    (record[call::LOW], record[call::HIGH]) = halves(id);
                }
                Err(kind) => record[call::STATUS] = kind as u32,
            }
        }
    });
    session.set(word::ASLEEP, u32::from(asleep));
}

/// A payload whose last bytes are segments.
pub fn with_main<'a>(main: &'a [u8], segments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut parts = Vec::with_capacity(1 + segments.len());
    parts.push(main);
    parts.extend_from_slice(segments);
    parts
}

fn halves(id: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the low half")]
    let low = id as u32;
    (low, (id >> 32) as u32)
}

fn set_wait_outcome(session: &mut Session, outcome: WaitOutcome) {
    let (status, count) = match outcome {
        WaitOutcome::Done => (0, 1),
        WaitOutcome::Again => (STATUS_AGAIN, 0),
        WaitOutcome::Timeout => (STATUS_TIMEOUT, 0),
        WaitOutcome::Gone => (ErrorKind::BusClosed as u32, 0),
    };
    session.set(word::STATUS, status);
    session.set(word::COUNT, count);
}

fn wait(session: &mut Session) {
    let call = call_of(session);
    let (core, table, incoming) = session.outlets();
    let outcome = core.wait(call, table, incoming);
    set_wait_outcome(session, outcome);
}

fn drain(session: &mut Session) {
    let watching = match session.word(word::WATCH_US) {
        0 => Watching::Look,
        WORD_MAX => Watching::Sleep,
        _ => Watching::Watch,
    };
    let begun = session.word(word::BEGUN);
    session.core.begun(begun);
    let (core, table, incoming) = session.outlets();
    let drained = core.drain(table, incoming, watching);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    session.set(word::STATUS, 0);
    session.set(word::COUNT, number(drained.count));
    session.set(word::MORE, u32::from(drained.more));
    session.set(word::ASLEEP, u32::from(drained.asleep));
    session.set(word::IN_FLIGHT, number(drained.in_flight));
    session.set_now(drained.looked_at);
}

/// Sends the answers that JavaScript has written down and the I/O thread has not sent. With segments there is only one, whose
/// last bytes they are.
fn send_answers(session: &mut Session, segments: &[&[u8]]) {
    let records = session.word(word::FIRST) as usize..session.word(word::RECORDS) as usize;
    let Some((words, _)) = &mut session.answers else {
        return;
    };
    // SAFETY: it is used within this call.
    let view = unsafe { View::new(words, &mut session.outgoing) };
    // The lock also waits for the I/O thread, if that has some of them: what they are in may be used again after this.
    session.core.answer_all(|answering| {
        view.give_range(records, segments, answering);
    });
}

fn publish(session: &mut Session, segments: &[&[u8]]) {
    let outcome = session
        .core
        .publish(session.word(word::QUEUE), &session.parts(segments));
    session.set_status(outcome);
}

fn wait_of(session: &Session) -> Option<Duration> {
    match session.word(word::WAIT_MS) {
        WORD_MAX => None,
        ms => Some(Duration::from_millis(u64::from(ms))),
    }
}

fn take(session: &mut Session) {
    let (queue, wait) = (session.word(word::QUEUE), wait_of(session));
    let (core, table, incoming) = session.outlets();
    let outcome = core.take_event(queue, wait, table, incoming);
    set_wait_outcome(session, outcome);
}

fn poll(session: &mut Session) {
    let outcome = session
        .core
        .poll_event(session.word(word::QUEUE), wait_of(session));
    set_wait_outcome(session, outcome);
}

fn number(env: Env, arguments: &[sys::napi_value], at: usize) -> Result<f64> {
    let mut number = 0.0;
    let argument = arguments.get(at).copied().unwrap_or(ptr::null_mut());
    // SAFETY: a value of this call; anything but a number is refused by its status.
    if unsafe { sys::napi_get_value_double(env.raw(), argument, &raw mut number) }
        == sys::Status::napi_ok
    {
        Ok(number)
    } else {
        Err(Error::new(Status::NumberExpected, "a number was expected"))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "JavaScript has checked both numbers; others become such that are refused"
)]
fn pool_and(env: Env, arguments: &[sys::napi_value]) -> Result<(u32, usize)> {
    let (pool, second) = (number(env, arguments, 0)?, number(env, arguments, 1)?);
    Ok((pool as u32, second as usize))
}

/// A block of a pool for its program to fill: its `ArrayBuffer`, its number in the status word, and that of its memory beside
/// it. `undefined`: JavaScript has been shown that memory before; or, without a number of memory, there is the number of an
/// error kind, or 0 where it must be private memory.
fn allocate_block(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let (pool, bytes) = pool_and(env, arguments)?;
    let anew = number(env, arguments, 2)? != 0.0;
    let allocated = session::require(|session| session.core.allocate(pool, bytes, anew))?;
    let say = |status: u32, key: u32| {
        session::require(|session| {
            session.set(word::STATUS, status);
            session.set(word::BLOCK_KEY, key);
        })
    };
    let block = match allocated {
        Ok(Allocated::New(block)) => block,
        Ok(Allocated::Again { id, key }) => {
            say(id, key)?;
            return Ok(ptr::null_mut());
        }
        Err(Refused::Limit) => {
            say(ErrorKind::BlockLimit as u32, 0)?;
            return Ok(ptr::null_mut());
        }
        Err(Refused::Unavailable(_)) => {
            say(0, 0)?;
            return Ok(ptr::null_mut());
        }
    };
    let (id, key) = (block.id, block.key);
    let (data, length) = (block.as_ptr(), block.len());
    // SAFETY: the block keeps its memory, whatever becomes of it meanwhile, and only this process can write it. Dropping it
    // takes no lock: whoever looks for free blocks sees that this one is gone.
    let Ok(made) = (unsafe { external(env, data, length, Box::new(block)) }) else {
        say(0, 0)?;
        return Ok(ptr::null_mut());
    };
    say(id, key)?;
    Ok(made)
}

/// Takes a block back that is not sent.
fn release_block(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let (pool, block) = pool_and(env, arguments)?;
    let block = u32::try_from(block).unwrap_or_default();
    run(|session| session.core.release_block(pool, block))
}

/// Whether a pool still has the memory of that number: 1 or 0 in the status word.
fn knows_block(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let (pool, key) = pool_and(env, arguments)?;
    let key = u32::try_from(key).unwrap_or_default();
    run(|session| {
        let knows = session.core.knows_block(pool, key);
        session.set(word::STATUS, u32::from(knows));
    })
}

/// Detaches an `ArrayBuffer`, where the runtime can: its views are empty then.
fn detach(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let missing = || Error::new(Status::ArrayBufferExpected, "an ArrayBuffer was expected");
    let buffer = *arguments.first().ok_or_else(missing)?;
    // SAFETY: a value of this call; what is no ArrayBuffer, or can't be detached, is refused by the status.
    unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer) };
    Ok(ptr::null_mut())
}
