//! One end of a channel with frames on it: cuts the incoming bytes into frames, puts long payloads together, cuts long
//! payloads apart, and keeps what the channel does not take yet.

use crate::block::{BlockRange, Blocks, Lease, ReceivedBlock};
use crate::channel::{Channel, ChannelKind};
use crate::frame::{
    FLAG_BLOCK, FLAG_LENT, FLAG_MORE, FrameError, FrameKind, HEADER_BYTES, Header, MAX_BODY_BYTES,
};
use crate::limits::{
    MAX_CONTROL_BYTES, MAX_PARTIAL_PAYLOADS, MAX_QUEUE_NAME_BYTES, MIN_BLOCK_BYTES,
};
use std::collections::VecDeque;
use std::fmt;
use std::io;

/// Why a port can't be used any more.
#[derive(Debug)]
pub enum PortError {
    /// The other side has closed the channel.
    End,
    /// The system refused a read or a write.
    Io(io::Error),
    /// The other side does not speak the protocol; the text names what was wrong.
    Protocol(String),
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => write!(f, "the channel was closed"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Protocol(what) => write!(f, "{what}"),
        }
    }
}

impl From<FrameError> for PortError {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// The payload of a frame that arrived.
pub enum Payload<'a> {
    /// It came in one frame.
    Whole(&'a [u8]),
    /// It came in parts.
    Assembled(Vec<u8>),
    /// It lies in shared memory.
    Block(ReceivedBlock),
}

impl Payload<'_> {
    /// The bytes. None of a block, which must be copied out first: frames that Rust itself reads never travel in one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Assembled(bytes) => bytes,
            Self::Block(_) => &[],
        }
    }
}

/// What the names of an event may add to its payload.
const EVENT_NAMES_BYTES: usize = 2 * (2 + MAX_QUEUE_NAME_BYTES);

/// In strict order an event and a control message can be under way at the same time.
const MAX_PARTIALS_IN_ORDER: usize = 2;

/// Large enough for a frame of the largest size and the beginning of the next.
const READ_BUFFER_BYTES: usize = 2 * (MAX_BODY_BYTES + HEADER_BYTES);

/// A long payload that is arriving.
struct Partial {
    header: Header,
    total: usize,
    bytes: Vec<u8>,
}

/// A long payload that is leaving.
struct Transfer {
    header: Header,
    payload: Vec<u8>,
    sent: usize,
}

/// In which order frames may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Calls and answers: a small frame goes between the parts of large ones.
    Interleaved,
    /// Events: nothing overtakes, except that a control message goes past a long event.
    Strict,
}

/// One end of a channel with frames on it.
pub struct Port {
    channel: Box<dyn Channel>,
    order: Order,
    max_payload_bytes: usize,
    max_partials: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    partials: Vec<Partial>,
    ready: Vec<u8>,
    ready_from: usize,
    transfers: VecDeque<Transfer>,
    transfer_bytes: usize,
    blocks: Option<Blocks>,
}

impl Port {
    /// A port on `channel`; payloads above `max_payload_bytes` are a breach of the protocol.
    #[must_use]
    pub fn new(channel: Box<dyn Channel>, order: Order, max_payload_bytes: usize) -> Self {
        Self {
            channel,
            order,
            max_payload_bytes,
            max_partials: MAX_PARTIAL_PAYLOADS,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            partials: Vec::new(),
            ready: Vec::new(),
            ready_from: 0,
            transfers: VecDeque::new(),
            transfer_bytes: 0,
            blocks: None,
        }
    }

    /// From now on large payloads travel in shared memory.
    pub fn set_blocks(&mut self, blocks: Blocks) {
        self.blocks = Some(blocks);
    }

    /// The shared memory for large payloads, where there is any.
    pub fn blocks(&mut self) -> Option<&mut Blocks> {
        self.blocks.as_mut()
    }

    /// The channel underneath.
    pub fn channel(&mut self) -> &mut dyn Channel {
        &mut *self.channel
    }

    /// Sets the limit of payloads, once the host has said it.
    pub fn set_max_payload_bytes(&mut self, bytes: usize) {
        self.max_payload_bytes = bytes;
    }

    /// Sets how many long payloads may be under way to this side: as many as are expected. Each may grow to the limit
    /// of payloads, so one that nobody asked for must not begin.
    pub fn set_max_partials(&mut self, most: usize) {
        self.max_partials = most.min(MAX_PARTIAL_PAYLOADS);
    }

