//! The same words and bytes for loom: every byte is a cell that reports when two threads are at it without order, every
//! bell a notification whose absence loom reports as a deadlock.

use std::io;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;
use loom::sync::{Condvar, Mutex};

use super::{Lane, Side};
use crate::platform::{InheritedEnd, Source};

/// The memory of a pair under loom.
#[derive(Debug)]
pub(super) struct Cells {
    lanes: [LaneCells; 2],
    // Hints without influence on correctness: not part of the model, or its states would multiply for nothing.
    cpus: [std::sync::atomic::AtomicU32; 2],
    rang: [std::sync::atomic::AtomicU64; 2],
    begun: std::sync::atomic::AtomicU64,
    crowded: std::sync::atomic::AtomicU64,
}

// SAFETY: the cells are only used through loom, which reports two threads at one cell as a failure of the model.
unsafe impl Sync for LaneCells {}

#[derive(Debug)]
struct LaneCells {
    published: AtomicU64,
    consumed: AtomicU64,
    bytes: Box<[UnsafeCell<u8>]>,
}

impl Cells {
    pub(super) fn create(capacity: u32) -> io::Result<Self> {
        let lane = || LaneCells {
            published: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            bytes: (0..capacity).map(|_| UnsafeCell::new(0)).collect(),
        };
        Ok(Self {
            lanes: [lane(), lane()],
            cpus: Default::default(),
            rang: Default::default(),
            begun: std::sync::atomic::AtomicU64::new(0),
            crowded: std::sync::atomic::AtomicU64::new(0),
        })
    }

    pub(super) fn open_inherited(_number: u64) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn inherit(&self) -> io::Result<InheritedEnd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn capacity(&self) -> u32 {
        u32::try_from(self.lanes[0].bytes.len()).expect("small under loom")
    }

    pub(super) fn published(&self, lane: Lane) -> &AtomicU64 {
        &self.lane(lane).published
    }

    pub(super) fn consumed(&self, lane: Lane) -> &AtomicU64 {
        &self.lane(lane).consumed
    }

    pub(super) fn begun(&self) -> &std::sync::atomic::AtomicU64 {
        &self.begun
    }

    pub(super) fn rang(&self, side: Side) -> &std::sync::atomic::AtomicU64 {
        &self.rang[side as usize]
    }

    pub(super) fn crowded(&self) -> &std::sync::atomic::AtomicU64 {
        &self.crowded
    }

    pub(super) fn cpu(&self, side: Side) -> &std::sync::atomic::AtomicU32 {
        &self.cpus[side as usize]
    }

    fn lane(&self, lane: Lane) -> &LaneCells {
        &self.lanes[lane as usize]
    }

    fn cell(&self, lane: Lane, at: u32) -> &UnsafeCell<u8> {
        &self.lane(lane).bytes[(at & (self.capacity() - 1)) as usize]
    }

    pub(super) fn copy_in(&self, lane: Lane, at: u32, from: &[u8]) {
        for (offset, byte) in (0..).zip(from) {
            self.cell(lane, at.wrapping_add(offset)).with_mut(|place| {
                // SAFETY: loom checks that nobody else is at this cell.
                unsafe { *place = *byte };
            });
        }
    }

    pub(super) fn copy_out(&self, lane: Lane, at: u32, into: &mut [u8]) {
        for (offset, byte) in (0..).zip(into) {
            self.cell(lane, at.wrapping_add(offset)).with(|place| {
                // SAFETY: loom checks that nobody writes to this cell.
                *byte = unsafe { *place };
            });
        }
    }
}

/// A bell under loom.
#[derive(Debug)]
pub struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            rung: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    pub(super) fn open_inherited(_number: u64) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn inherit(&self) -> io::Result<InheritedEnd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Wakes the sleeper, now or when it comes to sleep.
    pub fn ring(&self) {
        *self.rung.lock().expect("no panic under this lock") = true;
        self.changed.notify_one();
    }

    /// Not to be called: a model has no reactor.
    pub fn source(&self) -> Source {
        unreachable!("a model has no reactor")
    }

    /// Forgets the rings until now.
    pub fn clear(&self) {
        *self.rung.lock().expect("no panic under this lock") = false;
    }

    /// Sleeps until the bell has been rung.
    pub fn wait(&self) {
        let mut rung = self.rung.lock().expect("no panic under this lock");
        while !*rung {
            rung = self.changed.wait(rung).expect("no panic under this lock");
        }
    }
}
