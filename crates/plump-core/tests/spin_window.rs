//! How long a waiter watches before it sleeps.

use std::time::Duration;

use plump_core::channel::spin::{SpinWindow, Watch};

const WINDOW: Duration = Duration::from_micros(50);

fn us(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

/// So many waits of one length; how many of them were given a window.
fn waits(window: &mut SpinWindow, count: usize, took: Duration) -> usize {
    (0..count)
        .filter(|_| {
            let offered = !window.window_for_next().is_zero();
            window.record(took);
            offered
        })
        .count()
}

#[test]
fn the_first_wait_has_the_whole_window() {
    assert_eq!(SpinWindow::new(50, 2).window_for_next(), WINDOW);
}

#[test]
fn there_is_no_window_with_one_cpu_or_when_turned_off() {
    assert_eq!(SpinWindow::new(50, 1).window_for_next(), Duration::ZERO);
    let mut off = SpinWindow::new(0, 64);
    assert_eq!(waits(&mut off, 1000, us(1)), 0);
}

#[test]
fn quick_answers_keep_the_window_open() {
    let mut window = SpinWindow::new(50, 2);
    assert_eq!(waits(&mut window, 1000, us(2)), 1000);
    assert_eq!(window.hits_and_misses(), (1000, 0));
}

#[test]
fn one_slow_answer_among_quick_ones_does_not_shut_it() {
    let mut window = SpinWindow::new(50, 2);
    waits(&mut window, 100, us(2));
    window.record(Duration::from_secs(3600));
    assert_eq!(window.window_for_next(), WINDOW);
}

#[test]
fn slow_answers_shut_it_after_a_few() {
    let mut window = SpinWindow::new(50, 2);
    assert!(waits(&mut window, 20, us(1000)) <= 8);
    assert!(
        waits(&mut window, 10_000, us(1000)) <= 10_000 / 50,
        "looking again must stay rare"
    );
}

#[test]
fn on_crowded_cpus_the_window_is_an_eighth_and_slower_answers_shut_it() {
    let mut window = SpinWindow::new(50, 2);
    waits(&mut window, 100, us(2));
    window.narrow(true);
    assert_eq!(window.window_for_next(), WINDOW / 8);
    assert_eq!(waits(&mut window, 100, us(2)), 100);
    assert!(waits(&mut window, 100, us(20)) <= 16);
    // As soon as there is room again such answers are worth it.
    window.narrow(false);
    assert_eq!(window.window_for_next(), WINDOW);
    assert_eq!(waits(&mut window, 100, us(20)), 100);
    let mut off = SpinWindow::new(0, 2);
    off.narrow(false);
    assert_eq!(off.window_for_next(), Duration::ZERO);
}

#[test]
fn answers_that_became_quick_open_it_again() {
    let mut window = SpinWindow::new(50, 2);
    waits(&mut window, 10_000, us(1000));
    // While it is shut every wait sleeps, and a sleeper's wait is long whatever the answer takes: only a wait that is
    // given a window shows that answers are quick.
    let mut until_open = 0;
    loop {
        until_open += 1;
        assert!(until_open <= 100, "never tried again");
        let offered = !window.window_for_next().is_zero();
        window.record(if offered { us(2) } else { us(120) });
        if offered {
            break;
        }
    }
    assert_eq!(waits(&mut window, 100, us(2)), 100, "one success is enough");
}

#[test]
fn idleness_is_forgotten_as_fast_as_any_slow_answer() {
    let mut night = SpinWindow::new(50, 2);
    let mut pause = SpinWindow::new(50, 2);
    waits(&mut night, 100, Duration::from_secs(30_000));
    waits(&mut pause, 100, us(200));
    assert_eq!(waits(&mut night, 300, us(1)), waits(&mut pause, 300, us(1)));
}

#[test]
fn enormous_values_do_not_overflow() {
    let mut window = SpinWindow::new(u32::MAX, usize::MAX);
    waits(&mut window, 100, Duration::MAX);
    window.window_for_next();
}

#[test]
fn a_watch_ends_after_its_window() {
    let mut watch = Watch::begin(us(200));
    let mut looks = 0_u64;
    while watch.goes_on() {
        looks += 1;
    }
    assert!(watch.elapsed() >= us(200));
    assert!(looks > 1);
}

#[test]
fn a_watch_without_a_window_measures_the_sleep_that_follows() {
    let mut watch = Watch::begin(Duration::ZERO);
    assert!(!watch.goes_on());
    std::thread::sleep(us(200));
    assert!(watch.elapsed() >= us(200));
}
