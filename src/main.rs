//! Parses arguments, runs the window or a command, turns an error into an exit code.

use cap::Cap;
use clap::Parser;
use labrum::io::containment;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Gives memory back less eagerly than the system's: the network asks for the same large buffers again and again. What it
/// hands out is counted, for those processes that may not have much.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// Milliseconds for which freed memory waits for the next step of a training before the system gets it back; the 10 that
/// are usual cost a fifth of a step, for pages that are cleared again and again.
const PURGE_DELAY: std::ffi::c_long = 10_000;

/// Sets [`PURGE_DELAY`]; to be called before there are threads.
#[allow(unsafe_code)]
fn keep_freed_memory_for_a_while() {
    /// The place of `mi_option_purge_delay` in `mi_option_t` (mimalloc.h, the same in versions 2 and 3).
    const OPTION: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: a plain setter of a number; it must not run beside another thread's, and there is none yet.
    unsafe { libmimalloc_sys::mi_option_set(OPTION, PURGE_DELAY) };
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == containment::COMMAND) {
        // Nothing that is allocated yet is above the limit.
        return containment::serve(|bytes| ALLOCATOR.set_limit(bytes).unwrap_or_default());
    }
    keep_freed_memory_for_a_while();
    let usual = env_logger::Env::default().default_filter_or("warn,wgpu=error,naga=error");
    let mut log = env_logger::Builder::from_env(usual);
    // These write down what servers are asked and answer: names of patients, whatever the environment wishes for.
    for names_patients in ["ureq", "ureq_proto", "dicom_ul", "dicom_object", "dicom_parser"] {
        log.filter_module(names_patients, log::LevelFilter::Warn);
    }
    log.init();
    containment::start(containment::this_program().unwrap_or_default());
    let cli = labrum::cli::Cli::parse();
    let done = match cli.window() {
        Some((paths, device)) => labrum::cli::check_paths(&paths)
            .and_then(|()| labrum::app::run(paths, labrum::app::Overrides { device, threads: cli.threads() })),
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
