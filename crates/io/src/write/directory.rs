//! TIFF's own binary layout: a header and image file directories in front of all pixels, little-endian, classic or
//! BigTIFF. Knows tags as numbers only; what they mean is said in [`header`](super::header).

use super::ghost;

/// The value of a tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Type 3.
    Short(Vec<u16>),
    /// Type 4.
    Long(Vec<u32>),
    /// Type 5: numerators and denominators.
    Rational(Vec<[u32; 2]>),
    /// Type 12.
    Double(Vec<f64>),
    /// Type 2, without its closing zero.
    Ascii(String),
    /// Where each block starts: type 4, in a BigTIFF type 16.
    BlockOffsets,
    /// How long each block is: type 4.
    BlockLengths,
}

/// Position and length of a block in the file; both 0 for a sparse block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// The tags of one image, whose blocks are known by their count only.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Directory {
    tags: Vec<(u16, Value)>,
    block_count: usize,
}

impl Directory {
    /// A directory of these tags, in any order.
    pub(super) fn new(mut tags: Vec<(u16, Value)>, block_count: usize) -> Self {
        tags.sort_by_key(|(tag, _)| *tag);
        Self { tags, block_count }
    }
}

/// Everything in front of the blocks: its length is known before the first block is written, its bytes after the last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    big: bool,
    /// What stands between the file's header and the first directory: as long as [`ALIGNMENT`] wants it.
    ghost: Vec<u8>,
    directories: Vec<Directory>,
}

impl Head {
    /// The head of a file of these images, the first being the main one.
    pub(super) const fn new(big: bool, directories: Vec<Directory>) -> Self {
        Self { big, ghost: Vec::new(), directories }
    }

    /// As [`new`](Self::new), with the promises of a Cloud-Optimized GeoTIFF.
    pub(super) fn with_ghost(big: bool, directories: Vec<Directory>) -> Self {
        Self { ghost: ghost::area(ALIGNMENT as usize), ..Self::new(big, directories) }
    }

    /// Whether the file is a BigTIFF.
    pub(super) const fn is_big(&self) -> bool {
        self.big
    }

    /// With another text of the same length in the first directory.
    pub(super) fn with_text(&self, tag: u16, text: String) -> Self {
        let mut head = self.clone();
        let tags = head.directories.iter_mut().take(1).flat_map(|directory| &mut directory.tags);
        for (_, value) in tags.filter(|(own, _)| *own == tag) {
            *value = Value::Ascii(text.clone());
        }
        debug_assert_eq!(head.len(), self.len(), "the text is as long as was reserved");
        head
    }

    /// Bytes that stand around each block.
    pub(super) const fn block_overhead(&self) -> u64 {
        if self.ghost.is_empty() { 0 } else { ghost::LEADER_LEN + ghost::TRAILER_LEN }
    }

    /// Where the first directory starts.
    fn first_directory(&self) -> u64 {
        Width::of(self.big).header + self.ghost.len() as u64
    }

    /// Bytes of the head: where the first block starts.
    pub(super) fn len(&self) -> u64 {
        let width = Width::of(self.big);
        self.directories
            .iter()
            .fold(self.first_directory(), |position, directory| width.directory_end(position, directory))
    }

    /// The bytes, given the blocks of all images one after the other.
    pub(super) fn to_bytes(&self, blocks: &[Extent]) -> Vec<u8> {
        let mut writer = Writer { width: Width::of(self.big), bytes: Vec::new() };
        writer.header(self.first_directory());
        writer.bytes.extend(&self.ghost);
        let mut blocks = blocks;
        for (index, directory) in self.directories.iter().enumerate() {
            let (own, rest) = blocks.split_at(directory.block_count);
            writer.directory(directory, own, index + 1 == self.directories.len());
            blocks = rest;
        }
        debug_assert_eq!(writer.bytes.len() as u64, self.len(), "the head is as long as was reserved");
        writer.bytes
    }
}

/// What differs between classic TIFF and BigTIFF.
#[derive(Debug, Clone, Copy)]
struct Width {
    big: bool,
    /// Bytes of the file header.
    header: u64,
    /// Bytes of the count of tags.
    count: u64,
    /// Bytes of a tag.
    tag: u64,
    /// Bytes of an offset, and of a value that needs none.
    offset: u64,
}

impl Width {
    const fn of(big: bool) -> Self {
        match big {
            false => Self { big, header: 8, count: 2, tag: 12, offset: 4 },
            true => Self { big, header: 16, count: 8, tag: 20, offset: 8 },
        }
    }

    /// Where the values that need an offset start, in a directory at `position`.
    fn values_start(self, position: u64, directory: &Directory) -> u64 {
        (position + self.count + self.tag * directory.tags.len() as u64 + self.offset).next_multiple_of(ALIGNMENT)
    }

    fn directory_end(self, position: u64, directory: &Directory) -> u64 {
        let lengths = directory.tags.iter().map(|(_, value)| self.value_len(value, directory.block_count));
        lengths
            .filter(|length| *length > self.offset)
            .fold(self.values_start(position, directory), |end, length| end + length.next_multiple_of(ALIGNMENT))
    }

    fn value_len(self, value: &Value, block_count: usize) -> u64 {
        let (kind, count) = self.kind(value, block_count);
        let size = match kind {
            ASCII => 1,
            SHORT => 2,
            LONG => 4,
            _ => 8,
        };
        size * count
    }

