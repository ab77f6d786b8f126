//! How the command runs things: what `--threads`, `--memory` and their like mean.

use swath::Run;

use crate::args::RunArgs;

pub(crate) fn settings(args: &RunArgs) -> Run {
    let run = match (args.serial, args.threads) {
        (true, _) => Run::serial(),
        (false, Some(threads)) => Run::threads(threads.get()),
        (false, None) => Run::default(),
    };
    let run = run.passthrough(!args.no_passthrough);
    match args.memory {
        Some(bytes) => run.memory_limit(bytes),
        None => run,
    }
}
