//! Ports: frames out of any cut of the bytes, long payloads beside short ones, and every kind of bytes that are none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use plump_core::bus::Event;
use plump_core::channel::in_process::InProcessChannel;
use plump_core::channel::{Channel, ChannelKind, Sleeper};
use plump_core::frame::{FLAG_MORE, FrameKind, HEADER_BYTES, Header, MAX_BODY_BYTES};
use plump_core::limits::{MAX_CONTROL_BYTES, MAX_PARTIAL_PAYLOADS};
use plump_core::port::{Order, Payload, Port, PortError, extend_padded, padded_length};

const MIB: usize = 1024 * 1024;
const PLENTY: usize = 64 * MIB;
/// Larger than anything that a test puts into a channel at once.
const BUDGET: usize = usize::MAX;

// --- what a thread has allocated ----------------------------------------------------------------------------------------

/// Counts the bytes that each thread holds, so that a test can say what a claim of the other side has cost.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    HELD.with(|held| {
        held.set(held.get() + change);
        PEAK.with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn size(layout: Layout) -> isize {
    isize::try_from(layout.size()).unwrap_or(isize::MAX)
}

// SAFETY: every request goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-size(layout));
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that this thread held during `work`, beyond what it held before.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap_or_default()
}

// --- ports on channels in memory --------------------------------------------------------------------------------------

/// A frame as it came out of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    kind: FrameKind,
    call: u64,
    a: u32,
    b: u32,
    payload: Vec<u8>,
}

fn channels(capacity: usize) -> (InProcessChannel, InProcessChannel) {
    InProcessChannel::pair(capacity, Box::new(|| {}), Box::new(|| {}))
}

fn ports(capacity: usize, order: Order, max: usize) -> (Port, Port) {
    let (near, far) = channels(capacity);
    (
        Port::new(Box::new(near), order, max),
        Port::new(Box::new(far), order, max),
    )
}

/// Receives until the channel has nothing more; the frames, and how it ended.
fn receive_all(port: &mut Port) -> (Vec<Frame>, Option<PortError>) {
    let mut frames = Vec::new();
    loop {
        let received = port.receive(BUDGET, |header, payload| {
            frames.push(Frame {
                kind: header.kind,
                call: header.call,
                a: header.a,
                b: header.b,
                payload: payload.bytes().to_vec(),
            });
            Ok(())
        });
        match received {
            Err(error) => return (frames, Some(error)),
            Ok(_) if !port.channel().may_have_bytes() => return (frames, None),
            Ok(_) => {}
        }
    }
}

/// What a port makes of these bytes, followed by the end of the channel.
fn read_stream(bytes: &[u8], max: usize) -> (Vec<Frame>, PortError) {
    let (mut writer, reader) = channels(bytes.len().max(1));
    assert_eq!(writer.try_write(bytes).unwrap_or_default(), bytes.len());
    drop(writer);
    let mut port = Port::new(Box::new(reader), Order::Interleaved, max);
    let (frames, error) = receive_all(&mut port);
    (frames, error.expect("a channel that was closed ends"))
}

fn protocol(error: &PortError) -> &str {
    match error {
        PortError::Protocol(what) => what,
        PortError::End | PortError::Io(_) => panic!("no breach of the protocol: {error}"),
    }
}

/// The bytes of a frame, whatever they say.
fn raw(kind: u8, flags: u8, size: u32, call: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&[kind, flags, 0, 0]);
    bytes.extend_from_slice(&call.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(body);
    bytes
}

fn frame(kind: FrameKind, flags: u8, call: u64, body: &[u8]) -> Vec<u8> {
    raw(
        kind as u8,
        flags,
        u32::try_from(body.len()).unwrap(),
        call,
        body,
    )
}

