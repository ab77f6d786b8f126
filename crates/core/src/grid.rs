//! Where pixels lie on the ground: CRS, affine transform and size.

use std::fmt;
use std::sync::Arc;

use crate::crs_wkt;
use crate::error::{Error, Result};

/// Affine transform from pixel corners (column, row) to CRS coordinates:
/// `x = a·column + b·row + c`, `y = d·column + e·row + f`, as rasterio's `Affine`.
///
/// Corner-based: (0, 0) is the outer corner of the top left pixel. A north-up raster has `b = d = 0` and `e < 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// CRS units per column along x: the pixel width.
    pub a: f64,
    /// CRS units per row along x.
    pub b: f64,
    /// x of the top left corner.
    pub c: f64,
    /// CRS units per column along y.
    pub d: f64,
    /// CRS units per row along y: minus the pixel height of a north-up raster.
    pub e: f64,
    /// y of the top left corner.
    pub f: f64,
}

impl Affine {
    /// A north-up transform with its top left corner at (`left`, `top`) and pixels of `width` by `height` CRS units.
    pub const fn north_up(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self { a: width, b: 0.0, c: left, d: 0.0, e: -height, f: top }
    }

    /// CRS coordinates of a pixel corner.
    pub fn apply(&self, column: f64, row: f64) -> (f64, f64) {
        (self.a * column + self.b * row + self.c, self.d * column + self.e * row + self.f)
    }

    /// Pixel coordinates (column, row) of a point in CRS units; none if the transform is singular.
    pub fn invert(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let determinant = self.a * self.e - self.b * self.d;
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let (x, y) = (x - self.c, y - self.f);
        Some(((self.e * x - self.b * y) / determinant, (self.a * y - self.d * x) / determinant))
    }

    /// The transform of the raster that starts at pixel (`column`, `row`) of this one.
    #[must_use]
    pub fn shifted(&self, column: f64, row: f64) -> Self {
        let (c, f) = self.apply(column, row);
        Self { c, f, ..*self }
    }

    /// The transform of a raster whose pixels are `x` times as wide and `y` times as high.
    #[must_use]
    pub fn scaled(&self, x: f64, y: f64) -> Self {
        Self { a: self.a * x, d: self.d * x, b: self.b * y, e: self.e * y, ..*self }
    }
}

/// A GeoKeyDirectory with its parameters, kept as read (OGC GeoTIFF 1.1, tags 34735 to 34737).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GeoKeys {
    /// Tag 34735, whole: version, revision, minor revision, count, then four shorts a key.
    pub directory: Vec<u16>,
    /// Tag 34736.
    pub doubles: Vec<f64>,
    /// Tag 34737.
    pub ascii: String,
}

/// The value of a GeoKey.
#[derive(Debug, PartialEq)]
enum KeyValue<'a> {
    Short(u16),
    Doubles(Option<&'a [f64]>),
    Text(Option<&'a str>),
}

impl GeoKeys {
    /// The entries: key id, tag location, count, value or offset. A directory that is cut short gives what is there.
    pub fn entries(&self) -> impl Iterator<Item = (u16, u16, u16, u16)> + '_ {
        self.directory.chunks_exact(4).skip(1).map(|entry| (entry[0], entry[1], entry[2], entry[3]))
    }

    /// The short value of `key`, if it has one.
    pub fn short(&self, key: u16) -> Option<u16> {
        self.entries().find(|(id, location, ..)| *id == key && *location == 0).map(|(.., value)| value)
    }

    /// The first number of `key`, if it has one.
    pub fn double(&self, key: u16) -> Option<f64> {
        let entry = self.entries().find(|(id, location, ..)| *id == key && *location == 34736)?;
        self.doubles.get(usize::from(entry.3)).copied()
    }

    /// The value of an entry, read from where it is stored; none where that is cut short.
    fn value(&self, (key, location, count, offset): (u16, u16, u16, u16)) -> KeyValue<'_> {
        let range = usize::from(offset)..usize::from(offset) + usize::from(count);
        match location {
            34736 => KeyValue::Doubles(self.doubles.get(range)),
            34737 => KeyValue::Text(self.text(key)),
            _ => KeyValue::Short(offset),
        }
    }

    /// The text of `key`, if it has one, without its closing `|`.
    pub fn text(&self, key: u16) -> Option<&str> {
        let (_, _, count, offset) = self.entries().find(|(id, location, ..)| *id == key && *location == 34737)?;
        let end = usize::from(offset) + usize::from(count);
        self.ascii.get(usize::from(offset)..end).map(|text| text.trim_end_matches(['|', '\0']))
    }
}

