//! What a GeoTIFF says of its pixels: raster and format to tags, by GDAL's conventions.

use swath_core::dtype::DType;
use swath_core::error::{Error, Result};
use swath_core::grid::{Affine, Grid};
use swath_core::meta::Meta;

use super::describe::Description;
use super::directory::{Directory, Head, Value};
use super::format::Format;
use super::geo_keys::geo_keys;
use super::nodata;
use super::options::BigTiff;
use crate::codec::{Compression, Predictor};
use crate::read::{BandStatistics, Interleave};

/// Tags, by TIFF 6.0, OGC GeoTIFF 1.1 and GDAL.
mod tag {
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(super) const IMAGE_WIDTH: u16 = 256;
    pub(super) const IMAGE_LENGTH: u16 = 257;
    pub(super) const BITS_PER_SAMPLE: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC_INTERPRETATION: u16 = 262;
    pub(super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_LENGTH: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(super) const EXTRA_SAMPLES: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const YCBCR_SUB_SAMPLING: u16 = 530;
    pub(super) const REFERENCE_BLACK_WHITE: u16 = 532;
    pub(super) const LERC_PARAMETERS: u16 = 50674;
    pub(super) const MODEL_PIXEL_SCALE: u16 = 33550;
    pub(super) const MODEL_TIEPOINT: u16 = 33922;
    pub(super) const MODEL_TRANSFORMATION: u16 = 34264;
    pub(super) const GEO_KEY_DIRECTORY: u16 = 34735;
    pub(super) const GEO_DOUBLE_PARAMS: u16 = 34736;
    pub(super) const GEO_ASCII_PARAMS: u16 = 34737;
    pub(super) const GDAL_METADATA: u16 = 42112;
    pub(super) const GDAL_NODATA: u16 = 42113;
}

/// What [`tag::NEW_SUBFILE_TYPE`] says of an overview, and of a mask.
const REDUCED_RESOLUTION: u32 = 1;
const MASK: u32 = 4;

/// Photometric interpretation of a mask, and of RGB that a JPEG stream stores as luma and chroma.
const TRANSPARENCY_MASK: u16 = 4;
const YCBCR: u16 = 6;

/// Version 2.4 of LERC, its blobs not compressed once more.
const LERC_2_4: [u32; 2] = [4, 0];

/// Rows and columns of pixels that share a sample of chroma, and the samples of black and of white: what libtiff says of JPEG.
const CHROMA_PIXELS: [u16; 2] = [2, 2];
const FULL_RANGE: [u32; 6] = [0, 255, 128, 255, 128, 255];

/// An image of a file: a raster, an overview or the mask of one of them.
#[derive(Debug, Clone)]
pub(super) struct ImageSpec {
    pub(super) meta: Meta,
    pub(super) format: Format,
    /// 0 for the raster.
    pub(super) level: usize,
}

impl ImageSpec {
    pub(super) fn block_count(&self) -> usize {
        self.format.blocks(&self.meta).len()
    }

