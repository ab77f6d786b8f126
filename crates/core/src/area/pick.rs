//! Pixels in another order, or some of them: every so many, or from the end.

use super::{AreaKernel, Footprint};
use crate::buffer::Pixel;
use crate::chunk::{Chunk, offset};
use crate::error::{Error, Result};
use crate::for_dtype;
use crate::shape::Region;

/// For each output pixel one of the input, that which the footprint names.
#[derive(Debug)]
pub(crate) struct Pick {
    /// What the user called it.
    pub(crate) name: String,
    pub(crate) footprint: Footprint,
}

impl AreaKernel for Pick {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn footprint(&self) -> Footprint {
        self.footprint
    }

    fn identity(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }

    fn run(
        &self,
        input: &Chunk,
        place: &Region,
        output: &mut Chunk,
        region: &Region,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let picked: [Vec<usize>; 4] = std::array::from_fn(|axis| {
            let end = place.end()[axis];
            let read = |index: usize| self.footprint.axes[axis].read(index..index + 1, end).start - place.start[axis];
            (region.start[axis]..region.end()[axis]).map(read).collect()
        });
        for_dtype!(Buffer, input.data(), pixels => pick(pixels, place, &picked, output, cancelled))
    }
}

fn pick<T: Pixel>(
    pixels: &[T],
    place: &Region,
    [times, bands, rows, columns]: &[Vec<usize>; 4],
    output: &mut Chunk,
    cancelled: &dyn Fn() -> bool,
) -> Result<()> {
    let output = output.data_mut().as_mut_slice::<T>().expect("picked pixels keep their dtype");
    let lines = times.iter().flat_map(|t| bands.iter().flat_map(move |b| rows.iter().map(move |y| [*t, *b, *y])));
    for (index, (line, [t, b, y])) in output.chunks_exact_mut(columns.len().max(1)).zip(lines).enumerate() {
        if index.is_multiple_of(256) && cancelled() {
            return Err(Error::cancelled());
        }
        let first = offset(place.shape, [t, b, y, 0]);
        let input = &pixels[first..first + place.shape[3]];
        line.iter_mut().zip(columns).for_each(|(out, column)| *out = input[*column]);
    }
    Ok(())
}
