//! The pictures of the guide, docs/guide: each is made as its page says.
//!
//! `cargo run --release --example guide` puts them where the pages show them, or into the folder that it is given. They are
//! the same bytes each time, and `tests/guide.rs` compares them with those of the repository.

use std::path::{Path, PathBuf};

use swath::ndarray::{Ix2, s};
use swath::{
    Boundary, Colors, DType, Dim, Fill, LazyRaster, OpenOptions, Overflow, Overlap, Overview, Resampling, ValueRange,
    concat, mosaic, prelude::*, stack,
};
use swath_demo::scene::{Scene, SceneOptions};

/// Rows and columns of the scene's 20 m pixels.
const SIDE: usize = 240;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("docs/guide"), PathBuf::from);
    draw(&folder)
}

/// Makes the scene, and all pictures in `folder`.
pub(crate) fn draw(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let files = tempfile::tempdir()?;
    let scene = Scene::write(files.path(), &SceneOptions::default().size(2 * SIDE as u32).bands(true), None)?;
    let rasters = Rasters::open(&scene)?;
    std::fs::create_dir_all(folder)?;
    for (name, picture, colors) in PICTURES {
        picture(&rasters)?.compute()?.to_png(folder.join(name).with_extension("png"), &colors(), 360)?;
    }
    Ok(())
}

/// The scene's files, all with pixels of 20 m.
struct Rasters {
    /// Classes of the scene classification: u8, nodata 0.
    scl: LazyRaster,
    /// Red, green and blue: u8, nodata 0.
    visual: LazyRaster,
    /// Reflectances times 10 000: u16, nodata 0.
    red: LazyRaster,
    nir: LazyRaster,
}

impl Rasters {
    fn open(scene: &Scene) -> swath::Result<Self> {
        let open = |key, overview| {
            let path =
                scene.asset(key).and_then(Path::to_str).expect("the scene has this file, in a folder of plain name");
            OpenOptions::new().overview(overview).open(path)
        };
        Ok(Self {
            scl: open("SCL", Overview::Full)?.squeeze()?,
            visual: open("visual", Overview::Level(0))?,
            red: open("B04", Overview::Level(0))?.squeeze()?,
            nir: open("B08", Overview::Level(0))?.squeeze()?,
        })
    }

    fn ndvi(&self) -> swath::Result<LazyRaster> {
        self.nir.normalized_difference(&self.red)
    }

    /// Clouds, thin ones too, and their shadows.
    fn clouds(&self) -> swath::Result<LazyRaster> {
        self.scl.isin([3, 8, 9, 10])
    }
}

