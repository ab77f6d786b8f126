//! The levels of one page of a file: full resolution and overviews, each with its mask, in the file or beside it.

use std::sync::Arc;

use swath_core::dtype::Scalar;
use swath_core::error::{Error, Result};
use swath_core::grid::Grid;

use super::header::{Header, Image};
use super::level::Level;
use super::samples::Samples;
use super::{Limits, header, nodata};
use crate::store::File;

/// A file whose directories are read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) requests: u32,
    pub(super) header: Header,
}

/// One level.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) grid: Option<Arc<Grid>>,
    /// Its own nodata tag, as GDAL reads overviews, or that of the full resolution where it has none.
    pub(super) nodata: Option<Scalar>,
    pub(super) pixels: Stored,
    pub(super) mask: Option<Stored>,
}

/// Where pixels are.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) file: File,
    /// A level that this build cannot decode is an error when it is chosen, not before.
    pub(super) level: Result<Arc<Level>>,
}

impl Stored {
    fn new(parsed: &Parsed, image: &Image, limits: &Limits) -> Self {
        let codecs = &parsed.file.io().options().codecs;
        let level = limits.level(image, parsed.header.little_endian, parsed.size, codecs).map(Arc::new);
        Self { file: parsed.file.clone(), level }
    }
}

/// The images of a page.
pub(super) struct Page<'a> {
    /// Its position among the images of the header.
    pub(super) index: usize,
    pub(super) full: &'a Image,
    /// Largest first.
    pub(super) overviews: Vec<&'a Image>,
    /// Those of the full resolution and of overviews.
    pub(super) masks: Vec<&'a Image>,
}

impl<'a> Page<'a> {
    /// Page `number` of a file; none where there is none.
    ///
    /// Overviews and masks in the chain belong to the first page, whatever stands between, as GDAL reads them; those of
    /// the others are in their SubIFDs.
    pub(super) fn of(header: &'a Header, number: usize) -> Option<Self> {
        let images = &header.images;
        let index = header::pages(images).nth(number)?;
        let full = &images[index];
        let belongs = |(at, image): &(usize, &Image)| {
            *at != index && (image.sub_of == Some(index) || index == 0 && image.sub_of.is_none())
        };
        let own = || images.iter().enumerate().filter(belongs).map(|(_, image)| image);
        let mut overviews: Vec<_> = own().filter(|image| is_overview(image, full)).collect();
        // GDAL's order is the file's, which is this one in all files that GDAL wrote.
        overviews.sort_by_key(|image| std::cmp::Reverse(image.width));
        let masks = own().filter(|image| image.is_mask() && is_maskable(image, full)).collect();
        Some(Self { index, full, overviews, masks })
    }

    /// The levels of the page, the full resolution first; `nodata` is the tag of the full resolution, `grid` gives the
    /// grid of a size.
    pub(super) fn entries(
        &self,
        parsed: &Parsed,
        limits: &Limits,
        nodata: Option<&str>,
        grid: impl Fn(usize, usize) -> Option<Arc<Grid>>,
    ) -> Vec<Entry> {
        let mut taken = vec![false; self.masks.len()];
        let levels = std::iter::once(self.full).chain(self.overviews.iter().copied()).enumerate();
        let entry = |(number, image): (usize, &Image)| {
            let same = |mask: &Image| {
                (mask.width, mask.height) == (image.width, image.height) && mask.is_reduced() == (number > 0)
            };
            let found = self.masks.iter().zip(&taken).position(|(mask, taken)| !*taken && same(mask));
            found.into_iter().for_each(|at| taken[at] = true);
            let (width, height) = (image.width as usize, image.height as usize);
            let pixels = Stored::new(parsed, image, limits);
            let text = image.nodata.as_deref().or(nodata);
            Entry {
                width,
                height,
                grid: grid(width, height),
                nodata: text.zip(pixels.level.as_ref().ok()).and_then(|(text, level)| nodata::parse(text, level.dtype)),
                pixels,
                mask: found.map(|at| Stored::new(parsed, self.masks[at], limits)),
            }
        };
        levels.map(entry).collect()
    }
}

