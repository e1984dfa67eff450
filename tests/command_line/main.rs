//! The program on the command line, as scripts and users run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod commands;
mod conventions;
mod export;
mod masks;
mod measured;
mod output;
mod over_time;
mod prompts;
#[path = "../support/run.rs"]
mod run;
mod training;
mod trees;
mod workspaces;

use run::Run;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The built-in fetal head model, as a file.
const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/assets/models/fetal-head.safetensors"
);
/// A PyTorch checkpoint: CMUNeXt-S, 3 channels, sigmoid head.
const CHECKPOINT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cmunext_S.pth");

fn sample(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples")).join(name)
}

/// A command line of the program, on the CPU and without a display.
fn program(arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrum"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(arguments.iter().map(|a| a.as_ref()));
    command
}

fn run(arguments: &[&dyn AsRef<OsStr>]) -> Run {
    program(arguments).output().unwrap().into()
}

/// A run that must succeed.
fn succeeds(arguments: &[&dyn AsRef<OsStr>]) -> Run {
    let run = run(arguments);
    assert_eq!(run.code, Some(0), "{}", run.err);
    run
}

/// The arguments of an export of a workspace in some formats, and more of them.
fn export_arguments<'a>(
    work: &'a dyn AsRef<OsStr>,
    out: &'a dyn AsRef<OsStr>,
    formats: &'a dyn AsRef<OsStr>,
    more: &[&'a dyn AsRef<OsStr>],
) -> Vec<&'a dyn AsRef<OsStr>> {
    let own: [&dyn AsRef<OsStr>; 7] = [
        &"export",
        &"--workspace",
        work,
        &"--out",
        out,
        &"--format",
        formats,
    ];
    [own.as_slice(), more].concat()
}

/// Starts the program, whose output can be read.
fn start(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[cfg(unix)]
fn press_ctrl_c(child: &Child) {
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// Presses Ctrl+C in a running program, which must say that it was stopped.
#[cfg(unix)]
fn stop(child: Child) -> Run {
    press_ctrl_c(&child);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{}", run.err);
    run
}

/// A run that must end with exit code 1 and a last line that contains all `parts`.
#[track_caller]
fn refuses(arguments: &[&dyn AsRef<OsStr>], parts: &[&str]) -> Run {
    let run = run(arguments);
    assert_refused(&run, parts);
    run
}

#[track_caller]
fn assert_refused(run: &Run, parts: &[&str]) {
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    let message = run.err.lines().last().unwrap_or_default();
    assert!(message.starts_with("labrum: cannot "), "{message}");
    for part in parts {
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
}

/// All files below a folder, relative to it and sorted; empty if there is no folder.
fn files(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok);
    let files = all.filter(|entry| !entry.file_type().is_dir());
    files
        .map(|entry| {
            entry
                .path()
                .strip_prefix(folder)
                .unwrap()
                .display()
                .to_string()
        })
        .collect()
}

/// A PNG of 40 x 30 pixels with a bright disc.
fn picture(path: &Path) {
    disc(40, 30, [18.0, 14.0], 9.0, 200).save(path).unwrap();
}

fn disc(columns: u32, rows: u32, [x, y]: [f64; 2], radius: f64, value: u8) -> image::GrayImage {
    image::GrayImage::from_fn(columns, rows, |column, row| {
        let inside = (f64::from(column) - x).hypot(f64::from(row) - y) < radius;
        image::Luma([if inside { value } else { 0 }])
    })
}

/// FOLDER/images and FOLDER/masks with 12 discs of 48 x 48 pixels on a dark, uneven background.
fn discs(folder: &Path) {
    for kind in ["images", "masks"] {
        std::fs::create_dir_all(folder.join(kind)).unwrap();
    }
    for i in 0..12u32 {
        let center = [f64::from(16 + i * 7 % 17), f64::from(16 + i * 5 % 17)];
        let radius = 8.0 + f64::from(i % 5);
        let name = format!("disc-{}.png", char::from(b'a' + i as u8));
        disc(48, 48, center, radius, 255)
            .save(folder.join("masks").join(&name))
            .unwrap();
        let mut image = disc(48, 48, center, radius, 160);
        image
            .enumerate_pixels_mut()
            .for_each(|(x, y, p)| p.0[0] += (30 + (x * 31 + y * 17 + i) % 23) as u8);
        image.save(folder.join("images").join(&name)).unwrap();
    }
}
