//! Stores and signed URLs, and files that go to servers: what is sent, and what an error leaves behind.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{hasty_io, native_bytes, read_level};
use swath_core::chunk::Chunk;
use swath_core::dtype::{DType, Scalar};
use swath_core::error::{ErrorKind, Result};
use swath_core::meta::Meta;
use swath_core::shape::Dims;
use swath_core::sink::ChunkSink;
use swath_demo::server::{Fault, Faults, RangeServer};
use swath_demo::tiff_writer::{SampleType, TiffSpec};
use swath_io::read::{GeoTiff, Overview};
use swath_io::store::{Io, StoreOptions};
use swath_io::write::{CogOptions, CogSink, GeoTiffOptions, GeoTiffSink};

fn scene() -> (Vec<u8>, Vec<u8>) {
    let spec = TiffSpec::new(300, 200, SampleType::U16);
    let pixels = spec.render(0, |at| f64::from(at.x * 7 + at.y * 3));
    let native = pixels.clone();
    (spec.to_bytes(&[pixels]).unwrap(), native)
}

/// As an emulator of S3 is reached, which here is a server of files.
fn emulator(server: &RangeServer) -> StoreOptions {
    StoreOptions::new()
        .environment(false)
        .endpoint(server.base_url())
        .set("aws_access_key_id", "me")
        .set("aws_secret_access_key", "secret")
}

#[test]
fn objects_of_stores_are_read_as_files_of_servers_are() {
    let server = RangeServer::in_memory().start().unwrap();
    let (bytes, native) = scene();
    server.put("bucket/a folder/100 %20 ümlaut+.tif", bytes);
    let io = hasty_io().with_store(emulator(&server));
    let file = GeoTiff::open(&io, "s3://bucket/a folder/100 %20 ümlaut+.tif").unwrap();
    assert_eq!((server.stats().requests, file.info().requests), (1, 1));
    assert!(native_bytes(&read_level(&file, &Overview::Full).unwrap()) == native);
    assert_eq!(server.stats().connections, 1);
    let error = GeoTiff::open(&io, "s3://bucket/b.tif").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "cannot open s3://bucket/b.tif: the server answered 404 Not Found");
    server.set_faults(Faults::always(Fault::Status(503, Vec::new())));
    let error = GeoTiff::open(&io, "s3://bucket/b.tif").unwrap_err();
    assert!(error.to_string().ends_with("503 Service Unavailable after 3 attempts"), "{error}");
}

#[test]
fn settings_that_no_store_has_are_errors_before_anything_is_sent() {
    let open = |store: StoreOptions, uri| {
        let error = GeoTiff::open(&hasty_io().with_store(store.environment(false)), uri).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.chain()
    };
    let unknown = open(StoreOptions::new().set("aws_regoin", "eu-west-1"), "s3://bucket/a.tif");
    assert_eq!(unknown, "cannot open s3://bucket/a.tif: the setting aws_regoin is not one of any store of this build");
    let shared = open(StoreOptions::new().set("timeout", "1s"), "gs://bucket/a.tif");
    assert!(shared.ends_with("the setting timeout is one of connections, which all stores share: see IoOptions"));
    let lacking = open(StoreOptions::new().anonymous(true), "az://container/a.tif");
    assert!(lacking.ends_with("cannot reach Azure Blob Storage: Account must be specified"), "{lacking}");
    // Those of other stores are passed over: one set of options may be for all.
    let other = open(StoreOptions::new().set("azure_storage_account_name", "a").set("nobody", ""), "s3://b/a.tif");
    assert!(other.contains("the setting nobody"), "{other}");
}

#[test]
fn urls_are_signed_anew_for_each_request() {
    let server = RangeServer::in_memory().start().unwrap();
    let (bytes, native) = scene();
    server.put("a.tif", bytes);
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let sign = move |url: &str| Ok(format!("{url}?token={}", counted.fetch_add(1, Ordering::Relaxed)));
    let io = hasty_io().with_store(StoreOptions::new().signer(sign));
    let file = GeoTiff::open(&io, &server.url("a.tif")).unwrap();
    assert!(native_bytes(&read_level(&file, &Overview::Full).unwrap()) == native);
    let mut queries: Vec<_> = server.log().into_iter().map(|request| request.query.unwrap()).collect();
    queries.sort();
    assert!(queries.len() > 1);
    assert_eq!(queries, (0..queries.len()).map(|at| format!("token={at}")).collect::<Vec<_>>());
    assert_eq!(count.load(Ordering::Relaxed) as usize, queries.len());
}

