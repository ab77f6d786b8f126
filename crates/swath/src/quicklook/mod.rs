//! Quicklooks: a raster as a PNG to look at, out of memory or as a run fills it.

mod sink;

pub(crate) use sink::sink;

use std::path::Path;

use swath_core::dtype::{DType, Element, Scalar};
use swath_core::error::{Error, ErrorKind, Result};
use swath_core::for_dtype;
use swath_core::raster::Raster;
use swath_io::write::write_whole;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Raster {}
}

/// How pixels become colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Colors {
    /// Three or four bands of u8 as they are (RGB), three or more of other dtypes stretched alike; bool as black and
    /// white; one or two bands as grey, stretched from the 2nd to the 98th percentile of valid pixels.
    #[default]
    Auto,
    /// The first band as grey, from black at the first value to white at the second.
    Gray(f64, f64),
    /// Each value of the first band as the colour of that index; values beyond the list are transparent.
    Classes(Vec<[u8; 3]>),
}

impl Colors {
    /// The colours of Sentinel-2's scene classification (SCL), classes 0 to 11, as ESA draws them.
    pub fn scene_classes() -> Self {
        Self::Classes(vec![
            [0, 0, 0],
            [255, 0, 0],
            [47, 47, 47],
            [100, 50, 0],
            [0, 160, 0],
            [255, 230, 90],
            [0, 0, 255],
            [128, 128, 128],
            [192, 192, 192],
            [255, 255, 255],
            [100, 200, 255],
            [255, 150, 255],
        ])
    }
}

/// Drawing a raster that is in memory; in the prelude.
pub trait Quicklook: sealed::Sealed {
    /// Writes a PNG, all or nothing and to a path or a URI as sinks do, with at most `side_max` pixels on its longer side (every n-th pixel); nodata is transparent.
    ///
    /// # Errors
    /// `InvalidInput` where the raster has a Time axis longer than 1; `NotFound` or `Unavailable` where the file cannot be
    /// written.
    fn to_png(&self, path: impl AsRef<Path>, colors: &Colors, side_max: usize) -> Result<()>;
}

impl Quicklook for Raster {
    fn to_png(&self, path: impl AsRef<Path>, colors: &Colors, side_max: usize) -> Result<()> {
        write_png(path.as_ref(), &picture(self, colors, side_max)?).map(drop)
    }
}

/// RGBA pixels.
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Writes a picture, all or nothing; returns the size of the file.
fn write_png(path: &Path, picture: &Picture) -> Result<u64> {
    let failed = |error: png::EncodingError| {
        Error::with_source(ErrorKind::Internal, format!("cannot draw {}", path.display()), error)
    };
    let bytes = encode(picture).map_err(failed)?;
    write_whole(path, |out| out.write_all(&bytes))?;
    Ok(bytes.len() as u64)
}

fn encode(picture: &Picture) -> Result<Vec<u8>, png::EncodingError> {
    let side = |length: usize| u32::try_from(length).map_err(|_| png::EncodingError::LimitsExceeded);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(picture.width)?, side(picture.height)?);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// How many bands are drawn: three as red, green and blue, else the first as grey.
const fn drawn_bands(bands: usize) -> usize {
    if bands >= 3 { 3 } else { 1 }
}

/// Every which pixel is drawn.
fn step(rows: usize, columns: usize, side_max: usize) -> usize {
    rows.max(columns).div_ceil(side_max.max(1)).max(1)
}

fn check_times(times: usize) -> Result<()> {
    match times {
        1 => Ok(()),
        _ => Err(Error::invalid(format!("cannot draw {times} times in one picture: slice one of them first"))),
    }
}

fn picture(raster: &Raster, colors: &Colors, side_max: usize) -> Result<Picture> {
    let [times, bands, rows, columns] = raster.meta().shape;
    check_times(times)?;
    let step = step(rows, columns, side_max);
    Ok(Samples::of(raster, drawn_bands(bands), rows, columns, step).drawn(colors, raster.dtype()))
}

/// Every n-th pixel of the bands that are drawn, NaN where it is nodata.
#[derive(Debug)]
struct Samples {
    width: usize,
    height: usize,
    bands: Vec<Vec<f64>>,
}

impl Samples {
    fn of(raster: &Raster, bands: usize, rows: usize, columns: usize, step: usize) -> Self {
        let (height, width) = (rows.div_ceil(step), columns.div_ceil(step));
        let nodata = raster.nodata().map(Scalar::to_f64);
        let mut out = Vec::with_capacity(bands);
        for_dtype!(Buffer, raster.data(), data => {
            for band in 0..bands {
                let plane = &data[band * rows * columns..(band + 1) * rows * columns];
                let lines = plane.chunks_exact(columns.max(1)).step_by(step);
                let values = lines.flat_map(|line| line.iter().step_by(step));
                out.push(values.map(|pixel| sample(pixel.to_scalar().to_f64(), nodata)).collect());
            }
        });
        Self { width, height, bands: out }
    }

