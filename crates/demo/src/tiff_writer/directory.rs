//! The head of the file: header, then each level's directory (IFD) followed by its tag arrays (TIFF 6.0, BigTIFF).

use std::io;

use super::level::{Layout, Level};
use super::{ByteOrder, Compression, Photometric, Predictor, TiffSpec, invalid};

/// Where the blocks of a level lie in the file.
#[derive(Debug, Clone)]
pub(super) struct BlockTable {
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl BlockTable {
    pub(super) fn new(block_count: usize) -> Self {
        Self { offsets: vec![0; block_count], lengths: vec![0; block_count] }
    }

    /// An empty block is an absent one: offset 0, length 0.
    pub(super) fn place(&mut self, block: usize, offset: u64, length: u64) {
        self.offsets[block] = if length == 0 { 0 } else { offset };
        self.lengths[block] = length;
    }
}

/// Header and directories; the length depends on the spec alone.
pub(super) fn head(spec: &TiffSpec, tables: &[BlockTable]) -> io::Result<Vec<u8>> {
    let mut head = Head { bytes: Vec::new(), order: spec.byte_order, big: spec.big_tiff };
    head.header();
    for (index, table) in tables.iter().enumerate() {
        head.directory(&entries(spec, index, table), index + 1 == tables.len())?;
    }
    Ok(head.bytes)
}

/// A tag's value, in the field type it is written with.
enum Value {
    Short(Vec<u16>),
    Long(u32),
    /// LONG, or LONG8 in BigTIFF.
    Offsets(Vec<u64>),
    Double(Vec<f64>),
    Ascii(String),
}

/// The tags of a level, sorted by number as TIFF wants them.
fn entries(spec: &TiffSpec, index: usize, table: &BlockTable) -> Vec<(u16, Value)> {
    use Value::{Ascii, Double, Long, Offsets, Short};

    let level = Level::of(spec, index);
    let bands = usize::from(spec.bands);
    let (photometric, own_bands) = match spec.photometric {
        Photometric::MinIsBlack => (1, 1),
        Photometric::Rgb => (2, 3),
    };
    let mut entries = vec![
        (256, Long(level.width)),
        (257, Long(level.height)),
        (258, Short(vec![8 * spec.dtype.size() as u16; bands])),
        (259, Short(vec![if spec.compression == Compression::None { 1 } else { 8 }])),
        (262, Short(vec![photometric])),
        (277, Short(vec![spec.bands])),
        (284, Short(vec![if spec.planar { 2 } else { 1 }])),
        (339, Short(vec![spec.dtype.format(); bands])),
    ];
    let (offsets, lengths) = (Offsets(table.offsets.clone()), Offsets(table.lengths.clone()));
    match level.layout {
        Layout::Tiled { width, height } => {
            entries.extend([(322, Long(width)), (323, Long(height)), (324, offsets), (325, lengths)]);
        }
        Layout::Striped { rows } => entries.extend([(273, offsets), (278, Long(rows)), (279, lengths)]),
    }
    if index > 0 {
        // NewSubfileType: a reduced version of another image of this file.
        entries.push((254, Long(1)));
    }
    match spec.predictor {
        Predictor::None => {}
        Predictor::Horizontal => entries.push((317, Short(vec![2]))),
        Predictor::FloatingPoint => entries.push((317, Short(vec![3]))),
    }
    if bands > own_bands {
        entries.push((338, Short(vec![0; bands - own_bands])));
    }
    if let (Some(geo), 0) = (&spec.geo, index) {
        entries.extend([(33550, Double(geo.pixel_scale())), (33922, Double(geo.tie_point()))]);
        entries.extend([(34735, Short(geo.keys())), (34737, Ascii(geo.citation()))]);
    }
    if let Some(nodata) = &spec.nodata {
        entries.push((42113, Ascii(nodata.clone())));
    }
    entries.sort_by_key(|(tag, _)| *tag);
    entries
}

/// The head under construction.
struct Head {
    bytes: Vec<u8>,
    order: ByteOrder,
    big: bool,
}

impl Head {
    fn header(&mut self) {
        self.bytes.extend(match self.order {
            ByteOrder::Little => b"II",
            ByteOrder::Big => b"MM",
        });
        if self.big {
            // Version, bytes of an offset, padding; then where the first directory is.
            self.bytes.extend([self.u16(43), self.u16(8), self.u16(0)].as_flattened());
            self.bytes.extend(self.u64(16));
        } else {
            self.bytes.extend(self.u16(42));
            self.bytes.extend(self.u32(8));
        }
    }

    /// Appends a directory and, behind it, the values that do not fit into its entries.
    fn directory(&mut self, entries: &[(u16, Value)], last: bool) -> io::Result<()> {
        let entry_bytes = if self.big { 20 } else { 12 };
        let fixed = if self.big { 16 } else { 6 };
        let mut arrays = Vec::new();
        let arrays_at = self.bytes.len() + fixed + entry_bytes * entries.len();
        self.bytes.extend(if self.big {
            self.u64(entries.len() as u64).to_vec()
        } else {
            self.u16(entries.len() as u16).to_vec()
        });
        for (tag, value) in entries {
            let (field_type, count, mut bytes) = self.encode(value)?;
            self.bytes.extend(self.u16(*tag));
            self.bytes.extend(self.u16(field_type));
            self.bytes.extend(self.offset(count as u64)?);
            if bytes.len() <= self.offset_bytes() {
                bytes.resize(self.offset_bytes(), 0);
                self.bytes.extend(bytes);
            } else {
                self.bytes.extend(self.offset((arrays_at + arrays.len()) as u64)?);
                arrays.extend(bytes);
                arrays.resize(arrays.len().next_multiple_of(8), 0);
            }
        }
        let next = if last { 0 } else { arrays_at + arrays.len() };
        self.bytes.extend(self.offset(next as u64)?);
        self.bytes.extend(arrays);
        Ok(())
    }

    /// Field type, count and bytes of a value.
    fn encode(&self, value: &Value) -> io::Result<(u16, usize, Vec<u8>)> {
        Ok(match value {
            Value::Ascii(text) => (2, text.len() + 1, text.bytes().chain([0]).collect()),
            Value::Short(values) => (3, values.len(), values.iter().flat_map(|&value| self.u16(value)).collect()),
            Value::Long(value) => (4, 1, self.u32(*value).to_vec()),
            Value::Double(values) => {
                (12, values.len(), values.iter().flat_map(|&value| self.u64(value.to_bits())).collect())
            }
            Value::Offsets(values) => {
                let bytes: io::Result<Vec<_>> = values.iter().map(|&value| self.offset(value)).collect();
                (if self.big { 16 } else { 4 }, values.len(), bytes?.concat())
            }
        })
    }

    fn offset_bytes(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn offset(&self, value: u64) -> io::Result<Vec<u8>> {
        if self.big {
            return Ok(self.u64(value).to_vec());
        }
        let value =
            u32::try_from(value).map_err(|_| invalid("the file outgrows classic TIFF: set big_tiff".to_owned()))?;
        Ok(self.u32(value).to_vec())
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }

    fn u64(&self, value: u64) -> [u8; 8] {
        match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }
}
