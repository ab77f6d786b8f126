//! Directories and tags, parsed out of whatever bytes are at hand: the only module that names the `tiff` crate.
//!
//! A [`Parser`] reads nothing by itself. It says which bytes it needs next and goes on when they are fed, so that one
//! implementation serves blocking and `async` callers, and a Cloud-Optimized GeoTIFF opens with the one request
//! that brought its start. Everything in a file is hostile: sizes are checked against the file's before anything is
//! allocated, and loops between directories end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use swath_core::error::{Error, Result};
use swath_core::grid::GeoKeys;
use tiff::decoder::{Decoder, Limits as TiffLimits, ifd::Entry};
use tiff::tags::{ByteOrder, IfdPointer, Tag, Type, ValueBuffer};
use tiff::{Directory, TiffError};

use super::Limits;
use super::ghost;
use crate::codec::CodecTags;

/// Growth of further requests ends here; a larger tag array is still asked for whole.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// Directories may share values, such as one colour map for all pages: so often all bytes of a file may be read.
const SHARED: u64 = 8;

/// The directories of a TIFF file.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Whether offsets have 64 bits.
    pub big_tiff: bool,
    /// Whether numbers, samples included, have their least significant byte first.
    pub little_endian: bool,
    /// The directories in the order of the chain, then those that the first page and the chosen one name in SubIFDs.
    pub images: Vec<Image>,
    /// Keys and values of GDAL's structural metadata, which a Cloud-Optimized GeoTIFF has between header and directories.
    pub ghost: Vec<(String, String)>,
}

/// One directory: an image, an overview, a mask or a page. Tags as they are, with TIFF's defaults where absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Image {
    /// Bit 0: reduced, bit 1: page, bit 2: mask (254).
    pub subfile_type: u32,
    /// Columns (256).
    pub width: u64,
    /// Rows (257).
    pub height: u64,
    /// Samples per pixel (277).
    pub samples: u64,
    /// Bits of each sample (258).
    pub bits: Vec<u64>,
    /// What the bits are, per sample: 1 unsigned, 2 signed, 3 float, 4 undefined, 5 and 6 complex (339).
    pub sample_format: Vec<u64>,
    /// Compression scheme (259).
    pub compression: u64,
    /// Predictor (317).
    pub predictor: u64,
    /// Meaning of the samples (262).
    pub photometric: u64,
    /// Order of bits in a byte: 1 the usual, 2 reversed (266).
    pub fill_order: u64,
    /// 1 pixel-interleaved, 2 one plane a band (284).
    pub planar: u64,
    /// Columns and rows of a tile (322, 323), where the image has tiles.
    pub tile: Option<(u64, u64)>,
    /// Rows of a strip (278), where it has strips; all rows if absent.
    pub rows_per_strip: u64,
    /// First byte of each block (273 or 324); 0 for a sparse block.
    pub offsets: Vec<u64>,
    /// Bytes of each block (279 or 325); 0 for a sparse block.
    pub counts: Vec<u64>,
    /// What the samples beyond the photometric ones are (338): 1 and 2 are alpha.
    pub extra_samples: Vec<u64>,
    /// Red, green and blue of each value, one after the other, as 16-bit values (320).
    pub color_map: Vec<u16>,
    /// Tags that codecs need (292, 293, 347, 50674).
    pub codec: CodecTags,
    /// Georeference tags.
    pub geo: Geo,
    /// GDAL_NODATA (42113), trimmed.
    pub nodata: Option<String>,
    /// GDAL_METADATA, XML (42112).
    pub gdal_metadata: Option<String>,
    /// What describes the image and changes no pixel; empty for overviews and masks.
    pub about: About,
    /// Offsets of sub-directories (330).
    pub sub_directories: Vec<u64>,
    /// The position among [`Header::images`] of the image that names it in SubIFDs; none for those of the chain.
    pub sub_of: Option<usize>,
}

impl Image {
    /// Whether it is a smaller copy of another image.
    pub const fn is_reduced(&self) -> bool {
        self.subfile_type & 1 != 0
    }

