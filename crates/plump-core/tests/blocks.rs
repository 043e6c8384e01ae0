//! Blocks: payloads arrive as they were, memory is used again and given back, the limit holds, and nothing that the other
//! process says or writes does more than spoil its own payloads.
#![allow(
    unexpected_cfgs,
    reason = "`ci/loom.sh` sets `loom`, which cargo does not know"
)]
#![cfg(all(target_os = "linux", not(loom)))]

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use plump_core::block::{
    Arena, BlockCopy, BlockRange, BlockReceiver, BlockSender, Blocks, Copies, Form, ReceivedBlock,
};
use plump_core::channel::in_process::InProcessChannel;
use plump_core::frame::{FLAG_BLOCK, FrameKind, Header, MAX_BODY_BYTES};
use plump_core::limits::{MAX_BLOCKS, MIN_BLOCK_BYTES};
use plump_core::memory::{LARGE_PAGE, Room};
use plump_core::port::{Order, Payload, Port, PortError, extend_padded, padded_length};
use proptest::prelude::*;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const IDLE: Duration = Duration::from_secs(1);
const WORDS: u64 = 4 * MAX_BLOCKS as u64;

/// Both ends of one direction, each with a mapping of its own, as two processes have them.
fn ends(limit: usize, keeps: bool) -> (Arc<Arena>, BlockSender, BlockReceiver) {
    let arena = Arc::new(Arena::create(limit).expect("shared memory"));
    let other = Arc::new(again(&arena));
    let sender = BlockSender::new(Arc::clone(&arena), limit, IDLE);
    let copies = Arc::new(Copies::new(limit, IDLE));
    let receiver = BlockReceiver::new(other, limit, keeps, copies);
    (arena, sender, receiver)
}

/// The arena as the other process opens it.
fn again(arena: &Arena) -> Arena {
    let end = arena.inherit().expect("a descriptor");
    let number = i32::try_from(end.handle_number()).expect("the number of a descriptor");
    // SAFETY: the descriptor is open; the call only makes another one.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    let copy = u64::try_from(copy).expect("a descriptor");
    Arena::open_inherited(copy).expect("the same arena")
}

fn fill(sender: &mut BlockSender, bytes: &[u8]) -> Option<BlockRange> {
    sender.fill(&[bytes], bytes.len(), bytes.len())
}

fn copy(block: &ReceivedBlock) -> Vec<u8> {
    let mut bytes = vec![MaybeUninit::new(0); block.len()];
    assert!(block.copy_to(&mut bytes));
    written(bytes)
}

/// Bytes that were all written.
fn written(bytes: Vec<MaybeUninit<u8>>) -> Vec<u8> {
    // SAFETY: the caller has made sure of it, and they were made with a value.
    let byte = |byte: MaybeUninit<u8>| unsafe { byte.assume_init() };
    bytes.into_iter().map(byte).collect()
}

fn pattern(seed: usize, length: usize) -> Vec<u8> {
    let byte = |at: usize| (at.wrapping_mul(31).wrapping_add(seed * 7) % 251).to_le_bytes()[0];
    (0..length).map(byte).collect()
}

// --- what arrives -----------------------------------------------------------------------------------------------------

#[test]
fn parts_arrive_together_each_at_a_multiple_of_eight() {
    let (_arena, mut sender, receiver) = ends(4 * MIB, false);
    // A block that is used again must not show what was in it before.
    let before = fill(&mut sender, &vec![0xff; 300 * KIB]).unwrap();
    drop(receiver.receive(before));
    let (main, first, second) = (pattern(1, 13), pattern(2, 200_001), pattern(3, 77));
    let parts: [&[u8]; 4] = [&main, &first, &[], &second];
    let length = padded_length(&parts);
    let range = sender.fill(&parts, length, length - main.len()).unwrap();
    assert_eq!(range.slot, before.slot);
    let mut expected = Vec::new();
    extend_padded(&mut expected, &parts);
    let block = receiver.receive(range).expect("a block of the sender's");
    assert_eq!((block.len(), copy(&block)), (length, expected));
}

