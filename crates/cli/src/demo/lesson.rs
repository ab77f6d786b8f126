//! The lesson itself: find a scene, load its classes and its image, mask the clouds, write a GeoTIFF.

use std::path::Path;
use std::time::{Duration, Instant};

use swath::prelude::*;
use swath::{ItemCollection, LazyRaster, OpenOptions, Overview, Result, Run, Sink};

/// What the lesson took, stage by stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    pub(super) open: Duration,
    pub(super) load: Duration,
    pub(super) write: Duration,
    pub(super) peak_memory: u64,
}

impl Stages {
    pub(super) fn total(&self) -> Duration {
        self.open + self.load + self.write
    }
}

/// Runs the lesson on the last scene of a STAC document, stage by stage.
pub(super) fn run(search: &str, out: &Path, run: &Run) -> Result<Stages> {
    let started = Instant::now();
    let (scl, visual) = open(search)?;
    let opened = started.elapsed();

    let ((scl, visual), loading) = run.persist_with_report((&scl, &visual))?;
    let loaded = started.elapsed();

    let sink = mask(&scl, &visual)?.to_geotiff(out)?;
    let writing = sink.run(run)?;
    let written = started.elapsed();

    let peak_memory = loading.peak_memory.max(writing.peak_memory);
    Ok(Stages { open: opened, load: loaded - opened, write: written - loaded, peak_memory })
}

/// The lesson without its second stage: one pass that reads, masks and writes block by block. It is not run.
pub(super) fn one_pass(search: &str, out: &Path) -> Result<Sink> {
    let (scl, visual) = open(search)?;
    mask(&scl, &visual)?.to_geotiff(out)
}

/// The classes, of 20 m, and the image at its first overview, which has 20 m pixels too. One request a file, no pixels.
fn open(search: &str) -> Result<(LazyRaster, LazyRaster)> {
    let items = ItemCollection::open(search)?;
    let scene = items.last()?;
    let scl = OpenOptions::new().chunks([1, 2048, 2048]).open(scene.asset("SCL")?)?;
    let visual =
        OpenOptions::new().overview(Overview::Level(0)).chunks([3, 2048, 2048]).open(scene.asset("visual")?)?;
    Ok((scl, visual))
}

/// Black where the classes 8 and 9 are: clouds. Nothing is computed here.
fn mask(scl: &LazyRaster, visual: &LazyRaster) -> Result<LazyRaster> {
    let clouds = scl.squeeze()?.isin([8, 9])?;
    visual.mask(&clouds, 0)
}
