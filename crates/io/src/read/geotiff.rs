//! An opened file: its levels, and where they lie.

use std::panic::resume_unwind;
use std::sync::Arc;

use parking_lot::Mutex;
use swath_core::dtype::Scalar;
use swath_core::error::{Error, Result};
use swath_core::grid::{Affine, Crs, Grid};
use swath_core::shape::Dims;
use tokio::task::JoinSet;

use super::header::{Header, Image, Parser, Step};
use super::info::{Info, Interleave, OverviewInfo};
use super::level::Level;
use super::overview::Candidate;
use super::source::Scratch;
use super::{Chunks, CogSource, Overview, georeference, nodata};
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
struct Inner {
    file: File,
    size: u64,
    requests: u32,
    header: Header,
    crs: Option<Crs>,
    affine: Option<Affine>,
    nodata: Option<Scalar>,
    /// The full resolution, then overviews.
    levels: Vec<Entry>,
    scratch: Arc<Mutex<Vec<Scratch>>>,
}

#[derive(Debug)]
struct Entry {
    width: usize,
    height: usize,
    grid: Option<Arc<Grid>>,
    /// An overview that this build cannot decode is an error when it is chosen, not before.
    level: Result<Arc<Level>>,
}

impl GeoTiff {
    /// Opens the file `uri` names: one request where its directories lie in the first
    /// [`start_bytes_remote`](crate::store::IoOptions::start_bytes_remote).
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` where the network fails for good; `Corrupt` for what is no TIFF; `Unsupported`, naming
    /// codec or sample type, for what this build cannot decode.
    pub fn open(io: &Io, uri: &str) -> Result<Self> {
        let file = File::open(io, uri)?;
        if file.is_direct() {
            return crate::store::ready(Self::load(file));
        }
        io.wait(Self::load(file))
    }

    /// As [`open`](Self::open), on any executor.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_async(io: &Io, uri: &str) -> Result<Self> {
        Self::load(File::open(io, uri)?).await
    }

    /// Opens several files, all at once: as long as the slowest takes, not as long as all one after the other.
    ///
    /// # Errors
    /// As [`open`](Self::open), for the first file in the list that cannot be opened.
    pub fn open_all<U: AsRef<str>>(io: &Io, uris: &[U]) -> Result<Vec<Self>> {
        let files = Self::files(io, uris)?;
        if files.iter().all(File::is_direct) {
            return files.into_iter().map(|file| crate::store::ready(Self::load(file))).collect();
        }
        io.wait(Self::load_all(files))
    }

    /// As [`open_all`](Self::open_all), on any executor.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all).
    pub async fn open_all_async<U: AsRef<str>>(io: &Io, uris: &[U]) -> Result<Vec<Self>> {
        let files = Self::files(io, uris)?;
        io.run(Self::load_all(files)).await
    }

    fn files<U: AsRef<str>>(io: &Io, uris: &[U]) -> Result<Vec<File>> {
        uris.iter().map(|uri| File::open(io, uri.as_ref())).collect()
    }

    /// Runs on the runtime; what is dropped there stops all that it began.
    async fn load_all(files: Vec<File>) -> Result<Vec<Self>> {
        let mut loads = JoinSet::new();
        let mut loaded: Vec<_> = files.iter().map(|_| Err(Error::cancelled())).collect();
        for (index, file) in files.into_iter().enumerate() {
            loads.spawn(async move { (index, Self::load(file).await) });
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

    async fn load(file: File) -> Result<Self> {
        let options = file.io().options();
        let len = if file.is_direct() { options.start_bytes_local } else { options.start_bytes_remote };
        let start = file.read_start_async(len).await?;
        let mut requests = start.requests;
        let mut parser = Parser::new(file.name(), start.size, start.bytes);
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
        Self::derive(file, start.size, requests, header)
    }

    fn derive(file: File, size: u64, requests: u32, header: Header) -> Result<Self> {
        let name = file.name().to_owned();
        let codecs = file.io().options().codecs.clone();
        let level = |image: &Image| Level::new(image, header.little_endian, size, &codecs).map(Arc::new);
        let full = &header.images[0];
        let main = level(full).map_err(|error| Error::new(error.kind(), format!("cannot open {name}: {error}")))?;
        let affine = georeference::affine(&full.geo);
        let crs = georeference::crs(&full.geo);
        let grid = |width: usize, height: usize| {
            let (x, y) = (main.width as f64 / width as f64, main.height as f64 / height as f64);
            Some(Arc::new(Grid { crs: crs.clone(), affine: affine?.scaled(x, y), width, height }))
        };
        let entry = |image: &Image| {
            let (width, height) = (image.width as usize, image.height as usize);
            Entry { width, height, grid: grid(width, height), level: level(image) }
        };
        let mut levels: Vec<_> =
            header.images.iter().skip(1).filter(|image| is_overview(image, full)).map(entry).collect();
        // GDAL's order is the file's, which is this one in all files that GDAL wrote.
        levels.sort_by_key(|entry| std::cmp::Reverse(entry.width));
        levels.insert(
            0,
            Entry {
                width: main.width,
                height: main.height,
                grid: grid(main.width, main.height),
                level: Ok(main.clone()),
            },
        );
        let nodata = full.nodata.as_deref().and_then(|text| nodata::parse(text, main.dtype));
        let scratch = Arc::default();
        Ok(Self(Arc::new(Inner { file, size, requests, crs, affine, nodata, levels, scratch, header })))
    }

    /// One level of the file, in chunks.
    ///
    /// # Errors
    /// `InvalidInput` where there is no such level (the message lists those there are) or a chunk would be empty;
    /// `Unsupported` where this build cannot decode the overview.
    pub fn source(&self, overview: &Overview, chunks: Chunks) -> Result<CogSource> {
        let inner = &self.0;
        let candidate =
            |entry: &'_ Entry| -> (usize, usize, Option<Arc<Grid>>) { (entry.width, entry.height, entry.grid.clone()) };
        let sizes: Vec<_> = inner.levels.iter().map(candidate).collect();
        let candidates: Vec<_> = sizes
            .iter()
            .map(|(width, height, grid)| Candidate { width: *width, height: *height, grid: grid.as_deref() })
            .collect();
        let index = overview.choose(inner.file.name(), &candidates)?;
        let entry = &inner.levels[index];
        let name = match index {
            0 => inner.file.name().to_owned(),
            _ => format!("{} level {}", inner.file.name(), index - 1),
        };
        let failed = |error: &Error| Error::new(error.kind(), format!("cannot open {name}: {error}"));
        let level = entry.level.as_ref().map_err(failed)?;
        let scratch = Arc::clone(&inner.scratch);
        CogSource::new(name, inner.file.clone(), Arc::clone(level), entry.grid.clone(), inner.nodata, chunks, scratch)
    }

    /// The file it reads from.
    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// Its directories, as they are.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// Where level `index` lies; 0 is the full resolution, 1 the first overview.
    pub fn grid(&self, index: usize) -> Option<Arc<Grid>> {
        self.0.levels.get(index)?.grid.clone()
    }

    /// Count of overviews.
    pub fn overview_count(&self) -> usize {
        self.0.levels.len() - 1
    }

    /// Everything that can be told of it without its pixels.
    pub fn info(&self) -> Info {
        let inner = &*self.0;
        let image = &inner.header.images[0];
        let full = &inner.levels[0];
        let Ok(level) = &full.level else { unreachable!("a file whose full resolution cannot be read is not opened") };
        let chunks = Chunks::Auto.resolve(level.shape(), level.block_shape(), level.dtype);
        let [_, bands, rows, columns] = chunks.unwrap_or(level.shape());
        let masks = inner.header.images.iter().skip(1).filter(|image| image.is_mask()).count();
        Info {
            uri: inner.file.uri().to_owned(),
            file_size: inner.size,
            requests: inner.requests,
            big_tiff: inner.header.big_tiff,
            little_endian: inner.header.little_endian,
            dims: Dims::BYX,
            shape: level.shape(),
            dtype: level.dtype,
            bits: level.samples.bits,
            sample_format: level.samples.format,
            crs: inner.crs.clone(),
            affine: inner.affine,
            bounds: full.grid.as_ref().map(|grid| grid.bounds()),
            resolution: full.grid.as_ref().map(|grid| grid.resolution()),
            pixel_is_point: georeference::is_point(&image.geo),
            nodata: inner.nodata,
            nodata_text: image.nodata.clone(),
            tiled: level.tiled,
            block: (level.block_rows, level.block_columns),
            interleave: if level.bands > level.samples.parts && !level.planar {
                Interleave::Pixel
            } else {
                Interleave::Band
            },
            compression: level.compression,
            compression_tag: level.compression_tag,
            predictor: level.predictor,
            photometric: image.photometric,
            extra_samples: image.extra_samples.clone(),
            has_color_map: !image.color_map.is_empty(),
            masks,
            pages: inner.header.images.len() - inner.levels.len() - masks,
            blocks: (level.blocks().len(), level.sparse_blocks()),
            overviews: inner.levels[1..].iter().map(overview_info).collect(),
            suggested_chunks: [bands, rows, columns],
            gdal_metadata: image.gdal_metadata.clone(),
        }
    }
}

fn overview_info(entry: &Entry) -> OverviewInfo {
    OverviewInfo {
        width: entry.width,
        height: entry.height,
        block: entry.level.as_ref().ok().map(|level| (level.block_rows, level.block_columns)),
        resolution: entry.grid.as_ref().map(|grid| grid.resolution()),
    }
}

/// Whether `image` is a smaller copy of `full`, with the same bands and samples.
fn is_overview(image: &Image, full: &Image) -> bool {
    let smaller = |part: u64, whole: u64| (1..=whole).contains(&part);
    image.is_reduced()
        && !image.is_mask()
        && image.samples == full.samples
        && image.bits == full.bits
        && image.sample_format == full.sample_format
        && smaller(image.width, full.width)
        && smaller(image.height, full.height)
}
