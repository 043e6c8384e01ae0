//! The bytes of the protocol: `protocol/README.md` says what they are, `protocol/vectors.json` has examples that were
//! made from that page, and that the TypeScript half reads, too (`__test__/protocol/vectors.test.ts`).

use std::fs;
use std::path::Path;

use plump_core::bus::Event;
use plump_core::channel::Channel;
use plump_core::channel::in_process::InProcessChannel;
use plump_core::control::{Control, PROTOCOL};
use plump_core::environment::Environment;
use plump_core::errors::ErrorKind;
use plump_core::failure::Failure;
use plump_core::frame::{FLAG_MORE, FrameError, FrameKind, HEADER_BYTES, Header, MAX_BODY_BYTES};
use plump_core::limits::{
    MAX_COMMAND_NAME_BYTES, MAX_COMMANDS, MAX_CONTROL_BYTES, MAX_PARTIAL_PAYLOADS,
    MAX_QUEUE_NAME_BYTES,
};
use plump_core::port::{Order, Port, PortError, extend_padded, padded_length};
use serde_json::{Value, json};

fn protocol_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../protocol")
        .join(name);
    fs::read_to_string(path).expect(name)
}

/// The vectors of one chapter.
fn vectors(chapter: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(&protocol_file("vectors.json")).expect("JSON");
    let vectors = all[chapter].as_array().expect(chapter).clone();
    assert!(!vectors.is_empty());
    vectors
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().expect(field)
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2));
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn number(vector: &Value, field: &str) -> u32 {
    u32::try_from(vector[field].as_u64().expect(field)).expect("32 bits")
}

fn kind_named(name: &str) -> FrameKind {
    let mut kinds = FrameKind::ALL.iter().copied();
    kinds
        .find(|kind| format!("{kind:?}") == name)
        .expect("a kind of that name")
}

fn name_of(error: FrameError) -> String {
    let name = format!("{error:?}");
    name.split('(').next().unwrap_or_default().to_owned()
}

// --- the page ---------------------------------------------------------------------------------------------------------

/// The rows of the page's table whose head begins with these cells.
fn table(head: &[&str]) -> Vec<Vec<String>> {
    let page = protocol_file("README.md");
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = page.lines();
    lines
        .find(|line| {
            let cells = cells(line);
            line.starts_with('|')
                && cells.len() >= head.len()
                && cells.iter().zip(head).all(|(cell, head)| cell == head)
        })
        .unwrap_or_else(|| panic!("a table that begins with {head:?}"));
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect()
}

#[test]
fn the_page_has_every_kind_of_frame_with_its_number_and_whether_it_can_be_long() {
    let rows = table(&["kind", "name", "channel", "direction", "long"]);
    assert_eq!(rows.len(), FrameKind::ALL.len());
    for (row, kind) in rows.iter().zip(FrameKind::ALL) {
        assert_eq!(row[0], (*kind as u8).to_string());
        assert_eq!(row[1], format!("{kind:?}"));
        assert_eq!(row[4], if kind.may_be_long() { "yes" } else { "no" });
        assert_eq!(FrameKind::from_byte(*kind as u8), Some(*kind));
    }
    let known = (0..=255)
        .filter(|byte| FrameKind::from_byte(*byte).is_some())
        .count();
    assert_eq!(known, FrameKind::ALL.len());
}

#[test]
fn the_page_has_every_field_of_the_header_at_its_place() {
    let rows = table(&["offset", "bytes", "field"]);
    let header = Header {
        kind: FrameKind::Event,
        flags: FLAG_MORE,
        size: 0x1234,
        call: 0x0102_0304_0506_0708,
        a: 0x2122_2324,
        b: 0x3132_3334,
    };
    let encoded = header.encode();
    let mut next = 0;
    for row in rows {
        let (offset, length): (usize, usize) = (row[0].parse().unwrap(), row[1].parse().unwrap());
        assert_eq!(offset, next, "no gap before {}", row[2]);
        next = offset + length;
        let mut word = [0; 8];
        word[..length].copy_from_slice(&encoded[offset..next]);
        let expected = match row[2].as_str() {
            "size" => u64::from(header.size),
            "kind" => u64::from(header.kind as u8),
            "flags" => u64::from(header.flags),
            "reserved" => 0,
            "call" => header.call,
            "a" => u64::from(header.a),
            "b" => u64::from(header.b),
            other => panic!("no field {other}"),
        };
        assert_eq!(u64::from_le_bytes(word), expected, "{}", row[2]);
    }
    assert_eq!(next, HEADER_BYTES);
}

