//! The threadsafe function that wakes the event loop: one call for everything that waits.

use napi::bindgen_prelude::{Error, Function, JsValue, Result};
use napi::{Env, Status, sys};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// A handle to the threadsafe function, until the environment ends.
pub struct Wake {
    function: Mutex<Option<Handle>>,
}

struct Handle(sys::napi_threadsafe_function);

// SAFETY: Node-API documents threadsafe functions as callable from any thread.
unsafe impl Send for Handle {}

/// Runs on the environment's thread.
unsafe extern "C" fn call(
    env: sys::napi_env,
    callback: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Both are null while the environment is being torn down.
    if env.is_null() || callback.is_null() {
        return;
    }
    let mut this = ptr::null_mut();
    // SAFETY: `env` is valid on its own thread, which this is.
    if unsafe { sys::napi_get_undefined(env, &raw mut this) } != sys::Status::napi_ok {
        return;
    }
    // SAFETY: `callback` is the function given at creation. An exception stays pending, and Node reports it as uncaught.
    unsafe { sys::napi_call_function(env, this, callback, 0, ptr::null(), ptr::null_mut()) };
}

impl Wake {
    /// Makes the function; it does not keep the event loop alive.
    pub fn new(env: Env, callback: &Function<'_, (), ()>) -> Result<std::sync::Arc<Self>> {
        const NAME: &str = "plump-ipc";
        let mut name = ptr::null_mut();
        // SAFETY: the text is valid for the length given.
        let status = unsafe {
            sys::napi_create_string_utf8(
                env.raw(),
                NAME.as_ptr().cast::<c_char>(),
                NAME.len().cast_signed(),
                &raw mut name,
            )
        };
        check(status)?;
        let mut function = ptr::null_mut();
        // SAFETY: `env` and the values are of this thread; the callback is kept alive by the function made here.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env.raw(),
                callback.raw(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(call),
                &raw mut function,
            )
        };
        check(status)?;
        // SAFETY: made above, on this thread.
        check(unsafe { sys::napi_unref_threadsafe_function(env.raw(), function) })?;
        Ok(std::sync::Arc::new(Self {
            function: Mutex::new(Some(Handle(function))),
        }))
    }

    /// Wakes the event loop. Called from any thread.
    pub fn ring(&self) {
        // The lock is what keeps this call out of an environment that is being torn down.
        let function = self.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Handle(function)) = *function {
            // SAFETY: the function lives until `silence`, which waits for this lock.
            unsafe {
                sys::napi_call_threadsafe_function(
                    function,
                    ptr::null_mut(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                )
            };
        }
    }

    /// Keeps the event loop alive, or no longer. Called from the environment's thread.
    pub fn hold(&self, env: Env, alive: bool) {
        let function = self.function.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Handle(function)) = *function {
            if alive {
                // SAFETY: on the environment's thread, with a function that lives.
                unsafe { sys::napi_ref_threadsafe_function(env.raw(), function) };
            } else {
                // SAFETY: on the environment's thread, with a function that lives.
                unsafe { sys::napi_unref_threadsafe_function(env.raw(), function) };
            }
        }
    }

    /// The environment ends: nobody calls any more. The function itself goes with the environment.
    pub fn silence(&self) {
        self.function
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::new(
            Status::from(status),
            "the event loop can't be woken",
        ))
    }
}