#[test]
fn what_was_received_outlives_the_sender_and_its_arena() {
    let (arena, mut sender, receiver) = ends(4 * MIB, true);
    let payload = pattern(5, MIB);
    let mut block = receiver
        .receive(fill(&mut sender, &payload).unwrap())
        .unwrap();
    assert!(block.keep());
    drop((arena, sender, receiver));
    assert_eq!(copy(&block), payload);
    // SAFETY: inside of the block.
    let last = unsafe { block.as_ptr().add(MIB - 1) };
    // SAFETY: as above, and nobody writes there any more.
    assert_eq!(unsafe { last.read() }, payload[MIB - 1]);
}

#[test]
fn what_is_kept_of_a_sender_that_has_gone_keeps_nothing_else_of_it() {
    let limit = 32 * MIB;
    let (arena, mut sender, receiver) = ends(limit, true);
    let reserved = || arena.memory().reserved_bytes().unwrap();
    let lengths = [300 * KIB + 8, 4 * MIB, 200 * KIB, 6 * MIB];
    let mut blocks: Vec<_> = (0..)
        .zip(lengths)
        .map(|(seed, length)| {
            let range = fill(&mut sender, &pattern(seed, length)).unwrap();
            receiver.receive(range).unwrap()
        })
        .collect();
    assert!(blocks[0].keep());
    // One is back and warm, which the sender would give back in time.
    drop(blocks.remove(1));
    let warm = reserved();
    assert!(warm > 10 * MIB as u64);
    drop((sender, receiver));
    let taken = |blocks: &[ReceivedBlock]| {
        let pages = |block: &ReceivedBlock| block.len().next_multiple_of(4 * KIB) as u64;
        WORDS + blocks.iter().map(pages).sum::<u64>()
    };
    assert_eq!(reserved(), taken(&blocks));
    assert_eq!(copy(&blocks[1]), pattern(2, 200 * KIB));
    drop(blocks.remove(1));
    assert_eq!(reserved(), taken(&blocks));
    assert_eq!(copy(&blocks[0]), pattern(0, 300 * KIB + 8));
    assert_eq!(copy(&blocks[1]), pattern(3, 6 * MIB));
    blocks.clear();
    assert_eq!(reserved(), WORDS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Payloads of many sizes are lent and given back in any order: none of those that are out ever changes.
    #[test]
    fn no_memory_is_lent_twice(steps in prop::collection::vec((1..600_usize, any::<bool>(), 0..8_usize), 1..120)) {
        let limit = 2 * MIB;
        let (arena, mut sender, receiver) = ends(limit, false);
        let mut out: VecDeque<(ReceivedBlock, Vec<u8>)> = VecDeque::new();
        for (number, (kib, gives_back, which)) in steps.into_iter().enumerate() {
            let payload = pattern(number, kib * KIB + number);
            if let Some(range) = fill(&mut sender, &payload) {
                out.push_back((receiver.receive(range).expect("a block of the sender's"), payload));
            } else {
                prop_assert!(!out.is_empty(), "{kib} KiB fit when nothing is out");
            }
            if gives_back && !out.is_empty() {
                let (block, payload) = out.remove(which % out.len()).unwrap();
                prop_assert!(copy(&block) == payload);
            }
            prop_assert!(sender.reserved() <= limit);
            let reserved = arena.memory().reserved_bytes().unwrap();
            prop_assert_eq!(reserved, WORDS + sender.reserved() as u64);
        }
        for (block, payload) in out {
            prop_assert!(copy(&block) == payload);
        }
    }
}

// --- warm, and given back ---------------------------------------------------------------------------------------------

#[test]
fn a_block_that_came_back_is_used_again() {
    let (arena, mut sender, receiver) = ends(64 * MIB, false);
    let first = fill(&mut sender, &pattern(1, MIB)).unwrap();
    let reserved = arena.memory().reserved_bytes().unwrap();
    for number in 0..100 {
        let second = fill(&mut sender, &pattern(number, MIB - number)).unwrap();
        assert_ne!(second.offset, first.offset, "the first is still out");
        drop(receiver.receive(second));
    }
    assert!(arena.memory().reserved_bytes().unwrap() <= 2 * reserved);
    drop(receiver.receive(first));
}

#[test]
fn every_use_of_a_block_delivers_what_was_put_into_it() {
    let (arena, mut sender, receiver) = ends(64 * MIB, false);
    for (round, kib) in [5001, 4900, 5003, 4801].into_iter().enumerate() {
        let (main, part) = (pattern(round, 21), pattern(round + 9, kib * KIB + round));
        let parts: [&[u8]; 2] = [&main, &part];
        let length = padded_length(&parts);
        let range = sender.fill(&parts, length, part.len()).unwrap();
        assert_eq!((range.slot, range.offset), (0, LARGE_PAGE as u64));
        let mut expected = Vec::new();
        extend_padded(&mut expected, &parts);
        assert_eq!(copy(&receiver.receive(range).unwrap()), expected);
        let reserved = arena.memory().reserved_bytes().unwrap();
        assert_eq!(reserved, WORDS + sender.reserved() as u64, "as a whole");
    }
}

#[test]
fn a_large_warm_block_is_not_spent_on_a_small_payload() {
    let (_arena, mut sender, receiver) = ends(64 * MIB, false);
    let large = fill(&mut sender, &pattern(1, 16 * MIB)).unwrap();
    drop(receiver.receive(large));
    let small = fill(&mut sender, &pattern(2, 200 * KIB)).unwrap();
    assert_ne!(small.slot, large.slot);
    assert_eq!(
        fill(&mut sender, &pattern(3, 16 * MIB)).unwrap().slot,
        large.slot
    );
}

#[test]
fn free_blocks_of_other_sizes_make_room() {
    let (arena, mut sender, receiver) = ends(8 * MIB, false);
    for _ in 0..3 {
        let many: Vec<_> = (0..7)
            .map(|n| fill(&mut sender, &pattern(n, MIB)).unwrap())
            .collect();
        for range in many {
            drop(receiver.receive(range));
        }
        let one = fill(&mut sender, &pattern(9, 7 * MIB)).expect("seven small ones make room");
        drop(receiver.receive(one));
        assert!(arena.memory().reserved_bytes().unwrap() <= 8 * MIB as u64 + WORDS);
    }
}

#[test]
fn blocks_that_can_have_large_pages_begin_where_one_does() {
    let (arena, mut sender, receiver) = ends(64 * MIB, false);
    let reserved = || arena.memory().reserved_bytes().unwrap();
    assert!(arena.memory().as_ptr().addr().is_multiple_of(LARGE_PAGE));
    let mut out = Vec::new();
    for (number, kib) in [300, 5000, 700, 2048, 9001].into_iter().enumerate() {
        let payload = pattern(number, kib * KIB);
        let range = fill(&mut sender, &payload).unwrap();
        let is_large = payload.len() >= LARGE_PAGE;
        assert!(!is_large || range.offset.is_multiple_of(LARGE_PAGE as u64));
        assert_eq!(reserved(), WORDS + sender.reserved() as u64);
        out.push((receiver.receive(range).unwrap(), payload));
    }
    for (block, payload) in out {
        assert_eq!(copy(&block), payload);
    }
    let due = sender.shed(Instant::now()).expect("warm blocks");
    assert_eq!(sender.shed(due), None);
    assert_eq!(reserved(), WORDS, "all of it is given back");
}

#[test]
fn idle_blocks_are_given_back_to_the_system() {
    let (arena, mut sender, receiver) = ends(64 * MIB, false);
    let reserved = || arena.memory().reserved_bytes().unwrap();
    assert_eq!(reserved(), WORDS, "at rest only the words are there");
    assert_eq!(sender.shed(Instant::now()), None, "nothing to come for");
    let ranges: Vec<_> = (0..3)
        .map(|n| fill(&mut sender, &pattern(n, MIB)).unwrap())
        .collect();
    assert_eq!(reserved(), WORDS + 3 * MIB as u64);
    for range in ranges {
        drop(receiver.receive(range));
    }
    let begin = Instant::now();
    let due = sender.shed(begin).expect("warm blocks");
    assert!(due > begin && due <= begin + IDLE);
    assert_eq!(reserved(), WORDS + 3 * MIB as u64, "still warm");
    assert_eq!(sender.shed(due), None);
    assert_eq!((reserved(), sender.reserved()), (WORDS, 0));
    let payload = pattern(4, MIB);
    let range = fill(&mut sender, &payload).expect("a new block");
    assert_eq!(copy(&receiver.receive(range).unwrap()), payload);
}

#[test]
fn blocks_that_stay_out_are_looked_at_ever_rarer_and_kept() {
    let (arena, mut sender, receiver) = ends(64 * MIB, false);
    let range = fill(&mut sender, &pattern(1, MIB)).unwrap();
    let mut now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let next = sender.shed(now).expect("a block that is out");
        pauses.push((next - now).as_secs());
        now = next;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]);
    assert!(arena.memory().reserved_bytes().unwrap() > WORDS);
    drop(receiver.receive(range));
    let due = sender.shed(now).expect("a warm block");
    assert_eq!(due - now, IDLE);
    assert_eq!(sender.shed(due), None);
    assert_eq!(arena.memory().reserved_bytes().unwrap(), WORDS);
}

