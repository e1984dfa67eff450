//! The learning loop in the window: rounds, versions and the work report.

mod clicks;
mod versions;

use super::*;
use crate::session::{
    case::{Case, StudyInfo},
    command::UserCommand,
    finding::{Finding, tests::blurred_disc},
    job::{ModelEntry, ModelSource},
    learning::{Doing, Running},
    settings::NewModelStart,
};
use egui_kittest::kittest::NodeT;
use labrum_core::{
    gate::{GateCase, GateReport},
    holdout::Side,
    label::Label,
    learning::{CaseCost, ModelKind, RoundKey, Version, VersionKey, VersionState, WorkReport},
    metrics::Scores,
    model_card::{Aspect, Config, InputSpec, ModelCard, ModelPurpose},
    progress::Control,
    study::{Kind, Series, Slice, Source, Status},
    training::Estimate,
};
use std::{sync::Arc, time::Duration};

fn case(id: u64, name: &str) -> Case {
    let source = Source {
        path: format!("/scans/{name}").into(),
        frame: 0,
    };
    let slice = Slice::from_source(source);
    let series = Series {
        id: name.into(),
        modality: "US".into(),
        description: name.into(),
        ..Series::from_slices(Kind::Dicom, 64, 64, vec![slice])
    };
    let study = StudyInfo {
        id: "study".into(),
        description: "Study".into(),
        ..StudyInfo::default()
    };
    Case::new(id, Arc::new(study), series)
}

fn model(name: &str) -> ModelEntry {
    let card = ModelCard {
        name: name.into(),
        version: "2".into(),
        config: Config::S,
        labels: vec![Label::with_name("Disc", 0)],
        input: InputSpec {
            channels: 1,
            columns: 64,
            rows: 64,
            aspect: Aspect::Kept,
            mean: vec![0.0],
            std: vec![1.0],
        },
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: ModelPurpose {
            modalities: vec!["US".into()],
            summary: "discs".into(),
            ..ModelPurpose::default()
        },
        looks: None,
        trained_on: Default::default(),
        held_out: None,
        parent: None,
    };
    ModelEntry {
        source: ModelSource::Shipped(0),
        card: Arc::new(card),
    }
}

/// A session with a few cases open, of which two are accepted.
pub(super) fn open() -> Session {
    let mut session = Session::new(Settings::default());
    session.cases = (1..=4).map(|id| case(id, &format!("Head {id}"))).collect();
    session.cases.current = Some(0);
    session.workspace.meter.accepted = 2;
    session.workspace.meter.total = 4;
    session.learning.newly_accepted = 2;
    session
}

fn scores(dice: f64) -> Scores {
    Scores {
        dice,
        iou: dice / (2.0 - dice),
        hd95: Some(8.0 * (1.0 - dice)),
        boundary_iou: dice * 0.8,
    }
}

fn report(pairs: &[(f64, f64)]) -> GateReport {
    let case = |(key, (before, after)): (i64, &(f64, f64))| GateCase {
        key,
        name: format!("Held-out {key}"),
        subject: String::new(),
        active: Some(scores(*before)),
        candidate: scores(*after),
        is_untouched: false,
    };
    GateReport::new((1..).zip(pairs).map(case).collect(), &[])
}

const BETTER: [(f64, f64); 5] = [
    (0.80, 0.86),
    (0.90, 0.93),
    (0.85, 0.90),
    (0.95, 0.951),
    (0.92, 0.91),
];

fn version(key: i64, state: VersionState, is_active: bool, report: GateReport) -> Version {
    Version {
        key: VersionKey(key),
        round: RoundKey(key),
        kind: ModelKind::Masks,
        name: format!("Fetal head round-{key}"),
        parent: (key > 1).then_some(VersionKey(key - 1)),
        parent_name: if key > 1 {
            format!("Fetal head round-{}", key - 1)
        } else {
            "Fetal head 1.0.0".into()
        },
        made_at: 1_795_588_920_000 + key * 3_600_000,
        state,
        reason: report.verdict.reason_text().to_owned(),
        is_active,
        hash: "5f2b8c1d".repeat(8),
        file: format!("/work/models/{key}.safetensors").into(),
        cases: 20,
        seconds: 63.0,
        steps: 240,
        settings:
            r#"{"seconds":60.0,"plan":{"loss":"boundary-dou","batch":4,"augment":{"blur":1.0}}}"#
                .into(),
        report,
    }
}

/// Three versions: accepted, rejected, and active.
fn with_versions() -> Session {
    let mut session = open();
    let worse = report(&[(0.9, 0.8), (0.85, 0.8), (0.95, 0.9), (0.7, 0.6)]);
    session.learning.versions = vec![
        version(1, VersionState::Accepted, false, report(&BETTER)),
        version(2, VersionState::Rejected, false, worse),
        version(3, VersionState::Accepted, true, report(&BETTER)),
    ];
    session
}

