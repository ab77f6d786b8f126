//! What there is to see: land cover and clouds as classes at 20 m, and the reflectances they have at 10 m.

use std::io;
use std::num::NonZeroUsize;

use super::noise::{Field, hash, white};
use crate::parallel::map_in_order;

/// Classes of Sentinel-2's scene classification (SCL) that the landscape is made of.
mod class {
    pub(super) const NO_DATA: u8 = 0;
    pub(super) const SATURATED: u8 = 1;
    pub(super) const DARK: u8 = 2;
    pub(super) const CLOUD_SHADOW: u8 = 3;
    pub(super) const VEGETATION: u8 = 4;
    pub(super) const BARE: u8 = 5;
    pub(super) const WATER: u8 = 6;
    pub(super) const UNCLASSIFIED: u8 = 7;
    pub(super) const CLOUD_MEDIUM: u8 = 8;
    pub(super) const CLOUD_HIGH: u8 = 9;
    pub(super) const CIRRUS: u8 = 10;
    pub(super) const SNOW: u8 = 11;
}

/// Standard deviation of the sensor's noise, in reflectance × 10000. More than a real sensor has: it stands for all the
/// detail that real scenes have and noise of a few octaves lacks, and decides how well the files compress.
const SENSOR_NOISE: f32 = 20.0;

/// A spectral band: its mean reflectance (× 10000) by class, and how much fine and coarse texture it shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Band {
    Blue,
    Green,
    Red,
    NearInfrared,
}

impl Band {
    fn means(self) -> [f32; 12] {
        match self {
            Self::Blue => [0., 9000., 270., 340., 410., 880., 390., 710., 2300., 4150., 1290., 6200.],
            Self::Green => [0., 9000., 340., 430., 630., 1120., 430., 840., 2350., 4200., 1390., 6250.],
            Self::Red => [0., 9000., 310., 400., 470., 1380., 310., 940., 2400., 4250., 1440., 6200.],
            Self::NearInfrared => [0., 9000., 710., 1310., 3280., 2180., 230., 1890., 3400., 4850., 2580., 5600.],
        }
    }

    fn texture_gains(self) -> (f32, f32) {
        match self {
            Self::Blue => (48., 30.),
            Self::Green => (60., 24.),
            Self::Red => (72., 18.),
            Self::NearInfrared => (84., -48.),
        }
    }
}

/// The scene before it is cut into files.
#[derive(Debug)]
pub(super) struct Landscape {
    /// Pixels of 20 m a side.
    size: usize,
    seed: u64,
    classes: Vec<u8>,
    relief: Field,
    textures: [Field; 2],
}

impl Landscape {
    /// Decides the classes of all pixels of 20 m.
    pub(super) fn new(size: u32, seed: u64, threads: NonZeroUsize) -> io::Result<Self> {
        let cover = Cover::new(size as i32, seed);
        let mut classes = Vec::with_capacity(size as usize * size as usize);
        map_in_order(
            threads,
            size as usize,
            || CoverRows::new(size as usize),
            |rows, y| cover.classes(rows, y as i32),
            |_, row| {
                classes.extend(row);
                Ok(())
            },
        )?;
        let field = |index, gain| Field::new(sub_seed(seed, index), 512, gain);
        let (relief, textures) = (field(10, 1.41), [field(11, 1.0), field(12, 0.93)]);
        Ok(Self { size: size as usize, seed, classes, relief, textures })
    }

    /// Classes, row by row.
    pub(super) fn classes(&self) -> &[u8] {
        &self.classes
    }

    /// Share of the cloud classes, in per cent.
    pub(super) fn cloud_cover(&self) -> f64 {
        let clouds =
            self.classes.iter().filter(|class| [class::CLOUD_MEDIUM, class::CLOUD_HIGH].contains(class)).count();
        100.0 * clouds as f64 / self.classes.len() as f64
    }

    /// Something that renders rows of 10 m pixels. One per thread.
    pub(super) fn painter(&self) -> Painter<'_> {
        let blank = || vec![0.0; 2 * self.size];
        Painter {
            landscape: self,
            y: 0,
            relief: blank(),
            textures: [blank(), blank()],
            reflectances: vec![0; 2 * self.size],
        }
    }
}

/// Renders rows; the texture of a row is shared by its bands.
pub(super) struct Painter<'a> {
    landscape: &'a Landscape,
    y: usize,
    relief: Vec<f32>,
    textures: [Vec<f32>; 2],
    reflectances: Vec<u16>,
}