type Picture = (&'static str, fn(&Rasters) -> swath::Result<LazyRaster>, fn() -> Colors);

/// In the order of the pages.
const PICTURES: &[Picture] = &[
    ("scene", |rasters| twice(&rasters.visual), || Colors::Auto),
    ("classes", |rasters| Ok(rasters.scl.clone()), Colors::scene_classes),
    ("ndvi", Rasters::ndvi, || Colors::Gray(-0.4, 1.0)),
    ("clear", clear, || Colors::Auto),
    ("spotlight", spotlight, || Colors::Auto),
    ("density", density, greens),
    ("kinds", kinds, || Colors::Classes(vec![[90, 90, 90], [40, 110, 200], [225, 190, 120], [240, 240, 240]])),
    ("framed", framed, || Colors::Auto),
    ("mosaic", three_parts, || Colors::Auto),
    ("composite", composite, || Colors::Auto),
    ("coarse", coarse, || Colors::Auto),
    ("mode", mode, Colors::scene_classes),
    ("overviews", overviews, || Colors::Auto),
    ("overviews_of_classes", overviews_of_classes, Colors::scene_classes),
    ("masked", masked_overviews, || Colors::Auto),
    ("focal", focal, || Colors::Gray(0.0, 1.0)),
    ("edges", edges, || Colors::Gray(0.0, 3000.0)),
    ("districts", districts, greens),
    ("relief", relief, || Colors::Gray(0.0, 1.0)),
];

/// From bare to dense.
fn greens() -> Colors {
    Colors::Classes(vec![
        [30, 70, 140],
        [215, 190, 150],
        [235, 220, 160],
        [190, 215, 120],
        [120, 185, 80],
        [50, 140, 60],
        [10, 90, 40],
    ])
}

/// Where each of its classes begins, but for the first.
const DENSITIES: [f64; 6] = [0.0, 0.15, 0.3, 0.45, 0.6, 0.75];

/// Twice as bright: the scene is dark, as the satellite saw it.
fn twice(raster: &LazyRaster) -> swath::Result<LazyRaster> {
    raster.mul(2)?.minimum(255)
}

/// Where clouds were there is nodata, and the picture transparent.
fn clear(rasters: &Rasters) -> swath::Result<LazyRaster> {
    twice(&rasters.visual.mask(&rasters.clouds()?, Fill::Nodata)?)
}

/// Vegetation bright, all else as it is.
fn spotlight(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let bright = rasters.visual.mul(3)?.minimum(255)?;
    bright.where_(&rasters.scl.eq(4)?, &rasters.visual)
}

fn density(rasters: &Rasters) -> swath::Result<LazyRaster> {
    rasters.ndvi()?.digitize(DENSITIES)
}

/// Water, land, clouds and snow, all else.
fn kinds(rasters: &Rasters) -> swath::Result<LazyRaster> {
    rasters.scl.reclassify([(ValueRange::from(6), 1), ((4..=5).into(), 2), ((8..=11).into(), 3)], 0)
}

fn framed(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let framed = rasters.visual.window(60..220, 20..180)?.flip(Dim::X)?.pad([24, 24], [24, 24], Boundary::Reflect)?;
    twice(&framed)
}

fn three_parts(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let visual = &rasters.visual;
    let parts = [visual.window(0..150, 0..130)?, visual.window(40..240, 90..180)?, visual.window(20..120, 200..240)?];
    twice(&mosaic(parts, Overlap::First)?)
}

/// Three dates, and the median of what is clear at each.
fn composite(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let Rasters { scl, visual, .. } = rasters;
    let (mut dates, mut clear) = (Vec::new(), Vec::new());
    for (rows, columns) in [(70, -40), (120, 20), (100, -100)] {
        // For want of other dates: the scene, with its clouds also elsewhere.
        let moved = scl.shift(rows, columns, Boundary::Nodata)?.isin([8, 9, 10])?;
        let date = visual.mask(&moved, &visual.shift(rows, columns, Boundary::Nodata)?)?;
        clear.push(date.mask(&(moved | rasters.clouds()?), Fill::Nodata)?);
        dates.push(date);
    }
    let median = stack(&clear, Dim::Time)?.over(Dim::Time)?.median()?;
    dates.push(median.round()?.with_nodata(0)?.cast(DType::U8, Overflow::Error)?);
    let parts =
        dates.iter().map(|date| date.window(130..240, 15..125)?.without_grid()?.pad([3, 3], [3, 3], Boundary::Nodata));
    let parts = parts.collect::<swath::Result<Vec<_>>>()?;
    twice(&concat([concat(&parts[..2], Dim::X)?, concat(&parts[2..], Dim::X)?], Dim::Y)?)
}

fn coarse(rasters: &Rasters) -> swath::Result<LazyRaster> {
    twice(&rasters.visual.coarsen([1, 12, 12])?.mean()?)?.repeat([1, 12, 12])
}

fn mode(rasters: &Rasters) -> swath::Result<LazyRaster> {
    rasters.scl.coarsen([1, 12, 12])?.mode()?.repeat([1, 12, 12])
}

/// The third overview, enlarged, by four resamplings in two rows.
fn overviews(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let ways = [Resampling::Nearest, Resampling::Average, Resampling::Bilinear, Resampling::Max];
    let parts = ways.map(|way| framed_overview(&rasters.visual, way));
    let [nearest, average, bilinear, max] = parts;
    twice(&concat([concat([nearest?, average?], Dim::X)?, concat([bilinear?, max?], Dim::X)?], Dim::Y)?)
}

fn overviews_of_classes(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let ways = [Resampling::Nearest, Resampling::Mode, Resampling::Max];
    let parts: swath::Result<Vec<_>> = ways.iter().map(|way| framed_overview(&rasters.scl, *way)).collect();
    concat(parts?, Dim::X)
}

/// The second overview of clouds as pixels like any other, and of what is left where they are hidden.
fn masked_overviews(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let hidden = rasters.visual.mask(&rasters.clouds()?, Fill::Nodata)?;
    let parts = [&rasters.visual, &hidden].map(|raster| framed_overview(raster, Resampling::Average));
    let [all, clear] = parts;
    twice(&concat([all?, clear?], Dim::X)?)
}

/// The middle of the third overview, enlarged to its old size, with a border.
fn framed_overview(raster: &LazyRaster, way: Resampling) -> swath::Result<LazyRaster> {
    let small = raster.downsample([SIDE / 8, SIDE / 8], way)?;
    small.repeat([1, 8, 8])?.window(40..200, 40..200)?.without_grid()?.pad([3, 3], [3, 3], Boundary::Nodata)
}

/// Mean and deviation around each pixel, side by side.
fn focal(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let windows = rasters.ndvi()?.window(40..220, 0..180)?.focal([9, 9])?;
    let (mean, deviation) = (windows.mean()?, windows.standard_deviation(0)?);
    concat([mean.without_grid()?, deviation.mul(3)?.without_grid()?], Dim::X)
}

fn edges(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let smooth = rasters.nir.focal([5, 5])?.median()?;
    let across = [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]];
    let down = [[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -1.0]];
    smooth.convolve(&across, Boundary::Nearest)?.hypot(smooth.convolve(&down, Boundary::Nearest)?)
}

/// The mean index of sixty districts, each the pixels next to one point.
fn districts(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let middle = |district: usize| (district * 67 % SIDE, district * 151 % SIDE);
    let distance =
        |(row, column): (usize, usize), y: usize, x: usize| row.abs_diff(y).pow(2) + column.abs_diff(x).pow(2);
    let districts = swath::raster([1, SIDE, SIDE], |_, y, x| {
        (0..60).min_by_key(|district| distance(middle(*district), y, x)).unwrap_or(0) as u8
    })?;
    let told = rasters.ndvi()?.statistics()?.by(&districts)?.compute()?;
    let mean = |district| told.zone(district).ok().and_then(|zone| zone.mean()).unwrap_or(f64::NAN);
    let means: Vec<f64> = (0..60).map(mean).collect();
    districts.minimum(59)?.lookup(means)?.digitize(DENSITIES)
}

/// Light from the north-west on the index, as if it were height.
fn relief(rasters: &Rasters) -> swath::Result<LazyRaster> {
    let height = rasters.ndvi()?.focal([5, 5])?.mean()?.rechunk(&[100, 100])?;
    height.map_overlap("relief", [1, 1], Boundary::Nearest, |block| {
        let around = block.pixels.into_dimensionality::<Ix2>().expect("it has rows and columns alone");
        let (rows, columns) = (1..around.nrows() - 1, 1..around.ncols() - 1);
        let across = &around.slice(s![rows.clone(), 2..]) - &around.slice(s![rows, ..-2]);
        let down = &around.slice(s![2.., columns.clone()]) - &around.slice(s![..-2, columns]);
        Ok((across + down).mapv(|slope: f32| 0.5 + slope).into_dyn())
    })
}
