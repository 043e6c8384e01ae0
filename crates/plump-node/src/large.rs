//! Large payloads as `ArrayBuffer`s: over the memory in which they came, over warm memory to which they are copied, or over
//! the engine's own.

use crate::session;
use crate::spare;
use napi::bindgen_prelude::{Error, Result};
use napi::{Env, Status, sys};
use plump_core::inbox::LargeBody;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether the runtime allows no `ArrayBuffer` over memory that it did not make.
static REFUSES_EXTERNAL: AtomicBool = AtomicBool::new(false);

/// Bytes of payloads that came over a channel and that `ArrayBuffer`s keep.
static SHOWN_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Above this they are copied to memory of the engine, which it frees by itself: of memory of ours it says in a turn of the
/// event loop that it can be freed, and a program that blocks for one call after the other has none.
const MOST_SHOWN_BYTES: usize = 64 << 20;

/// A body that an `ArrayBuffer` keeps.
struct Shown(LargeBody);

impl Shown {
    fn new(body: LargeBody) -> Self {
        SHOWN_BYTES.fetch_add(Self::counted(&body), Ordering::Relaxed);
        Self(body)
    }

    /// Blocks and copies have limits of their own.
    fn counted(body: &LargeBody) -> usize {
        match body {
            LargeBody::Bytes(bytes) => bytes.len(),
            LargeBody::Block(_) | LargeBody::Copy(_) => 0,
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        SHOWN_BYTES.fetch_sub(Self::counted(&self.0), Ordering::Relaxed);
    }
}

/// What owns memory lets go of it. The garbage collector calls: it must take no lock that is held while the engine is called,
/// nor wait for one.
unsafe extern "C" fn free<T>(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `external` made the hint from a box of exactly this type, and a finalizer runs once.
    drop(unsafe { Box::from_raw(hint.cast::<T>()) });
}

/// An `ArrayBuffer` over memory of ours, which `owner` keeps until it is collected; the owner comes back where the runtime
/// allows none over memory that it did not make.
///
/// # Safety
/// `data` is `length` bytes that live as long as `owner`, and that nobody writes whom JavaScript must not trust.
pub unsafe fn external<T>(
    env: Env,
    data: *mut u8,
    length: usize,
    owner: Box<T>,
) -> std::result::Result<sys::napi_value, Box<T>> {
    let hint = Box::into_raw(owner);
    let mut made = ptr::null_mut();
    // SAFETY: as the caller says; the finalizer gets the box back.
    let status = unsafe {
        sys::napi_create_external_arraybuffer(
            env.raw(),
            data.cast::<c_void>(),
            length,
            Some(free::<T>),
            hint.cast::<c_void>(),
            &raw mut made,
        )
    };
    if status == sys::Status::napi_ok {
        return Ok(made);
    }
    // Other refusals are those of an environment that is about to end.
    if status == sys::Status::napi_no_external_buffers_allowed {
        REFUSES_EXTERNAL.store(true, Ordering::Relaxed);
    }
    // SAFETY: the runtime refused, so it never calls the finalizer, and the box is still ours.
    Err(unsafe { Box::from_raw(hint) })
}

/// The engine's function that moves an `ArrayBuffer`, as it was when the environment was opened; none before Node 21, and none
/// where an `ArrayBuffer` must not be moved to another thread: what Node-API frees with the environment of a
/// `worker_thread` may be in use in others then. With that of the main thread the process ends.
pub fn transfer_function(env: Env) -> Option<sys::napi_ref> {
    if !plump_core::platform::is_main_thread() {
        return None;
    }
    let mut value = ptr::null_mut();
    // SAFETY: a valid environment.
    unsafe { sys::napi_get_global(env.raw(), &raw mut value) };
    for name in [c"ArrayBuffer", c"prototype", c"transfer"] {
        let from = value;
        // SAFETY: a value of this environment, and a terminated text.
        let status =
            unsafe { sys::napi_get_named_property(env.raw(), from, name.as_ptr(), &raw mut value) };
        if status != sys::Status::napi_ok {
            return None;
        }
    }
    let mut kind = 0;
    // SAFETY: a value of this environment.
    unsafe { sys::napi_typeof(env.raw(), value, &raw mut kind) };
    let mut reference = ptr::null_mut();
    // SAFETY: as above.
    let status = unsafe { sys::napi_create_reference(env.raw(), value, 1, &raw mut reference) };
    (kind == sys::ValueType::napi_function && status == sys::Status::napi_ok).then_some(reference)
}

/// The same bytes in an `ArrayBuffer` that can be moved to another thread, where one can be had: Node marks those that
/// Node-API makes as ones that can't.
pub fn movable(env: Env, made: sys::napi_value) -> sys::napi_value {
    let Some(reference) = session::with(|session| session.transfer).flatten() else {
        return made;
    };
    let (mut function, mut moved) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the reference was made in this environment.
    unsafe { sys::napi_get_reference_value(env.raw(), reference, &raw mut function) };
    // SAFETY: values of this environment; the engine's own function, which runs no code of the program.
    let status = unsafe {
        sys::napi_call_function(env.raw(), made, function, 0, ptr::null(), &raw mut moved)
    };
    if status == sys::Status::napi_ok {
        return moved;
    }
    // It has moved nothing then.
    let mut error = ptr::null_mut();
    // SAFETY: a valid environment.
    unsafe { sys::napi_get_and_clear_last_exception(env.raw(), &raw mut error) };
    made
}

fn token_of(env: Env, arguments: &[sys::napi_value]) -> Result<u32> {
    let mut token = 0;
    let argument = arguments.first().copied().unwrap_or(ptr::null_mut());
    // SAFETY: a value of this call; anything but a number is refused by its status.
    if unsafe { sys::napi_get_value_uint32(env.raw(), argument, &raw mut token) }
        == sys::Status::napi_ok
    {
        Ok(token)
    } else {
        Err(Error::new(
            Status::NumberExpected,
            "a token must be a number",
        ))
    }
}

/// Gives the bytes of a large entry as an `ArrayBuffer` of their own, without a copy or over a copy in warm memory, or
/// `undefined` where they must be copied to memory of the engine: `copy` follows then.
pub fn take(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let token = token_of(env, arguments)?;
    if REFUSES_EXTERNAL.load(Ordering::Relaxed) {
        return Ok(ptr::null_mut());
    }
    let shows_bytes = SHOWN_BYTES.load(Ordering::Relaxed) < MOST_SHOWN_BYTES;
    match session::require(|session| session.core.take_large(token, shows_bytes))? {
        Some(body) => show(env, body),
        None => Ok(ptr::null_mut()),
    }
}

/// An `ArrayBuffer` over a body, where the runtime allows memory that it did not make; over a copy otherwise.
fn show(env: Env, body: LargeBody) -> Result<sys::napi_value> {
    let body = match spare::show(env, body) {
        Ok(made) => return Ok(made),
        Err(body) => body,
    };
    let mut body = Box::new(Shown::new(body));
    let length = body.0.len();
    let data = match &mut body.0 {
        LargeBody::Bytes(bytes) => bytes.as_mut_ptr(),
        LargeBody::Block(block) => block.as_ptr(),
        LargeBody::Copy(copy) => copy.as_ptr(),
    };
    // SAFETY: the body keeps its memory. Nobody else in this process knows it; who can write to it from another process is
    // trusted, or `take` would not have given it.
    let body = match unsafe { external(env, data, length, body) } {
        Ok(made) => return Ok(movable(env, made)),
        Err(body) => body,
    };
    let (mut copy, mut made) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: makes an ArrayBuffer of that length, or says that it can't.
    let status =
        unsafe { sys::napi_create_arraybuffer(env.raw(), length, &raw mut copy, &raw mut made) };
    if status != sys::Status::napi_ok {
        return Err(Error::new(
            Status::from(status),
            "no memory for a large payload",
        ));
    }
    // SAFETY: the new ArrayBuffer has that length, and nobody else has seen it yet.
    let copy = unsafe { std::slice::from_raw_parts_mut(copy.cast::<MaybeUninit<u8>>(), length) };
    copy_body(&body.0, copy)?;
    Ok(made)
}

fn copy_body(body: &LargeBody, into: &mut [MaybeUninit<u8>]) -> Result<()> {
    if body.copy_to(into) {
        Ok(())
    } else {
        Err(Error::new(
            Status::InvalidArg,
            "a large payload has another length",
        ))
    }
}

/// Copies the bytes of a large entry into the `ArrayBuffer` that JavaScript has made for them; without one it forgets
/// them. JavaScript makes it, because there a lack of memory can be caught: Node-API ends the process.
pub fn copy(env: Env, arguments: &[sys::napi_value]) -> Result<sys::napi_value> {
    let token = token_of(env, arguments)?;
    let body = session::require(|session| session.core.take_large_to_copy(token))?
        .ok_or_else(|| Error::new(Status::InvalidArg, "no such token"))?;
    let buffer = arguments.get(1).copied().unwrap_or(ptr::null_mut());
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // SAFETY: a value of this call; anything but an ArrayBuffer is refused by its status.
    let status = unsafe {
        sys::napi_get_arraybuffer_info(env.raw(), buffer, &raw mut data, &raw mut length)
    };
    if status != sys::Status::napi_ok || data.is_null() {
        return Ok(ptr::null_mut());
    }
    // SAFETY: the ArrayBuffer has that length and was made for this; JavaScript is inside this call, so nobody else uses
    // its bytes now.
    let into = unsafe { std::slice::from_raw_parts_mut(data.cast::<MaybeUninit<u8>>(), length) };
    copy_body(&body, into)?;
    Ok(ptr::null_mut())
}
