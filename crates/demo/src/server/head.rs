//! The head of a request: read, parsed, and reduced to what the server acts on.

use std::io::{self, Read};

/// A request as far as it matters.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    /// Percent-decoded, with a slash in front.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) range: Option<String>,
    pub(super) if_match: Option<String>,
    pub(super) if_range: Option<String>,
    /// Bytes of the body of a PUT.
    pub(super) content_length: u64,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
}

/// Why there is no next request.
#[derive(Debug)]
pub(super) enum NoHead {
    /// The client went away, or said nothing more.
    Gone,
    /// What it said is not HTTP/1.
    Malformed,
}

const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Reads up to the end of the next head. `pending` holds what was read beyond it, before and after.
pub(super) fn read(stream: &mut impl Read, pending: &mut Vec<u8>) -> Result<Head, NoHead> {
    loop {
        if let Some((head, length)) = parse(pending)? {
            pending.drain(..length);
            return Ok(head);
        }
        if pending.len() > HEAD_BYTES_MAX {
            return Err(NoHead::Malformed);
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => return Err(NoHead::Gone),
            Ok(length) => pending.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(NoHead::Gone),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, NoHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Ok(Some((digest(&request).ok_or(NoHead::Malformed)?, length))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(NoHead::Malformed),
    }
}

fn digest(request: &httparse::Request<'_, '_>) -> Option<Head> {
    let (target, query) = match request.path?.split_once('?') {
        Some((target, query)) => (target, Some(query.to_owned())),
        None => (request.path?, None),
    };
    let header = |name: &str| {
        let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(|value| value.trim().to_owned())
    };
    let closing = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    // The body of a PUT is read; behind any other, nothing could be.
    let content_length = header("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let has_body = header("transfer-encoding").is_some() || request.method != Some("PUT") && content_length > 0;
    Some(Head {
        method: request.method?.to_owned(),
        path: percent_decode(target).filter(|path| path.starts_with('/'))?,
        query,
        range: header("range"),
        if_match: header("if-match"),
        if_range: header("if-range"),
        content_length,
        keep_alive: request.version == Some(1) && !closing && !has_body,
    })
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_decoded_or_refused() {
        assert_eq!(percent_decode("/a%20b%2Fc%C3%a9").as_deref(), Some("/a b/cé"));
        for broken in ["/%", "/%4", "/%zz", "/%ff", "/%00"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_second_request_in_the_same_packet_is_kept() {
        let mut pending = Vec::new();
        let mut stream = &b"GET /a HTTP/1.1\r\n\r\nHEAD /b?c HTTP/1.0\r\n\r\n"[..];
        let first = read(&mut stream, &mut pending).expect("a request");
        let second = read(&mut stream, &mut pending).expect("another one");
        assert_eq!((first.path.as_str(), first.keep_alive), ("/a", true));
        assert_eq!((second.path.as_str(), second.query.as_deref(), second.keep_alive), ("/b", Some("c"), false));
        assert!(matches!(read(&mut stream, &mut pending), Err(NoHead::Gone)));
    }
}
