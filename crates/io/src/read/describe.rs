//! What a file says of itself and its bands in GDAL's words: items, colours, scale and offset, statistics.

use super::band::{BandInfo, BandStatistics, ColorInterpretation, by_photometric};
use super::header::{About, Image};
use super::metadata::{self, Metadata};
use crate::printf::general;

/// Items of the file, and all that is known of each band.
pub(super) struct Description {
    pub(super) metadata: Metadata,
    pub(super) bands: Vec<BandInfo>,
}

/// What `image` says. `has_palette`: whether it has a colour map, or one that follows from its photometric
/// interpretation; `vertical_unit`: the unit of heights of its CRS, which is that of bands that name none.
pub(super) fn describe(image: &Image, bands: usize, has_palette: bool, vertical_unit: Option<&str>) -> Description {
    let colors = by_photometric(image, has_palette);
    let band = |index| BandInfo { color: colors(index), ..BandInfo::default() };
    let mut bands: Vec<_> = (0..bands).map(band).collect();
    let mut metadata = Metadata::default();
    tags(&image.about, &mut metadata);
    for item in image.gdal_metadata.as_deref().map(metadata::parse).unwrap_or_default() {
        // What a writer noted of its own compression; GDAL shows none of it.
        if item.domain.eq_ignore_ascii_case("IMAGE_STRUCTURE") {
            continue;
        }
        match item.band {
            None => metadata.insert(&item.domain, item.name, item.value),
            Some(index) => {
                if let Some(band) = bands.get_mut(index) {
                    band_item(band, &item);
                }
            }
        }
    }
    for band in &mut bands {
        band.statistics = BandStatistics::of(&band.metadata);
        if band.unit.is_none() {
            band.unit = vertical_unit.map(str::to_owned);
        }
    }
    Description { metadata, bands }
}

fn band_item(band: &mut BandInfo, item: &metadata::Item) {
    let value = &item.value;
    match item.role.to_ascii_lowercase().as_str() {
        "scale" => band.scale = Some(number(value)),
        "offset" => band.offset = Some(number(value)),
        "unittype" => band.unit = Some(value.clone()),
        "description" => band.description = Some(value.clone()),
        "colorinterp" => {
            band.color = ColorInterpretation::from_name(value).unwrap_or_default();
            if band.color == ColorInterpretation::Undefined && !value.eq_ignore_ascii_case("undefined") {
                band.metadata.insert("", "COLOR_INTERPRETATION", value);
            }
        }
        _ => band.metadata.insert(&item.domain, &item.name, value),
    }
}

/// As C's `atof`, but for hexadecimal: the number that a text starts with, 0 without any.
pub(super) fn number(text: &str) -> f64 {
    let text = text.trim();
    let ends = text.char_indices().map(|(at, char)| at + char.len_utf8()).rev();
    // Numbers are short: the rest of a long text cannot belong to one.
    ends.filter(|end| *end <= 400).find_map(|end| text[..end].parse().ok()).unwrap_or(0.0)
}

/// GDAL's names of [`About::texts`].
const NAMES: [(u16, &str); 9] = [
    (269, "TIFFTAG_DOCUMENTNAME"),
    (270, "TIFFTAG_IMAGEDESCRIPTION"),
    (305, "TIFFTAG_SOFTWARE"),
    (306, "TIFFTAG_DATETIME"),
    (315, "TIFFTAG_ARTIST"),
    (316, "TIFFTAG_HOSTCOMPUTER"),
    (33432, "TIFFTAG_COPYRIGHT"),
    (50909, "GEO_METADATA"),
    (50908, "TIFF_RSID"),
];

/// Names of the RPC domain, and how many numbers each has, in the order of tag 50844.
const RPC: [(&str, usize); 16] = [
    ("ERR_BIAS", 1),
    ("ERR_RAND", 1),
    ("LINE_OFF", 1),
    ("SAMP_OFF", 1),
    ("LAT_OFF", 1),
    ("LONG_OFF", 1),
    ("HEIGHT_OFF", 1),
    ("LINE_SCALE", 1),
    ("SAMP_SCALE", 1),
    ("LAT_SCALE", 1),
    ("LONG_SCALE", 1),
    ("HEIGHT_SCALE", 1),
    ("LINE_NUM_COEFF", 20),
    ("LINE_DEN_COEFF", 20),
    ("SAMP_NUM_COEFF", 20),
    ("SAMP_DEN_COEFF", 20),
];

