//! One connection: reads requests, waits as told, sends replies.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::faults::Fault;
use super::head::{self, Head, NoHead};
use super::ledger::{Request, Stats, Ticket};
use super::lifeline::{ConnectionId, Stopped};
use super::reply::Reply;
use super::{Manners, Shared};

/// Bytes a piece of body has at most; larger ones gain nothing over loopback.
const PIECE: u64 = 256 * 1024;
/// … and where bandwidth is limited, so that bytes trickle rather than leap.
const PACED_PIECE: u64 = 16 * 1024;

/// The end of a wait, in which the client is not watched: timeouts of sockets are late by as much as 4 ms on Linux.
const BLIND: Duration = Duration::from_millis(8);

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Serves a connection until either side has enough.
pub(super) fn run(shared: &Shared, id: ConnectionId, stream: TcpStream) {
    // Best effort: without it replies are late, not wrong.
    drop(stream.set_nodelay(true));
    let mut connection =
        Connection { shared, id, stream, pending: Vec::new(), piece: Vec::new(), free_at: Instant::now() };
    while connection.serve().is_ok() {}
    shared.lifeline.dismiss(id);
}

/// Why the connection is over.
enum Over {
    /// All was said, or the server stops.
    Here,
    /// The client went away, which is its right.
    There,
}

impl From<Stopped> for Over {
    fn from(_: Stopped) -> Self {
        Self::Here
    }
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::There
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    id: ConnectionId,
    stream: TcpStream,
    /// What was read of the next requests.
    pending: Vec<u8>,
    /// Buffer of what is sent next.
    piece: Vec<u8>,
    /// When a link of the bandwidth given would have delivered all that was sent.
    free_at: Instant,
}

