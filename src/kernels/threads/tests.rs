//! The pool natively; in a browser it answers to tests/browser/runtime.test.mjs.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::*;

/// Longer than other tests keep the pool from this one.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than it takes to start a thread, or to wake it.
const WAKING: Duration = Duration::from_millis(50);

/// The limit is everyone's.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TESTS: Mutex<()> = Mutex::new(());
    TESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails unless a second thread takes part in work whose blocks wait for one.
fn assert_help_comes() {
    let seen = Mutex::new(HashSet::from([std::thread::current().id()]));
    let come = || {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(std::thread::current().id());
        seen.len() > 1
    };
    let work = |_: usize, block: &mut [MaybeUninit<f32>]| {
        block.fill(MaybeUninit::new(0.0));
        let begin = Instant::now();
        while !come() && begin.elapsed() < WAKING {
            std::thread::yield_now();
        }
    };
    let begin = Instant::now();
    while available() > 1 && !come() {
        assert!(begin.elapsed() < PATIENCE, "no second thread worked");
        // SAFETY: `work` writes all numbers.
        unsafe { parallel(8, 1, 1..2, work) };
    }
}

fn numbers(units: usize, width: usize, bad: Option<usize>) -> Vec<f32> {
    let work = |first: usize, block: &mut [MaybeUninit<f32>]| {
        assert!(bad.is_none_or(|bad| first > bad || first * width + block.len() <= bad * width), "bad");
        for (at, x) in block.iter_mut().enumerate() {
            x.write((first * width + at) as f32);
        }
    };
    // SAFETY: `work` writes all numbers.
    unsafe { parallel(units, width, 2..6, work) }
}

#[test]
fn every_unit_is_worked_on_once_whatever_the_number_of_threads() {
    let _alone = one_at_a_time();
    for limit in [1, 2, 5, 0] {
        set_threads(limit);
        for (units, width) in [(0, 3), (3, 0), (1, 1), (7, 3), (1000, 2)] {
            let expected: Vec<f32> = (0..units * width).map(|at| at as f32).collect();
            assert_eq!(numbers(units, width, None), expected);
        }
    }
    set_threads(0);
}

#[test]
fn helpers_that_sleep_are_woken() {
    let _alone = one_at_a_time();
    for _ in 0..20 {
        // Far longer than a helper looks for work.
        std::thread::sleep(Duration::from_millis(2));
        assert_help_comes();
    }
}

#[test]
fn a_panic_in_a_block_reaches_the_caller_and_the_next_call_works_on_as_many_threads() {
    let _alone = one_at_a_time();
    assert!(std::panic::catch_unwind(|| numbers(64, 1, Some(13))).is_err());
    assert_eq!(numbers(64, 1, None).len(), 64);
    assert_help_comes();
}

#[test]
fn a_thread_that_is_lost_in_a_block_reaches_the_caller() {
    let _alone = one_at_a_time();
    static OWN: Pool = Pool::new();
    let caller = std::thread::current().id();
    let lost = AtomicUsize::new(0);
    // As a web worker that traps: it is out of the job, but never comes back from it.
    let job = || {
        if std::thread::current().id() != caller {
            lost.store(1, Ordering::Release);
            OWN.lose();
            loop {
                std::thread::park();
            }
        }
        let begin = Instant::now();
        while lost.load(Ordering::Acquire) == 0 {
            assert!(begin.elapsed() < PATIENCE, "no second thread worked");
            std::thread::yield_now();
        }
    };
    let outcome = std::panic::catch_unwind(|| OWN.run(&job, 1));
    assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "a kernel failed on another thread");
    assert_eq!(OWN.lock().helpers, 0);
}
