//! Blocks that the program fills: they reach a worker without a copy, nobody else can write them, they come back whatever
//! becomes of who has them, and the limit holds.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(all(target_os = "linux", not(loom)))]

use std::fs;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plump_core::block::{
    Allocated, AllocatedBlock, Arena, BlockReceiver, BlockSender, Blocks, Copies, Lease, Lender,
    ReceivedBlock, Refused,
};
use plump_core::channel::in_process::InProcessChannel;
use plump_core::frame::{FLAG_LENT, FrameKind, Header, MAX_BODY_BYTES};
use plump_core::memory::{MemoryGiver, MemoryTaker};
use plump_core::port::{Order, Payload, Port, PortError, extend_padded};

const MIB: usize = 1024 * 1024;
const IDLE: Duration = Duration::from_secs(1);

/// The two ends of a link, each with mappings and descriptors of its own, as two processes have them.
fn ports(limit: usize) -> (Port, Port) {
    let (near, far) = InProcessChannel::pair(MAX_BODY_BYTES, Box::new(|| {}), Box::new(|| {}));
    let arena = Arc::new(Arena::create(limit).expect("shared memory"));
    let arena_number = copy_of(arena.inherit().expect("a descriptor").handle_number());
    let (giver, end) = MemoryGiver::pair().expect("sockets");
    let mut sender = BlockSender::new(Arc::clone(&arena), limit, IDLE);
    sender.set_giver(giver);
    let incoming = Arc::new(Arena::open_inherited(arena_number).expect("the same arena"));
    let copies = Arc::new(Copies::new(limit, IDLE));
    let mut receiver = BlockReceiver::new(incoming, limit, true, Arc::clone(&copies));
    let taker = copy_of(end.handle_number());
    receiver.set_taker(MemoryTaker::open_inherited(taker).expect("the other socket"));
    let unused = || Arc::new(Arena::create(limit).expect("shared memory"));
    let mut host = Port::new(Box::new(near), Order::Interleaved, 1 << 30);
    host.set_blocks(Blocks {
        sender,
        receiver: BlockReceiver::new(unused(), limit, false, copies),
    });
    let mut worker = Port::new(Box::new(far), Order::Interleaved, 1 << 30);
    worker.set_blocks(Blocks {
        sender: BlockSender::new(unused(), limit, IDLE),
        receiver,
    });
    (host, worker)
}

fn copy_of(number: u64) -> u64 {
    let number = i32::try_from(number).expect("the number of a descriptor");
    // SAFETY: the descriptor is open; the call only makes another one.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    u64::try_from(copy).expect("a descriptor")
}

fn copy(block: &ReceivedBlock) -> Vec<u8> {
    let mut bytes = vec![MaybeUninit::new(0); block.len()];
    assert!(block.copy_to(&mut bytes));
    let written = bytes.into_iter();
    // SAFETY: every byte was written.
    written.map(|byte| unsafe { byte.assume_init() }).collect()
}

/// A block that JavaScript has not been shown before.
fn allocate(lender: &mut Lender, bytes: usize) -> Result<AllocatedBlock, Refused> {
    match lender.allocate(bytes, true)? {
        Allocated::New(block) => Ok(block),
        Allocated::Again { .. } => panic!("it was to be new"),
    }
}

/// A block full of `byte`, and what was claimed of it when it is passed to a call.
fn filled(lender: &mut Lender, bytes: usize, byte: u8) -> (AllocatedBlock, Lease) {
    let block = allocate(lender, bytes).expect("a block");
    // SAFETY: the block has so many bytes, and nobody else has it.
    let data = unsafe { std::slice::from_raw_parts_mut(block.as_ptr(), bytes) };
    data.fill(byte);
    let lease = lender.claim(block.id, data).expect("the block's own bytes");
    (block, lease)
}

fn call(id: u64) -> Header {
    Header::new(FrameKind::Call, id, 7, 0)
}

/// Sends a block after `front`; returns what arrives: a block, or bytes that came another way.
fn send(ports: &mut (Port, Port), front: &[&[u8]], lease: Lease) -> Result<ReceivedBlock, Vec<u8>> {
    let (host, worker) = ports;
    host.send_lent(call(1), front, lease);
    for _ in 0..100_000 {
        let flushed = host.flush().expect("an open channel");
        let mut came = None;
        worker
            .receive(1 << 20, |header, payload| {
                assert_eq!(header.call, 1);
                came = Some(match payload {
                    Payload::Block(block) => Ok(block),
                    payload => Err(payload.bytes().to_vec()),
                });
                Ok(())
            })
            .expect("an honest sender");
        if let Some(came) = came {
            return came;
        }
        assert!(!flushed || worker.backlog() == 0);
    }
    panic!("nothing came");
}

/// Bytes of the memory files of this process that hold something and are as large as that at least.
fn files(at_least: usize) -> usize {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").expect("descriptors") {
        let path = entry.expect("a descriptor").path();
        let is_ours = fs::read_link(&path)
            .is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:plump-ipc"));
        if let Ok(about) = fs::metadata(&path)
            && is_ours
        {
            use std::os::unix::fs::MetadataExt;
            seen.push((about.ino(), about.blocks() * 512));
        }
    }
    seen.sort_unstable();
    seen.dedup();
    seen.iter()
        .filter(|(_, bytes)| usize::try_from(*bytes).is_ok_and(|bytes| bytes >= at_least))
        .count()
}

