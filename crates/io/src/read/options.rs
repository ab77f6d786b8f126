//! How a file is opened.

use super::Limits;

/// What of a file is opened, and how far it is believed.
///
/// ```
/// use swath_io::read::ReadOptions;
/// let second = ReadOptions { page: 1, ..ReadOptions::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// The page, counted from 0: the first, unless set.
    pub page: usize,
    /// Whether overviews in `URI.ovr` and a mask in `URI.msk` belong to the file, where they exist and it has none
    /// inside. Off unless set: asking for them takes a request each, which is a useless one for most files.
    pub sidecars: bool,
    /// Limits on what a file may ask for.
    pub limits: Limits,
}
