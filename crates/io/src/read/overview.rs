//! Which level of a file to read.

use swath_core::error::{Error, Result};
use swath_core::grid::Grid;

/// A choice among the full resolution of a file and its overviews.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Overview {
    /// The full resolution.
    #[default]
    Full,
    /// The overview of this number: 0 is the first and largest, as GDAL's `OVERVIEW_LEVEL`.
    Level(usize),
    /// The coarsest level whose pixels are at most 1 % larger than this, in CRS units; the full resolution if all are
    /// larger.
    Resolution(f64),
    /// The level that has this grid.
    Matching(Box<Grid>),
}

impl From<usize> for Overview {
    fn from(level: usize) -> Self {
        Self::Level(level)
    }
}

impl From<&Grid> for Overview {
    fn from(grid: &Grid) -> Self {
        Self::Matching(Box::new(grid.clone()))
    }
}

/// What the choice depends on, for each level; the full resolution first.
pub(super) struct Candidate<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) grid: Option<&'a Grid>,
}

impl Overview {
    /// The position of the chosen level; 0 is the full resolution, 1 the first overview.
    pub(super) fn choose(&self, name: &str, levels: &[Candidate<'_>]) -> Result<usize> {
        match self {
            Self::Full => Ok(0),
            Self::Level(level) if level + 1 < levels.len() => Ok(level + 1),
            Self::Level(level) => {
                Err(Error::invalid(format!("{name} has no overview level {level}; it has {}", listed(levels))))
            }
            Self::Resolution(size) if size.is_finite() && *size > 0.0 => coarsest(name, levels, *size),
            Self::Resolution(size) => {
                Err(Error::invalid(format!("an overview of {name} cannot have pixels of size {size}")))
            }
            Self::Matching(grid) => {
                levels.iter().position(|level| level.grid.is_some_and(|own| own.matches(grid))).ok_or_else(|| {
                    Error::invalid(format!("no level of {name} has the grid [{grid}]; it has {}", listed(levels)))
                })
            }
        }
    }
}

fn coarsest(name: &str, levels: &[Candidate<'_>], size: f64) -> Result<usize> {
    let pixel = |level: &Candidate<'_>| level.grid.map(|grid| grid.resolution()).map(|(x, y)| x.max(y));
    if levels.iter().any(|level| pixel(level).is_none()) {
        return Err(Error::invalid(format!("{name} has no georeference: choose its overview by level")));
    }
    let fits = |level: &Candidate<'_>| pixel(level).is_some_and(|own| own <= size * 1.01);
    Ok(levels.iter().rposition(fits).unwrap_or(0))
}

fn listed(levels: &[Candidate<'_>]) -> String {
    let shown = |level: &Candidate<'_>| {
        let Candidate { width, height, grid } = level;
        match grid.map(|grid| grid.resolution()) {
            Some((x, y)) if x == y => format!("{width} × {height} (pixels of {x})"),
            Some((x, y)) => format!("{width} × {height} (pixels of {x} × {y})"),
            None => format!("{width} × {height}"),
        }
    };
    let numbered = levels.iter().enumerate().map(|(index, level)| match index {
        0 => format!("full {}", shown(level)),
        _ => format!("{} {}", index - 1, shown(level)),
    });
    numbered.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use swath_core::grid::{Affine, Crs};

    use super::*;

    fn grids() -> Vec<Grid> {
        [(10.0, 100), (20.0, 50), (40.0, 25)]
            .map(|(size, length)| Grid {
                crs: Some(Crs::from_epsg(32631)),
                affine: Affine::north_up(0.0, 1000.0, size, size),
                width: length,
                height: length,
            })
            .to_vec()
    }

    fn choose(overview: &Overview) -> Result<usize> {
        let grids = grids();
        let levels: Vec<_> =
            grids.iter().map(|grid| Candidate { width: grid.width, height: grid.height, grid: Some(grid) }).collect();
        overview.choose("a.tif", &levels)
    }

    #[test]
    fn a_resolution_takes_the_coarsest_level_within_a_percent() {
        for (size, level) in [(1.0, 0), (10.0, 0), (19.7, 0), (19.9, 1), (20.0, 1), (39.0, 1), (1e9, 2)] {
            assert_eq!(choose(&Overview::Resolution(size)).unwrap(), level, "{size}");
        }
        assert!(choose(&Overview::Resolution(f64::NAN)).is_err());
    }

    #[test]
    fn a_grid_takes_the_level_that_has_it() {
        assert_eq!(choose(&Overview::from(&grids()[2])).unwrap(), 2);
        let error = choose(&Overview::from(&grids()[1].window(0, 0, 10, 10))).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("it has full 100 × 100 (pixels of 10), 0 50 × 50 (pixels of 20), 1 25 × 25 (pixels of 40)"),
            "{error}"
        );
    }

    #[test]
    fn a_level_that_is_not_there_lists_those_that_are() {
        assert_eq!(choose(&Overview::Level(0)).unwrap(), 1);
        let error = choose(&Overview::Level(2)).unwrap_err().to_string();
        assert!(error.starts_with("a.tif has no overview level 2; it has full 100 × 100"), "{error}");
        assert!(choose(&Overview::Level(usize::MAX - 1)).is_err());
    }
}
