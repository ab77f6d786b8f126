//! What can be told of a file without its pixels.

use swath_core::dtype::{DType, Scalar};
use swath_core::grid::{Affine, Crs};
use swath_core::shape::{Dims, Shape};

use super::band::BandInfo;
use super::describe::{Description, describe};
use super::georeference::{self, AreaOrPoint, ControlPoint};
use super::geotiff::Inner;
use super::header::{self, Image};
use super::levels::Entry;
use super::samples::Samples;
use super::{Chunks, Metadata, Validity, colors, ghost};
use crate::codec::{Compression, Predictor, SampleFormat};

/// How the bands of a pixel lie in a file; GDAL's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interleave {
    /// All bands of a pixel together.
    Pixel,
    /// Each band in blocks of its own; also of a file with one band.
    Band,
}

impl Interleave {
    /// `PIXEL` or `BAND`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pixel => "PIXEL",
            Self::Band => "BAND",
        }
    }
}

/// One overview of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct OverviewInfo {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Rows and columns of a block; none where this build cannot decode the overview.
    pub block: Option<(usize, usize)>,
    /// Pixel width and height in CRS units.
    pub resolution: Option<(f64, f64)>,
    /// Whether it has a mask of its own.
    pub has_mask: bool,
    /// Whether it lies in a file beside.
    pub beside: bool,
}

/// One image of a file that is neither overview nor mask of another.
#[derive(Debug, Clone, PartialEq)]
pub struct PageInfo {
    /// Its number: what [`ReadOptions::page`](super::ReadOptions::page) takes.
    pub number: usize,
    /// Which directory of the file it is, counted from 1 as in GDAL's `GTIFF_DIR:1:`; none for one of SubIFDs.
    pub directory: Option<usize>,
    /// Count of bands.
    pub bands: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Type of its pixels; none of samples that swath does not read.
    pub dtype: Option<DType>,
    /// What it calls itself: the item `grid_name` of geodetic grids, its DocumentName, or the first line of its
    /// ImageDescription.
    pub name: Option<String>,
}