    fn directory(&self, told: &Description) -> Result<Directory> {
        let Self { meta, format, level } = self;
        let tags = match (format.is_mask, level) {
            (true, level) => mask_tags(meta, format, *level),
            (false, 0) => tags(meta, format, told)?,
            (false, _) => overview_tags(meta, format, told),
        };
        Ok(Directory::new(tags, self.block_count()))
    }
}

/// The head of the file of one image.
///
/// # Errors
/// `InvalidInput` where affine or size cannot be written, `Unsupported` where the CRS cannot.
pub(super) fn head(image: &ImageSpec, told: &Description, big_tiff: BigTiff) -> Result<Head> {
    of_images(std::slice::from_ref(image), told, false, big_tiff)
}

/// The head of a Cloud-Optimized GeoTIFF of a raster, the first of `images`, its overviews and masks.
///
/// # Errors
/// As [`head`].
pub(super) fn cog_head(images: &[ImageSpec], told: &Description, big_tiff: BigTiff) -> Result<Head> {
    of_images(images, told, true, big_tiff)
}

/// A head with these statistics of its bands, where it has room for them.
pub(super) fn with_statistics(
    head: &Head,
    told: &Description,
    (bands, dtype): (usize, DType),
    known: &[Option<BandStatistics>],
) -> Head {
    let xml = told.to_xml(told.photometric(bands, dtype), bands, known);
    xml.map_or_else(|| head.clone(), |xml| head.with_text(tag::GDAL_METADATA, xml))
}

fn of_images(images: &[ImageSpec], told: &Description, is_cog: bool, big_tiff: BigTiff) -> Result<Head> {
    let directories = images.iter().map(|image| image.directory(told)).collect::<Result<Vec<_>>>()?;
    let head = |big| match is_cog {
        true => Head::with_ghost(big, directories.clone()),
        false => Head::new(big, directories.clone()),
    };
    let exceeds = || exceeds_classic(&head(true), images);
    let big = match big_tiff {
        BigTiff::Always => true,
        BigTiff::Auto => exceeds(),
        BigTiff::Never if images[0].format.compression == Compression::None && exceeds() => {
            return Err(Error::invalid(
                "the pixels exceed the 4 GiB of a classic TIFF: allow BigTIFF or compress them",
            ));
        }
        BigTiff::Never => false,
    };
    Ok(head(big))
}

/// Whether the largest file that the blocks behind this head can give is too large for 32-bit offsets.
fn exceeds_classic(head: &Head, images: &[ImageSpec]) -> bool {
    let of_image = |image: &ImageSpec| {
        (image.format.block_bytes_max() + head.block_overhead()).checked_mul(image.block_count() as u64)
    };
    let blocks = images.iter().try_fold(0_u64, |all, image| all.checked_add(of_image(image)?));
    blocks.and_then(|blocks| blocks.checked_add(head.len())).is_none_or(|file| file > u64::from(u32::MAX))
}

/// What an overview says of itself; where it lies, readers know from the image that it belongs to.
fn overview_tags(meta: &Meta, format: &Format, told: &Description) -> Vec<(u16, Value)> {
    let mut tags = image_tags(meta, format, told);
    tags.push((tag::NEW_SUBFILE_TYPE, Value::Long(vec![REDUCED_RESOLUTION])));
    tags.extend(nodata_tag(meta));
    tags
}

/// What a mask says of itself: that it is one, of a raster or of an overview.
fn mask_tags(meta: &Meta, format: &Format, level: usize) -> Vec<(u16, Value)> {
    let kind = if level == 0 { MASK } else { MASK | REDUCED_RESOLUTION };
    let mut tags = layout_tags(meta, format, TRANSPARENCY_MASK);
    tags.push((tag::NEW_SUBFILE_TYPE, Value::Long(vec![kind])));
    tags
}

fn nodata_tag(meta: &Meta) -> Option<(u16, Value)> {
    meta.nodata.map(|value| (tag::GDAL_NODATA, Value::Ascii(nodata::spell(value, meta.dtype))))
}

fn tags(meta: &Meta, format: &Format, told: &Description) -> Result<Vec<(u16, Value)>> {
    told.check(format.bands, meta.dtype)?;
    let mut tags = image_tags(meta, format, told);
    let xml = told.to_xml(told.photometric(format.bands, meta.dtype), format.bands, &[]);
    tags.extend(xml.map(|xml| (tag::GDAL_METADATA, Value::Ascii(xml))));
    if let Some(grid) = meta.grid.as_deref() {
        tags.extend(grid_tags(grid)?);
    }
    tags.extend(nodata_tag(meta));
    Ok(tags)
}

fn image_tags(meta: &Meta, format: &Format, told: &Description) -> Vec<(u16, Value)> {
    let photometric = told.photometric(format.bands, meta.dtype);
    let mut tags = layout_tags(meta, format, if format.is_ycbcr() { YCBCR } else { photometric.tag });
    if format.is_ycbcr() {
        tags.push((tag::YCBCR_SUB_SAMPLING, Value::Short(CHROMA_PIXELS.to_vec())));
        tags.push((tag::REFERENCE_BLACK_WHITE, Value::Rational(FULL_RANGE.map(|value| [value, 1]).to_vec())));
    }
    let extra = told.extra_samples(format.bands, photometric);
    if !extra.is_empty() {
        tags.push((tag::EXTRA_SAMPLES, Value::Short(extra)));
    }
    tags.extend(told.color_map(meta.dtype).map(|map| (tag::COLOR_MAP, Value::Short(map))));
    tags
}

/// How the pixels of an image are stored.
fn layout_tags(meta: &Meta, format: &Format, photometric: u16) -> Vec<(u16, Value)> {
    let [_, _, rows, columns] = meta.shape;
    let long = |length: usize| Value::Long(vec![u32::try_from(length).expect("the format has checked the sizes")]);
    let short = |value: u16| Value::Short(vec![value]);
    let bands = u16::try_from(format.bands).expect("the format has checked the count of bands");
    let each_band = |value: u16| Value::Short(vec![value; format.bands]);
    let bits = if format.is_mask { 1 } else { 8 * meta.dtype.size() as u16 };
    let mut tags = vec![
        (tag::IMAGE_WIDTH, long(columns)),
        (tag::IMAGE_LENGTH, long(rows)),
        (tag::BITS_PER_SAMPLE, each_band(bits)),
        (tag::COMPRESSION, short(format.compression.tag())),
        (tag::PHOTOMETRIC_INTERPRETATION, short(photometric)),
        (tag::SAMPLES_PER_PIXEL, short(bands)),
        (tag::PLANAR_CONFIGURATION, short(planar_configuration(format.interleave))),
        (tag::TILE_WIDTH, long(format.block.1)),
        (tag::TILE_LENGTH, long(format.block.0)),
        (tag::TILE_OFFSETS, Value::BlockOffsets),
        (tag::TILE_BYTE_COUNTS, Value::BlockLengths),
        (tag::SAMPLE_FORMAT, each_band(sample_format(meta.dtype))),
    ];
    if format.predictor != Predictor::None {
        tags.push((tag::PREDICTOR, short(format.predictor.tag())));
    }
    if format.compression == Compression::Lerc {
        tags.push((tag::LERC_PARAMETERS, Value::Long(LERC_2_4.to_vec())));
    }
    tags
}

const fn planar_configuration(interleave: Interleave) -> u16 {
    match interleave {
        Interleave::Pixel => 1,
        Interleave::Band => 2,
    }
}

const fn sample_format(dtype: DType) -> u16 {
    match dtype {
        DType::Bool | DType::U8 | DType::U16 | DType::U32 | DType::U64 => 1,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => 2,
        DType::F32 | DType::F64 => 3,
    }
}

fn grid_tags(grid: &Grid) -> Result<Vec<(u16, Value)>> {
    let mut tags = affine_tags(&grid.affine)?;
    if let Some(crs) = &grid.crs {
        let keys = geo_keys(crs)?;
        tags.push((tag::GEO_KEY_DIRECTORY, Value::Short(keys.directory.clone())));
        if !keys.doubles.is_empty() {
            tags.push((tag::GEO_DOUBLE_PARAMS, Value::Double(keys.doubles.clone())));
        }
        if !keys.ascii.is_empty() {
            tags.push((tag::GEO_ASCII_PARAMS, Value::Ascii(keys.ascii.clone())));
        }
    }
    Ok(tags)
}

/// Scale and tie point of a north-up raster, the matrix of any other.
fn affine_tags(affine: &Affine) -> Result<Vec<(u16, Value)>> {
    let Affine { a, b, c, d, e, f } = *affine;
    if [a, b, c, d, e, f].iter().any(|value| !value.is_finite()) {
        return Err(Error::invalid(format!("the affine transform ({a}, {b}, {c}, {d}, {e}, {f}) is not finite")));
    }
    let is_north_up = b == 0.0 && d == 0.0 && a > 0.0 && e < 0.0;
    Ok(if is_north_up {
        vec![
            (tag::MODEL_PIXEL_SCALE, Value::Double(vec![a, -e, 0.0])),
            (tag::MODEL_TIEPOINT, Value::Double(vec![0.0, 0.0, 0.0, c, f, 0.0])),
        ]
    } else {
        let matrix = [[a, b, 0.0, c], [d, e, 0.0, f], [0.0; 4], [0.0, 0.0, 0.0, 1.0]];
        vec![(tag::MODEL_TRANSFORMATION, Value::Double(matrix.concat()))]
    })
}

#[cfg(test)]
mod tests {
    use swath_core::shape::Dims;

