//! What the demo leaves to look at: the plan as text, its graph at three zooms, a preview of the result.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use swath::prelude::*;
use swath::{Colors, Detail, Sink};

use crate::failure::Failure;
use crate::output::write_file;

/// Pixels of the preview's longer side, at most.
const PREVIEW_SIDE_MAX: usize = 1024;

/// Whether there is a graph.svg, and what to say where there is none.
pub(super) struct Drawn {
    pub(super) svg: bool,
    pub(super) hint: String,
}

pub(super) fn draw(folder: &Path, sink: &Sink) -> Result<Drawn, Failure> {
    write_file(&folder.join("explain.txt"), sink.explain()?)?;
    let graph = folder.join("graph.dot");
    for (path, detail) in [
        (graph.clone(), Detail::Chunks),
        (folder.join("graph-layers.dot"), Detail::Layers),
        (folder.join("graph-operations.dot"), Detail::Operations),
    ] {
        write_file(&path, sink.to_dot(detail)?)?;
    }
    // Read back from the file: what is shown is what was written.
    let result = swath::open(sink.name())?.compute()?;
    result.to_png(folder.join("preview.png"), &Colors::Auto, PREVIEW_SIDE_MAX)?;
    Ok(svg(&graph))
}

/// Draws the graph with Graphviz, if it is there; the demo is complete without.
fn svg(graph: &Path) -> Drawn {
    let out = graph.with_extension("svg");
    let dot = Command::new("dot").arg("-Tsvg").arg("-o").arg(&out).arg(graph).stdin(Stdio::null()).output();
    let hint = match dot {
        Ok(done) if done.status.success() => return Drawn { svg: true, hint: String::new() },
        Ok(done) => format!("\ndot could not draw the graph: {}\n", String::from_utf8_lossy(&done.stderr).trim_end()),
        Err(error) if error.kind() == ErrorKind::NotFound => format!(
            "\nThere is no Graphviz to draw the graph with. Install it (apt install graphviz, brew install graphviz), then:\n  \
             dot -Tsvg -o {} {}\n",
            out.display(),
            graph.display()
        ),
        Err(error) => format!("\ndot could not be started: {error}\n"),
    };
    Drawn { svg: false, hint }
}
