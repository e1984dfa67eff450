//! Parses the arguments, runs the window or a command, and turns an error into an exit code.

use cap::Cap;
use labrum::cli::{self, usage};
use labrum_core::containment;
use mimalloc::MiMalloc;
use std::{env, ffi, process::ExitCode};

/// Returns freed memory to the system less eagerly than the default allocator, because the network requests the same large
/// buffers again and again. Allocations are counted, so that processes that read files can be given a limit.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// Milliseconds before freed memory goes back to the system. With mimalloc's default of 10 ms, the same pages are cleared again
/// and again.
const PURGE_DELAY: ffi::c_long = 10_000;

/// Sets [`PURGE_DELAY`]; call before any thread starts.
#[allow(unsafe_code)]
fn keep_freed_memory_for_a_while() {
    /// Index of `mi_option_purge_delay` in `mi_option_t` (mimalloc.h, the same in versions 2 and 3).
    const OPTION: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: sets a number; it must not race with another thread, and none has started yet.
    unsafe { libmimalloc_sys::mi_option_set(OPTION, PURGE_DELAY) };
}

/// Silences the messages of graphics drivers on stderr, unless the environment asks for them; call before any thread starts.
#[allow(unsafe_code)]
fn quiet_drivers() {
    let quiet = [
        ("EGL_LOG_LEVEL", "fatal".to_owned()),
        ("MESA_LOG", "null".into()),
        ("LIBGL_DEBUG", "quiet".into()),
    ];
    for (name, value) in quiet.into_iter().chain(runtime_folder()) {
        if env::var_os(name).is_none() {
            // SAFETY: no other thread can read or write the environment; none has started yet.
            unsafe { env::set_var(name, value) };
        }
    }
}

/// Drivers complain if `XDG_RUNTIME_DIR` is not set, as in a cron job or a container. Only the system can create the usual
/// folder, so naming it where it is missing does no harm.
#[cfg(target_os = "linux")]
fn runtime_folder() -> Option<(&'static str, String)> {
    Some((
        "XDG_RUNTIME_DIR",
        format!("/run/user/{}", rustix::process::getuid().as_raw()),
    ))
}

#[cfg(not(target_os = "linux"))]
fn runtime_folder() -> Option<(&'static str, String)> {
    None
}

/// Crates between this program and the screen or the graphics card. Labrum reports their failures in its own words.
const GRAPHICS: &[&str] = &[
    "accesskit",
    "arboard",
    "burn",
    "calloop",
    "cubecl",
    "eframe",
    "egui",
    "glow",
    "glutin",
    "khronos_egl",
    "naga",
    "sctk",
    "smithay",
    "tracing",
    "wgpu",
    "winit",
    "xkbcommon",
    "zbus",
];

/// Starts logging to stderr: warnings of Labrum and errors of other crates, unless `RUST_LOG` or `--verbose` asks for
/// something else.
fn start_log(verbosity: u8) {
    let level = ["error,labrum=warn", "info", "debug"][usize::from(verbosity.min(2))];
    let mut log =
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level));
    if verbosity == 0 && env::var_os("RUST_LOG").is_none() {
        for name in GRAPHICS {
            log.filter_module(name, log::LevelFilter::Off);
        }
    }
    // These log requests and answers of servers, which hold patient names: never below warnings, whatever `RUST_LOG` says.
    for names_patients in [
        "ureq",
        "ureq_proto",
        "dicom_ul",
        "dicom_object",
        "dicom_parser",
    ] {
        log.filter_module(names_patients, log::LevelFilter::Warn);
    }
    log.init();
}

fn main() -> ExitCode {
    if env::args_os()
        .nth(1)
        .is_some_and(|first| first == containment::COMMAND)
    {
        // Fails only if more than the limit is already allocated, which it is not yet.
        return containment::serve_requests(labrum::io::READERS, |bytes| {
            ALLOCATOR.set_limit(bytes).unwrap_or_default()
        });
    }
    keep_freed_memory_for_a_while();
    quiet_drivers();
    let arguments = usage::parse_arguments();
    start_log(arguments.verbosity());
    containment::start_pool(containment::this_program().unwrap_or_default());
    usage::report_outcome(match arguments.window_request() {
        Some((paths, device)) => cli::check_paths(&paths).and_then(|()| {
            labrum::app::run_window(
                paths,
                labrum::app::Overrides {
                    device,
                    threads: arguments.thread_count(),
                },
            )
        }),
        None => cli::run_command(arguments),
    })
}
