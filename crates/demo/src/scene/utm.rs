//! From UTM to longitude and latitude on WGS 84, by Krüger's series in the third flattening.
//!
//! C. F. F. Karney, "Transverse Mercator with an accuracy of a few nanometers", J. Geodesy 85 (2011); three terms keep the
//! error below a millimetre within a zone.

const SEMI_MAJOR: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
const SCALE: f64 = 0.9996;
const FALSE_EASTING: f64 = 500_000.0;

/// Longitude and latitude in degrees of a point in a northern zone.
pub(super) fn lon_lat(zone: u16, easting: f64, northing: f64) -> (f64, f64) {
    let n = FLATTENING / (2.0 - FLATTENING);
    let rectifying_radius = SEMI_MAJOR / (1.0 + n) * (1.0 + n * n / 4.0 + n.powi(4) / 64.0);
    let beta = [
        n / 2.0 - 2.0 / 3.0 * n * n + 37.0 / 96.0 * n.powi(3),
        n * n / 48.0 + n.powi(3) / 15.0,
        17.0 / 480.0 * n.powi(3),
    ];
    let xi = northing / (SCALE * rectifying_radius);
    let eta = (easting - FALSE_EASTING) / (SCALE * rectifying_radius);
    let (mut xi_sphere, mut eta_sphere) = (xi, eta);
    for (beta, multiple) in beta.into_iter().zip([2.0, 4.0, 6.0]) {
        xi_sphere -= beta * (multiple * xi).sin() * (multiple * eta).cosh();
        eta_sphere -= beta * (multiple * xi).cos() * (multiple * eta).sinh();
    }
    let conformal = (xi_sphere.sin() / eta_sphere.cosh()).asin();
    let delta = [
        2.0 * n - 2.0 / 3.0 * n * n - 2.0 * n.powi(3),
        7.0 / 3.0 * n * n - 8.0 / 5.0 * n.powi(3),
        56.0 / 15.0 * n.powi(3),
    ];
    let latitude: f64 =
        conformal + delta.into_iter().zip([2.0, 4.0, 6.0]).map(|(delta, k)| delta * (k * conformal).sin()).sum::<f64>();
    let central_meridian = 6.0 * f64::from(zone) - 183.0;
    (central_meridian + eta_sphere.sinh().atan2(xi_sphere.cos()).to_degrees(), latitude.to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_proj() {
        // rasterio.warp.transform("EPSG:32631", "EPSG:4326", [600000], [5900040])
        let (lon, lat) = lon_lat(31, 600_000.0, 5_900_040.0);
        assert!((lon - 4.498_460_428).abs() < 1e-8 && (lat - 53.240_208_349).abs() < 1e-8, "{lon} {lat}");
    }
}
