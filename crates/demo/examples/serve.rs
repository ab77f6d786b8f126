//! Serves a directory over loopback HTTP, for measurements; prints the base URL first and runs until standard input ends.
//!
//! ```text
//! cargo run --release -p swath-demo --example serve -- DIR [--generate] [--size N] [--port P] [--latency-ms L] [--bandwidth-mbit B]
//! ```
//!
//! `--generate` writes the demo scene into DIR before. `GET /__stats` and `GET /__reset` answer the counters.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use swath_demo::scene::{Scene, SceneOptions};
use swath_demo::server::RangeServer;

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { dir, generate, size, port, latency_ms, bandwidth_mbit } =
        Arguments::parse(std::env::args().skip(1))?;
    if let Some(options) = generate.then(|| SceneOptions::default().size(size)) {
        Scene::write(&dir, &options, None)?;
    }
    let builder = RangeServer::builder(&dir).port(port).latency(Duration::from_secs_f64(latency_ms / 1e3));
    let server = builder.bandwidth_mbit(bandwidth_mbit).start()?;
    writeln!(io::stdout(), "{}", server.base_url())?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

struct Arguments {
    dir: PathBuf,
    generate: bool,
    size: u32,
    port: u16,
    latency_ms: f64,
    bandwidth_mbit: f64,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let dir = words
            .next()
            .ok_or("usage: serve DIR [--generate] [--size N] [--port P] [--latency-ms L] [--bandwidth-mbit B]")?;
        let mut arguments =
            Self { dir: dir.into(), generate: false, size: 5490, port: 0, latency_ms: 0.0, bandwidth_mbit: 0.0 };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--generate" => arguments.generate = true,
                "--size" => arguments.size = value()?.parse()?,
                "--port" => arguments.port = value()?.parse()?,
                "--latency-ms" => arguments.latency_ms = value()?.parse()?,
                "--bandwidth-mbit" => arguments.bandwidth_mbit = value()?.parse()?,
                _ => return Err(format!("unknown argument {word}").into()),
            }
        }
        Ok(arguments)
    }
}