fn running() -> Session {
    let mut session = open();
    session.learning.running = Some(Running {
        control: Control::default(),
        estimate: Some(Estimate {
            cases: 20,
            slices: 20,
            held_out: 5,
            seconds: 60.0,
            click_seconds: None,
            memory: 700_000_000,
            note: None,
        }),
        doing: Doing::Training,
        done: 0.42,
        remaining: Some(Duration::from_secs(30)),
        loss: (0..40)
            .map(|i| [f64::from(i), 0.9 / (1.0 + f64::from(i) * 0.2)])
            .collect(),
        validation: vec![[0.0, 0.7], [15.0, 0.82], [30.0, 0.86]],
        is_resumed: false,
        attempt: 1,
        key: None,
        is_on_clicks: false,
    });
    session
}

fn cost(n: u32, model: &str, seconds: f64, changed: u64) -> CaseCost {
    let (name, model) = (format!("Head {n}"), model.into());
    CaseCost {
        name,
        accepted_at: 0,
        seconds,
        pixels_changed: changed,
        pixels: 1000,
        model,
        held_out: n.is_multiple_of(5),
        prompts: 0,
        objects: 0,
        click_model: String::new(),
    }
}

fn work_report() -> WorkReport {
    let mut cases: Vec<CaseCost> = (1..=3)
        .map(|n| cost(n, "", 120.0 - f64::from(n), 1000))
        .collect();
    cases.extend((4..=9).map(|n| {
        cost(
            n,
            "Fetal head 1.0.0",
            90.0 - 4.0 * f64::from(n),
            500 - 20 * u64::from(n),
        )
    }));
    cases.extend((10..=16).map(|n| {
        cost(
            n,
            "Fetal head round-1",
            50.0 - 2.0 * f64::from(n),
            200 - 8 * u64::from(n),
        )
    }));
    WorkReport {
        cases,
        versions: with_versions().learning.versions,
    }
}

fn actions(harness: &Harness<'static, App>) -> String {
    harness.state().actions.join("\n")
}

fn click(harness: &mut Harness<'static, App>, name: &str) {
    harness.get_by_label(name).scroll_to_me();
    // Scrolling takes several frames.
    harness.run_steps(10);
    harness.get_by_label(name).click();
    // A dialog reaches its final position after a few frames.
    harness.run_steps(6);
}

fn command(harness: &mut Harness<'static, App>, key: egui::Key) {
    harness.key_press_modifiers(egui::Modifiers::COMMAND, key);
    harness.run_steps(3);
}

#[test]
fn training_is_disabled_until_a_case_is_accepted() {
    let mut session = open();
    session.workspace.meter.accepted = 0;
    let mut harness = window(session);
    harness.get_by_label("Train now").scroll_to_me();
    harness.run_steps(3);
    let train = harness.get_by_label("Train now");
    assert!(train.accesskit_node().is_disabled());
    train.hover();
    harness.run_steps(60);
    assert!(
        harness
            .query_by_label_contains("No case is accepted yet")
            .is_some()
    );
}

#[test]
fn a_resumed_round_says_at_which_step_its_curve_begins() {
    let mut session = running();
    let running = session.learning.running.as_mut().unwrap();
    running.is_resumed = true;
    running.loss = (70..99).map(|step| [f64::from(step), 0.3]).collect();
    let harness = window(session);
    assert!(harness.query_by_label_contains("at step 70").is_some());
}

#[test]
fn a_button_starts_training() {
    let mut harness = window(open());
    assert!(harness.query_by_label("Newly accepted cases").is_some());
    click(&mut harness, "Train now");
    assert!(actions(&harness).contains("Command(Train)"));
}

#[test]
fn a_round_shows_its_progress_and_can_be_paused_and_cancelled() {
    let mut harness = window(running());
    assert!(
        harness
            .query_by_label("20 cases, 20 slices, 5 for hold-out; 700 MB")
            .is_some()
    );
    assert!(
        harness
            .query_by_label("Training 42 %, about 30 s")
            .is_some(),
        "in the status bar"
    );
    assert!(harness.query_by_label("Loss by step").is_some());
    click(&mut harness, "Pause training");
    assert!(actions(&harness).contains("Command(PauseTraining)"));
    for name in ["Stop training", "Cancel training"] {
        let mut harness = window(running());
        click(&mut harness, name);
        assert!(
            actions(&harness).contains("Command(CancelTraining)"),
            "{name}"
        );
        assert!(harness.state().session.learning.running.is_none());
    }
}

#[test]
fn a_paused_round_is_shown_as_paused() {
    let session = running();
    session
        .learning
        .running
        .as_ref()
        .unwrap()
        .control
        .set_paused(true);
    let harness = window(session);
    assert!(harness.query_by_label("Training paused at 42 %").is_some());
    assert!(harness.query_by_label("Resume training").is_some());
}