    /// Whether it is a mask of another image.
    pub const fn is_mask(&self) -> bool {
        self.subfile_type & 4 != 0
    }

    /// Whether it is an image of its own: neither of the two.
    pub const fn is_page(&self) -> bool {
        !self.is_reduced() && !self.is_mask()
    }
}

/// Positions of the pages among `images`: the first image, those of the chain that are images of their own, then those
/// among the SubIFDs of the first.
pub(super) fn pages(images: &[Image]) -> impl Iterator<Item = usize> + '_ {
    let of = move |parent: Option<usize>| {
        let own = move |(index, image): &(usize, &Image)| image.sub_of == parent && (image.is_page() || *index == 0);
        images.iter().enumerate().filter(own).map(|(index, _)| index)
    };
    of(None).chain(of(Some(0)))
}

/// Georeference tags as they are; empty where absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Geo {
    /// ModelPixelScale (33550).
    pub pixel_scale: Vec<f64>,
    /// ModelTiepoint (33922): column, row, level, x, y, z of each.
    pub tie_points: Vec<f64>,
    /// ModelTransformation (34264), row-major 4×4.
    pub transformation: Vec<f64>,
    /// GeoKeys (34735 to 34737).
    pub keys: GeoKeys,
}

/// Tags that tell of an image and its making. One that cannot be read is left out, as libtiff does: no pixel needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// Texts by tag, such as ImageDescription (270), Software (305) and DateTime (306).
    pub texts: Vec<(u16, String)>,
    /// Pixels per unit along x (282) and y (283), as libtiff rounds them to single precision.
    pub resolution: [Option<f32>; 2],
    /// The unit of those: 1 none, 2 inch, 3 cm (296).
    pub resolution_unit: Option<u64>,
    /// MinSampleValue (280) and MaxSampleValue (281).
    pub sample_range: [Option<u64>; 2],
    /// RPCCoefficientTag (50844): error bias and random error, then offsets, scales and coefficients.
    pub rpc: Vec<f64>,
    /// XMP packet (700).
    pub xmp: Option<String>,
}

/// Tags of [`About::texts`], in the order in which they are read: name, description, software, date, artist, host,
/// copyright, and DGIWG's GEO_METADATA and TIFF_RSID.
const TEXTS: [u16; 9] = [269, 270, 305, 306, 315, 316, 33432, 50909, 50908];

/// What a [`Parser`] came to.
#[derive(Debug)]
pub enum Step {
    /// It needs these bytes (or more around them); [`Parser::feed`] them.
    Need(Range<u64>),
    /// It is done.
    Done(Header),
}

/// Reads the directories of a file from its bytes as they come.
#[derive(Debug)]
pub struct Parser {
    name: String,
    pieces: Pieces,
    prelude: Option<Prelude>,
    images: Vec<Image>,
    /// Where the next directory of the chain is, 0 at its end.
    next: u64,
    /// The page whose sub-directories are wanted beside those of the first.
    page: usize,
    /// Sub-directories that are still to be read, and whose they are; none before the chain's end is reached.
    subs: Option<Vec<(usize, u64)>>,
    limits: Limits,
    seen: BTreeSet<u64>,
    /// Bytes of tags that may still be read.
    budget: u64,
    request_bytes: u64,
}

impl Parser {
    /// A parser of the file `name` of `size` bytes, whose first bytes are `start`. The sub-directories of page `page` are
    /// read, and those of the first.
    pub fn new(name: &str, size: u64, start: Bytes, page: usize, limits: &Limits) -> Self {
        let request_bytes = (start.len() as u64).saturating_mul(2).max(1 << 10);
        let pieces = Pieces { size, pieces: BTreeMap::from([(0, start)]) };
        Self {
            name: name.to_owned(),
            pieces,
            prelude: None,
            images: Vec::new(),
            next: 0,
            page,
            subs: None,
            limits: limits.clone(),
            seen: BTreeSet::new(),
            budget: size.saturating_add(64 << 10).saturating_mul(SHARED).min(limits.tag_bytes),
            request_bytes,
        }
    }

