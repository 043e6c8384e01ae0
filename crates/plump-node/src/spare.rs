//! `ArrayBuffer`s that were made before their bytes come.
//!
//! An engine that is given an `ArrayBuffer` over much memory of ours begins to collect garbage at once, while the call that
//! it is for waits: 2 to 5 ms for 64 MiB, as much as all the rest of such a call. So one more is made when JavaScript has
//! nothing else to do: over the place in shared memory where the next payload may come, or over addresses that have nothing
//! behind them and to which it moves.

use crate::large::{external, movable};
use crate::session;
use napi::bindgen_prelude::Result;
use napi::{Env, sys};
use plump_core::block::Form;
use plump_core::inbox::LargeBody;
use plump_core::memory::Room;
use std::collections::VecDeque;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many at most, and so many forms are remembered: those that take turns. Three blocks do, and their copies.
const MOST: usize = 4;

/// What an `ArrayBuffer` keeps.
enum Owner {
    /// Nothing: a payload brings what it lies in.
    Place,
    /// Addresses for what comes.
    Room(Room),
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
    form: Form,
    reference: sys::napi_ref,
    owner: Arc<Mutex<Owner>>,
}

/// The spare ones of an environment, oldest first.
#[derive(Default)]
pub struct Spares {
    /// Of the payloads that came last.
    seen: VecDeque<Form>,
    wanted: Vec<Form>,
    made: VecDeque<Spare>,
}

impl Spares {
    /// A payload of that form has come: the spare, if there is one for it. From the second one of a form on there is to be
    /// a spare for the next.
    fn claim(&mut self, form: Form) -> Option<Spare> {
        let spare = self.made.iter().position(|spare| spare.form == form);
        let spare = spare.and_then(|at| self.made.remove(at));
        if let Some(at) = self.seen.iter().position(|seen| *seen == form) {
            self.seen.remove(at);
            if !self.wanted.contains(&form) {
                self.wanted.push(form.clone());
            }
        } else if self.seen.len() == MOST {
            self.seen.pop_front();
        }
        self.seen.push_back(form);
        spare
    }

    /// One for whose payloads there is no memory any more.
    fn take_useless(&mut self) -> Option<Spare> {
        let is_useless =
            |spare: &Spare| matches!(&spare.form, Form::Place(place) if place.as_ptr().is_none());
        let at = self.made.iter().position(is_useless)?;
        self.made.remove(at)
    }

    /// One that is to be made, now that there is time.
    fn take_wanted(&mut self) -> Option<Form> {
        while let Some(form) = self.wanted.pop() {
            if self.made.iter().all(|spare| spare.form != form) {
                return Some(form);
            }
        }
        None
    }

    /// Adds one; what has to go for it.
    fn add(&mut self, spare: Spare) -> Option<Spare> {
        let oldest = (self.made.len() == MOST).then(|| self.made.pop_front());
        self.made.push_back(spare);
        oldest.flatten()
    }
}

/// A spare `ArrayBuffer`, with the body in it; the body comes back where there is none for it.
pub fn show(env: Env, mut body: LargeBody) -> std::result::Result<sys::napi_value, LargeBody> {
    let Some(form) = body.form() else {
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
    let is_behind = match std::mem::replace(&mut *owner, Owner::Nothing) {
        Owner::Place => is_there,
        Owner::Room(room) => is_there && body.move_to(room),
        Owner::Body { .. } | Owner::Nothing => false,
    };
    forget(env, spare.reference);
    if !is_behind {
        return Err(body);
    }
    *owner = Owner::Body { body };
    Ok(made)
}

/// Makes the spare `ArrayBuffer`s that are wanted; where they can't be had there are none.
pub fn make(env: Env) -> Result<sys::napi_value> {
    while let Some(useless) = session::require(|session| session.spares.take_useless())? {
        forget(env, useless.reference);
    }
    while let Some(form) = session::require(|session| session.spares.take_wanted())? {
        make_for(env, form);
    }
    Ok(ptr::null_mut())
}

fn make_for(env: Env, form: Form) {
    let (owner, data, length) = match &form {
        Form::Place(place) => {
            let Some(data) = place.as_ptr() else {
                return;
            };
            (Owner::Place, data, place.len())
        }
        Form::Room(form) => {
            let Ok(room) = Room::new(*form) else {
                return;
            };
            let (data, length) = (room.as_ptr(), room.len());
            (Owner::Room(room), data, length)
        }
    };
    let owner = Arc::new(Mutex::new(owner));
    let kept = Box::new(Arc::clone(&owner));
    // SAFETY: JavaScript is not shown it until there is a payload behind it, and the owner keeps that and the addresses.
    let Ok(made) = (unsafe { external(env, data, length, kept) }) else {
        return;
    };
    let made = movable(env, made);
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
    if let Some(before) = session::with(|session| session.spares.add(spare)).flatten() {
        forget(env, before.reference);
    }
}

fn forget(env: Env, reference: sys::napi_ref) {
    // SAFETY: `make` made it in this environment, and whoever took its spare deletes it, once.
    unsafe { sys::napi_delete_reference(env.raw(), reference) };
}
