//! Systems without memory that can be shared safely: nothing is made, everything travels over the pipes.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::platform::InheritedEnd;

/// Bytes of a large page, where there are any.
pub const LARGE_PAGE: usize = 2 << 20;

/// Shared memory on a system that does not have it: no value of this type exists.
#[derive(Debug)]
pub struct SharedMemory {
    never: std::convert::Infallible,
}

impl SharedMemory {
    /// Whether this system has it.
    #[must_use]
    pub fn available() -> bool {
        false
    }

    /// Refuses; ask [`SharedMemory::available`] first and use the pipes.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn create(_bytes: usize) -> io::Result<Self> {
        Err(refusal())
    }

    /// Refuses; ask [`SharedMemory::available`] first and use the pipes.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn create_sparse(_bytes: usize) -> io::Result<Self> {
        Err(refusal())
    }

    /// Reserves pages.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn reserve(&self, _offset: usize, _length: usize) -> io::Result<()> {
        match self.never {}
    }

    /// Reserves large pages.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn reserve_large(&self, _offset: usize, _length: usize) -> io::Result<usize> {
        match self.never {}
    }

    /// Writes where nothing is reserved.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn write(&self, _offset: usize, _bytes: &[u8]) -> io::Result<()> {
        match self.never {}
    }

    /// Makes pages quick to write.
    pub fn map_for_writing(&self, _offset: usize, _length: usize) {
        match self.never {}
    }

    /// Gives pages back.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn give_back(&self, _offset: usize, _length: usize) -> io::Result<()> {
        match self.never {}
    }

    /// Closes a descriptor.
    pub fn close_file(&self) {
        match self.never {}
    }

    /// Gives pages back.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn remove(&self, _offset: usize, _length: usize) -> io::Result<()> {
        match self.never {}
    }

    /// Bytes of it that have memory behind them.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn reserved_bytes(&self) -> io::Result<u64> {
        match self.never {}
    }

    /// Refuses; ask [`SharedMemory::available`] first and use the pipes.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn open_inherited(_number: u64) -> io::Result<Self> {
        Err(refusal())
    }

    /// A handle of the same memory for a child.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn inherit(&self) -> io::Result<InheritedEnd> {
        match self.never {}
    }

    /// Where the memory starts.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match self.never {}
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.never {}
    }

    /// Never: there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.never {}
    }
}

/// Asks for large pages: here nobody does.
pub fn prefer_large_pages(_memory: &mut [MaybeUninit<u8>]) {}

fn refusal() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "no shared memory on this system, the calls take the pipes",
    )
}

/// Memory that only its maker can write, on a system that does not have it: no value of this type exists.
#[derive(Debug)]
pub struct OwnMemory {
    never: std::convert::Infallible,
}

impl OwnMemory {
    /// Refuses.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn create(_bytes: usize) -> io::Result<Self> {
        Err(refusal())
    }

    /// Reserves pages.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn reserve(&self, _offset: usize, _length: usize) -> io::Result<()> {
        match self.never {}
    }

    /// Where it is mapped here.
    #[must_use]
    pub fn mapping(&self) -> &Arc<OwnMapping> {
        match self.never {}
    }

    /// Gives the pages back.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn let_go(self) -> io::Result<()> {
        match self.never {}
    }
}

/// Where memory of [`OwnMemory`] is mapped: no value of this type exists.
#[derive(Debug)]
pub struct OwnMapping {
    never: std::convert::Infallible,
}

impl OwnMapping {
    /// Where the memory starts.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match self.never {}
    }
}

/// What addresses a mapping needs: no value of this type exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomForm {
    never: std::convert::Infallible,
}

/// Addresses for a mapping to come: no value of this type exists.
#[derive(Debug)]
pub struct Room {
    never: std::convert::Infallible,
}

impl Room {
    /// Addresses for a mapping of that form.
    ///
    /// # Errors
    /// None here: there is no form to give.
    pub fn new(form: RoomForm) -> io::Result<Self> {
        match form.never {}
    }

    /// Where the bytes will be.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match self.never {}
    }

    /// How many there will be.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.never {}
    }

    /// There is no value to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.never {}
    }
}

/// A part of a memory file that is mapped by itself: no value of this type exists.
#[derive(Debug)]
pub struct MappedPart {
    never: std::convert::Infallible,
}

impl MappedPart {
    /// Maps a part of a file that was handed over.
    ///
    /// # Errors
    /// None here: there is no file to give.
    pub fn lent(
        file: std::convert::Infallible,
        _offset: usize,
        _length: usize,
    ) -> io::Result<Self> {
        match file {}
    }

    /// What addresses it needs.
    #[must_use]
    pub fn form(&self) -> RoomForm {
        match self.never {}
    }

    /// Moves to addresses that were kept for it.
    #[must_use]
    pub fn move_to(&mut self, _room: Room) -> bool {
        match self.never {}
    }

    /// Copies bytes out.
    pub fn copy_out(&self, _into: &mut [MaybeUninit<u8>]) {
        match self.never {}
    }

    /// Where the bytes are.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match self.never {}
    }
}

/// Memory of this process alone, which nobody asks for here: no value of this type exists.
#[derive(Debug)]
pub struct PrivateMemory {
    never: std::convert::Infallible,
}

impl PrivateMemory {
    /// Refuses.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn new(_bytes: usize) -> io::Result<Self> {
        Err(refusal())
    }

    /// Makes the pages.
    pub fn prepare(&mut self) {
        match self.never {}
    }

    /// Where it starts.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        match self.never {}
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.never {}
    }

    /// There is no value to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.never {}
    }

    /// What addresses it needs.
    #[must_use]
    pub fn form(&self, _shown: usize) -> RoomForm {
        match self.never {}
    }

    /// Moves to addresses that were kept for it.
    #[must_use]
    pub fn move_to(&mut self, _room: Room, _shown: usize) -> bool {
        match self.never {}
    }
}

/// Where memory is handed over: no value of this type exists.
#[derive(Debug)]
pub struct MemoryGiver {
    never: std::convert::Infallible,
}

impl MemoryGiver {
    /// Refuses.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn pair() -> io::Result<(Self, InheritedEnd)> {
        Err(refusal())
    }

    /// Hands memory over.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn give(&self, _note: u64, _memory: &OwnMemory) -> io::Result<()> {
        match self.never {}
    }
}

/// Where memory is taken over: no value of this type exists.
#[derive(Debug)]
pub struct MemoryTaker {
    never: std::convert::Infallible,
}

impl MemoryTaker {
    /// Refuses.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn open_inherited(_number: u64) -> io::Result<Self> {
        Err(refusal())
    }

    /// The memory of a number.
    ///
    /// # Errors
    /// None here: there is no value to ask.
    pub fn take(&self, _wanted: u64) -> io::Result<std::convert::Infallible> {
        match self.never {}
    }
}
