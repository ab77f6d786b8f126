//! A loopback HTTP/1.1 server of files with byte ranges, made to be measured against and to misbehave on request.
//!
//! GET and HEAD, keep-alive, one range a request (`a-b`, `a-`, `-n`; a list of several is ignored, as HTTP allows), ETag,
//! `If-Match` and `If-Range`. Each connection has a thread. It listens on 127.0.0.1 only, and stops when dropped.
//!
//! `GET /__stats` answers the counters as JSON, `GET /__reset` answers and clears them; neither counts or waits.
//!
//! ```
//! use swath_demo::server::{Fault, Faults, RangeServer};
//! use std::time::Duration;
//!
//! let server = RangeServer::in_memory().latency(Duration::from_millis(1)).start()?;
//! server.put("hello.txt", b"hello".to_vec());
//! // The first request fails, the second is fine.
//! server.set_faults(Faults::sequence([Fault::Status(503, vec![("Retry-After".into(), "1".into())])]));
//! assert_eq!(server.url("hello.txt"), format!("{}/hello.txt", server.base_url()));
//! assert_eq!(server.stats().requests, 0);
//! # Ok::<(), std::io::Error>(())
//! ```

mod connection;
mod date;
mod faults;
mod files;
mod head;
mod ledger;
mod lifeline;
mod range;
mod reply;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

use files::Files;
use ledger::Ledger;
use lifeline::Lifeline;

pub use faults::{Fault, Faults};
pub use ledger::{Request, Stats};

/// A running server; dropping it closes its connections and waits for its threads.
#[derive(Debug)]
pub struct RangeServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

/// How a server is to run; made by [`RangeServer::builder`] or [`RangeServer::in_memory`].
#[derive(Debug)]
#[must_use = "nothing is served before `start`"]
pub struct Builder {
    files: io::Result<Files>,
    port: u16,
    manners: Manners,
}

/// What all threads of a server share.
#[derive(Debug)]
struct Shared {
    files: Files,
    manners: Mutex<Manners>,
    ledger: Ledger,
    lifeline: Lifeline,
}

/// How the server treats its clients at the moment.
#[derive(Debug, Clone, Default)]
struct Manners {
    latency: Duration,
    /// Of each connection; none: as fast as it goes.
    bytes_per_second: Option<f64>,
    /// Requests in flight above which the next ones are answered 503.
    in_flight_max: Option<usize>,
    faults: Faults,
    takes_puts: bool,
}

impl RangeServer {
    /// Serves the files under `root` without delay on a free port.
    ///
    /// # Errors
    ///
    /// When there is no such directory or no port.
    pub fn serve(root: &Path) -> io::Result<Self> {
        Self::builder(root).start()
    }

    /// Configures a server of the files under `root`, and of those [`put`](Self::put) into it.
    pub fn builder(root: &Path) -> Builder {
        Builder { files: Files::under(root), port: 0, manners: Manners::default() }
    }

    /// Configures a server of only those files that are [`put`](Self::put) into it.
    pub fn in_memory() -> Builder {
        Builder { files: Ok(Files::default()), port: 0, manners: Manners::default() }
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// URL of a path below the root; the path is taken as already percent-encoded.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.base_url(), path.trim_start_matches('/'))
    }

    /// Serves bytes as a file of that name, in place of any file the root has under it. The ETag follows the content.
    pub fn put(&self, name: &str, bytes: impl Into<Arc<[u8]>>) {
        self.shared.files.put(name, bytes.into());
    }

    /// Requests since the last [`reset`](Self::reset), by the time they came in. Those in flight have no end yet.
    ///
    /// A request is closed before its last bytes leave: who has received a reply finds it here, complete.
    pub fn log(&self) -> Vec<Request> {
        self.shared.ledger.log()
    }

    /// The time now on the clock of the log.
    pub fn now(&self) -> Duration {
        self.shared.ledger.now()
    }

    /// Counters since the last [`reset`](Self::reset).
    pub fn stats(&self) -> Stats {
        self.shared.ledger.stats()
    }

    /// Clears log and counters. Requests in flight are kept.
    pub fn reset(&self) {
        self.shared.ledger.reset();
    }

    /// Time that passes before each reply, from the next request on.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.manners.lock().latency = latency;
    }

    /// What goes wrong from the next request on; `Faults::default()` for nothing.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.manners.lock().faults = faults;
    }
}

impl Builder {
    /// Port to listen on; 0, the default, picks a free one.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Time that passes before each reply.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.manners.latency = latency;
        self
    }

    /// Megabits per second that each connection gets; not limited by default.
    pub fn bandwidth_mbit(mut self, megabits: f64) -> Self {
        self.manners.bytes_per_second = Some(megabits * 1e6 / 8.0).filter(|rate| *rate > 0.0);
        self
    }

    /// Requests in flight above which it answers 503; not limited by default.
    pub fn in_flight_max(mut self, count: usize) -> Self {
        self.manners.in_flight_max = Some(count);
        self
    }

    /// Lets clients put files, too: they are served as those that are [`put`](RangeServer::put).
    pub fn takes_puts(mut self) -> Self {
        self.manners.takes_puts = true;
        self
    }

    /// What goes wrong.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.manners.faults = faults;
        self
    }

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// When the root is no directory or the port is taken.
    pub fn start(self) -> io::Result<RangeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            files: self.files?,
            manners: Mutex::new(self.manners),
            ledger: Ledger::new(),
            lifeline: Lifeline::default(),
        });
        let acceptor = thread::Builder::new().name("range-server".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(RangeServer { shared, address, acceptor: Some(acceptor) })
    }
}

impl Drop for RangeServer {
    fn drop(&mut self) {
        self.shared.lifeline.cut();
        // `accept` cannot be interrupted, but it can be given a connection; a refused one means it has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            // A panic of a connection's thread has been reported on standard error; `drop` must not add one.
            drop(acceptor.join());
        }
    }
}

/// Accepts until the lifeline is cut. The scope makes it wait for the connections' threads, whose sockets are shut by then.
fn accept(listener: &TcpListener, shared: &Shared) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            match stream.and_then(|stream| Ok((shared.lifeline.admit(&stream)?, stream))) {
                Ok((Some(id), stream)) => {
                    shared.ledger.connected();
                    scope.spawn(move || connection::run(shared, id, stream));
                }
                Ok((None, _)) => break,
                // Out of file descriptors, most likely: some will be closed soon.
                Err(_) if shared.lifeline.sleep(Duration::from_millis(5)).is_ok() => {}
                Err(_) => break,
            }
        }
    });
}
