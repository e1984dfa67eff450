//! Removing labels, marking them as absent, removing cases, and tasks: by key and mouse.

use super::{drawing::with_proposal, *};
use egui::Modifiers;

#[test]
fn removing_a_label_asks_first_and_counts_its_masks() {
    let mut bench = with_proposal();
    bench.click("Add a label");
    bench.click("Add");
    assert_eq!(bench.session().standing_labels(), [1, 2]);
    bench.click("Remove label");
    bench.until("the number of masks", |s| s.labels.label_use(2).is_some());
    assert!(
        bench
            .harness
            .query_by_label_contains("Not used in this workspace")
            .is_some()
    );
    bench.click("Remove");
    assert_eq!(bench.session().standing_labels(), [1]);

    bench.until("both runs of the model", |s| s.models.runs.is_empty());
    bench.until("the proposals in the workspace", |s| {
        s.workspace.unsaved_count() == 0
    });
    bench.click("Remove label");
    bench.until("the number of masks", |s| s.labels.label_use(1).is_some());
    let counted = bench.session().labels.label_use(1).unwrap();
    assert!(counted.slices > 0 && counted.accepted == 0, "{counted:?}");
    assert!(
        bench
            .harness
            .query_by_label_contains("are removed")
            .is_some()
    );
    bench.click("Cancel");
    assert_eq!(bench.session().standing_labels(), [1]);
    bench.click("Remove label");
    bench.until("the number of masks", |s| s.labels.label_use(1).is_some());
    bench.click("Remove");
    assert!(bench.session().standing_labels().is_empty());
    assert!(bench.session().live_mask().unwrap().mask().is_blank());
    assert!(
        bench
            .harness
            .query_by_label_contains("No labels yet")
            .is_some()
    );
}

#[test]
fn a_label_is_marked_as_absent_by_key_shown_and_accepted() {
    let mut bench = with_proposal();
    bench.key(Key::Delete, Modifiers::SHIFT);
    assert!(bench.session().live_mask().unwrap().mask().is_blank());
    // Measurements are updated a moment after the mask.
    bench.until("the absent label", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.absent_labels() == [1])
    });
    bench.harness.run_steps(4);
    let said = bench
        .harness
        .query_all_by_label_contains("absent: Disc")
        .count();
    assert!(said > 0, "the case list says so");
    let first = bench.session().cases.current_case().unwrap().id;
    bench.click("Accept and next");
    let case = bench
        .session()
        .cases
        .iter()
        .find(|c| c.id == first)
        .unwrap();
    assert_eq!(case.status, Status::Accepted);
    bench.key(Key::U, Modifiers::COMMAND);
    assert_eq!(
        bench.session().cases.current_case().unwrap().id,
        first,
        "undo in any case goes back to that case"
    );
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Corrected
    );
    bench.key(Key::Z, Modifiers::COMMAND);
    assert!(
        !bench.session().live_mask().unwrap().mask().is_blank(),
        "the proposal is restored"
    );
}

#[test]
fn undo_in_the_next_case_does_not_change_the_accepted_one() {
    let mut bench = with_proposal();
    bench.key(Key::B, Modifiers::NONE);
    let at = bench.at(-250.0, -200.0);
    bench.click_at(at);
    bench.key(Key::Enter, Modifiers::NONE);
    bench.key(Key::Z, Modifiers::COMMAND);
    assert_eq!(bench.session().cases[0].status, Status::Accepted);
    assert_eq!(bench.session().cases.current, Some(1));
    assert!(
        bench
            .session()
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("\"Undo in any case\" goes to"))
    );
    bench.click("Edit");
    assert!(bench.harness.query_by_label("Undo in any case").is_some());
}

#[test]
fn a_case_removed_from_the_list_returns_with_its_work_when_reopened() {
    let mut bench = with_proposal();
    bench.key(Key::B, Modifiers::NONE);
    let at = bench.at(-250.0, -200.0);
    bench.click_at(at);
    let (count, name) = (
        bench.session().cases.len(),
        bench
            .session()
            .cases
            .current_case()
            .unwrap()
            .display_title(),
    );
    bench.key(Key::Delete, Modifiers::COMMAND);
    assert_eq!(bench.session().cases.len(), count - 1);
    assert!(
        bench
            .session()
            .cases
            .iter()
            .all(|c| c.display_title() != name)
    );
    bench.until("the workspace", |s| {
        s.workspace.unsaved_count() == 0 && s.workspace.meter.total as usize == count - 1
    });
    let folder = samples().join("fetal-head");
    bench
        .harness
        .state_mut()
        .as_mut()
        .unwrap()
        .open_at_startup(vec![folder], None);
    bench.until("the case with its mask", |s| {
        s.cases
            .iter()
            .any(|c| c.display_title() == name && c.is_restored && c.status == Status::Corrected)
    });
}

#[test]
fn a_new_task_is_created_for_a_study() {
    let mut bench = with_proposal();
    bench.click("File");
    bench.click("Task");
    bench.harness.run_steps(4);
    bench.harness.get_by_label("Name of the task").focus();
    bench.harness.step();
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::A);
    bench
        .harness
        .get_by_label("Name of the task")
        .type_text("Heads");
    bench.harness.run_steps(2);
    bench.click("Create");
    bench.until("the task", |s| s.task_name().as_deref() == Some("Heads"));
    assert!(
        bench
            .harness
            .query_by_label_contains("Task: Heads")
            .is_some()
    );
    bench.click("Add a label");
    bench.click("Add");
    let added = bench.session().labels.all_labels().last().unwrap();
    assert_eq!(
        added.kept.task,
        bench.session().cases.current_case().unwrap().task
    );
}

#[test]
fn a_hidden_label_cannot_be_drawn() {
    let mut bench = with_proposal();
    let name = bench.session().labels.all_labels()[0].name.clone();
    bench.click(&format!("Hide {name}"));
    bench.key(Key::B, Modifiers::NONE);
    let at = bench.at(-260.0, -210.0);
    bench.click_at(at);
    assert_eq!(bench.label(at), 0);
    assert!(
        bench
            .session()
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("hidden"))
    );
}
