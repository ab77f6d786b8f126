//! Runs beside each other over one `Io`: none of them has to wait until another one is done.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::thread;
use std::time::Duration;

use swath::{Cancel, ErrorKind, Io, IoOptions, LazyRaster, OpenOptions, RangePolicy, Run};
use swath_demo::server::RangeServer;
use swath_demo::tiff_writer::{Compression, Layout, SampleType, TiffSpec};

/// An image of `rows` × 20 blocks.
fn image(rows: u32) -> Vec<u8> {
    let layout = Layout::Tiled { width: 64, height: 64 };
    let spec = TiffSpec { layout, compression: Compression::None, ..TiffSpec::new(20 * 64, rows * 64, SampleType::U8) };
    spec.to_bytes(&[spec.render(0, |at| f64::from((at.x ^ at.y) % 251))]).unwrap()
}

#[test]
fn a_small_run_is_done_long_before_a_large_one_that_began_earlier() {
    let server = RangeServer::in_memory().start().unwrap();
    server.put("large.tif", image(100));
    server.put("small.tif", image(1));
    let io = Io::with_options(IoOptions { requests_per_host: 8, ..IoOptions::default() }).unwrap();
    let open = |name: &str| -> LazyRaster { OpenOptions::new().io(&io).open(server.url(name)).unwrap() };
    let (large, small) = (open("large.tif"), open("small.tif"));
    let requests = |name: &str| server.log().iter().filter(|request| request.path.ends_with(name)).count();

    let cancel = Cancel::new();
    // A request for each block.
    let run = Run::threads(2).ranges(RangePolicy { bytes_max: 1, ..RangePolicy::default() });
    server.set_latency(Duration::from_millis(20));
    server.reset();
    thread::scope(|scope| {
        let large_run = run.clone().cancelled_by(&cancel);
        let running = scope.spawn(move || large_run.compute(&large));
        while requests("large.tif") < 40 {
            thread::yield_now();
        }
        let before = requests("large.tif");
        run.compute(&small).unwrap();
        let meanwhile = requests("large.tif") - before;
        cancel.cancel();
        assert_eq!(requests("small.tif"), 20);
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled, "the large run was under way");
        // By turns it is about one for one; in order of arrival it would be all that the large run had begun, 256.
        assert!(meanwhile < 200, "{meanwhile} requests of the large run went before the 20 of the small one");
    });
}
