//! The lesson: mask the clouds of a satellite scene, lazily, in parallel, straight from a web server.
//!
//! Run it with `cargo run --release --example lesson`. It makes a small scene and serves it on loopback first, with
//! 50 ms of latency for each request, so that reading over the network feels as it does in life.
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::path::Path;
use std::time::{Duration, Instant};

use swath::{Cancel, Detail, ItemCollection, OpenOptions, Overview, Run, prelude::*};
use swath_demo::{scene::Scene, scene::SceneOptions, server::RangeServer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("swath-demo/lesson");
    Scene::write(&folder.join("scene"), &SceneOptions::default(), None)?;
    let server = RangeServer::builder(&folder.join("scene")).latency(Duration::from_millis(50)).start()?;

    // A STAC search result lists scenes, and for each of them its files ("assets").
    let items = ItemCollection::open(server.url("search.json"))?;
    let scene = items.last()?;

    // Serial first, as a program without swath would do it, then on four threads. The requests in flight do not
    // depend on the number of threads: bytes are fetched ahead of need, as far as the memory limit allows.
    let serial = lesson(scene, &Run::serial(), &folder.join("serial.tif"))?;
    let parallel = lesson(scene, &Run::threads(4), &folder.join("band_masked.tif"))?;
    println!("serial {serial:.2?}, parallel {parallel:.2?}: {:.1} times faster", serial.div_duration_f64(parallel));

    // Not one byte differs: the output is a function of the pixels alone.
    assert_eq!(std::fs::read(folder.join("serial.tif"))?, std::fs::read(folder.join("band_masked.tif"))?);
    Ok(())
}

/// Opens, loads, masks and writes; returns how long it took.
fn lesson(scene: &swath::Item, run: &Run, out: &Path) -> swath::Result<Duration> {
    let started = Instant::now();

    // Opening costs one request a file and reads no pixels: 20 m classes, and the 10 m image at its first overview,
    // which has 20 m pixels too. Chunks are what a program may take one by one; files are read by their own blocks.
    let scl = swath::open(scene.asset("SCL")?)?;
    let visual =
        OpenOptions::new().overview(Overview::Level(0)).chunks([3, 2048, 2048]).open(scene.asset("visual")?)?;
    println!("{visual}\n");

    // `persist` runs now and keeps the chunks: this is where the bytes travel and are decoded.
    let ((scl, visual), loaded) = run.persist_with_report((&scl, &visual))?;
    println!("load:         {loaded}");

    // Classes 8 and 9 are clouds. These lines compute nothing: they say what is meant, and are checked at once.
    // A fill that u8 cannot hold, or classes on another grid, would be an error right here.
    let clouds = scl.squeeze()?.isin([8, 9])?;
    let masked = visual.mask(&clouds, 0)?;

    // A sink is what is to be written. It can be explained and drawn before it runs.
    let sink = masked.to_geotiff(out)?;
    println!("\n{}", sink.explain()?);
    std::fs::write(out.with_extension("dot"), sink.to_dot(Detail::Chunks)?).map_err(|error| write_error(out, error))?;

    // Now every block is masked and encoded on the workers, and committed in order. The file appears when complete;
    // `cancel`, held by another thread, could stop it and leave nothing behind.
    let cancel = Cancel::new();
    let report = sink.run(&run.clone().cancelled_by(&cancel))?;
    println!("mask + write: {report}\n");
    Ok(started.elapsed())
}

fn write_error(path: &Path, error: std::io::Error) -> swath::Error {
    swath::Error::with_source(swath::ErrorKind::Unavailable, format!("cannot write beside {}", path.display()), error)
}
