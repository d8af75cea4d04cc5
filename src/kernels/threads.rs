//! Work in parallel: blocks of an output, each taken by whoever is free.
//!
//! Natively the pool starts its own threads. In a browser threads are web workers that share this module's
//! memory: each calls [`work`] and stays there. A WebAssembly build without atomics has one thread.

#![cfg_attr(
    all(target_family = "wasm", not(target_feature = "atomics")),
    allow(dead_code, reason = "a build without atomics has one thread")
)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};

/// Threads that may work at once, the caller among them; 0 until someone sets it.
static LIMIT: AtomicUsize = AtomicUsize::new(0);
static POOL: Pool = Pool::new();
/// Held by the one caller that the pool works for.
static LEAD: Mutex<()> = Mutex::new(());

/// Looks at a number in memory that take about 50 µs: waking a sleeper takes as long, and the next operation
/// of a picture follows sooner. After the last one, a helper sleeps: a page at rest takes no processor.
const LOOKS_FOR_WORK: usize = if cfg!(target_family = "wasm") { 50_000 } else { 2_000 };
/// The same for the caller, who waits for work that is under way: it ends soon, a block being small.
const LOOKS_FOR_END: usize = 8 * LOOKS_FOR_WORK;

struct Pool {
    state: Mutex<State>,
    /// The state's numbers of the same names, to look at without holding it.
    turn: AtomicUsize,
    busy: AtomicUsize,
    /// Helpers wait here for a job.
    begin: Condvar,
    /// The caller waits here for the helpers.
    end: Condvar,
}

struct State {
    job: Option<Job>,
    /// Counts jobs, so that a helper takes part in each once.
    turn: usize,
    /// Threads that are there to help.
    helpers: usize,
    /// Those of them that must be woken.
    asleep: usize,
    /// Helpers that are in the job.
    busy: usize,
    /// A helper failed in it.
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

/// Makes `units` times `width` numbers: calls `work` with the first unit of each block and the block, until
/// all are taken. Blocks hold from `sizes.start` to `sizes.end` units, fewer the nearer the end is, so that
/// nobody waits long for the last one.
///
/// # Safety
///
/// `work` writes every number of the block.
pub(super) unsafe fn parallel(
    units: usize,
    width: usize,
    sizes: Range<usize>,
    work: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    let mut output = Vec::with_capacity(units * width);
    let limit = threads().min(units.div_ceil(sizes.start)).max(1);
    let rest = Mutex::new((0, &mut output.spare_capacity_mut()[..units * width]));
    let take = || {
        let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, left) = (rest.0, units - rest.0);
        let share = if limit > 1 { left.div_ceil(2 * limit) } else { left };
        let size = share.next_multiple_of(sizes.start).min(sizes.end).min(left);
        let (block, after) = std::mem::take(&mut rest.1).split_at_mut(size * width);
        *rest = (first + size, after);
        (size > 0).then_some((first, block))
    };
    let task = || {
        while let Some((first, block)) = take() {
            work(first, block);
        }
    };
    match lead().filter(|_| limit > 1) {
        Some(_lead) => POOL.run(&task, limit - 1),
        None => task(),
    }
    // SAFETY: all units were taken, and the caller promises that each was written.
    unsafe { output.set_len(units * width) };
    output
}

/// The pool, unless another thread's work is under way: then it is its.
fn lead() -> Option<MutexGuard<'static, ()>> {
    match LEAD.try_lock() {
        Ok(lead) => Some(lead),
        // Work that failed is over too.
        Err(TryLockError::Poisoned(lead)) => Some(lead.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Pool {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State { job: None, turn: 0, helpers: 0, asleep: 0, busy: 0, failed: false }),
            turn: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            begin: Condvar::new(),
            end: Condvar::new(),
        }
    }

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
        state.turn = state.turn.wrapping_add(1);
        self.turn.store(state.turn, Ordering::Release);
        let asleep = state.asleep;
        drop(state);
        match asleep {
            0 => {}
            _ if helpers == 1 => self.begin.notify_one(),
            _ => self.begin.notify_all(),
        }
        let leave = Leave(self);
        task();
        drop(leave);
    }

    /// Starts what is lacking of `helpers` threads.
    #[cfg(not(target_family = "wasm"))]
    fn hire(&'static self, helpers: usize) {
        while self.lock().helpers < helpers {
            let hired = std::thread::Builder::new().name("xception".into()).spawn(|| self.help());
            // The system gives no more threads: those that there are do the work.
            if hired.is_err() {
                return;
            }
            self.lock().helpers += 1;
        }
    }

    /// Takes part in job after job.
    fn help(&self) -> ! {
        let mut seen = 0;
        let mut state = self.lock();
        loop {
            match state.job {
                Some(job) if state.turn != seen && state.busy + 1 < threads_of(&state) => {
                    seen = state.turn;
                    state.busy += 1;
                    self.busy.store(state.busy, Ordering::Release);
                    drop(state);
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                    self.count_out(&mut self.lock(), outcome.is_err());
                    look(LOOKS_FOR_WORK, || self.turn.load(Ordering::Acquire) != seen);
                    state = self.lock();
                }
                _ => {
                    state.asleep += 1;
                    state = self.begin.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.asleep -= 1;
                }
            }
        }
    }

    /// Counts a helper out of the job.
    fn count_out(&self, state: &mut State, failed: bool) {
        state.busy -= 1;
        self.busy.store(state.busy, Ordering::Release);
        state.failed |= failed;
        if state.busy == 0 {
            self.end.notify_all();
        }
    }

    /// Counts a helper out of the job and of the pool.
    #[cfg(any(test, all(target_family = "wasm", target_feature = "atomics")))]
    fn lose(&self) {
        let mut state = self.lock();
        state.helpers -= 1;
        self.count_out(&mut state, true);
    }
}

/// Waits until `done`, but not longer than `times` looks.
fn look(times: usize, done: impl Fn() -> bool) {
    for _ in 0..times {
        if done() {
            return;
        }
        std::hint::spin_loop();
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
        if state.busy > 0 {
            drop(state);
            look(LOOKS_FOR_END, || self.0.busy.load(Ordering::Acquire) == 0);
            state = self.0.lock();
        }
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
    POOL.lock().helpers += 1;
    POOL.help()
}

/// What a web worker does when [`work`] has ended all the same, by a trap: nothing has unwound, and the caller
/// waits. A job is the only part of it that can fail; this thread is in none any more, so that the caller may
/// go on, and fails in turn.
#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
pub fn work_failed() {
    POOL.lose()
}

#[cfg(test)]
mod tests;
