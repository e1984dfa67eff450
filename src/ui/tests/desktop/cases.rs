//! The list of cases.

use super::*;

#[test]
fn the_case_list_alone_can_be_hidden() {
    let mut session = empty();
    assert!(session.settings.case_list);
    session.apply_action(Action::Command(UserCommand::ToggleCases));
    assert!(session.settings.case_list, "no case is open");
    let mut harness = window(super::super::learning::open());
    assert!(harness.query_by_label_contains("Case Head 1").is_some());
    harness.key_press_modifiers(Modifiers::SHIFT, Key::F9);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("Case Head 1").is_none());
    assert!(
        harness.query_by_label("Labels").is_some(),
        "the right panel stays"
    );
    // Searching for a case shows the list again.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(3);
    assert!(harness.get_by_label("Find a case").is_focused());
}

#[test]
fn cases_are_filtered_by_name_and_status() {
    let mut session = super::super::learning::open();
    session.cases[1].status = labrum_core::study::Status::Accepted;
    session.cases[2].side = Some(labrum_core::holdout::Side::HoldOut);
    let mut harness = window(session);
    let listed =
        |harness: &Harness<'static, App>| harness.query_all_by_label_contains("Case Head").count();
    assert_eq!(listed(&harness), 4);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(2);
    harness.get_by_label("Find a case").type_text("head 3");
    harness.run_steps(3);
    assert_eq!(listed(&harness), 1);
    assert!(harness.query_by_label("1 of 4 listed").is_some());
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(
        harness.state().session.cases.current,
        Some(2),
        "Enter shows the first match"
    );
    harness.get_by_label("List all").click();
    harness.run_steps(2);
    assert_eq!(listed(&harness), 4);
    for (kept, count) in [("Accepted (1)", 1), ("Hold-out (1)", 1), ("Open (3)", 3)] {
        harness.get_by_label("Case filter").click();
        harness.run_steps(3);
        harness.get_by_label(kept).click();
        harness.run_steps(3);
        assert_eq!(listed(&harness), count, "{kept}");
    }
}

#[test]
fn next_and_previous_case_follow_the_filtered_list() {
    let mut session = super::super::learning::open();
    session.cases[1].status = labrum_core::study::Status::Accepted;
    session.apply_action(Action::Filter(crate::session::case_list::CaseFilter {
        kept: crate::session::case_list::StatusFilter::Open,
        ..Default::default()
    }));
    let mut seen = Vec::new();
    for _ in 0..3 {
        session.apply_action(Action::Command(UserCommand::NextCase));
        seen.push(session.cases.current.unwrap());
    }
    assert_eq!(seen, [2, 3, 3]);
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("This is the last case in the list"))
    );
    // From a case that is not listed to the nearest listed one.
    session.cases.current = Some(1);
    session.apply_action(Action::Command(UserCommand::PreviousCase));
    assert_eq!(session.cases.current, Some(0));
}

#[test]
fn a_right_click_on_a_case_opens_its_menu() {
    let mut harness = window(super::super::learning::open());
    harness
        .get_by_label_contains("Case Head 2")
        .click_secondary();
    harness.run_steps(4);
    assert_eq!(
        harness.state().session.cases.current,
        Some(1),
        "the case is shown"
    );
    assert!(harness.query_by_label("Copy name").is_some());
    // Wait until the menu has its final position.
    harness.run_steps(4);
    harness.get_by_label("Copy path").click();
    harness.step();
    let copied = |c: &egui::OutputCommand| matches!(c, egui::OutputCommand::CopyText(t) if t == "/scans/Head 2");
    assert!(harness.output().platform_output.commands.iter().any(copied));
}
