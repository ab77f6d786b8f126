//! The CRS of a file: GeoKeys kept from where they were read, or made of an EPSG code (OGC GeoTIFF 1.1).

use std::borrow::Cow;

use swath_core::error::{Error, Result};
use swath_core::grid::{Crs, GeoKeys};

const MODEL_TYPE: u16 = 1024;
const RASTER_TYPE: u16 = 1025;
const GEODETIC_CRS: u16 = 2048;
const PROJECTED_CRS: u16 = 3072;

const MODEL_PROJECTED: u16 = 1;
const MODEL_GEOGRAPHIC: u16 = 2;
const PIXEL_IS_AREA: u16 = 1;

/// The GeoKeys of `crs`.
///
/// Those of a file are kept as they are but for the raster type: grids are corner-based, so pixels are areas. Keys
/// that are damaged count as absent.
///
/// # Errors
/// `Unsupported` where neither GeoKeys nor an EPSG code say what the CRS is.
pub(super) fn geo_keys(crs: &Crs) -> Result<Cow<'_, GeoKeys>> {
    if let Some(keys) = crs.geo_keys().filter(|keys| is_whole(keys)) {
        return Ok(as_area(keys));
    }
    match crs.epsg() {
        Some(code) => from_epsg(code).map(Cow::Owned),
        None => Err(Error::unsupported(format!(
            "the CRS {crs} has no EPSG code and no GeoKeys, so that a GeoTIFF cannot hold it: give an EPSG code"
        ))),
    }
}

/// Whether the directory has as many entries as it says.
fn is_whole(keys: &GeoKeys) -> bool {
    keys.directory.len() >= 4 && keys.directory.len() == 4 + 4 * usize::from(keys.directory[3])
}

fn as_area(keys: &GeoKeys) -> Cow<'_, GeoKeys> {
    if keys.short(RASTER_TYPE).is_none_or(|raster_type| raster_type == PIXEL_IS_AREA) {
        return Cow::Borrowed(keys);
    }
    let mut keys = keys.clone();
    for entry in keys.directory.chunks_exact_mut(4).skip(1).filter(|entry| entry[0] == RASTER_TYPE) {
        entry[3] = PIXEL_IS_AREA;
    }
    Cow::Owned(keys)
}

fn from_epsg(code: u32) -> Result<GeoKeys> {
    let code = u16::try_from(code)
        .ok()
        // 0 is undefined, 32767 user-defined, and the codes above it are private.
        .filter(|code| (1..32767).contains(code))
        .ok_or_else(|| Error::unsupported(format!("EPSG:{code} cannot be a GeoKey, which holds 1 to 32766")))?;
    let (model, key) =
        if is_geographic(code) { (MODEL_GEOGRAPHIC, GEODETIC_CRS) } else { (MODEL_PROJECTED, PROJECTED_CRS) };
    let directory = [[1, 1, 0, 3], [MODEL_TYPE, 0, 1, model], [RASTER_TYPE, 0, 1, PIXEL_IS_AREA], [key, 0, 1, code]];
    Ok(GeoKeys { directory: directory.concat(), ..GeoKeys::default() })
}

/// Whether an EPSG code is that of longitudes and latitudes; every other is taken for a projected CRS.
fn is_geographic(code: u16) -> bool {
    let after = GEOGRAPHIC.partition_point(|(first, _)| *first <= code);
    after > 0 && code <= GEOGRAPHIC[after - 1].1
}