#[test]
fn what_is_shown_without_a_copy_leaves_the_sender_blocks_to_go_on_with() {
    let (_arena, mut sender, receiver) = ends(8 * MIB, true);
    let mut receive = |shown| {
        let range = sender
            .fill(&[&vec![7; MIB]], MIB, shown)
            .expect("a free block");
        receiver.receive(range).unwrap()
    };
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut block = receive(MIB);
        if !block.keep() {
            break;
        }
        assert!(block.keep(), "it is kept already");
        kept.push(block);
    }
    assert_eq!(kept.len(), 4, "half of the limit");
    kept.pop();
    assert!(!receive(1000).keep(), "little of it can be shown");
    assert!(receive(MIB).keep(), "one was given up");
}

#[test]
fn an_untrusted_process_never_shows_its_memory() {
    let (_arena, mut sender, receiver) = ends(8 * MIB, false);
    let range = fill(&mut sender, &vec![1; MIB]).unwrap();
    assert!(!receiver.receive(range).unwrap().keep());
}

// --- copies -----------------------------------------------------------------------------------------------------------

/// A block with that payload, as the other side gets it.
fn sent(sender: &mut BlockSender, receiver: &BlockReceiver, payload: &[u8]) -> ReceivedBlock {
    let range = fill(sender, payload).expect("a block");
    receiver.receive(range).expect("a block of the sender's")
}

