//! Rounds that also fine-tune the click model: its versions, and their use on the command line.

use crate::{
    Task,
    command_line::{json, run, succeeds, text, train, workspace},
    rounds::round,
    snapshot,
};
use labrum::{
    learning::{model::Model, round::WorkspaceRound},
    workspace::Workspace,
};
use labrum_core::{
    holdout::Side,
    learning::{ModelKind, RoundVersions},
    progress::Control,
    prompts::{Prompt, PromptedObject},
    training::{ClickTraining, RoundPhase, StartFrom},
};
use labrum_nn::checkpoint;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// A round of two steps on eight cases, one of which was segmented with a click.
fn clicked_round(folder: &Path) -> WorkspaceRound {
    let mut cases = snapshot(folder, Task::Disc, 0..8);
    cases[0].prompted = vec![PromptedObject {
        label: 1,
        prompts: vec![Prompt::Click {
            at: [32.0, 32.0],
            adds: true,
        }],
    }];
    round(folder, cases, StartFrom::Nothing, 2)
}

fn train_both(round: &WorkspaceRound, phase: &mut dyn FnMut(RoundPhase)) -> RoundVersions {
    let made = round.train_versions(&Control::default(), phase);
    made.unwrap().unwrap()
}

#[test]
fn a_round_makes_a_version_of_the_click_model_after_that_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let round = clicked_round(folder.path());
    let (mut judged, mut clicks_began_at) = (None, None);
    let mut phases = 0;
    let made = train_both(&round, &mut |phase| {
        phases += 1;
        match phase {
            RoundPhase::Judging => judged = Some(phases),
            RoundPhase::TrainingClicks(_) => clicks_began_at = clicks_began_at.or(Some(phases)),
            _ => {}
        }
    });
    assert!(judged.unwrap() < clicks_began_at.unwrap());
    assert_eq!(made.note, None);
    let clicks = made.clicks.unwrap();
    assert_eq!(
        (made.masks.kind, clicks.kind),
        (ModelKind::Masks, ModelKind::Clicks)
    );
    assert_eq!((made.masks.round, clicks.round), (round.key, round.key));
    let learned = round.snapshot.iter().filter(|s| s.side == Side::Training);
    assert_eq!(clicks.cases as usize, learned.count());
    assert_eq!((clicks.steps, clicks.parent), (2, None));
    let held_out = clicks.report.clicks.as_ref().unwrap();
    assert_eq!(held_out.cases.len(), 2);
    let start = Model::shipped_click().unwrap();
    assert_eq!(clicks.name, format!("{} round-7", start.card.name));
    let (card, weights) = checkpoint::from_bytes(&clicks.bytes).unwrap();
    assert_eq!(card.unwrap().version, "round-7");
    assert!(weights != start.weights);
}

#[test]
fn a_round_without_prompts_leaves_the_click_model_alone_unless_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut round = clicked_round(folder.path());
    round.snapshot[0].prompted.clear();
    assert_eq!(train_both(&round, &mut |_| {}).clicks, None);
    round.settings.clicks.when = ClickTraining::Always;
    assert!(train_both(&round, &mut |_| {}).clicks.is_some());
}

#[test]
fn a_failure_of_the_click_part_is_noted_and_the_other_version_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut round = clicked_round(folder.path());
    round.settings.clicks.start = Some(folder.path().join("missing.safetensors"));
    let made = train_both(&round, &mut |_| {});
    assert_eq!(made.clicks, None);
    let note = made.note.unwrap();
    assert!(note.contains("missing.safetensors"), "{note}");
}

#[test]
fn cancelling_the_click_part_cancels_the_round() {
    let folder = tempfile::tempdir().unwrap();
    let round = clicked_round(folder.path());
    let control = Control::default();
    let made = round.train_versions(&control, &mut |phase| {
        if matches!(phase, RoundPhase::TrainingClicks(_)) {
            control.cancel.cancel();
        }
    });
    assert_eq!(made.unwrap(), None);
}

/// The mask of a click on a picture of the workspace, and what was said.
fn clicked_mask(work: &Path, out: &Path, model: &[&dyn AsRef<OsStr>]) -> (Vec<u8>, String) {
    let picture = work.join("pictures").join("disc-0.png");
    let mut all: Vec<&dyn AsRef<OsStr>> = vec![
        &"click",
        &picture,
        &"--at",
        &"32,32",
        &"--out",
        &out,
        &"--overwrite",
        &"--device",
        &"cpu",
    ];
    all.extend_from_slice(model);
    let output = run(&all);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (std::fs::read(out).unwrap(), text(&output.stderr))
}

/// The file of the only click version.
fn click_file(work: &Path) -> PathBuf {
    let mut workspace = Workspace::open(work).unwrap();
    let versions = workspace.list_versions().unwrap();
    let mut clicks = versions.iter().filter(|v| v.kind == ModelKind::Clicks);
    let file = clicks.next().unwrap().file.clone();
    assert_eq!(clicks.count(), 0);
    workspace.close().unwrap();
    file
}

#[test]
fn click_versions_are_trained_listed_activated_and_used_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    workspace(&work, 8);
    let round = |more: &[&str]| -> serde_json::Value {
        let done = train(&work, more).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let usual = round(&["--steps", "2", "--dry-run", "--json"]);
    assert!(usual["click_seconds"].is_null(), "no prompts were used");
    let always = ["--steps", "2", "--clicks", "always", "--json"];
    let estimate = round(&[&always[..], &["--dry-run"][..]].concat());
    assert!(estimate["click_seconds"].as_f64().unwrap() > 0.0);
    let made = round(&always);
    assert_eq!(made["kind"], "masks");
    assert_eq!(made["clicks"]["kind"], "clicks");
    assert_eq!(made["clicks"]["steps"], 2);

    let models = |more: &[&dyn AsRef<OsStr>]| {
        let mut all: Vec<&dyn AsRef<OsStr>> = vec![&"models", &"--workspace", &work, &"--json"];
        all.extend_from_slice(more);
        json(&all)
    };
    assert_eq!(models(&[]).as_array().unwrap().len(), 1);
    let listed = models(&[&"--clicks"]);
    assert_eq!(listed[0]["name"], made["clicks"]["name"]);
    let listed = models(&[&"--clicks", &"activate", &"1"]);
    assert_eq!(listed[0]["is_active"], true);
    assert_eq!(listed[0]["state"], "accepted");

    let exported = folder.path().join("better.safetensors");
    succeeds(&[
        &"models",
        &"--workspace",
        &work,
        &"--clicks",
        &"export",
        &"1",
        &"--out",
        &exported,
    ]);
    let out = folder.path().join("mask.png");
    let (shipped, _) = clicked_mask(&work, &out, &[]);
    let (own, said) = clicked_mask(&work, &out, &[&"--workspace", &work]);
    assert!(!said.contains("cannot be used"), "{said}");
    assert_eq!(own, clicked_mask(&work, &out, &[&"--model", &exported]).0);
    std::fs::write(click_file(&work), b"damaged").unwrap();
    let (mask, said) = clicked_mask(&work, &out, &[&"--workspace", &work]);
    assert!(said.contains("using the built-in model"), "{said}");
    assert_eq!(mask, shipped);
    models(&[&"--clicks", &"activate", &"0"]);
    let (mask, said) = clicked_mask(&work, &out, &[&"--workspace", &work]);
    assert!(!said.contains("cannot be used"), "{said}");
    assert_eq!(mask, shipped);
}
