//! Shared memory can't change its size, has its pages, and leaves nothing behind.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(all(target_os = "linux", not(loom)))]

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use plump_core::memory::SharedMemory;

fn descriptor(memory: &SharedMemory) -> OwnedFd {
    let end = memory.inherit().expect("a descriptor");
    let number = i32::try_from(end.handle_number()).expect("the number of a descriptor");
    // SAFETY: `end` is open and outlives what is borrowed from it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    borrowed.try_clone_to_owned().expect("a descriptor")
}

fn number(descriptor: OwnedFd) -> u64 {
    u64::try_from(descriptor.into_raw_fd()).expect("never negative")
}

#[test]
fn nobody_can_change_its_size() {
    let memory = SharedMemory::create(8192).expect("shared memory");
    let file = File::from(descriptor(&memory));
    for size in [0, 4096, 16384] {
        let refused = file.set_len(size).expect_err("sealed");
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{size}");
    }
    assert_eq!(memory.len(), 8192);
}

#[test]
fn its_pages_are_there_before_anybody_touches_them() {
    let memory = SharedMemory::create(1 << 20).expect("shared memory");
    let file = File::from(descriptor(&memory));
    assert_eq!(file.metadata().unwrap().blocks() * 512, 1 << 20);
}

#[test]
fn a_child_does_not_get_it_unless_it_is_handed_down() {
    let memory = SharedMemory::create(4096).expect("shared memory");
    let file = File::from(descriptor(&memory));
    // SAFETY: the descriptor is open; the call touches no memory.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

#[test]
fn two_mappings_show_the_same_bytes() {
    let memory = SharedMemory::create(4096).expect("shared memory");
    let again = SharedMemory::open_inherited(number(descriptor(&memory))).expect("the same memory");
    assert_eq!(again.len(), 4096);
    assert_ne!(again.as_ptr(), memory.as_ptr());
    let (here, there) = (
        memory.as_ptr().wrapping_add(4095),
        again.as_ptr().wrapping_add(4095),
    );
    // SAFETY: the place lies inside the memory, and nobody else uses it.
    unsafe { here.write_volatile(42) };
    // SAFETY: as above.
    assert_eq!(unsafe { there.read_volatile() }, 42);
}

#[test]
fn impossible_sizes_are_refused() {
    assert_eq!(
        SharedMemory::create(0).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        SharedMemory::create(usize::MAX).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn memory_that_cannot_be_had_is_an_error_and_not_a_signal_later() {
    // More than any machine has: reserving it page by page would make the kernel end processes, this one's and others'.
    let refused = SharedMemory::create(1 << 50).expect_err("there is no machine with a PiB");
    assert_eq!(refused.kind(), ErrorKind::OutOfMemory);
}

#[test]
fn what_is_not_sealed_memory_is_refused_and_left_alone() {
    let file = File::open("/proc/self/exe").expect("this program");
    let refused = SharedMemory::open_inherited(u64::try_from(file.as_raw_fd()).unwrap());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(file.metadata().is_ok(), "the descriptor is still open");
    for number in [u64::MAX, 1 << 31, 1_000_000] {
        assert_eq!(
            SharedMemory::open_inherited(number).unwrap_err().kind(),
            ErrorKind::InvalidData,
            "{number}"
        );
    }

    // SAFETY: the name ends with a zero and lives for ever.
    let unsealed = unsafe {
        libc::memfd_create(
            c"unsealed".as_ptr(),
            libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING,
        )
    };
    let refused = SharedMemory::open_inherited(u64::try_from(unsealed).unwrap());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidData);
    // SAFETY: made above and taken by nobody.
    unsafe { libc::close(unsealed) };
}