/// The copy of a block, which is given back.
fn copied(block: ReceivedBlock) -> Option<BlockCopy> {
    let copy = block.room_for_copy()?.fill(&block).expect("room for it");
    drop(block);
    Some(copy)
}

fn bytes_of(copy: &BlockCopy) -> Vec<u8> {
    let mut bytes = vec![MaybeUninit::new(0); copy.len()];
    assert!(copy.copy_to(&mut bytes));
    assert!(!copy.copy_to(&mut bytes[1..]));
    written(bytes)
}

#[test]
fn a_copy_has_memory_of_its_own_which_the_next_one_gets() {
    let (_arena, mut sender, receiver) = ends(16 * MIB, false);
    let payloads = [pattern(1, 2 * MIB + 5), pattern(2, 2 * MIB + 5)];
    let [first, second] =
        [0, 1].map(|at| copied(sent(&mut sender, &receiver, &payloads[at])).expect("room"));
    assert_ne!(first.as_ptr(), second.as_ptr());
    assert_eq!(bytes_of(&first), payloads[0]);
    assert_eq!(bytes_of(&second), payloads[1]);
    let place = first.as_ptr();
    drop(first);
    let third = copied(sent(&mut sender, &receiver, &pattern(3, 2 * MIB + 6))).expect("room");
    assert_eq!(third.as_ptr(), place);
    assert_eq!(bytes_of(&third), pattern(3, 2 * MIB + 6));
    assert_eq!(bytes_of(&second), payloads[1]);
}