#[test]
fn the_page_has_every_control_message_with_its_number() {
    let rows = table(&["number", "message", "direction"]);
    let mut seen = 0;
    for (row, index) in rows.iter().zip(0_u8..) {
        assert_eq!(row[0], index.to_string());
        let named = |vector: &&Value| text(vector, "name") == row[1];
        let all = vectors("controls");
        let vector = all.iter().find(named).expect("a vector for each message");
        assert_eq!(bytes(text(vector, "hex"))[0], index);
        seen += 1;
    }
    let unknown = u8::try_from(seen).unwrap();
    assert_eq!(Control::decode(&[unknown]), None, "no message is missing");
}

#[test]
fn the_page_has_the_limits() {
    let grouped = |number: usize| {
        let digits = number.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        grouped
    };
    let rows = table(&["what", "at most"]);
    let row = |what: &str| -> &str {
        let row = rows.iter().find(|row| row[0].starts_with(what));
        &row.expect(what)[1]
    };
    let event_names = (2 * (2 + MAX_QUEUE_NAME_BYTES)).to_string();
    for (what, limits) in [
        ("payload of an event", vec![event_names]),
        ("control message", vec![grouped(MAX_CONTROL_BYTES)]),
        ("detail of a refusal", vec![grouped(MAX_BODY_BYTES)]),
        ("long payloads", vec![grouped(MAX_PARTIAL_PAYLOADS)]),
        (
            "command names",
            vec![grouped(MAX_COMMANDS), grouped(MAX_COMMAND_NAME_BYTES)],
        ),
        ("name of a queue", vec![MAX_QUEUE_NAME_BYTES.to_string()]),
    ] {
        for limit in limits {
            assert!(row(what).contains(&limit), "{what}: {}", row(what));
        }
    }
    let page = protocol_file("README.md");
    assert!(page.contains(&format!("Version {PROTOCOL}.")));
}

// --- the vectors ------------------------------------------------------------------------------------------------------

#[test]
fn headers_are_read_and_written_as_the_vectors_have_them() {
    for vector in vectors("headers") {
        let name = text(&vector, "name");
        let given = bytes(text(&vector, "hex"));
        let given: [u8; HEADER_BYTES] = given.try_into().expect(name);
        let decoded = Header::decode(&given);
        if let Some(error) = vector["error"].as_str() {
            assert_eq!(decoded.map_err(name_of), Err(error.to_owned()), "{name}");
            continue;
        }
        let fields = &vector["fields"];
        let expected = Header {
            kind: kind_named(text(fields, "kind")),
            flags: u8::try_from(number(fields, "flags")).unwrap(),
            size: number(fields, "size"),
            call: text(fields, "call").parse().unwrap(),
            a: number(fields, "a"),
            b: number(fields, "b"),
        };
        assert_eq!(decoded, Ok(expected), "{name}");
        assert_eq!(expected.encode(), given, "{name}");
    }
}

#[test]
fn every_error_of_a_header_has_a_vector_and_a_sentence() {
    let named: Vec<String> = vectors("headers")
        .iter()
        .filter_map(|vector| vector["error"].as_str().map(str::to_owned))
        .collect();
    for error in [
        FrameError::UnknownKind(1),
        FrameError::UnknownFlags(1),
        FrameError::Reserved,
        FrameError::TooLarge(1),
        FrameError::Truncated,
        FrameError::NoRange(1),
    ] {
        assert!(named.contains(&name_of(error)), "{error:?}");
        assert!(error.to_string().len() > 15);
    }
}

