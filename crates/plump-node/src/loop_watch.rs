//! Node's event loop watches the descriptor of the bells itself (`uv_poll_t`): who rings for JavaScript wakes its thread and
//! no other. Without it the I/O thread is woken first, and wakes the loop by a threadsafe function: two sleepers for every
//! answer where one would do.
//!
//! For Node on Linux alone. libuv is looked up in the running executable, since nothing else may link to it: Bun has stubs of
//! it that end the process, in Deno a poll handle never fires, and both are told by `src/exchange.ts` to do without.

use napi::sys;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;

/// `uv_handle_type` of a poll handle.
const UV_POLL: c_uint = 8;
/// `uv_poll_event`: readable.
const UV_READABLE: c_int = 1;

type Loop = sys::uv_loop_s;
type Handle = c_void;

/// Declares the functions of libuv that are needed, each with its type, and how they are found.
macro_rules! libuv {
    ($( $field:ident: $name:literal, $type:ty; )*) => {
        /// The functions of libuv that are needed.
        #[derive(Clone, Copy)]
        struct Uv {
            $( $field: $type, )*
        }

        impl Uv {
            /// Finds them; `None` where one is missing.
            fn find() -> Option<Self> {
                Some(Self {
                    $( $field: {
                        // SAFETY: a terminated name, looked up among what the process has loaded.
                        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, $name.as_ptr()) };
                        if found.is_null() {
                            return None;
                        }
                        // SAFETY: libuv declares the function of this name with this type, in every version since 1.19.
                        unsafe { std::mem::transmute::<*mut c_void, $type>(found) }
                    }, )*
                })
            }
        }
    };
}

libuv! {
    handle_size: c"uv_handle_size", unsafe extern "C" fn(c_uint) -> usize;
    set_data: c"uv_handle_set_data", unsafe extern "C" fn(*mut Handle, *mut c_void) -> *mut c_void;
    get_data: c"uv_handle_get_data", unsafe extern "C" fn(*const Handle) -> *mut c_void;
    poll_init: c"uv_poll_init", unsafe extern "C" fn(*mut Loop, *mut Handle, c_int) -> c_int;
    poll_start: c"uv_poll_start", unsafe extern "C" fn(*mut Handle, c_int, OnPoll) -> c_int;
    poll_stop: c"uv_poll_stop", unsafe extern "C" fn(*mut Handle) -> c_int;
    unref: c"uv_unref", unsafe extern "C" fn(*mut Handle);
    close: c"uv_close", unsafe extern "C" fn(*mut Handle, OnClose);
}

type OnPoll = unsafe extern "C" fn(*mut Handle, c_int, c_int);
type OnClose = unsafe extern "C" fn(*mut Handle);

/// What the poll handle's data points to.
struct Watched {
    uv: Uv,
    env: sys::napi_env,
    wake: sys::napi_ref,
    context: sys::napi_async_context,
    /// Freed when the handle has been closed.
    handle: Vec<u64>,
    cleanup: sys::napi_async_cleanup_hook_handle,
    rang: fn(),
}

/// Makes the event loop of `env` watch `descriptor`: on each ring it calls `rang`, then the JavaScript function `wake`. `false`
/// where that can't be; nothing has changed then. The watching does not keep the loop alive, and ends with the environment.
pub fn watch(env: sys::napi_env, descriptor: i32, wake: sys::napi_value, rang: fn()) -> bool {
    let Some(uv) = Uv::find() else { return false };
    let mut event_loop = ptr::null_mut();
    // SAFETY: `env` is valid on its own thread, which this is.
    if unsafe { sys::napi_get_uv_event_loop(env, &raw mut event_loop) } != sys::Status::napi_ok
        || event_loop.is_null()
    {
        return false;
    }
    let Some((wake, context)) = keep(env, wake) else {
        return false;
    };
    // SAFETY: no pointers.
    let bytes = unsafe { (uv.handle_size)(UV_POLL) };
    let mut watched = Box::new(Watched {
        uv,
        env,
        wake,
        context,
        handle: vec![0; bytes.div_ceil(size_of::<u64>()).max(1)],
        cleanup: ptr::null_mut(),
        rang,
    });
    let handle = watched.handle.as_mut_ptr().cast::<Handle>();
    // SAFETY: the handle has the size that libuv names, aligned as its pointers are, and lives until it was closed.
    if unsafe { (uv.poll_init)(event_loop, handle, descriptor) } != 0 {
        forget(&watched);
        return false;
    }
    let watched = Box::into_raw(watched);
    // SAFETY: an initialised handle.
    unsafe { (uv.set_data)(handle, watched.cast()) };
    // SAFETY: an initialised handle; the callback has libuv's type.
    let started = unsafe { (uv.poll_start)(handle, UV_READABLE, on_poll) };
    // SAFETY: an initialised handle.
    unsafe { (uv.unref)(handle) };
    // SAFETY: `watched` lives until the handle is closed, which only the hook or the lines below begin.
    let hook = unsafe { &raw mut (*watched).cleanup };
    // SAFETY: the hook gets a pointer that lives until it has run; it is told to Node where its own handle goes.
    let hooked =
        unsafe { sys::napi_add_async_cleanup_hook(env, Some(on_cleanup), watched.cast(), hook) };
    if started == 0 && hooked == sys::Status::napi_ok {
        return true;
    }
    // SAFETY: an initialised handle, closed once: the hook that would do it too was refused or is taken back here.
    unsafe { stop(watched) };
    false
}

