//! Files behind HTTP: how many requests they cost, and what happens when the network or the server fails.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod common;

use std::time::Duration;

use common::{fetch, hasty_io, native_bytes, read_level};
use swath_core::error::ErrorKind;
use swath_core::source::{ChunkSource, Place};
use swath_demo::server::{Fault, Faults, RangeServer};
use swath_demo::tiff_writer::{Compression, Overview as Halving, Resampling, SampleType, TiffSpec};
use swath_io::read::{Chunks, GeoTiff, Overview, ReadOptions};
use swath_io::store::{File, Io, IoOptions, read_all, read_all_async};

fn noise(at: swath_demo::tiff_writer::At) -> f64 {
    f64::from((at.x.wrapping_mul(2_654_435_761) ^ at.y.wrapping_mul(40_503)) >> 16 & 0xfff)
}

fn scene() -> (Vec<u8>, Vec<Vec<u8>>) {
    let spec = TiffSpec { overviews: Halving::halvings(2, 64), ..TiffSpec::new(700, 500, SampleType::U16) };
    let levels = spec.pyramid(spec.render(0, noise), Resampling::Average).unwrap();
    (spec.to_bytes(&levels).unwrap(), levels)
}

fn serve() -> (RangeServer, Vec<Vec<u8>>) {
    let server = RangeServer::in_memory().start().unwrap();
    let (bytes, levels) = scene();
    assert!(bytes.len() > 100 << 10, "larger than the first request");
    server.put("a.tif", bytes);
    (server, levels)
}

#[test]
fn opening_costs_one_request_and_each_block_one() {
    let (server, levels) = serve();
    let file = GeoTiff::open(&hasty_io(), &server.url("a.tif")).unwrap();
    assert_eq!((server.stats().requests, file.info().requests), (1, 1));
    assert_eq!(server.log()[0].range, Some((0, (32 << 10) - 1)));
    server.reset();
    assert!(native_bytes(&read_level(&file, &Overview::Full).unwrap()) == levels[0]);
    let stats = server.stats();
    assert_eq!((stats.gets, stats.heads, stats.requests), (6, 0, 6));
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let Place::Remote(range) = source.place(5).unwrap() else { panic!("a remote block must be fetched") };
    let fetched = fetch(&source, range.clone()).unwrap();
    assert_eq!(
        (fetched.offset, fetched.bytes.len() as u64, fetched.requests),
        (range.start, range.end - range.start, 1)
    );
}

#[test]
fn what_lies_beside_a_file_costs_requests_only_when_it_is_asked_for() {
    let server = RangeServer::in_memory().start().unwrap();
    let plain = TiffSpec::new(70, 50, SampleType::U16);
    let levels = plain.pyramid(plain.render(0, noise), Resampling::Average).unwrap();
    server.put("a.tif", plain.to_bytes(&levels).unwrap());
    let sidecars = ReadOptions { sidecars: true, ..ReadOptions::default() };
    // A query stays at the end of the URL.
    let uri = server.url("a.tif?sig=secret");
    assert_eq!(GeoTiff::open(&hasty_io(), &uri).unwrap().overview_count(), 0);
    assert_eq!(server.stats().requests, 1);
    server.reset();
    let file = GeoTiff::open_with(&hasty_io(), &uri, &sidecars).unwrap();
    assert_eq!((server.stats().requests, file.overview_count()), (3, 0));
}

#[test]
fn several_files_are_opened_at_once_and_the_first_that_fails_is_told() {
    let server = RangeServer::in_memory().latency(Duration::from_millis(50)).start().unwrap();
    let (bytes, _) = scene();
    let uris: Vec<_> = (0..12).map(|index| server.url(&format!("{index}.tif"))).collect();
    (0..12).for_each(|index| server.put(&format!("{index}.tif"), bytes.clone()));
    let files = GeoTiff::open_all(&hasty_io(), &uris, &ReadOptions::default()).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.info().uri).collect();
    assert_eq!(names, uris, "in the order of the list");
    let stats = server.stats();
    assert_eq!((stats.requests, stats.peak_in_flight), (12, 12));

    server.put("7.tif", b"not a TIFF".to_vec());
    let missing = [&uris[..9], &[server.url("missing.tif")]].concat();
    let error = GeoTiff::open_all(&hasty_io(), &missing, &ReadOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("7.tif"), "{error}");
    assert!(GeoTiff::open_all(&hasty_io(), &[] as &[&str], &ReadOptions::default()).unwrap().is_empty());
}

#[test]
fn directories_at_the_end_cost_one_more_request() {
    let (server, levels) = serve();
    // The same file with its first directory, tables and all, moved to the end: as tools write that stream pixels.
    let (bytes, _) = scene();
    let moved = directories_last(bytes);
    server.put("tail.tif", moved);
    let file = GeoTiff::open(&hasty_io(), &server.url("tail.tif")).unwrap();
    assert_eq!(server.stats().requests, 2);
    assert!(native_bytes(&read_level(&file, &Overview::Level(0)).unwrap()) == levels[1]);
}

