//! Which blocks of a source, or pieces of another stage, each piece of an output reads.
//!
//! Pieces and blocks both form grids, and views and footprints act on each axis by itself, so the map of a whole stage is one short
//! table per axis: a million pieces are a thousand rows and a thousand columns.

use super::leaf::Reading;
use crate::shape::{ChunkGrid, Region, Shape};

/// The map from pieces to the blocks that one leaf reads.
#[derive(Debug, Clone)]
pub struct ChunkMap {
    /// For each axis, what each place along it reads.
    axes: [Vec<Span>; 4],
    /// Counts of blocks along the axes.
    blocks: Shape,
}

/// What a piece reads along one axis.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The first block, and how many.
    first: u32,
    count: u32,
    /// Whether that is one block, all of it, each pixel once.
    is_whole: bool,
    /// Output pixels.
    length: u32,
    /// Pixels that the view of the supply shows for them.
    input: u32,
}

impl ChunkMap {
    /// The map of a leaf that reads a supply, made of `blocks`, for an output made of `pieces`. Along an axis where the
    /// leaf has one pixel, that pixel is broadcast.
    pub(super) fn new(reading: &Reading, pieces: &ChunkGrid, blocks: &ChunkGrid) -> Self {
        Self { axes: std::array::from_fn(|axis| spans(axis, reading, pieces, blocks)), blocks: blocks.counts() }
    }

    /// The blocks that the piece at `position` of its grid reads, in order.
    pub fn blocks(&self, position: [usize; 4]) -> impl Iterator<Item = usize> + use<> {
        let spans = self.spans(position);
        Blocks { spans, grid: self.blocks, at: [0; 4], left: spans.iter().map(|span| span.count).product() }
    }

    /// The block whose pixels are just those that the piece at `position` reads, if there is one.
    pub fn whole_block(&self, position: [usize; 4]) -> Option<usize> {
        let spans = self.spans(position);
        spans.iter().all(|span| span.is_whole).then(|| number(&self.blocks, spans.map(|span| span.first as usize)))
    }

    /// Shape of what the piece at `position` needs of the leaf.
    pub fn shape(&self, position: [usize; 4]) -> Shape {
        self.spans(position).map(|span| span.length as usize)
    }

    /// Shape of what the view of the supply must show for that.
    pub fn input_shape(&self, position: [usize; 4]) -> Shape {
        self.spans(position).map(|span| span.input as usize)
    }

    /// Whether no block is read by two pieces.
    pub fn is_disjoint(&self) -> bool {
        let is_behind = |[before, after]: [&Span; 2]| before.first + before.count <= after.first;
        self.axes.iter().all(|spans| spans.windows(2).all(|pair| is_behind([&pair[0], &pair[1]])))
    }

    fn spans(&self, position: [usize; 4]) -> [Span; 4] {
        std::array::from_fn(|axis| self.axes[axis][position[axis]])
    }
}

/// The blocks of a box of a grid, counted up like the hands of a clock: this runs for every chunk of a plan, and nested
/// iterators took four times as long.
struct Blocks {
    spans: [Span; 4],
    grid: Shape,
    at: [u32; 4],
    left: u32,
}