impl Painter<'_> {
    /// Turns to a row of 10 m pixels.
    pub(super) fn begin_row(&mut self, y: usize) {
        self.y = y;
        self.landscape.relief.row(y as i32, 0, &mut self.relief);
        for (field, row) in self.landscape.textures.iter().zip(&mut self.textures) {
            field.row(y as i32, 0, row);
        }
    }

    /// Reflectances of the row in one band, × 10000; 0 where there is no data and at least 1 elsewhere.
    pub(super) fn reflectances(&mut self, band: Band) -> &[u16] {
        let size = self.landscape.size;
        let classes = &self.landscape.classes[self.y / 2 * size..][..size];
        let means = band.means();
        let (fine, coarse) = band.texture_gains();
        let sensor = hash(sub_seed(self.landscape.seed, 20 + band as u64) as u32 ^ hash(self.y as u32));
        let [fine_row, coarse_row] = &self.textures;
        for (x, reflectance) in self.reflectances.iter_mut().enumerate() {
            let class = classes[x / 2];
            let mean = means[usize::from(class)] * (1.0 + 0.12 * self.relief[x]);
            let texture = fine * fine_row[x] + coarse * coarse_row[x] + SENSOR_NOISE * white(sensor, x as u32);
            let valid = (mean + texture + 0.5).clamp(1.0, 16_000.0) as u16;
            *reflectance = if class == class::NO_DATA { 0 } else { valid };
        }
        &self.reflectances
    }
}

/// Fields and thresholds that decide the class of a pixel.
struct Cover {
    size: i32,
    glint_seed: u32,
    land: Field,
    wet: Field,
    cloud: Field,
    levels: Levels,
}

/// Values of the fields at which classes begin or end, chosen for the shares of the scene that classes are to have.
struct Levels {
    water: f32,
    snow: f32,
    vegetation: f32,
    dark: f32,
    shadow: f32,
    cirrus: f32,
    cloud_medium: f32,
    cloud_high: f32,
}

/// One row of each field.
struct CoverRows {
    land: Vec<f32>,
    wet: Vec<f32>,
    cloud: Vec<f32>,
    shadow: Vec<f32>,
}

impl CoverRows {
    fn new(size: usize) -> Self {
        let blank = || vec![0.0; size];
        Self { land: blank(), wet: blank(), cloud: blank(), shadow: blank() }
    }
}

impl Cover {
    fn new(size: i32, seed: u64) -> Self {
        // The coarsest blobs are a sixth of the scene, but not more than 10 km.
        let period_max = (size as u32 / 6).clamp(4, 512);
        let field = |index, gain| Field::new(sub_seed(seed, index), period_max, gain);
        let (land, wet, cloud) = (field(0, 1.87), field(1, 1.68), field(2, 1.74));
        let land_ranked = ranked(size, |y, row| land.row(y, 0, row));
        let wet_ranked = ranked(size, |y, row| wet.row(y, 0, row));
        let cloud_ranked = ranked(size, |y, row| cloud_row(&cloud, size, y, 0, row));
        let levels = Levels {
            water: land_ranked.at(0.10),
            snow: land_ranked.at(0.985),
            vegetation: wet_ranked.at(0.45),
            dark: wet_ranked.at(0.97),
            shadow: cloud_ranked.at(0.92),
            cirrus: cloud_ranked.at(0.85),
            cloud_medium: cloud_ranked.at(0.885),
            cloud_high: cloud_ranked.at(0.935),
        };
        Self { size, glint_seed: sub_seed(seed, 3) as u32, land, wet, cloud, levels }
    }

    fn classes(&self, rows: &mut CoverRows, y: i32) -> Vec<u8> {
        // The sun stands in the south-east: shadows fall north-west of their clouds.
        let (shadow_y, shadow_x) = (y + self.size / 60, self.size / 50);
        self.land.row(y, 0, &mut rows.land);
        self.wet.row(y, 0, &mut rows.wet);
        cloud_row(&self.cloud, self.size, y, 0, &mut rows.cloud);
        cloud_row(&self.cloud, self.size, shadow_y, shadow_x, &mut rows.shadow);
        (0..self.size).map(|x| self.class(rows, y, x)).collect()
    }

