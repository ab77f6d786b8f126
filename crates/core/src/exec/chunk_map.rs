//! Which blocks of a source, or pieces of another stage, each piece of an output reads.
//!
//! Pieces and blocks both form grids, and views and footprints act on each axis by itself, so the map of a whole stage is one short
//! table per axis: a million pieces are a thousand rows and a thousand columns.

use super::leaf::{Reading, Seen};
use crate::shape::{ChunkGrid, Region, Shape};

/// What the pieces of an output need of a leaf.
#[derive(Debug, Clone)]
pub(super) struct Extents {
    /// For each axis, what each place along it needs.
    axes: [Vec<Extent>; 4],
}

/// What a piece needs along one axis.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Pixels of the leaf.
    length: u32,
    /// The pixels that these are computed from: the first, and how many.
    start: usize,
    input: u32,
}

impl Extents {
    /// Those of a leaf for an output made of `pieces`. Along an axis where the leaf has one pixel, that pixel is broadcast.
    pub(super) fn new(reading: &Reading, pieces: &ChunkGrid) -> Self {
        let shown = reading.outer_shape();
        let extent = |axis: usize, place: usize| {
            let is_broadcast = axis < 2 && shown[axis] == 1;
            let (start, length) = if is_broadcast { (0, 1) } else { extent(pieces, axis, place) };
            let (start, input) = reading.along(axis, start, length);
            Extent { length: length as u32, start, input: input as u32 }
        };
        let along = |axis: usize| (0..pieces.counts()[axis]).map(|place| extent(axis, place)).collect();
        Self { axes: std::array::from_fn(along) }
    }

    /// Shape of what the piece at `position` needs of the leaf.
    pub(super) fn shape(&self, position: [usize; 4]) -> Shape {
        std::array::from_fn(|axis| self.axes[axis][position[axis]].length as usize)
    }

    /// The pixels that these are computed from.
    pub(super) fn input(&self, position: [usize; 4]) -> Region {
        let at = |axis: usize| self.axes[axis][position[axis]];
        Region {
            start: std::array::from_fn(|axis| at(axis).start),
            shape: std::array::from_fn(|axis| at(axis).input as usize),
        }
    }
}

/// The map from pieces to the blocks that a leaf reads of one supply.
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
    /// Whether that is one block, all of it, each pixel once, and nothing else is needed.
    is_whole: bool,
}

impl ChunkMap {
    /// The map of what is `seen` of a supply, made of `blocks`, for pieces that need `extents`.
    pub(super) fn new(seen: &Seen, extents: &Extents, blocks: &ChunkGrid) -> Self {
        let along = |axis: usize| extents.axes[axis].iter().map(|extent| span(axis, seen, *extent, blocks)).collect();
        Self { axes: std::array::from_fn(along), blocks: blocks.counts() }
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

    /// Whether the piece at `position` reads any block.
    pub fn is_read(&self, position: [usize; 4]) -> bool {
        self.spans(position).iter().all(|span| span.count > 0)
    }

    /// Whether no block is read by two pieces.
    pub fn is_disjoint(&self) -> bool {
        let is_behind = |before: &Span, after: &Span| before.first + before.count <= after.first;
        self.axes.iter().all(|spans| {
            spans.windows(2).all(|pair| is_behind(&pair[0], &pair[1]))
                || spans.windows(2).all(|pair| is_behind(&pair[1], &pair[0]))
        })
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

fn span(axis: usize, seen: &Seen, extent: Extent, blocks: &ChunkGrid) -> Span {
    let (view, shown) = (seen.view.axes[axis], &seen.shown);
    let end = extent.start + extent.input as usize;
    let (first, last) = (shown.start[axis], shown.start[axis] + shown.shape[axis]);
    let wanted = extent.start.max(first)..end.min(last);
    if wanted.is_empty() {
        // Where it would lie among the others, so that these stay in order.
        let place = if end <= first { 0 } else { blocks.counts()[axis] as u32 };
        return Span { first: place, count: 0, is_whole: false };
    }
    let pixels = view.read(wanted.start - first)..view.read(wanted.end - 1 - first) + 1;
    let block = |pixel: usize| (pixel + blocks.phase()[axis]) / blocks.chunk_shape()[axis];
    let read = block(pixels.start)..block(pixels.end - 1) + 1;
    let is_whole = view.repeat == 1
        && read.len() == 1
        && wanted == (extent.start..end)
        && self::extent(blocks, axis, read.start) == (pixels.start, pixels.len());
    Span { first: read.start as u32, count: read.len() as u32, is_whole }
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
    use super::super::leaf::Supply;
    use super::*;
    use crate::dtype::DType;
    use crate::view::View;

    fn region(start: [usize; 4], shape: Shape) -> Region {
        Region { start, shape }
    }

    fn reading(view: View) -> Reading {
        Reading::of(Supply::Source(0), view, DType::U8)
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
                let reading = reading(view);
                let extents = Extents::new(&reading, &pieces);
                let map = ChunkMap::new(&reading.seen[0], &extents, &blocks);
                for index in 0..pieces.len() {
                    let mut wanted = pieces.region(index);
                    for axis in (0..2).filter(|axis| view.axes[*axis].length == 1) {
                        (wanted.start[axis], wanted.shape[axis]) = (0, 1);
                    }
                    let read = view.source_region(&wanted);
                    let position = pieces.position(index);
                    let expected: Vec<_> = blocks.touching(&read).collect();
                    assert_eq!(map.blocks(position).collect::<Vec<_>>(), expected);
                    assert_eq!(extents.shape(position), wanted.shape);
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
            let reading = reading(View::whole([1, 3, 40, 30]));
            ChunkMap::new(&reading.seen[0], &Extents::new(&reading, &pieces), &grid).is_disjoint()
        };
        assert!(disjoint(grid));
        assert!(disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 32, 30])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 1, 16, 16])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 8, 16])));
        assert!(!disjoint(ChunkGrid::new([1, 3, 40, 30], [1, 3, 24, 16])));
    }
}
