//! An `ArrayBuffer` that was made before its bytes come.
//!
//! An engine that is given an `ArrayBuffer` over much memory of ours begins to collect garbage at once, while the call that
//! it is for waits: 2 to 5 ms for 64 MiB, more than all the rest of such a call. So one more is made when JavaScript has
//! nothing else to do, over addresses that have nothing behind them, and the next payload of the same form moves there.

use crate::hot::external;
use crate::session;
use napi::bindgen_prelude::Result;
use napi::{Env, sys};
use plump_core::inbox::LargeBody;
use plump_core::memory::{LentForm, LentRoom};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

/// What an `ArrayBuffer` keeps.
enum Owner {
    /// Addresses for what comes.
    Room(LentRoom),
    /// What has come.
    Body {
        #[expect(dead_code, reason = "it is kept until it is dropped")]
        body: LargeBody,
    },
    /// Nothing: it could not be moved there. Nobody is shown such an `ArrayBuffer`.
    Nothing,
}

/// An `ArrayBuffer` that nobody has seen yet.
struct Spare {
    form: LentForm,
    reference: sys::napi_ref,
    owner: Arc<Mutex<Owner>>,
}

/// The spare one of an environment.
#[derive(Default)]
pub struct Spares {
    /// Of the payload that came last.
    last: Option<LentForm>,
    wanted: Option<LentForm>,
    spare: Option<Spare>,
}

impl Spares {
    /// A payload of that form has come: the spare, if it is one for it. From the second one of a form on there is to be a
    /// spare for the next.
    fn claim(&mut self, form: LentForm) -> Option<Spare> {
        if self.last.replace(form) == Some(form) {
            self.wanted = Some(form);
        }
        self.spare.take_if(|spare| spare.form == form)
    }

    /// What is to be made, now that there is time.
    fn take_wanted(&mut self) -> Option<LentForm> {
        let form = self.wanted.take()?;
        match &self.spare {
            Some(spare) if spare.form == form => None,
            _ => Some(form),
        }
    }
}

/// The spare `ArrayBuffer`, with the body in it; the body comes back where there is none for it.
pub fn show(env: Env, mut body: LargeBody) -> std::result::Result<sys::napi_value, LargeBody> {
    let LargeBody::Block(block) = &mut body else {
        return Err(body);
    };
    let Some(form) = block.form() else {
        return Err(body);
    };
    let Some(spare) = session::with(|session| session.spares.claim(form)).flatten() else {
        return Err(body);
    };
    let mut made = ptr::null_mut();
    // SAFETY: `make` made the reference in this environment, and it is deleted below.
    let status =
        unsafe { sys::napi_get_reference_value(env.raw(), spare.reference, &raw mut made) };
    let is_there = status == sys::Status::napi_ok && !made.is_null();
    let mut owner = spare.owner.lock().unwrap_or_else(PoisonError::into_inner);
    let moved = match std::mem::replace(&mut *owner, Owner::Nothing) {
        Owner::Room(room) => is_there && block.move_to(room),
        Owner::Body { .. } | Owner::Nothing => false,
    };
    forget(env, spare.reference);
    if !moved {
        return Err(body);
    }
    *owner = Owner::Body { body };
    Ok(made)
}

/// Makes a spare `ArrayBuffer` where one is wanted; where it can't be had there is none.
pub fn make(env: Env) -> Result<sys::napi_value> {
    if let Some(form) = session::require(|session| session.spares.take_wanted())? {
        make_for(env, form);
    }
    Ok(ptr::null_mut())
}

fn make_for(env: Env, form: LentForm) {
    let Ok(room) = LentRoom::new(form) else {
        return;
    };
    let (data, length) = (room.as_ptr(), room.len());
    let owner = Arc::new(Mutex::new(Owner::Room(room)));
    let kept = Box::new(Arc::clone(&owner));
    // SAFETY: the addresses live as long as the owner; JavaScript is not shown them until there is a payload behind them.
    let Ok(made) = (unsafe { external(env, data, length, kept) }) else {
        return;
    };
    let mut reference = ptr::null_mut();
    // SAFETY: a value that was just made in this environment.
    let status = unsafe { sys::napi_create_reference(env.raw(), made, 1, &raw mut reference) };
    if status != sys::Status::napi_ok {
        return;
    }
    let spare = Spare {
        form,
        reference,
        owner,
    };
    let before = session::with(|session| session.spares.spare.replace(spare)).flatten();
    if let Some(before) = before {
        forget(env, before.reference);
    }
}

fn forget(env: Env, reference: sys::napi_ref) {
    // SAFETY: `make` made it in this environment, and whoever took its spare deletes it, once.
    unsafe { sys::napi_delete_reference(env.raw(), reference) };
}
