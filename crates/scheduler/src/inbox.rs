//! Where replies of I/O tasks arrive, from any thread and at any time.

use std::sync::Arc;

use crate::bell::Bell;
use crate::graph::TaskId;
use crate::outcome::Outcome;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// What an I/O task came to.
pub(crate) type Answer<V, E> = (TaskId, Outcome<V, E>);

/// Answers that no worker has looked at yet.
///
/// Replies share it by `Arc`, so one that comes after the run finds it, closed, and is dropped.
#[derive(Debug)]
pub(crate) struct Inbox<V, E> {
    mail: Mutex<Mail<V, E>>,
    has_mail: AtomicBool,
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Mail<V, E> {
    answers: Vec<Answer<V, E>>,
    closed: bool,
}

impl<V, E> Inbox<V, E> {
    /// An empty inbox that rings `bell` for every answer.
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        let mail = Mutex::new(Mail { answers: Vec::new(), closed: false });
        Self { mail, has_mail: AtomicBool::new(false), bell }
    }

    /// Keeps an answer for the workers, or drops it if the run is over.
    pub(crate) fn put(&self, answer: Answer<V, E>) {
        let mut mail = self.mail.lock();
        if mail.closed {
            // The answer's drop is the caller's code, so it runs outside the lock.
            drop(mail);
            return;
        }
        mail.answers.push(answer);
        self.has_mail.store(true, Ordering::Relaxed);
        drop(mail);
        self.bell.ring(1);
    }

    /// Whether there may be something to take.
    pub(crate) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Relaxed)
    }

    /// Moves all answers into `answers`, which is empty; its buffer is used for the next ones.
    pub(crate) fn take(&self, answers: &mut Vec<Answer<V, E>>) {
        if self.has_mail() {
            let mut mail = self.mail.lock();
            std::mem::swap(&mut mail.answers, answers);
            self.has_mail.store(false, Ordering::Relaxed);
        }
    }

    /// Drops what is here and whatever comes.
    pub(crate) fn close(&self) {
        let mut mail = self.mail.lock();
        mail.closed = true;
        let answers = std::mem::take(&mut mail.answers);
        drop(mail);
        drop(answers);
    }
}
