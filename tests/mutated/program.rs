//! The program itself on a folder of mutated files.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Maximum time for all files of a folder together.
const LONGEST: Duration = Duration::from_secs(180);

/// Harm that the files in `folder` do to the program, empty if none. Every fourth folder is also
/// segmented.
pub(crate) fn read_folder(folder: &Path, number: usize) -> Vec<String> {
    let mut harm = Vec::new();
    harm.extend(run(&[&"info", &folder, &"--json"]));
    if (number / super::FOLDER).is_multiple_of(4) {
        let out = tempfile::tempdir().unwrap();
        let to = out.path().join("out");
        harm.extend(run(&[
            &"segment",
            &folder,
            &"--out",
            &to,
            &"--format",
            &"png,seg",
            &"--device",
            &"cpu",
        ]));
    }
    harm
}

/// Harm: an exit code other than 0 and 1 (a signal has none), a panic, or too long a run.
fn run(arguments: &[&dyn AsRef<OsStr>]) -> Option<String> {
    let out = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrum"));
    command
        .args(arguments.iter().map(|a| a.as_ref()))
        .env_remove("RUST_LOG");
    command
        .stdout(Stdio::null())
        .stderr(out.reopen().unwrap())
        .stdin(Stdio::null());
    let begin = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begin.elapsed() > LONGEST => {
                child.kill().unwrap();
                child.wait().unwrap();
                return Some("the program hangs".into());
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let words = std::fs::read_to_string(out.path()).unwrap_or_default();
    let what = arguments[0].as_ref().to_string_lossy();
    match status.code() {
        Some(0 | 1) if !words.contains("panicked") => None,
        _ => Some(format!("`labrum {what}` ended with {status}: {words}")),
    }
}