#[test]
fn room_is_for_the_payload_it_was_asked_for() {
    let (_arena, mut sender, receiver) = ends(16 * MIB, false);
    let block = sent(&mut sender, &receiver, &pattern(1, 2 * MIB));
    let other = sent(&mut sender, &receiver, &pattern(1, 2 * MIB + 1));
    assert!(block.room_for_copy().expect("room").fill(&other).is_none());
    let small = sent(&mut sender, &receiver, &pattern(1, MIB - 1));
    assert!(small.room_for_copy().is_none());
}

#[test]
fn copies_have_a_limit_for_which_free_memory_of_other_sizes_goes() {
    let (_arena, mut sender, receiver) = ends(16 * MIB, false);
    let mut made = Vec::new();
    while let Some(copy) = copied(sent(&mut sender, &receiver, &pattern(1, 3 * MIB))) {
        made.push(copy);
    }
    assert_eq!(made.len(), 6);
    assert!(copied(sent(&mut sender, &receiver, &pattern(2, 7 * MIB))).is_none());
    made.truncate(2);
    let copy = copied(sent(&mut sender, &receiver, &pattern(3, 7 * MIB))).expect("room");
    assert_eq!(bytes_of(&copy), pattern(3, 7 * MIB));
    assert_eq!(bytes_of(&made[1]), pattern(1, 3 * MIB));
}

#[test]
fn memory_for_copies_is_given_back_when_it_was_free_for_long() {
    let (_arena, mut sender, receiver) = ends(16 * MIB, false);
    let copies = receiver.copies();
    assert_eq!((copies.idle(), copies.shed(Instant::now())), (None, None));
    let copy = copied(sent(&mut sender, &receiver, &pattern(1, 3 * MIB))).expect("room");
    assert_eq!(copies.idle(), Some(IDLE));
    // Who has a copy may keep it for hours: the looks get rarer.
    let now = Instant::now();
    let looks: Vec<_> = (0..9)
        .map(|_| copies.shed(now).expect("a look") - now)
        .collect();
    assert_eq!(looks[..3], [IDLE, 2 * IDLE, 4 * IDLE]);
    assert_eq!(looks[7..], [64 * IDLE; 2]);
    drop(copy);
    let now = Instant::now();
    let due = copies.shed(now).expect("a look");
    assert!(due <= now + IDLE);
    assert_eq!(copies.shed(due), None);
    assert_eq!(copies.idle(), None);
}

#[test]
fn a_copy_outlives_what_it_was_made_for() {
    let (arena, mut sender, receiver) = ends(16 * MIB, false);
    let copy = copied(sent(&mut sender, &receiver, &pattern(1, 3 * MIB))).expect("room");
    drop((arena, sender, receiver));
    assert_eq!(bytes_of(&copy), pattern(1, 3 * MIB));
}

#[test]
fn a_large_copy_moves_to_addresses_that_were_kept_for_it() {
    let (_arena, mut sender, receiver) = ends(128 * MIB, false);
    let payloads = [pattern(1, 17 * MIB + 9), pattern(2, 17 * MIB + 9)];
    let first = copied(sent(&mut sender, &receiver, &payloads[0])).expect("room");
    let Some(Form::Room(form)) = first.form() else {
        panic!("{:?}", first.form());
    };
    let room = Room::new(form).expect("addresses");
    let place = room.as_ptr();
    assert_eq!(room.len(), payloads[0].len());
    let mut second = copied(sent(&mut sender, &receiver, &payloads[1])).expect("room");
    assert!(second.move_to(room));
    assert_eq!(second.as_ptr(), place);
    assert_eq!(bytes_of(&second), payloads[1]);
    assert_eq!(bytes_of(&first), payloads[0]);
    let other = copied(sent(&mut sender, &receiver, &pattern(3, 20 * MIB))).expect("room");
    let mut third = other;
    assert!(!third.move_to(Room::new(form).expect("addresses")));
    assert_eq!(bytes_of(&third), pattern(3, 20 * MIB));
    let small = copied(sent(&mut sender, &receiver, &pattern(4, 2 * MIB))).expect("room");
    assert_eq!(small.form(), None);
}

