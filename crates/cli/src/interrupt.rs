//! What Ctrl-C does to a run: it stops, takes back what it has written so far, and says so.

use std::process;
use std::sync::OnceLock;

use swath::{Cancel, Run};

/// The exit code of a command that an interrupt ended, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// A run that an interrupt, or a request to terminate, cancels; a second one ends the process at once.
pub(crate) fn cancelling(run: Run) -> Run {
    static INTERRUPTED: OnceLock<Cancel> = OnceLock::new();
    let cancel = INTERRUPTED.get_or_init(|| {
        let cancel = Cancel::new();
        let interrupted = cancel.clone();
        let handler = move || match interrupted.is_cancelled() {
            false => interrupted.cancel(),
            true => process::exit(EXIT_CODE.into()),
        };
        // Where the system does not let it, an interrupt ends the process as it always did.
        let _ = ctrlc::set_handler(handler);
        cancel
    });
    run.cancelled_by(cancel)
}
