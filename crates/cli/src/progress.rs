//! How far a run is, on standard error: a bar where a person watches, a line per tenth where a file does.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use swath::{Progress, Run, text};

use crate::output;

/// A run that shows its progress, and the bar to take away when it ended.
pub(crate) fn shown(run: Run) -> (Run, Bar) {
    if io::stderr().is_terminal() {
        let bar = bar();
        let watched = bar.clone();
        (run.on_progress(move |progress| advance(&watched, progress)), Bar(bar))
    } else {
        let tenths = AtomicUsize::new(0);
        (run.on_progress(move |progress| log(&tenths, progress)), Bar(ProgressBar::hidden()))
    }
}

/// A bar that leaves the terminal when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos} of {len} tasks  {msg}")
        .expect("the template is constant, and right");
    ProgressBar::new(1).with_style(style.progress_chars("━╸ "))
}

fn advance(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.tasks as u64);
    let held = text::bytes(progress.live_bytes);
    bar.set_message(format!("{}{held} held  {} to go", read(progress), HumanDuration(progress.eta)));
    bar.set_position(progress.tasks_done as u64);
}

/// What was read of what there is to read, if anything is.
fn read(progress: &Progress) -> String {
    match progress.bytes {
        0 => String::new(),
        bytes => format!("{} of {} read  ", text::bytes(progress.bytes_read), text::bytes(bytes)),
    }
}

/// A line whenever another tenth of the tasks is done. Workers call this at once: each tenth has one winner.
fn log(tenths: &AtomicUsize, progress: &Progress) {
    let tenth = progress.tasks_done * 10 / progress.tasks.max(1);
    if tenths.fetch_max(tenth, Ordering::Relaxed) < tenth {
        let Progress { tasks_done, tasks, eta, .. } = progress;
        let (read, eta) = (read(progress), HumanDuration(*eta));
        output::note(format_args!("{} %  {tasks_done} of {tasks} tasks  {read}{eta} to go", tenth * 10));
    }
}