fn directories_last(bytes: Vec<u8>) -> Vec<u8> {
    let mut patch = common::Patch::new(bytes);
    let first = patch.get(4, 4) as usize;
    let start = patch.directories()[0].len() * 12 + 6;
    let end = patch.bytes.len() as u64;
    let table: Vec<u8> = patch.bytes[first..first + start].to_vec();
    patch.bytes.extend(table);
    patch.set(4, 4, end);
    patch.bytes
}

#[test]
fn the_async_door_gives_the_same_on_any_executor() {
    let (server, levels) = serve();
    let io = hasty_io();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let file = runtime.block_on(GeoTiff::open_async(&io, &server.url("a.tif"), &ReadOptions::default())).unwrap();
    assert!(native_bytes(&read_level(&file, &Overview::Level(1)).unwrap()) == levels[2]);
    let file = runtime.block_on(async { GeoTiff::open(&io, &server.url("a.tif")) }).unwrap();
    assert_eq!(file.overview_count(), 2);
}

#[test]
fn the_callers_runtime_serves_both_doors() {
    let (server, levels) = serve();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let io = Io::on(runtime.handle().clone());
    let file = GeoTiff::open(&io, &server.url("a.tif")).unwrap();
    assert!(native_bytes(&read_level(&file, &Overview::Level(0)).unwrap()) == levels[1]);
    let url = server.url("a.tif");
    let inside = runtime.spawn(async move { GeoTiff::open(&io, &url).map(|file| file.overview_count()) });
    assert_eq!(runtime.block_on(inside).unwrap().unwrap(), 2);
}

#[test]
fn a_passing_failure_heals_and_counts_its_requests() {
    let (server, levels) = serve();
    let io = hasty_io();
    let file = GeoTiff::open(&io, &server.url("a.tif")).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let Place::Remote(range) = source.place(0).unwrap() else { panic!("a remote block must be fetched") };
    let whole = fetch(&source, range.clone()).unwrap().bytes;
    for fault in [
        Fault::Status(503, Vec::new()),
        Fault::Status(429, Vec::new()),
        Fault::Status(500, Vec::new()),
        Fault::Reset,
        Fault::Truncate(0),
        Fault::Truncate(1000),
    ] {
        server.set_faults(Faults::sequence([fault.clone()]));
        let fetched = fetch(&source, range.clone()).unwrap();
        assert!(fetched.bytes == whole && fetched.requests == 2, "{fault:?}: {} requests", fetched.requests);
    }
    for fault in [Fault::Reset, Fault::Truncate(100), Fault::Status(503, Vec::new())] {
        server.set_faults(Faults::sequence([fault]));
        assert_eq!(GeoTiff::open(&io, &server.url("a.tif")).unwrap().info().requests, 2);
    }
    server.set_faults(Faults::from_fn(|_, nth| (nth % 3 != 2).then_some(Fault::Truncate(10))));
    assert!(native_bytes(&read_level(&file, &Overview::Level(0)).unwrap()) == levels[1]);
}

#[test]
fn a_body_that_is_cut_heals_without_an_etag_too() {
    let server = RangeServer::in_memory().start().unwrap();
    let (bytes, _) = scene();
    server.put("a.tif", bytes);
    server.set_faults(Faults::always(Fault::NoEtag));
    let file = GeoTiff::open(&hasty_io(), &server.url("a.tif")).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let Place::Remote(range) = source.place(0).unwrap() else { panic!("a remote block must be fetched") };
    server.set_faults(Faults::from_fn(|_, nth| Some(if nth == 0 { Fault::Truncate(500) } else { Fault::NoEtag })));
    assert_eq!(fetch(&source, range).unwrap().requests, 2);
}

#[test]
fn a_lasting_failure_names_url_bytes_and_attempts() {
    let (server, _) = serve();
    let file = GeoTiff::open(&hasty_io(), &server.url("a.tif")).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    server.reset();
    for (fault, cause) in [
        (Fault::Status(503, Vec::new()), "the server answered 503 Service Unavailable after 3 attempts"),
        (Fault::Truncate(7), "after 3 attempts"),
        (Fault::Reset, "after 3 attempts"),
    ] {
        server.set_faults(Faults::always(fault));
        let error = fetch(&source, 5000..6000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let start = format!("cannot read bytes 5000..6000 of {}: ", server.url("a.tif"));
        assert!(error.to_string().starts_with(&start) && error.to_string().ends_with(cause), "{error}");
    }
    assert_eq!(server.stats().requests, 9);
}

#[test]
fn what_will_not_change_is_asked_for_once() {
    let (server, _) = serve();
    let io = hasty_io();
    let error = GeoTiff::open(&io, &server.url("b.tif")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), format!("cannot open {}: the server answered 404 Not Found", server.url("b.tif")));
    assert_eq!(server.stats().requests, 1);
    server.set_faults(Faults::always(Fault::Status(403, Vec::new())));
    let error = GeoTiff::open(&io, &server.url("a.tif?sig=secret")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("403 Forbidden") && !error.chain().contains("secret"), "{}", error.chain());
    assert_eq!(server.stats().requests, 2);
    drop(server);
    let error = GeoTiff::open(&io, "http://127.0.0.1:1/a.tif").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().ends_with("after 3 attempts"), "{error}");
}

