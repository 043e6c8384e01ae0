//! A message of 64 bytes to another thread and back: over rings, watched, asleep and as shipped, beside the floors that
//! the system sets (pipe, eventfd, futex). Waking a sleeper costs what the machine makes of it: name it with the figures.
#![allow(
    missing_docs,
    reason = "the macros of criterion make undocumented functions"
)]

#[cfg(target_os = "linux")]
mod placement;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{PipeReader, PipeWriter, Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use criterion::{BenchmarkId, Criterion};
    use plump_core::channel::ring::{DEFAULT_CAPACITY, RingChannel, RingPair};
    use plump_core::channel::spin::{SpinWindow, Watch};
    use plump_core::channel::{Channel, Sleeper};
    use plump_core::platform::Bell;

    use super::placement::{Placement, cpus};

    const MESSAGE: [u8; 64] = [1; 64];

    /// How a side of a ring waits.
    #[derive(Clone, Copy)]
    enum Wait {
        /// Never sleeps.
        Watch,
        /// Sleeps at once.
        Sleep,
        /// As shipped: watches for a window of at most 50 µs while the other side is on another CPU, then sleeps.
        Adaptive,
    }

    struct Waiter {
        ring: RingChannel,
        window: SpinWindow,
        wait: Wait,
        who: Sleeper,
    }

    impl Waiter {
        fn new(ring: RingChannel, wait: Wait, who: Sleeper) -> Self {
            Self {
                ring,
                window: SpinWindow::new(50, cpus().len()),
                wait,
                who,
            }
        }

        /// The next message; `false` when the other side has left.
        fn read(&mut self) -> bool {
            let mut into = [0; 64];
            loop {
                match self.ring.try_read(&mut into) {
                    Ok(bytes) => return bytes > 0,
                    Err(_) => self.wait_for_bytes(),
                }
            }
        }

        fn wait_for_bytes(&mut self) {
            match self.wait {
                Wait::Watch => {
                    while !self.ring.may_have_bytes() {
                        std::hint::spin_loop();
                    }
                }
                Wait::Sleep => self.sleep(),
                Wait::Adaptive => {
                    if self.ring.peer_on_other_cpu() {
                        let mut watch = Watch::begin(self.window.window_for_next());
                        if !self.watch(&mut watch) {
                            self.sleep();
                        }
                        self.window.record(watch.elapsed());
                    } else {
                        self.sleep();
                    }
                }
            }
        }

        fn watch(&self, watch: &mut Watch) -> bool {
            while watch.goes_on() {
                if self.ring.may_have_bytes() {
                    return true;
                }
                if watch.is_milestone() && !self.ring.peer_on_other_cpu() {
                    return false;
                }
            }
            false
        }

        fn sleep(&mut self) {
            if self.ring.sleep(self.who) {
                let bell = match self.who {
                    Sleeper::JavaScript => self.ring.js_bell(),
                    Sleeper::IoThread => self.ring.io_bell(),
                };
                bell.wait(None);
                bell.clear();
                self.ring.watch();
            }
        }
    }

    fn ring(placement: Placement, wait: Wait, count: u64) -> Duration {
        let pair = RingPair::create(DEFAULT_CAPACITY).expect("shared memory");
        let (host, worker) = pair.into_channels();
        let answering = placement.spawn(move || {
            let mut worker = Waiter::new(worker, wait, Sleeper::IoThread);
            while worker.read() {
                worker.ring.try_write(&MESSAGE).expect("space");
            }
        });
        placement.take(false);
        let mut host = Waiter::new(host, wait, Sleeper::JavaScript);
        let begun = Instant::now();
        for _ in 0..count {
            host.ring.try_write(&MESSAGE).expect("space");
            assert!(host.read());
        }
        let took = begun.elapsed();
        drop(host);
        answering.join().expect("the other side");
        took
    }

