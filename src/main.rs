//! Parses arguments, runs the window or a command, turns an error into an exit code.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,wgpu=error,naga=error")).init();
    match labrum::cli::run(labrum::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("labrum: {error}");
            ExitCode::FAILURE
        }
    }
}
