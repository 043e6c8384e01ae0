//! The stderr of workers: passed on to this process's stderr by a thread of its own (a full terminal or pipe there must
//! not hold up anything else), its last bytes kept for the error that explains a death.

use crate::limits::STDERR_TAIL_BYTES;
use crate::platform::{Interest, PipeReader, Reactor};
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The stderr of one worker.
pub struct Tap {
    key: usize,
    state: Mutex<TapState>,
}

struct TapState {
    reader: Option<PipeReader>,
    tail: Vec<u8>,
    /// Read and not passed on yet: at most what the pipe held when the worker ended.
    pending: Vec<u8>,
}

struct Taps {
    reactor: Reactor,
    open: Mutex<OpenTaps>,
    idle: Condvar,
}

#[derive(Default)]
struct OpenTaps {
    last_key: usize,
    taps: HashMap<usize, Arc<Tap>>,
}

fn taps() -> io::Result<&'static Arc<Taps>> {
    static TAPS: OnceLock<Arc<Taps>> = OnceLock::new();
    if let Some(taps) = TAPS.get() {
        return Ok(taps);
    }
    let made = Arc::new(Taps {
        reactor: Reactor::new()?,
        open: Mutex::default(),
        idle: Condvar::new(),
    });
    let taps = TAPS.get_or_init(|| {
        let taps = Arc::clone(&made);
        // A thread that can't be made leaves stderr unread; the worker's writes then wait, nothing else does.
        let _ = std::thread::Builder::new()
            .name("plump-stderr".into())
            .spawn(move || taps.run());
        made
    });
    Ok(taps)
}

impl Taps {
    fn run(&self) {
        let mut events = Vec::new();
        while self.reactor.wait(&mut events, None).is_ok() {
            for event in events.drain(..) {
                let tap = self
                    .open
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .taps
                    .get(&event.key)
                    .cloned();
                if let Some(tap) = tap {
                    tap.pump(&self.reactor);
                }
            }
            // What a worker's end left over.
            let open: Vec<_> = self
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .taps
                .values()
                .cloned()
                .collect();
            for tap in open {
                let (pending, ended) = {
                    let mut state = tap.lock();
                    (std::mem::take(&mut state.pending), state.reader.is_none())
                };
                pass_on(&pending);
                if ended {
                    self.open
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .taps
                        .remove(&tap.key);
                    self.idle.notify_all();
                }
            }
        }
    }
}

fn pass_on(bytes: &[u8]) {
    if !bytes.is_empty() {
        // Nobody to tell when this process's own stderr is closed.
        let _ = io::stderr().write_all(bytes);
    }
}

impl Tap {
    /// Begins to read a worker's stderr.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(reader: PipeReader) -> io::Result<Arc<Self>> {
        let taps = taps()?;
        let mut open = taps.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.last_key += 1;
        let key = open.last_key;
        taps.reactor.register(key, reader.source())?;
        taps.reactor.arm(key, reader.source(), Interest::Readable)?;
        let state = TapState {
            reader: Some(reader),
            tail: Vec::new(),
            pending: Vec::new(),
        };
        let tap = Arc::new(Self {
            key,
            state: Mutex::new(state),
        });
        open.taps.insert(key, Arc::clone(&tap));
        Ok(tap)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TapState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pump(&self, reactor: &Reactor) {
        let bytes = {
            let mut state = self.lock();
            state.read();
            if let Some(reader) = &state.reader {
                let _ = reactor.arm(self.key, reader.source(), Interest::Readable);
            }
            std::mem::take(&mut state.pending)
        };
        pass_on(&bytes);
    }

    /// The worker has ended: reads what is left and gives the last bytes as text. Whoever inherited the worker's stderr
    /// from it may go on writing: that is nobody's any more.
    pub fn finish(&self) -> Option<String> {
        let Ok(taps) = taps() else { return None };
        let mut state = self.lock();
        state.read();
        if let Some(reader) = state.reader.take() {
            taps.reactor.deregister(reader.source());
        }
        taps.reactor.notify();
        let tail = &state.tail[state.tail.len().saturating_sub(STDERR_TAIL_BYTES)..];
        (!tail.is_empty()).then(|| String::from_utf8_lossy(tail).into_owned())
    }
}

impl TapState {
    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let mut total = 0;
        while let Some(reader) = &mut self.reader {
            match reader.try_read(&mut buffer) {
                Ok(0) => {
                    if let Ok(taps) = taps() {
                        taps.reactor.deregister(reader.source());
                    }
                    self.reader = None;
                }
                Ok(read) => {
                    self.pending.extend_from_slice(&buffer[..read]);
                    self.tail.extend_from_slice(&buffer[..read]);
                    if self.tail.len() > 4 * STDERR_TAIL_BYTES {
                        self.tail.drain(..self.tail.len() - STDERR_TAIL_BYTES);
                    }
                    total += read;
                    // A worker that writes without end gets its turn again after the others.
                    if total >= 256 * 1024 {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
    }
}

/// Waits until what ended workers wrote has been passed on, at most `limit`.
pub fn flush(limit: Duration) {
    let Ok(taps) = taps() else { return };
    let deadline = Instant::now() + limit;
    let mut open = taps.open.lock().unwrap_or_else(PoisonError::into_inner);
    while open.taps.values().any(|tap| tap.lock().reader.is_none()) {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            return;
        };
        taps.reactor.notify();
        open = taps
            .idle
            .wait_timeout(open, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::platform::pipe_from_child;
    use std::io::ErrorKind;

    /// Blanks: what a worker writes is passed on to the stderr of this run.
    fn written(length: usize, last: &str) -> Option<String> {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut writer = end.into_writer().expect("the worker's end");
        let tap = Tap::open(reader).expect("a tap");
        let bytes = [" ".repeat(length).as_bytes(), last.as_bytes()].concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match writer.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        tap.finish()
    }

    #[test]
    fn the_last_bytes_are_kept_and_no_more() {
        for length in [0, 10, STDERR_TAIL_BYTES, 3 * STDERR_TAIL_BYTES, 1_000_000] {
            let tail = written(length, "\r").expect("something was written");
            assert_eq!(tail.len(), (length + 1).min(STDERR_TAIL_BYTES));
            assert!(tail.ends_with('\r'));
        }
        assert_eq!(written(0, ""), None);
    }

    #[test]
    fn a_character_that_is_cut_does_no_harm() {
        let tail = written(STDERR_TAIL_BYTES - 1, "\u{a0}\u{a0}").expect("something was written");
        assert!(tail.ends_with('\u{a0}'));
    }

    #[test]
    fn what_a_worker_wrote_is_passed_on_although_its_heirs_hold_the_pipe_open() {
        let (reader, end) = pipe_from_child().expect("a pipe");
        let mut heir = end.into_writer().expect("the worker's end");
        let tap = Tap::open(reader).expect("a tap");
        heir.try_write(b" \r").expect("room");
        assert_eq!(tap.finish().as_deref(), Some(" \r"));
        flush(Duration::from_secs(30));
        // Nobody reads any more.
        assert_eq!(
            heir.try_write(b"late").expect_err("closed").kind(),
            ErrorKind::BrokenPipe
        );
    }
}
