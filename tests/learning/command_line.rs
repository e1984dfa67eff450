//! The learning loop on the command line: `train --workspace`, `models` and `rehearse`, also killed
//! and stopped.

mod interrupted;
mod rehearsals;

use crate::{SIDE, Task, snapshot, synthetic_case};
use labrum::{learning::model::Model, workspace::Workspace};
use labrum_core::{
    edit::Edit,
    holdout::{self, Side},
    journal::{Also, Author, CaseDescription, JournalStep, SliceDescription, StepState},
    label::{Label, StoredLabel},
    learning::VersionState,
    mask::Mask,
    study::{Source, Status},
};
use labrum_nn::checkpoint;
use std::{
    ffi::OsStr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

fn program(arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrum"));
    command
        .env_remove("RUST_LOG")
        .args(arguments.iter().map(|a| a.as_ref()));
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn run(arguments: &[&dyn AsRef<OsStr>]) -> Output {
    let output = program(arguments).output().unwrap();
    assert!(
        !text(&output.stderr).contains("panicked"),
        "{}",
        text(&output.stderr)
    );
    output
}

/// Output of a run that must succeed.
pub(crate) fn succeeds(arguments: &[&dyn AsRef<OsStr>]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn json(arguments: &[&dyn AsRef<OsStr>]) -> serde_json::Value {
    serde_json::from_str(&succeeds(arguments)).unwrap()
}

/// A workspace in `folder` with `count` accepted cases, each drawn by a person.
pub(crate) fn workspace(folder: &Path, count: u64) {
    let pictures = folder.join("pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    let mut workspace = Workspace::open(folder).unwrap();
    workspace
        .set_labels(&[Label::with_name("Disc", 0)])
        .unwrap();
    for number in 0..count {
        let slice = synthetic_case(&pictures, Task::Disc, number, Side::Training);
        let case = CaseDescription {
            identity: slice.name.clone(),
            study: pictures.display().to_string(),
            description: slice.name.clone(),
            modality: String::new(),
            date: String::new(),
            columns: SIDE,
            rows: SIDE,
            subject: holdout::subject_hash(&slice.name),
            fingerprint: None,
            time_point: None,
            slices: vec![SliceDescription {
                source: slice.source,
                sop_instance_uid: None,
            }],
        };
        let key = workspace.adopt_case(&case).unwrap();
        let edit =
            Mask::new_blank(SIDE as usize, SIDE as usize).replace_with(&slice.mask.to_mask());
        let step = JournalStep {
            seq: workspace.next_seq().unwrap(),
            case: key,
            at: 0,
            author: Author::Person("AB".into()),
            tool: "Brush".into(),
            edits: vec![(0, edit)],
            also: Also::default(),
            state: StepState::Done,
        };
        workspace.append_step(&step, &[]).unwrap();
        workspace.set_status(key, Status::Accepted).unwrap();
    }
    workspace.close().unwrap();
}

pub(crate) fn train(folder: &Path, more: &[&str]) -> Command {
    let mut command = program(&[&"train", &"--workspace", &folder, &"--device", &"cpu"]);
    command.args(more);
    command
}

#[test]
fn versions_are_trained_listed_compared_renamed_exported_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    workspace(&work, 14);
    let dry = train(&work, &["--dry-run", "--json"]).output().unwrap();
    let estimate: serde_json::Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!(estimate["start"], "nothing");
    assert!(
        estimate["holdout_cases"].as_u64().unwrap() >= 2,
        "{estimate}"
    );
    assert!(
        estimate["memory_bytes"].as_u64().unwrap() > 0
            && estimate["seconds"].as_f64().unwrap() > 0.0
    );

    for steps in ["60", "30"] {
        let done = train(&work, &["--steps", steps, "--json"])
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        assert!(
            text(&done.stderr).contains("held out; about"),
            "the expected time is printed first: {}",
            text(&done.stderr)
        );
    }
    let models = |more: &[&dyn AsRef<OsStr>]| {
        let mut all: Vec<&dyn AsRef<OsStr>> = vec![&"models", &"--workspace", &work, &"--json"];
        all.extend_from_slice(more);
        json(&all)
    };
    let list = models(&[]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        list[1]["parent_name"], list[0]["name"],
        "the second starts from the first"
    );
    succeeds(&[
        &"models",
        &"--workspace",
        &work,
        &"rename",
        &"1",
        &"First try",
    ]);
    succeeds(&[&"models", &"--workspace", &work, &"activate", &"1"]);
    let list = models(&[]);
    assert_eq!(
        (&list[0]["name"], &list[0]["is_active"]),
        (&"First try".into(), &true.into())
    );
    let report = models(&[&"compare", &"1", &"2", &"--device", &"cpu"]);
    assert_eq!(
        report["cases"].as_array().unwrap().len(),
        estimate["holdout_cases"].as_u64().unwrap() as usize
    );
    let csv = succeeds(&[&"models", &"--workspace", &work, &"report"]);
    assert_eq!(csv.lines().count(), 15, "a header and a line for each case");
    assert_eq!(
        models(&[&"report"])["versions"].as_array().unwrap().len(),
        2
    );
    let file = folder.path().join("out.safetensors");
    succeeds(&[
        &"models",
        &"--workspace",
        &work,
        &"export",
        &"1",
        &"--out",
        &file,
    ]);
    let picture = work.join("pictures/disc-0.png");
    let out = folder.path().join("masks");
    succeeds(&[
        &"segment",
        &picture,
        &"--out",
        &out,
        &"--model",
        &file,
        &"--device",
        &"cpu",
    ]);
    let refused = run(&[&"models", &"--workspace", &work, &"delete", &"1", &"--yes"]);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "the active version cannot be deleted"
    );
    succeeds(&[&"models", &"--workspace", &work, &"activate", &"0"]);
    let asked = run(&[&"models", &"--workspace", &work, &"delete", &"1"]);
    assert!(
        text(&asked.stderr).contains("--yes"),
        "{}",
        text(&asked.stderr)
    );
    assert_eq!(
        models(&[]).as_array().unwrap().len(),
        2,
        "nothing is deleted without confirmation"
    );
    let said = succeeds(&[&"models", &"--workspace", &work, &"delete", &"1", &"--yes"]);
    assert!(said.contains("Deleted \"First try\""), "{said}");
    assert_eq!(models(&[]).as_array().unwrap().len(), 1);
}

#[test]
fn equal_workspaces_seeds_and_devices_make_equal_models() {
    let hashes: Vec<serde_json::Value> = (0..2)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            workspace(folder.path(), 6);
            let done = train(folder.path(), &["--steps", "8", "--seed", "3", "--json"])
                .output()
                .unwrap();
            let version: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
            version["hash"].clone()
        })
        .collect();
    assert_eq!(hashes[0], hashes[1]);
}

