//! Statistics of a raster, computed.

use std::collections::BTreeMap;

use swath_core::error::{Error, Result};
use swath_core::reduce::{Group, Summary};

/// What is told of the pixels of a raster: of each band, of each Time, and of each class where it was asked
/// [by class](swath_core::expr::LazyStatistics::by).
#[derive(Debug, Clone)]
pub struct Statistics {
    summaries: BTreeMap<Group, Summary>,
}

impl Statistics {
    pub(crate) const fn new(summaries: BTreeMap<Group, Summary>) -> Self {
        Self { summaries }
    }

    /// Each group of pixels, in order of Time, Band and class.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &Summary)> {
        self.summaries.iter()
    }

    /// What is told of a band, all Times and classes together.
    ///
    /// # Errors
    /// `NotFound` where there is no such band, or no pixel of it has a class; `InvalidInput` where values are counted and
    /// there are too many together.
    pub fn band(&self, band: usize) -> Result<Summary> {
        self.joined(|group| group.band == band, || format!("there is no band {band}, or no pixel of it has a class"))
    }

    /// What is told of a class, all Times and Bands together.
    ///
    /// # Errors
    /// `NotFound` where no pixel has this class; else as [`band`](Self::band).
    pub fn zone(&self, zone: i128) -> Result<Summary> {
        self.joined(|group| group.zone == Some(zone), || format!("no pixel has class {zone}"))
    }

    /// What is told of all pixels together.
    ///
    /// # Errors
    /// `NotFound` where no pixel has a class; else as [`band`](Self::band).
    pub fn all(&self) -> Result<Summary> {
        self.joined(|_| true, || "no pixel has a class".to_owned())
    }

    fn joined(&self, wanted: impl Fn(&Group) -> bool, missing: impl FnOnce() -> String) -> Result<Summary> {
        let mut wanted = self.summaries.iter().filter(|(group, _)| wanted(group)).map(|(_, summary)| summary);
        let first = wanted.next().ok_or_else(|| Error::new(swath_core::error::ErrorKind::NotFound, missing()))?;
        wanted.try_fold(first.clone(), |all, summary| all.with(summary))
    }
}
