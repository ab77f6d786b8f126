//! Files of several images: pages, overviews, masks, and what lies beside them.
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;

use swath_core::buffer::Buffer;
use swath_core::error::{ErrorKind, Result};
use swath_core::source::{ChunkSource, Place};
use swath_core::testing::check_source;
use swath_io::read::header::{Parser, Step};
use swath_io::read::{Chunks, GeoTiff, Limits, Overview, ReadOptions, Validity};
use swath_io::store::Io;

/// An uncompressed image of one strip, and its further tags as tag, type and bytes.
#[derive(Clone)]
struct Image {
    subfile_type: u32,
    width: u32,
    height: u32,
    bits: u16,
    data: Vec<u8>,
    more: Vec<(u16, u16, Vec<u8>)>,
}

impl Image {
    fn new(subfile_type: u32, width: u32, height: u32, value: u8) -> Self {
        let data = vec![value; (width * height) as usize];
        Self { subfile_type, width, height, bits: 8, data, more: Vec::new() }
    }

    /// A mask of one bit, whose rows are these bytes.
    fn mask(subfile_type: u32, width: u32, rows: &[&[u8]]) -> Self {
        let data = rows.concat();
        Self { subfile_type, width, height: rows.len() as u32, bits: 1, data, more: Vec::new() }
    }

    fn text(mut self, tag: u16, text: &str) -> Self {
        self.more.push((tag, 2, [text.as_bytes(), &[0]].concat()));
        self
    }
}

/// A little-endian TIFF of these images in a chain.
fn tiff(images: &[Image]) -> Vec<u8> {
    let mut out = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for image in images {
        let mut place = |bytes: &[u8]| {
            let at = out.len() as u32;
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(4), 0);
            at
        };
        let at = place(&image.data);
        let long = |value: u32| (4_u16, 1_u32, value.to_le_bytes());
        let mut entries = vec![
            (254, long(image.subfile_type)),
            (256, long(image.width)),
            (257, long(image.height)),
            (258, long(image.bits.into())),
            (259, long(1)),
            (262, long(1)),
            (273, long(at)),
            (277, long(1)),
            (278, long(image.height)),
            (279, long(image.data.len() as u32)),
        ];
        for (tag, kind, bytes) in &image.more {
            let mut value = [0; 4];
            match bytes.len() {
                len @ 0..=4 => value[..len].copy_from_slice(bytes),
                _ => value = place(bytes).to_le_bytes(),
            }
            entries.push((*tag, (*kind, bytes.len() as u32, value)));
        }
        entries.sort_by_key(|(tag, _)| *tag);
        let directory = out.len() as u32;
        out[link..link + 4].copy_from_slice(&directory.to_le_bytes());
        out.extend((entries.len() as u16).to_le_bytes());
        for (tag, (kind, count, value)) in entries {
            out.extend(u16::to_le_bytes(tag));
            out.extend(kind.to_le_bytes());
            out.extend(count.to_le_bytes());
            out.extend(value);
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

fn write(folder: &Path, name: &str, images: &[Image]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, tiff(images)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn open(uri: &str, options: &ReadOptions) -> Result<GeoTiff> {
    GeoTiff::open_with(&Io::shared()?, uri, options)
}

/// The first block, which is all there is.
fn block(source: &dyn ChunkSource) -> Buffer {
    assert!(matches!(source.place(0).unwrap(), Place::Direct { .. }));
    source.decode(0, &[]).unwrap().data().clone()
}

fn first_pixel(file: &GeoTiff, overview: &Overview) -> f64 {
    block(&file.source(overview, Chunks::Auto).unwrap()).get(0).to_f64()
}

#[test]
fn a_mask_of_bits_is_true_where_they_are_set_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let uri = write(
        folder.path(),
        "a.tif",
        &[
            Image::new(0, 10, 2, 7),
            Image::mask(4, 10, &[&[0b1000_0000, 0b0100_0000], &[0, 0b1000_0000]]),
            Image::new(1, 5, 1, 8),
            Image::mask(5, 5, &[&[0b0110_0000]]),
        ],
    );
    let file = open(&uri, &ReadOptions::default()).unwrap();
    assert_eq!((file.validity(), file.info().masks, file.overview_count()), (Validity::Mask, 2, 1));
    let mask = file.mask(&Overview::Full, Chunks::Auto).unwrap().unwrap();
    assert_eq!((mask.meta().shape, mask.name().ends_with("a.tif")), ([1, 1, 2, 10], true));
    let Buffer::Bool(valid) = block(&mask) else { panic!("a mask is bool") };
    let set: Vec<_> = (0..20).filter(|index| valid[*index]).collect();
    assert_eq!(set, [0, 9, 18]);
    let small = file.mask(&Overview::Level(0), Chunks::Auto).unwrap().unwrap();
    assert_eq!(block(&small), Buffer::Bool(vec![false, true, true, false, false]));
    check_source(&mask);
}

#[test]
fn an_overview_without_the_mask_that_the_file_has_is_refused_as_valid() {
    let folder = tempfile::tempdir().unwrap();
    let images = [Image::new(0, 8, 1, 7), Image::mask(4, 8, &[&[0xf0]]), Image::new(1, 4, 1, 8)];
    let file = open(&write(folder.path(), "a.tif", &images), &ReadOptions::default()).unwrap();
    let error = file.mask(&Overview::Level(0), Chunks::Auto).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("level 0 has no mask of its own"), "{error}");
    let none = open(&write(folder.path(), "b.tif", &images[..1]), &ReadOptions::default()).unwrap();
    assert!(none.mask(&Overview::Full, Chunks::Auto).unwrap().is_none());
}

#[test]
fn pages_are_listed_and_opened_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let images = [
        Image::new(0, 8, 8, 1).text(270, "first\nand more"),
        Image::new(1, 4, 4, 2),
        Image::new(2, 6, 3, 3).text(42112, "<GDALMetadata><Item name=\"grid_name\">second</Item></GDALMetadata>"),
    ];
    let uri = write(folder.path(), "a.tif", &images);
    let page = |number| open(&uri, &ReadOptions { page: number, ..ReadOptions::default() });
    let info = page(0).unwrap().info();
    let listed: Vec<_> = info.pages.iter().map(|page| (page.width, page.directory, page.name.as_deref())).collect();
    assert_eq!(listed, [(8, Some(1), Some("first")), (6, Some(3), Some("second"))]);
    let second = page(1).unwrap();
    assert_eq!((second.overview_count(), second.info().shape), (0, [1, 1, 3, 6]));
    assert_eq!(first_pixel(&second, &Overview::Full), 3.0);
    assert_eq!(first_pixel(&page(0).unwrap(), &Overview::Level(0)), 2.0);
    let error = page(2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().ends_with("has no page 2: its 2 are counted from 0"), "{error}");
}