/// A coordinate reference system: an EPSG code where one is known, and what the file said, verbatim.
#[derive(Debug, Clone, Default)]
pub struct Crs {
    epsg: Option<u32>,
    geo_keys: Option<Arc<GeoKeys>>,
    wkt: Option<String>,
}

impl Crs {
    /// The CRS of this EPSG code.
    pub fn from_epsg(code: u32) -> Self {
        Self { epsg: Some(code), ..Self::default() }
    }

    /// The CRS of a file's GeoKeys; the EPSG code is that of ProjectedCRSGeoKey (3072) or GeodeticCRSGeoKey (2048).
    pub fn from_geo_keys(keys: GeoKeys) -> Self {
        const USER_DEFINED: u16 = 32767;
        let code = |key| keys.short(key).filter(|code| *code != USER_DEFINED && *code != 0);
        let epsg = match keys.short(1024) {
            Some(1) => code(3072),
            Some(2 | 3) => code(2048),
            _ => code(3072).or_else(|| code(2048)),
        };
        Self { epsg: epsg.map(u32::from), geo_keys: Some(Arc::new(keys)), wkt: None }
    }

    /// The CRS of a WKT text.
    pub fn from_wkt(wkt: impl Into<String>) -> Self {
        Self { wkt: Some(wkt.into()), ..Self::default() }
    }

    /// EPSG code, where one is known.
    pub const fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    /// GeoKeys of the file it came from.
    pub fn geo_keys(&self) -> Option<&GeoKeys> {
        self.geo_keys.as_deref()
    }

    /// What the GeoKeys define, apart from what only describes it: key, and its value wherever that is stored.
    fn definition(&self) -> Option<Vec<(u16, KeyValue<'_>)>> {
        // GTRasterType (1025) and the citations say nothing of the system.
        const DESCRIPTIVE: [u16; 4] = [1025, 1026, 2049, 3073];
        let keys = self.geo_keys()?;
        let defining = keys.entries().filter(|(key, ..)| !DESCRIPTIVE.contains(key));
        Some(defining.map(|entry| (entry.0, keys.value(entry))).collect())
    }

    /// WKT, where it came from one.
    pub fn wkt(&self) -> Option<&str> {
        self.wkt.as_deref()
    }

    /// WKT 1 of a system that its GeoKeys define by ellipsoid, projection and parameters, or the WKT it came from. None
    /// of one that is named by code, as that is a matter of EPSG's database, and where a part is.
    pub fn to_wkt(&self) -> Option<String> {
        match (&self.wkt, self.epsg, self.geo_keys()) {
            (Some(wkt), ..) => Some(wkt.clone()),
            (None, None, Some(keys)) => crs_wkt::wkt(keys),
            _ => None,
        }
    }
}

/// CRSs are equal by EPSG code where both have one, else by WKT, else by all GeoKeys but citations and raster type.
impl PartialEq for Crs {
    fn eq(&self, other: &Self) -> bool {
        match (self.epsg, other.epsg) {
            (Some(a), Some(b)) => a == b,
            (None, None) if self.wkt.is_some() || other.wkt.is_some() => self.wkt == other.wkt,
            (None, None) => self.definition() == other.definition(),
            _ => false,
        }
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.epsg, self.geo_keys(), self.wkt()) {
            (Some(code), ..) => write!(f, "EPSG:{code}"),
            (None, Some(keys), _) => {
                let citation = [3073, 1026, 2049].into_iter().find_map(|key| keys.text(key));
                f.write_str(citation.unwrap_or("user-defined"))
            }
            (None, None, Some(wkt)) => f.write_str(wkt),
            (None, None, None) => f.write_str("unknown"),
        }
    }
}

