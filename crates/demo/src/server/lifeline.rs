//! How a server stops: one switch that shuts every socket and ends every sleep.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Id of a connection, from 0 by order of acceptance.
pub(super) type ConnectionId = u64;

/// The error of a sleep that the end of the server cut short.
#[derive(Debug)]
pub(super) struct Stopped;

#[derive(Debug, Default)]
pub(super) struct Lifeline {
    state: Mutex<State>,
    cut: Condvar,
}

#[derive(Debug, Default)]
struct State {
    cut: bool,
    admitted: ConnectionId,
    sockets: HashMap<ConnectionId, TcpStream>,
}

impl Lifeline {
    /// Takes a connection under control; none once the line is cut.
    ///
    /// Subtle: test and insertion happen under one lock, or a connection accepted during `cut` would live forever.
    pub(super) fn admit(&self, stream: &TcpStream) -> io::Result<Option<ConnectionId>> {
        let mut state = self.state.lock();
        if state.cut {
            return Ok(None);
        }
        let id = state.admitted;
        state.admitted += 1;
        state.sockets.insert(id, stream.try_clone()?);
        Ok(Some(id))
    }

    /// Closes a connection.
    pub(super) fn dismiss(&self, id: ConnectionId) {
        if let Some(socket) = self.state.lock().sockets.remove(&id) {
            // It may be closed from the other side already.
            drop(socket.shutdown(Shutdown::Both));
        }
    }

    /// Ends everything.
    pub(super) fn cut(&self) {
        let mut state = self.state.lock();
        state.cut = true;
        for (_, socket) in state.sockets.drain() {
            drop(socket.shutdown(Shutdown::Both));
        }
        self.cut.notify_all();
    }

    /// Sleeps for a time.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), Stopped> {
        if time.is_zero() {
            return Ok(());
        }
        self.sleep_until(Instant::now() + time)
    }

    /// Sleeps until a moment, which may be past.
    pub(super) fn sleep_until(&self, moment: Instant) -> Result<(), Stopped> {
        let mut state = self.state.lock();
        while !state.cut {
            if self.cut.wait_until(&mut state, moment).timed_out() {
                return Ok(());
            }
        }
        Err(Stopped)
    }
}