/// TIFF's own tags as items.
fn tags(about: &About, metadata: &mut Metadata) {
    for (tag, text) in &about.texts {
        if let Some((_, name)) = NAMES.iter().find(|(number, _)| number == tag) {
            metadata.insert("", *name, text);
        }
    }
    for (name, value) in ["TIFFTAG_XRESOLUTION", "TIFFTAG_YRESOLUTION"].into_iter().zip(about.resolution) {
        if let Some(value) = value {
            metadata.insert("", name, general(value.into(), 8));
        }
    }
    if let Some(unit) = about.resolution_unit {
        let meaning = match unit {
            1 => " (unitless)",
            2 => " (pixels/inch)",
            3 => " (pixels/cm)",
            _ => "",
        };
        metadata.insert("", "TIFFTAG_RESOLUTIONUNIT", format!("{unit}{meaning}"));
    }
    for (name, value) in ["TIFFTAG_MINSAMPLEVALUE", "TIFFTAG_MAXSAMPLEVALUE"].into_iter().zip(about.sample_range) {
        if let Some(value) = value {
            metadata.insert("", name, value.to_string());
        }
    }
    if let Some(xmp) = &about.xmp {
        metadata.insert("xml:XMP", "", xmp);
    }
    if about.rpc.len() >= RPC.iter().map(|(_, count)| count).sum() {
        let mut rest = about.rpc.as_slice();
        for (name, count) in RPC {
            let (numbers, after) = rest.split_at(count);
            let texts: Vec<_> = numbers.iter().map(|number| general(*number, 15)).collect();
            metadata.insert("RPC", name, texts.join(" "));
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_have_what_their_items_say() {
        let xml = r#"<GDALMetadata>
            <Item name="SCALE" sample="0" role="scale">0.5</Item>
            <Item name="OFFSET" sample="0" role="offset">-3</Item>
            <Item name="UNITTYPE" sample="0" role="unittype">K</Item>
            <Item name="DESCRIPTION" sample="1" role="description">red edge</Item>
            <Item name="COLORINTERP" sample="1" role="colorinterp">Red</Item>
            <Item name="STATISTICS_MEAN" sample="1">4.5</Item>
            <Item name="LAYOUT" domain="IMAGE_STRUCTURE">x</Item>
            <Item name="lost" sample="7">x</Item>
        </GDALMetadata>"#;
        let image = Image { photometric: 1, gdal_metadata: Some(xml.into()), ..Image::default() };
        let Description { metadata, bands } = describe(&image, 2, false, Some("metre"));
        assert!(metadata.is_empty());
        assert_eq!((bands[0].scale, bands[0].offset, bands[0].unit.as_deref()), (Some(0.5), Some(-3.0), Some("K")));
        assert_eq!(bands[0].color, ColorInterpretation::Gray);
        assert_eq!((bands[1].description.as_deref(), bands[1].color), (Some("red edge"), ColorInterpretation::Red));
        assert_eq!((bands[1].unit.as_deref(), bands[1].scale), (Some("metre"), None));
        assert_eq!(bands[1].statistics.as_ref().and_then(|statistics| statistics.mean), Some(4.5));
    }

    #[test]
    fn tags_are_items_with_the_names_that_gdal_has_for_them() {
        let about = About {
            texts: vec![(270, "a scene".into())],
            resolution: [Some(204.0), Some(0.1)],
            resolution_unit: Some(2),
            rpc: (0..92).map(f64::from).collect(),
            ..About::default()
        };
        let Description { metadata, .. } = describe(&Image { about, ..Image::default() }, 1, false, None);
        assert_eq!(metadata.get("", "TIFFTAG_IMAGEDESCRIPTION"), Some("a scene"));
        assert_eq!(metadata.get("", "TIFFTAG_YRESOLUTION"), Some("0.1"));
        assert_eq!(metadata.get("", "TIFFTAG_RESOLUTIONUNIT"), Some("2 (pixels/inch)"));
        assert_eq!(metadata.get("RPC", "LINE_OFF"), Some("2"));
        assert!(metadata.get("RPC", "SAMP_DEN_COEFF").unwrap().ends_with("90 91"));
    }

    #[test]
    fn numbers_end_where_they_are_no_number_any_more() {
        for (text, value) in [("0.25", 0.25), (" 7 m", 7.0), ("1e3x", 1000.0), ("x", 0.0), ("", 0.0), ("5é", 5.0)] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
