//! The model of the Click tool in the window: its versions, their validation, and its use in the work report.

use super::*;
use labrum_core::{
    gate::clicks::{ClickCase, ClickReport, ClickScores},
    training::ClickTraining,
};

/// Clicks of the active model and of the candidate, one hold-out case each: from 5 to 3 on average.
const FEWER: [(f64, f64); 5] = [(5.0, 3.0), (6.0, 4.0), (4.0, 2.5), (5.0, 2.5), (5.0, 3.0)];

fn click_report(pairs: &[(f64, f64)]) -> GateReport {
    let scores = |clicks: f64, dice: f64| ClickScores { clicks, dice };
    let case = |(key, (before, after)): (i64, &(f64, f64))| ClickCase {
        key,
        name: format!("Held-out {key}"),
        subject: key.to_string(),
        objects: 2,
        active: scores(*before, 0.8),
        candidate: scores(*after, 0.85),
    };
    GateReport::of_clicks(ClickReport::new((1..).zip(pairs).map(case).collect()))
}

/// Three versions that propose masks, and the active version of the Click tool.
fn with_click_version() -> Session {
    let mut session = with_versions();
    session.learning.versions.push(Version {
        kind: ModelKind::Clicks,
        name: "Clicks round-4".into(),
        parent_name: "Clicks 1.0.0".into(),
        ..version(4, VersionState::Accepted, true, click_report(&FEWER))
    });
    session
}

fn in_list(harness: &Harness<'static, App>, row: &str) -> bool {
    harness.query_by_label_contains(row).is_some()
}

#[test]
fn the_versions_of_the_click_tool_have_their_own_list() {
    let mut harness = window(with_click_version());
    command(&mut harness, egui::Key::G);
    assert!(in_list(&harness, "Fetal head round-3, Active"));
    assert!(!in_list(&harness, "Clicks round-4, Active"));
    // The panel shows the same words.
    harness
        .get_all_by_label("Click tool")
        .last()
        .unwrap()
        .click();
    harness.run_steps(3);
    assert!(in_list(&harness, "Clicks round-4, Active"));
    assert!(!in_list(&harness, "Fetal head round-3, Active"));
    assert!(harness.query_by_label("Clicks needed").is_some());
    click(&mut harness, "Use the built-in model");
    assert!(actions(&harness).contains("Learn(UseShippedClicks)"));
}

#[test]
fn without_versions_of_the_click_tool_there_is_no_choice_between_lists() {
    let mut harness = window(with_versions());
    command(&mut harness, egui::Key::G);
    assert!(in_list(&harness, "Fetal head round-3, Active"));
    assert!(harness.query_by_label("Click tool").is_none());
}

#[test]
fn the_result_of_the_click_tool_is_shown_with_its_validation_report() {
    let mut session = with_click_version();
    session.learning.fresh = vec![VersionKey(4)];
    let mut harness = window(session);
    let news = "Clicks round-4 is now active: 3.0 clicks to Dice 0.90, before 5.0";
    assert!(harness.query_by_label(news).is_some());
    click(&mut harness, "Show validation report");
    assert!(harness.query_by_label("Passed validation").is_some());
    assert!(
        harness
            .query_by_label("5 hold-out cases of 5 subjects")
            .is_some()
    );
    harness
        .get_by_label_contains("Held-out 3, 2, 4.0, 2.5, ")
        .click();
    harness.run_steps(3);
    assert!(actions(&harness).contains("Learn(ShowCase(3))"));
    assert!(!harness.state().window.has_dialog());
}

#[test]
fn the_round_says_that_it_trains_the_click_tool() {
    let mut session = running();
    let round = session.learning.running.as_mut().unwrap();
    round.doing = Doing::TrainingClicks;
    round.is_on_clicks = true;
    let harness = window(session);
    let text = "Training the Click tool 42 %, about 30 s";
    assert!(harness.query_by_label(text).is_some());
}

#[test]
fn the_work_report_shows_prompts_for_each_model_of_the_click_tool() {
    let mut harness = window(open());
    click(&mut harness, "Work report");
    let mut report = work_report();
    for (case, prompts) in report.cases.iter_mut().zip([8, 4]) {
        (case.prompts, case.objects) = (prompts, 2);
        case.click_model = "Clicks 1.0.0".into();
    }
    harness.state_mut().session.learning.report = Some(Box::new(report));
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("Clicks 1.0.0, 2, 6.0, 3.0")
            .is_some()
    );
}

#[test]
fn the_settings_say_when_the_click_tool_is_trained() {
    let mut harness = window(open());
    command(&mut harness, egui::Key::Comma);
    click(&mut harness, "Always");
    let learning = &harness.state().session.settings.learning;
    assert_eq!(learning.clicks, ClickTraining::Always);
}
