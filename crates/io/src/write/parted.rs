//! A file of several images that goes to a store while it comes about, none of it to the disk.
//!
//! Parts are numbered before anything is known of their lengths, without a gap, as stores put them together by their
//! numbers: the first has the head and the small overviews, and is sent last; the blocks of each larger overview come in
//! parts of their own, so many blocks a part, filled up with zeros to what a store takes; the raster's bytes are last and
//! cut as they come. The file's bytes follow from pixels and options alone.

use std::io;

use super::assembly::{Assembly, inside};
use super::directory::Head;
use super::gather::Gather;
use super::stream::{Cut, Stream};
use crate::store::Destination;

/// Overviews that have at most so many bytes, all smaller ones included, wait for the head.
const WAITING_BYTES_MAX: u64 = 24 << 20;

/// Bytes of blocks in a part of an overview, before any of them was seen: the most that they could have. Stores take no parts
/// below 5 MiB, so that what shrinks to less than a third is filled up; larger parts would take memory from small limits.
const PART_BYTES_MAX: u64 = 16 << 20;

/// Parts of one overview at most.
const PARTS_MAX: u64 = 1000;

/// Where the blocks of each level go, and what is held for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartPlan {
    cut: Cut,
    /// Of the raster first.
    places: Vec<Place>,
    /// The most bytes held for each level.
    held_bytes: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind all else.
    Stream,
    /// In the first part, behind the head.
    WithHead,
    /// In parts of their own, from this number on.
    Own { first_part: usize, blocks_per_part: usize },
}

impl PartPlan {
    /// The plan of images of so many blocks of at most so many bytes each, the raster first, behind a head of `head_len`.
    pub(super) fn new(images: &[(usize, u64)], head_len: u64) -> Self {
        let most = |(count, block_bytes_max): (usize, u64)| count as u64 * block_bytes_max;
        let mut cut = Cut::new(head_len, most(images[0]));
        let mut places = vec![Place::Stream; images.len()];
        let mut held_bytes = vec![0; images.len()];
        let (mut waiting, mut largest_own) = (0, 0);
        // The smallest first: so they lie in the file.
        for level in (1..images.len()).rev() {
            let (count, block_bytes_max) = images[level];
            waiting += most(images[level]);
            if waiting <= WAITING_BYTES_MAX {
                places[level] = Place::WithHead;
                held_bytes[level] = most(images[level]);
                continue;
            }
            let part_bytes = PART_BYTES_MAX.max(most(images[level]) / PARTS_MAX);
            let blocks_per_part = (part_bytes / block_bytes_max).max(1) as usize;
            places[level] = Place::Own { first_part: cut.first_part, blocks_per_part };
            cut.first_part += count.div_ceil(blocks_per_part);
            held_bytes[level] = most((blocks_per_part.min(count), block_bytes_max));
            largest_own = largest_own.max(held_bytes[level]);
        }
        if largest_own > 0 {
            // The raster does not follow the head, so that none of it can wait for it.
            cut.lead_bytes = 0;
            cut.in_flight_max = cut.in_flight_max.max(largest_own);
        }
        held_bytes[0] = cut.held_bytes(most(images[0]) + largest_own);
        Self { cut, places, held_bytes }
    }

    /// The most bytes that are held for a level at once.
    pub(super) fn held_bytes(&self, level: usize) -> u64 {
        self.held_bytes[level]
    }
}

/// A file under way.
#[derive(Debug)]
pub(super) struct Parted {
    part_bytes_min: u64,
    stream: Stream,
    /// Of the raster first.
    levels: Vec<Level>,
    len: u64,
}

#[derive(Debug)]
struct Level {
    count: usize,
    /// Those that came.
    blocks: Vec<Block>,
    bytes: Bytes,
}

/// Where a block lies, with what stands around it.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Of its level.
    part: usize,
    offset: u64,
    length: u32,
}

/// What became of the bytes of a level.
#[derive(Debug)]
enum Bytes {
    /// So many went to the stream.
    Streamed(u64),
    /// They wait for the head.
    Waiting(Gather),
    /// Parts of these lengths were sent; the next is not full.
    Sent { first_part: usize, blocks_per_part: usize, lengths: Vec<u64>, open: Gather },
}

