//! The colour map of a file (tag 320), in the eight bits that GDAL shows.

use super::describe::number;
use super::header::Image;

/// Bits of a sample beyond which there is no map, as in GDAL.
const BITS_MAX: u64 = 16;

/// Red, green, blue and opacity of each value; none where the file has no map and needs none.
///
/// Files of one bit, and MinIsWhite files of up to 16, have one without a tag: black and white, or falling greys. Of a
/// tag, values are divided by 257, by 256 where all are multiples of that, or left where none is larger than 255; the
/// entry of the nodata value is transparent.
pub(super) fn color_map(image: &Image) -> Option<Vec<[u8; 4]>> {
    let bits = image.bits.first().copied().filter(|bits| (1..=BITS_MAX).contains(bits))?;
    // Decoded to RGB.
    if bits <= 8 && matches!(image.photometric, 5 | 6 | 8 | 32844 | 32845) {
        return None;
    }
    let count = 1_usize << bits;
    match stored(image, count) {
        Some(map) => Some(map),
        None if image.photometric == 0 => {
            let falling = |index| (255 * (count - 1 - index) / (count - 1)) as u8;
            Some((0..count).map(falling).map(|grey| [grey, grey, grey, 255]).collect())
        }
        None if bits == 1 && image.samples == 1 => Some(vec![[0, 0, 0, 255], [255; 4]]),
        None => None,
    }
}

fn stored(image: &Image, count: usize) -> Option<Vec<[u8; 4]>> {
    let map = &image.color_map;
    // libtiff reads a map of another length as none.
    if map.len() < count.checked_mul(3)? {
        return None;
    }
    let map = &map[..count * 3];
    let divisor = match map.iter().copied().max() {
        Some(1..=255) => 1,
        Some(256..) if map.iter().all(|value| value % 256 == 0) => 256,
        _ => 257,
    };
    let nodata = image.nodata.as_deref().filter(|text| !text.is_empty()).map(|text| number(text).trunc());
    let entry = |index: usize| {
        let [red, green, blue] = [0, 1, 2].map(|color| (map[color * count + index] / divisor) as u8);
        [red, green, blue, if nodata == Some(index as f64) { 0 } else { 255 }]
    };
    Some((0..count).map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(bits: u64, photometric: u64, color_map: &[u16]) -> Image {
        Image { bits: vec![bits], samples: 1, photometric, color_map: color_map.to_vec(), ..Image::default() }
    }

    #[test]
    fn maps_are_divided_by_what_they_were_multiplied_with() {
        let first = |map: &[u16]| color_map(&image(1, 3, map)).unwrap();
        assert_eq!(first(&[0, 65535, 0, 257, 0, 514]), [[0, 0, 0, 255], [255, 1, 2, 255]]);
        assert_eq!(first(&[0, 65280, 0, 256, 0, 512]), [[0, 0, 0, 255], [255, 1, 2, 255]]);
        assert_eq!(first(&[0, 255, 0, 1, 0, 2]), [[0, 0, 0, 255], [255, 1, 2, 255]]);
        let nodata = Image { nodata: Some("1".into()), ..image(1, 3, &[0, 65535, 0, 0, 0, 0]) };
        assert_eq!(color_map(&nodata).unwrap()[1], [255, 0, 0, 0]);
    }

    #[test]
    fn a_map_follows_from_the_photometric_interpretation_too() {
        assert_eq!(color_map(&image(1, 1, &[])), Some(vec![[0, 0, 0, 255], [255; 4]]));
        assert_eq!(
            color_map(&image(2, 0, &[])).unwrap().iter().map(|entry| entry[0]).collect::<Vec<_>>(),
            [255, 170, 85, 0]
        );
        assert_eq!(color_map(&image(8, 1, &[])), None);
        assert_eq!(color_map(&image(32, 0, &[])), None);
        assert_eq!(color_map(&image(8, 3, &[1, 2, 3])), None);
    }
}