/// A first frame that says how long the payload is and brings `part` of it.
fn beginning(kind: FrameKind, call: u64, total: u64, part: &[u8]) -> Vec<u8> {
    frame(
        kind,
        FLAG_MORE,
        call,
        &[&total.to_le_bytes(), part].concat(),
    )
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Frames of every kind and of every length that is somehow special.
fn assorted() -> Vec<Frame> {
    let mut random = Random(1);
    let mut frames = Vec::new();
    for (index, length) in [
        0,
        1,
        23,
        24,
        MAX_BODY_BYTES - 8,
        MAX_BODY_BYTES - 1,
        MAX_BODY_BYTES,
        MAX_BODY_BYTES + 1,
        2 * MAX_BODY_BYTES - 8,
        2 * MAX_BODY_BYTES - 7,
        300_001,
        3,
    ]
    .into_iter()
    .enumerate()
    {
        let kinds = [FrameKind::Call, FrameKind::Result, FrameKind::Thrown];
        frames.push(Frame {
            kind: kinds[index % kinds.len()],
            call: random.next(),
            a: u32::try_from(index).unwrap(),
            b: u32::MAX - u32::try_from(index).unwrap(),
            payload: random.bytes(length),
        });
    }
    frames.push(Frame {
        kind: FrameKind::Started,
        call: u64::MAX,
        a: 0,
        b: 0,
        payload: Vec::new(),
    });
    frames
}

fn send(port: &mut Port, frame: &Frame) {
    let header = Header::new(frame.kind, frame.call, frame.a, frame.b);
    port.send(header, &[&frame.payload]);
}

/// The bytes that a port writes for these frames, one after the other.
fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    let (near, mut far) = channels(PLENTY);
    let mut port = Port::new(Box::new(near), Order::Interleaved, PLENTY);
    let mut bytes = Vec::new();
    for frame in frames {
        send(&mut port, frame);
        assert!(port.flush().unwrap());
        let mut into = vec![0; MIB];
        while let Ok(read) = far.try_read(&mut into) {
            bytes.extend_from_slice(&into[..read]);
        }
    }
    bytes
}

/// A channel whose reads give a few bytes only.
struct Dribbling {
    channel: InProcessChannel,
    random: Random,
    most: usize,
}

impl Channel for Dribbling {
    fn try_read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = 1 + self.random.below(self.most);
        let most = most.min(into.len());
        self.channel.try_read(&mut into[..most])
    }

    fn try_write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        let most = 1 + self.random.below(self.most);
        self.channel.try_write(&from[..most.min(from.len())])
    }

    fn may_have_bytes(&self) -> bool {
        self.channel.may_have_bytes()
    }

    fn sleep(&mut self, who: Sleeper) -> bool {
        self.channel.sleep(who)
    }

    fn watch(&mut self) {
        self.channel.watch();
    }

    fn peer_on_other_cpu(&self) -> bool {
        true
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Pipe
    }
}

// --- honest streams ---------------------------------------------------------------------------------------------------

#[test]
fn frames_come_out_whole_however_the_bytes_are_cut() {
    let sent = assorted();
    let bytes = bytes_of(&sent);
    for (seed, most) in [
        (1, 1),
        (2, 2),
        (3, 25),
        (4, 1000),
        (5, 70_000),
        (6, 200_000),
    ] {
        let (mut writer, reader) = channels(bytes.len());
        assert_eq!(writer.try_write(&bytes).unwrap(), bytes.len());
        let reader = Dribbling {
            channel: reader,
            random: Random(seed),
            most,
        };
        let mut port = Port::new(Box::new(reader), Order::Interleaved, PLENTY);
        let (frames, error) = receive_all(&mut port);
        assert!(error.is_none());
        assert!(frames == sent, "reads of 1 to {most} bytes");
    }
}

#[test]
fn frames_arrive_through_a_channel_that_takes_and_gives_a_few_bytes_at_a_time() {
    let sent = assorted();
    let (near, far) = channels(10_000);
    let dribbling = |channel, seed| {
        Box::new(Dribbling {
            channel,
            random: Random(seed),
            most: 5_000,
        })
    };
    let mut near = Port::new(dribbling(near, 1), Order::Strict, PLENTY);
    let mut far = Port::new(dribbling(far, 2), Order::Strict, PLENTY);
    for frame in &sent {
        send(&mut near, frame);
    }
    let mut arrived = Vec::new();
    while arrived.len() < sent.len() {
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(error.is_none());
        arrived.extend(frames);
    }
    let mut expected = sent;
    expected.sort_by_key(|frame| frame.call);
    arrived.sort_by_key(|frame| frame.call);
    assert!(arrived == expected);
    assert_eq!(near.backlog(), 0);
}

