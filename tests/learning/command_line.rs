//! The learning loop on the command line: `train --workspace`, `models` and `rehearse`, also killed
//! and stopped.

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

/// Kills the process after a while.
fn kill_after(mut child: Child, while_longer: Duration) {
    thread::sleep(while_longer);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_round_leaves_the_workspace_intact_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    workspace(work, 14);
    assert!(train(work, &["--steps", "40"]).status().unwrap().success());
    let hash = |workspace: &mut Workspace| {
        workspace
            .list_versions()
            .unwrap()
            .into_iter()
            .find(|v| v.is_active)
            .map(|v| v.hash)
    };
    let active = hash(&mut Workspace::open(work).unwrap()).unwrap();
    for milliseconds in [30, 80, 150, 300, 600, 1200, 2000] {
        let child = train(work, &["--anew", "--steps", "100000"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        kill_after(child, Duration::from_millis(milliseconds));
        let mut workspace = Workspace::open(work).unwrap();
        assert_eq!(
            hash(&mut workspace).as_ref(),
            Some(&active),
            "killed after {milliseconds} ms"
        );
        assert_eq!(workspace.list_versions().unwrap().len(), 1);
        assert!(
            workspace
                .list_cases()
                .unwrap()
                .iter()
                .all(|c| c.status == Status::Accepted)
        );
    }
    let mut opened = Workspace::open(work).unwrap();
    // The round can be resumed.
    let interrupted = opened.running_round().unwrap().unwrap();
    let snapshot = opened.round_snapshot(interrupted.key).unwrap();
    assert_eq!(snapshot.len(), 14);
    opened.close().unwrap();
    // It resumes with its own settings: far too many steps, so it is killed in the end.
    let mut child = train(work, &[])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(1500));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        text(&output.stderr).contains("Resuming the interrupted round"),
        "{}",
        text(&output.stderr)
    );
    let state = Workspace::open(work).unwrap().list_versions().unwrap()[0].state;
    assert_eq!(state, VersionState::Accepted);
}

#[cfg(unix)]
#[test]
fn an_interrupted_round_is_resumed_restarted_or_discarded_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path();
    workspace(work, 14);
    let stop = |more: &[&str]| {
        let child = train(work, more)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(2500));
        assert!(
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success());
        text(&output.stderr)
    };
    let running = || {
        Workspace::open(work)
            .unwrap()
            .running_round()
            .unwrap()
            .map(|round| round.key)
    };
    assert!(stop(&["--steps", "100000"]).contains("Run the same command to resume it"));
    let first = running().unwrap();
    for other in [
        &["--steps", "4"][..],
        &["--seconds", "20"],
        &["--from", "fetal-head"],
        &["--seed", "7"],
    ] {
        let refused = train(work, other).output().unwrap();
        let words = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{words}");
        assert!(
            words.contains(other[0]) && words.contains("--anew"),
            "{words}"
        );
    }
    for same in [
        &["--dry-run"][..],
        &["--dry-run", "--steps", "100000"],
        &["--dry-run", "--from", "none"],
    ] {
        let dry = text(&train(work, same).output().unwrap().stdout);
        assert!(
            dry.contains("would be resumed. It starts from nothing and trains on"),
            "{dry}"
        );
    }
    assert!(stop(&[]).contains("Resuming the interrupted round"));
    assert_eq!(running().unwrap(), first, "the same round was resumed");
    let anew = train(work, &["--anew", "--steps", "60", "--json"])
        .output()
        .unwrap();
    assert_eq!(anew.status.code(), Some(0), "{}", text(&anew.stderr));
    assert_eq!(running(), None);
    stop(&["--steps", "100000"]);
    assert!(
        text(&train(work, &["--give-up"]).output().unwrap().stdout)
            .contains("Discarded the interrupted round")
    );
    assert_eq!(running(), None);
    assert_eq!(
        train(work, &["--give-up"]).status().unwrap().code(),
        Some(1),
        "there is no round left to discard"
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

#[test]
fn a_rehearsal_estimates_the_work_for_a_task() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 40);
    let arguments: [&dyn AsRef<OsStr>; 12] = [
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"4,8,12",
        &"--seconds",
        &"6",
        &"--size",
        &"48",
        &"--device",
        &"cpu",
        &"--order",
        &"doubt",
    ];
    let text = succeeds(&[&arguments[..], &[&"--json"]].concat());
    let rounds: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        rounds
            .iter()
            .map(|r| r["cases"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [4, 8, 12]
    );
    for round in &rounds {
        assert!(round["test_dice"].as_f64().unwrap() > 0.5, "{round}");
        assert!(round["corrected_pixels"].as_u64().unwrap() > 0, "{round}");
        assert!(round["seconds"].as_f64().unwrap() < 12.0, "{round}");
        let figure = |name: &str| round[name].as_f64().unwrap_or(0.0);
        let (active, candidate) = (figure("active_test_dice"), figure("candidate_test_dice"));
        let is_first = round["active_test_dice"].is_null();
        let (chosen, other) = match round["accepted"].as_bool().unwrap() {
            true => (candidate, active),
            false => (active, candidate),
        };
        let lost = if is_first {
            0.0
        } else {
            (other - chosen).max(0.0)
        };
        assert!((figure("lost_test_dice") - lost).abs() < 1e-9, "{round}");
        assert!(round["decision"].is_string(), "{round}");
        if round["went_back"] == false {
            assert!((figure("test_dice") - chosen).abs() < 1e-9, "{round}");
        }
    }
    assert!(
        rounds[2]["holdout_cases"].as_u64().unwrap() >= 2,
        "{}",
        rounds[2]
    );
    let first = rounds[0]["corrected_share"].as_f64().unwrap();
    let last = rounds[2]["corrected_share"].as_f64().unwrap();
    assert!(
        last < first,
        "training must save work: share corrected {first} at first, {last} at last"
    );
}

