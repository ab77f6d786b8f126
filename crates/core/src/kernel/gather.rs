//! Pixels of a block into the region that a view shows of it, repeated where the view repeats.

use crate::buffer::Pixel;
use crate::chunk::{Chunk, offset};
use crate::dtype::{Element, Scalar};
use crate::for_dtype;
use crate::shape::Region;
use crate::view::{AxisView, View};

/// Copies what `view` shows of `block` (whose pixels are those of `place` in the view's input) into `target`, which
/// holds the output pixels of `region`.
pub(crate) fn gather(view: &View, block: &Chunk, place: &Region, target: &mut Chunk, region: &Region) {
    for_dtype!(Buffer, block.data(), source => gather_typed(view, source, place, target, region));
}

fn gather_typed<T: Pixel>(view: &View, source: &[T], place: &Region, target: &mut Chunk, region: &Region) {
    let shape = target.shape();
    let target = target.data_mut().as_mut_slice::<T>().expect("a gathered chunk has its source's dtype");
    let [times, bands, rows, columns] = all_seen(view, place, region);
    if columns.is_empty() {
        return;
    }
    let x = view.axes[3];
    for t in times {
        for b in bands.clone() {
            for row in rows.clone() {
                let read = |axis: usize, index: usize| view.axes[axis].read(index) - place.start[axis];
                let from = offset(place.shape, [read(0, t), read(1, b), read(2, row), 0]);
                let line = &source[from..from + place.shape[3]];
                let at =
                    [t - region.start[0], b - region.start[1], row - region.start[2], columns.start - region.start[3]];
                let to = offset(shape, at);
                let out = &mut target[to..to + columns.len()];
                copy_line(&x, line, columns.start, place.start[3], out);
            }
        }
    }
}

/// As [`gather`], of a block that has `value` everywhere: no pixel of it need be there.
pub(crate) fn gather_constant(view: &View, value: Scalar, place: &Region, target: &mut Chunk, region: &Region) {
    let shape = target.shape();
    for_dtype!(SliceMut, target.data_mut().whole_mut(), target => {
        let [times, bands, rows, columns] = all_seen(view, place, region);
        for t in times {
            for b in bands.clone() {
                for row in rows.clone() {
                    let at =
                        [t - region.start[0], b - region.start[1], row - region.start[2], columns.start - region.start[3]];
                    let to = offset(shape, at);
                    target[to..to + columns.len()].fill(Element::from_scalar(value));
                }
            }
        }
    });
}

/// The output pixels of `region` that read the input pixels of `place`, along each axis.
fn all_seen(view: &View, place: &Region, region: &Region) -> [std::ops::Range<usize>; 4] {
    std::array::from_fn(|axis| {
        seen(&view.axes[axis], place.start[axis]..place.start[axis] + place.shape[axis], region, axis)
    })
}

/// The output pixels of `region` along an axis that read the input pixels `input`.
fn seen(view: &AxisView, input: std::ops::Range<usize>, region: &Region, axis: usize) -> std::ops::Range<usize> {
    let first = |pixel: usize| (pixel.saturating_sub(view.start) * view.repeat).saturating_sub(view.phase);
    let start = first(input.start).max(region.start[axis]);
    let end = match input.end > view.start {
        true => first(input.end).min(region.start[axis] + region.shape[axis]),
        false => 0,
    };
    start..end.max(start)
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
