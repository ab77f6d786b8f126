//! Where a file's pixels lie, out of its GeoTIFF tags (OGC 19-008r4; GDAL's reading of them).

use swath_core::grid::{Affine, Crs};

use super::header::Geo;

/// Key of GTRasterTypeGeoKey, and its value for coordinates that name the middle of a pixel.
const RASTER_TYPE: u16 = 1025;
const PIXEL_IS_POINT: u16 = 2;
/// Keys of VerticalGeoKey, VerticalDatumGeoKey and VerticalUnitsGeoKey.
const VERTICAL_CRS: u16 = 4096;
const VERTICAL_DATUM: u16 = 4098;
const VERTICAL_UNITS: u16 = 4099;

/// The corner-based transform, if the file has one that is not singular; ground control points alone are none.
pub(super) fn affine(geo: &Geo) -> Option<Affine> {
    let affine = scaled(geo).or_else(|| transformed(geo))?;
    let usable = affine.invert(0.0, 0.0).is_some_and(|(column, row)| column.is_finite() && row.is_finite());
    usable.then_some(match is_point(geo) {
        true => affine.shifted(-0.5, -0.5),
        false => affine,
    })
}

/// Whether coordinates name the middle of a pixel (PixelIsPoint).
pub(super) fn is_point(geo: &Geo) -> bool {
    geo.keys.short(RASTER_TYPE) == Some(PIXEL_IS_POINT)
}

/// What the file says that its coordinates name, if it does.
pub(super) fn area_or_point(geo: &Geo) -> Option<AreaOrPoint> {
    geo.keys.short(RASTER_TYPE).map(|kind| if kind == PIXEL_IS_POINT { AreaOrPoint::Point } else { AreaOrPoint::Area })
}

/// What a file's own coordinates name (GTRasterTypeGeoKey); here they always name corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AreaOrPoint {
    /// The outer corner of a pixel.
    Area,
    /// The middle of a pixel.
    Point,
}

impl AreaOrPoint {
    /// `Area` or `Point`, as GDAL's item AREA_OR_POINT.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Area => "Area",
            Self::Point => "Point",
        }
    }
}

/// The CRS, if the file has GeoKeys that name one.
pub(super) fn crs(geo: &Geo) -> Option<Crs> {
    // 1024 model type, 2048 geodetic CRS, 3072 projected CRS, 4096 vertical CRS.
    let named = [1024, 2048, 3072].iter().any(|key| geo.keys.entries().any(|(id, ..)| id == *key));
    named.then(|| Crs::from_geo_keys(geo.keys.clone()))
}

/// A ground control point: a pixel position, counted from the outer corner, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlPoint {
    /// Columns from the left edge.
    pub column: f64,
    /// Rows from the top edge.
    pub row: f64,
    /// x in CRS units.
    pub x: f64,
    /// y in CRS units.
    pub y: f64,
    /// Height.
    pub z: f64,
}

/// The tie points of a file without transform.
pub(super) fn control_points(geo: &Geo) -> Vec<ControlPoint> {
    if scaled(geo).is_some() || transformed(geo).is_some() {
        return Vec::new();
    }
    let half = if is_point(geo) { 0.5 } else { 0.0 };
    let point = |[column, row, _, x, y, z]: &[f64; 6]| ControlPoint {
        column: column + half,
        row: row + half,
        x: *x,
        y: *y,
        z: *z,
    };
    geo.tie_points.as_chunks().0.iter().map(point).collect()
}

/// The unit of heights that the GeoKeys name, by GDAL's name of it; that of bands that name no other.
pub(super) fn vertical_unit(geo: &Geo) -> Option<&'static str> {
    if !has_heights(geo) {
        return None;
    }
    // Of systems by code, those in feet: NAVD88 and NGVD29. The others of EPSG's that files name are in metres.
    match (geo.keys.short(VERTICAL_UNITS), geo.keys.short(VERTICAL_CRS)) {
        (Some(9001), _) => Some("metre"),
        (Some(9002), _) | (None, Some(8228)) => Some("foot"),
        (Some(9003), _) | (None, Some(6360 | 5702)) => Some("US survey foot"),
        (None, Some(code)) if code != 0 && code != 32767 => Some("metre"),
        _ => None,
    }
}

/// Whether the CRS has a vertical part that is not the ellipsoid's: 4979 and 5001 to 5033 are heights above ellipsoids.
fn has_heights(geo: &Geo) -> bool {
    let named = |key| geo.keys.short(key).is_some_and(|value| value != 0);
    let ellipsoidal = matches!(geo.keys.short(VERTICAL_CRS), Some(4979 | 5001..=5033));
    !ellipsoidal && [VERTICAL_CRS, VERTICAL_DATUM, VERTICAL_UNITS].into_iter().any(named)
}

/// Scale and offset of heights by ModelPixelScale and tie point, of a file of one band whose CRS has heights. Only
/// GeoTIFF 1.1 is believed, as by GDAL: earlier writers left numbers there that mean nothing.
pub(super) fn height_scale(geo: &Geo, bands: usize) -> Option<(f64, f64)> {
    let (&[_, _, scale, ..], &[_, _, level, _, _, height, ..]) = (&*geo.pixel_scale, &*geo.tie_points) else {
        return None;
    };
    let revision = geo.keys.directory.get(1..3);
    let believed = bands == 1 && scaled(geo).is_some() && has_heights(geo) && revision.is_some_and(|r| r != [1, 0]);
    (believed && (scale != 0.0 || level != 0.0 || height != 0.0)).then_some((scale, height - level * scale))
}

