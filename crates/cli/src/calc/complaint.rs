//! What is wrong with an expression, and where: the line that has it, with a mark under the place.

use crate::failure::Failure;

use super::ast::Span;

/// What is wrong at a place of the expression.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) span: Span,
    pub(super) message: String,
    /// Whether the text alone is wrong, whatever the files hold.
    usage: bool,
}

impl Complaint {
    /// The text is wrong.
    pub(super) fn new(span: &Span, message: impl Into<String>) -> Self {
        Self { span: span.clone(), message: message.into(), usage: true }
    }

    /// The text and the rasters do not go together.
    pub(super) fn about_rasters(span: &Span, message: impl Into<String>) -> Self {
        Self { usage: false, ..Self::new(span, message) }
    }

    pub(super) fn into_failure(self, source: &str) -> Failure {
        let text = self.show(source);
        if self.usage { Failure::Usage(text) } else { Failure::Failed(text) }
    }

    /// The message and, below it, the line of the text with the place marked.
    pub(super) fn show(&self, source: &str) -> String {
        let start = self.span.start.min(source.len());
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let end = self.span.end.clamp(start, line_end);
        let column = source[line_start..start].chars().count();
        // A tab has no width of its own: as a space, the mark stands under what it means.
        let line = source[line_start..line_end].replace(['\t', '\r'], " ");
        let mark = "^".repeat(source[start..end].trim_end().chars().count().max(1));
        format!("column {}: {}\n  {}\n  {:column$}{mark}", column + 1, self.message, line.trim_end(), "")
    }
}

/// `; did you mean …?` where one of the known words is close, else the list of them, or where it is.
pub(super) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known.clone().map(|candidate| (distance(word, candidate), candidate)).min();
    match near {
        Some((edits, candidate)) if edits <= 2 && edits < word.len() => format!("; did you mean {candidate}?"),
        Some(_) if known.clone().count() > 20 => "; swath calc --help lists them".to_owned(),
        Some(_) => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
        None => String::new(),
    }
}

/// Characters to insert, delete or replace to make one word of the other (Levenshtein), capitals aside.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (a, b, edits) in
            [("isin", "isin", 0), ("isn", "isin", 1), ("SCL", "scl", 0), ("", "abc", 3), ("maks", "mask", 2)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn the_mark_stands_under_its_line_of_several() {
        let source = "mask(visual,\n\tisin(scl, [8]),\n  0)";
        let start = source.find("isin").unwrap();
        let complaint = Complaint::new(&(start..start + 4), "wrong");
        assert_eq!(complaint.show(source), "column 2: wrong\n   isin(scl, [8]),\n   ^^^^");
        let end = Complaint::new(&(source.len()..source.len()), "more");
        assert_eq!(end.show(source), "column 5: more\n    0)\n      ^");
    }
}
