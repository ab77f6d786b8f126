//! The inputs on the command line: `NAME=URI[@LEVEL]`.

use swath::{LazyRaster, OpenOptions, Overview};

/// A raster to open, by the name that the expression calls it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub(super) name: String,
    pub(super) uri: String,
    overview: Overview,
}

impl Input {
    /// Splits at the first `=`. Only `@full` or `@` with digits at the end is a level: URLs may have any other `@`, and
    /// any further `=`. A file whose own name ends in `@1` is meant by `…@1@full`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').ok_or("expected NAME=URI, such as scl=SCL.tif")?;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(format!("{name:?} is no name: letters, digits and _, a digit not first"));
        }
        if ["and", "or", "not", "true", "True", "false", "False", "nan", "NaN", "inf"].contains(&name) {
            return Err(format!("{name} means something in expressions: take another name"));
        }
        let (uri, overview) = level(rest)?;
        if uri.is_empty() {
            return Err(format!("{name} has no URI: expected {name}=PATH or {name}=URL"));
        }
        Ok(Self { name: name.to_owned(), uri: uri.to_owned(), overview })
    }

    /// `URI[@LEVEL]` taken apart.
    ///
    /// # Errors
    /// A message, where there is no such number.
    pub(crate) fn split_level(text: &str) -> Result<(&str, Overview), String> {
        level(text)
    }

    /// Opens files at overviews: all of one overview at once.
    pub(crate) fn open_all(wanted: &[(&str, Overview)]) -> swath::Result<Vec<LazyRaster>> {
        let mut opened: Vec<Option<LazyRaster>> = vec![None; wanted.len()];
        while let Some(next) = opened.iter().position(Option::is_none) {
            let overview = &wanted[next].1;
            let alike: Vec<_> = (next..wanted.len()).filter(|index| wanted[*index].1 == *overview).collect();
            let uris = alike.iter().map(|index| wanted[*index].0);
            let rasters = OpenOptions::new().overview(overview.clone()).open_all(uris)?;
            alike.into_iter().zip(rasters).for_each(|(index, raster)| opened[index] = Some(raster));
        }
        Ok(opened.into_iter().flatten().collect())
    }

    /// What it opens.
    pub(super) fn wanted(&self) -> (&str, Overview) {
        (&self.uri, self.overview.clone())
    }
}

fn level(text: &str) -> Result<(&str, Overview), String> {
    match text.rsplit_once('@') {
        Some((uri, "full")) => Ok((uri, Overview::Full)),
        Some((uri, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let level = digits.parse().map_err(|_| format!("there is no overview {digits}"))?;
            Ok((uri, Overview::Level(level)))
        }
        _ => Ok((text, Overview::Full)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_level_at_the_end_is_taken_off_the_uri() {
        for (text, uri, overview) in [
            ("a=SCL.tif", "SCL.tif", Overview::Full),
            ("a=SCL.tif@0", "SCL.tif", Overview::Level(0)),
            ("a=SCL.tif@12", "SCL.tif", Overview::Level(12)),
            ("a=SCL.tif@full", "SCL.tif", Overview::Full),
            ("a=odd@1@full", "odd@1", Overview::Full),
            ("a=https://me@host/x.tif?a=1&b=@2x", "https://me@host/x.tif?a=1&b=@2x", Overview::Full),
            ("a=https://host/x.tif?sig=Zm9v==@3", "https://host/x.tif?sig=Zm9v==", Overview::Level(3)),
            ("a=x@", "x@", Overview::Full),
        ] {
            let input = Input::parse(text).unwrap();
            assert_eq!((input.uri.as_str(), input.overview), (uri, overview), "{text}");
        }
    }

    #[test]
    fn names_are_those_that_expressions_can_use() {
        for text in ["SCL.tif", "=SCL.tif", "1a=x", "a-b=x", "not=x", "a=", "a=@0", "a=x@99999999999999999999"] {
            assert!(Input::parse(text).is_err(), "{text}");
        }
    }
}
