//! From a request to its reply. Decides everything, waits for nothing.

use super::date::http_date;
use super::faults::Fault;
use super::files::{Content, Files, Resource};
use super::head::Head;
use super::range::{Wanted, wanted};

/// A reply, ready to be sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// What Content-Length promises.
    pub(super) content_length: u64,
    pub(super) body: Option<Body>,
    /// First and last byte of a partial reply.
    pub(super) range: Option<(u64, u64)>,
}

/// The bytes of a file that a reply carries.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) content: Content,
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Reply {
    /// An empty reply.
    pub(super) fn bare(status: u16) -> Self {
        Self { status, headers: Vec::new(), content_length: 0, body: None, range: None }
    }

    /// A reply made up on the spot.
    pub(super) fn json(text: String) -> Self {
        let bytes = text.into_bytes();
        let length = bytes.len() as u64;
        let body = Body { content: Content::Memory(bytes.into()), offset: 0, length };
        Self { content_length: length, body: Some(body), ..Self::bare(200).with("Content-Type", "application/json") }
    }

    /// What a client deserves.
    pub(super) fn to(head: &Head, files: &Files) -> Self {
        if head.method != "GET" && head.method != "HEAD" {
            return Self::bare(405).with("Allow", "GET, HEAD");
        }
        match files.find(&head.path) {
            Some(resource) => Self::of(head, resource),
            None => Self::bare(404),
        }
    }

    /// What it gets instead; none where the connection is to be closed without a reply.
    pub(super) fn spoilt(self, fault: Fault, head: &mut Head, files: &Files) -> Option<Self> {
        Some(match fault {
            Fault::Reset => return None,
            Fault::Status(status, headers) => Self { headers, ..Self::bare(status) },
            Fault::Truncate(bytes) => {
                head.keep_alive = false;
                let body = self.body.map(|body| Body { length: body.length.min(bytes), ..body });
                Self { body, ..self }
            }
            Fault::IgnoreRange => {
                head.range = None;
                Self::to(head, files)
            }
            Fault::NoEtag => {
                let headers = self.headers.into_iter().filter(|(name, _)| name != "ETag").collect();
                Self { headers, ..self }
            }
            // Time is the connection's business.
            Fault::Stall(_) => self,
        })
    }

    fn of(head: &Head, resource: Resource) -> Self {
        if head.if_match.as_ref().is_some_and(|tags| tags != "*" && !lists(tags, &resource.etag)) {
            return Self::bare(412);
        }
        // Ranges are defined for GET alone, and only for the version that If-Range names.
        let stale = head.if_range.as_ref().is_some_and(|tag| *tag != resource.etag);
        let header = head.range.as_deref().filter(|_| head.method == "GET" && !stale);
        let size = resource.size;
        let (status, range) = match wanted(header, size) {
            Wanted::Whole => (200, None),
            Wanted::Part(first, last) => (206, Some((first, last))),
            Wanted::Unsatisfiable => return Self::bare(416).with("Content-Range", &format!("bytes */{size}")),
        };
        let (offset, length) = range.map_or((0, size), |(first, last)| (first, last - first + 1));
        let reply = Self::bare(status)
            .with("Content-Type", resource.media_type)
            .with("Accept-Ranges", "bytes")
            .with("Last-Modified", &http_date(resource.modified))
            .with("ETag", &resource.etag);
        let reply = match range {
            Some((first, last)) => reply.with("Content-Range", &format!("bytes {first}-{last}/{size}")),
            None => reply,
        };
        let body = (head.method == "GET").then_some(Body { content: resource.content, offset, length });
        Self { content_length: length, body, range, ..reply }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Status line and headers, with the empty line that ends them.
    pub(super) fn head(&self, keep_alive: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        // Neither of the two may tell a length (RFC 9110, section 8.6).
        if self.status != 204 && self.status != 304 {
            text += &format!("Content-Length: {}\r\n", self.content_length);
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !keep_alive {
            text += "Connection: close\r\n";
        }
        text += "\r\n";
        text.into_bytes()
    }
}

fn lists(tags: &str, etag: &str) -> bool {
    tags.split(',').any(|tag| tag.trim() == etag)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        206 => "Partial Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}