/// References to the function and an async context to call it in.
fn keep(
    env: sys::napi_env,
    wake: sys::napi_value,
) -> Option<(sys::napi_ref, sys::napi_async_context)> {
    const NAME: &str = "plump-ipc";
    let mut name = ptr::null_mut();
    // SAFETY: the text is valid for the length given.
    let named = unsafe {
        sys::napi_create_string_utf8(
            env,
            NAME.as_ptr().cast::<c_char>(),
            NAME.len().cast_signed(),
            &raw mut name,
        )
    };
    if named != sys::Status::napi_ok {
        return None;
    }
    let mut context = ptr::null_mut();
    // SAFETY: values of this call; without a resource Node makes one.
    if unsafe { sys::napi_async_init(env, ptr::null_mut(), name, &raw mut context) }
        != sys::Status::napi_ok
    {
        return None;
    }
    let mut reference = ptr::null_mut();
    // SAFETY: a function of this call, kept alive by the reference.
    if unsafe { sys::napi_create_reference(env, wake, 1, &raw mut reference) }
        != sys::Status::napi_ok
    {
        // SAFETY: made above.
        unsafe { sys::napi_async_destroy(env, context) };
        return None;
    }
    Some((reference, context))
}

/// Gives back what `keep` made.
fn forget(watched: &Watched) {
    // SAFETY: made by `keep` in this environment, given back once.
    unsafe { sys::napi_delete_reference(watched.env, watched.wake) };
    // SAFETY: the same.
    unsafe { sys::napi_async_destroy(watched.env, watched.context) };
}

unsafe extern "C" fn on_poll(handle: *mut Handle, _status: c_int, _events: c_int) {
    // SAFETY: the first word of every handle; a started handle has the data that `watch` set.
    let Some(uv) = Uv::of(handle) else { return };
    // SAFETY: a started handle.
    let watched = unsafe { (uv.get_data)(handle) }.cast::<Watched>();
    // SAFETY: `watch` set it, and it lives until the handle is closed.
    let watched = unsafe { &*watched };
    (watched.rang)();
    call(watched);
}

impl Uv {
    /// The functions that a handle of `watch` was made with.
    fn of(handle: *mut Handle) -> Option<Self> {
        if handle.is_null() {
            return None;
        }
        // SAFETY: `void* data` is the first field of every libuv handle, by its documented ABI, and `watch` has set it.
        let watched = unsafe { *handle.cast::<*const Watched>() };
        // SAFETY: it lives until the handle is closed.
        unsafe { watched.as_ref() }.map(|watched| watched.uv)
    }
}

/// Calls the JavaScript function as the event loop calls a listener: ticks and microtasks follow.
fn call(watched: &Watched) {
    let env = watched.env;
    let mut scope = ptr::null_mut();
    // SAFETY: on the environment's thread, out of its loop.
    if unsafe { sys::napi_open_handle_scope(env, &raw mut scope) } != sys::Status::napi_ok {
        return;
    }
    let (mut this, mut function) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: inside the scope.
    unsafe { sys::napi_get_global(env, &raw mut this) };
    // SAFETY: the reference lives until the handle is closed.
    unsafe { sys::napi_get_reference_value(env, watched.wake, &raw mut function) };
    // SAFETY: values of this scope, a context of this environment.
    let status = unsafe {
        sys::napi_make_callback(
            env,
            watched.context,
            this,
            function,
            0,
            ptr::null(),
            ptr::null_mut(),
        )
    };
    if status == sys::Status::napi_pending_exception {
        let mut error = ptr::null_mut();
        // SAFETY: inside the scope.
        unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut error) };
        // SAFETY: a value of this scope; Node reports it as uncaught.
        unsafe { sys::napi_fatal_exception(env, error) };
    }
    // SAFETY: opened above.
    unsafe { sys::napi_close_handle_scope(env, scope) };
}

/// The environment ends; Node runs the loop until the handle is closed.
unsafe extern "C" fn on_cleanup(_hook: sys::napi_async_cleanup_hook_handle, watched: *mut c_void) {
    // SAFETY: the pointer that `watch` gave; hooks run once.
    unsafe { stop(watched.cast()) };
}

/// # Safety
/// Once, with what `watch` made, on the environment's thread.
unsafe fn stop(watched: *mut Watched) {
    // SAFETY: by the contract of this function.
    let watched = unsafe { &mut *watched };
    let handle = watched.handle.as_mut_ptr().cast::<Handle>();
    // SAFETY: an initialised handle.
    unsafe { (watched.uv.poll_stop)(handle) };
    // SAFETY: an initialised handle, closed once.
    unsafe { (watched.uv.close)(handle, on_close) };
}

unsafe extern "C" fn on_close(handle: *mut Handle) {
    let Some(uv) = Uv::of(handle) else { return };
    // SAFETY: libuv gives a handle of its own.
    let watched = unsafe { (uv.get_data)(handle) }.cast::<Watched>();
    // SAFETY: the handle is closed: libuv does not use it any more, and nobody else knows the box.
    let watched = unsafe { Box::from_raw(watched) };
    forget(&watched);
    if !watched.cleanup.is_null() {
        // SAFETY: the hook's own handle, given back once: Node waits for it.
        unsafe { sys::napi_remove_async_cleanup_hook(watched.cleanup) };
    }
}
