//! A deterministic Sentinel-2-like scene: classes, colours and a STAC item, as in the public archive of Sentinel-2 COGs.
//!
//! EPSG:32631, upper left corner (600000, 5900040), nodata 0, DEFLATE with predictor 2, tiles of 1024 pixels, overviews
//! 2, 4, 8 and 16 in tiles of 512. The content is noise thresholded into land cover and clouds, with a no-data corner where
//! the swath ends, class mean reflectances, texture of several octaves and sensor noise, so that DEFLATE works about as hard
//! as on a real scene. The same options give the same bytes, whatever the number of threads.

mod landscape;
mod noise;
mod stac;
mod utm;

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::parallel::{available_threads, map_in_order};
use crate::tiff_writer::{
    Compression, Geo, Layout, Overview, Photometric, Predictor, Resampling, SampleType, TiffSpec,
};
use landscape::{Band, Landscape};

/// Id of the item whose files are written: the last one of `search.json`.
pub const ITEM_ID: &str = "S2B_31UFU_20200328_0_L2A";

const EPSG: u16 = 32631;
const ORIGIN: (f64, f64) = (600_000.0, 5_900_040.0);

/// What to write; the default is a quarter of a Sentinel-2 tile, 5490 pixels of 10 m a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneOptions {
    size: u32,
    seed: u64,
    level: u8,
    bands: bool,
    threads: NonZeroUsize,
}

impl Default for SceneOptions {
    fn default() -> Self {
        Self { size: 5490, seed: 2, level: 6, bands: false, threads: available_threads() }
    }
}

impl SceneOptions {
    /// Pixels of 10 m a side; a multiple of 2, at least 32. A whole Sentinel-2 tile has 10980.
    pub fn size(self, size: u32) -> Self {
        Self { size, ..self }
    }

    /// What tells one landscape from another.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Deflate level, 0 to 12; 6 by default.
    pub fn level(self, level: u8) -> Self {
        Self { level, ..self }
    }

    /// Whether to write the reflectances B04 (red) and B08 (near infrared), u16 at 10 m, too; off by default.
    pub fn bands(self, bands: bool) -> Self {
        Self { bands, ..self }
    }

    /// Threads that generate and compress; all the machine offers by default. The files do not depend on it.
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, ..self }
    }
}

/// A scene on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    search: PathBuf,
    assets: Vec<(&'static str, PathBuf)>,
    cloud_cover: f64,
}

impl Scene {
    /// Writes `search.json` and the item's `SCL.tif`, `visual.tif` and, if asked for, `B04.tif` and `B08.tif` under `dir`.
    ///
    /// `search.json` is a STAC ItemCollection of two items, of two dates, which name the same files. Its hrefs are
    /// relative to it (`./<item>/visual.tif`), or absolute under `href_base` when there is one.
    ///
    /// # Errors
    ///
    /// When the size is odd or less than 32, the deflate level is above 12, or a file cannot be written.
    pub fn write(dir: &Path, options: &SceneOptions, href_base: Option<&str>) -> io::Result<Self> {
        if options.size < 32 || options.size % 2 == 1 {
            let message = format!("the size of a scene is even and at least 32, not {}", options.size);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let folder = dir.join(ITEM_ID);
        fs::create_dir_all(&folder)?;
        let landscape = Landscape::new(options.size / 2, options.seed, options.threads)?;
        let mut scene =
            Self { search: dir.join("search.json"), assets: Vec::new(), cloud_cover: landscape.cloud_cover() };
        let mut write = |key, product: Product, pixels| {
            let path = folder.join(format!("{key}.tif"));
            let levels = product.spec.pyramid(pixels, product.resampling)?;
            product.spec.write_file(&path, &levels, options.threads)?;
            scene.assets.push((key, path));
            io::Result::Ok(())
        };
        write("SCL", Product::classes(options), landscape.classes().to_vec())?;
        write("visual", Product::colours(options), colours(&landscape, options)?)?;
        if options.bands {
            write("B04", Product::reflectance(options), reflectance(&landscape, Band::Red, options)?)?;
            write("B08", Product::reflectance(options), reflectance(&landscape, Band::NearInfrared, options)?)?;
        }
        let keys: Vec<_> = scene.assets.iter().map(|(key, _)| *key).collect();
        let search = stac::item_collection(options.size, scene.cloud_cover, &keys, href_base);
        fs::write(&scene.search, serde_json::to_vec_pretty(&search)?)?;
        Ok(scene)
    }

    /// Path of the STAC ItemCollection; the last of its items is this scene.
    pub fn search(&self) -> &Path {
        &self.search
    }

    /// Path of an asset: `SCL` (u8 classes, 20 m), `visual` (u8 RGB, 10 m), `B04`, `B08` (u16 reflectance × 10000, 10 m).
    pub fn asset(&self, key: &str) -> Option<&Path> {
        self.assets.iter().find(|(name, _)| *name == key).map(|(_, path)| path.as_path())
    }

    /// Share of pixels in the cloud classes 8 and 9, in per cent.
    pub fn cloud_cover(&self) -> f64 {
        self.cloud_cover
    }
}

/// How a file of the archive is made.
struct Product {
    spec: TiffSpec,
    resampling: Resampling,
}

impl Product {
    fn classes(options: &SceneOptions) -> Self {
        Self { spec: archive_spec(options, 2, SampleType::U8), resampling: Resampling::Mode }
    }