#[test]
fn streams_give_the_frames_that_the_vectors_have() {
    for vector in vectors("streams") {
        let name = text(&vector, "name");
        let stream = bytes(text(&vector, "hex"));
        let (mut writer, reader) =
            InProcessChannel::pair(stream.len(), Box::new(|| {}), Box::new(|| {}));
        assert_eq!(writer.try_write(&stream).unwrap(), stream.len());
        let limit = usize::try_from(number(&vector, "maxPayloadBytes")).unwrap();
        let mut port = Port::new(Box::new(reader), Order::Interleaved, limit);
        let mut frames = Vec::new();
        let received = port.receive(usize::MAX, |header, payload| {
            let payload = payload
                .bytes()
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            frames.push(json!({
                "kind": format!("{:?}", header.kind),
                "call": header.call.to_string(),
                "a": header.a,
                "b": header.b,
                "payload": payload,
            }));
            Ok(())
        });
        assert_eq!(Value::from(frames), vector["frames"], "{name}");
        match (vector["error"].as_str(), received) {
            (None, Ok(_)) => {}
            (Some(error), Err(PortError::Protocol(said))) => {
                assert!(said.contains(error), "{name}: {said}");
            }
            (error, received) => panic!("{name}: {error:?}, {received:?}"),
        }
    }
}

#[test]
fn payloads_are_cut_as_the_vectors_have_it() {
    for vector in vectors("cuts") {
        let payload = vec![5; usize::try_from(number(&vector, "payloadBytes")).unwrap()];
        let (near, mut far) = InProcessChannel::pair(1 << 20, Box::new(|| {}), Box::new(|| {}));
        let mut port = Port::new(Box::new(near), Order::Interleaved, usize::MAX);
        port.send(Header::new(FrameKind::Result, 9, 0, 0), &[&payload]);
        assert!(port.flush().unwrap());
        let mut stream = vec![0; 1 << 20];
        let length = far.try_read(&mut stream).unwrap();
        let mut rest = &stream[..length];
        let mut frames = Vec::new();
        while let Some((head, body)) = rest.split_first_chunk() {
            let header = Header::decode(head).unwrap();
            assert_eq!(header.call, 9);
            frames.push(json!({
                "kind": format!("{:?}", header.kind),
                "flags": header.flags,
                "size": header.size,
            }));
            rest = &body[header.size as usize..];
        }
        assert!(rest.is_empty());
        assert_eq!(Value::from(frames), vector["frames"], "{}", payload.len());
    }
}

