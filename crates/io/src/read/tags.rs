//! The tags of one directory: the only module that names the `tiff` crate, which reads their values.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use swath_core::grid::GeoKeys;
use tiff::decoder::{Decoder, Limits as TiffLimits, ifd::Entry};
use tiff::tags::{ByteOrder, Tag, Type, ValueBuffer};
use tiff::{Directory, TiffError};

use super::header::{About, Geo, Image};
use super::pieces::{Pieces, Prelude, Stop, bad};
use crate::codec::CodecTags;

/// Tags of [`About::texts`], in the order in which they are read: name, description, software, date, artist, host,
/// copyright, and DGIWG's GEO_METADATA and TIFF_RSID.
const TEXTS: [u16; 9] = [269, 270, 305, 306, 315, 316, 33432, 50909, 50908];

/// The directory at `offset`, and where the next one of its chain is; `budget` is the bytes of tags that may still be read.
pub(super) fn read(
    pieces: &Pieces,
    prelude: Prelude,
    offset: u64,
    entries_max: u64,
    budget: &mut u64,
) -> Result<(Image, u64), Stop> {
    let (directory, next) = read_directory(pieces, prelude, offset, entries_max)?;
    let mut tags = Tags::new(pieces, prelude, &directory, *budget)?;
    let image = tags.image()?;
    *budget = tags.budget;
    Ok((image, next))
}

/// Reads the table of a directory. The tags' values are read by the `tiff` crate; the table is not, as tiff 0.11 loses
/// its place in a BigTIFF after an entry of a type it does not know, and loops over any count of entries.
fn read_directory(pieces: &Pieces, prelude: Prelude, offset: u64, entries_max: u64) -> Result<(Directory, u64), Stop> {
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
    Ok((directory, next))
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
        Ok(self.value(tag)?.map(|value| doubles(&value)).unwrap_or_default())
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
            _ => doubles(&value).first().map(|value| *value as f32),
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

/// Numbers of any type but quotients.
fn doubles(value: &ValueBuffer) -> Vec<f64> {
    let bytes = value.as_bytes();
    match value.data_type() {
        Type::DOUBLE => bytes.as_chunks().0.iter().map(|b| f64::from_ne_bytes(*b)).collect(),
        Type::FLOAT => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_ne_bytes(*b))).collect(),
        Type::BYTE => bytes.iter().map(|byte| f64::from(*byte)).collect(),
        Type::SHORT => bytes.as_chunks().0.iter().map(|b| f64::from(u16::from_ne_bytes(*b))).collect(),
        Type::LONG => bytes.as_chunks().0.iter().map(|b| f64::from(u32::from_ne_bytes(*b))).collect(),
        _ => signed(value).into_iter().map(|value| value as f64).collect(),
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
