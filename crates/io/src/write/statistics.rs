//! Statistics of a file's own bands: known when its blocks are written, noted in a head whose length was fixed before.

use std::borrow::Cow;
use std::sync::OnceLock;

use swath_core::dtype::DType;

use super::describe::Description;
use super::directory::Head;
use super::format::Format;
use super::header;
use crate::read::BandStatistics;

/// Room in a head.
#[derive(Debug)]
pub(super) struct Room {
    description: Description,
    bands: usize,
    dtype: DType,
    known: OnceLock<Vec<Option<BandStatistics>>>,
}

impl Room {
    /// That which the head of a file so described has, if any was asked for.
    pub(super) fn of(description: &Description, format: &Format) -> Option<Self> {
        description.statistics.then(|| Self {
            description: description.clone(),
            bands: format.bands,
            dtype: format.dtype,
            known: OnceLock::new(),
        })
    }

    /// Notes the statistics, band by band; once.
    pub(super) fn note(&self, statistics: Vec<Option<BandStatistics>>) {
        let _ = self.known.set(statistics);
    }
}

/// The head with what is known by now.
pub(super) fn filled<'a>(head: &'a Head, room: Option<&Room>) -> Cow<'a, Head> {
    let noted = room.and_then(|room| Some((room, room.known.get()?)));
    noted.map_or(Cow::Borrowed(head), |(room, known)| {
        Cow::Owned(header::with_statistics(head, &room.description, (room.bands, room.dtype), known))
    })
}
