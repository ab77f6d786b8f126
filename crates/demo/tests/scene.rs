//! What the scene promises to whoever reads it.

use std::error::Error;
use std::fs;
use std::io::BufReader;
use std::num::NonZeroUsize;

use serde_json::Value;
use swath_demo::scene::{ITEM_ID, Scene, SceneOptions};
use tempfile::tempdir;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

type Outcome = Result<(), Box<dyn Error>>;

fn small() -> SceneOptions {
    SceneOptions::default().size(600)
}

#[test]
fn the_same_options_give_the_same_bytes_on_any_number_of_threads() -> Outcome {
    let write = |threads| -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let folder = tempdir()?;
        let options = small().bands(true).threads(NonZeroUsize::new(threads).ok_or("no threads")?);
        let scene = Scene::write(folder.path(), &options, None)?;
        let assets = ["SCL", "visual", "B04", "B08"].map(|key| scene.asset(key).expect("an asset").to_owned());
        let files = assets.iter().chain([&scene.search().to_owned()]).map(fs::read).collect::<Result<_, _>>()?;
        Ok(files)
    };
    assert!(write(1)? == write(2)?);
    Ok(())
}

#[test]
fn another_seed_gives_another_scene() -> Outcome {
    let write = |seed| -> Result<Vec<u8>, Box<dyn Error>> {
        let folder = tempdir()?;
        let scene = Scene::write(folder.path(), &small().seed(seed), None)?;
        Ok(fs::read(scene.asset("SCL").ok_or("no classes")?)?)
    };
    assert!(write(1)? != write(3)?);
    Ok(())
}

#[test]
fn files_are_tiled_as_in_the_archive() -> Outcome {
    let folder = tempdir()?;
    let scene = Scene::write(folder.path(), &small(), None)?;
    for (key, size, bands) in [("SCL", 300_u32, 1), ("visual", 600, 3)] {
        let file = fs::File::open(scene.asset(key).ok_or("no asset")?)?;
        let mut decoder = Decoder::new(BufReader::new(file))?;
        for (level, factor) in [1, 2, 4, 8, 16].into_iter().enumerate() {
            decoder.seek_to_image(level)?;
            let side = size.div_ceil(factor);
            assert_eq!(decoder.dimensions()?, (side, side));
            assert_eq!(decoder.chunk_dimensions().0, if level == 0 { 1024 } else { 512 });
            assert_eq!(decoder.get_tag_u32(Tag::SamplesPerPixel)?, bands);
            assert_eq!(decoder.get_tag_u32(Tag::Predictor)?, 2);
            assert!(decoder.get_tag_u64_vec(Tag::TileOffsets)?.iter().all(|offset| *offset > 0));
            assert_eq!(decoder.get_tag_ascii_string(Tag::GdalNodata)?, "0");
        }
        assert!(!decoder.more_images());
    }
    Ok(())
}

#[test]
fn colours_are_missing_exactly_where_the_class_is_no_data() -> Outcome {
    let folder = tempdir()?;
    let scene = Scene::write(folder.path(), &small(), None)?;
    let read = |key| -> Result<Vec<u8>, Box<dyn Error>> {
        let file = fs::File::open(scene.asset(key).ok_or("no asset")?)?;
        match Decoder::new(BufReader::new(file))?.read_image()? {
            DecodingResult::U8(pixels) => Ok(pixels),
            other => Err(format!("unexpected type of {key}: {other:?}").into()),
        }
    };
    let (classes, colours) = (read("SCL")?, read("visual")?);
    assert!(classes.contains(&0) && classes.iter().all(|class| *class <= 11));
    for (index, colour) in colours.chunks_exact(3).enumerate() {
        let class = classes[index / 600 / 2 * 300 + index % 600 / 2];
        assert!(colour.iter().all(|sample| (*sample == 0) == (class == 0)), "pixel {index}");
    }
    Ok(())
}

#[test]
fn the_stac_file_names_the_files_relatively_or_by_url() -> Outcome {
    let folder = tempdir()?;
    for (base, expected) in [
        (None, format!("./{ITEM_ID}/visual.tif")),
        (Some("http://127.0.0.1:8000/"), format!("http://127.0.0.1:8000/{ITEM_ID}/visual.tif")),
    ] {
        let scene = Scene::write(folder.path(), &small(), base)?;
        let search: Value = serde_json::from_slice(&fs::read(scene.search())?)?;
        assert_eq!(search["type"], "FeatureCollection");
        let items = search["features"].as_array().ok_or("no features")?;
        assert_eq!(items.len(), 2);
        assert_eq!(items[1]["id"], ITEM_ID);
        assert_eq!(items[1]["assets"]["visual"]["href"], expected.as_str());
        assert_eq!(items[1]["assets"]["SCL"]["proj:shape"], serde_json::json!([300, 300]));
        assert!(folder.path().join(ITEM_ID).join("visual.tif").is_file());
    }
    Ok(())
}

#[test]
fn an_odd_size_is_refused() {
    let error = Scene::write(std::path::Path::new("unused"), &SceneOptions::default().size(601), None);
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err("the size of a scene is even and at least 32, not 601".to_owned())
    );
}