    /// Nothing yet.
    fn missing(bands: usize, height: usize, width: usize) -> Self {
        Self { width, height, bands: vec![vec![f64::NAN; width * height]; bands] }
    }

    /// Takes `rows` rows of all bands, band after band.
    fn put(&mut self, first_row: usize, rows: usize, mut values: impl Iterator<Item = f64>) {
        let range = first_row * self.width..(first_row + rows) * self.width;
        for band in &mut self.bands {
            band[range.clone()].iter_mut().zip(&mut values).for_each(|(sample, value)| *sample = value);
        }
    }

    fn drawn(&self, colors: &Colors, dtype: DType) -> Picture {
        let shade = Shade::new(colors, dtype, self);
        let mut pixels = Vec::with_capacity(self.width * self.height * 4);
        for index in 0..self.width * self.height {
            let bands: Vec<_> = self.bands.iter().map(|band| band[index]).collect();
            pixels.extend(shade.pixel(&bands));
        }
        Picture { width: self.width, height: self.height, pixels }
    }
}

/// A pixel's value, NaN where it is nodata.
fn sample(value: f64, nodata: Option<f64>) -> f64 {
    if nodata == Some(value) { f64::NAN } else { value }
}

/// From samples to colours.
enum Shade<'a> {
    /// From black at the first to white at the second, one grey or three bands alike.
    Stretch(f64, f64),
    Classes(&'a [[u8; 3]]),
}

impl<'a> Shade<'a> {
    fn new(colors: &'a Colors, dtype: DType, samples: &Samples) -> Self {
        match colors {
            Colors::Classes(classes) => Self::Classes(classes),
            Colors::Gray(low, high) => Self::Stretch(*low, *high),
            Colors::Auto if dtype == DType::Bool => Self::Stretch(0.0, 1.0),
            Colors::Auto if dtype == DType::U8 && samples.bands.len() == 3 => Self::Stretch(0.0, 255.0),
            Colors::Auto => {
                let (low, high) = percentiles(&samples.bands);
                Self::Stretch(low, high)
            }
        }
    }

    fn pixel(&self, bands: &[f64]) -> [u8; 4] {
        if bands.iter().all(|value| value.is_nan()) {
            return [0; 4];
        }
        match self {
            Self::Classes(classes) => match classes.get(bands[0] as usize) {
                Some([r, g, b]) => [*r, *g, *b, 255],
                None => [0; 4],
            },
            Self::Stretch(low, high) => {
                let shade = |value: f64| ((value - low) / (high - low).max(f64::MIN_POSITIVE) * 255.0).round() as u8;
                match bands {
                    [r, g, b] => [shade(*r), shade(*g), shade(*b), 255],
                    _ => [shade(bands[0]), shade(bands[0]), shade(bands[0]), 255],
                }
            }
        }
    }
}

/// The 2nd and 98th percentile of all valid samples.
fn percentiles(bands: &[Vec<f64>]) -> (f64, f64) {
    let mut values: Vec<f64> = bands.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return (0.0, 1.0);
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    (at(0.02), at(0.98))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compute;

    fn drawn(raster: &crate::LazyRaster, colors: &Colors, side_max: usize) -> Picture {
        picture(&raster.compute().unwrap(), colors, side_max).unwrap()
    }

    #[test]
    fn three_bands_of_bytes_are_drawn_as_they_are_and_nodata_is_transparent() {
        let raster = crate::raster([3, 1, 2], |b, _, x| if x == 0 { 10 + b as u8 } else { 0 }).unwrap();
        let picture = drawn(&raster.with_nodata(0).unwrap(), &Colors::Auto, 100);
        assert_eq!(picture.pixels, [10, 11, 12, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn a_large_raster_is_thinned() {
        let raster = crate::raster([1, 1000, 300], |_, y, _| y as u16).unwrap();
        let picture = drawn(&raster, &Colors::Gray(0.0, 1000.0), 100);
        assert_eq!((picture.height, picture.width), (100, 30));
    }

    #[test]
    fn classes_have_their_colours() {
        let raster = crate::raster([1, 1, 3], |_, _, x| [4u8, 9, 200][x]).unwrap();
        let picture = drawn(&raster, &Colors::scene_classes(), 100);
        assert_eq!(picture.pixels, [0, 160, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
    }
}