/// First and last code of the runs of geographic CRSs (2D and 3D) that no projected CRS interrupts, sorted: EPSG
/// dataset v12.029.
#[rustfmt::skip]
const GEOGRAPHIC: [(u16, u16); 167] = [
    (3819, 3824), (3888, 3889), (3906, 3906), (4001, 4025), (4027, 4036), (4040, 4047), (4052, 4055), (4074, 4081),
    (4120, 4216), (4218, 4388), (4463, 4466), (4469, 4470), (4472, 4472), (4475, 4483), (4490, 4490), (4555, 4558),
    (4600, 4646), (4657, 4765), (4801, 4811), (4813, 4821), (4823, 4824), (4883, 5013), (5132, 5132), (5228, 5233),
    (5245, 5246), (5251, 5252), (5263, 5264), (5323, 5324), (5340, 5342), (5353, 5354), (5359, 5360), (5364, 5365),
    (5370, 5381), (5392, 5393), (5451, 5451), (5464, 5464), (5467, 5467), (5488, 5489), (5524, 5527), (5545, 5546),
    (5560, 5561), (5592, 5593), (5681, 5681), (5830, 5830), (5885, 5886), (6134, 6135), (6207, 6207), (6310, 6311),
    (6318, 6325), (6364, 6365), (6667, 6668), (6705, 6706), (6782, 6783), (6881, 6883), (6892, 6894), (6979, 6983),
    (6986, 6990), (7034, 7042), (7072, 7073), (7084, 7088), (7133, 7139), (7372, 7373), (7657, 7686), (7797, 7798),
    (7816, 7816), (7843, 7844), (7880, 7881), (7885, 7886), (7900, 7931), (8042, 8043), (8085, 8086), (8231, 8255),
    (8351, 8351), (8399, 8431), (8449, 8449), (8542, 8545), (8684, 8685), (8694, 8818), (8860, 8902), (8906, 8907),
    (8916, 8949), (8972, 9019), (9053, 9140), (9147, 9148), (9152, 9153), (9183, 9184), (9248, 9248), (9251, 9251),
    (9253, 9253), (9267, 9267), (9293, 9294), (9299, 9299), (9308, 9309), (9332, 9333), (9364, 9364), (9372, 9372),
    (9379, 9384), (9403, 9403), (9453, 9453), (9469, 9470), (9474, 9475), (9546, 9547), (9695, 9696), (9701, 9702),
    (9739, 9739), (9754, 9758), (9763, 9763), (9776, 9784), (9866, 9866), (9871, 9871), (9893, 9893), (9939, 9939),
    (9964, 9964), (9969, 9969), (9974, 9974), (9989, 10158), (10175, 10178), (10185, 10185), (10191, 10191),
    (10196, 10196), (10204, 10204), (10209, 10209), (10214, 10214), (10219, 10219), (10224, 10224), (10229, 10229),
    (10237, 10237), (10249, 10249), (10252, 10252), (10256, 10256), (10260, 10260), (10265, 10265), (10268, 10268),
    (10272, 10272), (10277, 10277), (10283, 10284), (10298, 10305), (10307, 10312), (10327, 10328), (10345, 10414),
    (10468, 10468), (10474, 10475), (10570, 10571), (10605, 10606), (10623, 10623), (10628, 10628), (10635, 10639),
    (10670, 10673), (10689, 10690), (10724, 10725), (10735, 10739), (10758, 10758), (10761, 10762), (10780, 10785),
    (10790, 10791), (10799, 10800), (10806, 10807), (10830, 10831), (10849, 10849), (10860, 10860), (10874, 10898),
    (10909, 10910), (10940, 10941), (10951, 10968), (11042, 11043), (20033, 20041), (20045, 20046),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_longitudes_and_latitudes_are_told_from_projected_ones() {
        for code in [3819, 4258, 4269, 4326, 4490, 4674, 4937, 4979, 7844, 9057] {
            assert!(is_geographic(code), "EPSG:{code}");
        }
        for code in [1, 2154, 3031, 3857, 4038, 4087, 4399, 4437, 4499, 4547, 5070, 25832, 32631, 32766] {
            assert!(!is_geographic(code), "EPSG:{code}");
        }
        assert!(GEOGRAPHIC.iter().all(|(first, last)| first <= last));
        assert!(GEOGRAPHIC.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn an_epsg_code_gives_keys_that_are_read_as_that_code() {
        for code in [32631, 4326] {
            let keys = geo_keys(&Crs::from_epsg(code)).unwrap().into_owned();
            assert_eq!(Crs::from_geo_keys(keys), Crs::from_epsg(code));
        }
    }

    #[test]
    fn keys_of_a_file_are_kept_but_pixels_become_areas() {
        let keys = |raster_type| GeoKeys {
            directory: vec![1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, raster_type, 3073, 34737, 4, 0],
            doubles: vec![0.5],
            ascii: "abc|".into(),
        };
        let crs = Crs::from_geo_keys(keys(2));
        assert_eq!(geo_keys(&crs).unwrap().into_owned(), keys(1));
    }

    #[test]
    fn a_crs_that_no_key_can_say_is_an_error() {
        let message = |crs| geo_keys(&crs).unwrap_err().to_string();
        assert_eq!(message(Crs::from_epsg(102_001)), "EPSG:102001 cannot be a GeoKey, which holds 1 to 32766");
        let local = message(Crs::from_wkt("LOCAL_CS[\"x\"]"));
        assert!(local.starts_with("the CRS LOCAL_CS[\"x\"] has no EPSG code and no GeoKeys"), "{local}");
        let cut_short = GeoKeys { directory: vec![1, 1, 0, 9, 1024, 0, 1, 1], ..GeoKeys::default() };
        assert!(geo_keys(&Crs::from_geo_keys(cut_short)).is_err());
    }
}