impl Parted {
    pub(super) fn new(to: Destination, counts: &[usize], plan: &PartPlan) -> Self {
        let level = |(place, count): (&Place, &usize)| {
            let bytes = match *place {
                Place::Stream => Bytes::Streamed(0),
                Place::WithHead => Bytes::Waiting(Gather::default()),
                Place::Own { first_part, blocks_per_part } => {
                    Bytes::Sent { first_part, blocks_per_part, lengths: Vec::new(), open: Gather::default() }
                }
            };
            Level { count: *count, blocks: Vec::with_capacity(*count), bytes }
        };
        let levels = plan.places.iter().zip(counts).map(level).collect();
        Self { part_bytes_min: to.part_bytes_min(), stream: Stream::new(to, plan.cut), levels, len: 0 }
    }
}

impl Assembly for Parted {
    fn takes(&self, level: usize, block: usize) -> bool {
        // In the order of their numbers: what is sent cannot be put in order any more.
        let Level { blocks, count, .. } = &self.levels[level];
        block == blocks.len() && block < *count
    }

    fn append(&mut self, level: usize, _block: usize, parts: &[&[u8]]) -> io::Result<()> {
        let Self { part_bytes_min, stream, levels, len } = self;
        let Level { count, blocks, bytes } = &mut levels[level];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).map_err(io::Error::other)?;
        *len += u64::from(length);
        match bytes {
            Bytes::Streamed(streamed) => {
                blocks.push(Block { part: 0, offset: *streamed, length });
                *streamed += u64::from(length);
                parts.iter().try_for_each(|part| stream.push(part)).map_err(io::Error::other)
            }
            Bytes::Waiting(gather) => {
                blocks.push(Block { part: 0, offset: gather.len(), length });
                parts.iter().for_each(|part| gather.append(part));
                Ok(())
            }
            Bytes::Sent { first_part, blocks_per_part, lengths, open } => {
                blocks.push(Block { part: lengths.len(), offset: open.len(), length });
                parts.iter().for_each(|part| open.append(part));
                if !blocks.len().is_multiple_of(*blocks_per_part) && blocks.len() < *count {
                    return Ok(());
                }
                let mut part = std::mem::take(open);
                *len += part_bytes_min.saturating_sub(part.len());
                part.pad(*part_bytes_min);
                lengths.push(part.len());
                stream.send(*first_part + lengths.len() - 1, part).map_err(io::Error::other)
            }
        }
    }

    fn is_complete(&self, level: usize) -> bool {
        self.levels[level].blocks.len() == self.levels[level].count
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn complete(self: Box<Self>, head: &Head) -> io::Result<u64> {
        let Self { part_bytes_min, stream, levels, .. } = *self;
        let mut position = head.len();
        let mut behind_head = Gather::default();
        let mut extents = Vec::with_capacity(levels.len());
        for Level { blocks, bytes, .. } in levels.into_iter().rev() {
            let mut starts = vec![position];
            match bytes {
                Bytes::Streamed(streamed) => position += streamed,
                Bytes::Waiting(gather) => {
                    position += gather.len();
                    behind_head.extend(gather);
                }
                Bytes::Sent { lengths, .. } => {
                    // Once all that goes with the head is there: larger levels come behind smaller ones.
                    behind_head.pad(part_bytes_min.saturating_sub(head.len()));
                    position = position.max(head.len() + behind_head.len());
                    starts.clear();
                    for length in lengths {
                        starts.push(position);
                        position += length;
                    }
                }
            }
            let extent = move |block: Block| inside(starts[block.part] + block.offset, block.length);
            extents.push(blocks.into_iter().map(extent));
        }
        // Directories stand the other way round.
        let extents: Vec<_> = extents.into_iter().rev().flatten().collect();
        let mut first = Gather::default();
        first.append(&head.to_bytes(&extents));
        first.extend(behind_head);
        stream.complete(first).map_err(io::Error::other)?;
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::{Directory, Value};
    use super::super::ghost;
    use super::*;
    use crate::store::{Io, StoreKind};

    const BLOCK_BYTES_MAX: u64 = 300_000;

    /// The bytes of a block as it is appended, of a length of its own.
    fn block(level: usize, block: usize) -> Vec<u8> {
        let length = match (level * 7919 + block * 104_729) % 5 {
            _ if level == 1 && block < 60 => return Vec::new(),
            0 => return Vec::new(),
            part => part * 60_000 + level + block % 100,
        };
        let bytes = vec![(level * 31 + block) as u8; length];
        let (leader, trailer) = ghost::around(&bytes);
        [&leader[..], &bytes, &trailer].concat()
    }

    fn head(counts: &[usize]) -> Head {
        let directory =
            |count: &usize| Directory::new(vec![(324, Value::BlockOffsets), (325, Value::BlockLengths)], *count);
        Head::with_ghost(false, counts.iter().map(directory).collect())
    }

    /// Appends all blocks, rows of all levels side by side as a run does, and gives the object.
    fn write(kind: StoreKind, counts: &[usize]) -> Vec<u8> {
        let to = Destination::in_memory(&Io::new().unwrap(), kind);
        let images: Vec<_> = counts.iter().map(|count| (*count, BLOCK_BYTES_MAX)).collect();
        let plan = PartPlan::new(&images, head(counts).len());
        let mut parted = Parted::new(to.clone(), counts, &plan);
        for at in 0..counts[0] {
            for (level, count) in counts.iter().enumerate() {
                for number in at * count / counts[0]..(at + 1) * count / counts[0] {
                    assert!(parted.takes(level, number) && !parted.takes(level, number + 1));
                    let bytes = block(level, number);
                    let parts: &[&[u8]] = if bytes.is_empty() { &[] } else { &[&bytes[..4], &bytes[4..]] };
                    parted.append(level, number, parts).unwrap();
                }
            }
        }
        assert!((0..counts.len()).all(|level| parted.is_complete(level)));
        assert!(to.content().is_err(), "nothing is there before the end");
        let len = Box::new(parted).complete(&head(counts)).unwrap();
        let object = to.content().unwrap();
        assert_eq!(object.len() as u64, len);
        object.to_vec()
    }

    /// Where the blocks lie by the directories of a file that was written here.
    fn extents(object: &[u8], counts: &[usize]) -> Vec<Vec<(usize, usize)>> {
        let short = |at: usize| usize::from(u16::from_le_bytes(object[at..at + 2].try_into().unwrap()));
        let long = |at: usize| u32::from_le_bytes(object[at..at + 4].try_into().unwrap()) as usize;
        let mut directory = long(4);
        let mut levels = Vec::new();
        for count in counts {
            let values = |tag: usize| {
                let entry = directory + 2 + 12 * tag;
                let at = if *count == 1 { entry + 8 } else { long(entry + 8) };
                (0..*count).map(move |number| at + 4 * number)
            };
            levels.push(values(0).zip(values(1)).map(|(offset, length)| (long(offset), long(length))).collect());
            directory = long(directory + 2 + 12 * short(directory));
        }
        levels
    }

    #[test]
    fn every_block_lies_where_the_directories_say_and_levels_in_the_order_of_their_size() {
        // All in one part; the raster in several; overviews in parts of their own.
        for counts in [&[4, 1][..], &[300, 20, 1], &[700, 160, 40, 9, 1]] {
            for kind in [StoreKind::S3, StoreKind::Azure] {
                let object = write(kind, counts);
                let mut before = head(counts).len() as usize;
                for (level, extents) in extents(&object, counts).iter().enumerate().rev() {
                    for (number, (offset, length)) in extents.iter().enumerate() {
                        let expected = block(level, number);
                        if expected.is_empty() {
                            assert_eq!((*offset, *length), (0, 0));
                            continue;
                        }
                        assert!(object[offset - 4..offset + length + 4] == expected, "block {number} of level {level}");
                        assert!(offset - 4 >= before);
                        before = offset + length + 4;
                    }
                }
                assert_eq!(before, object.len(), "the raster is last");
                let blocks: usize = (0..counts.len())
                    .flat_map(|level| (0..counts[level]).map(move |number| block(level, number).len()))
                    .sum();
                let padding = object.len() - blocks - head(counts).len() as usize;
                // A part of sparse blocks alone must not be empty.
                assert!(kind == StoreKind::S3 || padding <= 1, "Azure takes parts of any length: {padding}");
            }
        }
    }

    #[test]
    fn small_overviews_wait_for_the_head_and_large_ones_have_parts_of_their_own() {
        // 2.25 GB of blocks of 768 KiB, and their overviews.
        let counts = [2916, 729, 196, 49, 16, 4];
        let plan = PartPlan::new(&counts.map(|count| (count, 768 << 10)), 40_000);
        let own = |first_part| Place::Own { first_part, blocks_per_part: 21 };
        assert_eq!(plan.places, [Place::Stream, own(14), own(4), own(1), Place::WithHead, Place::WithHead]);
        assert_eq!((plan.cut.first_part, plan.cut.lead_bytes), (14 + 35, 0));
        let held: u64 = (0..counts.len()).map(|level| plan.held_bytes(level)).sum();
        assert!(held < 90 << 20, "{held}");
    }

    #[test]
    fn of_a_small_file_all_is_held() {
        let plan = PartPlan::new(&[(4, 1000), (1, 1000)], 500);
        assert_eq!(plan.places, [Place::Stream, Place::WithHead]);
        assert_eq!([plan.held_bytes(0), plan.held_bytes(1)], [4000, 1000]);
    }
}