    /// Adds bytes of the file.
    pub fn feed(&mut self, offset: u64, bytes: Bytes) {
        let held = self.pieces.pieces.entry(offset).or_default();
        if held.len() < bytes.len() {
            *held = bytes;
        }
    }

    /// Goes on until bytes are missing or all directories are read.
    ///
    /// # Errors
    /// `Corrupt` for a file that is no TIFF or contradicts itself.
    pub fn step(&mut self) -> Result<Step> {
        match self.advance() {
            Ok(header) => Ok(Step::Done(header)),
            Err(Stop::Missing(range)) => Ok(Step::Need(self.request(range))),
            Err(Stop::Bad(message) | Stop::Limit(message)) => {
                Err(Error::corrupt(format!("cannot open {}: {message}", self.name)))
            }
        }
    }

    /// The range to ask for: doubled each time, so that directories scattered over a file take few requests; of bytes that
    /// are not there, so that all requests together are at most the file.
    fn request(&mut self, missing: Range<u64>) -> Range<u64> {
        let len = (missing.end - missing.start).max(self.request_bytes);
        self.request_bytes = (self.request_bytes * 2).min(REQUEST_BYTES_MAX);
        let gap = self.pieces.gap(missing.start);
        let end = missing.start.saturating_add(len).min(gap.end);
        // Of directories that stand one before the other, the next ones are wanted, too.
        missing.start.min(end.saturating_sub(len)).max(gap.start)..end
    }

    fn advance(&mut self) -> Result<Header, Stop> {
        let prelude = match self.prelude {
            Some(prelude) => prelude,
            None => {
                let prelude = Prelude::read(&self.pieces)?;
                self.next = prelude.first;
                *self.prelude.insert(prelude)
            }
        };
        while self.next != 0 && !self.seen.contains(&self.next) {
            let (image, next) = match self.directory(prelude, self.next) {
                // The chain ends where it is damaged, as in libtiff.
                Err(Stop::Bad(_)) if !self.images.is_empty() => break,
                read => read?,
            };
            self.accept(image)?;
            self.seen.insert(self.next);
            self.next = next;
        }
        if self.images.is_empty() {
            return Err(bad("it has no image"));
        }
        let mut subs = match self.subs.take() {
            Some(subs) => subs,
            None => self.sub_directories(),
        };
        while let Some((parent, offset)) = subs.last().copied() {
            if offset != 0 && !self.seen.contains(&offset) {
                let (image, _) = match self.directory(prelude, offset) {
                    Ok(read) => read,
                    Err(Stop::Bad(_)) => {
                        subs.pop();
                        continue;
                    }
                    Err(missing) => {
                        self.subs = Some(subs);
                        return Err(missing);
                    }
                };
                self.accept(Image { sub_of: Some(parent), ..image })?;
                self.seen.insert(offset);
            }
            subs.pop();
        }
        let Prelude { big_tiff, little_endian, .. } = prelude;
        let start = self.pieces.at(0).unwrap_or_default();
        let ghost = ghost::parse(start, big_tiff);
        Ok(Header { big_tiff, little_endian, images: std::mem::take(&mut self.images), ghost })
    }

    /// The last first, as they are taken from the end.
    fn sub_directories(&self) -> Vec<(usize, u64)> {
        let page = pages(&self.images).nth(self.page).filter(|page| *page != 0);
        let of = |index: usize| {
            let offsets = self.images[index].sub_directories.iter().take(self.limits.sub_directories);
            offsets.map(move |offset| (index, *offset))
        };
        let mut subs: Vec<_> = of(0).chain(page.into_iter().flat_map(of)).collect();
        subs.reverse();
        subs
    }

    fn accept(&mut self, image: Image) -> Result<(), Stop> {
        let most = self.limits.directories;
        if self.images.len() >= most {
            return Err(bad(format!("it has more than {most} directories")));
        }
        self.images.push(image);
        Ok(())
    }

