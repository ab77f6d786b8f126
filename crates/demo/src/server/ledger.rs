//! The books: which requests came, and what they got.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// One request, as logged and as shown to [`Faults`](super::Faults).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Connection it came by, counted from 0.
    pub connection: u64,
    /// Method, in capitals.
    pub method: String,
    /// Path without query, percent-decoded, with a slash in front.
    pub path: String,
    /// What followed the question mark.
    pub query: Option<String>,
    /// First and last byte (inclusive) of a partial reply.
    pub range: Option<(u64, u64)>,
    /// Status of the reply; 0 where the connection was closed without one.
    pub status: u16,
    /// Bytes of body handed to the socket.
    pub bytes: u64,
    /// When its head had been read, since the server's start.
    pub started: Duration,
    /// When its last bytes were about to leave, or there was no sense in more; none while it is in flight.
    pub ended: Option<Duration>,
    /// Whether the client had closed the connection before its last bytes were about to leave. It is noticed at once
    /// while the server waits for the latency to pass, and else by the write that fails.
    pub abandoned: bool,
}

/// Counters over requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests, those in flight included.
    pub requests: usize,
    /// Requests with method GET.
    pub gets: usize,
    /// Requests with method HEAD.
    pub heads: usize,
    /// Requests answered by a status of 400 or more, or not at all.
    pub errors: usize,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Connections accepted.
    pub connections: usize,
    /// Most requests in flight at once.
    pub peak_in_flight: usize,
}

#[derive(Debug)]
pub(super) struct Ledger {
    start: Instant,
    books: Mutex<Books>,
}

/// Names a request in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

#[derive(Debug, Default)]
struct Books {
    tickets: u64,
    in_flight: BTreeMap<u64, Request>,
    closed: Vec<Request>,
    connections: usize,
    peak_in_flight: usize,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), books: Mutex::default() }
    }

    pub(super) fn connected(&self) {
        self.books.lock().connections += 1;
    }

    /// Opens the account of a request, whose `started` is set here.
    pub(super) fn begin(&self, request: Request) -> Ticket {
        let mut books = self.books.lock();
        let ticket = books.tickets;
        books.tickets += 1;
        books.in_flight.insert(ticket, Request { started: self.start.elapsed(), ..request });
        books.peak_in_flight = books.peak_in_flight.max(books.in_flight.len());
        Ticket(ticket)
    }

    /// Notes what the reply is going to be.
    pub(super) fn replying(&self, ticket: Ticket, status: u16, range: Option<(u64, u64)>) {
        if let Some(request) = self.books.lock().in_flight.get_mut(&ticket.0) {
            (request.status, request.range) = (status, range);
        }
    }

    /// Notes bytes of the body.
    pub(super) fn sent(&self, ticket: Ticket, bytes: usize) {
        if let Some(request) = self.books.lock().in_flight.get_mut(&ticket.0) {
            request.bytes += bytes as u64;
        }
    }

    /// Notes that the client did not wait for the end.
    pub(super) fn abandoned(&self, ticket: Ticket) {
        if let Some(request) = self.books.lock().in_flight.get_mut(&ticket.0) {
            request.abandoned = true;
        }
    }

    /// Requests in flight now.
    pub(super) fn in_flight(&self) -> usize {
        self.books.lock().in_flight.len()
    }

    /// The time since the start.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Closes the account; a second time does nothing.
    pub(super) fn end(&self, ticket: Ticket) {
        let mut books = self.books.lock();
        if let Some(request) = books.in_flight.remove(&ticket.0) {
            books.closed.push(Request { ended: Some(self.start.elapsed()), ..request });
        }
    }

    pub(super) fn log(&self) -> Vec<Request> {
        let books = self.books.lock();
        let mut log: Vec<_> = books.requests().cloned().collect();
        log.sort_by_key(|request| request.started);
        log
    }

    pub(super) fn stats(&self) -> Stats {
        let books = self.books.lock();
        let initial =
            Stats { connections: books.connections, peak_in_flight: books.peak_in_flight, ..Stats::default() };
        books.requests().fold(initial, |stats, request| Stats {
            requests: stats.requests + 1,
            gets: stats.gets + usize::from(request.method == "GET"),
            heads: stats.heads + usize::from(request.method == "HEAD"),
            errors: stats.errors + usize::from(request.ended.is_some() && !(100..400).contains(&request.status)),
            bytes: stats.bytes + request.bytes,
            ..stats
        })
    }

    pub(super) fn reset(&self) {
        let mut books = self.books.lock();
        books.closed.clear();
        books.connections = 0;
        books.peak_in_flight = books.in_flight.len();
    }
}

impl Books {
    fn requests(&self) -> impl Iterator<Item = &Request> {
        self.closed.iter().chain(self.in_flight.values())
    }
}
