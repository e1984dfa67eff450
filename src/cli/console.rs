//! What commands say and to whom: results on stdout, progress and remarks on stderr. A reader that has gone away (`| head`)
//! is no failure.

use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use labrum_core::counts::{count_with_noun, first_names, group_by_text};
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// From now on neither progress nor remarks are told; failures are.
pub(super) fn be_quiet() {
    IS_QUIET.store(true, Relaxed);
}

/// A line on stderr that a failure does not depend on.
pub(crate) fn print_remark(text: impl std::fmt::Display) {
    if !IS_QUIET.load(Relaxed) {
        print_failure(text);
    }
}

/// Remarks, each with the name of what it is about; one about several is told once, with the first of their names and how
/// many they are.
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

/// A line on stderr in any case.
pub(crate) fn print_failure(text: impl std::fmt::Display) {
    // Where nobody reads it, there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A bar with what follows it.
pub(super) fn progress_bar(length: u64, text: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {text}"));
    let bar =
        ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if IS_QUIET.load(Relaxed) {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// A remark above the bar; a bar that is not on a terminal would swallow it.
pub(super) fn print_above_bar(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        print_remark(text)
    } else {
        bar.println(text)
    }
}

/// Text for people, on stdout.
pub(super) fn print_text(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::new("print the result", e)),
        // Whoever read has seen enough: what is left to do is done, and its exit code tells of it.
        _ => Ok(()),
    }
}

/// Bytes as they are, on stdout.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::new("print the result", e)),
        _ => Ok(()),
    }
}

/// JSON for programs, on stdout.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print_text(&serde_json::to_string_pretty(value).map_err(|e| Error::new("print the result", e))?)
}