#[test]
fn rehearsals_with_several_seeds_are_summarised() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 20);
    let arguments: [&dyn AsRef<OsStr>; 15] = [
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"3,6",
        &"--steps",
        &"10",
        &"--size",
        &"48",
        &"--device",
        &"cpu",
        &"--blend",
        &"0.5",
        &"--seeds",
        &"2",
        &"--json",
    ];
    let text = succeeds(&arguments);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seeds: Vec<u64> = lines.iter().filter_map(|r| r["seed"].as_u64()).collect();
    assert_eq!(seeds, [1, 1, 2, 2]);
    let [first, last] = &lines[4..] else {
        panic!("two summaries: {text}");
    };
    for (summary, cases) in [(first, 3), (last, 6)] {
        let summary = &summary["summary"];
        assert_eq!(
            (&summary["cases"], &summary["seeds"]),
            (&cases.into(), &2.into())
        );
        let of_seeds = lines.iter().filter(|r| r["cases"] == cases);
        let dice: Vec<f64> = of_seeds.map(|r| r["test_dice"].as_f64().unwrap()).collect();
        let spread = &summary["test_dice"];
        let mean = spread["mean"].as_f64().unwrap();
        assert!((mean - (dice[0] + dice[1]) / 2.0).abs() < 1e-9, "{text}");
        let range = [&spread["lowest"], &spread["highest"]].map(|v| v.as_f64().unwrap());
        assert_eq!(range, [dice[0].min(dice[1]), dice[0].max(dice[1])]);
    }
    for wrong in [["--prompts", "--seeds=2"], ["--json", "--blend=1.5"]] {
        let refused = run(&[&"rehearse", &folder.path(), &wrong[0], &wrong[1]]);
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_round_and_a_rehearsal_can_start_from_the_click_model() {
    let folder = tempfile::tempdir().unwrap();
    let (work, pairs) = (folder.path().join("work"), folder.path().join("data"));
    workspace(&work, 6);
    let dry = train(&work, &["--from", "click", "--dry-run"])
        .output()
        .unwrap();
    assert!(
        text(&dry.stdout).contains("would start from Click model"),
        "{}",
        text(&dry.stdout)
    );
    let done = train(&work, &["--from", "click", "--steps", "8", "--json"])
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let version: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(version["parent_name"], "Click model");
    data(&pairs, 20);
    let line = succeeds(&[
        &"rehearse",
        &pairs,
        &"--cases",
        &"4",
        &"--steps",
        &"8",
        &"--size",
        &"48",
        &"--from",
        &"click",
        &"--device",
        &"cpu",
        &"--json",
    ]);
    let result: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&result["cases"], &result["steps"]),
        (&4.into(), &8.into()),
        "{line}"
    );
}

#[cfg(unix)]
#[test]
fn a_rehearsal_needs_enough_cases_and_stops_on_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), 20);
    let output = run(&[
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"500",
        &"--device",
        &"cpu",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("fewer cases than the 500"),
        "{}",
        text(&output.stderr)
    );
    let begun = Instant::now();
    let mut child = program(&[
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"4",
        &"--seconds",
        &"600",
        &"--size",
        &"48",
    ])
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    thread::sleep(Duration::from_secs(2));
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    child.wait().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert!(begun.elapsed() < Duration::from_secs(60));
}
