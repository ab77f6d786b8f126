//! Pixels of a block into the region that a view shows of it, repeated where the view repeats.

use std::ops::Range;

use crate::buffer::{Buffer, Pixel};
use crate::chunk::{Chunk, offset};
use crate::dtype::{Element, Scalar};
use crate::for_dtype;
use crate::shape::Region;
use crate::view::{AxisView, View};

/// Where gathered pixels go.
#[derive(Debug)]
pub(crate) struct Gathering<'a> {
    pub(crate) view: &'a View,
    /// The output pixels of the view that are wanted.
    pub(crate) region: Region,
    pub(crate) target: &'a mut Chunk,
    /// Where in the target the first of them lies.
    pub(crate) at: [usize; 4],
}

impl Gathering<'_> {
    /// Copies what the view shows of `block`, whose pixels are those of `place` in the view's input.
    pub(crate) fn gather(&mut self, block: &Chunk, place: &Region) {
        for_dtype!(Buffer, block.data(), source => self.gather_typed(source, place));
    }

    fn gather_typed<T: Pixel>(&mut self, source: &[T], place: &Region) {
        let (x, columns) = (self.view.axes[3], self.seen(3, place));
        self.each_row(place, |target: &mut [T], [t, b, y]| {
            let from = offset(place.shape, [t, b, y, 0]);
            copy_line(&x, &source[from..from + place.shape[3]], columns.start, place.start[3], target);
        });
    }

    /// As [`gather`](Self::gather), of a block that has `value` everywhere: no pixel of it need be there.
    pub(crate) fn gather_constant(&mut self, value: Scalar, place: &Region) {
        for_dtype!(Buffer, &Buffer::zeros(self.target.dtype(), 0), none => self.fill(none, value, place));
    }

    /// Fills with `value`, of the dtype of the pixels that there are none of.
    fn fill<T: Pixel>(&mut self, _none: &[T], value: Scalar, place: &Region) {
        self.each_row(place, |target: &mut [T], _| target.fill(Element::from_scalar(value)));
    }

    /// Hands out each row of the target that shows pixels of `place`, with the place in that of the row it shows.
    fn each_row<T: Pixel>(&mut self, place: &Region, mut write: impl FnMut(&mut [T], [usize; 3])) {
        let [times, bands, rows, columns] = std::array::from_fn(|axis| self.seen(axis, place));
        if columns.is_empty() {
            return;
        }
        let shape = self.target.shape();
        let target = self.target.data_mut().as_mut_slice::<T>().expect("a gathered chunk has its source's dtype");
        let to = |axis: usize, index: usize| index - self.region.start[axis] + self.at[axis];
        let from = |axis: usize, index: usize| self.view.axes[axis].read(index) - place.start[axis];
        for t in times {
            for b in bands.clone() {
                for y in rows.clone() {
                    let first = offset(shape, [to(0, t), to(1, b), to(2, y), to(3, columns.start)]);
                    write(&mut target[first..first + columns.len()], [from(0, t), from(1, b), from(2, y)]);
                }
            }
        }
    }

    /// The wanted output pixels along an axis that read the input pixels of `place`.
    fn seen(&self, axis: usize, place: &Region) -> Range<usize> {
        let (view, region) = (&self.view.axes[axis], &self.region);
        let seen = view.seen(place.start[axis]..place.start[axis] + place.shape[axis]);
        let start = seen.start.max(region.start[axis]);
        start..seen.end.min(region.start[axis] + region.shape[axis]).max(start)
    }
}

fn copy_line<T: Copy>(x: &AxisView, line: &[T], first: usize, place: usize, out: &mut [T]) {
    let start = x.read(first) - place;
    if x.repeat == 1 {
        out.copy_from_slice(&line[start..start + out.len()]);
        return;
    }
    // The first input pixel may have lost some of its copies to the window's border.
    let cut = (first + x.phase) % x.repeat;
    let head = (x.repeat - cut).min(out.len());
    let (head, rest) = out.split_at_mut(head);
    head.fill(line[start]);
    let pixels = &line[start + 1..];
    match x.repeat {
        2 => expand::<T, 2>(pixels, rest),
        _ => rest.chunks_mut(x.repeat).zip(pixels).for_each(|(out, pixel)| out.fill(*pixel)),
    }
}

/// As the general case, with a length that the compiler knows: the lesson's `repeat([1, 2, 2])`.
fn expand<T: Copy, const N: usize>(pixels: &[T], out: &mut [T]) {
    let (whole, rest) = out.as_chunks_mut::<N>();
    for (out, pixel) in whole.iter_mut().zip(pixels) {
        *out = [*pixel; N];
    }
    if let Some(pixel) = pixels.get(whole.len()) {
        rest.fill(*pixel);
    }
}
