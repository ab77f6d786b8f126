//! The server, as a client that writes and reads bytes itself sees it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use swath_demo::server::{Fault, Faults, RangeServer};
use tempfile::tempdir;

/// A connection; `reader` buffers what comes in.
struct Client {
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Client {
    fn new(server: &RangeServer) -> io::Result<Self> {
        let url = server.base_url();
        let stream = TcpStream::connect(url.trim_start_matches("http://"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// Sends a request; `headers` are whole lines.
    fn ask(&mut self, method: &str, target: &str, headers: &[&str]) -> io::Result<Reply> {
        let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        self.reader.get_mut().write_all(request.as_bytes())?;
        self.reply(method != "HEAD")
    }

    fn get(&mut self, target: &str) -> io::Result<Reply> {
        self.ask("GET", target, &[])
    }

    fn range(&mut self, target: &str, range: &str) -> io::Result<Reply> {
        self.ask("GET", target, &[&format!("Range: bytes={range}")])
    }

    fn reply(&mut self, with_body: bool) -> io::Result<Reply> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = HashMap::new();
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; if with_body { length } else { 0 }];
        self.reader.read_exact(&mut body)?;
        Ok(Reply { status, headers, body })
    }
}

/// A server with `/data.bin` of 1000 bytes and `/big.bin` of 3 MB.
fn server() -> io::Result<RangeServer> {
    let server = RangeServer::in_memory().start()?;
    server.put("data.bin", data(1000));
    server.put("big.bin", data(3_000_000));
    Ok(server)
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn a_whole_file_comes_with_its_headers() -> io::Result<()> {
    let server = server()?;
    let reply = Client::new(&server)?.get("/data.bin")?;
    assert_eq!((reply.status, &reply.body), (200, &data(1000)));
    assert_eq!(reply.headers["accept-ranges"], "bytes");
    assert_eq!(reply.headers["content-type"], "application/octet-stream");
    assert!(reply.headers["etag"].starts_with('"') && reply.headers["last-modified"].ends_with("GMT"));
    Ok(())
}

#[test]
fn ranges_of_all_three_kinds_are_partial_replies() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    for (range, first, last) in [("10-19", 10, 19), ("990-", 990, 999), ("-5", 995, 999), ("998-5000", 998, 999)] {
        let reply = client.range("/data.bin", range)?;
        assert_eq!((reply.status, reply.body), (206, data(1000)[first..=last].to_vec()), "{range}");
        assert_eq!(reply.headers["content-range"], format!("bytes {first}-{last}/1000"));
    }
    Ok(())
}

#[test]
fn large_bodies_arrive_whole() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    assert!(client.get("/big.bin")?.body == data(3_000_000));
    assert!(client.range("/big.bin", "1-2999998")?.body == data(3_000_000)[1..2_999_999]);
    Ok(())
}

#[test]
fn files_of_a_root_are_served_like_those_in_memory() -> io::Result<()> {
    let folder = tempdir()?;
    fs::create_dir(folder.path().join("sub folder"))?;
    fs::write(folder.path().join("sub folder/é.json"), b"{}")?;
    let server = RangeServer::serve(folder.path())?;
    let mut client = Client::new(&server)?;
    let reply = client.get("/sub%20folder/%C3%A9.json?token=1")?;
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(client.range("/sub%20folder/%C3%A9.json", "1-1")?.body, b"}");
    assert_eq!(server.log()[0].path, "/sub folder/é.json");
    assert_eq!(server.log()[0].query.as_deref(), Some("token=1"));
    Ok(())
}

#[test]
fn what_cannot_be_served_has_its_status() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    assert_eq!(client.get("/absent")?.status, 404);
    let reply = client.range("/data.bin", "1000-")?;
    assert_eq!((reply.status, reply.headers["content-range"].as_str()), (416, "bytes */1000"));
    let reply = client.ask("DELETE", "/data.bin", &[])?;
    assert_eq!((reply.status, reply.headers["allow"].as_str()), (405, "GET, HEAD"));
    assert_eq!(client.get("/%zz")?.status, 400);
    Ok(())
}

#[test]
fn nothing_outside_the_root_is_served() -> io::Result<()> {
    let folder = tempdir()?;
    fs::create_dir(folder.path().join("root"))?;
    fs::write(folder.path().join("secret"), b"secret")?;
    fs::write(folder.path().join("root/public"), b"public")?;
    let server = RangeServer::serve(&folder.path().join("root"))?;
    let mut client = Client::new(&server)?;
    assert_eq!(client.get("/public")?.status, 200);
    let absolute = format!("/{}", folder.path().join("secret").display());
    let inside_and_out = "/../root/public";
    for target in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/x/../../secret", &absolute, inside_and_out, "/"] {
        assert_eq!(client.get(target)?.status, 404, "{target}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_root_is_not_followed() -> io::Result<()> {
    let folder = tempdir()?;
    fs::create_dir(folder.path().join("root"))?;
    fs::write(folder.path().join("secret"), b"secret")?;
    std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("root/link"))?;
    let server = RangeServer::serve(&folder.path().join("root"))?;
    assert_eq!(Client::new(&server)?.get("/link")?.status, 404);
    Ok(())
}

