//! Accounted bytes.

/// Keeps the account of live bytes: values, and scratch and estimated output of running tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What tasks that run ahead of the serial order must fit into.
    ordinary: u64,
    /// Of the live bytes, those of tasks that run ahead: all beyond the lowest unfinished one.
    ahead: u64,
    live: u64,
    peak: u64,
}

impl Budget {
    /// An empty account under `limit`, of which the serial order's peak is set aside.
    pub fn new(limit: u64, serial_peak: u64) -> Self {
        Self { ordinary: limit.saturating_sub(serial_peak), ahead: 0, live: 0, peak: 0 }
    }

    /// Bytes accounted now.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// The most bytes accounted so far.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Whether a task that is not the next of the serial order may take `bytes` more.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.ahead.checked_add(bytes).is_some_and(|ahead| ahead <= self.ordinary)
    }

    pub(super) fn take(&mut self, bytes: u64, is_ahead: bool) {
        self.live = self.live.saturating_add(bytes);
        self.peak = self.peak.max(self.live);
        if is_ahead {
            self.ahead = self.ahead.saturating_add(bytes);
        }
    }

    pub(super) fn give_back(&mut self, bytes: u64, is_ahead: bool) {
        self.live = self.live.saturating_sub(bytes);
        if is_ahead {
            self.ahead = self.ahead.saturating_sub(bytes);
        }
    }

    /// Takes note that a task runs no more ahead, and holds so many bytes.
    pub(super) fn catch_up(&mut self, bytes: u64) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }
}