    /// Bytes that the channel has not taken yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.ready.len() - self.ready_from + self.transfer_bytes
    }

    /// Bytes that the channel has not taken yet and that a small frame would have to wait for.
    #[must_use]
    pub fn small_backlog(&self) -> usize {
        self.ready.len() - self.ready_from
    }

    /// Reads what there is and gives every complete frame to `sink`, at most about `budget` bytes.
    /// `Ok(true)`: the budget was used up, there may be more.
    ///
    /// # Errors
    /// See `PortError`; every frame that came before the error has been given to `sink`.
    pub fn receive(
        &mut self,
        budget: usize,
        mut sink: impl FnMut(Header, Payload<'_>) -> Result<(), PortError>,
    ) -> Result<bool, PortError> {
        let mut seen = 0;
        if self.buffer.is_empty() {
            self.buffer = vec![0; READ_BUFFER_BYTES];
        }
        loop {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            } else if self.buffer.len() - self.start < MAX_BODY_BYTES + HEADER_BYTES {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let room = self.buffer.len() - self.end;
            let read = match self.channel.try_read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(PortError::End),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(PortError::Io(error)),
            };
            self.end += read;
            seen += read;
            self.cut(&mut sink)?;
            // A read that did not fill the buffer has emptied the pipe: do not pay for one more to hear so. A ring also
            // ends a read where it begins anew.
            if read < room && self.channel.kind() == ChannelKind::Pipe {
                return Ok(false);
            }
            if seen >= budget {
                return Ok(true);
            }
        }
    }

    /// Gives the complete frames of the buffer to `sink`.
    fn cut(
        &mut self,
        sink: &mut impl FnMut(Header, Payload<'_>) -> Result<(), PortError>,
    ) -> Result<(), PortError> {
        while let Some(bytes) = self.buffer[self.start..self.end].first_chunk::<HEADER_BYTES>() {
            let header = Header::decode(bytes)?;
            let body = self.start + HEADER_BYTES;
            let next = body + header.size as usize;
            if next > self.end {
                break;
            }
            self.start = next;
            if header.flags == FLAG_BLOCK || header.flags == FLAG_LENT {
                let block = self.find_block(header, body)?;
                sink(header, Payload::Block(block))?;
            } else if header.kind == FrameKind::Chunk || header.flags == FLAG_MORE {
                if let Some((header, bytes)) = self.assemble(header, body, next)? {
                    sink(header, Payload::Assembled(bytes))?;
                }
            } else {
                if header.size as usize > self.most(header.kind) {
                    return Err(self.too_large(header.kind, u64::from(header.size)));
                }
                sink(header, Payload::Whole(&self.buffer[body..next]))?;
            }
        }
        Ok(())
    }

    /// The payload of a block whose range is at `body`.
    fn find_block(&self, header: Header, body: usize) -> Result<ReceivedBlock, PortError> {
        let mut range = [0; BlockRange::BYTES];
        range.copy_from_slice(&self.buffer[body..body + BlockRange::BYTES]);
        let range = BlockRange::decode(&range);
        if range.length > self.max_payload_bytes as u64 {
            return Err(self.too_large(header.kind, range.length));
        }
        self.blocks
            .as_ref()
            .and_then(|blocks| match header.flags {
                FLAG_LENT => blocks.receiver.take_over(range),
                _ => blocks.receiver.receive(range),
            })
            .ok_or_else(|| PortError::Protocol("a payload in a block that can't be".into()))
    }

    /// The largest payload of a kind. The user's limit is about what the user sends.
    fn most(&self, kind: FrameKind) -> usize {
        match kind {
            FrameKind::Control => MAX_CONTROL_BYTES,
            FrameKind::Refused => MAX_BODY_BYTES,
            FrameKind::Event => self.max_payload_bytes.saturating_add(EVENT_NAMES_BYTES),
            _ => self.max_payload_bytes,
        }
    }

    fn too_large(&self, kind: FrameKind, total: u64) -> PortError {
        let option = if kind == FrameKind::Control {
            ""
        } else {
            " (`maxPayloadBytes`)"
        };
        PortError::Protocol(format!(
            "a payload of {total} bytes, at most {} are allowed{option}",
            self.most(kind)
        ))
    }

    fn assemble(
        &mut self,
        header: Header,
        body: usize,
        next: usize,
    ) -> Result<Option<(Header, Vec<u8>)>, PortError> {
        let at = self
            .partials
            .iter()
            .position(|partial| partial.header.call == header.call);
        if header.kind != FrameKind::Chunk {
            let most = match self.order {
                Order::Interleaved => self.max_partials,
                Order::Strict => MAX_PARTIALS_IN_ORDER,
            };
            if at.is_some() || self.partials.len() >= most {
                return Err(PortError::Protocol(
                    "a long payload began twice, or too many are under way".into(),
                ));
            }
            let mut total = [0; 8];
            total.copy_from_slice(&self.buffer[body..body + 8]);
            let total = u64::from_le_bytes(total);
            let total = usize::try_from(total)
                .ok()
                .filter(|total| *total <= self.most(header.kind))
                .ok_or_else(|| self.too_large(header.kind, total))?;
            // Reserved as it arrives: a peer that only claims a large total costs nothing.
            let mut partial = Partial {
                header,
                total,
                bytes: Vec::new(),
            };
            partial.extend(&self.buffer[body + 8..next])?;
            self.partials.push(partial);
            return Ok(self.finish(self.partials.len() - 1));
        }
        let at =
            at.ok_or_else(|| PortError::Protocol("a part of a payload that never began".into()))?;
        self.partials[at].extend(&self.buffer[body..next])?;
        Ok(self.finish(at))
    }

    fn finish(&mut self, at: usize) -> Option<(Header, Vec<u8>)> {
        if self.partials[at].bytes.len() < self.partials[at].total {
            return None;
        }
        let partial = self.partials.swap_remove(at);
        Some((partial.header, partial.bytes))
    }

    /// Sends a frame; `parts` together are its payload, every part after the first begins at a multiple of 8.
    /// Nothing is written yet: call `flush`.
    pub fn send(&mut self, header: Header, parts: &[&[u8]]) {
        let total = padded_length(parts);
        let shown = total - parts.first().map_or(0, |main| main.len());
        if self.send_in_block(header, parts, total, shown) {
            return;
        }
        if total <= MAX_BODY_BYTES && !self.must_queue(header.kind) {
            let size = u32::try_from(total).unwrap_or(u32::MAX);
            self.ready
                .extend_from_slice(&Header { size, ..header }.encode());
            extend_padded(&mut self.ready, parts);
        } else {
            let mut payload = Vec::with_capacity(total);
            extend_padded(&mut payload, parts);
            self.send_owned(header, payload);
        }
    }

    /// Sends a payload through shared memory; `false` when it is not worth it or no block is free.
    fn send_in_block(
        &mut self,
        header: Header,
        parts: &[&[u8]],
        total: usize,
        shown: usize,
    ) -> bool {
        let may_be_in_block = header.kind.may_be_in_block();
        if total < MIN_BLOCK_BYTES || !may_be_in_block {
            return false;
        }
        let filled = self
            .blocks
            .as_mut()
            .and_then(|blocks| blocks.sender.fill(parts, total, shown));
        let Some(range) = filled else { return false };
        self.send_range(header, FLAG_BLOCK, range);
        true
    }

    fn send_range(&mut self, header: Header, flags: u8, range: BlockRange) {
        let header = Header {
            size: u32::try_from(BlockRange::BYTES).unwrap_or(u32::MAX),
            flags,
            ..header
        };
        self.ready.extend_from_slice(&header.encode());
        self.ready.extend_from_slice(&range.encode());
    }

    /// Sends a frame whose payload is `front` and then a block that the program has filled: without a copy of that where
    /// the other side can have it.
    pub fn send_lent(&mut self, header: Header, front: &[&[u8]], lease: Lease) {
        let handed = match &mut self.blocks {
            Some(blocks) => blocks.sender.hand_over(front, lease),
            None => Err(lease),
        };
        match handed {
            Ok(range) => self.send_range(header, FLAG_LENT, range),
            Err(lease) => {
                let payload = lease.put_together(front);
                self.send_together(header, payload, lease.len());
            }
        }
    }

    /// Sends a payload that was put together before, of which `shown` bytes are binary parts.
    pub fn send_together(&mut self, header: Header, payload: Vec<u8>, shown: usize) {
        if !self.send_in_block(header, &[&payload], payload.len(), shown) {
            self.send_owned(header, payload);
        }
    }

    /// Sends a frame whose payload is given away.
    pub fn send_owned(&mut self, header: Header, payload: Vec<u8>) {
        if payload.len() <= MAX_BODY_BYTES && !self.must_queue(header.kind) {
            self.send(header, &[&payload]);
        } else {
            self.transfer_bytes += payload.len();
            self.transfers.push_back(Transfer {
                header,
                payload,
                sent: 0,
            });
        }
    }

    /// Whether a frame of this kind, however small, has to wait for the long ones that are leaving.
    fn must_queue(&self, kind: FrameKind) -> bool {
        self.order == Order::Strict
            && match kind {
                FrameKind::Control => self.transfers.iter().any(|t| t.header.kind == kind),
                _ => !self.transfers.is_empty(),
            }
    }

    /// Writes what the channel takes. `Ok(true)`: nothing is left.
    ///
    /// # Errors
    /// Everything but `WouldBlock`; final.
    pub fn flush(&mut self) -> io::Result<bool> {
        loop {
            while self.ready_from < self.ready.len() {
                match self.channel.try_write(&self.ready[self.ready_from..]) {
                    Ok(written) => self.ready_from += written,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            self.ready.clear();
            self.ready_from = 0;
            if self.ready.capacity() > 4 * READ_BUFFER_BYTES {
                self.ready = Vec::new();
            }
            if !self.next_part() {
                return Ok(true);
            }
        }
    }

    /// Moves one part of a transfer to `ready`; the transfers take turns unless the order is strict.
    fn next_part(&mut self) -> bool {
        let Some(mut transfer) = self.transfers.pop_front() else {
            return false;
        };
        let first = transfer.sent == 0;
        let short = transfer.payload.len() <= MAX_BODY_BYTES;
        let room = if first && !short {
            MAX_BODY_BYTES - 8
        } else {
            MAX_BODY_BYTES
        };
        let part =
            &transfer.payload[transfer.sent..][..room.min(transfer.payload.len() - transfer.sent)];
        let size = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if !first {
            let header = Header {
                size,
                ..Header::new(FrameKind::Chunk, transfer.header.call, 0, 0)
            };
            self.ready.extend_from_slice(&header.encode());
        } else if short {
            self.ready.extend_from_slice(
                &Header {
                    size,
                    ..transfer.header
                }
                .encode(),
            );
        } else {
            self.ready.extend_from_slice(
                &Header {
                    size: size + 8,
                    flags: FLAG_MORE,
                    ..transfer.header
                }
                .encode(),
            );
            self.ready
                .extend_from_slice(&(transfer.payload.len() as u64).to_le_bytes());
        }
        self.ready.extend_from_slice(part);
        transfer.sent += part.len();
        self.transfer_bytes -= part.len();
        if transfer.sent < transfer.payload.len() {
            match self.order {
                Order::Interleaved => self.transfers.push_back(transfer),
                Order::Strict => self.transfers.push_front(transfer),
            }
        }
        true
    }
}

impl Partial {
    fn extend(&mut self, part: &[u8]) -> Result<(), PortError> {
        if part.len() > self.total - self.bytes.len() || (part.is_empty() && self.total > 0) {
            return Err(PortError::Protocol(
                "a part of a payload does not fit its total length".into(),
            ));
        }
        if self.bytes.capacity() - self.bytes.len() < part.len() {
            // Doubling, but never beyond the total that was announced.
            let wanted = (self.bytes.capacity() * 2)
                .clamp(self.bytes.len() + part.len(), self.total.max(part.len()));
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}

/// Length of `parts` put together.
#[must_use]
pub fn padded_length(parts: &[&[u8]]) -> usize {
    parts.iter().fold(0, |length, part| {
        if part.is_empty() {
            length
        } else {
            align(length) + part.len()
        }
    })
}

fn align(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// Puts `parts` together behind what `bytes` holds, each at the next multiple of 8 of the payload.
pub fn extend_padded(bytes: &mut Vec<u8>, parts: &[&[u8]]) {
    let begin = bytes.len();
    for part in parts {
        if !part.is_empty() {
            bytes.resize(begin + align(bytes.len() - begin), 0);
            bytes.extend_from_slice(part);
        }
    }
}
