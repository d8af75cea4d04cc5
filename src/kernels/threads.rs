//! Work in parallel: whole blocks of an output, each taken by whoever is free.
//!
//! Natively the pool starts its own threads. In a browser threads are web workers that share this module's
//! memory: each calls [`work`] and stays there. A WebAssembly build without atomics has one thread.

#![cfg_attr(
    all(target_family = "wasm", not(target_feature = "atomics")),
    allow(dead_code, reason = "a build without atomics has one thread")
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Threads that may work at once, the caller among them; 0 until someone sets it.
static LIMIT: AtomicUsize = AtomicUsize::new(0);
static POOL: Pool = Pool {
    state: Mutex::new(State { job: None, turn: 0, helpers: 0, busy: 0, failed: false }),
    begin: Condvar::new(),
    end: Condvar::new(),
};
/// Held by the one caller that the pool works for.
static LEAD: Mutex<()> = Mutex::new(());

struct Pool {
    state: Mutex<State>,
    /// Helpers wait here for a job.
    begin: Condvar,
    /// The caller waits here for the helpers.
    end: Condvar,
}

struct State {
    job: Option<Job>,
    /// Counts jobs, so that a helper takes part in each once.
    turn: u64,
    /// Threads that have entered [`work`].
    helpers: usize,
    /// Helpers that are in the job.
    busy: usize,
    /// A helper panicked in it.
    failed: bool,
}

/// What every thread runs until all parts are taken; borrowed from the caller, who waits.
type Job = &'static (dyn Fn() + Sync);

/// The number of threads that [`super::conv`] uses.
pub fn threads() -> usize {
    match LIMIT.load(Ordering::Relaxed) {
        0 => available(),
        limit => limit.min(available()),
    }
}

/// Uses at most `limit` threads from now on; 0 stands for as many as there are.
pub fn set_threads(limit: usize) {
    LIMIT.store(limit, Ordering::Relaxed);
}

/// As many as this process may have.
#[cfg(not(target_family = "wasm"))]
fn available() -> usize {
    static CORES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// As many workers as have come, and the caller.
#[cfg(target_family = "wasm")]
fn available() -> usize {
    if cfg!(target_feature = "atomics") { POOL.lock().helpers + 1 } else { 1 }
}

/// Cuts `output` into parts of `size` and calls `work` with each part's number and the part.
pub(super) fn parallel(output: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let parts: Vec<Mutex<Option<&mut [f32]>>> =
        output.chunks_mut(size.max(1)).map(|part| Mutex::new(Some(part))).collect();
    let next = AtomicUsize::new(0);
    let task = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(number) else { break };
            if let Some(output) = part.lock().unwrap_or_else(PoisonError::into_inner).take() {
                work(number, output);
            }
        }
    };
    let helpers = threads().min(parts.len()).saturating_sub(1);
    // Another thread's work is under way: the pool is its.
    match LEAD.try_lock() {
        Ok(_lead) if helpers > 0 => POOL.run(&task, helpers),
        _ => task(),
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` here and on up to `helpers` other threads, and returns when all of them have.
    fn run(&'static self, task: &(dyn Fn() + Sync), helpers: usize) {
        // SAFETY: only the lifetime changes. The reference leaves the pool below, before this function
        // returns or unwinds: `Leave` takes the job back and waits until no helper is in it.
        let job: Job = unsafe { std::mem::transmute(task) };
        #[cfg(not(target_family = "wasm"))]
        self.hire(helpers);
        let mut state = self.lock();
        state.job = Some(job);
        state.turn += 1;
        drop(state);
        if helpers == 1 {
            self.begin.notify_one();
        } else {
            self.begin.notify_all();
        }
        let leave = Leave(self);
        task();
        drop(leave);
    }

    /// Starts what is lacking of `helpers` threads.
    #[cfg(not(target_family = "wasm"))]
    fn hire(&'static self, helpers: usize) {
        static HIRED: AtomicUsize = AtomicUsize::new(0);
        while HIRED.load(Ordering::Relaxed) < helpers {
            let hired = std::thread::Builder::new().name("xception".into()).spawn(|| self.help());
            // The system gives no more threads: those that there are do the work.
            if hired.is_err() {
                return;
            }
            HIRED.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes part in job after job.
    fn help(&self) -> ! {
        let mut seen = 0;
        let mut state = self.lock();
        state.helpers += 1;
        loop {
            match state.job {
                Some(job) if state.turn != seen && state.busy + 1 < threads_of(&state) => {
                    seen = state.turn;
                    state.busy += 1;
                    drop(state);
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                    state = self.lock();
                    state.busy -= 1;
                    state.failed |= outcome.is_err();
                    if state.busy == 0 {
                        self.end.notify_all();
                    }
                }
                _ => state = self.begin.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The limit, by what is known while the state is held.
fn threads_of(state: &State) -> usize {
    match LIMIT.load(Ordering::Relaxed) {
        0 => state.helpers + 1,
        limit => limit.min(state.helpers + 1),
    }
}

/// Takes the job back when the caller is done, even by a panic.
struct Leave(&'static Pool);

impl Drop for Leave {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.job = None;
        while state.busy > 0 {
            state = self.0.end.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if std::mem::take(&mut state.failed) && !std::thread::panicking() {
            drop(state);
            panic!("a kernel failed on another thread");
        }
    }
}

/// What a web worker does for the rest of its life.
#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
pub fn work() -> ! {
    POOL.help()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_worked_on_once_whatever_the_number_of_threads() {
        for limit in [1, 2, 5, 0] {
            set_threads(limit);
            for len in [0, 1, 7, 1000] {
                let mut output = vec![0.0; len];
                parallel(&mut output, 3, |part, output| {
                    for (at, x) in output.iter_mut().enumerate() {
                        *x += (part * 3 + at + 1) as f32;
                    }
                });
                assert!(output.iter().enumerate().all(|(at, &x)| x == (at + 1) as f32));
            }
        }
        set_threads(0);
    }

    #[test]
    fn a_panic_in_a_part_reaches_the_caller_and_the_next_call_works() {
        let result = std::panic::catch_unwind(|| {
            parallel(&mut [0.0; 64], 1, |part, _| assert!(part != 13, "part 13 is bad"));
        });
        assert!(result.is_err());
        let mut output = [0.0; 64];
        parallel(&mut output, 1, |_, output| output[0] = 1.0);
        assert_eq!(output, [1.0; 64]);
    }
}