    fn directory(&mut self, prelude: Prelude, offset: u64) -> Result<(Image, u64), Stop> {
        let directory = read_directory(&self.pieces, prelude, offset, self.limits.entries)?;
        let next = directory.next().map_or(0, |pointer| pointer.0);
        let mut tags = Tags::new(&self.pieces, prelude, &directory, self.budget)?;
        let image = tags.image()?;
        self.budget = tags.budget;
        Ok((image, next))
    }
}

/// Why parsing cannot go on.
#[derive(Debug)]
enum Stop {
    Missing(Range<u64>),
    Bad(String),
    /// A limit, which is none of what libtiff would pass over.
    Limit(String),
}

fn bad(message: impl Into<String>) -> Stop {
    Stop::Bad(message.into())
}

/// The first bytes of the file.
#[derive(Debug, Clone, Copy)]
struct Prelude {
    little_endian: bool,
    big_tiff: bool,
    first: u64,
}

impl Prelude {
    fn read(pieces: &Pieces) -> Result<Self, Stop> {
        let head = pieces.bytes(0, pieces.size.min(16))?;
        let little_endian = match head.get(..2) {
            Some(b"II") => true,
            Some(b"MM") => false,
            _ => return Err(bad(not_a_tiff(&head))),
        };
        let number = |at: Range<usize>| head.get(at).map(|bytes| unsigned(bytes, little_endian));
        let (big_tiff, first) = match (number(2..4), number(4..8)) {
            (Some(42), Some(first)) => (false, Some(first)),
            (Some(43), Some(_)) if number(4..6) == Some(8) && number(6..8) == Some(0) => (true, number(8..16)),
            (Some(42 | 43), _) => (false, None),
            _ => return Err(bad(not_a_tiff(&head))),
        };
        let first = first.ok_or_else(|| bad("its header is cut short"))?;
        Ok(Self { little_endian, big_tiff, first })
    }

    fn unsigned(self, bytes: &[u8]) -> u64 {
        unsigned(bytes, self.little_endian)
    }
}

fn not_a_tiff(head: &[u8]) -> String {
    let shown: Vec<_> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    match (head, head.trim_ascii_start().first()) {
        ([], _) => "not a TIFF file (it is empty)".to_owned(),
        (_, Some(b'<')) => "not a TIFF file (it looks like a web page or XML)".to_owned(),
        _ => format!("not a TIFF file (it starts with {})", shown.join(" ")),
    }
}

fn unsigned(bytes: &[u8], little_endian: bool) -> u64 {
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    match little_endian {
        true => bytes.iter().rev().fold(0, push),
        false => bytes.iter().fold(0, push),
    }
}

/// Reads the table of a directory. The tags' values are read by the `tiff` crate; the table is not, as tiff 0.11 loses
/// its place in a BigTIFF after an entry of a type it does not know, and loops over any count of entries.
fn read_directory(pieces: &Pieces, prelude: Prelude, offset: u64, entries_max: u64) -> Result<Directory, Stop> {
    let Prelude { big_tiff, .. } = prelude;
    let (count_size, entry_size, offset_size) = if big_tiff { (8, 20, 8) } else { (2, 12, 4) };
    let at = |what: u64| offset.checked_add(what).ok_or_else(|| bad("a directory lies beyond the end of the file"));
    let count = prelude.unsigned(&pieces.bytes(offset, count_size)?);
    if count > entries_max {
        return Err(bad(format!("the directory at byte {offset} claims {count} entries")));
    }
    let table = pieces.bytes(at(count_size)?, count * entry_size)?;
    let mut directory = Directory::empty();
    let mut seen = BTreeSet::new();
    directory.extend(table.chunks_exact(entry_size as usize).filter_map(|entry| {
        let number = |from: usize, to: usize| prelude.unsigned(&entry[from..to]);
        // Of entries of one tag, the first counts, as in libtiff.
        if !seen.insert(number(0, 2)) {
            return None;
        }
        let tag = Tag::from_u16_exhaustive(number(0, 2) as u16);
        let kind = Type::from_u16(number(2, 4) as u16)?;
        let mut value = [0; 8];
        let values = entry_size as usize - offset_size;
        value[..offset_size].copy_from_slice(&entry[values..]);
        Some((tag, Entry::new_u64(kind, number(4, values), value)))
    }));
    // Files that end with their last table are read by everybody else too.
    let next = at(count_size + count * entry_size)?;
    let next = match next.checked_add(offset_size as u64).is_some_and(|end| end <= pieces.size) {
        true => prelude.unsigned(&pieces.bytes(next, offset_size as u64)?),
        false => 0,
    };
    directory.set_next(Some(IfdPointer(next)));
    Ok(directory)
}