/// CRS, affine transform and size: where a raster's pixels lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Coordinate reference system, if known.
    pub crs: Option<Crs>,
    /// Pixel corners to CRS coordinates.
    pub affine: Affine,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Grid {
    /// Bounds in CRS units: left, bottom, right, top of all four corners.
    pub fn bounds(&self) -> (f64, f64, f64, f64) {
        let corners = self.corners();
        let fold =
            |pick: fn(&(f64, f64)) -> f64, best: fn(f64, f64) -> f64, start| corners.iter().map(pick).fold(start, best);
        (
            fold(|c| c.0, f64::min, f64::INFINITY),
            fold(|c| c.1, f64::min, f64::INFINITY),
            fold(|c| c.0, f64::max, f64::NEG_INFINITY),
            fold(|c| c.1, f64::max, f64::NEG_INFINITY),
        )
    }

    /// Pixel width and height in CRS units, both positive.
    pub fn resolution(&self) -> (f64, f64) {
        (self.affine.a.hypot(self.affine.d), self.affine.b.hypot(self.affine.e))
    }

    fn corners(&self) -> [(f64, f64); 4] {
        let (w, h) = (self.width as f64, self.height as f64);
        [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(column, row)| self.affine.apply(column, row))
    }

    /// Whether both are the same: sizes and CRSs equal, all four corners within 1e-6 of a pixel.
    pub fn matches(&self, other: &Self) -> bool {
        let (x, y) = self.resolution();
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() <= 1e-6 * x && (a.1 - b.1).abs() <= 1e-6 * y;
        (self.width, self.height) == (other.width, other.height)
            && self.crs == other.crs
            && self.corners().into_iter().zip(other.corners()).all(|(a, b)| close(a, b))
    }

    /// The grid of the window that starts at (`row`, `column`) and has `height` rows and `width` columns.
    #[must_use]
    pub fn window(&self, row: usize, column: usize, height: usize, width: usize) -> Self {
        Self { affine: self.affine.shifted(column as f64, row as f64), width, height, crs: self.crs.clone() }
    }

    /// The grid with every pixel divided into `rows` by `columns`.
    #[must_use]
    pub fn divided(&self, rows: usize, columns: usize) -> Self {
        Self {
            affine: self.affine.scaled(1.0 / columns as f64, 1.0 / rows as f64),
            width: self.width * columns,
            height: self.height * rows,
            crs: self.crs.clone(),
        }
    }

    /// The grid whose every pixel is `rows` by `columns` of these; the last reach beyond the edge where the size is no
    /// multiple.
    #[must_use]
    pub fn coarsened(&self, rows: usize, columns: usize) -> Self {
        Self {
            affine: self.affine.scaled(columns as f64, rows as f64),
            width: self.width.div_ceil(columns),
            height: self.height.div_ceil(rows),
            crs: self.crs.clone(),
        }
    }

    /// The grid of the same extent with so many rows and columns.
    #[must_use]
    pub fn downsampled(&self, rows: usize, columns: usize) -> Self {
        let (x, y) = (self.width as f64 / columns as f64, self.height as f64 / rows as f64);
        Self { affine: self.affine.scaled(x, y), width: columns, height: rows, crs: self.crs.clone() }
    }

    /// Rows and columns of the smallest window that covers the box (CRS units), cut to the grid: `(rows, columns)`.
    /// A border within 1e-6 of a pixel of a pixel's edge counts as that edge.
    ///
    /// # Errors
    /// `InvalidInput` where the box misses the grid, is empty or the grid is singular.
    pub fn window_of(&self, bounds: [f64; 4]) -> Result<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let [left, bottom, right, top] = bounds;
        let outside = || {
            let (l, b, r, t) = self.bounds();
            Error::invalid(format!(
                "the box ({left}, {bottom}, {right}, {top}) does not meet the grid, whose bounds are ({l}, {b}, {r}, {t})"
            ))
        };
        if left >= right || bottom >= top || bounds.iter().any(|value| !value.is_finite()) {
            return Err(Error::invalid(format!(
                "the box ({left}, {bottom}, {right}, {top}) is empty: give left, bottom, right, top"
            )));
        }
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
            .map(|(x, y)| self.affine.invert(x, y))
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .ok_or_else(outside)?;
        let span = |pick: fn(&(f64, f64)) -> f64, length: usize| {
            let low = corners.iter().map(pick).fold(f64::INFINITY, f64::min);
            let high = corners.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
            let start = (low + 1e-6).floor().max(0.0);
            let end = (high - 1e-6).ceil().min(length as f64);
            (start < end).then_some(start as usize..end as usize)
        };
        let columns = span(|c| c.0, self.width).ok_or_else(outside)?;
        let rows = span(|c| c.1, self.height).ok_or_else(outside)?;
        Ok((rows, columns))
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.crs {
            Some(crs) => write!(f, "{crs}")?,
            None => f.write_str("no CRS")?,
        }
        let (x, y) = self.resolution();
        let Affine { c, f: top, .. } = self.affine;
        write!(f, ", origin ({c}, {top}), pixels of {x} × {y}, {} × {} columns × rows", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utm() -> Grid {
        Grid {
            crs: Some(Crs::from_epsg(32631)),
            affine: Affine::north_up(600_000.0, 5_900_040.0, 20.0, 20.0),
            width: 100,
            height: 50,
        }
    }

    #[test]
    fn a_grid_shifted_by_a_millimetre_does_not_match() {
        let mut other = utm();
        assert!(utm().matches(&other));
        other.affine.c += 1e-3;
        assert!(!utm().matches(&other));
    }

    #[test]
    fn dividing_a_grid_keeps_its_bounds() {
        let fine = utm().divided(2, 2);
        assert_eq!(fine.bounds(), utm().bounds());
        assert_eq!(fine.resolution(), (10.0, 10.0));
    }

    #[test]
    fn coarsening_a_grid_keeps_its_origin_and_covers_it() {
        let grid = utm();
        let coarse = grid.coarsened(2, 3);
        assert_eq!(coarse.bounds().0, grid.bounds().0);
        assert_eq!(coarse.bounds().3, grid.bounds().3);
        assert_eq!(coarse.resolution(), (grid.resolution().0 * 3.0, grid.resolution().1 * 2.0));
        assert_eq!((coarse.width, coarse.height), (grid.width.div_ceil(3), grid.height.div_ceil(2)));
    }

    #[test]
    fn a_box_takes_every_pixel_it_touches() {
        let (rows, columns) = utm().window_of([600_030.0, 5_900_000.0, 600_041.0, 5_900_040.0]).unwrap();
        assert_eq!((rows, columns), (0..2, 1..3));
        assert!(utm().window_of([0.0, 0.0, 1.0, 1.0]).is_err());
    }

    #[test]
    fn citations_do_not_tell_systems_apart_but_parameters_do() {
        let keys = |citation: &str, parameter: f64| {
            Crs::from_geo_keys(GeoKeys {
                directory: vec![1, 1, 0, 2, 1026, 34737, citation.len() as u16, 0, 3080, 34736, 1, 0],
                doubles: vec![parameter],
                ascii: citation.to_owned(),
            })
        };
        assert_eq!(keys("mine|", 9.0), keys("yours|", 9.0));
        assert_ne!(keys("mine|", 9.0), keys("mine|", 10.0));
    }

    #[test]
    fn geo_keys_give_the_code_of_the_projected_system() {
        let keys = GeoKeys { directory: vec![1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32631], ..GeoKeys::default() };
        assert_eq!(Crs::from_geo_keys(keys), Crs::from_epsg(32631));
    }
}
