//! The dialogs of versions and of the promotion gate.

use super::*;

fn undecided() -> Session {
    let mut session = with_versions();
    session.learning.versions.push(version(
        4,
        VersionState::Undecided,
        false,
        report(&BETTER[..2]),
    ));
    session
}

#[test]
fn the_user_decides_if_the_promotion_gate_cannot() {
    let mut harness = window(undecided());
    assert!(
        harness
            .query_by_label("Fetal head round-4 needs your decision")
            .is_some()
    );
    click(&mut harness, "Use");
    assert!(actions(&harness).contains("Learn(Activate(VersionKey(4)))"));

    let mut harness = window(undecided());
    click(&mut harness, "Reject");
    assert!(actions(&harness).contains("Learn(Reject(VersionKey(4)))"));

    let mut harness = window(undecided());
    click(&mut harness, "Show report");
    assert!(
        harness
            .query_by_label("Validation report: Fetal head round-4")
            .is_some()
    );
    assert!(
        harness
            .query_by_label_contains("Your decision is needed")
            .is_some()
    );
}

#[test]
fn enter_rejects_a_version_that_the_results_speak_against() {
    let mut session = with_versions();
    let losses = report(&[(0.9, 0.88), (0.8, 0.79), (0.85, 0.86)]);
    session
        .learning
        .versions
        .push(version(4, VersionState::Undecided, false, losses));
    let mut harness = window(session);
    click(&mut harness, "Show report");
    assert!(
        harness
            .query_by_label("Your decision is needed; the results speak against this version")
            .is_some()
    );
    harness.key_press(egui::Key::Enter);
    harness.run_steps(3);
    assert!(actions(&harness).contains("Learn(Reject(VersionKey(4)))"));
}

#[test]
fn the_result_of_the_last_round_is_shown_until_its_report_is_opened() {
    let mut session = with_versions();
    session.learning.fresh = vec![VersionKey(3)];
    let mut harness = window(session);
    let news = "Fetal head round-3 is now active: 3 better, 1 worse";
    assert!(harness.query_by_label(news).is_some());
    click(&mut harness, "Show validation report");
    assert!(
        harness
            .query_by_label("Validation report: Fetal head round-3")
            .is_some()
    );
    click(&mut harness, "Close");
    assert!(harness.query_by_label(news).is_none());
}

#[test]
fn an_older_version_can_be_activated_renamed_and_deleted_after_confirmation() {
    let mut harness = window(with_versions());
    command(&mut harness, egui::Key::G);
    harness
        .get_by_label_contains("Fetal head round-1, Accepted")
        .click();
    harness.run_steps(3);
    click(&mut harness, "Make active");
    assert!(actions(&harness).contains("Learn(Activate(VersionKey(1)))"));

    harness.get_by_label("Name of the version").focus();
    harness.run_steps(2);
    harness.get_by_label("Name of the version").type_text(" b");
    harness.run_steps(3);
    click(&mut harness, "Rename");
    assert!(
        actions(&harness).contains("Learn(Rename(VersionKey(1), \"Fetal head round-1 b\"))"),
        "{}",
        actions(&harness)
    );

    click(&mut harness, "Delete...");
    assert!(
        !actions(&harness).contains("Delete("),
        "it asks for confirmation"
    );
    click(&mut harness, "Delete permanently");
    assert!(actions(&harness).contains("Learn(Delete(VersionKey(1)))"));
}

#[test]
fn the_active_version_can_be_deactivated_but_not_deleted() {
    let mut harness = window(with_versions());
    command(&mut harness, egui::Key::G);
    for name in ["Delete...", "Make active", "Compare with active"] {
        assert!(
            harness.get_by_label(name).accesskit_node().is_disabled(),
            "{name}"
        );
    }
    click(&mut harness, "Use the built-in or opened model");
    assert!(actions(&harness).contains("Learn(Deactivate)"));
}

#[test]
fn a_version_can_be_exported_inspected_and_compared() {
    let mut harness = window(with_versions());
    command(&mut harness, egui::Key::G);
    harness
        .get_by_label_contains("Fetal head round-2, Rejected")
        .click();
    harness.run_steps(3);
    click(&mut harness, "Export model");
    assert!(actions(&harness).contains("Learn(Export(VersionKey(2)"));
    click(&mut harness, "Validation report");
    assert!(harness.query_by_label("Did not pass validation").is_some());
    click(&mut harness, "Use anyway");
    assert!(actions(&harness).contains("Learn(Activate(VersionKey(2)))"));
    // The list is shown again, with the same version selected.
    click(&mut harness, "Compare with active");
    assert!(actions(&harness).contains("Learn(Compare(VersionKey(3), VersionKey(2)))"));
    harness.state_mut().session.learning.comparison =
        Some((VersionKey(3), VersionKey(2), Box::new(report(&BETTER))));
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label("Fetal head round-2 is probably better than Fetal head round-3")
            .is_some()
    );
}

#[test]
fn without_versions_the_dialog_says_how_to_train() {
    let mut harness = window(open());
    command(&mut harness, egui::Key::G);
    assert!(
        harness
            .query_by_label_contains("then train (Ctrl+T)")
            .is_some()
    );
}