#[test]
fn parts_are_put_together_as_the_vectors_have_it() {
    for vector in vectors("parts") {
        let parts: Vec<Vec<u8>> = vector["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| bytes(part.as_str().unwrap()))
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let expected = bytes(text(&vector, "hex"));
        // Also behind other bytes: the padding counts from the payload.
        let mut together = vec![1, 2, 3];
        extend_padded(&mut together, &parts);
        assert_eq!(together[3..], expected, "{}", text(&vector, "name"));
        assert_eq!(padded_length(&parts), expected.len());
    }
}

#[test]
fn control_messages_are_read_and_written_as_the_vectors_have_them() {
    for vector in vectors("controls") {
        let name = text(&vector, "name");
        let given = bytes(text(&vector, "hex"));
        let decoded = Control::decode(&given);
        if vector["error"] == true {
            assert_eq!(decoded, None, "{name}");
            continue;
        }
        let expected: Control = serde_json::from_value(vector["message"].clone()).expect(name);
        assert_eq!(expected.encode(), given, "{name}");
        assert_eq!(decoded, Some(expected), "{name}");
    }
}

#[test]
fn events_are_read_and_written_as_the_vectors_have_them() {
    for vector in vectors("events") {
        let name = text(&vector, "name");
        let given = bytes(text(&vector, "hex"));
        let event = Event::from_body(given.clone());
        if vector["error"] == true {
            assert!(event.is_none(), "{name}");
            continue;
        }
        let event = event.expect(name);
        let (queue, topic) = (text(&vector, "queue"), text(&vector, "topic"));
        let payload = bytes(text(&vector, "payload"));
        assert_eq!((event.queue(), event.topic()), (queue, topic));
        assert_eq!(event.payload(), payload);
        let made = Event::new(queue, topic, &[&payload]).expect(name);
        assert_eq!(made.body(), given, "{name}");
    }
}

#[test]
fn failures_are_written_as_the_vectors_have_them() {
    for vector in vectors("failures") {
        let name = text(&vector, "name");
        let facts = &vector["json"];
        let kind = u16::try_from(number(facts, "kind")).unwrap();
        let mut failure = Failure::new(
            ErrorKind::from_number(kind).expect(name),
            text(facts, "message"),
        );
        let word = |field: &str| facts[field].as_u64().map(|n| u32::try_from(n).unwrap());
        let words = |field: &str| facts[field].as_str().map(str::to_owned);
        failure.pid = word("pid");
        failure.exit_code = word("exitCode").map(|code| i32::try_from(code).unwrap());
        failure.signal = words("signal");
        failure.stderr = words("stderr");
        failure.command = words("command");
        failure.timeout_ms = word("timeoutMs");
        failure.cause = bytes(text(&vector, "cause"));
        let encoded = if facts["event"] == "failed" {
            failure.encode_event()
        } else {
            failure.encode()
        };
        assert_eq!(encoded, bytes(text(&vector, "hex")), "{name}");
    }
}

#[test]
fn the_variable_of_a_link_is_read_and_written_as_the_vectors_have_it() {
    let core = Environment::start(Box::new(|| {}), false).expect("an environment");
    for vector in vectors("links") {
        let (name, value) = (text(&vector, "name"), text(&vector, "value"));
        if vector["error"] == true {
            let refused = core.open_uplink(value, "1").expect_err(name);
            assert_eq!(refused.kind, ErrorKind::InvalidLink as u16, "{name}");
        } else {
            assert_eq!(read_link(value), Some(vector["fields"].clone()), "{name}");
        }
    }
    // What the host itself writes, for a process that the user starts.
    for channel in ["pipe", "ring"] {
        let options = json!({
            "program": "", "args": [], "env": [], "cwd": null, "name": "", "workers": 0, "channel": channel,
            "concurrency": 1, "startTimeoutMs": 1, "graceMs": 1, "teardownMs": 1, "minWorkers": 100_000, "idleMs": 1000, "growMs": 20, "spare": 0, "whenFull": "reject", "agingMs": 1000, "maxRestarts": 1000, "restartWindowMs": 60000, "backoffMs": 1, "maxBackoffMs": 1, "halfOpenMs": 1000, "maxCalls": 0, "maxAgeMs": 0, "maxRssBytes": 0, "heartbeatMs": 1, "heartbeatTimeoutMs": 1,
            "maxPayloadBytes": 1, "maxBlockBytes": 1, "blockIdleMs": 1, "trusted": false, "maxQueue": 1, "maxQueueBytes": 1, "spinUs": 0, "version": "", "welcome": "",
        });
        let pool = core.open_pool(&options.to_string()).expect("a pool");
        let link = core.open_link(pool).expect("a link");
        let fields = read_link(&link.value).expect("a value of the form");
        assert_eq!(fields["parent"], 0);
        let descriptors = fields["descriptors"].as_array().unwrap();
        assert_eq!(descriptors.len(), link.descriptors.len());
        if cfg!(target_os = "linux") {
            assert_eq!(fields["channel"], channel);
        }
    }
}

/// The value of `PLUMP_IPC_LINK`, by the table of the page.
fn read_link(value: &str) -> Option<Value> {
    let words: Vec<&str> = value.split(' ').collect();
    let ["1", parent, channel, descriptors @ ..] = words.as_slice() else {
        return None;
    };
    let counts: &[usize] = match *channel {
        "pipe" => &[4],
        "ring" => &[7, 10],
        _ => return None,
    };
    counts.contains(&descriptors.len()).then_some(())?;
    let parent: u32 = parent.parse().ok()?;
    Some(json!({ "parent": parent, "channel": channel, "descriptors": descriptors }))
}

#[test]
fn payloads_and_what_was_thrown_travel_as_they_are() {
    // Their meaning is the codec's; here they are bytes like any other.
    for chapter in ["payloads", "thrown"] {
        for vector in vectors(chapter) {
            let payload = bytes(text(&vector, "hex"));
            let (near, far) = InProcessChannel::pair(1 << 16, Box::new(|| {}), Box::new(|| {}));
            let mut near = Port::new(Box::new(near), Order::Interleaved, 1 << 16);
            let mut far = Port::new(Box::new(far), Order::Interleaved, 1 << 16);
            near.send(Header::new(FrameKind::Call, 1, 2, 3), &[&payload]);
            near.flush().unwrap();
            let mut seen = 0;
            far.receive(usize::MAX, |_, arrived| {
                assert_eq!(arrived.bytes(), payload);
                seen += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, 1, "{}", text(&vector, "value"));
        }
    }
}
