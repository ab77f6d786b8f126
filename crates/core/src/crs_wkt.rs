//! A CRS that a file defines by itself as WKT 1, out of its GeoKeys and nothing else.
//!
//! What needs EPSG's database is not derived: of codes, only ellipsoids, a few datums and the zones of UTM are known here.
//! Key and method numbers are those of OGC GeoTIFF 1.1, annexes B to D; names and parameters are GDAL's.

use std::fmt::Write as _;

use crate::grid::GeoKeys;

/// What a key has where the file defines it by other keys.
const USER_DEFINED: u16 = 32767;

/// WKT 1 of the system that `keys` define; none where they leave it to a database, or define what is not known here.
pub(crate) fn wkt(keys: &GeoKeys) -> Option<String> {
    // GTModelTypeGeoKey: 1 projected, 2 geographic.
    match keys.short(1024) {
        Some(1) => projected(keys),
        Some(2) => geographic(keys),
        _ => None,
    }
}

fn projected(keys: &GeoKeys) -> Option<String> {
    let base = geographic(keys)?;
    let Projection { method, parameters } = projection(keys)?;
    let name = keys.text(3073).or_else(|| keys.text(1026)).unwrap_or("unnamed");
    let (unit, metres) = match keys.short(3076) {
        None | Some(9001) => ("metre", 1.0),
        Some(9002) => ("foot", 0.3048),
        Some(9003) => ("US survey foot", 1200.0 / 3937.0),
        Some(USER_DEFINED) => ("unknown", keys.double(3077).filter(|factor| *factor > 0.0)?),
        Some(_) => return None,
    };
    let mut out = format!("PROJCS[{},{base},PROJECTION[{}]", quoted(name), quoted(method));
    for (name, value) in parameters {
        write!(out, ",PARAMETER[{},{value}]", quoted(name)).ok()?;
    }
    write!(out, ",UNIT[{},{metres}]]", quoted(unit)).ok()?;
    Some(out)
}

/// Only with degrees: of parameters in other angles, readers of WKT 1 make different things.
fn geographic(keys: &GeoKeys) -> Option<String> {
    if !matches!(keys.short(2054), None | Some(9102)) {
        return None;
    }
    let citation = keys.text(2049).unwrap_or_default();
    // "GCS Name = …|Datum = …|Ellipsoid = …|Primem = …", as ESRI and GDAL write it.
    let part = |label: &str| {
        citation
            .split('|')
            .find_map(|part| part.trim().strip_prefix(label)?.trim_start().strip_prefix('='))
            .map(str::trim)
    };
    let code = keys.short(2048).filter(|code| *code != USER_DEFINED);
    let known = code.map(|code| DATUMS.iter().find(|datum| datum.crs == code));
    // A code that is not known here may have any ellipsoid.
    let known = match known {
        Some(found) => Some(found?),
        None => None,
    };
    let (spheroid, radius, flattening) = ellipsoid(keys, known.map(|datum| datum.ellipsoid))?;
    let name = known.map(|datum| datum.name).or_else(|| part("GCS Name"));
    let name =
        name.or_else(|| Some(citation).filter(|text| !text.is_empty() && !text.contains('|'))).unwrap_or("unknown");
    let datum = known.map(|datum| datum.datum).or_else(|| part("Datum")).unwrap_or("unknown");
    let spheroid = part("Ellipsoid").unwrap_or(spheroid);
    let meridian = match keys.short(2051) {
        None | Some(8901 | USER_DEFINED) => keys.double(2061).unwrap_or(0.0),
        Some(_) => return None,
    };
    let primem = if meridian == 0.0 { "Greenwich" } else { part("Primem").unwrap_or("unknown") };
    Some(format!(
        "GEOGCS[{},DATUM[{},SPHEROID[{},{radius},{flattening}]],PRIMEM[{},{meridian}],UNIT[\"degree\",{}]]",
        quoted(name),
        quoted(datum),
        quoted(spheroid),
        quoted(primem),
        std::f64::consts::PI / 180.0,
    ))
}

/// A geographic system by code.
struct Datum {
    crs: u16,
    name: &'static str,
    datum: &'static str,
    ellipsoid: u16,
}

const DATUMS: [Datum; 6] = [
    Datum { crs: 4326, name: "WGS 84", datum: "WGS_1984", ellipsoid: 7030 },
    Datum { crs: 4258, name: "ETRS89", datum: "European_Terrestrial_Reference_System_1989", ellipsoid: 7019 },
    Datum { crs: 4269, name: "NAD83", datum: "North_American_Datum_1983", ellipsoid: 7019 },
    Datum { crs: 4267, name: "NAD27", datum: "North_American_Datum_1927", ellipsoid: 7008 },
    Datum { crs: 4230, name: "ED50", datum: "European_Datum_1950", ellipsoid: 7022 },
    Datum { crs: 4322, name: "WGS 72", datum: "WGS_1972", ellipsoid: 7043 },
];