#[test]
fn a_block_arrives_behind_the_rest_of_its_payload() {
    let mut lender = Lender::new(32 * MIB, IDLE);
    let mut ports = ports(32 * MIB);
    let (main, other) = ([1_u8; 13], vec![2_u8; 300_001]);
    for (round, front) in [&[&main[..]][..], &[&main, &other], &[&main, &[], &other]]
        .into_iter()
        .enumerate()
    {
        let byte = 10 + u8::try_from(round).unwrap();
        let (_block, lease) = filled(&mut lender, 5 * MIB + 3, byte);
        let mut expected = Vec::new();
        extend_padded(&mut expected, front);
        expected.resize(expected.len().next_multiple_of(8), 0);
        expected.resize(expected.len() + 5 * MIB + 3, byte);
        let mut block = send(&mut ports, front, lease).expect("no copy on the way");
        assert!(block.keep());
        assert!(copy(&block) == expected);
    }
    // A front that does not fit goes another way, with the block.
    let (_block, lease) = filled(&mut lender, MIB, 9);
    let much = vec![3; 3 * MIB];
    let block = send(&mut ports, &[&main, &much], lease).expect("an ordinary block");
    assert_eq!(block.len(), 16 + 4 * MIB);
    assert_eq!(copy(&block)[16 + 3 * MIB..], vec![9; MIB]);
}

#[test]
fn what_the_receiver_writes_is_seen_by_nobody_else_and_not_in_the_next_payload() {
    let mut lender = Lender::new(8 * MIB, IDLE);
    let mut ports = ports(8 * MIB);
    let mut places = Vec::new();
    for byte in 1..6 {
        let (block, lease) = filled(&mut lender, 6 * MIB, byte);
        places.push(block.as_ptr());
        let received = send(&mut ports, &[&[0; 8]], lease).expect("no copy on the way");
        assert_eq!(copy(&received)[8..], vec![byte; 6 * MIB], "round {byte}");
        // SAFETY: inside of the payload, and nobody else uses it.
        unsafe { received.as_ptr().write_bytes(99, received.len()) };
        for place in [0, 6 * MIB - 1] {
            // SAFETY: inside of the block, which nobody else writes.
            assert_eq!(unsafe { block.as_ptr().wrapping_add(place).read() }, byte);
        }
        drop(received);
        let blocks = ports.0.blocks().unwrap();
        blocks.sender.collect(Instant::now());
    }
    places.dedup();
    assert_eq!(places.len(), 1, "it was the same memory each time");
    assert!(lender.reserved() <= 8 * MIB);
}

#[test]
fn a_block_is_free_when_nobody_has_it_however_that_came_about() {
    let mut lender = Lender::new(4 * MIB, IDLE);
    // Released.
    let block = allocate(&mut lender, 3 * MIB).unwrap();
    lender.release(block.id);
    lender.release(block.id);
    // Lost: its last view was collected.
    drop(allocate(&mut lender, 3 * MIB).expect("the one that was released"));
    // A call that never left.
    drop(filled(&mut lender, 3 * MIB, 1).1);
    // A worker that gave it back, and one that died with it.
    let mut link = ports(4 * MIB);
    let (kept, lease) = filled(&mut lender, 3 * MIB, 2);
    let received = send(&mut link, &[&[1]], lease).unwrap();
    assert!(matches!(
        allocate(&mut lender, 3 * MIB),
        Err(Refused::Unavailable(_))
    ));
    drop(received);
    link.0.blocks().unwrap().sender.collect(Instant::now());
    let (_kept_too, lease) = filled(&mut lender, 3 * MIB, 3);
    let _received = send(&mut link, &[&[1]], lease).unwrap();
    assert!(matches!(
        allocate(&mut lender, 3 * MIB),
        Err(Refused::Unavailable(_))
    ));
    drop(link);
    let again = allocate(&mut lender, 3 * MIB).expect("the dead worker's");
    assert_eq!(
        again.as_ptr(),
        kept.as_ptr(),
        "all that time it was one block"
    );
    // Whoever was given it before has no say in what becomes of it.
    lender.release(kept.id);
    assert!(lender.claim(kept.id, &[]).is_none());
    assert!(matches!(
        allocate(&mut lender, 3 * MIB),
        Err(Refused::Limit)
    ));
}

#[test]
fn only_a_blocks_own_bytes_are_taken_for_it() {
    let mut lender = Lender::new(4 * MIB, IDLE);
    let block = allocate(&mut lender, MIB).unwrap();
    // SAFETY: the block has so many bytes.
    let data = unsafe { std::slice::from_raw_parts(block.as_ptr(), MIB) };
    assert!(lender.claim(block.id, &data[8..]).is_none());
    assert!(lender.claim(block.id, &data[..MIB - 1]).is_none());
    assert!(lender.claim(block.id, &vec![0; MIB]).is_none());
    assert!(lender.claim(0, data).is_none());
    assert!(lender.claim(block.id + 1, data).is_none());
    assert!(lender.claim(block.id, data).is_some());
    assert!(lender.claim(block.id, data).is_none());
}

