//! Georeference, as GeoTIFF tags (OGC 19-008r4).

/// Georeference of a north-up image: EPSG code, pixel size and upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geo {
    /// EPSG code; 4000 to 4999 are taken for geographic systems in degrees, all others for projected ones in metres.
    pub epsg: u16,
    /// Width and height of a pixel in the units of the system, both positive.
    pub scale: (f64, f64),
    /// Outer corner of the upper left pixel: easting and northing, or longitude and latitude.
    pub origin: (f64, f64),
}

impl Geo {
    /// ModelPixelScale (33550).
    pub(super) fn pixel_scale(&self) -> Vec<f64> {
        vec![self.scale.0, self.scale.1, 0.0]
    }

    /// ModelTiepoint (33922): pixel (0, 0, 0) lies at the origin.
    pub(super) fn tie_point(&self) -> Vec<f64> {
        vec![0.0, 0.0, 0.0, self.origin.0, self.origin.1, 0.0]
    }

    /// GeoKeyDirectory (34735): rows of key, tag that holds the value (0: here), count, value or index.
    pub(super) fn keys(&self) -> Vec<u16> {
        let (model, code_key, units_key, units) =
            if self.is_geographic() { (2, 2048, 2054, 9102) } else { (1, 3072, 3076, 9001) };
        let citation_length = self.citation().len() as u16;
        let rows = [
            [1024, 0, 1, model],
            // RasterPixelIsArea
            [1025, 0, 1, 1],
            [1026, 34737, citation_length, 0],
            [code_key, 0, 1, self.epsg],
            [units_key, 0, 1, units],
        ];
        let head = [1, 1, 0, rows.len() as u16];
        head.into_iter().chain(rows.into_iter().flatten()).collect()
    }

    /// GeoAsciiParams (34737): the name of the system, ended by the bar that GeoTIFF wants.
    pub(super) fn citation(&self) -> String {
        match self.epsg {
            32601..=32660 => format!("WGS 84 / UTM zone {}N|", self.epsg - 32600),
            32701..=32760 => format!("WGS 84 / UTM zone {}S|", self.epsg - 32700),
            4326 => "WGS 84|".to_owned(),
            other => format!("EPSG:{other}|"),
        }
    }

    fn is_geographic(&self) -> bool {
        (4000..5000).contains(&self.epsg)
    }
}