#[test]
fn a_signer_that_fails_says_why() {
    let open = |sign: fn(&str) -> std::result::Result<String, swath_io::store::SignerError>| {
        let io = hasty_io().with_store(StoreOptions::new().signer(sign));
        GeoTiff::open(&io, "http://127.0.0.1:1/a.tif").unwrap_err().to_string()
    };
    assert!(open(|_| Err("no token".into())).ends_with("the signer failed (no token)"));
    assert!(open(|_| Ok("nonsense".to_owned())).contains("the signer's URL is none"));
    assert!(open(|_| panic!("at the signer")).ends_with("the signer failed (it panicked)"));
}

/// Writes a small raster, and gives its bytes as they would lie on a disk.
fn write(uri: &str, io: &Io, cog: bool) -> Result<Vec<u8>> {
    let meta = Meta::new(Dims::BYX, [1, 2, 700, 600], DType::I16);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    for target in [path.to_str().unwrap(), uri] {
        let sinks: Vec<Arc<dyn ChunkSink>> = match cog {
            true => {
                let cog = CogSink::new(target, &meta, None, &CogOptions::new().io(io))?;
                cog.levels().iter().map(|level| Arc::clone(level) as _).collect()
            }
            false => vec![Arc::new(GeoTiffSink::new(target, &meta, None, GeoTiffOptions::new().io(io))?)],
        };
        sinks.iter().try_for_each(|sink| sink.begin())?;
        for sink in &sinks {
            for block in 0..sink.blocks().len() {
                let shape = sink.blocks().region(block).shape;
                sink.commit(sink.encode(block, &Chunk::filled(shape, DType::I16, Scalar::from(block as i64)))?)?;
            }
        }
        for sink in &sinks {
            sink.finish()?;
        }
    }
    Ok(std::fs::read(path).unwrap())
}

#[test]
fn files_go_to_servers_when_they_are_complete() {
    let server = RangeServer::in_memory().takes_puts().start().unwrap();
    let io = hasty_io().with_store(emulator(&server));
    for (number, cog) in [false, true].into_iter().enumerate() {
        for (uri, url) in [
            (server.url(&format!("a%20b/{number}.tif?sig=x")), server.url(&format!("a%20b/{number}.tif"))),
            (format!("s3://bucket/{number}.tif"), server.url(&format!("bucket/{number}.tif"))),
        ] {
            server.reset();
            // The second attempt is taken.
            server.set_faults(Faults::sequence([Fault::Status(503, Vec::new())]));
            let expected = write(&uri, &io, cog).unwrap();
            assert_eq!(server.stats().requests, 2, "{:?}", server.log());
            let file = swath_io::store::read_all(&io, &url, 1 << 30).unwrap();
            assert!(file == expected, "{uri}");
        }
    }
}

#[test]
fn a_server_that_refuses_leaves_an_error_without_secrets() {
    let server = RangeServer::in_memory().takes_puts().start().unwrap();
    let io = hasty_io().with_store(emulator(&server));
    server.set_faults(Faults::always(Fault::Status(403, Vec::new())));
    let error = write(&server.url("a.tif?sig=secret"), &io, false).unwrap_err();
    let name = server.url("a.tif?…");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.chain(),
        format!(
            "cannot complete {name}: the upload failed: the server answered 403 Forbidden (missing or expired \
             credentials?)"
        )
    );
    server.set_faults(Faults::always(Fault::Status(404, Vec::new())));
    let error = write("s3://bucket/a.tif", &io, true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.chain(),
        "cannot complete s3://bucket/a.tif: the upload failed: the server answered 404 Not Found"
    );
    server.set_faults(Faults::always(Fault::Reset));
    let error = write(&server.url("a.tif"), &io, false).unwrap_err();
    assert!(error.chain().ends_with("after 3 attempts"), "{}", error.chain());
}
