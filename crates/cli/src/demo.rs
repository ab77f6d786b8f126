//! `swath demo`: the lesson on a generated scene, serially and in parallel, side by side.

mod lesson;
mod pictures;

use std::fs;
use std::path::Path;
use std::time::Duration;

use swath::{Run, Trace, text};
use swath_demo::scene::{Scene, SceneOptions};
use swath_demo::server::RangeServer;

use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

use lesson::Stages;

pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let folder = args.dir.as_path();
    let scene_folder = folder.join("scene");
    prepare(&scene_folder)?;
    output::note(format_args!("writing a scene of {0} × {0} pixels to {1} …", args.size, scene_folder.display()));
    let scene = Scene::write(&scene_folder, &SceneOptions::default().size(args.size), None)
        .map_err(|error| Failure::io("cannot write the scene", &error))?;
    let server = serve(&scene_folder, args)?;

    let result = folder.join("band_masked.tif");
    let search = server.url("search.json");
    let trace = Trace::new();
    let runs = compare(&server, &search, &result, args.threads.get(), &trace)?;
    trace.write(folder.join("trace.json"))?;
    // Once persisted, all that is left to draw is a task for each block, none with inputs.
    let drawn = pictures::draw(folder, &lesson::one_pass(&search, &result)?)?;

    output::note("");
    output::print(&format!(
        "{}\n\n{}\n{}\n\n{}{}",
        headline(args, &scene),
        table(&runs).render(0),
        verdict(&result)?,
        files(folder, drawn.svg),
        drawn.hint
    ))
}

/// Makes the folder; one that is something else is left alone.
fn prepare(folder: &Path) -> Result<(), Failure> {
    if let Some(file) = folder.ancestors().find(|path| path.exists() && !path.is_dir()) {
        return Err(Failure::Usage(format!("{} is not a directory: name another with --dir", file.display())));
    }
    fs::create_dir_all(folder).map_err(|error| Failure::io(format_args!("cannot make {}", folder.display()), &error))
}

fn serve(folder: &Path, args: &DemoArgs) -> Result<RangeServer, Failure> {
    let builder = RangeServer::builder(folder).latency(args.latency);
    let builder = match args.bandwidth {
        Some(megabits) => builder.bandwidth_mbit(megabits),
        None => builder,
    };
    builder.start().map_err(|error| Failure::io("cannot serve the scene on loopback", &error))
}

/// One of the three runs.
struct Outcome {
    name: String,
    stages: Stages,
    requests: u64,
    bytes: u64,
}

/// Runs the lesson three ways, the last of them traced, and checks that all write the same file.
fn compare(
    server: &RangeServer,
    search: &str,
    result: &Path,
    threads: usize,
    trace: &Trace,
) -> Result<Vec<Outcome>, Failure> {
    let workers = |count: usize| if count == 1 { "1 worker".to_owned() } else { format!("{count} workers") };
    let ways = [
        ("serial".to_owned(), Run::serial()),
        (workers(1), Run::threads(1)),
        (workers(threads), Run::threads(threads).traced_by(trace)),
    ];
    let mut outcomes = Vec::new();
    let mut written: Option<Vec<u8>> = None;
    for (name, run) in ways {
        output::note(format_args!("masking its clouds: {name} …"));
        server.reset();
        let stages = lesson::run(search, result, &run)?;
        let stats = server.stats();
        outcomes.push(Outcome { name, stages, requests: stats.requests as u64, bytes: stats.bytes });
        let bytes = read(result)?;
        if written.as_ref().is_some_and(|before| *before != bytes) {
            return Err(Failure::Failed(
                "two runs wrote different files: this is a bug in swath, please report it".to_owned(),
            ));
        }
        written = Some(bytes);
    }
    Ok(outcomes)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::io(format_args!("cannot read {}", path.display()), &error))
}

fn headline(args: &DemoArgs, scene: &Scene) -> String {
    let bandwidth = args.bandwidth.map_or_else(String::new, |rate| format!(" and {rate} Mbit/s a connection"));
    format!(
        "A scene of {0} × {0} pixels, {1:.0} % clouds, over HTTP with {2} ms of latency{bandwidth}:",
        args.size,
        scene.cloud_cover(),
        args.latency.as_secs_f64() * 1e3
    )
}

fn table(runs: &[Outcome]) -> Table {
    let serial = runs[0].stages.total();
    let mut table = Table::default();
    let mut row = |label: &str, cell: &dyn Fn(&Outcome) -> String| {
        table.row(std::iter::once(label.to_owned()).chain(runs.iter().map(cell)));
    };
    row("", &|run| run.name.clone());
    row("open", &|run| seconds(run.stages.open));
    row("load", &|run| seconds(run.stages.load));
    row("mask + write", &|run| seconds(run.stages.write));
    row("total", &|run| seconds(run.stages.total()));
    row("speed-up", &|run| format!("{:.1} ×", serial.div_duration_f64(run.stages.total())));
    row("", &|_| String::new());
    row("requests", &|run| text::count(run.requests));
    row("bytes read", &|run| text::bytes(run.bytes));
    row("peak memory", &|run| text::bytes(run.stages.peak_memory));
    table
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn verdict(result: &Path) -> Result<String, Failure> {
    let metadata =
        fs::metadata(result).map_err(|error| Failure::io(format_args!("cannot read {}", result.display()), &error))?;
    Ok(format!("All three wrote the same file, byte for byte ({}).", text::bytes(metadata.len())))
}

fn files(folder: &Path, svg: bool) -> String {
    let mut table = format!("In {}:\n", folder.display());
    let graph = if svg { "graph.dot, graph.svg" } else { "graph.dot" };
    for (name, about) in [
        ("band_masked.tif", "the image, black (nodata) where clouds were"),
        ("preview.png", "a look at it; transparent where there is nodata"),
        ("explain.txt", "what one pass would read, do and hold, without loading first"),
        (graph, "each task of that pass, from request to block of the output"),
        ("graph-layers.dot", "the kinds of tasks, with how many there are"),
        ("graph-operations.dot", "the operations alone"),
        ("trace.json", "who did what when in the last run, for ui.perfetto.dev"),
        ("scene/", "the generated scene, and search.json, which lists it"),
    ] {
        table.push_str(&format!("  {name:<22}{about}\n"));
    }
    table
}