#[test]
fn a_small_frame_arrives_before_the_end_of_a_large_one_that_was_sent_earlier() {
    let (mut near, mut far) = ports(100_000, Order::Interleaved, PLENTY);
    let large = vec![7; MIB];
    near.send(Header::new(FrameKind::Result, 1, 0, 0), &[&large]);
    assert!(!near.flush().unwrap(), "the channel holds less");
    near.send(Header::new(FrameKind::Result, 2, 0, 0), &[b"small"]);
    let mut order = Vec::new();
    let mut turns = 0;
    while order.len() < 2 {
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(error.is_none());
        turns += 1;
        order.extend(frames.into_iter().map(|frame| (frame.call, turns)));
    }
    assert_eq!(order[0].0, 2);
    assert!(
        order[0].1 <= 3 && order[1].1 >= 10,
        "turns at which they came: {order:?}"
    );
}

#[test]
fn large_frames_take_turns() {
    let (mut near, mut far) = ports(100_000, Order::Interleaved, PLENTY);
    // Six times as long as the other: if it went first as a whole, it would arrive first.
    near.send(
        Header::new(FrameKind::Result, 1, 0, 0),
        &[&vec![1; 6 * MIB]],
    );
    near.send(Header::new(FrameKind::Result, 2, 0, 0), &[&vec![2; MIB]]);
    let mut arrived = Vec::new();
    while arrived.len() < 2 {
        near.flush().unwrap();
        arrived.extend(receive_all(&mut far).0);
    }
    assert_eq!((arrived[0].call, arrived[1].call), (2, 1));
    assert!(arrived[0].payload == vec![2; MIB] && arrived[1].payload == vec![1; 6 * MIB]);
}

/// Sends in strict order through a narrow channel; the numbers in the order in which they arrive.
fn strictly(frames: &[(FrameKind, u64, usize)]) -> Vec<u64> {
    let (mut near, mut far) = ports(70_000, Order::Strict, PLENTY);
    for (kind, call, length) in frames {
        near.send(Header::new(*kind, *call, 0, 0), &[&vec![0; *length]]);
        near.flush().unwrap();
    }
    let mut arrived = Vec::new();
    for _ in 0..1000 {
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(error.is_none(), "{}", error.unwrap());
        arrived.extend(frames.into_iter().map(|frame| frame.call));
    }
    arrived
}

