//! By what a file tells which of its pixels are valid.

use swath_core::dtype::{DType, Scalar};

use super::band::{BandInfo, ColorInterpretation};
use super::metadata::Metadata;
use super::nodata;

/// What tells valid pixels from others, in GDAL's order of precedence: a stored mask, the item NODATA_VALUES, the nodata
/// value, an alpha band, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Validity {
    /// A stored mask, inside the file or beside it: of all bands together, or of each.
    Mask,
    /// A pixel is valid unless all its bands have these values (GDAL's item NODATA_VALUES), one for each band.
    NodataValues(Vec<Scalar>),
    /// A pixel of a band is valid unless it is the nodata value.
    Nodata,
    /// A pixel is valid where this band, the last of two or four, is not 0.
    Alpha(usize),
    /// Every pixel is.
    All,
}

impl Validity {
    /// What tells, in a file that has these.
    pub(super) fn of(
        has_mask: bool,
        metadata: &Metadata,
        nodata: Option<Scalar>,
        bands: &[BandInfo],
        dtype: DType,
    ) -> Self {
        if has_mask {
            return Self::Mask;
        }
        if let Some(values) = nodata_values(metadata, bands.len(), dtype) {
            return Self::NodataValues(values);
        }
        if nodata.is_some() {
            return Self::Nodata;
        }
        let last = bands.last().is_some_and(|band| band.color == ColorInterpretation::Alpha);
        // GDAL looks for alpha in files of these counts and dtypes alone.
        match last && matches!(bands.len(), 2 | 4) && matches!(dtype, DType::U8 | DType::U16) {
            true => Self::Alpha(bands.len() - 1),
            false => Self::All,
        }
    }

    /// In a word or two.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::NodataValues(_) => "nodata values",
            Self::Nodata => "nodata",
            Self::Alpha(_) => "alpha",
            Self::All => "all",
        }
    }
}

fn nodata_values(metadata: &Metadata, bands: usize, dtype: DType) -> Option<Vec<Scalar>> {
    let texts: Vec<_> = metadata.get("", "NODATA_VALUES")?.split_whitespace().collect();
    if texts.len() != bands {
        return None;
    }
    texts.into_iter().map(|text| nodata::parse(text, dtype)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_come_before_nodata_and_nodata_before_alpha() {
        let band = |color| BandInfo { color, ..BandInfo::default() };
        let bands = [band(ColorInterpretation::Gray), band(ColorInterpretation::Alpha)];
        let values: Metadata = [("", "NODATA_VALUES", "1 2")].into_iter().collect();
        let none = Metadata::default();
        let nodata = Some(Scalar::Int(0));
        assert_eq!(Validity::of(true, &values, nodata, &bands, DType::U8), Validity::Mask);
        let listed = Validity::NodataValues(vec![Scalar::Int(1), Scalar::Int(2)]);
        assert_eq!(Validity::of(false, &values, nodata, &bands, DType::U8), listed);
        assert_eq!(Validity::of(false, &none, nodata, &bands, DType::U8), Validity::Nodata);
        assert_eq!(Validity::of(false, &none, None, &bands, DType::U8), Validity::Alpha(1));
        assert_eq!(Validity::of(false, &none, None, &bands, DType::F32), Validity::All);
        assert_eq!(Validity::of(false, &none, None, &bands[1..], DType::U8), Validity::All);
        // A value too few, and one that no pixel can have.
        for text in ["1", "1 300"] {
            let values: Metadata = [("", "NODATA_VALUES", text)].into_iter().collect();
            assert_eq!(Validity::of(false, &values, nodata, &bands, DType::U8), Validity::Nodata);
        }
    }
}