#[test]
fn the_url_is_sent_as_it_was_written() {
    let (server, _) = serve();
    let (bytes, _) = scene();
    server.put("a b/c+d~é=1%.tif", bytes);
    let url = server.url("a%20b/c+d~%C3%A9=1%25.tif?X-Sig=a%2Fb%3D&n=1");
    GeoTiff::open(&hasty_io(), &url).unwrap();
    assert_eq!(server.log()[0].query.as_deref(), Some("X-Sig=a%2Fb%3D&n=1"));
}

#[test]
fn a_server_that_ignores_ranges_sends_the_file_once() {
    let (server, levels) = serve();
    server.set_faults(Faults::always(Fault::IgnoreRange));
    let file = GeoTiff::open(&hasty_io(), &server.url("a.tif")).unwrap();
    assert_eq!(server.stats().requests, 2);
    assert!(native_bytes(&read_level(&file, &Overview::Full).unwrap()) == levels[0]);
    assert_eq!(server.stats().requests, 2);
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    assert_eq!(source.place(0).unwrap(), Place::Direct { bytes: 0 });
    assert_eq!(source.pinned_bytes(), file.info().file_size);
    let io = Io::with_options(IoOptions { whole_bytes_max: 1000, ..IoOptions::default() }).unwrap();
    let error = GeoTiff::open(&io, &server.url("a.tif")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("ignores byte ranges"), "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let (server, _) = serve();
    let file = GeoTiff::open(&hasty_io(), &server.url("a.tif")).unwrap();
    let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
    let (mut bytes, _) = scene();
    bytes.push(0);
    server.put("a.tif", bytes);
    let error = fetch(&source, 5000..6000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().ends_with("the file was changed while being read"), "{error}");
}

#[test]
fn requests_in_flight_are_limited_per_host() {
    let (server, _) = serve();
    server.set_latency(Duration::from_millis(20));
    let io = Io::with_options(IoOptions { requests_per_host: 3, ..IoOptions::default() }).unwrap();
    let file = File::open(&io, &server.url("a.tif")).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    for index in 0..12 {
        let sender = sender.clone();
        let _runs_to_its_end =
            file.begin_read(index * 100..index * 100 + 100, Box::new(move |result| drop(sender.send(result))));
    }
    drop(sender);
    assert_eq!(receiver.iter().filter(Result::is_ok).count(), 12);
    assert_eq!(server.stats().peak_in_flight, 3);
}

/// The bytes of `count` reads at once, and how many of them failed.
fn read_many(io: &Io, server: &RangeServer, count: u64) -> usize {
    let file = File::open(io, &server.url("a.tif")).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    for index in 0..count {
        let (sender, range) = (sender.clone(), index % 100 * 1000..index % 100 * 1000 + 1000);
        let _runs_to_its_end = file.begin_read(range, Box::new(move |result| drop(sender.send(result))));
    }
    drop(sender);
    receiver.iter().filter(Result::is_err).count()
}

#[test]
fn a_far_host_gets_more_requests_at_once_and_a_limit_is_kept() {
    let (server, _) = serve();
    server.set_latency(Duration::from_millis(50));
    for requests_per_host in [32, 100] {
        server.reset();
        let io = Io::with_options(IoOptions { requests_per_host, ..IoOptions::default() }).unwrap();
        assert_eq!(read_many(&io, &server, 600), 0);
        assert_eq!(server.stats().peak_in_flight, requests_per_host);
    }
}

#[test]
fn a_host_that_throttles_gets_fewer_and_everything_arrives() {
    let server = RangeServer::in_memory().in_flight_max(20).latency(Duration::from_millis(10)).start().unwrap();
    server.put("a.tif", scene().0);
    let io = Io::with_options(IoOptions { backoff: Duration::from_millis(20), ..IoOptions::default() }).unwrap();
    assert_eq!(read_many(&io, &server, 2000), 0);
    let refused = server.log().iter().filter(|request| request.status == 503).count();
    // 32 at once, which it began with, would go on to be refused 12 times of 32.
    assert!(refused < 200, "{refused} of 2000");
}

/// Waits until the server has seen the end of every request.
fn settle(server: &RangeServer) {
    while server.log().iter().any(|request| request.ended.is_none()) {
        std::thread::yield_now();
    }
}

#[test]
fn aborting_a_read_closes_its_connection_and_gives_its_permit_back() {
    let (server, _) = serve();
    let io = Io::with_options(IoOptions { requests_per_host: 1, ..IoOptions::default() }).unwrap();
    let file = File::open(&io, &server.url("a.tif")).unwrap();
    server.set_latency(Duration::from_secs(3600));
    let (sender, receiver) = std::sync::mpsc::channel();
    let begin = |range| {
        let sender = sender.clone();
        file.begin_read(range, Box::new(move |result| drop(sender.send(result))))
    };
    let (first, second) = (begin(0..100), begin(100..200));
    while server.stats().requests == 0 {
        std::thread::yield_now();
    }
    // One is in flight, the other waits for its permit.
    first.abort();
    second.abort();
    settle(&server);
    assert!(server.log().iter().all(|request| request.abandoned), "{:?}", server.log());
    assert!(server.stats().requests <= 2);
    server.set_latency(Duration::ZERO);
    assert_eq!(file.read(0..100).unwrap().bytes, scene().0[..100]);
    drop(sender);
    assert_eq!(receiver.iter().count(), 0, "neither was answered");
}

#[test]
fn aborting_a_read_ends_the_pause_between_its_attempts() {
    let (server, _) = serve();
    let io = Io::with_options(IoOptions { backoff: Duration::from_secs(3600), ..IoOptions::default() }).unwrap();
    let file = File::open(&io, &server.url("a.tif")).unwrap();
    server.set_faults(Faults::sequence([Fault::Status(503, Vec::new())]));
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let read = file.begin_read(0..100, Box::new(move |_| drop(sender)));
    while server.stats().requests == 0 {
        std::thread::yield_now();
    }
    settle(&server);
    read.abort();
    assert!(receiver.recv().is_err(), "the reply is dropped");
    assert_eq!(file.read(0..100).unwrap().bytes, scene().0[..100]);
    assert_eq!(server.stats().requests, 2);
}

#[test]
fn who_stops_waiting_for_an_async_read_aborts_it() {
    let (server, _) = serve();
    server.set_latency(Duration::from_secs(3600));
    let file = File::open(&hasty_io(), &server.url("a.tif")).unwrap();
    let mut read = Box::pin(file.read_async(0..100));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while server.stats().requests == 0 {
        assert!(read.as_mut().poll(&mut context).is_pending());
    }
    drop(read);
    settle(&server);
    assert!(server.log()[0].abandoned);
}

#[test]
fn dropping_the_last_handle_ends_what_is_under_way() {
    let (server, _) = serve();
    server.set_latency(Duration::from_secs(5));
    let io = hasty_io();
    let file = File::open(&io, &server.url("a.tif")).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let _runs_to_its_end = file.begin_read(0..100, Box::new(move |result| drop(sender.send(result))));
    let started = std::time::Instant::now();
    drop((file, io));
    assert!(receiver.recv().is_err(), "the reply is dropped");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn small_files_are_read_whole() {
    let (server, _) = serve();
    server.put("item.json", b"{}".to_vec());
    let io = hasty_io();
    assert_eq!(&read_all(&io, &server.url("item.json"), 100).unwrap()[..], b"{}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(&runtime.block_on(read_all_async(&io, &server.url("item.json"), 100)).unwrap()[..], b"{}");
    assert_eq!(read_all(&io, &server.url("a.tif"), 100).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(read_all(&io, &server.url("no.json"), 100).unwrap_err().kind(), ErrorKind::NotFound);
    let folder = tempfile::tempdir().unwrap();
    let path = common::write(folder.path(), "item.json", b"[1]");
    assert_eq!(&read_all(&io, path.to_str().unwrap(), 100).unwrap()[..], b"[1]");
    assert_eq!(read_all(&io, path.to_str().unwrap(), 2).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn an_empty_object_is_no_tiff() {
    let (server, _) = serve();
    server.put("empty.tif", Vec::new());
    let error = GeoTiff::open(&hasty_io(), &server.url("empty.tif")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_large_index_takes_few_requests() {
    let server = RangeServer::in_memory().start().unwrap();
    let layout = swath_demo::tiff_writer::Layout::Tiled { width: 16, height: 16 };
    let spec = TiffSpec { layout, compression: Compression::None, ..TiffSpec::new(16 * 150, 16 * 150, SampleType::U8) };
    server.put("index.tif", spec.to_bytes(&[spec.render(0, noise)]).unwrap());
    let file = GeoTiff::open(&hasty_io(), &server.url("index.tif")).unwrap();
    assert_eq!(file.info().blocks, (22_500, 0));
    assert!(server.stats().requests <= 3, "{} requests", server.stats().requests);
}
