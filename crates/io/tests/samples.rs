//! Samples of odd sizes, short floats and complex numbers become the pixels that GDAL makes of them.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod common;

use common::{read_level, write};
use swath_core::buffer::Buffer;
use swath_io::read::{GeoTiff, Interleave, Overview};
use swath_io::store::Io;

/// A little-endian file of one strip a plane.
struct File {
    columns: u32,
    rows: u32,
    bits: u32,
    samples: u32,
    format: u32,
    planar: u32,
    fill_order: u32,
    strips: Vec<Vec<u8>>,
}

impl File {
    fn bytes(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut put = |bytes: &[u8]| {
            data.extend_from_slice(bytes);
            8 + (data.len() - bytes.len()) as u32
        };
        let offsets: Vec<_> = self.strips.iter().map(|strip| put(strip)).collect();
        let counts: Vec<_> = self.strips.iter().map(|strip| strip.len() as u32).collect();
        let each = |value: u32| vec![value; self.samples as usize];
        let tags = [
            (256, vec![self.columns]),
            (257, vec![self.rows]),
            (258, each(self.bits)),
            (259, vec![1]),
            (262, vec![1]),
            (266, vec![self.fill_order]),
            (273, offsets),
            (277, vec![self.samples]),
            (278, vec![self.rows]),
            (279, counts),
            (284, vec![self.planar]),
            (339, each(self.format)),
        ];
        let mut table = (tags.len() as u16).to_le_bytes().to_vec();
        for (tag, values) in &tags {
            let longs: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            table.extend([(*tag as u16).to_le_bytes(), 4_u16.to_le_bytes()].concat());
            table.extend((values.len() as u32).to_le_bytes());
            match longs.len() {
                4 => table.extend(longs),
                _ => table.extend(put(&longs).to_le_bytes()),
            }
        }
        table.extend([0; 4]);
        let directory = 8 + data.len() as u32;
        [b"II\x2a\0".as_slice(), &directory.to_le_bytes(), &data, &table].concat()
    }

    fn read(&self) -> (GeoTiff, Buffer) {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "a file.tif", &self.bytes());
        let file = GeoTiff::open(&Io::shared().unwrap(), path.to_str().unwrap()).unwrap();
        let chunk = read_level(&file, &Overview::Full).unwrap();
        let data = chunk.data().clone();
        (file, data)
    }
}

/// Rows of numbers of `bits` bits, the most significant first, padded to bytes.
fn pack(values: &[u64], per_row: usize, bits: u32) -> Vec<u8> {
    values
        .chunks(per_row)
        .flat_map(|row| {
            let digits = row.iter().flat_map(|value| (0..bits).rev().map(move |bit| (value >> bit & 1) as u8));
            let digits: Vec<_> = digits.collect();
            digits
                .chunks(8)
                .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit) << (8 - byte.len()))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn widened(buffer: &Buffer) -> Vec<u64> {
    match buffer {
        Buffer::U8(data) => data.iter().map(|value| u64::from(*value)).collect(),
        Buffer::U16(data) => data.iter().map(|value| u64::from(*value)).collect(),
        Buffer::U32(data) => data.iter().map(|value| u64::from(*value)).collect(),
        other => panic!("{other:?} is not unsigned"),
    }
}

#[test]
fn integers_of_any_size_below_32_bits_are_widened() {
    let (columns, rows) = (7_usize, 5_usize);
    for bits in (1..32).filter(|bits| !matches!(bits, 8 | 16)) {
        for (samples, planar, format) in [(1, 1, 1), (3, 1, 1), (3, 2, 1), (1, 1, 2), (1, 1, 4)] {
            let pixels = columns * rows;
            let mask = (1_u64 << bits) - 1;
            let value = |band: usize, at: usize| (at as u64 + 1).wrapping_mul(0x9e37_79b9 + band as u64) >> 3 & mask;
            let planes: Vec<Vec<u64>> =
                (0..samples).map(|band| (0..pixels).map(|at| value(band, at)).collect()).collect();
            let strips = match planar {
                1 => {
                    let mixed: Vec<_> = (0..pixels).flat_map(|at| planes.iter().map(move |plane| plane[at])).collect();
                    vec![pack(&mixed, columns * samples, bits)]
                }
                _ => planes.iter().map(|plane| pack(plane, columns, bits)).collect(),
            };
            let mut file = File {
                columns: columns as u32,
                rows: rows as u32,
                bits,
                samples: samples as u32,
                format,
                planar,
                fill_order: 1,
                strips,
            };
            let (opened, got) = file.read();
            assert_eq!(got.dtype().size(), (bits as usize).div_ceil(8).next_power_of_two(), "{bits} bits");
            assert_eq!(widened(&got), planes.concat(), "{bits} bits, {samples} samples, planar {planar}");
            assert_eq!(opened.info().bits, bits);
            file.fill_order = 2;
            file.strips.iter_mut().flatten().for_each(|byte| *byte = byte.reverse_bits());
            assert_eq!(widened(&file.read().1), planes.concat(), "{bits} bits, reversed");
        }
    }
}

#[test]
fn short_floats_are_widened() {
    let file = |bits, strip: Vec<u8>| File {
        columns: 3,
        rows: 1,
        bits,
        samples: 1,
        format: 3,
        planar: 1,
        fill_order: 1,
        strips: vec![strip],
    };
    let half = [0x3c00_u16, 0xc000, 0x3555].iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let Buffer::F32(data) = file(16, half).read().1 else { panic!("no f32") };
    assert_eq!(data, [1.0, -2.0, 0.333_251_95]);
    let triple = [[0, 0, 0x3f], [0, 0x80, 0xc0], [0, 0, 0x7f]].concat();
    let Buffer::F32(data) = file(24, triple).read().1 else { panic!("no f32") };
    assert_eq!(data, [1.0, -3.0, f32::INFINITY]);
}

#[test]
fn a_complex_band_is_two() {
    let strip = |from: i16| (from..from + 8).flat_map(i16::to_le_bytes).collect::<Vec<_>>();
    let file = |planar, strips| File {
        columns: 2,
        rows: if planar == 1 { 1 } else { 2 },
        bits: 32,
        samples: 2,
        format: 5,
        planar,
        fill_order: 1,
        strips,
    };
    let (opened, Buffer::I16(data)) = file(1, vec![strip(0)]).read() else { panic!("no i16") };
    assert_eq!(data, [0, 4, 1, 5, 2, 6, 3, 7]);
    assert_eq!((opened.info().shape, opened.info().interleave), ([1, 4, 1, 2], Interleave::Pixel));
    assert!(opened.info().sample_format.is_complex());
    let (opened, Buffer::I16(data)) = file(2, vec![strip(0), strip(8)]).read() else { panic!("no i16") };
    assert_eq!(data, [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15]);
    assert_eq!((opened.info().shape, opened.info().interleave), ([1, 4, 2, 2], Interleave::Band));
}