#[test]
fn what_lies_beside_a_file_is_used_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let uri = write(folder.path(), "a.tif", &[Image::new(0, 8, 8, 1)]);
    write(folder.path(), "a.tif.ovr", &[Image::new(1, 4, 4, 2), Image::new(1, 2, 2, 3)]);
    write(folder.path(), "a.tif.msk", &[Image::new(0, 8, 8, 255), Image::new(1, 4, 4, 0)]);
    let alone = open(&uri, &ReadOptions::default()).unwrap();
    assert_eq!((alone.overview_count(), alone.validity()), (0, Validity::All));
    let sidecars = ReadOptions { sidecars: true, ..ReadOptions::default() };
    let file = open(&uri, &sidecars).unwrap();
    assert_eq!((file.overview_count(), file.validity()), (2, Validity::Mask));
    assert!(file.info().overviews.iter().all(|overview| overview.beside));
    assert_eq!([0, 1].map(|level| first_pixel(&file, &Overview::Level(level))), [2.0, 3.0]);
    let masked = |level| block(&file.mask(&level, Chunks::Auto).unwrap().unwrap()).get(0).to_f64();
    assert_eq!((masked(Overview::Full), masked(Overview::Level(0))), (1.0, 0.0));

    // Without either it is the same file, and a damaged one is not passed over.
    let lonely = write(folder.path(), "b.tif", &[Image::new(0, 8, 8, 1)]);
    assert_eq!(open(&lonely, &sidecars).unwrap().overview_count(), 0);
    std::fs::write(folder.path().join("b.tif.ovr"), "no TIFF").unwrap();
    assert_eq!(open(&lonely, &sidecars).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn limits_are_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let uri = write(folder.path(), "a.tif", &[Image::new(0, 8, 8, 1), Image::new(0, 4, 4, 2)]);
    let limit = |limits: Limits| open(&uri, &ReadOptions { limits, ..ReadOptions::default() });
    let all = Limits::default();
    assert!(limit(all.clone()).is_ok());
    for (limits, message) in [
        (Limits { directories: 1, ..all.clone() }, "it has more than 1 directories"),
        (Limits { entries: 9, ..all.clone() }, "claims 10 entries"),
        (Limits { tag_bytes: 20, ..all.clone() }, "its tags are larger than the file, or than allowed"),
        (Limits { side: 7, ..all.clone() }, "an image of 8 × 8 pixels is beyond the limit of 7 a side"),
        (Limits { bands: 0, ..all.clone() }, "1 bands are beyond the limit of 0"),
        (Limits { block_bytes: 63, ..all }, "blocks of 64 bytes are beyond the limit of 63"),
    ] {
        let error = limit(limits).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_text_that_cannot_be_read_is_left_out_and_the_pixels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = tiff(&[Image::new(0, 8, 8, 1).text(305, "a writer of files").text(306, "2026:11:29")]);
    // The software's offset lies beyond the end of the file.
    let entry = bytes.windows(4).position(|window| window == [0x31, 0x01, 2, 0]).unwrap();
    bytes[entry + 8..entry + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let path = folder.path().join("a.tif");
    std::fs::write(&path, bytes).unwrap();
    let file = open(path.to_str().unwrap(), &ReadOptions::default()).unwrap();
    let info = file.info();
    assert_eq!(info.metadata.domain("").collect::<Vec<_>>(), [("TIFFTAG_DATETIME", "2026:11:29")]);
    assert_eq!(first_pixel(&file, &Overview::Full), 1.0);
}

/// Bytes of a file of one image of 4 × 4 pixels, those of its entry of `tag` changed.
fn changed(tag: u16, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut file = tiff(&[Image { data: (0..16).collect(), ..Image::new(0, 4, 4, 0) }]);
    let directory = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let entry = file[directory + 2..].chunks_exact_mut(12).find(|entry| entry[..2] == tag.to_le_bytes()).unwrap();
    change(entry);
    file
}

/// What libtiff mends is mended, as GDAL shows the pixels without a word.
#[test]
fn what_libtiff_mends_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let tag = |tag: u16| move |entry: &mut [u8]| entry[..2].copy_from_slice(&tag.to_le_bytes());
    let value = |value: u32| move |entry: &mut [u8]| entry[8..].copy_from_slice(&value.to_le_bytes());
    let kind = |kind: u16| move |entry: &mut [u8]| entry[2..4].copy_from_slice(&kind.to_le_bytes());
    let mut endless = changed(254, |_| ());
    let link = endless.len() - 4;
    endless[link..].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    for (name, file) in [
        ("offsets of tiles", changed(273, tag(324))),
        ("byte counts of tiles", changed(279, tag(325))),
        ("a byte count of 0", changed(279, value(0))),
        ("a byte count that is too small", changed(279, value(3))),
        ("a byte count beyond the end", changed(279, value(1 << 30))),
        ("no byte count", changed(279, tag(65000))),
        ("a signed width", changed(256, kind(9))),
        (
            "the first of two widths",
            changed(278, |entry| {
                tag(256)(entry);
                value(2)(entry)
            }),
        ),
        ("a chain that leads nowhere", endless),
    ] {
        let path = folder.path().join("mended.tif");
        std::fs::write(&path, file).unwrap();
        let file =
            open(path.to_str().unwrap(), &ReadOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let source = file.source(&Overview::Full, Chunks::Auto).unwrap();
        assert_eq!(block(&source), Buffer::from_vec((0..16_u8).collect()), "{name}");
    }
}

/// Directories one before the other are no reason to fetch a file twice.
#[test]
fn no_byte_is_asked_for_twice() {
    let images: Vec<_> = (0..300).map(|value| Image::new(2, 30, 30, value as u8)).collect();
    let mut file = tiff(&images);
    let number = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let mut directories = vec![number(&file, 4)];
    let link = |file: &[u8], at: usize| at + 2 + 12 * usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    while let next @ 1.. = number(&file, link(&file, *directories.last().unwrap())) {
        directories.push(next);
    }
    directories.reverse();
    let mut at = 4;
    for directory in directories.iter().copied().chain([0]) {
        file[at..at + 4].copy_from_slice(&(directory as u32).to_le_bytes());
        at = link(&file, directory.max(8));
    }
    let start = 1024;
    let mut parser = Parser::new("file", file.len() as u64, file[..start].to_vec().into(), 0, &Limits::default());
    let (mut fetched, mut requests) = (start, 0);
    let header = loop {
        match parser.step().unwrap() {
            Step::Done(header) => break header,
            Step::Need(range) => {
                requests += 1;
                fetched += (range.end - range.start) as usize;
                parser.feed(range.start, file[range.start as usize..range.end as usize].to_vec().into());
            }
        }
    };
    assert_eq!(header.images.len(), 300);
    assert!(fetched <= file.len() && requests < 20, "{fetched} bytes of {} by {requests} requests", file.len());
}
