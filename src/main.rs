//! Parses arguments, runs the window or a command, turns an error into an exit code.

use clap::Parser;
use std::process::ExitCode;

/// Gives memory back less eagerly than the system's: the network asks for the same large buffers again and again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,wgpu=error,naga=error")).init();
    let cli = labrum::cli::Cli::parse();
    let done = match cli.window() {
        Some((paths, device)) => {
            labrum::cli::check_paths(&paths).and_then(|()| labrum::app::run(paths, labrum::app::Overrides { device }))
        }
        None => labrum::cli::run(cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("labrum: {error}");
            ExitCode::FAILURE
        }
    }
}
