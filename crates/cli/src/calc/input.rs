//! The inputs on the command line: `NAME=URI[@WORD…]`.

use swath::{Io, LazyRaster, OpenOptions, Overview};

/// A raster to open, by the name that the expression calls it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub(super) name: String,
    pub(super) uri: String,
    how: How,
}

/// What of a file is opened, and as what: the words behind its URI.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct How {
    overview: Option<Overview>,
    page: Option<usize>,
    values: Option<Values>,
    sidecars: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// `@scaled`: physical values.
    Scaled,
    /// `@valid`: which pixels are valid.
    Valid,
}

impl Input {
    /// Splits at the first `=`. Only the words of [`How`] behind an `@` at the end are no part of the URI: URLs may have
    /// any other `@`, and any further `=`. A file whose own name ends in `@1` is meant by `…@1@full`.
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
        let (uri, how) = Self::split(rest)?;
        if uri.is_empty() {
            return Err(format!("{name} has no URI: expected {name}=PATH or {name}=URL"));
        }
        Ok(Self { name: name.to_owned(), uri: uri.to_owned(), how })
    }

    /// `URI[@WORD…]` taken apart.
    ///
    /// # Errors
    /// A message, where there is no such number.
    pub(crate) fn split(text: &str) -> Result<(&str, How), String> {
        let (mut uri, mut how) = (text, How::default());
        while let Some((rest, word)) = uri.rsplit_once('@') {
            // Each kind of word once: a second one is a part of the URI.
            if !how.take(word)? {
                break;
            }
            uri = rest;
        }
        Ok((uri, how))
    }

    /// Opens files: all that are opened in one way at once.
    pub(crate) fn open_all(io: &Io, wanted: &[(&str, How)]) -> swath::Result<Vec<LazyRaster>> {
        let mut opened: Vec<Option<LazyRaster>> = vec![None; wanted.len()];
        while let Some(next) = opened.iter().position(Option::is_none) {
            let how = &wanted[next].1;
            let alike: Vec<_> = (next..wanted.len()).filter(|index| wanted[*index].1 == *how).collect();
            let rasters = how.open(io, alike.iter().map(|index| wanted[*index].0))?;
            alike.into_iter().zip(rasters).for_each(|(index, raster)| opened[index] = Some(raster));
        }
        Ok(opened.into_iter().flatten().collect())
    }

    /// Whether it has the values of the file's first image as they are stored.
    pub(super) fn is_stored(&self) -> bool {
        self.how.values.is_none() && self.how.page.is_none()
    }

    /// What it opens.
    pub(super) fn wanted(&self) -> (&str, How) {
        (&self.uri, self.how.clone())
    }
}

impl How {
    /// Notes what `word` says; whether it says anything that is not said yet.
    fn take(&mut self, word: &str) -> Result<bool, String> {
        let number = |digits: &str, what: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true if !digits.is_empty() => digits.parse().map(Some).map_err(|_| format!("there is no {what} {digits}")),
            _ => Ok(None),
        };
        let values = match word {
            "scaled" => Some(Values::Scaled),
            "valid" => Some(Values::Valid),
            _ => None,
        };
        if values.is_some() && self.values.is_none() {
            self.values = values;
        } else if word == "sidecars" && !self.sidecars {
            self.sidecars = true;
        } else if word == "full" && self.overview.is_none() {
            self.overview = Some(Overview::Full);
        } else if let Some(level) = number(word, "overview")?.filter(|_| self.overview.is_none()) {
            self.overview = Some(Overview::Level(level));
        } else if let (None, Some(digits)) = (self.page, word.strip_prefix("page")) {
            self.page = number(digits, "page")?;
            return Ok(self.page.is_some());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn open<'a>(&self, io: &Io, uris: impl Iterator<Item = &'a str>) -> swath::Result<Vec<LazyRaster>> {
        let options = OpenOptions::new()
            .io(io)
            .overview(self.overview.clone().unwrap_or_default())
            .page(self.page.unwrap_or(0))
            .sidecars(self.sidecars)
            .scale_offset(self.values == Some(Values::Scaled));
        match self.values {
            Some(Values::Valid) => options.valid_all(uris),
            _ => options.open_all(uris),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(overview: Overview) -> How {
        How { overview: Some(overview), ..How::default() }
    }

    #[test]
    fn only_words_at_the_end_are_taken_off_the_uri() {
        for (text, uri, how) in [
            ("a=SCL.tif", "SCL.tif", How::default()),
            ("a=SCL.tif@0", "SCL.tif", at(Overview::Level(0))),
            ("a=SCL.tif@12", "SCL.tif", at(Overview::Level(12))),
            ("a=SCL.tif@full", "SCL.tif", at(Overview::Full)),
            ("a=odd@1@full", "odd@1", at(Overview::Full)),
            ("a=https://me@host/x.tif?a=1&b=@2x", "https://me@host/x.tif?a=1&b=@2x", How::default()),
            ("a=https://host/x.tif?sig=Zm9v==@3", "https://host/x.tif?sig=Zm9v==", at(Overview::Level(3))),
            ("a=x@", "x@", How::default()),
            ("a=x@page", "x@page", How::default()),
            ("a=x@page1", "x", How { page: Some(1), ..How::default() }),
            ("a=x@valid@0", "x", How { values: Some(Values::Valid), ..at(Overview::Level(0)) }),
            ("a=x@page2@scaled", "x", How { page: Some(2), values: Some(Values::Scaled), ..How::default() }),
            ("a=x@sidecars@1", "x", How { sidecars: true, ..at(Overview::Level(1)) }),
            ("a=odd@valid@scaled", "odd@valid", How { values: Some(Values::Scaled), ..How::default() }),
        ] {
            let input = Input::parse(text).unwrap();
            assert_eq!((input.uri.as_str(), input.how), (uri, how), "{text}");
        }
    }

    #[test]
    fn names_are_those_that_expressions_can_use() {
        for text in ["SCL.tif", "=SCL.tif", "1a=x", "a-b=x", "not=x", "a=", "a=@0", "a=x@99999999999999999999"] {
            assert!(Input::parse(text).is_err(), "{text}");
        }
    }
}
