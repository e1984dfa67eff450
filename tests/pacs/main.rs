//! PACS commands as a user runs them: with a real Orthanc, and with servers that misbehave.
//!
//! Tests with Orthanc only run on request (`cargo test --test pacs -- --ignored`): they need the
//! Debian packages orthanc, orthanc-dicomweb and dcmtk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod badly;
mod broken_lines;
mod dimse;
mod orthanc;
mod proxy;
mod round_trip;
#[path = "../support/run.rs"]
mod run;
mod unattended;

use run::Run;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A user with separate configuration, cache and data folders.
struct User {
    home: tempfile::TempDir,
    secret: Option<&'static str>,
}

impl User {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            secret: None,
        }
    }

    fn with_secret(secret: &'static str) -> Self {
        Self {
            secret: Some(secret),
            ..Self::new()
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn program(&self, arguments: &[&dyn AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labrum"));
        for name in [
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "WAYLAND_SOCKET",
            "RUST_LOG",
            "DBUS_SESSION_BUS_ADDRESS",
        ] {
            command.env_remove(name);
        }
        // Tests have no key store.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        for (variable, folder) in [
            ("LABRUM_CONFIG", "config"),
            ("LABRUM_CACHE", "cache"),
            ("LABRUM_DATA", "data"),
        ] {
            command.env(variable, self.folder(folder));
        }
        match self.secret {
            Some(secret) => command.env("LABRUM_PACS_SECRET", secret),
            None => command.env_remove("LABRUM_PACS_SECRET"),
        };
        command
            .args(arguments.iter().map(|a| a.as_ref()))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&dyn AsRef<OsStr>]) -> Run {
        self.program(arguments).output().unwrap().into()
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&dyn AsRef<OsStr>]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
        run
    }

    /// The JSON that a successful run prints.
    #[track_caller]
    fn run_json(&self, arguments: &[&dyn AsRef<OsStr>]) -> serde_json::Value {
        serde_json::from_str(&self.succeeds(arguments).out).unwrap()
    }

    /// A run that must end with exit code 1 and a last line that contains all `parts`.
    #[track_caller]
    fn is_refused(&self, arguments: &[&dyn AsRef<OsStr>], parts: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
        let message = run.err.lines().last().unwrap_or_default();
        assert!(message.starts_with("labrum: cannot "), "{message}");
        for part in parts {
            assert!(message.contains(part), "\"{part}\" is not in: {message}");
        }
        run
    }

    fn begin(&self, arguments: &[&dyn AsRef<OsStr>]) -> Child {
        self.program(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn samples(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples")).join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "dcm"));
    files.sort();
    files
}

/// Copies of a slice as separate objects in one series of a new study, of a body part that no shipped model is for; returns
/// the study UID and the files.
fn study_of(count: usize, folder: &Path) -> (String, Vec<PathBuf>) {
    use dicom_core::{DataElement, VR};
    use dicom_dictionary_std::tags;
    std::fs::create_dir_all(folder).unwrap();
    let original = dicom_object::open_file(&samples("sarcoma-ct")[0]).unwrap();
    let uid = || format!("2.25.{}", uuid::Uuid::new_v4().as_u128());
    let (study, series) = (uid(), uid());
    let make = |number: usize| {
        let mut object = original.clone();
        let sop = uid();
        for (tag, vr, value) in [
            (tags::SOP_INSTANCE_UID, VR::UI, sop.clone()),
            (tags::STUDY_INSTANCE_UID, VR::UI, study.clone()),
            (tags::SERIES_INSTANCE_UID, VR::UI, series.clone()),
            (tags::INSTANCE_NUMBER, VR::IS, number.to_string()),
            (tags::BODY_PART_EXAMINED, VR::CS, "HEAD".to_owned()),
        ] {
            object.put(DataElement::new(tag, vr, value));
        }
        object.meta_mut().media_storage_sop_instance_uid = sop;
        object.meta_mut().update_information_group_length();
        let path = folder.join(format!("{number:04}.dcm"));
        object.write_to_file(&path).unwrap();
        path
    };
    (study.clone(), (1..=count).map(make).collect())
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok);
    all.filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Study, series or object UID of a file.
fn uid_of(path: &Path, tag: dicom_core::Tag) -> String {
    let object = dicom_object::open_file(path).unwrap();
    object
        .element(tag)
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches('\0')
        .to_owned()
}

/// Waits until a condition holds.
#[track_caller]
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < limit,
            "timed out after {limit:?}, waiting until {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