impl Connection<'_> {
    /// Serves one request; `Ok` where another may follow.
    fn serve(&mut self) -> Result<(), Over> {
        let head = match head::read(&mut self.stream, &mut self.pending) {
            Ok(head) => head,
            Err(NoHead::Gone) => return Err(Over::There),
            Err(NoHead::Malformed) => {
                self.stream.write_all(&Reply::bare(400).head(false))?;
                return Err(Over::Here);
            }
        };
        match head.path.as_str() {
            "/__stats" => self.send_stats(&head, self.shared.ledger.stats()),
            "/__reset" => {
                // Cleared before the reply leaves: whoever has it may count on it.
                let stats = self.shared.ledger.stats();
                self.shared.ledger.reset();
                self.send_stats(&head, stats)
            }
            _ => self.answer(head),
        }
    }

    fn answer(&mut self, head: Head) -> Result<(), Over> {
        let manners = self.shared.manners.lock().clone();
        let content = if head.method == "PUT" { self.read_body(head.content_length)? } else { Vec::new() };
        let reply = match head.method == "PUT" && manners.takes_puts {
            true => Reply::bare(201),
            false => Reply::to(&head, &self.shared.files),
        };
        let request = self.request(&head, &reply);
        let ticket = self.shared.ledger.begin(request.clone());
        let outcome = self.answer_as(&manners, &request, head, reply, content, ticket);
        if matches!(outcome, Err(Over::There)) {
            self.shared.ledger.abandoned(ticket);
        }
        self.shared.ledger.end(ticket);
        outcome
    }

    fn answer_as(
        &mut self,
        manners: &Manners,
        request: &Request,
        mut head: Head,
        reply: Reply,
        content: Vec<u8>,
        ticket: Ticket,
    ) -> Result<(), Over> {
        let too_many = manners.in_flight_max.is_some_and(|max| self.shared.ledger.in_flight() > max);
        let fault = if too_many { Some(Fault::Status(503, Vec::new())) } else { manners.faults.next(request) };
        let stall = if let Some(Fault::Stall(time)) = fault { time } else { Duration::ZERO };
        let reply = match fault {
            Some(fault) => reply.spoilt(fault, &mut head, &self.shared.files),
            None => Some(reply),
        };
        self.wait_until(Instant::now() + manners.latency + stall)?;
        let Some(reply) = reply else {
            self.shared.ledger.replying(ticket, 0, None);
            return Err(Over::Here);
        };
        let reply = match reply.status {
            201 => reply.with("ETag", &self.shared.files.put(&head.path, content.into())),
            _ => reply,
        };
        self.shared.ledger.replying(ticket, reply.status, reply.range);
        self.send(reply, head.keep_alive, manners.bytes_per_second, Some(ticket))
    }

    /// The body of a request, as far as it came with the head and what follows.
    fn read_body(&mut self, length: u64) -> Result<Vec<u8>, Over> {
        let buffered = self.pending.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let mut content: Vec<u8> = self.pending.drain(..buffered).collect();
        let rest = length - buffered as u64;
        match (&mut self.stream).take(rest).read_to_end(&mut content)? as u64 == rest {
            true => Ok(content),
            false => Err(Over::There),
        }
    }

    fn send(&mut self, reply: Reply, keep_alive: bool, rate: Option<f64>, ticket: Option<Ticket>) -> Result<(), Over> {
        self.piece.clear();
        self.piece.extend(reply.head(keep_alive));
        self.free_at = self.free_at.max(Instant::now());
        let piece_max = if rate.is_some() { PACED_PIECE } else { PIECE };
        let mut body = reply.body;
        loop {
            let mut last = true;
            if let Some(body) = &mut body {
                let length = body.length.min(piece_max);
                body.content.append(body.offset, length as usize, &mut self.piece)?;
                body.offset += length;
                body.length -= length;
                last = body.length == 0;
                self.pace(length, rate)?;
                ticket.inspect(|ticket| self.shared.ledger.sent(*ticket, length as usize));
            }
            // Subtle: the books are closed before the last piece leaves, so that a client that has its reply finds it there.
            if let (Some(ticket), true) = (ticket, last) {
                self.shared.ledger.end(ticket);
            }
            self.stream.write_all(&self.piece)?;
            self.piece.clear();
            if last {
                return if keep_alive { Ok(()) } else { Err(Over::Here) };
            }
        }
    }

    /// Waits until a link of that rate would have delivered the next bytes.
    fn pace(&mut self, bytes: u64, rate: Option<f64>) -> Result<(), Over> {
        let Some(rate) = rate else { return Ok(()) };
        self.free_at += Duration::from_secs_f64(bytes as f64 / rate);
        self.wait_until(self.free_at)
    }

    /// Waits until a moment, or until the client goes away, as far as that shows before.
    fn wait_until(&mut self, moment: Instant) -> Result<(), Over> {
        let watched = moment.saturating_duration_since(Instant::now()).saturating_sub(BLIND);
        if !watched.is_zero() {
            self.stream.set_read_timeout(Some(watched))?;
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_read_timeout(None)?;
            match peeked {
                Ok(0) => return Err(Over::There),
                // The next request is here already.
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.shared.lifeline.sleep_until(moment)?)
    }

    fn request(&self, head: &Head, reply: &Reply) -> Request {
        Request {
            connection: self.id,
            method: head.method.clone(),
            path: head.path.clone(),
            query: head.query.clone(),
            range: reply.range,
            status: reply.status,
            bytes: 0,
            started: Duration::ZERO,
            ended: None,
            abandoned: false,
        }
    }

    fn send_stats(&mut self, head: &Head, stats: Stats) -> Result<(), Over> {
        let Stats { requests, gets, heads, errors, bytes, connections, peak_in_flight } = stats;
        let counters = json!({
            "requests": requests,
            "GET": gets,
            "HEAD": heads,
            "errors": errors,
            "bytes": bytes,
            "connections": connections,
            "peak_in_flight": peak_in_flight,
        });
        self.send(Reply::json(counters.to_string()), head.keep_alive, None, None)
    }
}