    fn colours(options: &SceneOptions) -> Self {
        let spec = archive_spec(options, 1, SampleType::U8);
        let spec = TiffSpec { bands: 3, photometric: Photometric::Rgb, ..spec };
        Self { spec, resampling: Resampling::Average }
    }

    fn reflectance(options: &SceneOptions) -> Self {
        Self { spec: archive_spec(options, 1, SampleType::U16), resampling: Resampling::Average }
    }
}

fn archive_spec(options: &SceneOptions, reduction: u32, dtype: SampleType) -> TiffSpec {
    let size = options.size / reduction;
    let pixel = 10.0 * f64::from(reduction);
    TiffSpec {
        layout: Layout::Tiled { width: 1024, height: 1024 },
        compression: Compression::Deflate(options.level),
        predictor: Predictor::Horizontal,
        nodata: Some("0".to_owned()),
        geo: Some(Geo { epsg: EPSG, scale: (pixel, pixel), origin: ORIGIN }),
        overviews: Overview::halvings(4, 512),
        ..TiffSpec::new(size, size, dtype)
    }
}

/// Planar red, green and blue: reflectances stretched as ESA's true colour image is, saturated above 0.3558.
fn colours(landscape: &Landscape, options: &SceneOptions) -> io::Result<Vec<u8>> {
    let stretch = |reflectance: u16| match reflectance {
        0 => 0,
        _ => (u32::from(reflectance) * 255 / 3558).clamp(1, 255) as u8,
    };
    let bands = [Band::Red, Band::Green, Band::Blue];
    planar(landscape, &bands, options, 1, |reflectance, out| out.push(stretch(reflectance)))
}

fn reflectance(landscape: &Landscape, band: Band, options: &SceneOptions) -> io::Result<Vec<u8>> {
    planar(landscape, &[band], options, 2, |reflectance, out| out.extend(reflectance.to_ne_bytes()))
}

/// Renders bands in parallel, some rows at a time, and collects them into planes of `sample_bytes` bytes a pixel.
fn planar(
    landscape: &Landscape,
    bands: &[Band],
    options: &SceneOptions,
    sample_bytes: usize,
    append: impl Fn(u16, &mut Vec<u8>) + Sync,
) -> io::Result<Vec<u8>> {
    const ROWS: usize = 32;
    let size = options.size as usize;
    let row_bytes = size * sample_bytes;
    let mut pixels = vec![0; bands.len() * size * row_bytes];
    map_in_order(
        options.threads,
        size.div_ceil(ROWS),
        || landscape.painter(),
        |painter, group| {
            let rows = group * ROWS..size.min((group + 1) * ROWS);
            let mut strips = vec![Vec::with_capacity(rows.len() * row_bytes); bands.len()];
            for y in rows {
                painter.begin_row(y);
                for (band, strip) in bands.iter().zip(&mut strips) {
                    painter.reflectances(*band).iter().for_each(|&reflectance| append(reflectance, strip));
                }
            }
            strips
        },
        |group, strips| {
            for (plane, strip) in pixels.chunks_exact_mut(size * row_bytes).zip(strips) {
                plane[group * ROWS * row_bytes..][..strip.len()].copy_from_slice(&strip);
            }
            Ok(())
        },
    )?;
    Ok(pixels)
}
