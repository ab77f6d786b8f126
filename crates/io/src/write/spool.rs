//! Blocks that wait in a file without a name until it is known where they go.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::directory::Extent;
use super::target::BUFFER_BYTES;

/// The blocks of one image, in the order in which they came; gone with the process, however it ends.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<File>,
    position: u64,
    /// Where in the file each block lies that came, with what stands around it.
    blocks: Vec<Option<Extent>>,
}

impl Spool {
    /// A spool in `directory` for so many blocks.
    pub(super) fn create(directory: &Path, blocks: usize) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(directory)?);
        Ok(Self { file, position: 0, blocks: vec![None; blocks] })
    }

    /// Whether `block` is one that can still come.
    pub(super) fn lacks(&self, block: usize) -> bool {
        self.blocks.get(block) == Some(&None)
    }

    /// Whether all blocks came.
    pub(super) fn is_complete(&self) -> bool {
        self.blocks.iter().all(Option::is_some)
    }

    /// Bytes so far.
    pub(super) const fn len(&self) -> u64 {
        self.position
    }

    /// Takes a block of these parts; none for a sparse block.
    pub(super) fn append(&mut self, block: usize, parts: &[&[u8]]) -> io::Result<()> {
        let start = self.position;
        for part in parts {
            self.file.write_all(part)?;
            self.position += part.len() as u64;
        }
        let length = u32::try_from(self.position - start).map_err(io::Error::other)?;
        self.blocks[block] = Some(Extent { offset: start, length });
        Ok(())
    }

    /// Hands out all blocks in the order of their numbers, in as few runs as they lie in: the file, standing at the
    /// first byte of a run, and the run's length. Returns where each block lies in what was handed out.
    pub(super) fn drain(self, mut take: impl FnMut(&mut File, u64) -> io::Result<()>) -> io::Result<Vec<Extent>> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut out = Vec::with_capacity(self.blocks.len());
        let mut position = 0;
        let mut run = 0..0;
        let mut hand_out = |run: std::ops::Range<u64>| match run.is_empty() {
            true => Ok(()),
            false => {
                file.seek(SeekFrom::Start(run.start))?;
                take(&mut file, run.end - run.start)
            }
        };
        for Extent { offset, length } in self.blocks.into_iter().flatten() {
            if length == 0 {
                out.push(Extent::default());
                continue;
            }
            if offset != run.end {
                hand_out(std::mem::replace(&mut run, offset..offset))?;
            }
            run.end += u64::from(length);
            out.push(Extent { offset: position, length });
            position += u64::from(length);
        }
        hand_out(run)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn blocks_come_out_in_the_order_of_their_numbers_in_as_few_runs_as_they_lie_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), 5).unwrap();
        for (block, parts) in [(1, ["b", "bb"]), (2, ["", ""]), (3, ["d", ""]), (0, ["a", "a"]), (4, ["", "e"])] {
            assert!(spool.lacks(block) && !spool.is_complete());
            spool.append(block, &parts.map(str::as_bytes)).unwrap();
            assert!(!spool.lacks(block));
        }
        assert!(spool.is_complete() && !spool.lacks(5));
        assert_eq!(spool.len(), 7);
        let mut runs = Vec::new();
        let blocks = spool.drain(|file, length| {
            let mut run = String::new();
            file.take(length).read_to_string(&mut run)?;
            runs.push(run);
            Ok(())
        });
        assert_eq!(runs, ["aa", "bbbd", "e"]);
        let at = |offset, length| Extent { offset, length };
        assert_eq!(blocks.unwrap(), [at(0, 2), at(2, 3), Extent::default(), at(5, 1), at(6, 1)]);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
