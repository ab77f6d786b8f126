//! The serial executor: the caller's thread, one task and one request at a time, in order of rank. It is the meaning of
//! a run; every other executor must agree with it bit for bit.

use std::ops::{Deref, Range};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::tasks::{Lane, Tasks, Value};
use super::watch::Unwatched;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{ChunkSource, Fetched, Fetching};

/// Runs the tasks one after the other, each value kept until its last user is done; `deliver` gets each part of an
/// output, in order.
#[derive(Debug)]
pub struct Serial<T> {
    tasks: T,
    values: Vec<Option<Arc<Value>>>,
    users: Vec<u32>,
    next: usize,
}

impl<T: Deref<Target = Tasks>> Serial<T> {
    /// A run of `tasks` that has not begun.
    pub fn new(tasks: T) -> Self {
        let mut users = vec![0; tasks.len()];
        for task in 0..tasks.len() {
            for dependency in tasks.dependencies(task) {
                users[*dependency as usize] += 1;
            }
        }
        Self { values: vec![None; users.len()], users, next: 0, tasks }
    }

    /// Runs on until the next part of an output is there; its task and value, or none at the end.
    ///
    /// # Errors
    /// That of the task that failed; `Cancelled` when `cancelled` says so.
    pub fn advance(&mut self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Option<(usize, Value)>> {
        while self.next < self.tasks.len() {
            if cancelled() {
                return Err(Error::cancelled());
            }
            let task = self.next;
            self.next += 1;
            let value = self.run(task, cancelled)?;
            if self.tasks.is_delivered(task) {
                return Ok(Some((task, value)));
            }
            self.values[task] = (self.users[task] > 0).then(|| Arc::new(value));
        }
        Ok(None)
    }

    fn run(&mut self, task: usize, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Value> {
        let dependencies = self.tasks.dependencies(task);
        let inputs: Vec<_> = dependencies
            .iter()
            .map(|dependency| {
                self.values[*dependency as usize].clone().expect("values live until their last user is done")
            })
            .collect();
        let value = match self.tasks.lane(task) {
            Lane::Io => wait(|reply| self.tasks.begin(task, &inputs, reply), cancelled)?,
            Lane::Cpu => self.tasks.execute(task, &inputs, &Unwatched(cancelled))?,
        };
        for dependency in dependencies {
            let users = &mut self.users[*dependency as usize];
            *users -= 1;
            if *users == 0 {
                self.values[*dependency as usize] = None;
            }
        }
        Ok(value)
    }
}

/// Fetches bytes of a source and waits for them.
///
/// # Errors
/// That of the fetch; `Internal` where the source dropped the reply.
pub fn fetch_blocking(source: &dyn ChunkSource, range: Range<u64>) -> Result<Fetched> {
    wait(|reply| source.begin_fetch(range, reply), &|| false)
}

/// How often a wait asks whether it is cancelled.
const CANCEL_PERIOD: Duration = Duration::from_millis(20);

/// Starts a fetch and waits for its reply; a cancel aborts it.
fn wait<T: Send + 'static>(
    begin: impl FnOnce(Box<dyn FnOnce(Result<T>) + Send>) -> Fetching,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<T> {
    let slot = Arc::new((Mutex::new(Waiting::Open), Condvar::new()));
    let answer = Answer(Arc::clone(&slot));
    let fetching = begin(Box::new(move |result| answer.give(result)));
    let (state, wake) = &*slot;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match std::mem::replace(&mut *state, Waiting::Open) {
            Waiting::Open if cancelled() => {
                // Aborting may drop the reply, which takes the lock.
                drop(state);
                fetching.abort();
                return Err(Error::cancelled());
            }
            Waiting::Open => state = wake.wait_timeout(state, CANCEL_PERIOD).unwrap_or_else(PoisonError::into_inner).0,
            Waiting::Answered(result) => return result,
            Waiting::Abandoned => {
                return Err(Error::new(ErrorKind::Internal, "a source forgot to reply to a fetch"));
            }
        }
    }
}

enum Waiting<T> {
    Open,
    Answered(Result<T>),
    Abandoned,
}

/// Where the reply goes; dropped unused, it says so instead of leaving the caller to wait for ever.
struct Answer<T>(Arc<(Mutex<Waiting<T>>, Condvar)>);

impl<T> Answer<T> {
    fn give(self, result: Result<T>) {
        self.set(Waiting::Answered(result));
    }

    fn set(&self, value: Waiting<T>) {
        let (state, wake) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, Waiting::Open) {
            *state = value;
        }
        wake.notify_all();
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.set(Waiting::Abandoned);
    }
}