#[test]
fn the_place_of_a_large_block_is_that_of_the_next_one_there() {
    let (arena, mut sender, receiver) = ends(128 * MIB, true);
    let form = |block: &ReceivedBlock| match block.form() {
        Some(Form::Place(place)) => place,
        other => panic!("{other:?}"),
    };
    let block = sent(&mut sender, &receiver, &pattern(1, 17 * MIB));
    let place = form(&block);
    assert_eq!(place.as_ptr(), Some(block.as_ptr()));
    assert_eq!(place.len(), block.len());
    let elsewhere = sent(&mut sender, &receiver, &pattern(2, 17 * MIB));
    assert_ne!(form(&elsewhere), place);
    drop(block);
    let again = sent(&mut sender, &receiver, &pattern(3, 17 * MIB));
    assert_eq!(form(&again), place);
    drop(again);
    assert_ne!(
        form(&sent(&mut sender, &receiver, &pattern(4, 17 * MIB - 8))),
        place
    );
    assert_eq!(sent(&mut sender, &receiver, &pattern(5, MIB)).form(), None);
    // It keeps no memory.
    drop((arena, sender, receiver, elsewhere));
    assert_eq!(place.as_ptr(), None);
}

// --- ports ------------------------------------------------------------------------------------------------------------

/// Two ports, the first of which sends in blocks of `limit` bytes, and what the second gives back by.
fn ports(limit: usize, max: usize) -> (Port, Port) {
    let (near, far) = InProcessChannel::pair(MIB, Box::new(|| {}), Box::new(|| {}));
    let (_, there, here) = ends(limit, false);
    let (_, sender, receiver) = ends(limit, false);
    let mut near = Port::new(Box::new(near), Order::Interleaved, max);
    near.set_blocks(Blocks {
        sender: there,
        receiver,
    });
    let mut far = Port::new(Box::new(far), Order::Interleaved, max);
    far.set_blocks(Blocks {
        sender,
        receiver: here,
    });
    (near, far)
}

fn call(id: usize) -> Header {
    Header::new(FrameKind::Call, id as u64, 0, 0)
}

