//! Where a file's pixels lie, out of its GeoTIFF tags (OGC 19-008r4; GDAL's reading of them).

use swath_core::grid::{Affine, Crs};

use super::header::Geo;

/// Key of GTRasterTypeGeoKey, and its value for coordinates that name the middle of a pixel.
const RASTER_TYPE: u16 = 1025;
const PIXEL_IS_POINT: u16 = 2;

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

/// The CRS, if the file has GeoKeys that name one.
pub(super) fn crs(geo: &Geo) -> Option<Crs> {
    // 1024 model type, 2048 geodetic CRS, 3072 projected CRS, 4096 vertical CRS.
    let named = [1024, 2048, 3072].iter().any(|key| geo.keys.entries().any(|(id, ..)| id == *key));
    named.then(|| Crs::from_geo_keys(geo.keys.clone()))
}

fn scaled(geo: &Geo) -> Option<Affine> {
    let (&[width, height, ..], &[column, row, _, x, y, ..]) = (&*geo.pixel_scale, &*geo.tie_points) else {
        return None;
    };
    // Like GDAL, take the height as positive whatever its sign.
    let affine = Affine::north_up(x, y, width, height.abs());
    (width != 0.0 && height != 0.0).then(|| affine.shifted(-column, -row))
}

fn transformed(geo: &Geo) -> Option<Affine> {
    let &[a, b, _, c, d, e, _, f, ..] = &*geo.transformation else { return None };
    Some(Affine { a, b, c, d, e, f })
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
    fn pixels_named_by_their_middle_are_shifted_by_half() {
        let transformation = vec![2.0, 0.0, 0.0, 100.0, 0.0, -2.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let middle = Geo { transformation, ..geo(true) };
        assert_eq!(affine(&middle), Some(Affine::north_up(99.0, 51.0, 2.0, 2.0)));
    }

    #[test]
    fn control_points_and_singular_transforms_are_no_georeference() {
        let points = Geo { tie_points: vec![0.0; 24], ..geo(false) };
        assert_eq!(affine(&points), None);
        assert_eq!(affine(&Geo { transformation: vec![0.0; 16], ..geo(false) }), None);
        assert_eq!(affine(&Geo { pixel_scale: vec![f64::NAN; 3], tie_points: vec![0.0; 6], ..geo(false) }), None);
        assert_eq!(crs(&Geo::default()), None);
    }
}