/// The values of one directory's tags.
struct Tags<'a> {
    decoder: Decoder<Reader<'a>>,
    directory: &'a Directory,
    size: u64,
    budget: u64,
}

impl<'a> Tags<'a> {
    fn new(pieces: &'a Pieces, prelude: Prelude, directory: &'a Directory, budget: u64) -> Result<Self, Stop> {
        let reader = Reader { pieces, stand_in: Some(stand_in(prelude)), position: 0, missing: None };
        // The sizes of all values are checked here, before they are read.
        let mut decoder = Decoder::new(reader)
            .map_err(|error| bad(format!("the stand-in cannot be read: {error}")))?
            .with_limits(TiffLimits::unlimited());
        decoder.inner().stand_in = None;
        Ok(Self { decoder, directory, size: pieces.size, budget })
    }

    fn value(&mut self, tag: u16) -> Result<Option<ValueBuffer>, Stop> {
        let name = Tag::from_u16_exhaustive(tag);
        let Some(entry) = self.directory.get(name) else { return Ok(None) };
        let beyond = || bad(format!("tag {tag} lies beyond the end of the file"));
        let bytes = entry.count().checked_mul(type_size(entry.field_type())).ok_or_else(beyond)?;
        if bytes > self.size {
            return Err(beyond());
        }
        let budget = self.budget.checked_sub(bytes).ok_or_else(|| {
            Stop::Limit(format!("its tags are larger than the file, or than allowed, with tag {tag}"))
        })?;
        let mut value = ValueBuffer::empty(entry.field_type());
        let result = self.decoder.read_directory_tags(self.directory).find_tag_buf(name, &mut value);
        match (result, self.decoder.inner().missing.take()) {
            (_, Some(missing)) => return Err(Stop::Missing(missing)),
            (Err(TiffError::IoError(_)), None) => return Err(beyond()),
            (Err(error), None) => return Err(bad(format!("tag {tag} cannot be read: {error}"))),
            (Ok(_), None) => {}
        }
        self.budget = budget;
        value.set_byte_order(ByteOrder::native());
        Ok(Some(value))
    }

    /// Bytes as they are; empty where the tag is absent or has another type.
    fn bytes(&mut self, tag: u16) -> Result<Vec<u8>, Stop> {
        let Some(value) = self.value(tag)? else { return Ok(Vec::new()) };
        Ok(match value.data_type() {
            Type::BYTE | Type::UNDEFINED => value.as_bytes().to_vec(),
            _ => Vec::new(),
        })
    }

    /// Numbers, none of them negative; empty where the tag is absent or has another type.
    fn numbers(&mut self, tag: u16) -> Result<Vec<u64>, Stop> {
        let Some(value) = self.value(tag)? else { return Ok(Vec::new()) };
        let bytes = value.as_bytes();
        Ok(match value.data_type() {
            Type::BYTE | Type::UNDEFINED => bytes.iter().map(|byte| u64::from(*byte)).collect(),
            Type::SHORT => bytes.as_chunks().0.iter().map(|b| u64::from(u16::from_ne_bytes(*b))).collect(),
            Type::LONG | Type::IFD => bytes.as_chunks().0.iter().map(|b| u64::from(u32::from_ne_bytes(*b))).collect(),
            Type::LONG8 | Type::IFD8 => bytes.as_chunks().0.iter().map(|b| u64::from_ne_bytes(*b)).collect(),
            _ => signed(&value).into_iter().map(u64::try_from).collect::<Result<_, _>>().unwrap_or_default(),
        })
    }