#[test]
fn no_event_overtakes_another() {
    use FrameKind::Event;
    let lengths = [10, 200_000, 10, 0, MAX_BODY_BYTES, 300_000, 150_000, 1];
    let events: Vec<_> = (1..)
        .zip(lengths)
        .map(|(number, length)| (Event, number, length))
        .collect();
    assert_eq!(strictly(&events), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_control_message_goes_past_a_long_event_and_not_past_a_long_control_message() {
    use FrameKind::{Control, Event};
    let arrived = strictly(&[(Event, 1, 900_000), (Control, 0, 10)]);
    assert_eq!(arrived, [0, 1], "a pong must not wait for a large event");
    // Names of commands may be long; that the worker is ready must not be heard before them.
    let (mut near, mut far) = ports(70_000, Order::Strict, 1024);
    let names = vec![b'n'; 500_000];
    near.send(Header::new(Control, 0, 0, 0), &[&names]);
    near.send(Header::new(Control, 0, 0, 0), &[b"ready"]);
    near.send(Header::new(Control, 0, 0, 0), &[&names]);
    near.send(Header::new(Control, 0, 0, 0), &[b"bye"]);
    let mut arrived = Vec::new();
    for _ in 0..100 {
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(error.is_none(), "{}", error.unwrap());
        arrived.extend(frames.into_iter().map(|frame| frame.payload.len()));
    }
    assert_eq!(arrived, [500_000, 5, 500_000, 3]);
}

#[test]
fn control_messages_have_their_own_limit_and_events_room_for_their_names() {
    let limit = 1024;
    let (mut near, mut far) = ports(8 * MIB, Order::Strict, limit);
    near.send(
        Header::new(FrameKind::Control, 0, 0, 0),
        &[&vec![0; MAX_CONTROL_BYTES]],
    );
    let name = "n".repeat(255);
    let event = Event::new(&name, &name, &[&vec![0; limit]]).unwrap();
    near.send(Header::new(FrameKind::Event, 1, 0, 0), &[event.body()]);
    assert!(near.flush().unwrap());
    let (frames, error) = receive_all(&mut far);
    assert!(error.is_none(), "{}", error.unwrap());
    assert_eq!(frames.len(), 2);
    near.send(
        Header::new(FrameKind::Control, 0, 0, 0),
        &[&vec![0; MAX_CONTROL_BYTES + 1]],
    );
    near.flush().unwrap();
    let (_, error) = receive_all(&mut far);
    assert!(protocol(&error.unwrap()).contains("at most 4194304"));
}

#[test]
fn the_parts_of_a_payload_begin_at_multiples_of_eight() {
    for parts in [
        &[&b"main"[..], b"12345678", b"x"][..],
        &[b"", b"segment"],
        &[b"12345678", b"", b"9"],
        &[],
    ] {
        let (mut near, mut far) = ports(MIB, Order::Interleaved, PLENTY);
        near.send(Header::new(FrameKind::Call, 1, 2, 3), parts);
        near.flush().unwrap();
        let (frames, _) = receive_all(&mut far);
        let mut expected = Vec::new();
        extend_padded(&mut expected, parts);
        assert_eq!(frames[0].payload, expected);
        assert_eq!(expected.len(), padded_length(parts));
        let mut at = 0;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            at = usize::next_multiple_of(at, 8);
            assert_eq!(&expected[at..at + part.len()], *part);
            at += part.len();
        }
    }
}

#[test]
fn a_payload_of_the_largest_size_passes_and_one_byte_more_ends_the_link() {
    for limit in [1024, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, MIB] {
        let (mut near, mut far) = ports(4 * MIB, Order::Interleaved, limit);
        near.send(Header::new(FrameKind::Call, 1, 0, 0), &[&vec![0; limit]]);
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(error.is_none());
        assert_eq!(frames[0].payload.len(), limit);
        near.send(
            Header::new(FrameKind::Call, 2, 0, 0),
            &[&vec![0; limit + 1]],
        );
        near.flush().unwrap();
        let (frames, error) = receive_all(&mut far);
        assert!(frames.is_empty());
        assert!(protocol(&error.unwrap()).contains("maxPayloadBytes"));
    }
}

#[test]
fn a_budget_ends_a_turn_and_loses_nothing() {
    let (mut near, mut far) = ports(PLENTY, Order::Interleaved, PLENTY);
    for call in 0..100 {
        near.send(
            Header::new(FrameKind::Call, call, 0, 0),
            &[&vec![0; 50_000]],
        );
    }
    near.flush().unwrap();
    let (mut seen, mut turns) = (0, 0);
    loop {
        let mut frames = 0;
        let more = far.receive(100_000, |header, _| {
            assert_eq!(header.call, seen);
            seen += 1;
            frames += 1;
            Ok(())
        });
        turns += 1;
        assert!(frames <= 8, "{frames} frames of 50 kB in a turn of 100 kB");
        if !more.unwrap() {
            break;
        }
    }
    assert_eq!(seen, 100);
    assert!(turns > 10);
}

#[test]
fn what_was_written_before_the_end_is_read_before_the_end() {
    let (mut near, mut far) = ports(MIB, Order::Interleaved, PLENTY);
    near.send(Header::new(FrameKind::Result, 1, 0, 0), &[b"last"]);
    near.flush().unwrap();
    drop(near);
    let (frames, error) = receive_all(&mut far);
    assert_eq!(frames[0].payload, b"last");
    assert!(matches!(error, Some(PortError::End)));
    far.send(Header::new(FrameKind::Call, 1, 0, 0), &[b"late"]);
    assert_eq!(
        far.flush().unwrap_err().kind(),
        std::io::ErrorKind::BrokenPipe
    );
}

#[test]
fn an_error_of_the_receiver_ends_the_turn_behind_the_frame_that_it_refused() {
    let (mut near, mut far) = ports(MIB, Order::Interleaved, PLENTY);
    for call in 1..=3 {
        near.send(Header::new(FrameKind::Result, call, 0, 0), &[]);
    }
    near.flush().unwrap();
    let mut seen = Vec::new();
    let error = far.receive(BUDGET, |header, _| {
        seen.push(header.call);
        Err(PortError::Protocol("refused".into()))
    });
    assert_eq!(protocol(&error.unwrap_err()), "refused");
    assert_eq!(seen, [1]);
}

// --- hostile streams --------------------------------------------------------------------------------------------------

#[test]
fn bytes_that_are_no_frames_end_the_link_with_a_word_about_what_was_wrong() {
    use FrameKind::{Call, Chunk, Control, Refused, Result, Started, Thrown};
    let limit = 100_000;
    let total = |total: u64| beginning(Result, 1, total, b"12345678");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("unknown frame kind 0", raw(0, 0, 0, 0, &[])),
        ("unknown frame kind 7", raw(7, 0, 0, 0, &[])),
        ("unknown frame kind 255", raw(255, 0, 0, 0, &[])),
        ("unknown frame flags 0x08", raw(Call as u8, 8, 0, 0, &[])),
        (
            "unknown frame flags 0x04",
            raw(Result as u8, 4, 32, 0, &[0; 32]),
        ),
        (
            "0 bytes where the range of a block was",
            raw(Call as u8, 2, 0, 0, &[]),
        ),
        ("unknown frame flags 0x81", raw(Call as u8, 0x81, 8, 0, &[])),
        (
            "unknown frame flags 0x01",
            frame(Started, FLAG_MORE, 1, &[0; 8]),
        ),
        (
            "unknown frame flags 0x01",
            frame(Chunk, FLAG_MORE, 1, &[0; 8]),
        ),
        (
            "unknown frame flags 0x01",
            frame(Refused, FLAG_MORE, 1, &[0; 8]),
        ),
        (
            "frame body of 65537 bytes",
            raw(Call as u8, 0, 65_537, 0, &[]),
        ),
        (
            "frame body of 4294967295 bytes",
            raw(Call as u8, 0, u32::MAX, 0, &[]),
        ),
        (
            "frame body of 4294967295 bytes",
            raw(Chunk as u8, 0, u32::MAX, 0, &[]),
        ),
        ("without its total", frame(Call, FLAG_MORE, 1, &[0; 7])),
        ("without its total", frame(Thrown, FLAG_MORE, 1, &[])),
        ("a payload of 100001 bytes", total(100_001)),
        ("a payload of 18446744073709551615 bytes", total(u64::MAX)),
        ("a payload of 4611686018427387904 bytes", total(1 << 62)),
        ("does not fit its total length", total(7)),
        ("does not fit its total length", total(0)),
        (
            "does not fit its total length",
            [total(10), frame(Chunk, 0, 1, b"123")].concat(),
        ),
        (
            "does not fit its total length",
            [total(10), frame(Chunk, 0, 1, b"")].concat(),
        ),
        (
            "does not fit its total length",
            beginning(Result, 1, 10, b""),
        ),
        ("never began", frame(Chunk, 0, 1, b"12")),
        ("never began", frame(Chunk, 0, 1, b"")),
        (
            "never began",
            [total(10), frame(Chunk, 0, 2, b"12")].concat(),
        ),
        (
            "never began",
            [
                total(10),
                frame(Chunk, 0, 1, b"12"),
                frame(Chunk, 0, 1, b"3"),
            ]
            .concat(),
        ),
        ("began twice", [total(10), total(10)].concat()),
        ("reserved bytes", {
            let mut bytes = frame(Call, 0, 1, &[]);
            bytes[6] = 1;
            bytes
        }),
        ("reserved bytes", {
            let mut bytes = frame(Control, 0, 1, &[]);
            bytes[7] = 0x80;
            bytes
        }),
    ];
    for (expected, bytes) in cases {
        // An honest frame before it is still delivered, one behind it is not.
        let honest = frame(Result, 0, 99, b"honest");
        let stream = [&honest[..], &bytes, &honest].concat();
        let (frames, error) = read_stream(&stream, limit);
        let delivered = frames.iter().filter(|frame| frame.call == 99).count();
        assert_eq!(delivered, 1, "{expected}");
        let said = protocol(&error);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_long_payload_may_be_empty_or_whole_in_its_first_frame() {
    for (total, part) in [(0, &b""[..]), (4, b"whole".get(..4).unwrap())] {
        let (frames, _) = read_stream(&beginning(FrameKind::Event, 5, total, part), 100);
        assert_eq!(frames[0].payload, part);
    }
}

#[test]
fn a_header_that_is_cut_short_waits_for_its_rest() {
    let bytes = frame(FrameKind::Call, 0, 3, b"body");
    for cut in 0..bytes.len() {
        let (mut writer, reader) = channels(MIB);
        let mut port = Port::new(Box::new(reader), Order::Interleaved, PLENTY);
        if cut > 0 {
            writer.try_write(&bytes[..cut]).unwrap();
        }
        let (frames, error) = receive_all(&mut port);
        assert!(
            frames.is_empty() && error.is_none(),
            "{cut} bytes are no frame"
        );
        writer.try_write(&bytes[cut..]).unwrap();
        let (frames, _) = receive_all(&mut port);
        assert_eq!(frames[0].payload, b"body");
        writer.try_write(&bytes[..cut]).unwrap_or_default();
        drop(writer);
        let (frames, error) = receive_all(&mut port);
        assert!(frames.is_empty() && matches!(error, Some(PortError::End)));
    }
}

#[test]
fn a_claim_of_a_large_payload_costs_nothing_until_it_arrives() {
    let max = 1 << 40;
    let (mut writer, reader) = channels(PLENTY);
    let mut port = Port::new(Box::new(reader), Order::Interleaved, max);
    for call in 0..1000 {
        let bytes = beginning(FrameKind::Result, call, max as u64, &[0; 8]);
        writer.try_write(&bytes).unwrap();
    }
    let peak = peak_of(|| assert!(receive_all(&mut port).1.is_none()));
    assert!(peak < MIB, "{peak} bytes for claims alone");
    let mut arrived = 8;
    let chunk = frame(FrameKind::Chunk, 0, 0, &vec![0; MAX_BODY_BYTES]);
    let peak = peak_of(|| {
        for _ in 0..200 {
            writer.try_write(&chunk).unwrap();
            assert!(receive_all(&mut port).1.is_none());
            arrived += MAX_BODY_BYTES;
        }
    });
    assert!(
        peak < 3 * arrived + MIB,
        "{peak} bytes for {arrived} that have arrived"
    );
}

#[test]
fn payloads_under_way_are_counted() {
    let mut stream = Vec::new();
    for call in 0..=MAX_PARTIAL_PAYLOADS as u64 {
        stream.extend(beginning(FrameKind::Result, call, 100, &[0; 8]));
    }
    let (_, error) = read_stream(&stream, 1000);
    assert!(protocol(&error).contains("too many are under way"));
}

#[test]
fn events_arrive_one_after_the_other_so_only_one_can_be_under_way() {
    let (mut writer, reader) = channels(MIB);
    let mut port = Port::new(Box::new(reader), Order::Strict, 1000);
    for call in 1..=3 {
        let bytes = beginning(FrameKind::Event, call, 100, &[0; 8]);
        writer.try_write(&bytes).unwrap();
    }
    let (_, error) = receive_all(&mut port);
    assert!(protocol(&error.expect("an error")).contains("too many are under way"));
}

/// A seeded storm of changes to honest streams. What came before the change is delivered as it was sent, nothing is
/// delivered that is above the limit, and nothing is held that did not arrive.
#[test]
fn no_change_of_an_honest_stream_breaks_the_reader() {
    const LIMIT: usize = 2000;
    const CHANGES: usize = 200_000;
    let mut random = Random(0xBAD_F00D);
    let (mut breaches, mut delivered) = (0, 0);
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = Vec::new();
        let mut frames = Vec::new();
        for call in 0..=random.below(6) as u64 {
            let kinds = [
                FrameKind::Call,
                FrameKind::Result,
                FrameKind::Thrown,
                FrameKind::Event,
            ];
            let kind = kinds[random.below(kinds.len())];
            let length = random.below(200);
            let payload = random.bytes(length);
            if random.below(2) == 0 {
                stream.extend(frame(kind, 0, call, &payload));
            } else {
                let cut = (1 + random.below(100)).min(payload.len());
                stream.extend(beginning(kind, call, payload.len() as u64, &payload[..cut]));
                for part in payload[cut..].chunks(50) {
                    stream.extend(frame(FrameKind::Chunk, 0, call, part));
                }
            }
            let frame = Frame {
                kind,
                call,
                a: 0,
                b: 0,
                payload,
            };
            frames.push((stream.len(), frame));
        }
        streams.push((stream, frames));
    }
    for change in 0..CHANGES {
        let (stream, frames) = &streams[change % streams.len()];
        let mut bytes = stream.clone();
        let mut first = bytes.len();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len().max(1));
            if bytes.is_empty() {
                break;
            }
            first = first.min(at);
            match random.below(6) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next().to_le_bytes()[0],
                2 => bytes.truncate(at),
                3 => {
                    bytes.remove(at);
                }
                4 => {
                    let (from, count) = (random.below(bytes.len()), random.below(40));
                    let copied: Vec<u8> = bytes[from..].iter().take(count).copied().collect();
                    bytes.splice(at..at, copied);
                }
                _ => {
                    let word = [0, 1, 0xffff, 0x1_0000, 0x1_0001, u32::MAX][random.below(6)];
                    for (byte, new) in bytes[at..].iter_mut().zip(word.to_le_bytes()) {
                        *byte = new;
                    }
                }
            }
        }
        let mut outcome = None;
        let peak = peak_of(|| outcome = Some(read_stream(&bytes, LIMIT)));
        assert!(peak < 400_000, "change {change}: {peak} bytes held");
        let (read, error) = outcome.unwrap();
        let before = frames.iter().take_while(|(end, _)| *end <= first);
        for (index, (_, frame)) in before.enumerate() {
            assert!(read.get(index) == Some(frame), "change {change}");
        }
        for frame in &read {
            assert!(frame.payload.len() <= LIMIT + 514, "change {change}");
        }
        delivered += read.len();
        breaches += usize::from(matches!(error, PortError::Protocol(_)));
    }
    assert!(
        breaches > CHANGES / 4 && delivered > CHANGES,
        "{breaches} breaches, {delivered} frames: the storm must reach both"
    );
}