#[test]
fn head_tells_the_length_and_sends_no_body() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    let reply = client.ask("HEAD", "/data.bin", &[])?;
    assert_eq!((reply.status, reply.headers["content-length"].as_str()), (200, "1000"));
    // Were there a body, it would be taken for this reply.
    assert_eq!(client.range("/data.bin", "0-0")?.status, 206);
    assert_eq!(server.log()[0].bytes, 0);
    Ok(())
}

#[test]
fn a_connection_serves_many_requests() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    for _ in 0..10 {
        assert_eq!(client.get("/data.bin")?.status, 200);
    }
    let stats = server.stats();
    assert_eq!((stats.connections, stats.requests, stats.bytes, stats.peak_in_flight), (1, 10, 10_000, 1));
    Ok(())
}

#[test]
fn connection_close_is_honoured() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    let reply = client.ask("GET", "/data.bin", &["Connection: close"])?;
    assert_eq!(reply.headers["connection"], "close");
    assert!(client.get("/data.bin").is_err());
    Ok(())
}

#[test]
fn preconditions_compare_the_etag() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    let etag = client.get("/data.bin")?.headers["etag"].clone();
    let mut ask = |header: String| client.ask("GET", "/data.bin", &["Range: bytes=0-9", &header]);
    assert_eq!(ask(format!("If-Match: {etag}"))?.status, 206);
    assert_eq!(ask("If-Match: \"other\"".to_owned())?.status, 412);
    assert_eq!(ask(format!("If-Range: {etag}"))?.status, 206);
    assert_eq!(ask("If-Range: \"other\"".to_owned())?.status, 200);
    Ok(())
}

#[test]
fn the_etag_follows_the_content() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    let mut etag = |bytes: &[u8]| {
        server.put("file", bytes);
        client.get("/file").map(|reply| reply.headers["etag"].clone())
    };
    let (first, second, third) = (etag(b"abc")?, etag(b"abd")?, etag(b"abc")?);
    assert!(first == third && first != second);
    Ok(())
}

#[test]
fn the_log_tells_what_was_asked_and_sent() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    client.range("/data.bin", "100-199")?;
    client.get("/absent")?;
    let log = server.log();
    let facts: Vec<_> = log.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.range, r.status, r.bytes)).collect();
    assert_eq!(facts, [("GET", "/data.bin", Some((100, 199)), 206, 100), ("GET", "/absent", None, 404, 0)]);
    assert!(log.iter().all(|request| request.ended.is_some_and(|ended| ended >= request.started)));
    server.reset();
    assert!(server.log().is_empty() && server.stats().requests == 0);
    Ok(())
}

#[test]
fn counters_can_be_asked_for_over_http() -> io::Result<()> {
    let server = server()?;
    let mut client = Client::new(&server)?;
    client.range("/data.bin", "0-99")?;
    let counters: serde_json::Value = serde_json::from_slice(&client.get("/__stats")?.body)?;
    assert_eq!((&counters["requests"], &counters["bytes"], &counters["GET"]), (&1.into(), &100.into(), &1.into()));
    assert_eq!(client.get("/__reset")?.status, 200);
    assert_eq!(server.stats().requests, 0);
    Ok(())
}

#[test]
fn latency_precedes_each_reply() -> io::Result<()> {
    let server = server()?;
    server.set_latency(Duration::from_millis(20));
    let mut client = Client::new(&server)?;
    for _ in 0..3 {
        client.range("/data.bin", "0-0")?;
    }
    let waits = server.log().into_iter().map(|request| request.ended.unwrap_or_default() - request.started);
    assert!(waits.min() >= Some(Duration::from_millis(20)));
    Ok(())
}

#[test]
fn bandwidth_limits_a_connection() -> io::Result<()> {
    let server = RangeServer::in_memory().bandwidth_mbit(8.0).start()?;
    server.put("data.bin", data(100_000));
    let start = Instant::now();
    assert!(Client::new(&server)?.get("/data.bin")?.body == data(100_000));
    // 100 kB at 1 MB/s.
    assert!(start.elapsed() >= Duration::from_millis(100));
    Ok(())
}

#[test]
fn requests_in_flight_are_counted() -> io::Result<()> {
    let server = server()?;
    server.set_latency(Duration::from_millis(200));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| Client::new(&server)?.get("/data.bin"))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client").map(drop))
    })?;
    let stats = server.stats();
    assert_eq!((stats.connections, stats.requests), (4, 4));
    assert!((2..=4).contains(&stats.peak_in_flight));
    Ok(())
}

