//! How large the chunks of an opened file are.

use swath_core::dtype::DType;
use swath_core::error::{Error, Result};
use swath_core::shape::{Shape, volume};

/// Bytes that [`Chunks::Auto`] joins blocks up to, decoded: enough to keep a chunk's cost far above a task's, small
/// enough for many chunks in flight.
const AUTO_BYTES: usize = 4 << 20;

/// Shape of the chunks of an opened raster.
///
/// ```
/// use swath_io::read::Chunks;
/// assert_eq!(Chunks::from([3, 2048, 2048]), Chunks::Shape([3, 2048, 2048]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chunks {
    /// Whole blocks, joined along rows first to at most 4 MiB; all bands of pixel-interleaved blocks.
    #[default]
    Auto,
    /// Bands, rows and columns; cut to the array.
    Shape([usize; 3]),
    /// Rows and columns of blocks.
    Blocks(usize, usize),
    /// One chunk.
    Whole,
}

impl From<[usize; 3]> for Chunks {
    fn from(shape: [usize; 3]) -> Self {
        Self::Shape(shape)
    }
}

impl Chunks {
    /// The chunk shape for an array of this shape, dtype and block shape.
    ///
    /// # Errors
    /// `InvalidInput` where a length is 0.
    pub fn resolve(self, array: Shape, block: Shape, dtype: DType) -> Result<Shape> {
        let chunk = match self {
            Self::Auto => auto(array, block, dtype.size()),
            Self::Shape([bands, rows, columns]) => [1, bands, rows, columns],
            Self::Blocks(rows, columns) => {
                [1, block[1], block[2].saturating_mul(rows), block[3].saturating_mul(columns)]
            }
            Self::Whole => array,
        };
        if chunk.contains(&0) {
            return Err(Error::invalid(format!("{self:?} has a length of 0: every chunk holds at least one pixel")));
        }
        Ok(std::array::from_fn(|axis| chunk[axis].min(array[axis])))
    }
}

fn auto(array: Shape, block: Shape, pixel_size: usize) -> Shape {
    let cut: Shape = std::array::from_fn(|axis| block[axis].min(array[axis]));
    let bytes = volume(cut).saturating_mul(pixel_size).max(1);
    let joined = (AUTO_BYTES / bytes).max(1);
    let across = array[3].div_ceil(block[3]).max(1);
    let columns = joined.min(across);
    let rows = if columns == across { (joined / across).max(1) } else { 1 };
    [1, cut[1], block[2].saturating_mul(rows), block[3].saturating_mul(columns)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_joins_whole_blocks_along_rows_up_to_four_mebibytes() {
        for (array, block, dtype, chunk) in [
            // A class layer of 1 MiB blocks: four of them.
            ([1, 1, 5490, 5490], [1, 1, 1024, 1024], DType::U8, [1, 1, 1024, 4096]),
            // Interleaved RGB of 3 MiB blocks: one, all bands.
            ([1, 3, 10980, 10980], [1, 3, 1024, 1024], DType::U8, [1, 3, 1024, 1024]),
            // Planar: a band at a time.
            ([1, 4, 1000, 1000], [1, 1, 512, 512], DType::U16, [1, 1, 1000, 1000]),
            // Small blocks: whole rows of them, several.
            ([1, 1, 5000, 1000], [1, 1, 128, 128], DType::U16, [1, 1, 2048, 1000]),
            // Strips of one row.
            ([1, 1, 500, 1000], [1, 1, 1, 1000], DType::U8, [1, 1, 500, 1000]),
            // A block larger than the target is never split.
            ([1, 1, 9000, 9000], [1, 1, 4096, 4096], DType::F64, [1, 1, 4096, 4096]),
        ] {
            assert_eq!(Chunks::Auto.resolve(array, block, dtype).unwrap(), chunk, "{array:?} {block:?} {dtype}");
        }
    }

    #[test]
    fn shapes_are_cut_to_the_array_and_never_zero() {
        let resolve = |chunks: Chunks| chunks.resolve([1, 3, 100, 70], [1, 3, 32, 32], DType::U8);
        assert_eq!(resolve([9, 64, usize::MAX].into()).unwrap(), [1, 3, 64, 70]);
        assert_eq!(resolve(Chunks::Blocks(2, 1)).unwrap(), [1, 3, 64, 32]);
        assert_eq!(resolve(Chunks::Whole).unwrap(), [1, 3, 100, 70]);
        assert!(resolve([3, 0, 64].into()).is_err());
        assert!(resolve(Chunks::Blocks(0, 1)).is_err());
    }
}