/// What `swath info` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// URI as the user wrote it.
    pub uri: String,
    /// Bytes of the file.
    pub file_size: u64,
    /// Requests that opening took; 0 for a local file.
    pub requests: u32,
    /// Whether offsets have 64 bits.
    pub big_tiff: bool,
    /// Whether samples have their least significant byte first.
    pub little_endian: bool,
    /// Axes of the raster: Band, Y, X.
    pub dims: Dims,
    /// Lengths of Time (1), Band, Y, X.
    pub shape: Shape,
    /// Type of its pixels.
    pub dtype: DType,
    /// Bits of a sample in the file: fewer than the dtype's where samples are widened; those of both parts of a complex
    /// one, which gives two bands.
    pub bits: u32,
    /// What a sample is in the file.
    pub sample_format: SampleFormat,
    /// Coordinate reference system, if the file names one; also of a file without transform.
    pub crs: Option<Crs>,
    /// Pixel corners to CRS coordinates.
    pub affine: Option<Affine>,
    /// Left, bottom, right, top.
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// Pixel width and height.
    pub resolution: Option<(f64, f64)>,
    /// Whether the file's own coordinates name the middle of a pixel (PixelIsPoint).
    pub pixel_is_point: bool,
    /// Nodata, where the dtype holds it.
    pub nodata: Option<Scalar>,
    /// The nodata tag as it is, also where the dtype cannot hold it.
    pub nodata_text: Option<String>,
    /// Whether blocks are tiles, not strips.
    pub tiled: bool,
    /// Rows and columns of a block.
    pub block: (usize, usize),
    /// How bands lie in it.
    pub interleave: Interleave,
    /// Compression scheme.
    pub compression: Compression,
    /// TIFF's number of the compression scheme.
    pub compression_tag: u16,
    /// Predictor.
    pub predictor: Predictor,
    /// Meaning of the samples (tag 262).
    pub photometric: u64,
    /// Meaning of the samples beyond those (tag 338); 1 and 2 are alpha.
    pub extra_samples: Vec<u64>,
    /// Red, green, blue and opacity of each value, in eight bits, where the file has a colour map or is of one bit.
    pub color_map: Option<Vec<[u8; 4]>>,
    /// Masks of the page and its overviews, in the file or beside it.
    pub masks: usize,
    /// What tells which pixels are valid.
    pub validity: Validity,
    /// Which page this is of, counted from 0.
    pub page: usize,
    /// All pages of the file, this one too.
    pub pages: Vec<PageInfo>,
    /// The bands, with colour interpretation, scale, offset, unit, description, statistics and further items.
    pub bands: Vec<BandInfo>,
    /// Items of the file by domain: GDAL's, and TIFF's own texts under GDAL's names (`TIFFTAG_SOFTWARE`), in the domain
    /// ``; rational polynomials in `RPC`; an XMP packet in `xml:XMP`.
    pub metadata: Metadata,
    /// Ground control points of a file without transform.
    pub control_points: Vec<ControlPoint>,
    /// What the file says that its coordinates name.
    pub area_or_point: Option<AreaOrPoint>,
    /// GDAL's structural metadata: keys and values that a Cloud-Optimized GeoTIFF has before its directories.
    pub structure: Vec<(String, String)>,
    /// Whether those promise the layout that GDAL calls `COG`.
    pub is_cog: bool,
    /// Blocks of the full resolution, and how many of them are sparse.
    pub blocks: (usize, usize),
    /// Overviews, largest first.
    pub overviews: Vec<OverviewInfo>,
    /// Bands, rows and columns of a chunk where none are asked for.
    pub suggested_chunks: [usize; 3],
    /// GDAL_METADATA as it is, XML.
    pub gdal_metadata: Option<String>,
}

impl Info {
    /// The dtype, and what the file has where that is something else: `f32 (floats of 16 bits in the file)`.
    pub fn dtype_text(&self) -> String {
        let Self { dtype, bits, sample_format, .. } = self;
        let own = bits / if sample_format.is_complex() { 2 } else { 1 };
        match sample_format {
            SampleFormat::ComplexSigned | SampleFormat::ComplexFloat => {
                format!("{dtype} (complex in the file: each band is a real part, then an imaginary part)")
            }
            SampleFormat::Float if own as usize != 8 * dtype.size() => {
                format!("{dtype} (floats of {own} bits in the file)")
            }
            _ if own as usize != 8 * dtype.size() => format!("{dtype} ({own} bits in the file)"),
            _ => dtype.to_string(),
        }
    }

    /// Name of the photometric interpretation, as TIFF's specification calls it.
    pub const fn photometric_name(&self) -> &'static str {
        match self.photometric {
            0 => "MinIsWhite",
            1 => "MinIsBlack",
            2 => "RGB",
            3 => "Palette",
            4 => "Mask",
            5 => "CMYK",
            6 => "YCbCr",
            _ => "unknown",
        }
    }
}