    /// What lies on top, from the edge of the swath down through clouds and shadows to the ground.
    fn class(&self, rows: &CoverRows, y: i32, x: i32) -> u8 {
        let levels = &self.levels;
        let at = x as usize;
        let (land, wet, cloud, shadow) = (rows.land[at], rows.wet[at], rows.cloud[at], rows.shadow[at]);
        match () {
            () if 10 * (x + y / 4) > 11 * self.size => class::NO_DATA,
            () if cloud > levels.cloud_high => class::CLOUD_HIGH,
            () if cloud > levels.cloud_medium => class::CLOUD_MEDIUM,
            () if cloud > levels.cirrus => class::CIRRUS,
            () if shadow > levels.shadow => class::CLOUD_SHADOW,
            () if self.glints(y, x) => class::SATURATED,
            () if (wet - levels.vegetation).abs() < 0.01 => class::UNCLASSIFIED,
            () if wet > levels.dark => class::DARK,
            () if land > levels.snow => class::SNOW,
            () if land < levels.water => class::WATER,
            () if wet > levels.vegetation => class::VEGETATION,
            () => class::BARE,
        }
    }

    /// Single pixels, one in 16384, in which the sun blinds the sensor.
    fn glints(&self, y: i32, x: i32) -> bool {
        hash(x as u32 ^ hash(y as u32 ^ self.glint_seed)).is_multiple_of(16_384)
    }
}

/// Clouds of a front in the north-east, thinning out towards the south-west, where tiles are clear, and one bank
/// whose core hides a whole tile of 512 pixels where the scene has room for it.
fn cloud_row(cloud: &Field, size: i32, y: i32, x: i32, out: &mut [f32]) {
    cloud.row(y, x, out);
    let (centre, core) = match size {
        1536.. => (512 + 256, 310.0),
        _ => (size / 3, size as f32 / 12.0),
    };
    let fourth = |d: f32| d * d * d * d;
    for (column, value) in (x..).zip(out) {
        let front = 2.5 * (column - y) as f32 / size as f32;
        // The fourth-power norm draws a square with round corners; the noise frays it, outwards only.
        let distance = (fourth((column - centre) as f32) + fourth((y - centre) as f32)).sqrt().sqrt();
        let frayed = distance / core - 0.2 * (*value + 1.0).max(0.0);
        let bank = 8.0 * ((1.2 - frayed) / 0.2).clamp(0.0, 1.0);
        *value += front + bank;
    }
}

/// Quantiles of a field, from every eighth pixel in both directions.
fn ranked(size: i32, row: impl Fn(i32, &mut [f32])) -> Ranked {
    let mut values = Vec::new();
    let mut pixels = vec![0.0; size as usize];
    for y in (0..size).step_by(8) {
        row(y, &mut pixels);
        values.extend(pixels.iter().step_by(8).copied());
    }
    values.sort_by(f32::total_cmp);
    Ranked(values)
}

/// Sorted values of a field.
struct Ranked(Vec<f32>);

impl Ranked {
    /// The value below which this share of the field lies.
    fn at(&self, share: f64) -> f32 {
        self.0[(share * (self.0.len() - 1) as f64) as usize]
    }
}

fn sub_seed(seed: u64, index: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(hash(index as u32 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cloud(class: u8) -> bool {
        class == class::CLOUD_MEDIUM || class == class::CLOUD_HIGH
    }

    #[test]
    fn clouds_cover_a_tenth_and_hide_some_tiles_and_leave_others_clear() -> io::Result<()> {
        for seed in [1, 2, 3] {
            let landscape = Landscape::new(2745, seed, NonZeroUsize::MIN)?;
            let cover = landscape.cloud_cover();
            assert!((8.0..=15.0).contains(&cover), "seed {seed}: {cover} % clouds");
            let clouds_in = |tile_y: usize, tile_x: usize| {
                let rows = landscape.classes.chunks_exact(2745).skip(512 * tile_y).take(512);
                rows.flat_map(|row| &row[512 * tile_x..][..512]).filter(|class| is_cloud(**class)).count()
            };
            let tiles: Vec<_> = (0..25).map(|tile| clouds_in(tile / 5, tile % 5)).collect();
            assert!(tiles.contains(&(512 * 512)), "seed {seed}: no tile is all cloud: {tiles:?}");
            assert!(tiles.contains(&0), "seed {seed}: no tile is clear: {tiles:?}");
        }
        Ok(())
    }

    #[test]
    fn all_classes_occur() -> io::Result<()> {
        let landscape = Landscape::new(1024, 2, NonZeroUsize::MIN)?;
        let missing: Vec<_> = (0..=11).filter(|class| !landscape.classes.contains(class)).collect();
        assert!(missing.is_empty(), "missing {missing:?}");
        Ok(())
    }
}