    /// TIFF's number of the type, and the count of values.
    fn kind(self, value: &Value, block_count: usize) -> (u16, u64) {
        match value {
            Value::Ascii(text) => (ASCII, text.len() as u64 + 1),
            Value::Short(values) => (SHORT, values.len() as u64),
            Value::Long(values) => (LONG, values.len() as u64),
            Value::Rational(values) => (RATIONAL, values.len() as u64),
            Value::Double(values) => (DOUBLE, values.len() as u64),
            Value::BlockOffsets => (if self.big { LONG8 } else { LONG }, block_count as u64),
            Value::BlockLengths => (LONG, block_count as u64),
        }
    }
}

const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const DOUBLE: u16 = 12;
const LONG8: u16 = 16;

/// Directories and values start at multiples of this; TIFF asks for 2, doubles in a mapped file like 8.
const ALIGNMENT: u64 = 8;

struct Writer {
    width: Width,
    bytes: Vec<u8>,
}

impl Writer {
    fn header(&mut self, first_directory: u64) {
        self.bytes.extend(b"II");
        if self.width.big {
            self.short(43);
            self.short(8);
            self.short(0);
        } else {
            self.short(42);
        }
        self.offset(first_directory);
    }

    fn directory(&mut self, directory: &Directory, blocks: &[Extent], is_last: bool) {
        let start = self.bytes.len() as u64;
        let end = self.width.directory_end(start, directory);
        let mut values_end = self.width.values_start(start, directory);
        let count = directory.tags.len() as u64;
        match self.width.big {
            true => self.bytes.extend(count.to_le_bytes()),
            false => self.short(u16::try_from(count).expect("an image has a few dozen tags")),
        }
        let mut values = Vec::new();
        for (tag, value) in &directory.tags {
            let (kind, count) = self.width.kind(value, blocks.len());
            self.short(*tag);
            self.short(kind);
            self.offset(count);
            let mut bytes = self.value_bytes(value, blocks);
            if bytes.len() as u64 <= self.width.offset {
                bytes.resize(self.width.offset as usize, 0);
                self.bytes.extend(bytes);
            } else {
                self.offset(values_end);
                bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
                values_end += bytes.len() as u64;
                values.push(bytes);
            }
        }
        self.offset(if is_last { 0 } else { end });
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
        self.bytes.extend(values.into_iter().flatten());
    }

    fn value_bytes(&self, value: &Value, blocks: &[Extent]) -> Vec<u8> {
        match value {
            Value::Ascii(text) => text.bytes().chain([0]).collect(),
            Value::Short(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Value::Long(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Value::Rational(values) => values.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
            Value::Double(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Value::BlockOffsets if self.width.big => blocks.iter().flat_map(|b| b.offset.to_le_bytes()).collect(),
            Value::BlockOffsets => blocks.iter().flat_map(|b| classic(b.offset).to_le_bytes()).collect(),
            Value::BlockLengths => blocks.iter().flat_map(|b| b.length.to_le_bytes()).collect(),
        }
    }

    fn short(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// An offset, or a count of values: 32 bits, in a BigTIFF 64.
    fn offset(&mut self, value: u64) {
        match self.width.big {
            true => self.bytes.extend(value.to_le_bytes()),
            false => self.bytes.extend(classic(value).to_le_bytes()),
        }
    }
}

/// An offset of a classic TIFF.
fn classic(offset: u64) -> u32 {
    u32::try_from(offset).expect("the sink refuses blocks beyond 4 GiB of a classic TIFF")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(big: bool) -> Head {
        let tags = vec![
            (325, Value::BlockLengths),
            (256, Value::Long(vec![7])),
            (258, Value::Short(vec![8, 8, 8])),
            (324, Value::BlockOffsets),
            (42113, Value::Ascii("nan".into())),
        ];
        let small = Directory::new(vec![(324, Value::BlockOffsets), (325, Value::BlockLengths)], 1);
        Head::new(big, vec![Directory::new(tags, 3), small])
    }

    #[test]
    fn the_head_has_the_length_that_was_reserved_whatever_the_blocks() {
        let far = Extent { offset: 0xffff_fff0, length: u32::MAX };
        for big in [false, true] {
            for blocks in [[Extent::default(); 4], [far; 4]] {
                assert_eq!(head(big).to_bytes(&blocks).len() as u64, head(big).len());
            }
        }
    }

    #[test]
    fn a_classic_head_is_laid_out_as_tiff_6_says() {
        let blocks: Vec<_> = (0..4).map(|i| Extent { offset: 1000 + i, length: 10 + i as u32 }).collect();
        let bytes = head(false).to_bytes(&blocks);
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((&bytes[..2], short(2), long(4)), (b"II".as_slice(), 42, 8));
        let tags: Vec<_> = (0..short(8)).map(|i| short(10 + 12 * usize::from(i))).collect();
        assert_eq!(tags, [256, 258, 324, 325, 42113]);
        // Four ASCII bytes fit the tag; three offsets do not.
        assert_eq!(&bytes[10 + 4 * 12 + 8..][..4], b"nan\0");
        let offsets = long(10 + 2 * 12 + 8) as usize;
        assert_eq!([long(offsets), long(offsets + 4), long(offsets + 8)], [1000, 1001, 1002]);
        let next = long(10 + 5 * 12) as usize;
        assert_eq!((short(next), long(next + 10), long(next + 22)), (2, 1003, 13));
        assert_eq!(long(next + 2 + 24), 0);
    }
}
