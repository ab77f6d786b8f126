//! Columns of text that line up.

/// Rows of cells: the first column flush left, the others flush right, two spaces between.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The text, each line led by `indent` spaces.
    pub(crate) fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| len(cell)).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - len(cell));
                line.push_str(&match column {
                    0 => format!("{cell}{padding}"),
                    _ => format!("  {padding}{cell}"),
                });
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Characters, not bytes: `×` counts as one.
fn len(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_bytes_their_characters_have() {
        let mut table = Table::default();
        table.row(["size", "3 × 4"]);
        table.row(["block shape", "16"]);
        assert_eq!(table.render(1), " size         3 × 4\n block shape     16\n");
    }
}