/// Name, half axis in metres, and inverse flattening (0 of a sphere).
fn ellipsoid(keys: &GeoKeys, of_datum: Option<u16>) -> Option<(&'static str, f64, f64)> {
    let positive = |key| keys.double(key).filter(|value: &f64| value.is_finite() && *value > 0.0);
    let code = keys.short(2056).filter(|code| *code != USER_DEFINED).or(of_datum);
    let known = code.and_then(|code| ELLIPSOIDS.iter().find(|(own, ..)| *own == code));
    // Its own numbers count before those of a code.
    let Some(radius) = positive(2057) else { return known.map(|(_, name, a, f)| (*name, *a, *f)) };
    let flattening = match (positive(2059), positive(2058), keys.double(2059)) {
        (Some(flattening), ..) => flattening,
        (None, Some(minor), _) if minor == radius => 0.0,
        (None, Some(minor), _) => radius / (radius - minor),
        (None, None, Some(0.0)) => 0.0,
        _ => known?.3,
    };
    Some((known.map_or("unknown", |(_, name, ..)| name), radius, flattening))
}

const ELLIPSOIDS: [(u16, &str, f64, f64); 9] = [
    (7030, "WGS 84", 6_378_137.0, 298.257_223_563),
    (7019, "GRS 1980", 6_378_137.0, 298.257_222_101),
    (7008, "Clarke 1866", 6_378_206.4, 294.978_698_213_898),
    (7004, "Bessel 1841", 6_377_397.155, 299.152_812_8),
    (7022, "International 1924", 6_378_388.0, 297.0),
    (7001, "Airy 1830", 6_377_563.396, 299.324_964_6),
    (7012, "Clarke 1880 (RGS)", 6_378_249.145, 293.465),
    (7024, "Krassowsky 1940", 6_378_245.0, 298.3),
    (7043, "WGS 72", 6_378_135.0, 298.26),
];

