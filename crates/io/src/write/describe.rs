//! What a caller says of a file and its bands, as GDAL writes it: GDAL_METADATA (tag 42112), the colours of bands, and the
//! colour map (tag 320).

use std::fmt::Write as _;

use quick_xml::escape::escape;
use swath_core::dtype::DType;
use swath_core::error::{Error, Result};

use crate::printf;
use crate::read::{BandInfo, BandStatistics, ColorInterpretation, Metadata};

/// What is said of the pixels, but not by them.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    /// Band by band; of those behind the last, nothing.
    pub(super) bands: Vec<BandInfo>,
    pub(super) metadata: Metadata,
    pub(super) color_map: Option<Vec<[u8; 4]>>,
    /// Whether each band's statistics are said, too, once they are known.
    pub(super) statistics: bool,
}

/// TIFF's photometric interpretation, and what it makes of the first bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Photometric {
    pub(super) tag: u16,
    colors: &'static [ColorInterpretation],
}

/// TIFF's kinds of further samples (tag 338): of no kind, and opacity that colours were not multiplied by.
const UNSPECIFIED: u16 = 0;
const UNASSOCIATED_ALPHA: u16 = 2;

impl Photometric {
    const GRAY: Self = Self { tag: 1, colors: &[ColorInterpretation::Gray] };
    pub(super) const RGB: Self =
        Self { tag: 2, colors: &[ColorInterpretation::Red, ColorInterpretation::Green, ColorInterpretation::Blue] };
    const PALETTE: Self = Self { tag: 3, colors: &[ColorInterpretation::Palette] };
}

impl Description {
    /// Checks that a raster of so many bands of a dtype can be what is said.
    ///
    /// # Errors
    /// `InvalidInput` where more bands are described than there are, or a colour map is given to what can have none.
    pub(super) fn check(&self, bands: usize, dtype: DType) -> Result<()> {
        if self.bands.len() > bands {
            return Err(Error::invalid(format!("{} bands are described, but there are {bands}", self.bands.len())));
        }
        let Some(map) = &self.color_map else { return Ok(()) };
        let values = match dtype {
            DType::U8 => 1 << 8,
            DType::U16 => 1 << 16,
            _ => return Err(Error::invalid(format!("a colour map is for u8 and u16, not for {dtype}"))),
        };
        match map.len() {
            _ if bands > 1 => Err(Error::invalid(format!("a colour map is for one band, not for {bands}"))),
            len if len > values => Err(Error::invalid(format!(
                "a colour map of {len} colours is larger than the {values} values of {dtype}"
            ))),
            _ => Ok(()),
        }
    }

    /// What the first bands are: a colour map's indices, RGB where they are said to be, or are three or four bands of u8 of
    /// which nothing else is said, as GDAL decides.
    ///
    /// The fourth band is left unspecified, where GDAL says alpha: it may as well be infrared, and nobody said.
    pub(super) fn photometric(&self, bands: usize, dtype: DType) -> Photometric {
        if self.color_map.is_some() {
            return Photometric::PALETTE;
        }
        let said: Vec<_> = (0..bands.min(3)).map(|band| self.color(band)).collect();
        let is_rgb = said == Photometric::RGB.colors && matches!(dtype, DType::U8 | DType::U16);
        let is_unsaid = said.iter().all(|color| *color == ColorInterpretation::Undefined);
        match (bands, dtype) {
            (3 | 4, DType::U8) if is_unsaid => Photometric::RGB,
            _ if is_rgb => Photometric::RGB,
            _ => Photometric::GRAY,
        }
    }

    fn color(&self, band: usize) -> ColorInterpretation {
        self.bands.get(band).map_or(ColorInterpretation::Undefined, |band| band.color)
    }

    /// What the bands are that the photometric interpretation does not account for.
    pub(super) fn extra_samples(&self, bands: usize, photometric: Photometric) -> Vec<u16> {
        let kind = |band: usize| match self.color(band) {
            ColorInterpretation::Alpha => UNASSOCIATED_ALPHA,
            _ => UNSPECIFIED,
        };
        (photometric.colors.len()..bands).map(kind).collect()
    }

    /// The colour map as TIFF has it: all reds, all greens, all blues, of 16 bits; black beyond its end.
    pub(super) fn color_map(&self, dtype: DType) -> Option<Vec<u16>> {
        let map = self.color_map.as_ref()?;
        let of = |color: usize| {
            let told = map.iter().map(move |entry| u16::from(entry[color]) * 257);
            told.chain(std::iter::repeat(0)).take(1 << (8 * dtype.size()))
        };
        Some((0..3).flat_map(of).collect())
    }

    /// GDAL's XML; none where nothing is to be said. Where statistics are, those known of each band, and blanks behind it up
    /// to the length that it has with the longest.
    pub(super) fn to_xml(
        &self,
        photometric: Photometric,
        bands: usize,
        known: &[Option<BandStatistics>],
    ) -> Option<String> {
        let items = self.items(photometric, known);
        if !self.statistics {
            return (!items.is_empty()).then(|| document(&items));
        }
        let length = document(&self.items(photometric, &vec![Some(LONGEST); bands])).len();
        let xml = document(&items);
        let blanks = " ".repeat(length - xml.len());
        Some(xml + &blanks)
    }

