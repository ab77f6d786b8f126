//! Overviews: each level made of 2×2 pixels of the one before, ignoring nodata as GDAL does.

use std::io;

use super::level::Level;
use super::sample::{Sample, with_sample_type};
use super::{TiffSpec, invalid};

/// How four pixels become one. Nodata pixels do not take part; where all four are nodata, so is the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Their mean; integers are rounded, halves up.
    Average,
    /// The most frequent of them; of equals, the first in reading order.
    Mode,
}

pub(super) fn pyramid(spec: &TiffSpec, full: Vec<u8>, resampling: Resampling) -> io::Result<Vec<Vec<u8>>> {
    let factors = spec.overviews.iter().map(|overview| u64::from(overview.factor));
    if !factors.eq((0..spec.overviews.len()).map(|index| 2 << index)) {
        return Err(invalid("a pyramid needs overviews of factors 2, 4, 8 and so on".to_owned()));
    }
    let expected = Level::of(spec, 0).pixel_bytes();
    if full.len() != expected {
        return Err(invalid(format!("the full resolution needs {expected} bytes of pixels, not {}", full.len())));
    }
    let mut levels = vec![full];
    for index in 0..spec.overviews.len() {
        let level = Level::of(spec, index);
        let planes = levels[index].chunks_exact(level.plane_bytes());
        let halved = with_sample_type!(spec.dtype, T => {
            let nodata = spec.nodata.as_deref().and_then(|text| text.parse().ok());
            planes.flat_map(|plane| halve::<T>(plane, level.width as usize, nodata, resampling)).collect()
        });
        levels.push(halved);
    }
    Ok(levels)
}

fn halve<T: Sample>(plane: &[u8], width: usize, nodata: Option<T>, resampling: Resampling) -> Vec<u8> {
    let row_bytes = width * size_of::<T>();
    let mut halved = Vec::with_capacity(plane.len() / 4 + row_bytes);
    for rows in plane.chunks(2 * row_bytes) {
        let (upper, lower) = rows.split_at(row_bytes);
        // The lower row is empty below the last row of an odd height.
        let mut lower_pairs = lower.chunks(2 * size_of::<T>());
        for upper_pair in upper.chunks(2 * size_of::<T>()) {
            let pixels = upper_pair.chunks_exact(size_of::<T>());
            let pixels = pixels.chain(lower_pairs.next().unwrap_or_default().chunks_exact(size_of::<T>()));
            combine(pixels.map(T::from_native), nodata, resampling).append_native(&mut halved);
        }
    }
    halved
}

fn combine<T: Sample>(pixels: impl Iterator<Item = T>, nodata: Option<T>, resampling: Resampling) -> T {
    let mut valid = [None; 4];
    let mut count = 0;
    let mut last = None;
    for pixel in pixels {
        last = Some(pixel);
        if !nodata.is_some_and(|nodata| pixel.same(nodata)) {
            valid[count] = last;
            count += 1;
        }
    }
    let Some(first) = valid[0] else {
        return last.expect("a pixel of an overview covers at least one pixel");
    };
    let values = valid.map(|value| value.unwrap_or(first));
    match resampling {
        Resampling::Average => T::mean(&values[..count]),
        Resampling::Mode => mode(&values[..count]),
    }
}

fn mode<T: Sample>(values: &[T]) -> T {
    let votes = |candidate: T| values.iter().filter(|value| value.same(candidate)).count();
    let mut winner = values[0];
    for &candidate in &values[1..] {
        if votes(candidate) > votes(winner) {
            winner = candidate;
        }
    }
    winner
}
