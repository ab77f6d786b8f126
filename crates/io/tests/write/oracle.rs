//! A reader of tiled TIFFs that is slow, obvious and shares no code with swath: tags by the `tiff` crate, the rest by
//! the letter of the specification.

use std::fs::File;
use std::path::Path;

use tiff::decoder::Decoder;
use tiff::tags::Tag;

/// What a file says and holds.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) tags: Vec<(u16, String)>,
    /// Samples as little-endian bytes, band-sequential, without padding.
    pub(crate) samples: Vec<u8>,
    /// Offset and length of each block.
    pub(crate) blocks: Vec<(u64, u64)>,
    pub(crate) is_big: bool,
}

pub(crate) fn read(path: &Path) -> Image {
    let bytes = std::fs::read(path).unwrap();
    let mut decoder = Decoder::new(File::open(path).unwrap()).unwrap();
    let tags = decoder.tag_iter().map(|entry| entry.unwrap()).map(|(tag, value)| (tag.to_u16(), format!("{value:?}")));
    let tags: Vec<_> = tags.collect();
    let mut list = |tag: u16| decoder.get_tag_u64_vec(Tag::from_u16_exhaustive(tag));
    let mut one = |tag: u16, default: u64| list(tag).map_or(default, |values| values[0]) as usize;
    let (width, height, bands) = (one(256, 0), one(257, 0), one(277, 1));
    let (tile_width, tile_height) = (one(322, 0), one(323, 0));
    let (compression, predictor, planar) = (one(259, 1), one(317, 1), one(284, 1) == 2);
    let size = one(258, 1) / 8;
    let offsets = list(324).unwrap();
    let lengths = list(325).unwrap();
    let blocks: Vec<_> = offsets.into_iter().zip(lengths).collect();

    let together = if planar { 1 } else { bands };
    let (across, down) = (width.div_ceil(tile_width), height.div_ceil(tile_height));
    assert_eq!(blocks.len(), across * down * bands / together, "count of blocks");
    let mut samples = vec![0; width * height * bands * size];
    for (index, (offset, length)) in blocks.iter().enumerate() {
        let encoded = &bytes[*offset as usize..][..*length as usize];
        let mut block = decompress(compression, encoded, tile_width * tile_height * together * size);
        for row in block.chunks_exact_mut(tile_width * together * size) {
            undo(predictor, size, together, row);
        }
        let (first_band, tile) = if planar { (index / (across * down), index % (across * down)) } else { (0, index) };
        for y in 0..tile_height {
            for x in 0..tile_width {
                let (row, column) = (tile / across * tile_height + y, tile % across * tile_width + x);
                if row >= height || column >= width {
                    continue;
                }
                for b in 0..together {
                    let from = ((y * tile_width + x) * together + b) * size;
                    let to = (((first_band + b) * height + row) * width + column) * size;
                    samples[to..to + size].copy_from_slice(&block[from..from + size]);
                }
            }
        }
    }
    Image { tags, samples, blocks, is_big: bytes[2] == 43 }
}

fn decompress(compression: usize, encoded: &[u8], length: usize) -> Vec<u8> {
    let mut block = vec![0; length];
    let decoded = match compression {
        1 => {
            block.copy_from_slice(encoded);
            length
        }
        5 => {
            let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
            block = decoder.decode(encoded).unwrap();
            block.len()
        }
        8 => libdeflater::Decompressor::new().zlib_decompress(encoded, &mut block).unwrap(),
        50000 => zstd::bulk::decompress_to_buffer(encoded, &mut block[..]).unwrap(),
        other => panic!("compression {other}"),
    };
    assert_eq!(decoded, length, "a block is as long as its pixels");
    block
}

fn undo(predictor: usize, size: usize, stride: usize, row: &mut [u8]) {
    match predictor {
        1 => {}
        2 => {
            for at in (stride * size..row.len()).step_by(size) {
                let mut carry = 0;
                for byte in at..at + size {
                    let sum = u16::from(row[byte]) + u16::from(row[byte - stride * size]) + carry;
                    row[byte] = sum as u8;
                    carry = sum >> 8;
                }
            }
        }
        3 => {
            for at in stride..row.len() {
                row[at] = row[at].wrapping_add(row[at - stride]);
            }
            let (planes, count) = (row.to_vec(), row.len() / size);
            for (at, byte) in row.iter_mut().enumerate() {
                *byte = planes[(size - 1 - at % size) * count + at / size];
            }
        }
        other => panic!("predictor {other}"),
    }
}