impl Iterator for Blocks {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place: [usize; 4] = std::array::from_fn(|axis| (self.spans[axis].first + self.at[axis]) as usize);
        for axis in (0..4).rev() {
            self.at[axis] += 1;
            if self.at[axis] < self.spans[axis].count {
                break;
            }
            self.at[axis] = 0;
        }
        Some(number(&self.grid, place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

/// The number of the block at `place` of a grid with so many blocks along its axes.
const fn number(grid: &Shape, [t, b, y, x]: [usize; 4]) -> usize {
    ((t * grid[1] + b) * grid[2] + y) * grid[3] + x
}

fn spans(axis: usize, reading: &Reading, pieces: &ChunkGrid, blocks: &ChunkGrid) -> Vec<Span> {
    let along = reading.view.axes[axis];
    let is_broadcast = axis < 2 && reading.outer_view().axes[axis].length == 1;
    let span = |place: usize| {
        let (start, length) = if is_broadcast { (0, 1) } else { extent(pieces, axis, place) };
        let (seen, input) = reading.along(axis, start, length);
        let (first_pixel, last_pixel) = (along.read(seen), along.read(seen + input - 1));
        let block = |pixel: usize| (pixel + blocks.phase()[axis]) / blocks.chunk_shape()[axis];
        let (first, last) = (block(first_pixel), block(last_pixel));
        let is_whole = along.repeat == 1
            && first == last
            && extent(blocks, axis, first) == (first_pixel, last_pixel + 1 - first_pixel);
        Span {
            first: first as u32,
            count: (last + 1 - first) as u32,
            is_whole,
            length: length as u32,
            input: input as u32,
        }
    };
    (0..pieces.counts()[axis]).map(span).collect()
}

/// First pixel and length of a grid's box along one axis.
fn extent(grid: &ChunkGrid, axis: usize, place: usize) -> (usize, usize) {
    let mut position = [0; 4];
    position[axis] = place;
    let Region { start, shape } = grid.region(grid.index(position));
    (start[axis], shape[axis])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::View;

    fn region(start: [usize; 4], shape: Shape) -> Region {
        Region { start, shape }
    }

    #[test]
    fn a_map_names_the_blocks_that_share_pixels_with_what_a_piece_reads() {
        let views = [
            View::whole([2, 3, 40, 30]),
            View::window(&region([1, 0, 5, 3], [1, 3, 30, 20])),
            View::window(&region([0, 1, 8, 0], [2, 1, 32, 30])),
            View::repeat([2, 3, 40, 30], [1, 1, 2, 3]),
            View::window(&region([0, 0, 3, 1], [2, 3, 70, 80])).after(&View::repeat([2, 3, 40, 30], [1, 1, 2, 3])),
        ];
        for view in views {
            for (block, piece) in
                [([1, 3, 8, 8], [1, 3, 8, 8]), ([1, 1, 16, 7], [2, 2, 5, 9]), ([2, 3, 40, 30], [1, 1, 1, 30])]
            {
                let blocks = ChunkGrid::new([2, 3, 40, 30], block);
                // An output that broadcasts a view of one band has more of them.
                let shape = [view.shape()[0], 3, view.shape()[2], view.shape()[3]];
                let pieces = ChunkGrid::new(shape, piece);
                let map = ChunkMap::new(&Reading::plain(view), &pieces, &blocks);
                for index in 0..pieces.len() {
                    let mut wanted = pieces.region(index);
                    for axis in (0..2).filter(|axis| view.axes[*axis].length == 1) {
                        (wanted.start[axis], wanted.shape[axis]) = (0, 1);
                    }
                    let read = view.source_region(&wanted);
                    let position = pieces.position(index);
                    let expected: Vec<_> = blocks.touching(&read).collect();
                    assert_eq!(map.blocks(position).collect::<Vec<_>>(), expected);
                    assert_eq!(map.shape(position), wanted.shape);
                    let as_is = view.axes.iter().all(|axis| axis.repeat == 1);
                    let whole = expected.first().copied().filter(|block| as_is && blocks.region(*block) == read);
                    assert_eq!(map.whole_block(position), whole);
                }
            }
        }
    }

    #[test]
    fn blocks_of_the_same_grid_are_read_once() {
        let grid = ChunkGrid::new([1, 3, 40, 30], [1, 3, 16, 16]);
        let disjoint = |pieces: ChunkGrid| {
            ChunkMap::new(&Reading::plain(View::whole([1, 3, 40, 30])), &pieces, &grid).is_disjoint()
        };
        assert!(disjoint(grid));
        assert!(disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 32, 30])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 1, 16, 16])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 8, 16])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 24, 16])));
    }
}
