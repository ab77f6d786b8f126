//! How the blocks of several images become one file, head first and raster last, when nobody knows before the end how long
//! any of them is.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use super::directory::{Extent, Head};
use super::ghost;
use super::spool::Spool;
use super::target::Target;

/// A file of several images under way; level 0 is the raster. Dropped before it is complete, nothing of it is left.
pub(super) trait Assembly: fmt::Debug + Send {
    /// Whether `block` of a level is one that can come now.
    fn takes(&self, level: usize, block: usize) -> bool;

    /// Takes a block, with what stands around it; without parts, a sparse one.
    fn append(&mut self, level: usize, block: usize, parts: &[&[u8]]) -> io::Result<()>;

    /// Whether all blocks of a level came.
    fn is_complete(&self, level: usize) -> bool;

    /// Bytes of blocks so far, with what was put between them.
    fn len(&self) -> u64;

    /// Puts the file together and makes it visible; returns its size.
    fn complete(self: Box<Self>, head: &Head) -> io::Result<u64>;
}

/// Where the block itself lies, in what was appended for it from `offset` on.
pub(super) fn inside(offset: u64, length: u32) -> Extent {
    match length {
        0 => Extent::default(),
        length => Extent {
            offset: offset + ghost::LEADER_LEN,
            length: length - (ghost::LEADER_LEN + ghost::TRAILER_LEN) as u32,
        },
    }
}

/// Blocks wait in files without a name, one for each level, which are copied one after the other.
#[derive(Debug)]
pub(super) struct Spooled {
    target: Box<dyn Target>,
    spools: Vec<Spool>,
}

impl Spooled {
    /// With files in `directory`, for so many blocks of each level.
    pub(super) fn new(
        target: Box<dyn Target>,
        directory: &Path,
        counts: impl Iterator<Item = usize>,
    ) -> io::Result<Self> {
        let spools = counts.map(|blocks| Spool::create(directory, blocks)).collect::<io::Result<_>>()?;
        Ok(Self { target, spools })
    }
}

impl Assembly for Spooled {
    fn takes(&self, level: usize, block: usize) -> bool {
        self.spools[level].lacks(block)
    }

    fn append(&mut self, level: usize, block: usize, parts: &[&[u8]]) -> io::Result<()> {
        self.spools[level].append(block, parts)
    }

    fn is_complete(&self, level: usize) -> bool {
        self.spools[level].is_complete()
    }

    fn len(&self) -> u64 {
        self.spools.iter().map(Spool::len).sum()
    }

    fn complete(self: Box<Self>, head: &Head) -> io::Result<u64> {
        let Self { mut target, spools } = *self;
        let mut position = head.len();
        let mut levels = Vec::with_capacity(spools.len());
        for spool in spools.into_iter().rev() {
            let (start, length) = (position, spool.len());
            let copy = |file: &mut File, length| target.append_file(file, length);
            let blocks = spool.drain(copy)?;
            position += length;
            levels.push(blocks.into_iter().map(move |block| inside(start + block.offset, block.length)));
        }
        // Directories stand the other way round.
        let extents: Vec<_> = levels.into_iter().rev().flatten().collect();
        target.finish(&head.to_bytes(&extents))?;
        Ok(position)
    }
}