/// Overviews out of a `.ovr` file: its first image is the largest.
pub(super) fn overviews_beside(
    parsed: &Parsed,
    full: &Image,
    limits: &Limits,
    grid: impl Fn(usize, usize) -> Option<Arc<Grid>>,
) -> Vec<Entry> {
    let Some(page) = Page::of(&parsed.header, 0).filter(|page| is_smaller_copy(page.full, full)) else {
        return Vec::new();
    };
    page.entries(parsed, limits, full.nodata.as_deref(), grid)
}

/// Gives levels that have none the masks of a `.msk` file, by size.
pub(super) fn masks_beside(parsed: &Parsed, full: &Image, limits: &Limits, entries: &mut [Entry]) {
    let Some(page) = Page::of(&parsed.header, 0) else { return };
    for image in std::iter::once(page.full).chain(page.overviews.iter().copied()) {
        let same = |entry: &&mut Entry| (entry.width as u64, entry.height as u64) == (image.width, image.height);
        if let Some(entry) = entries.iter_mut().find(same).filter(|entry| entry.mask.is_none()) {
            entry.mask = is_maskable(image, full).then(|| Stored::new(parsed, image, limits));
        }
    }
}

/// The error of a page that is not there.
pub(super) fn no_page(name: &str, number: usize, header: &Header) -> Error {
    let count = header::pages(&header.images).count();
    Error::invalid(format!("{name} has no page {number}: its {count} are counted from 0"))
}

/// Whether `image` is a smaller copy of `full`, with the same bands and samples.
fn is_overview(image: &Image, full: &Image) -> bool {
    image.is_reduced() && !image.is_mask() && is_smaller_copy(image, full)
}

fn is_smaller_copy(image: &Image, full: &Image) -> bool {
    let smaller = |part: u64, whole: u64| (1..=whole).contains(&part);
    // Tags may have a value for each band, or one, or none.
    let same = match (Samples::of(image), Samples::of(full)) {
        (Ok(samples), Ok(of_full)) => samples == of_full,
        _ => (&image.bits, &image.sample_format) == (&full.bits, &full.sample_format),
    };
    image.samples == full.samples && same && smaller(image.width, full.width) && smaller(image.height, full.height)
}

/// Whether samples can be a mask of `full`: unsigned, of at most eight bits, one for all its bands or one for each.
fn is_maskable(mask: &Image, full: &Image) -> bool {
    mask.bits.iter().all(|bits| (1..=8).contains(bits))
        && mask.sample_format.iter().all(|format| *format == 1 || *format == 4)
        && (mask.samples == 1 || mask.samples == full.samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(subfile_type: u32, width: u64) -> Image {
        Image {
            subfile_type,
            width,
            height: width,
            samples: 1,
            bits: vec![8],
            sample_format: vec![1],
            ..Image::default()
        }
    }

    fn header(images: Vec<Image>) -> Header {
        Header { big_tiff: false, little_endian: true, images, ghost: Vec::new() }
    }

    fn widths(images: &[&Image]) -> Vec<u64> {
        images.iter().map(|image| image.width).collect()
    }

    #[test]
    fn reduced_images_and_masks_of_the_chain_belong_to_the_first_page() {
        let sub = |image: Image, of| Image { sub_of: Some(of), ..image };
        let header = header(vec![
            image(0, 64),
            image(1, 16),
            image(4, 64),
            image(2, 50),
            image(1, 32),
            image(5, 32),
            sub(image(1, 25), 3),
            sub(image(0, 9), 0),
        ]);
        let first = Page::of(&header, 0).unwrap();
        assert_eq!((widths(&first.overviews), widths(&first.masks)), (vec![32, 16], vec![64, 32]));
        let second = Page::of(&header, 1).unwrap();
        assert_eq!((second.index, widths(&second.overviews)), (3, vec![25]));
        assert_eq!(Page::of(&header, 2).unwrap().full.width, 9);
        assert!(Page::of(&header, 3).is_none());
        let error = no_page("a.tif", 3, &header).to_string();
        assert_eq!(error, "a.tif has no page 3: its 3 are counted from 0");
    }

    #[test]
    fn images_of_other_samples_are_neither_overviews_nor_masks() {
        let wide = |kind, bits| Image { bits: vec![bits], ..image(kind, 32) };
        let header = header(vec![image(0, 64), wide(1, 16), wide(4, 16), wide(4, 1), image(1, 100)]);
        let page = Page::of(&header, 0).unwrap();
        assert_eq!((page.overviews.len(), page.masks.len()), (0, 1));
    }
}
