//! What this extension keeps for one JavaScript environment: its memory shared with JavaScript and its part of the core.
//! An environment lives on one thread, and a thread has one environment, so it is found by the thread.

use crate::answers::View;
use crate::large;
use crate::spare::Spares;
use crate::wake::Wake;
use napi::bindgen_prelude::{Error, Result, Uint8Array, Uint32Array};
use napi::{Env, Status, sys};
use napi_derive::napi;
use plump_core::call_states::CallTable;
use plump_core::environment::Environment;
use plump_core::failure::Failure;
use plump_core::platform::Allowance;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Arc;

/// An environment's things.
pub struct Session {
    /// Its part of the core.
    pub core: Environment,
    /// `words`.
    pub words: Uint32Array,
    /// `incoming`.
    pub incoming: Uint8Array,
    /// `outgoing`.
    pub outgoing: Uint8Array,
    /// The states of a worker's calls.
    pub states: Option<Uint32Array>,
    /// A worker's answers: their words and the bytes with their payloads.
    pub answers: Option<(Uint32Array, Uint8Array)>,
    /// How its event loop is woken and kept alive.
    pub wake: Arc<Wake>,
    /// The `ArrayBuffer`s for payloads to come.
    pub spares: Spares,
    /// What makes `ArrayBuffer`s over memory of ours such that can be moved to another thread.
    pub transfer: Option<sys::napi_ref>,
}

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// Works with this thread's session.
pub fn with<R>(work: impl FnOnce(&mut Session) -> R) -> Option<R> {
    // A second borrow means that JavaScript ran inside one of our functions, which none of them lets happen.
    SESSION.with(|session| session.try_borrow_mut().ok()?.as_mut().map(work))
}

/// The same, as a JavaScript error where there is none.
pub fn require<R>(work: impl FnOnce(&mut Session) -> R) -> Result<R> {
    with(work).ok_or_else(|| Error::new(Status::GenericFailure, "the environment is not open"))
}

/// A failure of the core as a JavaScript error, `code: message`.
pub fn thrown(failure: &Failure) -> Error {
    let code = plump_core::errors::ErrorKind::from_number(failure.kind)
        .map_or("ERR_PLUMP", |kind| kind.code());
    Error::new(
        Status::GenericFailure,
        format!("{code}: {}", failure.message),
    )
}

/// Opens this environment.
#[napi]
pub fn open(
    env: Env,
    words: Uint32Array,
    incoming: Uint8Array,
    outgoing: Uint8Array,
    wake: napi::bindgen_prelude::Function<'_, (), ()>,
    watches: Option<bool>,
) -> Result<()> {
    let callback = wake;
    let wake = Wake::new(env, &callback)?;
    let rung = Arc::clone(&wake);
    let transfer = large::transfer_function(env);
    // A `worker_thread` may be ended from outside, and none is the main thread.
    let looks_up = !plump_core::platform::is_main_thread();
    let core = Environment::start(Box::new(move || rung.ring()), looks_up).map_err(|error| {
        Error::new(
            Status::GenericFailure,
            format!("ERR_PLUMP_SPAWN_FAILED: {error}"),
        )
    })?;
    SESSION.with(|session| {
        session.replace(Some(Session {
            core,
            words,
            incoming,
            outgoing,
            states: None,
            answers: None,
            wake,
            spares: Spares::default(),
            transfer,
        }))
    });
    // Hooks run in the reverse order of their making: this one before the threadsafe function is torn down.
    env.add_env_cleanup_hook((), |()| close())?;
    if watches == Some(true) {
        watch_bells(env, &callback)?;
    }
    Ok(())
}

/// Lets the event loop watch the bells itself, where it can; where it can't, the threadsafe function wakes it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn watch_bells(env: Env, callback: &napi::bindgen_prelude::Function<'_, (), ()>) -> Result<()> {
    use napi::bindgen_prelude::JsValue;
    let rang = || {
        with(|session| session.core.clear_bells());
    };
    let Some(descriptor) = require(|session| session.core.bells_descriptor())? else {
        return Ok(());
    };
    if crate::loop_watch::watch(env.raw(), descriptor, callback.raw(), rang) {
        require(|session| session.core.loop_hears_bells(true))?;
    }
    Ok(())
}

/// There are no such bells here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::unnecessary_wraps, reason = "on Linux it can fail")]
fn watch_bells(_env: Env, _callback: &napi::bindgen_prelude::Function<'_, (), ()>) -> Result<()> {
    Ok(())
}

/// The end of the environment: no callback comes any more, its workers end, its I/O thread is joined.
fn close() {
    if let Some(session) = SESSION.with(RefCell::take) {
        session.wake.silence();
        // The arrays belong to an environment that is going away: their memory goes with it, a reference to it can't be
        // given back any more.
        let Session {
            core,
            words,
            incoming,
            outgoing,
            states,
            answers,
            wake: _,
            // What they refer to goes with the environment.
            spares: _,
            transfer: _,
        } = session;
        drop(core);
        std::mem::forget((words, incoming, outgoing, states, answers));
    }
}

/// The outgoing buffer was replaced.
#[napi]
pub fn attach_outgoing(outgoing: Uint8Array) -> Result<()> {
    require(|session| session.outgoing = outgoing)
}

/// Where the states of this worker's calls are from now on; once, before `linkReady`. JavaScript must use them as atomics.
#[napi]
pub fn attach_states(mut states: Uint32Array) -> Result<()> {
    // SAFETY: only the address is taken; nobody else uses the array during this call.
    let words = unsafe { states.as_mut() };
    let count = words.len();
    let start = NonNull::from(words).cast::<u32>();
    require(|session| {
        if session.states.is_some() {
            return Err(Error::new(Status::GenericFailure, "attached before"));
        }
        // SAFETY: the memory of a typed array does not move; the session keeps the array until after the core has ended.
        let table = unsafe { CallTable::new(start, count) };
        session.states = Some(states);
        session.core.attach_call_table(table);
        Ok(())
    })?
}

/// Where a worker's answers are from now on: `words` as in `ANSWER`, whose first JavaScript must use as an atomic, and `bytes`
/// with their payloads; before `linkReady`, and whenever `bytes` are replaced.
#[napi]
pub fn attach_answers(mut words: Uint32Array, mut bytes: Uint8Array) -> Result<()> {
    require(|session| {
        // SAFETY: the session keeps the arrays until the core has others or has ended.
        let view = unsafe { View::new(&mut words, &mut bytes) };
        session.core.attach_held_answers(Box::new(view));
        session.answers = Some((words, bytes));
    })
}

/// How many workers this process may reasonably have, as JSON.
#[napi]
#[must_use]
pub fn allowance(more_bytes: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "TypeScript has seen to it that it is a number of bytes"
    )]
    let more_bytes = more_bytes as u64;
    Allowance::look(more_bytes).to_json()
}

/// Turns the words of the core on stderr on or off.
#[napi]
pub fn set_debug(on: bool) {
    plump_core::debug::enable(on);
}