#[test]
fn a_large_payload_takes_no_room_in_the_channel() {
    let (mut near, mut far) = ports(64 * MIB, usize::MAX);
    let payload = pattern(1, 8 * MIB);
    near.send(call(1), &[b"main", &payload]);
    assert!(near.flush().unwrap(), "a channel of 1 MiB has taken it all");
    let mut came = 0;
    far.receive(usize::MAX, |header, payload_of_frame| {
        assert_eq!((header.call, header.kind), (1, FrameKind::Call));
        let Payload::Block(block) = payload_of_frame else {
            panic!("it came another way")
        };
        let bytes = copy(&block);
        assert!(&bytes[..4] == b"main" && bytes[4..8] == [0; 4] && bytes[8..] == payload);
        came += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(came, 1);
}

#[test]
fn what_finds_no_block_goes_through_the_channel_in_parts() {
    let (mut near, mut far) = ports(2 * MIB, usize::MAX);
    let sizes = [
        MIB,
        MIB,
        300 * KIB,
        MIN_BLOCK_BYTES - 1,
        5 * MIB,
        MIN_BLOCK_BYTES,
    ];
    for (id, size) in sizes.into_iter().enumerate() {
        near.send_together(call(id), pattern(id, size), size);
    }
    // Kept until the end: none comes back meanwhile.
    let mut blocks = Vec::new();
    let mut came = vec![0; sizes.len()];
    while came.contains(&0) {
        near.flush().unwrap();
        far.receive(usize::MAX, |header, payload| {
            let id = usize::try_from(header.call).unwrap();
            let expected = pattern(id, sizes[id]);
            match payload {
                Payload::Block(block) => {
                    assert!(copy(&block) == expected);
                    blocks.push((id, block));
                }
                payload => assert!(payload.bytes() == expected),
            }
            came[id] += 1;
            Ok(())
        })
        .unwrap();
    }
    assert!(came.iter().all(|times| *times == 1), "{came:?}");
    let in_blocks: Vec<_> = blocks.iter().map(|(id, _)| *id).collect();
    assert_eq!(in_blocks, [0, 1], "two of 1 MiB reach the limit");
}

#[test]
fn control_messages_and_events_never_travel_in_blocks() {
    let (mut near, mut far) = ports(64 * MIB, usize::MAX);
    for (kind, id) in [(FrameKind::Control, 1), (FrameKind::Event, 2)] {
        near.send(Header::new(kind, id, 0, 0), &[&vec![1; MIN_BLOCK_BYTES]]);
    }
    near.flush().unwrap();
    let mut came = 0;
    far.receive(usize::MAX, |_, payload| {
        assert_eq!(payload.bytes(), vec![1; MIN_BLOCK_BYTES]);
        came += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(came, 2);
}

// --- a hostile process ------------------------------------------------------------------------------------------------

/// What a port with blocks says to a frame with that body.
fn say(kind: FrameKind, body: &[u8], max: usize) -> Result<usize, PortError> {
    let (near, mut far) = InProcessChannel::pair(MIB, Box::new(|| {}), Box::new(|| {}));
    let mut port = Port::new(Box::new(near), Order::Interleaved, max);
    let (_, sender, _) = ends(8 * MIB, false);
    let (_, _, receiver) = ends(8 * MIB, false);
    port.set_blocks(Blocks { sender, receiver });
    let header = Header {
        flags: FLAG_BLOCK,
        size: u32::try_from(body.len()).unwrap(),
        ..Header::new(kind, 1, 0, 0)
    };
    let frame = [&header.encode()[..], body].concat();
    let written = plump_core::channel::Channel::try_write(&mut far, &frame).unwrap();
    assert_eq!(written, frame.len());
    let mut length = 0;
    port.receive(usize::MAX, |_, payload| {
        let Payload::Block(block) = payload else {
            panic!("a block was said")
        };
        length = copy(&block).len();
        Ok(())
    })?;
    Ok(length)
}

fn is_breach(said: &Result<usize, PortError>) -> bool {
    matches!(said, Err(PortError::Protocol(_)))
}

const HONEST: BlockRange = BlockRange {
    offset: WORDS,
    length: 200_000,
    shown: 0,
    slot: 0,
    generation: 1,
};

#[test]
fn a_range_that_cannot_be_is_a_breach_of_the_protocol() {
    let said = |range: BlockRange| say(FrameKind::Result, &range.encode(), MIB);
    assert_eq!(said(HONEST).unwrap(), 200_000);
    let end = WORDS + 4 * 8 * MIB as u64;
    let bad = [
        (
            "in the words",
            BlockRange {
                offset: 0,
                ..HONEST
            },
        ),
        (
            "partly in the words",
            BlockRange {
                offset: WORDS - 8,
                ..HONEST
            },
        ),
        (
            "beyond the end",
            BlockRange {
                offset: end,
                ..HONEST
            },
        ),
        (
            "over the end",
            BlockRange {
                offset: end - 199_992,
                ..HONEST
            },
        ),
        (
            "around the end of numbers",
            BlockRange {
                offset: u64::MAX - 7,
                ..HONEST
            },
        ),
        (
            "not aligned",
            BlockRange {
                offset: WORDS + 1,
                ..HONEST
            },
        ),
        (
            "empty",
            BlockRange {
                length: 0,
                ..HONEST
            },
        ),
        (
            "above maxPayloadBytes",
            BlockRange {
                length: MIB as u64 + 1,
                ..HONEST
            },
        ),
        (
            "endless",
            BlockRange {
                length: u64::MAX,
                ..HONEST
            },
        ),
        (
            "more shown than there is",
            BlockRange {
                shown: 200_001,
                ..HONEST
            },
        ),
        (
            "no such block",
            BlockRange {
                slot: 1024,
                ..HONEST
            },
        ),
        (
            "no such block at all",
            BlockRange {
                slot: u32::MAX,
                ..HONEST
            },
        ),
    ];
    for (what, range) in bad {
        assert!(is_breach(&said(range)), "{what}");
    }
}

#[test]
fn a_block_where_none_can_be_is_a_breach_of_the_protocol() {
    let body = HONEST.encode();
    for kind in [
        FrameKind::Chunk,
        FrameKind::Started,
        FrameKind::Refused,
        FrameKind::Control,
        FrameKind::Event,
    ] {
        assert!(is_breach(&say(kind, &body, MIB)), "{kind:?}");
    }
    for length in [
        0,
        1,
        BlockRange::BYTES - 1,
        BlockRange::BYTES + 1,
        MAX_BODY_BYTES,
    ] {
        let body = vec![0; length];
        assert!(is_breach(&say(FrameKind::Result, &body, MIB)), "{length}");
    }
    // Over a channel that has no blocks.
    let (near, mut far) = InProcessChannel::pair(MIB, Box::new(|| {}), Box::new(|| {}));
    let mut port = Port::new(Box::new(near), Order::Interleaved, MIB);
    let header = Header {
        flags: FLAG_BLOCK,
        size: 32,
        ..call(1)
    };
    let frame = [&header.encode()[..], &body].concat();
    plump_core::channel::Channel::try_write(&mut far, &frame).unwrap();
    let said = port.receive(usize::MAX, |_, _| Ok(()));
    assert!(matches!(said, Err(PortError::Protocol(_))));
}

proptest! {
    #[test]
    fn any_range_is_refused_or_lies_inside(body in prop::array::uniform32(any::<u8>()), near in any::<bool>()) {
        let mut range = BlockRange::decode(&body);
        if near {
            range.offset %= 1 << 26;
            range.length %= 1 << 22;
            range.shown %= 1 << 22;
            range.slot %= 2048;
        }
        let (arena, _, receiver) = ends(8 * MIB, false);
        if let Some(block) = receiver.receive(range) {
            prop_assert!(range.offset + range.length <= arena.memory().len() as u64);
            prop_assert_eq!(copy(&block).len() as u64, range.length);
        }
    }
}

#[test]
fn words_that_the_other_process_makes_up_spoil_nothing_but_its_own_payloads() {
    let (arena, mut sender, receiver) = ends(8 * MIB, false);
    let other = again(&arena);
    let word = |slot: usize| {
        // SAFETY: one of the words at the beginning of the arena.
        let word = unsafe { other.memory().as_ptr().add(4 * slot) };
        #[expect(clippy::cast_ptr_alignment, reason = "the mapping begins on a page")]
        // SAFETY: aligned, alive, and only used as an atomic.
        unsafe {
            &*word.cast::<AtomicU32>()
        }
    };
    for number in 0..2000_usize {
        for slot in 0..8 {
            // What was never lent, what is lent, and what will be.
            let made_up = number.wrapping_mul(slot + 1) % 64;
            word(slot).store(u32::try_from(made_up).unwrap(), Ordering::Relaxed);
        }
        if let Some(range) = fill(&mut sender, &pattern(number, 200 * KIB + number)) {
            let block = receiver.receive(range).expect("a block of the sender's");
            // Given back twice.
            drop(receiver.receive(range));
            drop(block);
        }
        assert!(sender.reserved() <= 8 * MIB);
    }
}

#[test]
fn bytes_and_pages_may_change_while_they_are_copied() {
    let (arena, mut sender, receiver) = ends(8 * MIB, false);
    let other = again(&arena);
    let range = fill(&mut sender, &vec![0; MIB]).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let offset = usize::try_from(range.offset).unwrap();
            for round in 0_u64.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                other.memory().give_back(offset, MIB).unwrap();
                // SAFETY: inside of the arena.
                let start = unsafe { other.memory().as_ptr().add(offset) };
                // SAFETY: the same for all of the block.
                unsafe { start.write_bytes(round.to_le_bytes()[0], MIB) };
            }
        });
        for _ in 0..200 {
            let block = receiver.receive(range).unwrap();
            assert_eq!(copy(&block).len(), MIB);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_arena_cannot_be_made_of_anything_else() {
    let small = plump_core::memory::SharedMemory::create(4096).expect("shared memory");
    let end = small.inherit().expect("a descriptor");
    let number = i32::try_from(end.handle_number()).unwrap();
    // SAFETY: the descriptor is open; the call only makes another one.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    assert!(Arena::open_inherited(u64::try_from(copy).unwrap()).is_err());
}
