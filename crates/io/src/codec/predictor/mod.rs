//! What is done to samples before they are compressed, so that they compress better (TIFF 6.0, section 14; Adobe
//! Photoshop TIFF Technical Note 3), and its undoing.

pub mod apply;
mod sums;
pub mod undo;
