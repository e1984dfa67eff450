//! Labels removed, nothing said to be here, cases left, taken out and given tasks: with key and mouse.

use super::{drawing::corrected, *};
use egui::Modifiers;

#[test]
fn a_label_is_removed_after_a_question_that_counts_its_masks() {
    let mut bench = corrected();
    bench.click("Add a label");
    bench.click("Add");
    assert_eq!(bench.session().standing_labels(), [1, 2]);
    bench.click("Remove label");
    bench.until("the count", |s| s.labels.label_use(2).is_some());
    assert!(
        bench
            .harness
            .query_by_label_contains("Not used in this workspace")
            .is_some()
    );
    bench.click("Remove");
    assert_eq!(bench.session().standing_labels(), [1]);

    bench.until("the model on both", |s| s.models.runs.is_empty());
    bench.until("the proposals in the workspace", |s| {
        s.workspace.unsaved_count() == 0
    });
    bench.click("Remove label");
    bench.until("the count", |s| s.labels.label_use(1).is_some());
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
    bench.until("the count", |s| s.labels.label_use(1).is_some());
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
fn nothing_here_is_said_by_key_shown_and_accepted() {
    let mut bench = corrected();
    bench.key(Key::Delete, Modifiers::SHIFT);
    assert!(bench.session().live_mask().unwrap().mask().is_blank());
    // The measurements follow the mask a moment later.
    bench.until("what was said", |s| {
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
        "undo in any case goes back to it"
    );
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Corrected
    );
    bench.key(Key::Z, Modifiers::COMMAND);
    assert!(
        !bench.session().live_mask().unwrap().mask().is_blank(),
        "what the model proposed is there again"
    );
}

#[test]
fn undo_in_the_next_case_leaves_the_accepted_one_alone() {
    let mut bench = corrected();
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
fn a_case_is_taken_out_of_the_list_and_is_back_when_it_is_opened_again() {
    let mut bench = corrected();
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
    bench.until("the case with its work", |s| {
        s.cases
            .iter()
            .any(|c| c.display_title() == name && c.is_restored && c.status == Status::Corrected)
    });
}

#[test]
fn a_task_of_its_own_is_begun_for_a_study() {
    let mut bench = corrected();
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
fn a_label_that_is_hidden_is_not_drawn_with() {
    let mut bench = corrected();
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
