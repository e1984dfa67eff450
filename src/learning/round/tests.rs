//! What a round is expected to cost, and what it tells before it starts.
#![allow(clippy::unwrap_used)]
use super::*;
use image::GrayImage;
use labrum_core::{
    journal::CaseKey,
    mask::{Mask, PackedMask},
    prompts::{Prompt, PromptedObject},
    study::{Kind, Source},
    training::{ClickSettings, ClickTraining},
};

/// A round with one case for each subject name.
fn round(folder: &std::path::Path, subjects: &[&str], side: Side) -> WorkspaceRound {
    let path = folder.join("a.png");
    GrayImage::new(32, 32).save(&path).unwrap();
    let slice = |(case, subject): (usize, &&str)| SnapshotSlice {
        case: CaseKey(case as i64),
        name: "a".into(),
        modality: String::new(),
        source: Source {
            path: path.clone(),
            frame: 0,
        },
        kind: Kind::Picture,
        subject: (*subject).into(),
        side,
        mask: PackedMask::from_mask(&Mask::new_blank(32, 32)),
        before: None,
        is_untouched: false,
        is_new: true,
        prompted: Vec::new(),
    };
    WorkspaceRound {
        key: RoundKey(1),
        snapshot: subjects.iter().enumerate().map(slice).collect(),
        labels: vec![Label::with_name("Disc", 0)],
        settings: RoundSettings {
            start: StartFrom::Nothing,
            start_name: "nothing".into(),
            is_start_active: true,
            plan: Plan::default(),
            seconds: 1.0,
            clicks: ClickSettings::default(),
        },
        parent: None,
        previous: None,
        name: "Model".into(),
        checkpoint: PathBuf::new(),
        click_checkpoint: PathBuf::new(),
        device: DeviceChoice::Cpu,
    }
}

#[test]
fn the_click_model_is_trained_if_prompts_were_used_and_its_time_is_estimated() {
    let folder = tempfile::tempdir().unwrap();
    let mut round = round(folder.path(), &["x", "y", "z"], Side::Training);
    let seconds = |round: &WorkspaceRound| round.estimate_cost(2).unwrap().click_seconds;
    assert_eq!(seconds(&round), None);
    let without = round.estimate_cost(2).unwrap().seconds;
    round.snapshot[1].prompted = vec![PromptedObject {
        label: 1,
        prompts: vec![Prompt::Click {
            at: [3.0, 4.0],
            adds: true,
        }],
    }];
    let clicks = seconds(&round).unwrap();
    assert!(clicks > 0.0);
    let with = round.estimate_cost(2).unwrap().seconds;
    assert!((with - without - clicks).abs() < 1e-9);
    round.settings.clicks.when = ClickTraining::Never;
    assert!(!round.trains_clicks());
    round.snapshot[1].prompted.clear();
    round.settings.clicks.when = ClickTraining::Always;
    assert!(round.trains_clicks());
    round.snapshot.pop();
    assert!(!round.trains_clicks(), "two cases are too few");
}

#[test]
fn a_note_appears_when_three_cases_belong_to_one_subject() {
    let folder = tempfile::tempdir().unwrap();
    let note = |subjects: &[&str]| {
        round(folder.path(), subjects, Side::Training)
            .estimate_cost(1)
            .unwrap()
            .note
    };
    assert!(
        note(&["x", "x", "x"])
            .unwrap()
            .contains("All 3 accepted cases are of one subject")
    );
    assert_eq!(note(&["x", "x", "y"]), None);
    assert_eq!(note(&["x", "x"]), None);
    assert_eq!(note(&["", "", ""]), None, "the subjects are unknown");
}

#[test]
fn a_round_with_only_hold_out_cases_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |subjects: &[&str]| {
        round(folder.path(), subjects, Side::HoldOut)
            .estimate_cost(1)
            .unwrap_err()
            .to_string()
    };
    assert!(
        refused(&["x", "x", "x"])
            .contains("of one subject, which is held out. Cases with the same Patient ID")
    );
    assert!(refused(&["x", "y", "z"]).contains("Accept another corrected case"));
}
