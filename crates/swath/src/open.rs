//! Opening files.

use swath_core::error::Result;
use swath_core::expr::LazyRaster;
use swath_io::read::{Chunks, GeoTiff, Info, Overview};
use swath_io::store::Io;

use std::sync::Arc;

/// Opens a GeoTIFF at full resolution in chunks that suit its blocks: one ranged read, no pixels.
///
/// `uri` is a path, or a `file://`, `http://` or `https://` URL. The raster has the axes (Band, Y, X).
///
/// ```no_run
/// let scl = swath::open("https://example.com/S2A_31UFU/SCL.tif")?;
/// println!("{scl}");
/// # Ok::<(), swath::Error>(())
/// ```
///
/// # Errors
/// `NotFound`, `Unavailable`, `Corrupt` or `Unsupported`, naming the URI and what was wrong.
#[doc(alias = "open_rasterio")]
pub fn open(uri: impl AsRef<str>) -> Result<LazyRaster> {
    OpenOptions::new().open(uri)
}

/// Opens several GeoTIFFs, all at once: dates of a series, bands of a scene. A hundred over a line of 50 ms take as long
/// as a few.
///
/// ```no_run
/// use swath::prelude::*;
///
/// let dates = ["2026-06-01", "2026-06-06", "2026-06-11"];
/// let scenes = swath::open_all(dates.map(|date| format!("https://example.com/{date}/B04.tif")))?;
/// # Ok::<(), swath::Error>(())
/// ```
///
/// # Errors
/// As [`open`], for the first file in the list that cannot be opened.
pub fn open_all<U: AsRef<str>>(uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
    OpenOptions::new().open_all(uris)
}

/// What a file says of itself: all that `swath info` prints.
///
/// # Errors
/// As [`open`].
pub fn info(uri: impl AsRef<str>) -> Result<Info> {
    Ok(GeoTiff::open(&Io::shared()?, uri.as_ref())?.info())
}

/// How a file is opened: at which resolution, in which chunks, through which [`Io`].
///
/// ```no_run
/// use swath::{Chunks, OpenOptions, Overview};
///
/// let quick = OpenOptions::new().overview(Overview::Level(2)).open("scene.tif")?;
/// let big = OpenOptions::new().chunks([3, 2048, 2048]).open("scene.tif")?;
/// let rows = OpenOptions::new().chunks(Chunks::Blocks(1, 11)).open("scene.tif")?;
/// # Ok::<(), swath::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    overview: Overview,
    chunks: Chunks,
    io: Option<Io>,
}

impl OpenOptions {
    /// Full resolution, [`Chunks::Auto`], the shared [`Io`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The overview to read, [`Overview::Full`] unless set.
    #[must_use]
    pub fn overview(mut self, overview: Overview) -> Self {
        self.overview = overview;
        self
    }

    /// The chunks: `[bands, rows, columns]` or a [`Chunks`]. They are what [`Run::chunks`](crate::Run::chunks) hands
    /// out; work is cut by the blocks of files, whatever the chunks, so that no block is read twice.
    #[must_use]
    pub fn chunks(mut self, chunks: impl Into<Chunks>) -> Self {
        self.chunks = chunks.into();
        self
    }

    /// Reads through this [`Io`] instead of the shared one.
    #[must_use]
    pub fn io(mut self, io: &Io) -> Self {
        self.io = Some(io.clone());
        self
    }

    /// Opens `uri`; see [`open`].
    ///
    /// # Errors
    /// As [`open`]; also where the overview does not exist or the chunks are not possible.
    pub fn open(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        let file = GeoTiff::open(&self.resolve_io()?, uri.as_ref())?;
        self.raster(&file)
    }

    /// As [`open`](Self::open), for async callers.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_async(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        let file = GeoTiff::open_async(&self.resolve_io()?, uri.as_ref()).await?;
        self.raster(&file)
    }

    /// Opens several files, all at once and in the same way; see [`open_all`].
    ///
    /// # Errors
    /// As [`open`](Self::open), for the first file in the list that cannot be opened.
    pub fn open_all<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
        let uris: Vec<_> = uris.into_iter().collect();
        let files = GeoTiff::open_all(&self.resolve_io()?, &uris)?;
        files.iter().map(|file| self.raster(file)).collect()
    }

    /// As [`open_all`](Self::open_all), for async callers.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all).
    pub async fn open_all_async<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
        let uris: Vec<_> = uris.into_iter().collect();
        let files = GeoTiff::open_all_async(&self.resolve_io()?, &uris).await?;
        files.iter().map(|file| self.raster(file)).collect()
    }

    fn resolve_io(&self) -> Result<Io> {
        self.io.clone().map_or_else(Io::shared, Ok)
    }

    fn raster(&self, file: &GeoTiff) -> Result<LazyRaster> {
        Ok(LazyRaster::from_source(Arc::new(file.source(&self.overview, self.chunks)?)))
    }
}