    fn number(&mut self, tag: u16, default: u64) -> Result<u64, Stop> {
        Ok(self.numbers(tag)?.first().copied().unwrap_or(default))
    }

    fn shorts(&mut self, tag: u16) -> Result<Vec<u16>, Stop> {
        Ok(self.numbers(tag)?.into_iter().map(|value| u16::try_from(value).unwrap_or(u16::MAX)).collect())
    }

    fn doubles(&mut self, tag: u16) -> Result<Vec<f64>, Stop> {
        let Some(value) = self.value(tag)? else { return Ok(Vec::new()) };
        let bytes = value.as_bytes();
        Ok(match value.data_type() {
            Type::DOUBLE => bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect(),
            Type::FLOAT => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_ne_bytes(*b))).collect(),
            Type::BYTE => bytes.iter().map(|byte| f64::from(*byte)).collect(),
            Type::SHORT => bytes.as_chunks().0.iter().map(|b| f64::from(u16::from_ne_bytes(*b))).collect(),
            Type::LONG => bytes.as_chunks().0.iter().map(|b| f64::from(u32::from_ne_bytes(*b))).collect(),
            _ => signed(&value).into_iter().map(|value| value as f64).collect(),
        })
    }

    /// The numbers of `tag`, or of `other` where it is absent: libtiff takes tags of strips and of tiles for each other.
    fn either(&mut self, tag: u16, other: u16) -> Result<Vec<u64>, Stop> {
        let values = self.numbers(tag)?;
        if values.is_empty() { self.numbers(other) } else { Ok(values) }
    }

    /// Text without what follows a NUL; bytes that are not UTF-8 are replaced.
    fn text(&mut self, tag: u16) -> Result<Option<String>, Stop> {
        let Some(value) = self.value(tag)? else { return Ok(None) };
        let text = value.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }

    /// Quotients; 0 where the denominator is, as in libtiff.
    fn rational(&mut self, tag: u16) -> Result<Option<f32>, Stop> {
        let Some(value) = self.value(tag)? else { return Ok(None) };
        let bytes = value.as_bytes();
        let quotient = |above: f64, below: f64| if below == 0.0 { 0.0 } else { (above / below) as f32 };
        Ok(match value.data_type() {
            Type::RATIONAL => bytes.as_chunks().0.first().map(|[a, b, c, d, e, f, g, h]| {
                let above = u32::from_ne_bytes([*a, *b, *c, *d]);
                quotient(above.into(), u32::from_ne_bytes([*e, *f, *g, *h]).into())
            }),
            Type::SRATIONAL => bytes.as_chunks().0.first().map(|[a, b, c, d, e, f, g, h]| {
                let above = i32::from_ne_bytes([*a, *b, *c, *d]);
                quotient(above.into(), i32::from_ne_bytes([*e, *f, *g, *h]).into())
            }),
            // Whatever number it is.
            _ => self.doubles(tag)?.first().map(|value| *value as f32),
        })
    }

    fn about(&mut self) -> Result<About, Stop> {
        let mut about = About::default();
        for tag in TEXTS {
            if let Some(text) = present(self.text(tag))?.flatten() {
                about.texts.push((tag, text));
            }
        }
        about.resolution = match [present(self.rational(282))?.flatten(), present(self.rational(283))?.flatten()] {
            [None, None] => [None, None],
            // libtiff has one mark for both: with one of them, the other is 0.
            resolution => resolution.map(|pixels| pixels.or(Some(0.0))),
        };
        about.resolution_unit = present(self.numbers(296))?.and_then(|values| values.first().copied());
        let first = |values: Option<Vec<u64>>| values.and_then(|values| values.first().copied());
        about.sample_range = [first(present(self.numbers(280))?), first(present(self.numbers(281))?)];
        about.rpc = present(self.doubles(50844))?.unwrap_or_default();
        about.xmp = present(self.text(700))?.flatten();
        Ok(about)
    }

    fn image(&mut self) -> Result<Image, Stop> {
        // The old tag 255 has other numbers: 2 for reduced, 3 for a page.
        let subfile_type = match (self.numbers(254)?.first(), self.number(255, 0)?) {
            (Some(kind), _) => *kind as u32,
            (None, 2) => 1,
            (None, 3) => 2,
            (None, _) => 0,
        };
        // Overviews and masks are described by what they belong to.
        let about = if subfile_type & 5 == 0 { self.about()? } else { About::default() };
        let tile = match (self.number(322, 0)?, self.number(323, 0)?) {
            (0, 0) => None,
            tile => Some(tile),
        };
        let (offsets, counts) = match tile {
            Some(_) => (self.either(324, 273)?, self.either(325, 279)?),
            None => (self.either(273, 324)?, self.either(279, 325)?),
        };
        Ok(Image {
            subfile_type,
            width: self.number(256, 0)?,
            height: self.number(257, 0)?,
            samples: self.number(277, 1)?,
            bits: non_empty(self.numbers(258)?, 1),
            sample_format: non_empty(self.numbers(339)?, 1),
            compression: self.number(259, 1)?,
            predictor: self.number(317, 1)?,
            photometric: self.number(262, 1)?,
            fill_order: self.number(266, 1)?,
            planar: self.number(284, 1)?,
            tile,
            rows_per_strip: self.number(278, u64::MAX)?,
            offsets,
            counts,
            extra_samples: self.numbers(338)?,
            color_map: present(self.shorts(320))?.unwrap_or_default(),
            codec: CodecTags {
                jpeg_tables: present(self.bytes(347))?.unwrap_or_default(),
                t4_options: self.number(292, 0)? as u32,
                t6_options: self.number(293, 0)? as u32,
                lerc_parameters: self.numbers(50674)?.into_iter().map(|value| value as u32).collect(),
            },
            geo: Geo {
                pixel_scale: present(self.doubles(33550))?.unwrap_or_default(),
                tie_points: self.doubles(33922)?,
                transformation: self.doubles(34264)?,
                keys: GeoKeys {
                    directory: self.shorts(34735)?,
                    doubles: present(self.doubles(34736))?.unwrap_or_default(),
                    ascii: self.text(34737)?.unwrap_or_default(),
                },
            },
            nodata: present(self.text(42113))?.flatten().map(|text| text.trim().to_owned()),
            gdal_metadata: present(self.text(42112))?.flatten(),
            about,
            sub_directories: present(self.numbers(330))?.unwrap_or_default(),
            sub_of: None,
        })
    }
}

