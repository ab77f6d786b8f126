//! What the fuzz targets do with their bytes, and how seeds are written for them.

use std::cell::RefCell;
use std::io::Write;

use swath_core::source::{ChunkSource, Place};
use swath_io::codec::decode::Decoder;
use swath_io::codec::{BlockSpec, CodecTags, Compression, SampleFormat};
use swath_io::read::header::Image;
use swath_io::read::{Chunks, GeoTiff, Limits, Overview, ReadOptions};
use swath_io::store::Io;

/// So small that a run is fast; what lies beyond must be refused.
pub fn limits() -> Limits {
    Limits {
        directories: 16,
        entries: 64,
        sub_directories: 4,
        side: 4096,
        bands: 16,
        block_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// Blocks that are read of an image.
const BLOCKS_MAX: usize = 64;

/// Opens `data` as a file and reads its first blocks, level by level, and those of its masks.
///
/// # Panics
/// Where something is wrong with swath.
pub fn read_file(data: &[u8]) {
    thread_local! {
        static IO: Io = Io::new().expect("there is a thread to be had");
        static FILE: RefCell<tempfile::NamedTempFile> = RefCell::new(in_memory());
    }
    FILE.with_borrow_mut(|file| {
        file.as_file().set_len(0).expect("it is ours");
        std::io::Seek::rewind(file.as_file_mut()).expect("it is ours");
        file.write_all(data).expect("there is room for it");
        let path = file.path().to_str().expect("names of temporary files are ASCII");
        let options = ReadOptions { limits: limits(), ..ReadOptions::default() };
        let Ok(opened) = IO.with(|io| GeoTiff::open_with(io, path, &options)) else { return };
        let info = opened.info();
        let _ = format!("{info:?}");
        for level in 0..=opened.overview_count() {
            let overview = level.checked_sub(1).map_or(Overview::Full, Overview::Level);
            if let Ok(source) = opened.source(&overview, Chunks::Auto) {
                read_blocks(&source);
            }
            if let Ok(Some(mask)) = opened.mask(&overview, Chunks::Auto) {
                read_blocks(&mask);
            }
        }
    });
}

fn in_memory() -> tempfile::NamedTempFile {
    // Where the system has a folder in memory, it is faster and spares the disk.
    tempfile::NamedTempFile::new_in("/dev/shm")
        .or_else(|_| tempfile::NamedTempFile::new())
        .expect("there is a folder for it")
}

fn read_blocks(source: &dyn ChunkSource) {
    let blocks = source.blocks();
    for block in 0..blocks.len().min(BLOCKS_MAX) {
        match source.place(block) {
            Ok(Place::Constant(_)) | Err(_) => {}
            Ok(_) => {
                if let Ok(chunk) = source.decode(block, &[]) {
                    assert_eq!(chunk.shape(), blocks.region(block).shape, "a chunk is as large as its block");
                }
            }
        }
    }
}

/// Bytes before the stream of a codec's seed: what the block is.
const HEAD: usize = 12;

/// Decompresses the block that `data` describes, twice with one decoder.
///
/// # Panics
/// Where something is wrong with swath.
pub fn decode_block(codec: &str, data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<HEAD>() else { return };
    let tables = usize::from(u16::from_le_bytes([head[10], head[11]])).min(rest.len());
    let (tables, stream) = rest.split_at(tables);
    let tags = CodecTags {
        jpeg_tables: tables.to_vec(),
        t4_options: u32::from(head[7]),
        t6_options: u32::from(head[7]),
        lerc_parameters: vec![4, u32::from(head[8])],
    };
    let compression = match codec {
        "ccitt" => [Compression::CcittRle, Compression::CcittFax3, Compression::CcittFax4, Compression::CcittRleWords]
            [usize::from(head[9] % 4)],
        _ => compression(codec).expect("targets have names of codecs"),
    };
    let [rows, columns, rows_needed] = [head[0], head[1], head[2]].map(length);
    let format = SampleFormat::from_tag(u64::from(head[5] % 4)).unwrap_or_default();
    let block = BlockSpec {
        compression,
        rows,
        rows_needed: rows_needed.min(rows),
        columns,
        samples: usize::from(head[3] % 5) + 1,
        bits: [1, 8, 16, 32, 64, 12, 2, 4][usize::from(head[4] % 8)],
        format,
        photometric: u64::from(head[6] & 0x7f),
        little_endian: head[6] < 0x80,
        tags: &tags,
    };
    let mut decoder = Decoder::new();
    let (mut first, mut again) = (Vec::new(), vec![0x55; 100]);
    let is_ok = decoder.decompress(&block, stream, &mut first).is_ok();
    assert_eq!(decoder.decompress(&block, stream, &mut again).is_ok(), is_ok, "a block spoils the next");
    if is_ok {
        assert_eq!(first.len(), block.bytes(), "a block has its bytes");
        let needed = block.rows_needed * block.row_bytes();
        assert!(first[..needed] == again[..needed], "a block spoils the next");
    }
}

/// Rows or columns that a byte stands for: all up to 128, and multiples of 8 up to 1024.
fn length(byte: u8) -> usize {
    match usize::from(byte) {
        small @ ..128 => small + 1,
        large => (large - 127) * 8,
    }
}

fn compression(codec: &str) -> Option<Compression> {
    Some(match codec {
        "lzw" => Compression::Lzw,
        "deflate" => Compression::Deflate,
        "zstd" => Compression::Zstd,
        "packbits" => Compression::PackBits,
        "jpeg" => Compression::Jpeg,
        "webp" => Compression::WebP,
        "lerc" => Compression::Lerc,
        "lzma" => Compression::Lzma,
        _ => return None,
    })
}

/// The target for blocks of an image, and what stands before a block's stream in a seed.
pub fn seed_head(image: &Image) -> Option<(&'static str, Vec<u8>)> {
    let (target, variant) = match image.compression {
        2 => ("ccitt", 0),
        3 => ("ccitt", 1),
        4 => ("ccitt", 2),
        32771 => ("ccitt", 3),
        5 => ("lzw", 0),
        7 => ("jpeg", 0),
        8 | 32946 => ("deflate", 0),
        32773 => ("packbits", 0),
        34887 => ("lerc", 0),
        34925 => ("lzma", 0),
        50000 => ("zstd", 0),
        50001 => ("webp", 0),
        _ => return None,
    };
    let (columns, rows) = image.tile.unwrap_or((image.width, image.rows_per_strip.min(image.height)));
    let side = |wanted: u64| {
        (0..=u8::MAX).filter(|byte| length(*byte) as u64 <= wanted).max_by_key(|byte| length(*byte)).unwrap_or(0)
    };
    let samples = if image.planar == 2 { 1 } else { image.samples.clamp(1, 5) };
    let bits = [1, 8, 16, 32, 64, 12, 2, 4].iter().position(|bits| image.bits.first() == Some(bits)).unwrap_or(1);
    let format = image.sample_format.first().copied().unwrap_or(1);
    let lerc = image.codec.lerc_parameters.get(1).copied().unwrap_or(0);
    let mut head = vec![side(rows), side(columns), side(rows), samples as u8 - 1, bits as u8, format as u8];
    head.extend([image.photometric as u8 & 0x7f, image.codec.t4_options as u8, lerc as u8, variant]);
    head.extend(u16::try_from(image.codec.jpeg_tables.len()).ok()?.to_le_bytes());
    head.extend(&image.codec.jpeg_tables);
    Some((target, head))
}
