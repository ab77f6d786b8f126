//! Where the least pixel is, and the greatest.

use crate::buffer::Pixel;
use crate::dtype::Scalar;

/// Where the first of the least pixels is, and the first of the greatest, row by row; the first NaN, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    least: Option<Place>,
    greatest: Option<Place>,
}

/// A pixel.
#[derive(Debug, Clone, Copy)]
struct Place {
    value: Scalar,
    row: usize,
    column: usize,
}

impl Places {
    /// Finds in pixels of these columns, whose first is at `start`, those that have the extremes that were found of them.
    pub(super) fn find<T: Pixel>(
        &mut self,
        pixels: &[T],
        nodata: Option<T>,
        extremes: (Option<Scalar>, Option<Scalar>),
        columns: usize,
        start: [usize; 2],
    ) {
        let place = |value: Scalar| {
            let is_missing = |pixel: &T| nodata.is_some_and(|nodata| *pixel == nodata || pixel.is_nan());
            let is_it = |pixel: &T| match value.is_nan() {
                true => pixel.is_nan(),
                false => pixel.to_bits() == T::from_scalar(value).to_bits(),
            };
            let index = pixels.iter().position(|pixel| is_it(pixel) && !is_missing(pixel))?;
            Some(Place { value, row: start[0] + index / columns, column: start[1] + index % columns })
        };
        let found = Self { least: extremes.0.and_then(place), greatest: extremes.1.and_then(place) };
        self.merge(&found);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.least = first(self.least, other.least, super::moments::is_less);
        self.greatest = first(self.greatest, other.greatest, |a, b| super::moments::is_less(b, a));
    }

    pub(super) fn least(&self) -> Option<[usize; 2]> {
        self.least.map(|place| [place.row, place.column])
    }

    pub(super) fn greatest(&self) -> Option<[usize; 2]> {
        self.greatest.map(|place| [place.row, place.column])
    }
}

/// The place of the value that is before the other, NaN before all; of two that are equal the one further up, then left.
fn first(a: Option<Place>, b: Option<Place>, is_before: impl Fn(Scalar, Scalar) -> bool) -> Option<Place> {
    let (Some(one), Some(other)) = (a, b) else { return a.or(b) };
    let wins = match (one.value.is_nan(), other.value.is_nan()) {
        (true, false) => true,
        (false, true) => false,
        (false, false) if is_before(one.value, other.value) => true,
        (false, false) if is_before(other.value, one.value) => false,
        _ => (one.row, one.column) <= (other.row, other.column),
    };
    Some(if wins { one } else { other })
}