/// Numbers of a signed type.
fn signed(value: &ValueBuffer) -> Vec<i64> {
    let bytes = value.as_bytes();
    match value.data_type() {
        Type::SBYTE => bytes.iter().map(|byte| i64::from(*byte as i8)).collect(),
        Type::SSHORT => bytes.as_chunks().0.iter().map(|b| i64::from(i16::from_ne_bytes(*b))).collect(),
        Type::SLONG => bytes.as_chunks().0.iter().map(|b| i64::from(i32::from_ne_bytes(*b))).collect(),
        Type::SLONG8 => bytes.as_chunks().0.iter().map(|b| i64::from_ne_bytes(*b)).collect(),
        _ => Vec::new(),
    }
}

/// None for what cannot be read; bytes that are missing must be fetched all the same.
fn present<T>(read: Result<T, Stop>) -> Result<Option<T>, Stop> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Bad(_)) => Ok(None),
        Err(missing) => Err(missing),
    }
}

fn non_empty(mut values: Vec<u64>, default: u64) -> Vec<u64> {
    if values.is_empty() {
        values.push(default);
    }
    values
}

const fn type_size(kind: Type) -> u64 {
    match kind {
        Type::SHORT | Type::SSHORT => 2,
        Type::LONG | Type::SLONG | Type::FLOAT | Type::IFD => 4,
        Type::LONG8 | Type::SLONG8 | Type::DOUBLE | Type::RATIONAL | Type::SRATIONAL | Type::IFD8 => 8,
        _ => 1,
    }
}

