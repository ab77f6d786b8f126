//! An opened file: its levels, and where they lie.

use std::panic::resume_unwind;
use std::sync::Arc;

use swath_core::dtype::Scalar;
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::grid::{Affine, Crs, Grid};
use tokio::task::JoinSet;

use super::header::{Header, Parser, Step};
use super::level::Level;
use super::levels::{self, Entry, Page, Parsed, Stored};
use super::overview::Candidate;
use super::{Chunks, CogSource, Info, Limits, MaskSource, Overview, ReadOptions, Validity, georeference, info};
use crate::store::{File, Io};

/// An opened GeoTIFF: directories, no pixels. A cheap handle.
///
/// ```no_run
/// use swath_io::read::{Chunks, GeoTiff, Overview};
/// use swath_io::store::Io;
///
/// let file = GeoTiff::open(&Io::shared()?, "https://example.com/visual.tif")?;
/// println!("{:?}", file.info());
/// let source = file.source(&Overview::Level(0), Chunks::Auto)?;
/// # Ok::<(), swath_core::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GeoTiff(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    /// The file, and those beside it that were asked for and are there.
    pub(super) main: Parsed,
    pub(super) sidecars: Vec<Parsed>,
    /// The number of the page, and its position among the images of the header.
    pub(super) page: usize,
    pub(super) image: usize,
    pub(super) crs: Option<Crs>,
    pub(super) affine: Option<Affine>,
    pub(super) level: Arc<Level>,
    /// The full resolution, then overviews.
    pub(super) levels: Vec<Entry>,
}