    fn pipe(placement: Placement, count: u64) -> Duration {
        fn read((reader, _): &mut (PipeReader, PipeWriter)) -> bool {
            reader.read_exact(&mut [0; 64]).is_ok()
        }
        let (there, other) = (
            std::io::pipe().expect("a pipe"),
            std::io::pipe().expect("a pipe"),
        );
        let mut host = (other.0, there.1);
        let mut worker = (there.0, other.1);
        let answering = placement.spawn(move || {
            while read(&mut worker) {
                worker.1.write_all(&MESSAGE).expect("a reader");
            }
        });
        placement.take(false);
        let begun = Instant::now();
        for _ in 0..count {
            host.1.write_all(&MESSAGE).expect("a reader");
            assert!(read(&mut host));
        }
        let took = begun.elapsed();
        drop(host);
        answering.join().expect("the other side");
        took
    }

    /// Two sleepers that wake each other by turns, without any bytes.
    fn wake_ups<W: Send + Sync + 'static>(
        placement: Placement,
        count: u64,
        new: impl Fn() -> W,
        wake: fn(&W),
        wait: fn(&W),
    ) -> Duration {
        let there = Arc::new((new(), new(), AtomicBool::new(false)));
        let here = Arc::clone(&there);
        let answering = placement.spawn(move || {
            loop {
                wait(&there.0);
                if there.2.load(Ordering::Acquire) {
                    break;
                }
                wake(&there.1);
            }
        });
        placement.take(false);
        let begun = Instant::now();
        for _ in 0..count {
            wake(&here.0);
            wait(&here.1);
        }
        let took = begun.elapsed();
        here.2.store(true, Ordering::Release);
        wake(&here.0);
        answering.join().expect("the other side");
        took
    }

    /// A word that can be slept at.
    #[derive(Default)]
    struct Futex(AtomicU32);

    impl Futex {
        /// Wakes the sleeper, now or when it comes.
        fn wake(&self) {
            self.0.store(1, Ordering::Release);
            // SAFETY: the word is alive during the call, and waking changes nothing in it.
            unsafe { libc::syscall(libc::SYS_futex, self.0.as_ptr(), libc::FUTEX_WAKE, 1) };
        }

        /// Sleeps until it is woken.
        fn wait(&self) {
            while self.0.swap(0, Ordering::Acquire) == 0 {
                let forever = std::ptr::null::<libc::timespec>();
                // SAFETY: the word is alive during the call; the kernel only compares it.
                unsafe {
                    libc::syscall(
                        libc::SYS_futex,
                        self.0.as_ptr(),
                        libc::FUTEX_WAIT,
                        0,
                        forever,
                    )
                };
            }
        }
    }

    fn wait_at_bell(bell: &Bell) {
        bell.wait(None);
        bell.clear();
    }

    fn round_trips(criterion: &mut Criterion) {
        for (name, placement) in Placement::all() {
            let mut group = criterion.benchmark_group(format!("round trip, {name}"));
            // On one CPU watchers only keep each other from running: a round trip would take whole time slices.
            let watched = [("ring, watched", Wait::Watch)];
            let watched = watched.iter().filter(|_| placement == Placement::Apart);
            let slept = [
                ("ring, asleep", Wait::Sleep),
                ("ring, adaptive", Wait::Adaptive),
            ];
            for (name, wait) in watched.chain(&slept) {
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter_custom(|count| ring(placement, *wait, count));
                });
            }
            group.bench_function("pipe", |bencher| {
                bencher.iter_custom(|count| pipe(placement, count));
            });
            group.bench_function("eventfd", |bencher| {
                let bell = || Bell::new().expect("a bell");
                bencher.iter_custom(|count| {
                    wake_ups(placement, count, bell, Bell::ring, wait_at_bell)
                });
            });
            group.bench_function("futex", |bencher| {
                bencher.iter_custom(|count| {
                    wake_ups(placement, count, Futex::default, Futex::wake, Futex::wait)
                });
            });
            group.finish();
        }
    }

    /// All of it, in about a minute.
    pub fn run() {
        let mut criterion = Criterion::default()
            .sample_size(15)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        round_trips(&mut criterion);
        criterion.final_summary();
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