#[test]
fn the_limit_holds_and_free_blocks_of_other_sizes_make_room() {
    let mut lender = Lender::new(8 * MIB, IDLE);
    assert!(matches!(
        allocate(&mut lender, 8 * MIB + 1),
        Err(Refused::Limit)
    ));
    let all: Vec<_> = (0..4)
        .map(|_| allocate(&mut lender, 2 * MIB).unwrap())
        .collect();
    assert!(matches!(
        allocate(&mut lender, 200_000),
        Err(Refused::Limit)
    ));
    assert_eq!(lender.reserved(), 8 * MIB);
    drop(all);
    let whole = allocate(&mut lender, 8 * MIB).expect("room that others made");
    assert_eq!(lender.reserved(), 8 * MIB);
    drop(whole);
    for bytes in (1..40).map(|step| step * 200_000) {
        drop(allocate(&mut lender, bytes).expect("a block below the limit"));
        assert!(lender.reserved() <= 8 * MIB);
    }
}

#[test]
fn idle_blocks_are_given_back_also_while_somebody_still_looks_at_them() {
    // No other test has memory of that size.
    let large = 41 * MIB;
    let mut lender = Lender::new(64 * MIB, IDLE);
    let (block, lease) = filled(&mut lender, large, 7);
    let start = Instant::now();
    assert!(lender.shed(start + IDLE * 1000).is_some(), "it is out");
    assert_eq!(files(large), 1);
    drop(lease);
    let due = lender.shed(start).expect("it is free, and warm");
    assert!(lender.shed(due).is_none());
    assert_eq!((lender.reserved(), lender.idle()), (0, None));
    assert_eq!(files(large), 0);
    // SAFETY: the view of a block that is gone stays mapped.
    assert_eq!(unsafe { block.as_ptr().read() }, 0);
    // SAFETY: as above.
    unsafe { block.as_ptr().write(1) };
}

#[test]
fn what_was_not_handed_over_is_a_breach_of_the_protocol() {
    let mut lender = Lender::new(4 * MIB, IDLE);
    let range = |offset: u64, length: u64, shown: u64, slot: u32, generation: u32| {
        plump_core::block::BlockRange {
            offset,
            length,
            shown,
            slot,
            generation,
        }
    };
    let size = u32::try_from(plump_core::block::BlockRange::BYTES).unwrap();
    for (to_host, kind, range) in [
        // Nothing was.
        (false, FrameKind::Call, range(0, 100, 0, 5, 5)),
        // Beyond the memory that was.
        (false, FrameKind::Call, range(2 << 20, 1 << 30, 0, 0, 1)),
        (false, FrameKind::Call, range(u64::MAX - 7, 100, 0, 0, 1)),
        (false, FrameKind::Call, range(3, 100, 0, 0, 1)),
        (false, FrameKind::Call, range(0, 0, 0, 0, 1)),
        // To the host nothing ever is.
        (true, FrameKind::Call, range(0, 100, 0, 0, 1)),
        (true, FrameKind::Result, range(0, 100, 0, 0, 1)),
    ] {
        let (mut host, mut worker) = ports(4 * MIB);
        let (_block, lease) = filled(&mut lender, MIB, 1);
        host.send_lent(call(1), &[&[1]], lease);
        // What it says is replaced by what a liar would say: the memory itself is on its way.
        let header = Header {
            size,
            flags: FLAG_LENT,
            ..Header::new(kind, 1, 0, 0)
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(&range.encode());
        let (from, to) = if to_host {
            (&mut worker, &mut host)
        } else {
            (&mut host, &mut worker)
        };
        assert_eq!(from.channel().try_write(&bytes).unwrap(), bytes.len());
        let said = to.receive(1 << 20, |_, _| Ok(()));
        assert!(
            matches!(said, Err(PortError::Protocol(_))),
            "{range:?}: {said:?}"
        );
    }
}

#[test]
fn what_was_shown_before_is_used_again() {
    let mut lender = Lender::new(4 * MIB, IDLE);
    let Ok(Allocated::New(first)) = lender.allocate(2 * MIB, false) else {
        panic!("nothing was shown before");
    };
    lender.release(first.id);
    let Ok(Allocated::Again { id, key }) = lender.allocate(2 * MIB, false) else {
        panic!("it was shown before");
    };
    assert!(key == first.key && id != first.id && lender.knows(key));
    assert!(matches!(
        allocate(&mut lender, 3 * MIB),
        Err(Refused::Limit)
    ));
    lender.release(id);
    // Of another length, or lost: it is shown anew.
    drop(allocate(&mut lender, 2 * MIB).expect("the same memory"));
    assert!(
        matches!(lender.allocate(2 * MIB - 1, false), Ok(Allocated::New(block)) if block.key == key)
    );
    drop(first);
    assert!(matches!(
        lender.allocate(2 * MIB, false),
        Ok(Allocated::New(_))
    ));
    assert!(!lender.knows(key + 1));
}
