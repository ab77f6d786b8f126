//! Directories and tags, parsed out of whatever bytes are at hand.
//!
//! A [`Parser`] reads nothing by itself. It says which bytes it needs next and goes on when they are fed, so that one
//! implementation serves blocking and `async` callers, and a Cloud-Optimized GeoTIFF opens with the one request
//! that brought its start. Everything in a file is hostile: sizes are checked against the file's before anything is
//! allocated, and loops between directories end.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use swath_core::error::{Error, Result};
use swath_core::grid::GeoKeys;

use super::pieces::{Pieces, Prelude, Stop, bad};
use super::{Limits, ghost, tags};
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
        let pieces = Pieces::new(size, start);
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
        self.pieces.add(offset, bytes);
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
        tags::read(&self.pieces, prelude, offset, self.limits.entries, &mut self.budget)
    }
}
