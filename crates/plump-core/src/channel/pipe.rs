//! The channel that every system has: a pair of OS pipes.

use std::io;
use std::sync::Arc;

use super::{Channel, ChannelKind, Sleeper};
use crate::platform::{Interest, PipeReader, PipeWriter, Reactor, Source};

/// What each pipe of a channel is asked to hold, bytes. Systems start at 16 to 64 KiB: one frame, after which a writer
/// waits for its reader at every frame. A user's pipes may hold 64 MiB together before Linux cuts every further pipe of
/// that user to a page or two (`fs.pipe-user-pages-soft`): at 1 MiB a pipe 32 workers would reach it, at 256 KiB it takes
/// 128.
const BUFFER_BYTES: usize = 256 * 1024;

/// A pair of pipes under one reactor. `sleep` arms the reading end; `watch` costs nothing, for the reactor reports
/// once and a report that comes while somebody watches is harmless.
#[derive(Debug)]
pub struct PipeChannel {
    reader: Direction<PipeReader>,
    writer: Direction<PipeWriter>,
    reactor: Arc<Reactor>,
}

#[derive(Debug)]
struct Direction<P> {
    pipe: P,
    source: Source,
    key: usize,
    /// Whether the reactor still owes a report: arming again would cost a system call and change nothing.
    armed: bool,
}

impl PipeChannel {
    /// Registers both ends with the reactor, under the keys that its reports will carry.
    ///
    /// # Errors
    /// What [`Reactor::register`] says.
    pub fn new(
        reader: PipeReader,
        writer: PipeWriter,
        reactor: Arc<Reactor>,
        read_key: usize,
        write_key: usize,
    ) -> io::Result<Self> {
        reader.enlarge(BUFFER_BYTES);
        writer.enlarge(BUFFER_BYTES);
        let reader = Direction {
            source: reader.source(),
            pipe: reader,
            key: read_key,
            armed: false,
        };
        let writer = Direction {
            source: writer.source(),
            pipe: writer,
            key: write_key,
            armed: false,
        };
        reactor.register(read_key, reader.source.clone())?;
        if let Err(error) = reactor.register(write_key, writer.source.clone()) {
            reactor.deregister(reader.source);
            return Err(error);
        }
        Ok(Self {
            reader,
            writer,
            reactor,
        })
    }
}

impl<P> Direction<P> {
    fn arm(&mut self, reactor: &Reactor, interest: Interest) -> io::Result<()> {
        if !self.armed {
            reactor.arm(self.key, self.source.clone(), interest)?;
            self.armed = true;
        }
        Ok(())
    }
}

impl Channel for PipeChannel {
    fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.pipe.try_read(into)
    }

    fn try_write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self.writer.pipe.try_write(from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writer.arm(&self.reactor, Interest::Writable)?;
                Err(error)
            }
            done => done,
        }
    }

    fn may_have_bytes(&self) -> bool {
        true
    }

    fn sleep(&mut self, _who: Sleeper) -> bool {
        // What has arrived meanwhile is reported at once, so there is nothing to look at. Who cannot be woken must
        // not sleep: a failure (no memory in the system) keeps the reader awake.
        self.reader.arm(&self.reactor, Interest::Readable).is_ok()
    }

    fn watch(&mut self) {}

    fn peer_on_other_cpu(&self) -> bool {
        true
    }

    fn kind(&self) -> ChannelKind {
        ChannelKind::Pipe
    }

    fn fired(&mut self, writable: bool) {
        // The reactor owes no report any more.
        if writable {
            self.writer.armed = false;
        } else {
            self.reader.armed = false;
        }
    }
}

impl Drop for PipeChannel {
    fn drop(&mut self) {
        // Before the ends are closed: their numbers belong to the next file that is opened.
        self.reactor.deregister(self.reader.source.clone());
        self.reactor.deregister(self.writer.source.clone());
    }
}
