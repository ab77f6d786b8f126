//! What can be told of a band without its pixels.

use super::header::Image;
use super::metadata::Metadata;

/// One band of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BandInfo {
    /// What its samples are.
    pub color: ColorInterpretation,
    /// What the physical value is per stored one; 1 where only an offset is given.
    pub scale: Option<f64>,
    /// The physical value of a stored 0.
    pub offset: Option<f64>,
    /// Unit of the physical values.
    pub unit: Option<String>,
    /// Name of the band.
    pub description: Option<String>,
    /// Statistics that the writer noted; nobody checks them.
    pub statistics: Option<BandStatistics>,
    /// Its other items, by domain, statistics among them.
    pub metadata: Metadata,
}

impl BandInfo {
    /// Scale and offset, where the file has either: the other is 1 or 0.
    pub fn scale_offset(&self) -> Option<(f64, f64)> {
        let given = self.scale.is_some() || self.offset.is_some();
        given.then(|| (self.scale.unwrap_or(1.0), self.offset.unwrap_or(0.0)))
    }
}

/// Statistics of a band as GDAL notes them (`STATISTICS_…`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BandStatistics {
    /// Least valid pixel.
    pub minimum: Option<f64>,
    /// Greatest valid pixel.
    pub maximum: Option<f64>,
    /// Mean of the valid pixels.
    pub mean: Option<f64>,
    /// Their standard deviation, over the whole population.
    pub standard_deviation: Option<f64>,
    /// Share of the pixels that are valid, in percent.
    pub valid_percent: Option<f64>,
    /// Whether they are of a part of the pixels, or of an overview.
    pub approximate: bool,
}

impl BandStatistics {
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        let item = |name: &str| metadata.get("", &format!("STATISTICS_{name}"));
        let number = |name| item(name)?.trim().parse().ok();
        let statistics = Self {
            minimum: number("MINIMUM"),
            maximum: number("MAXIMUM"),
            mean: number("MEAN"),
            standard_deviation: number("STDDEV"),
            valid_percent: number("VALID_PERCENT"),
            approximate: item("APPROXIMATE").is_some_and(|text| text.eq_ignore_ascii_case("yes")),
        };
        (statistics != Self { approximate: statistics.approximate, ..Self::default() }).then_some(statistics)
    }
}

macro_rules! interpretations {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What the samples of a band are; GDAL's kinds and names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum ColorInterpretation {
            /// Not said.
            #[default]
            Undefined,
            $($(#[$doc])* $variant,)*
        }

        impl ColorInterpretation {
            /// GDAL's name, such as `Gray`.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Undefined => "Undefined",
                    $(Self::$variant => $name,)*
                }
            }

            /// The one of this name, in any case; none for a name that GDAL has not.
            pub fn from_name(name: &str) -> Option<Self> {
                let all = [Self::Undefined, $(Self::$variant,)*];
                all.into_iter().find(|color| color.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

interpretations! {
    /// Shades of grey.
    Gray "Gray",
    /// Indices of a colour map.
    Palette "Palette",
    /// Red.
    Red "Red",
    /// Green.
    Green "Green",
    /// Blue.
    Blue "Blue",
    /// Opacity: 0 where there is no pixel.
    Alpha "Alpha",
    /// Hue of HLS.
    Hue "Hue",
    /// Saturation of HLS.
    Saturation "Saturation",
    /// Lightness of HLS.
    Lightness "Lightness",
    /// Cyan of CMYK.
    Cyan "Cyan",
    /// Magenta of CMYK.
    Magenta "Magenta",
    /// Yellow of CMYK.
    Yellow "Yellow",
    /// Black of CMYK.
    Black "Black",
    /// Luminance of YCbCr.
    YCbCrY "YCbCr_Y",
    /// Difference to blue of YCbCr.
    YCbCrCb "YCbCr_Cb",
    /// Difference to red of YCbCr.
    YCbCrCr "YCbCr_Cr",
    /// Panchromatic, 0.40 to 1 µm.
    Panchromatic "Pan",
    /// Coastal, 0.40 to 0.45 µm.
    Coastal "Coastal",
    /// Red edge, 0.69 to 0.79 µm.
    RedEdge "RedEdge",
    /// Near infrared, 0.75 to 1.40 µm.
    NearInfrared "NIR",
    /// Short-wave infrared, 1.40 to 3 µm.
    ShortWaveInfrared "SWIR",
    /// Mid-wave infrared, 3 to 8 µm.
    MidWaveInfrared "MWIR",
    /// Long-wave infrared, 8 to 15 µm.
    LongWaveInfrared "LWIR",
    /// Thermal infrared, 3 to 15 µm.
    ThermalInfrared "TIR",
    /// Another infrared.
    OtherInfrared "OtherIR",
    /// Radar, Ka band.
    SarKa "SAR_Ka",
    /// Radar, K band.
    SarK "SAR_K",
    /// Radar, Ku band.
    SarKu "SAR_Ku",
    /// Radar, X band.
    SarX "SAR_X",
    /// Radar, C band.
    SarC "SAR_C",
    /// Radar, S band.
    SarS "SAR_S",
    /// Radar, L band.
    SarL "SAR_L",
    /// Radar, P band.
    SarP "SAR_P",
}

/// What the samples are where no item says so, by the photometric interpretation (262) and the extra samples (338), as
/// GDAL reads them.
pub(super) fn by_photometric(image: &Image, has_palette: bool) -> impl Fn(usize) -> ColorInterpretation + '_ {
    use ColorInterpretation::{Alpha, Black, Blue, Cyan, Gray, Green, Magenta, Palette, Red, Undefined, Yellow};
    let extra = usize::try_from(image.samples).unwrap_or(usize::MAX).saturating_sub(image.extra_samples.len());
    move |index| {
        let named: &[_] = match image.photometric {
            _ if has_palette => &[Palette],
            1 => &[Gray],
            // YCbCr is decoded to RGB.
            2 | 6 => &[Red, Green, Blue],
            5 => &[Cyan, Magenta, Yellow, Black],
            _ => &[],
        };
        let is_alpha = || {
            let kind = index.checked_sub(extra).and_then(|extra| image.extra_samples.get(extra));
            matches!(kind, Some(1 | 2))
        };
        named.get(index).copied().unwrap_or_else(|| if is_alpha() { Alpha } else { Undefined })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_colours_by_photometric_interpretation_and_extra_samples() {
        let names = |photometric, samples, extra_samples: &[u64], has_palette| {
            let image = Image { photometric, samples, extra_samples: extra_samples.to_vec(), ..Image::default() };
            let of = by_photometric(&image, has_palette);
            (0..samples as usize).map(|index| of(index).name()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(1, 2, &[2], false), "Gray Alpha");
        assert_eq!(names(1, 3, &[0, 0], false), "Gray Undefined Undefined");
        assert_eq!(names(2, 4, &[1], false), "Red Green Blue Alpha");
        assert_eq!(names(2, 5, &[0, 2], false), "Red Green Blue Undefined Alpha");
        assert_eq!(names(2, 4, &[], false), "Red Green Blue Undefined");
        assert_eq!(names(3, 1, &[], true), "Palette");
        assert_eq!(names(0, 2, &[2], true), "Palette Alpha");
        // More extra samples than there are samples.
        assert_eq!(names(1, 2, &[2, 2, 2], false), "Gray Alpha");
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(ColorInterpretation::from_name("nir"), Some(ColorInterpretation::NearInfrared));
        assert_eq!(ColorInterpretation::from_name("colour"), None);
    }
}