#[test]
fn random_bytes_never_break_the_reader() {
    let mut random = Random(77);
    for _ in 0..20_000 {
        let length = random.below(300);
        let mut bytes = random.bytes(length);
        // Half of them pass for a header at least.
        if random.below(2) == 0 && bytes.len() > 8 {
            bytes[1..4].fill(0);
            bytes[4] = [1, 2, 3, 4, 5, 6, 16, 17][random.below(8)];
            bytes[5..8].fill(0);
        }
        let _ = read_stream(&bytes, 1000);
    }
}

#[test]
fn a_port_that_has_failed_can_be_asked_again() {
    let (mut writer, reader) = channels(MIB);
    let mut port = Port::new(Box::new(reader), Order::Interleaved, 1000);
    writer.try_write(&raw(99, 0, 0, 0, &[])).unwrap();
    for _ in 0..10 {
        let (frames, error) = receive_all(&mut port);
        assert!(frames.is_empty() && error.is_some());
        writer.try_write(&vec![0xff; 50_000]).unwrap();
    }
}

#[test]
fn a_payload_says_its_bytes_whichever_way_it_came() {
    assert_eq!(Payload::Whole(b"x").bytes(), b"x");
    assert_eq!(Payload::Assembled(b"y".to_vec()).bytes(), b"y");
}