#[test]
fn the_validation_report_counts_cases_and_opens_the_clicked_one() {
    let mut session = with_versions();
    session.learning.fresh = vec![VersionKey(3)];
    let mut harness = window(session);
    click(&mut harness, "Show validation report");
    assert!(harness.query_by_label("Passed validation").is_some());
    assert!(
        harness
            .query_by_label("3 better, 1 worse, 1 about the same")
            .is_some()
    );
    harness
        .get_by_label_contains("Held-out 5, 0.920, 0.910")
        .click();
    harness.run_steps(3);
    assert!(actions(&harness).contains("Learn(ShowCase(5))"));
    assert!(!harness.state().window.has_dialog());
}

#[test]
fn the_work_report_is_requested_once_and_gives_advice() {
    let mut harness = window(open());
    harness.state_mut().session.learning.report = None;
    click(&mut harness, "Work report");
    assert!(actions(&harness).contains("Learn(Report)"));
    assert!(harness.query_by_label("Creating the report...").is_some());
    let report = work_report();
    let advice = report.next_round_advice();
    harness.state_mut().session.learning.report = Some(Box::new(report));
    harness.run_steps(3);
    assert!(harness.query_by_label(&advice).is_some());
    assert!(
        harness
            .query_by_label_contains("Fetal head round-1, 7, ")
            .is_some()
    );
    click(&mut harness, "Export the report");
    assert!(actions(&harness).contains("Learn(ExportReport("));
    assert_eq!(actions(&harness).matches("Learn(Report)").count(), 1);
}

fn proposed(session: &mut Session, at: usize, by: &str) {
    let labels = [Label::with_name("Disc", 0)].into();
    let finding = Arc::new(Finding::from_prediction(
        &blurred_disc(64, 20.0),
        by.into(),
        labels,
        &Default::default(),
    ));
    let case = &mut session.cases[at];
    case.status = Status::Proposed;
    case.slices[0].finding = Some(finding.clone());
    case.slices[0].set_proposal(finding);
}

#[test]
fn the_case_list_marks_hold_out_outdated_and_manual_cases() {
    let mut session = open();
    session.models.list = vec![model("Disc")];
    session.cases[0].side = Some(Side::HoldOut);
    session.cases[1].is_blind = true;
    session.cases[2].reason = Some("unlike what was learned".into());
    proposed(&mut session, 2, "Disc 1");
    proposed(&mut session, 3, "Disc 2");
    assert_eq!(
        [2, 3].map(|at| session.models.is_stale(&session.cases[at])),
        [true, false]
    );
    let mut harness = window(session);
    assert!(
        harness
            .query_by_label("Case Head 1, US · 64 × 64, New, hold-out case")
            .is_some()
    );
    assert!(
        harness
            .query_by_label_contains("Head 2, US · 64 × 64, Segment manually: no proposal shown")
            .is_some()
    );
    assert!(harness.query_by_label("unlike what was learned").is_some());
    assert!(
        harness
            .query_by_label_contains("Head 3, US · 64 × 64, Outdated proposal")
            .is_some()
    );
    assert!(
        harness
            .query_by_label_contains("Head 4, US · 64 × 64, Proposed")
            .is_some()
    );
    harness.get_by_label_contains("Case Head 3").hover();
    harness.run_steps(60);
    assert!(
        harness
            .query_by_label_contains("Proposed by Disc 1")
            .is_some()
    );
}

#[test]
fn training_options_are_in_the_settings() {
    let mut harness = window(open());
    command(&mut harness, egui::Key::Comma);
    click(&mut harness, "Dice and cross-entropy");
    let learning = &harness.state().session.settings.learning;
    assert_eq!(learning.loss, labrum_core::training::Loss::DiceCrossEntropy);
    click(&mut harness, "Click model");
    let learning = &harness.state().session.settings.learning;
    assert_eq!(learning.new_model, NewModelStart::ClickModel);
    let number = egui::accesskit::Role::SpinButton;
    harness
        .get_by_role_and_label(number, "Cases shown without a proposal")
        .increment_accesskit();
    harness.run_steps(3);
    assert_eq!(
        harness.state().session.settings.learning.without_proposal,
        1
    );
}

#[test]
fn all_training_commands_are_in_the_menu() {
    let mut harness = window(open());
    // A section of the right panel has the same name.
    harness.get_all_by_label("Model").next().unwrap().click();
    harness.run_steps(3);
    for command in [
        UserCommand::Train,
        UserCommand::PauseTraining,
        UserCommand::CancelTraining,
        UserCommand::Versions,
    ] {
        assert!(
            harness
                .get_all_by_label(command.display_label().trim_end_matches("..."))
                .next()
                .is_some(),
            "{command:?}"
        );
    }
}