/// What `inner` says of itself.
pub(super) fn of(inner: &Inner) -> Info {
    let Inner { main, page, crs, affine, level, levels, .. } = inner;
    let image = &main.header.images[inner.image];
    let full = &levels[0];
    let chunks = Chunks::Auto.resolve(level.shape(), level.block_shape(), level.dtype);
    let [_, bands, rows, columns] = chunks.unwrap_or(level.shape());
    let color_map = colors::color_map(image);
    let (metadata, mut described) = bands_of(inner, color_map.is_some());
    if let (Some((scale, offset)), [band]) = (georeference::height_scale(&image.geo, level.bands), &mut *described) {
        (band.scale, band.offset) = (Some(scale), Some(offset));
    }
    let has_mask = full.mask.is_some();
    Info {
        uri: main.file.uri().to_owned(),
        file_size: main.size,
        requests: main.requests + inner.sidecars.iter().map(|file| file.requests).sum::<u32>(),
        big_tiff: main.header.big_tiff,
        little_endian: main.header.little_endian,
        dims: Dims::BYX,
        shape: level.shape(),
        dtype: level.dtype,
        bits: level.samples.bits,
        sample_format: level.samples.format,
        crs: crs.clone(),
        affine: *affine,
        bounds: full.grid.as_ref().map(|grid| grid.bounds()),
        resolution: full.grid.as_ref().map(|grid| grid.resolution()),
        pixel_is_point: georeference::is_point(&image.geo),
        nodata: full.nodata,
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
        color_map,
        masks: levels.iter().filter(|entry| entry.mask.is_some()).count(),
        validity: Validity::of(has_mask, &metadata, full.nodata, &described, level.dtype),
        page: *page,
        pages: pages(inner),
        bands: described,
        metadata,
        control_points: georeference::control_points(&image.geo),
        area_or_point: georeference::area_or_point(&image.geo),
        structure: main.header.ghost.clone(),
        is_cog: ghost::is_cog(&main.header.ghost),
        blocks: (level.blocks().len(), level.sparse_blocks()),
        overviews: levels[1..].iter().map(|entry| overview(entry, inner)).collect(),
        suggested_chunks: [bands, rows, columns],
        gdal_metadata: image.gdal_metadata.clone(),
    }
}

/// What tells which pixels of `inner` are valid.
pub(super) fn validity(inner: &Inner) -> Validity {
    let Inner { main, image, level, levels, .. } = inner;
    let (metadata, bands) = bands_of(inner, colors::color_map(&main.header.images[*image]).is_some());
    Validity::of(levels[0].mask.is_some(), &metadata, levels[0].nodata, &bands, level.dtype)
}

/// Items, and the bands that the raster has.
fn bands_of(inner: &Inner, has_palette: bool) -> (Metadata, Vec<BandInfo>) {
    let image = &inner.main.header.images[inner.image];
    let unit = georeference::vertical_unit(&image.geo);
    let Description { metadata, bands } = describe(image, image.samples as usize, has_palette, unit);
    // Both parts of a complex number are what the file says of it.
    let parts = inner.level.samples.parts;
    (metadata, bands.into_iter().flat_map(|band| std::iter::repeat_n(band, parts)).collect())
}

fn overview(entry: &Entry, inner: &Inner) -> OverviewInfo {
    let level = entry.pixels.level.as_ref().ok();
    OverviewInfo {
        width: entry.width,
        height: entry.height,
        block: level.map(|level| (level.block_rows, level.block_columns)),
        resolution: entry.grid.as_ref().map(|grid| grid.resolution()),
        has_mask: entry.mask.is_some(),
        beside: entry.pixels.file.uri() != inner.main.file.uri(),
    }
}

fn pages(inner: &Inner) -> Vec<PageInfo> {
    let header = &inner.main.header;
    let page = |(number, index): (usize, usize)| {
        let image = &header.images[index];
        let samples = Samples::of(image).ok();
        PageInfo {
            number,
            directory: image.sub_of.is_none().then_some(index + 1),
            bands: (image.samples as usize).saturating_mul(samples.map_or(1, |samples| samples.parts)),
            height: image.height as usize,
            width: image.width as usize,
            dtype: samples.map(|samples| samples.dtype),
            name: page_name(image),
        }
    };
    header::pages(&header.images).enumerate().map(page).collect()
}

fn page_name(image: &Image) -> Option<String> {
    let Description { metadata, .. } = describe(image, 0, false, None);
    let named = ["grid_name", "TIFFTAG_DOCUMENTNAME", "TIFFTAG_IMAGEDESCRIPTION"];
    let name = named.iter().find_map(|name| metadata.get("", name)).and_then(|text| text.lines().next());
    name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}
