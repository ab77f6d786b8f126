//! Opening files.

use std::sync::Arc;

use swath_core::error::Result;
use swath_core::expr::LazyRaster;
use swath_io::read::{Chunks, GeoTiff, Info, Limits, Overview, ReadOptions};
use swath_io::store::{Io, StoreOptions};

use crate::stored::{scaled, valid};

/// Opens a GeoTIFF at full resolution in chunks that suit its blocks: one ranged read, no pixels.
///
/// `uri` is a path, a `file://`, `http://` or `https://` URL, or an object of a store: `s3://BUCKET/KEY`, `gs://…` or
/// `az://…`, with credentials as [`StoreOptions`](crate::StoreOptions) says. The raster has the axes (Band, Y, X).
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
    OpenOptions::new().info(uri)
}

/// How a file is opened: which page, at which resolution, in which chunks, as stored or scaled, through which [`Io`].
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
    read: ReadOptions,
    scale_offset: bool,
    io: Option<Io>,
    store: Option<StoreOptions>,
}

impl OpenOptions {
    /// The first page at full resolution, as it is stored, [`Chunks::Auto`], the shared [`Io`].
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

    /// The page of a file of several images, counted from 0: the first, unless set. [`Info::pages`] lists them. Each has
    /// its own georeference, and its own overviews in its SubIFDs.
    #[must_use]
    pub fn page(mut self, number: usize) -> Self {
        self.read.page = number;
        self
    }

    /// Whether overviews in `URI.ovr` and a mask in `URI.msk` are the file's, where they exist and it has none inside:
    /// no, unless set, as asking takes a request for each. A server that answers such a question with anything but 404
    /// fails the opening.
    #[must_use]
    pub fn sidecars(mut self, sidecars: bool) -> Self {
        self.read.sidecars = sidecars;
        self
    }

    /// Whether pixels are given as physical values, each band times the scale plus the offset that the file has for it:
    /// no, unless set. A file without either stays as it is.
    ///
    /// Scaled pixels are floats: f32 for integers that it holds and offsets of 0, else f64; f32 stays f32. Nodata becomes
    /// NaN, which scaling cannot make of a valid pixel. As rioxarray's `mask_and_scale=True`.
    #[must_use]
    #[doc(alias = "mask_and_scale")]
    pub fn scale_offset(mut self, scale_offset: bool) -> Self {
        self.scale_offset = scale_offset;
        self
    }