    use super::*;
    use crate::write::GeoTiffOptions;

    fn is_big(shape: [usize; 4], options: &GeoTiffOptions) -> Result<bool> {
        let meta = Meta::new(Dims::BYX, shape, DType::U8);
        let format = Format::resolve(&meta, None, &options.file)?;
        let image = ImageSpec { meta, format, level: 0 };
        Ok(head(&image, &options.file.description, options.file.big_tiff)?.is_big())
    }

    #[test]
    fn a_file_is_a_bigtiff_only_where_it_could_exceed_4_gib() {
        let plain = GeoTiffOptions::new().compression(Compression::None);
        assert!(!is_big([1, 1, 65_536, 65_024], &plain).unwrap());
        assert!(is_big([1, 1, 65_536, 65_536], &plain).unwrap());
        // LZW can grow by half.
        let lzw = GeoTiffOptions::new().compression(Compression::Lzw);
        assert!(!is_big([1, 1, 51_200, 51_200], &lzw).unwrap());
        assert!(is_big([1, 1, 61_440, 51_200], &lzw).unwrap());
        // Edge blocks count as whole.
        assert!(is_big([1, 1, 65_536, 65_025], &plain).unwrap());
    }

    #[test]
    fn who_says_never_gets_an_error_only_where_it_is_certain() {
        let never = GeoTiffOptions::new().big_tiff(BigTiff::Never);
        let huge = [1, 1, 65_536, 65_536];
        assert!(!is_big(huge, &never).unwrap());
        let error = is_big(huge, &never.compression(Compression::None)).unwrap_err();
        assert_eq!(error.message(), "the pixels exceed the 4 GiB of a classic TIFF: allow BigTIFF or compress them");
        assert!(is_big([1, 1, 1, 1], &GeoTiffOptions::new().big_tiff(BigTiff::Always)).unwrap());
    }
}