#[test]
fn a_client_that_goes_away_is_noticed() -> io::Result<()> {
    let server = RangeServer::in_memory().bandwidth_mbit(80.0).start()?;
    server.put("data.bin", data(10_000_000));
    let mut patient = Client::new(&server)?;
    patient.range("/data.bin", "0-9")?;
    // In the middle of the body, and before the reply.
    for latency in [Duration::ZERO, Duration::from_secs(3600)] {
        server.set_latency(latency);
        let mut client = Client::new(&server)?;
        client.reader.get_mut().write_all(b"GET /data.bin HTTP/1.1\r\n\r\n")?;
        if latency.is_zero() {
            client.reader.read_exact(&mut [0; 1000])?;
        }
        while server.log().iter().all(|request| request.ended.is_some()) {
            thread::yield_now();
        }
        drop(client);
        while server.log().iter().any(|request| request.ended.is_none()) {
            thread::yield_now();
        }
    }
    assert_eq!(server.log().iter().map(|request| request.abandoned).collect::<Vec<_>>(), [false, true, true]);
    Ok(())
}

#[test]
fn more_requests_in_flight_than_it_likes_are_refused() -> io::Result<()> {
    let server = RangeServer::in_memory().in_flight_max(1).latency(Duration::from_secs(3600)).start()?;
    server.put("data.bin", data(10));
    let mut first = Client::new(&server)?;
    first.reader.get_mut().write_all(b"GET /data.bin HTTP/1.1\r\n\r\n")?;
    while server.stats().requests == 0 {
        thread::yield_now();
    }
    server.set_latency(Duration::ZERO);
    let mut second = Client::new(&server)?;
    assert_eq!(second.get("/data.bin")?.status, 503);
    drop(first);
    while server.log()[0].ended.is_none() {
        thread::yield_now();
    }
    assert_eq!(second.get("/data.bin")?.status, 200);
    Ok(())
}

#[test]
fn a_sequence_of_faults_befalls_the_next_requests() -> io::Result<()> {
    let server = server()?;
    let retry = vec![("Retry-After".to_owned(), "7".to_owned())];
    server.set_faults(Faults::sequence([Fault::Status(503, retry), Fault::IgnoreRange, Fault::NoEtag]));
    let mut client = Client::new(&server)?;
    let reply = client.range("/data.bin", "0-9")?;
    assert_eq!((reply.status, reply.headers["retry-after"].as_str(), reply.body.len()), (503, "7", 0));
    let reply = client.range("/data.bin", "0-9")?;
    assert_eq!((reply.status, reply.body.len()), (200, 1000));
    let reply = client.range("/data.bin", "0-9")?;
    assert_eq!((reply.status, reply.headers.get("etag")), (206, None));
    assert!(client.range("/data.bin", "0-9")?.headers.contains_key("etag"));
    let statuses: Vec<_> = server.log().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [503, 200, 206, 206]);
    assert_eq!(server.stats().errors, 1);
    Ok(())
}

#[test]
fn a_reset_closes_without_a_reply() -> io::Result<()> {
    let server = server()?;
    server.set_faults(Faults::always(Fault::Reset));
    assert!(Client::new(&server)?.get("/data.bin").is_err());
    server.set_faults(Faults::default());
    assert_eq!(Client::new(&server)?.get("/data.bin")?.status, 200);
    assert_eq!(server.log().iter().map(|request| request.status).collect::<Vec<_>>(), [0, 200]);
    Ok(())
}

#[test]
fn a_truncated_body_is_shorter_than_promised() -> io::Result<()> {
    let server = server()?;
    server.set_faults(Faults::always(Fault::Truncate(300_000)));
    let mut client = Client::new(&server)?;
    client.reader.get_mut().write_all(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let reply = client.reply(false)?;
    assert_eq!(reply.headers["content-length"], "3000000");
    let mut body = Vec::new();
    client.reader.read_to_end(&mut body)?;
    assert!(body == data(3_000_000)[..300_000]);
    assert_eq!(server.log()[0].bytes, 300_000);
    Ok(())
}

#[test]
fn faults_may_depend_on_the_request_and_its_number() -> io::Result<()> {
    let server = server()?;
    server.set_faults(Faults::from_fn(|request, nth| {
        (request.range == Some((5, 9)) && nth < 2).then(|| Fault::Status(500, Vec::new()))
    }));
    let mut client = Client::new(&server)?;
    let mut status = |range| client.range("/data.bin", range).map(|reply| reply.status);
    assert_eq!([status("0-9")?, status("5-9")?, status("5-9")?], [206, 500, 206]);
    Ok(())
}

#[test]
fn dropping_the_server_interrupts_everything() -> io::Result<()> {
    let server = server()?;
    server.set_faults(Faults::always(Fault::Stall(Duration::from_secs(3600))));
    let (mut stalled, mut idle) = (Client::new(&server)?, Client::new(&server)?);
    stalled.reader.get_mut().write_all(b"GET /data.bin HTTP/1.1\r\n\r\n")?;
    while server.stats().requests == 0 {
        thread::yield_now();
    }
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(stalled.reply(true).is_err() && idle.get("/data.bin").is_err());
    Ok(())
}