/// Renames the first label of a workspace.
fn rename_label(folder: &Path, name: &str) {
    let mut workspace = Workspace::open(folder).unwrap();
    let mut labels = workspace.read_labels().unwrap();
    labels[0].name = name.into();
    workspace.set_labels(&labels).unwrap();
    workspace.close().unwrap();
}

#[test]
fn a_label_can_be_renamed_after_training() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    workspace(work, 14);
    let learned = train(work, &["--steps", "60", "--json"]).output().unwrap();
    assert_eq!(learned.status.code(), Some(0), "{}", text(&learned.stderr));
    let compare = || {
        let report = json(&[
            &"models",
            &"--workspace",
            &work,
            &"--json",
            &"compare",
            &"1",
            &"1",
            &"--device",
            &"cpu",
        ]);
        report["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["candidate"]["dice"].as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let before = compare();
    assert!(
        before.iter().any(|dice| *dice > 0.1),
        "the model must have learned something: {before:?}"
    );
    rename_label(work, "Lesion X");
    assert_eq!(compare(), before, "scores do not depend on the name");

    let exported = work.join("exported.safetensors");
    succeeds(&[
        &"models",
        &"--workspace",
        &work,
        &"export",
        &"1",
        &"--out",
        &exported,
    ]);
    assert_eq!(
        Model::read_file(&exported).unwrap().card.labels[0].name,
        "Lesion X",
        "it is exported with the current name"
    );

    // A version from before models stored label ids: its classes are the workspace's label values.
    let file = std::fs::read_dir(work.join("models"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut model = Model::read_file(&file).unwrap();
    assert_eq!(model.card.labels[0].name, "Disc");
    model.card.labels[0].kept = StoredLabel::default();
    std::fs::write(
        &file,
        checkpoint::to_bytes(&model.card, &model.weights).unwrap(),
    )
    .unwrap();
    assert_eq!(compare(), before);

    // The next round continues with the label, only under its new name.
    let next = train(work, &["--steps", "8", "--json"]).output().unwrap();
    assert_eq!(next.status.code(), Some(0), "{}", text(&next.stderr));
    let version: serde_json::Value = serde_json::from_slice(&next.stdout).unwrap();
    let next = Model::read_file(Path::new(version["file"].as_str().unwrap())).unwrap();
    let names: Vec<&str> = next.card.labels.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["Lesion X"]);
    assert_eq!(
        Workspace::open(work).unwrap().read_labels().unwrap().len(),
        1,
        "no label with the old name was added"
    );
}

#[test]
fn slices_marked_as_empty_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    workspace(folder.path(), 6);
    let mut work = Workspace::open(folder.path()).unwrap();
    for number in 100..104 {
        let picture = folder.path().join(format!("pictures/empty-{number}.png"));
        let noise =
            |x: u32, y: u32| image::Luma([(60 + (x * 7 + y * 13 + number * 29) % 21) as u8]);
        image::GrayImage::from_fn(SIDE, SIDE, noise)
            .save(&picture)
            .unwrap();
        let name = format!("empty-{number}");
        let case = CaseDescription {
            identity: name.clone(),
            study: folder.path().display().to_string(),
            description: name.clone(),
            modality: String::new(),
            date: String::new(),
            columns: SIDE,
            rows: SIDE,
            subject: holdout::subject_hash(&name),
            fingerprint: None,
            time_point: None,
            slices: vec![SliceDescription {
                source: Source {
                    path: picture,
                    frame: 0,
                },
                sop_instance_uid: None,
            }],
        };
        let key = work.adopt_case(&case).unwrap();
        let step = JournalStep {
            seq: work.next_seq().unwrap(),
            case: key,
            at: 0,
            author: Author::Person("AB".into()),
            tool: "Nothing here".into(),
            edits: vec![(0, Edit::default())],
            also: Also {
                absent: vec![(0, 1)],
                ..Also::default()
            },
            state: StepState::Done,
        };
        work.append_step(&step, &[]).unwrap();
        work.set_status(key, Status::Accepted).unwrap();
    }
    work.close().unwrap();
    let dry = train(folder.path(), &["--dry-run", "--json"])
        .output()
        .unwrap();
    let estimate: serde_json::Value = serde_json::from_slice(&dry.stdout).unwrap();
    let (learned, held) = (
        estimate["cases"].as_u64().unwrap(),
        estimate["holdout_cases"].as_u64().unwrap(),
    );
    assert_eq!(learned + held, 10, "{estimate}");
    let done = train(folder.path(), &["--steps", "20", "--json"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let version: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(version["cases"].as_u64().unwrap(), learned);
    let cases = version["report"]["cases"].as_array().unwrap();
    assert_eq!(
        cases.len() as u64,
        held,
        "the empty slices are evaluated, too"
    );
    assert!(
        cases
            .iter()
            .all(|c| c["candidate"]["dice"].as_f64().unwrap().is_finite())
    );
}

#[test]
fn missing_workspaces_and_missing_accepted_cases_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    let output = train(&missing, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no workspace found"),
        "{}",
        text(&output.stderr)
    );
    assert!(
        !missing.exists(),
        "a mistyped folder must not become a workspace"
    );
    workspace(folder.path(), 0);
    let output = train(folder.path(), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("accepted case"),
        "{}",
        text(&output.stderr)
    );
}

/// Images and masks as `rehearse` reads them.
pub(crate) fn data(folder: &Path, count: u64) {
    let [images, masks] = ["images", "masks"].map(|name| folder.join(name));
    std::fs::create_dir_all(&images).unwrap();
    std::fs::create_dir_all(&masks).unwrap();
    for slice in snapshot(&images, Task::Disc, 0..count) {
        let labels = slice
            .mask
            .to_mask()
            .pixel_labels()
            .iter()
            .map(|l| l * 255)
            .collect();
        let mask = image::GrayImage::from_raw(SIDE, SIDE, labels).unwrap();
        mask.save(masks.join(format!("{}.png", slice.name)))
            .unwrap();
    }
}