    fn items(&self, photometric: Photometric, known: &[Option<BandStatistics>]) -> String {
        let mut items = String::new();
        // What GDAL makes of other tags, and does not write here either.
        let is_derived = |domain: &str, name: &str| {
            ["IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "RPC"].contains(&domain) || name == "AREA_OR_POINT"
        };
        for domain in self.metadata.domains() {
            for (name, value) in self.metadata.domain(domain).filter(|(name, _)| !is_derived(domain, name)) {
                item(&mut items, name, value, None, domain, "");
            }
        }
        for (index, band) in self.bands.iter().enumerate() {
            let mut own = |name: &str, value: &str, role: &str| item(&mut items, name, value, Some(index), "", role);
            let number = |value: f64| printf::general(value, 17);
            if let Some(description) = &band.description {
                own("DESCRIPTION", description, "description");
            }
            if let Some((scale, offset)) = band.scale_offset() {
                own("OFFSET", &number(offset), "offset");
                own("SCALE", &number(scale), "scale");
            }
            if let Some(unit) = &band.unit {
                own("UNITTYPE", unit, "unittype");
            }
            // The photometric interpretation and further samples tell the others.
            let implied = photometric.colors.get(index).copied();
            let is_alpha = implied.is_none() && band.color == ColorInterpretation::Alpha;
            if band.color != ColorInterpretation::Undefined && implied != Some(band.color) && !is_alpha {
                own("COLORINTERP", band.color.name(), "colorinterp");
            }
            for domain in band.metadata.domains() {
                // Of pixels that may be others now.
                let stays = |(name, _): &(&str, &str)| !name.starts_with("STATISTICS_");
                for (name, value) in band.metadata.domain(domain).filter(stays) {
                    item(&mut items, name, value, Some(index), domain, "");
                }
            }
        }
        for (index, statistics) in known.iter().enumerate() {
            for (name, value) in statistics.iter().flat_map(statistics_items) {
                item(&mut items, name, &value, Some(index), "", "");
            }
        }
        items
    }
}

fn document(items: &str) -> String {
    format!("<GDALMetadata>\n{items}</GDALMetadata>\n")
}

/// Statistics that take as much room as any.
const LONGEST: BandStatistics = {
    let number = Some(-1.234_567_890_123_4e-308);
    BandStatistics {
        minimum: number,
        maximum: number,
        mean: number,
        standard_deviation: number,
        valid_percent: Some(1.234e-15),
        approximate: false,
    }
};

/// As GDAL names them, with as many digits, in its order.
fn statistics_items(statistics: &BandStatistics) -> impl Iterator<Item = (&'static str, String)> {
    [
        ("STATISTICS_MAXIMUM", statistics.maximum, 14),
        ("STATISTICS_MEAN", statistics.mean, 14),
        ("STATISTICS_MINIMUM", statistics.minimum, 14),
        ("STATISTICS_STDDEV", statistics.standard_deviation, 14),
        ("STATISTICS_VALID_PERCENT", statistics.valid_percent, 4),
    ]
    .into_iter()
    .filter_map(|(name, value, digits)| Some((name, printf::general(value?, digits))))
}

fn item(out: &mut String, name: &str, value: &str, band: Option<usize>, domain: &str, role: &str) {
    // GDAL undoes two escapes of a value, as it makes two.
    let value = escape(value).into_owned();
    let sample = band.map_or(String::new(), |band| format!(" sample=\"{band}\""));
    let attribute = |key: &str, value: &str| match value {
        "" => String::new(),
        _ => format!(" {key}=\"{}\"", escape(value)),
    };
    let _ = writeln!(
        out,
        "  <Item name=\"{}\"{sample}{}{}>{}</Item>",
        escape(name),
        attribute("role", role),
        attribute("domain", domain),
        escape(&value)
    );
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn described(bands: Vec<BandInfo>) -> Description {
        Description { bands, ..Description::default() }
    }

    fn colored(colors: &[ColorInterpretation]) -> Description {
        described(colors.iter().map(|color| BandInfo { color: *color, ..BandInfo::default() }).collect())
    }

    #[test]
    fn what_is_said_is_written_as_gdal_does() {
        use ColorInterpretation::{Gray, NearInfrared};
        let mut told = described(vec![
            BandInfo {
                color: Gray,
                scale: Some(0.0001),
                offset: Some(-0.1),
                unit: Some("W/m²".into()),
                description: Some("a < b & \"c\"".into()),
                metadata: [("", "STATISTICS_MEAN", "5"), ("own", "day", "7")].into_iter().collect(),
                ..BandInfo::default()
            },
            BandInfo { color: NearInfrared, ..BandInfo::default() },
        ]);
        told.metadata =
            [("", "AREA_OR_POINT", "Area"), ("", "AUTHOR", "me"), ("IMAGE_STRUCTURE", "X", "1")].into_iter().collect();
        let xml = told.to_xml(told.photometric(2, DType::U16), 2, &[]).unwrap();
        expect![[r#"
            <GDALMetadata>
              <Item name="AUTHOR">me</Item>
              <Item name="DESCRIPTION" sample="0" role="description">a &amp;lt; b &amp;amp; &amp;quot;c&amp;quot;</Item>
              <Item name="OFFSET" sample="0" role="offset">-0.10000000000000001</Item>
              <Item name="SCALE" sample="0" role="scale">0.0001</Item>
              <Item name="UNITTYPE" sample="0" role="unittype">W/m²</Item>
              <Item name="day" sample="0" domain="own">7</Item>
              <Item name="COLORINTERP" sample="1" role="colorinterp">NIR</Item>
            </GDALMetadata>
        "#]]
        .assert_eq(&xml);
        assert_eq!(Description::default().to_xml(Photometric::RGB, 3, &[]), None);
    }

    #[test]
    fn statistics_leave_the_length_as_it_was_reserved() {
        let told = Description {
            statistics: true,
            ..described(vec![BandInfo { unit: Some("m²".into()), ..BandInfo::default() }])
        };
        let xml = |known: &[Option<BandStatistics>]| told.to_xml(Photometric::GRAY, 2, known).unwrap();
        let of = |number: f64, valid_percent: f64| {
            let number = Some(number);
            let (minimum, maximum, mean, standard_deviation) = (number, number, number, number);
            let valid_percent = Some(valid_percent);
            Some(BandStatistics { minimum, maximum, mean, standard_deviation, valid_percent, approximate: false })
        };
        let reserved = xml(&[]).len();
        for number in [0.0, f64::MIN, -f64::MIN_POSITIVE, 5e-324, -1.0 / 3.0, 1e15, -123_456_789_012_345.6] {
            assert_eq!(xml(&[of(number, 1e-14), of(number, 100.0 / 3.0)]).len(), reserved, "{number}");
        }
        expect![[r#"
            <GDALMetadata>
              <Item name="UNITTYPE" sample="0" role="unittype">m²</Item>
              <Item name="STATISTICS_MAXIMUM" sample="1">0.5</Item>
              <Item name="STATISTICS_MEAN" sample="1">0.5</Item>
              <Item name="STATISTICS_MINIMUM" sample="1">0.5</Item>
              <Item name="STATISTICS_STDDEV" sample="1">0.5</Item>
              <Item name="STATISTICS_VALID_PERCENT" sample="1">33.33</Item>
            </GDALMetadata>
        "#]]
        .assert_eq(xml(&[None, of(0.5, 100.0 / 3.0)]).trim_end_matches(' '));
    }

    #[test]
    fn three_or_four_bands_of_u8_are_rgb_unless_something_else_is_said() {
        use ColorInterpretation::{Alpha, Blue, Gray, Green, Red};
        let none = Description::default();
        for bands in [3, 4] {
            assert_eq!(none.photometric(bands, DType::U8), Photometric::RGB);
        }
        for (bands, dtype) in [(1, DType::U8), (2, DType::U8), (5, DType::U8), (3, DType::U16), (3, DType::Bool)] {
            assert_eq!(none.photometric(bands, dtype), Photometric::GRAY);
        }
        let rgb = colored(&[Red, Green, Blue, Alpha]);
        assert_eq!(rgb.photometric(4, DType::U16), Photometric::RGB);
        assert_eq!(rgb.photometric(4, DType::F32), Photometric::GRAY);
        assert_eq!(rgb.extra_samples(4, Photometric::RGB), [UNASSOCIATED_ALPHA]);
        assert_eq!(rgb.to_xml(Photometric::RGB, 4, &[]), None);
        assert_eq!(colored(&[Gray]).photometric(3, DType::U8), Photometric::GRAY);
        assert_eq!(none.extra_samples(3, Photometric::GRAY), [UNSPECIFIED; 2]);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let check = |told: &Description, bands, dtype| told.check(bands, dtype).unwrap_err().message().to_owned();
        assert_eq!(
            check(&colored(&[ColorInterpretation::Gray; 3]), 2, DType::U8),
            "3 bands are described, but there are 2"
        );
        let map = |len| Description { color_map: Some(vec![[1, 2, 3, 255]; len]), ..Description::default() };
        assert_eq!(check(&map(2), 1, DType::F32), "a colour map is for u8 and u16, not for f32");
        assert_eq!(check(&map(2), 2, DType::U8), "a colour map is for one band, not for 2");
        assert_eq!(check(&map(257), 1, DType::U8), "a colour map of 257 colours is larger than the 256 values of u8");
        map(256).check(1, DType::U8).unwrap();
        let written = map(2).color_map(DType::U8).unwrap();
        assert_eq!((written.len(), &written[..3], &written[256..259]), (768, &[257, 257, 0][..], &[514, 514, 0][..]));
    }
}