fn scaled(geo: &Geo) -> Option<Affine> {
    // Without a tie point, GDAL takes the first pixel's corner for the origin.
    let tie_point = if geo.tie_points.is_empty() { &[0.0; 6][..] } else { &*geo.tie_points };
    let (&[width, height, ..], &[column, row, _, x, y, ..]) = (&*geo.pixel_scale, tie_point) else { return None };
    // Like GDAL, take the height as positive whatever its sign.
    let affine = Affine::north_up(x, y, width, height.abs());
    has_scale(geo).then(|| affine.shifted(-column, -row))
}

fn has_scale(geo: &Geo) -> bool {
    matches!(&*geo.pixel_scale, [width, height, ..] if *width != 0.0 && *height != 0.0)
}

/// Of a file without a pixel scale: with one, GDAL does not look at the matrix.
fn transformed(geo: &Geo) -> Option<Affine> {
    let &[a, b, _, c, d, e, _, f, _, _, _, _, _, _, _, _] = &*geo.transformation else { return None };
    (!has_scale(geo)).then_some(Affine { a, b, c, d, e, f })
}

#[cfg(test)]
mod tests {
    use swath_core::grid::GeoKeys;

    use super::*;

    fn geo(point: bool) -> Geo {
        let raster_type = if point { 2 } else { 1 };
        let directory = vec![1, 1, 0, 2, 1025, 0, 1, raster_type, 3072, 0, 1, 32631];
        Geo { keys: GeoKeys { directory, ..GeoKeys::default() }, ..Geo::default() }
    }

    #[test]
    fn a_tie_point_anywhere_gives_the_corner() {
        let tied = Geo {
            pixel_scale: vec![10.0, 20.0, 0.0],
            tie_points: vec![2.0, 3.0, 0.0, 600_020.0, 5_900_000.0, 0.0],
            ..geo(false)
        };
        assert_eq!(affine(&tied), Some(Affine::north_up(600_000.0, 5_900_060.0, 10.0, 20.0)));
        assert_eq!(crs(&tied).unwrap().epsg(), Some(32631));
    }

    #[test]
    fn a_scale_alone_begins_at_the_origin() {
        let scaled = Geo { pixel_scale: vec![2.0, 3.0, 0.0], ..geo(false) };
        assert_eq!(affine(&scaled), Some(Affine::north_up(0.0, 0.0, 2.0, 3.0)));
        assert!(control_points(&scaled).is_empty());
    }

    #[test]
    fn pixels_named_by_their_middle_are_shifted_by_half() {
        let transformation = vec![2.0, 0.0, 0.0, 100.0, 0.0, -2.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let middle = Geo { transformation, ..geo(true) };
        assert_eq!(affine(&middle), Some(Affine::north_up(99.0, 51.0, 2.0, 2.0)));
    }

    #[test]
    fn control_points_and_singular_transforms_are_no_georeference() {
        let points = Geo { tie_points: vec![0.0; 24], ..geo(false) };
        assert_eq!(affine(&points), None);
        assert_eq!(control_points(&points).len(), 4);
        assert_eq!(affine(&Geo { transformation: vec![0.0; 16], ..geo(false) }), None);
        assert_eq!(affine(&Geo { pixel_scale: vec![f64::NAN; 3], tie_points: vec![0.0; 6], ..geo(false) }), None);
        assert_eq!(crs(&Geo::default()), None);
    }

    #[test]
    fn control_points_count_from_the_corner() {
        let tie_points = vec![0.0, 0.0, 0.0, 5.0, 50.0, 7.0, 10.0, 20.0, 0.0, 6.0, 49.0, 0.0];
        let points = control_points(&Geo { tie_points, ..geo(true) });
        assert_eq!(points[0], ControlPoint { column: 0.5, row: 0.5, x: 5.0, y: 50.0, z: 7.0 });
        assert_eq!((points.len(), points[1].column, points[1].row), (2, 10.5, 20.5));
    }

    #[test]
    fn heights_have_a_unit_and_from_geotiff_1_1_on_a_scale() {
        let with = |revision: u16, keys: &[u16]| {
            let mut directory = vec![1, 1, revision, keys.len() as u16 / 2];
            keys.chunks_exact(2).for_each(|key| directory.extend([key[0], 0, 1, key[1]]));
            Geo {
                keys: GeoKeys { directory, ..GeoKeys::default() },
                pixel_scale: vec![1.0, 1.0, 0.5],
                tie_points: vec![0.0, 0.0, 2.0, 0.0, 0.0, 10.0],
                ..Geo::default()
            }
        };
        assert_eq!(vertical_unit(&with(0, &[3072, 32631])), None);
        assert_eq!(vertical_unit(&with(0, &[3072, 32631, 4096, 5773])), Some("metre"));
        assert_eq!(vertical_unit(&with(0, &[4096, 32767, 4099, 9002])), Some("foot"));
        assert_eq!(vertical_unit(&with(1, &[4096, 4979])), None);
        assert_eq!(height_scale(&with(1, &[4096, 5773]), 1), Some((0.5, 9.0)));
        assert_eq!(height_scale(&with(1, &[4096, 5773]), 2), None);
        assert_eq!(height_scale(&with(0, &[4096, 5773]), 1), None);
        assert_eq!(height_scale(&with(1, &[3072, 32631]), 1), None);
    }
}