/// A map projection.
struct Projection {
    method: &'static str,
    parameters: Vec<(&'static str, f64)>,
}

fn projection(keys: &GeoKeys) -> Option<Projection> {
    let code = keys.short(3074).filter(|code| *code != USER_DEFINED);
    if let Some(code) = code {
        return utm(code);
    }
    let first = |wanted: &[u16]| wanted.iter().find_map(|key| keys.double(*key)).filter(|value| value.is_finite());
    // Origins have three keys each: natural, false, and centre. Writers mix them up; like GDAL, take any.
    let latitude = ("latitude_of_origin", first(&[3081, 3085, 3089]).unwrap_or(0.0));
    let meridian = ("central_meridian", first(&[3080, 3084, 3088]).unwrap_or(0.0));
    let center = [("latitude_of_center", latitude.1), ("longitude_of_center", meridian.1)];
    let scale = ("scale_factor", first(&[3092, 3093]).unwrap_or(1.0));
    let parallel = |key| first(&[key]);
    let parallels = || Some([("standard_parallel_1", parallel(3078)?), ("standard_parallel_2", parallel(3079)?)]);
    let (method, mut parameters): (_, Vec<_>) = match keys.short(3075)? {
        1 => ("Transverse_Mercator", vec![latitude, meridian, scale]),
        7 => match (parallel(3078), first(&[3092])) {
            (Some(parallel), None) => ("Mercator_2SP", vec![("standard_parallel_1", parallel), meridian]),
            _ => ("Mercator_1SP", vec![meridian, scale]),
        },
        8 => ("Lambert_Conformal_Conic_2SP", [&[latitude, meridian][..], &parallels()?].concat()),
        9 => ("Lambert_Conformal_Conic_1SP", vec![latitude, meridian, scale]),
        10 => ("Lambert_Azimuthal_Equal_Area", center.to_vec()),
        11 => ("Albers_Conic_Equal_Area", [parallels()?, center].concat()),
        12 => ("Azimuthal_Equidistant", center.to_vec()),
        14 => ("Stereographic", vec![latitude, meridian, scale]),
        15 => {
            let meridian = ("central_meridian", first(&[3095, 3080, 3084, 3088]).unwrap_or(0.0));
            ("Polar_Stereographic", vec![latitude, meridian, scale])
        }
        16 => ("Oblique_Stereographic", vec![latitude, meridian, scale]),
        17 => {
            let parallel = ("standard_parallel_1", parallel(3078).unwrap_or(0.0));
            // A latitude of origin other than 0 is given another meaning by each reader.
            if latitude.1 != 0.0 {
                return None;
            }
            ("Equirectangular", vec![parallel, meridian])
        }
        18 => ("Cassini_Soldner", vec![latitude, meridian]),
        21 => ("Orthographic", vec![latitude, meridian]),
        22 => ("Polyconic", vec![latitude, meridian]),
        23 => ("Robinson", vec![center[1]]),
        24 => ("Sinusoidal", vec![center[1]]),
        25 => ("VanDerGrinten", vec![meridian]),
        28 => ("Cylindrical_Equal_Area", vec![("standard_parallel_1", parallel(3078).unwrap_or(0.0)), meridian]),
        _ => return None,
    };
    parameters.push(("false_easting", first(&[3082, 3086, 3090]).unwrap_or(0.0)));
    parameters.push(("false_northing", first(&[3083, 3087, 3091]).unwrap_or(0.0)));
    Some(Projection { method, parameters })
}

/// EPSG's conversions 16001 to 16060 and 16101 to 16160: UTM zones of the north and of the south.
fn utm(code: u16) -> Option<Projection> {
    let (zone, northing) = match code {
        16001..=16060 => (code - 16000, 0.0),
        16101..=16160 => (code - 16100, 10_000_000.0),
        _ => return None,
    };
    let parameters = vec![
        ("latitude_of_origin", 0.0),
        ("central_meridian", f64::from(zone) * 6.0 - 183.0),
        ("scale_factor", 0.9996),
        ("false_easting", 500_000.0),
        ("false_northing", northing),
    ];
    Some(Projection { method: "Transverse_Mercator", parameters })
}

/// A name between quotes, those inside doubled.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(shorts: &[(u16, u16)], doubles: &[(u16, f64)], citation: &str) -> GeoKeys {
        let mut directory = vec![1, 1, 0, (shorts.len() + doubles.len() + 1) as u16];
        shorts.iter().for_each(|(key, value)| directory.extend([*key, 0, 1, *value]));
        doubles.iter().enumerate().for_each(|(at, (key, _))| directory.extend([*key, 34736, 1, at as u16]));
        directory.extend([2049, 34737, citation.len() as u16, 0]);
        let doubles = doubles.iter().map(|(_, value)| *value).collect();
        GeoKeys { directory, doubles, ascii: citation.to_owned() }
    }

    const SPHERE: [(u16, f64); 2] = [(2057, 6_371_007.181), (2058, 6_371_007.181)];

    #[test]
    fn a_system_of_its_own_has_method_parameters_and_ellipsoid() {
        let citation = "GCS Name = Mine|Datum = D_Mine|Ellipsoid = Ball|Primem = Greenwich|";
        let shorts = [(1024, 1), (2048, 32767), (3072, 32767), (3074, 32767), (3075, 24), (3076, 9001)];
        let keys = keys(&shorts, &[&SPHERE[..], &[(3088, 15.0)]].concat(), citation);
        let expected = "PROJCS[\"unnamed\",GEOGCS[\"Mine\",DATUM[\"D_Mine\",SPHEROID[\"Ball\",6371007.181,0]],\
                        PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.017453292519943295]],PROJECTION[\"Sinusoidal\"],\
                        PARAMETER[\"longitude_of_center\",15],PARAMETER[\"false_easting\",0],\
                        PARAMETER[\"false_northing\",0],UNIT[\"metre\",1]]";
        assert_eq!(wkt(&keys).as_deref(), Some(expected));
    }

    #[test]
    fn a_zone_of_utm_and_an_ellipsoid_are_known_by_code() {
        let keys = keys(&[(1024, 1), (2048, 32767), (2056, 7030), (3072, 32767), (3074, 16152)], &[], "own|");
        let wkt = wkt(&keys).unwrap();
        assert!(wkt.contains("SPHEROID[\"WGS 84\",6378137,298.257223563]"), "{wkt}");
        assert!(wkt.contains("[\"central_meridian\",129]") && wkt.contains("[\"false_northing\",10000000]"), "{wkt}");
    }

    #[test]
    fn what_a_database_must_tell_is_not_made_up() {
        let projected = [(1024, 1), (3072, 32767), (3074, 32767), (3075, 1)];
        for more in [
            // No ellipsoid; an unknown one; an unknown geographic system; grads; a method that is not known; Paris.
            &[][..],
            &[(2056, 7036)],
            &[(2056, 7030), (2048, 4275)],
            &[(2056, 7030), (2054, 9105)],
            &[(2056, 7030), (3075, 99)],
            &[(2056, 7030), (2051, 8903)],
        ] {
            let shorts: Vec<_> = more.iter().chain(&projected).copied().collect();
            assert_eq!(wkt(&keys(&shorts, &[], "x|")), None, "{more:?}");
        }
        assert_eq!(wkt(&GeoKeys::default()), None);
    }

    #[test]
    fn names_cannot_end_their_quotes() {
        let keys = keys(&[(1024, 2), (2048, 32767)], &SPHERE, "a\"]]b|");
        assert!(wkt(&keys).unwrap().starts_with("GEOGCS[\"a\"\"]]b\","));
    }
}
