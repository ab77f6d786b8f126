//! The command, run on files of its own folder.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use swath_demo::scene::{Scene, SceneOptions};
use swath_demo::tiff_writer::{Geo, Overview, Resampling, SampleType, TiffSpec};
use tempfile::TempDir;

/// A folder to run the command in.
pub(crate) struct Folder(TempDir);

/// What a run of the command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with `scl.tif` (8-bit classes of 20 m, y + x) and `visual.tif` (RGB of 10 m, with overviews).
    pub(crate) fn with_rasters() -> Self {
        let folder = Self::new();
        let geo = |pixel: f64| Some(Geo { epsg: 32631, scale: (pixel, pixel), origin: (600_000.0, 5_900_040.0) });
        let scl = TiffSpec { geo: geo(20.0), nodata: Some("0".into()), ..TiffSpec::new(100, 60, SampleType::U8) };
        folder.write("scl.tif", &scl, |_, y, x| f64::from((y + x) % 12));
        let visual = TiffSpec {
            bands: 3,
            geo: geo(10.0),
            nodata: Some("0".into()),
            overviews: Overview::halvings(2, 32),
            ..TiffSpec::new(200, 120, SampleType::U8)
        };
        folder.write("visual.tif", &visual, |band, y, x| f64::from(1 + (u32::from(band) * 50 + y + x) % 255));
        folder
    }

    pub(crate) fn write(&self, name: &str, spec: &TiffSpec, value: impl Fn(u16, u32, u32) -> f64) {
        let full = spec.render(0, |at| value(at.band, at.y, at.x));
        let levels = spec.pyramid(full, Resampling::Average).unwrap();
        std::fs::write(self.path(name), spec.to_bytes(&levels).unwrap()).unwrap();
    }

    /// A small scene of the demo's kind.
    pub(crate) fn scene(&self, size: u32) -> Scene {
        Scene::write(self.0.path(), &SceneOptions::default().size(size), None).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `swath` with these arguments in the folder.
    pub(crate) fn swath(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_swath")).args(arguments).current_dir(self.0.path()).output();
        said(output.unwrap())
    }

    /// The names of what lies in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// What it said where all went well.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    /// What it said on standard error where it ended with `code`, and nothing on standard output.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        self.err
    }
}