    /// Limits on what a file may ask for, [`Limits::default`] unless set.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.read.limits = limits;
        self
    }

    /// Reads through this [`Io`] instead of the shared one.
    #[must_use]
    pub fn io(mut self, io: &Io) -> Self {
        self.io = Some(io.clone());
        self
    }

    /// Reaches stores in this way, instead of the one of its [`Io`]: with these credentials, at this endpoint, with URLs
    /// signed so.
    ///
    /// ```no_run
    /// use swath::{OpenOptions, StoreOptions};
    ///
    /// let public = StoreOptions::new().anonymous(true).set("aws_region", "us-west-2");
    /// let scene = OpenOptions::new().store(public).open("s3://sentinel-cogs/31/U/FU/B04.tif")?;
    /// # Ok::<(), swath::Error>(())
    /// ```
    #[must_use]
    pub fn store(mut self, store: StoreOptions) -> Self {
        self.store = Some(store);
        self
    }

    /// Opens `uri`; see [`open`].
    ///
    /// # Errors
    /// As [`open`]; also where the page or overview does not exist or the chunks are not possible.
    pub fn open(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        self.raster(&self.file(uri.as_ref())?)
    }

    /// As [`open`](Self::open), for async callers.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_async(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        self.raster(&GeoTiff::open_async(&self.resolve_io()?, uri.as_ref(), &self.read).await?)
    }

    /// Opens several files, all at once and in the same way; see [`open_all`].
    ///
    /// # Errors
    /// As [`open`](Self::open), for the first file in the list that cannot be opened.
    pub fn open_all<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
        self.files(uris)?.iter().map(|file| self.raster(file)).collect()
    }

    /// As [`open_all`](Self::open_all), for async callers.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all).
    pub async fn open_all_async<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
        let uris: Vec<_> = uris.into_iter().collect();
        let files = GeoTiff::open_all_async(&self.resolve_io()?, &uris, &self.read).await?;
        files.iter().map(|file| self.raster(file)).collect()
    }

    /// Which pixels of `uri` are valid, as bool on the grid of what [`open`](Self::open) gives: by its stored mask, its
    /// nodata, or its alpha, the first of them that it has, in GDAL's order ([`Info::validity`] says which).
    ///
    /// It has one band where that is told of all bands together, which then goes with all of them, and as many as the
    /// file where each has its own. [`LazyRaster::valid`] knows nodata alone: of a file with a mask, or an alpha band, it
    /// is true everywhere. Where nodata tells, the two are the same but for floats that differ from the nodata value in digits
    /// that its text has lost: like GDAL, this takes them for it, and operations do not.
    ///
    /// ```no_run
    /// use swath::OpenOptions;
    ///
    /// let options = OpenOptions::new();
    /// let (scene, valid) = (options.open("scene.tif")?, options.valid("scene.tif")?);
    /// let cut = scene.where_(&valid, 0)?;
    /// # Ok::<(), swath::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`open`](Self::open); `Unsupported` where the full resolution has a mask and the overview has none.
    pub fn valid(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        self.validity(&self.file(uri.as_ref())?)
    }

    /// As [`valid`](Self::valid), for async callers.
    ///
    /// # Errors
    /// As [`valid`](Self::valid).
    pub async fn valid_async(&self, uri: impl AsRef<str>) -> Result<LazyRaster> {
        self.validity(&GeoTiff::open_async(&self.resolve_io()?, uri.as_ref(), &self.read).await?)
    }

    /// As [`valid`](Self::valid), of several files, all at once.
    ///
    /// # Errors
    /// As [`valid`](Self::valid), for the first file in the list that has one.
    pub fn valid_all<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<LazyRaster>> {
        self.files(uris)?.iter().map(|file| self.validity(file)).collect()
    }

    /// What the page says of itself; see [`info`].
    ///
    /// # Errors
    /// As [`open`]; also where the page does not exist.
    pub fn info(&self, uri: impl AsRef<str>) -> Result<Info> {
        Ok(self.file(uri.as_ref())?.info())
    }

    fn resolve_io(&self) -> Result<Io> {
        let io = self.io.clone().map_or_else(Io::shared, Ok)?;
        Ok(match &self.store {
            Some(store) => io.with_store(store.clone()),
            None => io,
        })
    }

    fn file(&self, uri: &str) -> Result<GeoTiff> {
        GeoTiff::open_with(&self.resolve_io()?, uri, &self.read)
    }

    fn files<U: AsRef<str>>(&self, uris: impl IntoIterator<Item = U>) -> Result<Vec<GeoTiff>> {
        let uris: Vec<_> = uris.into_iter().collect();
        GeoTiff::open_all(&self.resolve_io()?, &uris, &self.read)
    }

    fn raster(&self, file: &GeoTiff) -> Result<LazyRaster> {
        let raster = self.stored(file)?;
        if !self.scale_offset {
            return Ok(raster);
        }
        let failed = |error: swath_core::error::Error| error.context(format!("cannot scale {}", file.file().name()));
        scaled(&raster, &file.info().bands).map_err(failed)
    }

    fn stored(&self, file: &GeoTiff) -> Result<LazyRaster> {
        Ok(LazyRaster::from_source(Arc::new(file.source(&self.overview, self.chunks)?)))
    }

    fn validity(&self, file: &GeoTiff) -> Result<LazyRaster> {
        if let Some(mask) = file.mask(&self.overview, self.chunks)? {
            return Ok(LazyRaster::from_source(Arc::new(mask)));
        }
        valid(&self.stored(file)?, &file.validity())
    }
}
