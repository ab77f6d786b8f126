//! The geometry of one level: its size, and how it is cut into blocks.

use super::TiffSpec;
use super::sample::SampleType;

/// How a level is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Tiles; those at the right and lower edge are padded with zeros to full size. TIFF wants multiples of 16.
    Tiled {
        /// Columns of a tile.
        width: u32,
        /// Rows of a tile.
        height: u32,
    },
    /// Strips over the whole width; the last is as short as it needs to be.
    Striped {
        /// Rows of a strip.
        rows: u32,
    },
}

/// A reduced copy of the image within the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overview {
    /// How many times smaller than the full resolution; sizes are rounded up.
    pub factor: u32,
    /// How the overview is cut into blocks.
    pub layout: Layout,
}

impl Overview {
    /// Overviews of factors 2, 4, 8, … in square tiles.
    pub fn halvings(count: u32, tile: u32) -> Vec<Self> {
        let layout = Layout::Tiled { width: tile, height: tile };
        (1..=count).map(|power| Self { factor: 1 << power, layout }).collect()
    }
}

/// One level with everything that placing its pixels needs.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) dtype: SampleType,
    bands: usize,
    planar: bool,
}

/// The part of a level that one block covers.
#[derive(Debug)]
pub(super) struct Window {
    /// First plane, and how many of them the block interleaves.
    pub(super) first_band: usize,
    pub(super) bands: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    /// Pixels inside the image.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Pixels stored, padding included.
    pub(super) stored_width: usize,
    pub(super) stored_height: usize,
}

impl Level {
    pub(super) fn of(spec: &TiffSpec, index: usize) -> Self {
        let (factor, layout) = match index.checked_sub(1) {
            None => (1, spec.layout),
            Some(overview) => (spec.overviews[overview].factor, spec.overviews[overview].layout),
        };
        let (width, height) = (spec.width.div_ceil(factor), spec.height.div_ceil(factor));
        Self { width, height, layout, dtype: spec.dtype, bands: usize::from(spec.bands), planar: spec.planar }
    }

    pub(super) fn plane_bytes(&self) -> usize {
        self.width as usize * self.height as usize * self.dtype.size()
    }

    pub(super) fn pixel_bytes(&self) -> usize {
        self.bands * self.plane_bytes()
    }

    pub(super) fn block_count(&self) -> usize {
        let planes = if self.planar { self.bands } else { 1 };
        planes * self.blocks_per_plane()
    }

    pub(super) fn window(&self, block: usize) -> Window {
        let (block_width, block_height) = self.block_size();
        let (plane, in_plane) = (block / self.blocks_per_plane(), block % self.blocks_per_plane());
        let x = in_plane % self.blocks_across() * block_width;
        let y = in_plane / self.blocks_across() * block_height;
        let width = block_width.min(self.width as usize - x);
        let height = block_height.min(self.height as usize - y);
        let padded = matches!(self.layout, Layout::Tiled { .. });
        Window {
            first_band: if self.planar { plane } else { 0 },
            bands: if self.planar { 1 } else { self.bands },
            x,
            y,
            width,
            height,
            stored_width: block_width,
            stored_height: if padded { block_height } else { height },
        }
    }

    fn block_size(&self) -> (usize, usize) {
        match self.layout {
            Layout::Tiled { width, height } => (width as usize, height as usize),
            Layout::Striped { rows } => (self.width as usize, rows as usize),
        }
    }

    fn blocks_across(&self) -> usize {
        (self.width as usize).div_ceil(self.block_size().0)
    }

    fn blocks_per_plane(&self) -> usize {
        self.blocks_across() * (self.height as usize).div_ceil(self.block_size().1)
    }
}
