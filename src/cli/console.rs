//! Output of the commands: results go to stdout, progress and remarks to stderr. A reader that closes its end (`| head`) is
//! not a failure.

use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use labrum_core::counts::{count_with_noun, first_names, group_by_text};
use std::io::{ErrorKind, Write};
use std::{
    fmt, io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Turns off progress and remarks; failures are still printed.
pub(super) fn be_quiet() {
    IS_QUIET.store(true, Relaxed);
}

/// Prints a line on stderr, unless `--quiet` was given.
pub(crate) fn print_remark(text: impl fmt::Display) {
    if !IS_QUIET.load(Relaxed) {
        print_failure(text);
    }
}

/// Prints remarks, each with the name of what it is about. A remark about several is printed once, with their number and the
/// first of their names.
pub(crate) fn print_remarks(said: impl IntoIterator<Item = (String, String)>, what: &str) {
    for (text, names) in group_by_text(said) {
        match names.as_slice() {
            [one] => print_remark(format_args!("labrum: {one}: {text}")),
            several => {
                print_remark(format_args!(
                    "labrum: {} ({}): {text}",
                    count_with_noun(several.len(), what),
                    first_names(several)
                ));
            }
        }
    }
}

/// Prints a line on stderr, even with `--quiet`.
pub(crate) fn print_failure(text: impl fmt::Display) {
    // If stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A progress bar, followed by `text`, a template of indicatif.
pub(super) fn progress_bar(length: u64, text: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {text}"));
    let bar =
        ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if IS_QUIET.load(Relaxed) {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// Prints a remark above the bar, or on stderr if the bar is hidden because there is no terminal.
pub(super) fn print_above_bar(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        print_remark(text)
    } else {
        bar.println(text)
    }
}

/// Prints text for people on stdout.
pub(super) fn print_text(text: &str) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::new("print the result", e)),
        // The reader has closed its end: the work goes on, and the exit code reports how it ended.
        _ => Ok(()),
    }
}

/// Writes bytes to stdout.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::new("print the result", e)),
        _ => Ok(()),
    }
}

/// Prints JSON on stdout.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print_text(&serde_json::to_string_pretty(value).map_err(|e| Error::new("print the result", e))?)
}