/// A TIFF of one pixel, in the byte order and kind of the file.
///
/// `tiff::Decoder::new` reads the first image: it would load its block index as boxed values before a limit can be set,
/// and refuse files for pixels it need not decode. It gets this one instead.
fn stand_in(prelude: Prelude) -> Vec<u8> {
    const SHORT: u64 = 3;
    // Width, height, photometric interpretation, strip offset, strip byte count.
    let entries: [(u64, u64); 5] = [(256, 1), (257, 1), (262, 1), (273, 0), (279, 1)];
    let mut out = Vec::new();
    let mut put = |value: u64, size: usize| {
        let bytes = value.to_le_bytes();
        match prelude.little_endian {
            true => out.extend_from_slice(&bytes[..size]),
            false => out.extend(bytes[..size].iter().rev()),
        }
    };
    let (word, count) = if prelude.big_tiff { (8, 8) } else { (4, 2) };
    put(if prelude.little_endian { 0x4949 } else { 0x4d4d }, 2);
    put(if prelude.big_tiff { 43 } else { 42 }, 2);
    if prelude.big_tiff {
        put(8, 2);
        put(0, 2);
    }
    put(if prelude.big_tiff { 16 } else { 8 }, word);
    put(entries.len() as u64, count);
    for (tag, value) in entries {
        put(tag, 2);
        put(SHORT, 2);
        put(1, word);
        put(value, 2);
        put(0, word - 2);
    }
    put(0, word);
    out
}

/// The bytes of a file that were fetched so far.
#[derive(Debug)]
struct Pieces {
    size: u64,
    /// By where they begin. They overlap only where more was fed than was asked for.
    pieces: BTreeMap<u64, Bytes>,
}

impl Pieces {
    /// The bytes from `position` to the end of a piece that has it; none if no piece does.
    fn at(&self, position: u64) -> Option<&[u8]> {
        let rest =
            |(offset, bytes): (&u64, &'_ Bytes)| usize::try_from(position - offset).ok().filter(|at| *at < bytes.len());
        let pieces = self.pieces.range(..=position).rev();
        pieces.filter_map(|piece| Some(&piece.1[rest(piece)?..])).next()
    }

    /// The bytes around `position`, which no piece has, that no piece has either.
    fn gap(&self, position: u64) -> Range<u64> {
        let ends = self.pieces.range(..=position).map(|(offset, bytes)| offset + bytes.len() as u64);
        let next = self.pieces.range(position..).next().map_or(self.size, |(offset, _)| *offset);
        ends.max().unwrap_or(0)..next.min(self.size)
    }

    /// Exactly the `len` bytes from `offset` on.
    fn bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>, Stop> {
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        let end = end.ok_or_else(|| bad(format!("a directory at byte {offset} lies beyond the end of the file")))?;
        let mut out = Vec::new();
        let mut position = offset;
        while position < end {
            let Some(rest) = self.at(position) else { return Err(Stop::Missing(position..end)) };
            let take = rest.len().min((end - position) as usize);
            out.extend_from_slice(&rest[..take]);
            position += take as u64;
        }
        Ok(out)
    }
}

/// What the `tiff` crate reads from; notes what is missing.
struct Reader<'a> {
    pieces: &'a Pieces,
    stand_in: Option<Vec<u8>>,
    position: u64,
    missing: Option<Range<u64>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (size, rest) = match &self.stand_in {
            Some(bytes) => (bytes.len() as u64, bytes.get(self.position as usize..)),
            None => (self.pieces.size, self.pieces.at(self.position)),
        };
        if out.is_empty() || self.position >= size {
            return Ok(0);
        }
        let Some(rest) = rest else {
            let end = self.position.saturating_add(out.len() as u64);
            if end > size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.missing = Some(self.position..end);
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let take = rest.len().min(out.len());
        out[..take].copy_from_slice(&rest[..take]);
        self.position += take as u64;
        Ok(take)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.pieces.size.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
