//! The `swath` command: what is in a raster, raster algebra and statistics on the shell, and a demonstration of it.
//!
//! This crate knows words and terminals; everything it does to rasters is the library's. Standard output carries results
//! only, standard error all the rest, and the exit code says whether to look: 0, 1 for a failure, 2 for a wrong command line.

mod allocator;
mod args;
mod calc;
mod composite;
mod deliver;
mod demo;
mod failure;
mod info;
mod interrupt;
mod output;
mod progress;
mod run;
mod stats;
mod store;
mod table;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    allocator::keep();
    let result = match Cli::parse().command {
        Command::Info(args) => info::run(&args),
        Command::Calc(args) => calc::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Composite(args) => composite::run(&args),
        Command::Demo(args) => demo::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