impl GeoTiff {
    /// Opens the file `uri` names: one request where its directories lie in the first
    /// [`start_bytes_remote`](crate::store::IoOptions::start_bytes_remote).
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` where the network fails for good; `Corrupt` for what is no TIFF; `Unsupported`, naming
    /// codec or sample type, for what this build cannot decode.
    pub fn open(io: &Io, uri: &str) -> Result<Self> {
        Self::open_with(io, uri, &ReadOptions::default())
    }

    /// As [`open`](Self::open), another page, with what lies beside the file, or within other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open); `InvalidInput` where there is no such page.
    pub fn open_with(io: &Io, uri: &str, options: &ReadOptions) -> Result<Self> {
        let file = File::open(io, uri)?;
        let load = Self::load(file.clone(), options.clone());
        if file.is_direct() {
            return crate::store::ready(load);
        }
        io.wait(load)
    }

    /// As [`open_with`](Self::open_with), on any executor.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub async fn open_async(io: &Io, uri: &str, options: &ReadOptions) -> Result<Self> {
        Self::load(File::open(io, uri)?, options.clone()).await
    }

    /// Opens several files, all at once: as long as the slowest takes, not as long as all one after the other.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with), for the first file in the list that cannot be opened.
    pub fn open_all<U: AsRef<str>>(io: &Io, uris: &[U], options: &ReadOptions) -> Result<Vec<Self>> {
        let files = Self::files(io, uris)?;
        if files.iter().all(File::is_direct) {
            return files.into_iter().map(|file| crate::store::ready(Self::load(file, options.clone()))).collect();
        }
        io.wait(Self::load_all(files, options.clone()))
    }

    /// As [`open_all`](Self::open_all), on any executor.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all).
    pub async fn open_all_async<U: AsRef<str>>(io: &Io, uris: &[U], options: &ReadOptions) -> Result<Vec<Self>> {
        let files = Self::files(io, uris)?;
        io.run(Self::load_all(files, options.clone())).await
    }

    fn files<U: AsRef<str>>(io: &Io, uris: &[U]) -> Result<Vec<File>> {
        uris.iter().map(|uri| File::open(io, uri.as_ref())).collect()
    }

    /// Runs on the runtime; what is dropped there stops all that it began.
    async fn load_all(files: Vec<File>, options: ReadOptions) -> Result<Vec<Self>> {
        let mut loads = JoinSet::new();
        let mut loaded: Vec<_> = files.iter().map(|_| Err(Error::cancelled())).collect();
        for (index, file) in files.into_iter().enumerate() {
            let options = options.clone();
            loads.spawn(async move { (index, Self::load(file, options).await) });
        }
        while let Some(ended) = loads.join_next().await {
            match ended {
                Ok((index, file)) => loaded[index] = file,
                Err(failure) if failure.is_panic() => resume_unwind(failure.into_panic()),
                Err(_) => return Err(Error::cancelled()),
            }
        }
        loaded.into_iter().collect()
    }

    async fn load(file: File, options: ReadOptions) -> Result<Self> {
        let main = parse(file, options.page, &options.limits).await?;
        let (mut overviews, mut mask) = (None, None);
        if let Some(page) = Page::of(&main.header, options.page).filter(|page| options.sidecars && page.index == 0) {
            let has_mask = page.masks.iter().any(|mask| !mask.is_reduced());
            if page.overviews.is_empty() {
                overviews = beside(&main.file, ".ovr", &options.limits).await?;
            }
            if !has_mask {
                mask = beside(&main.file, ".msk", &options.limits).await?;
            }
        }
        Self::derive(main, overviews, mask, &options)
    }

    fn derive(main: Parsed, overviews: Option<Parsed>, mask: Option<Parsed>, options: &ReadOptions) -> Result<Self> {
        let name = main.file.name();
        let limits = &options.limits;
        let page =
            Page::of(&main.header, options.page).ok_or_else(|| levels::no_page(name, options.page, &main.header))?;
        let full = page.full;
        let affine = georeference::affine(&full.geo);
        let crs = georeference::crs(&full.geo);
        let grid = |width: usize, height: usize| {
            let (x, y) = (full.width as f64 / width as f64, full.height as f64 / height as f64);
            Some(Arc::new(Grid { crs: crs.clone(), affine: affine?.scaled(x, y), width, height }))
        };
        let mut levels = page.entries(&main, limits, full.nodata.as_deref(), grid);
        if let Some(beside) = &overviews {
            levels.extend(levels::overviews_beside(beside, full, limits, grid));
        }
        if let Some(beside) = &mask {
            levels::masks_beside(beside, full, limits, &mut levels);
        }
        let failed = |error: Error| Error::new(error.kind(), format!("cannot open {name}: {error}"));
        let level = levels[0].pixels.level.clone().map_err(failed)?;
        let (page, image) = (options.page, page.index);
        let sidecars = overviews.into_iter().chain(mask).collect();
        Ok(Self(Arc::new(Inner { main, sidecars, page, image, crs, affine, level, levels })))
    }

    /// One level of the file, in chunks.
    ///
    /// # Errors
    /// `InvalidInput` where there is no such level (the message lists those there are) or a chunk would be empty;
    /// `Unsupported` where this build cannot decode the overview.
    pub fn source(&self, overview: &Overview, chunks: Chunks) -> Result<CogSource> {
        let (entry, name) = self.choose(overview)?;
        self.samples(name, &entry.pixels, entry.grid.clone(), entry.nodata, chunks)
    }

    /// The stored mask of one level, in chunks: true where pixels are valid. None where the file has no mask at all;
    /// see [`validity`](Self::validity) for what tells then.
    ///
    /// It has one band, or as many as the file where each has its own.
    ///
    /// # Errors
    /// As [`source`](Self::source); `Unsupported` where the full resolution has a mask and the chosen overview has none:
    /// nothing tells which of its pixels are valid.
    pub fn mask(&self, overview: &Overview, chunks: Chunks) -> Result<Option<MaskSource>> {
        let (entry, name) = self.choose(overview)?;
        let Some(mask) = &entry.mask else {
            return match self.0.levels[0].mask.is_some() {
                true => Err(Error::unsupported(format!(
                    "{name} has no mask of its own, though the full resolution has: read that one, or without mask"
                ))),
                false => Ok(None),
            };
        };
        let name = format!("mask of {name}");
        let samples = self.samples(name, mask, None, None, chunks)?;
        Ok(Some(MaskSource::new(samples, entry.grid.clone())))
    }

    /// The chosen level, and what to call it.
    fn choose(&self, overview: &Overview) -> Result<(&Entry, String)> {
        let inner = &self.0;
        let candidate = |entry: &'_ Entry| (entry.width, entry.height, entry.grid.clone());
        let sizes: Vec<_> = inner.levels.iter().map(candidate).collect();
        let candidates: Vec<_> = sizes
            .iter()
            .map(|(width, height, grid)| Candidate { width: *width, height: *height, grid: grid.as_deref() })
            .collect();
        let mut name = inner.main.file.name().to_owned();
        if inner.page > 0 {
            name = format!("{name} page {}", inner.page);
        }
        let index = overview.choose(&name, &candidates)?;
        if index > 0 {
            name = format!("{name} level {}", index - 1);
        }
        Ok((&inner.levels[index], name))
    }

    fn samples(
        &self,
        name: String,
        stored: &Stored,
        grid: Option<Arc<Grid>>,
        nodata: Option<Scalar>,
        chunks: Chunks,
    ) -> Result<CogSource> {
        let failed = |error: &Error| Error::new(error.kind(), format!("cannot open {name}: {error}"));
        let level = Arc::clone(stored.level.as_ref().map_err(failed)?);
        CogSource::new(name, stored.file.clone(), level, grid, nodata, chunks)
    }

    /// The file it reads from.
    pub fn file(&self) -> &File {
        &self.0.main.file
    }

    /// Its directories, as they are.
    pub fn header(&self) -> &Header {
        &self.0.main.header
    }

    /// Where level `index` lies; 0 is the full resolution, 1 the first overview.
    pub fn grid(&self, index: usize) -> Option<Arc<Grid>> {
        self.0.levels.get(index)?.grid.clone()
    }

    /// Count of overviews.
    pub fn overview_count(&self) -> usize {
        self.0.levels.len() - 1
    }

    /// What tells which of its pixels are valid.
    pub fn validity(&self) -> Validity {
        info::validity(&self.0)
    }

    /// Everything that can be told of it without its pixels.
    pub fn info(&self) -> Info {
        info::of(&self.0)
    }
}

/// Reads the directories of a file.
async fn parse(file: File, page: usize, limits: &Limits) -> Result<Parsed> {
    let options = file.io().options();
    let len = if file.is_direct() { options.start_bytes_local } else { options.start_bytes_remote };
    let start = file.read_start_async(len).await?;
    let mut requests = start.requests;
    let mut parser = Parser::new(file.name(), start.size, start.bytes, page, limits);
    let header = loop {
        match parser.step()? {
            Step::Done(header) => break header,
            Step::Need(range) => {
                let fetched = file.read_async(range).await?;
                requests += fetched.requests;
                parser.feed(fetched.offset, fetched.bytes);
            }
        }
    };
    Ok(Parsed { file, size: start.size, requests, header })
}

/// The file beside `file` whose name ends in `suffix` too; none where there is none.
async fn beside(file: &File, suffix: &str, limits: &Limits) -> Result<Option<Parsed>> {
    // A query belongs to the end of a URL, not of a name.
    let uri = file.uri();
    let is_url = uri.starts_with("http://") || uri.starts_with("https://");
    let (path, query) = uri.split_at(uri.find('?').filter(|_| is_url).unwrap_or(uri.len()));
    let opened = match File::open(file.io(), &format!("{path}{suffix}{query}")) {
        Ok(file) => parse(file, 0, limits).await,
        Err(error) => Err(error),
    };
    match opened {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.context(format!("cannot open {} with what lies beside it", file.name()))),
    }
}
