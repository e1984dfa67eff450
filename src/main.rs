//! Parses arguments, runs the window or a command, turns an error into an exit code.

use cap::Cap;
use labrum::cli::{self, usage};
use labrum_core::containment;
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

/// Keeps the graphics drivers' own words off stderr, where nobody asked for them; to be called before there are threads.
#[allow(unsafe_code)]
fn quiet_drivers() {
    let quiet = [
        ("EGL_LOG_LEVEL", "fatal".to_owned()),
        ("MESA_LOG", "null".into()),
        ("LIBGL_DEBUG", "quiet".into()),
    ];
    for (name, value) in quiet.into_iter().chain(runtime_folder()) {
        if std::env::var_os(name).is_none() {
            // SAFETY: no other thread reads or writes the environment, for there is none yet.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// Drivers complain where nothing says where the user's sockets are, as in a job of cron or a container: the usual place,
/// which only the system can make, says the same as an empty one.
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

/// What is between this program and the screen or the graphics card. What goes wrong there is told in our own words.
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

/// What is logged, on stderr: warnings of our own and errors of others; what the environment (`RUST_LOG`) or `--verbose`
/// asks for instead.
fn start_log(verbosity: u8) {
    let level = ["error,labrum=warn", "info", "debug"][usize::from(verbosity.min(2))];
    let mut log =
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level));
    if verbosity == 0 && std::env::var_os("RUST_LOG").is_none() {
        for name in GRAPHICS {
            log.filter_module(name, log::LevelFilter::Off);
        }
    }
    // These write down what servers are asked and answer: names of patients, whatever the environment wishes for.
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
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == containment::COMMAND)
    {
        // Nothing that is allocated yet is above the limit.
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
