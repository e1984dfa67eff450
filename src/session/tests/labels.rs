//! Labels of models and tasks; removing, merging and moving labels; slices marked as absent.

use super::*;
use crate::session::tasks::TaskChoice;
use labrum_core::{
    export_format::ExportFormat,
    label::{Gone, Task, TaskKey},
};

fn labels(session: &Session) -> Vec<&str> {
    session
        .standing_labels()
        .into_iter()
        .map(|l| session.labels.label_name(l))
        .collect()
}

fn rename(session: &mut Session, value: u8, name: &str) {
    let renamed = Label {
        name: name.into(),
        ..session.labels.all_labels()[usize::from(value) - 1].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(value, renamed)));
}

/// Starts the model on the current slice.
fn run_current_slice(session: &mut Session) -> SegmentJob {
    command(session, UserCommand::SegmentSlice);
    segment_jobs(session).remove(0)
}

fn draw(session: &mut Session, at: usize, slice: usize, label: u8) {
    let key = SliceKey {
        case: session.cases[at].id,
        slice,
    };
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..9,
            rows: 3..9,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, label, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(slice, edit)]);
}

fn count(session: &Session, at: usize, slice: usize, label: u8) -> usize {
    session
        .mask_of(SliceKey {
            case: session.cases[at].id,
            slice,
        })
        .map_or(0, |m| m.count_pixels(label))
}

#[test]
fn a_label_of_a_model_can_be_renamed() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    assert_eq!(segment_jobs(&mut session)[0].values, [1]);
    assert_eq!(labels(&session), ["Disc"]);
    rename(&mut session, 1, "Lesion X");
    assert_eq!(
        run_current_slice(&mut session).values,
        [1],
        "it is the same label under a new name"
    );
    assert_eq!(labels(&session), ["Lesion X"]);
    // A new label with the old name is not the one that the model knows.
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name("Disc", 1))));
    assert_eq!(run_current_slice(&mut session).values, [1]);
    assert_eq!(labels(&session), ["Lesion X", "Disc"]);
}

#[test]
fn removing_a_label_removes_its_masks_and_undo_restores_both() {
    let mut session = session(&[("a", 2), ("b", 1)], None);
    for name in ["Polyp", "Bone"] {
        session.apply_action(Action::Label(LabelAction::Add(Label::with_name(name, 0))));
    }
    draw(&mut session, 0, 0, 1);
    draw(&mut session, 0, 1, 2);
    draw(&mut session, 1, 0, 1);
    session.take_jobs();
    session.apply_action(Action::Label(LabelAction::Remove {
        label: 1,
        into: None,
    }));
    assert_eq!(labels(&session), ["Bone"]);
    assert_eq!(
        [
            count(&session, 0, 0, 1),
            count(&session, 0, 1, 2),
            count(&session, 1, 0, 1)
        ],
        [0, 36, 0]
    );
    let asked = |j: &Job| {
        matches!(
            j,
            Job::Store(StoreJob::RemoveLabel {
                label: 1,
                into: None,
                ..
            })
        )
    };
    assert!(
        session.take_jobs().iter().any(asked),
        "the workspace changes the cases that are not open"
    );
    assert_eq!(session.next_undo(), Some("Remove label Polyp"));
    command(&mut session, UserCommand::Undo);
    assert_eq!(labels(&session), ["Polyp", "Bone"]);
    assert_eq!(
        [count(&session, 0, 0, 1), count(&session, 1, 0, 1)],
        [36, 0],
        "undo stays in the case"
    );
    // The value of a removed label is not used again.
    session.apply_action(Action::Label(LabelAction::Remove {
        label: 1,
        into: None,
    }));
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name("New", 0))));
    assert_eq!(session.labels.active_label(), 3);
}

#[test]
fn a_merged_label_is_replaced_in_later_proposals_of_the_model() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Adenoma", 1,
    ))));
    session.take_jobs();
    session.apply_action(Action::Label(LabelAction::Remove {
        label: 1,
        into: Some(2),
    }));
    assert_eq!(labels(&session), ["Adenoma"]);
    assert_eq!(session.labels.active_label(), 2);
    let state = &session.cases[0].slices[0];
    assert!(!state.is_drawn(), "a proposal stays a proposal");
    assert_eq!(state.proposal().unwrap().to_mask().count_pixels(1), 0);
    assert!(count(&session, 0, 0, 2) > 0 && count(&session, 0, 0, 1) == 0);
    assert_eq!(session.next_undo(), None);
    assert_eq!(run_current_slice(&mut session).values, [2]);
    assert_eq!(
        session.labels.all_labels()[0].kept.gone,
        Some(Gone::Into(2))
    );
}

#[test]
fn an_accepted_case_left_without_a_mask_loses_its_acceptance() {
    let mut session = session(&[("a", 1), ("b", 1)], None);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Polyp", 0,
    ))));
    draw(&mut session, 0, 0, 1);
    command(&mut session, UserCommand::Accept);
    session.apply_action(Action::Label(LabelAction::Remove {
        label: 1,
        into: None,
    }));
    assert_eq!(session.cases[0].status, Status::Corrected);
    command(&mut session, UserCommand::PreviousCase);
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        (session.cases[0].status, count(&session, 0, 0, 1)),
        (Status::Accepted, 36)
    );
}

#[test]
fn pixels_are_moved_to_another_label_on_a_slice_or_in_the_whole_case() {
    let mut session = session(&[("a", 2)], None);
    for name in ["Polyp", "Bone"] {
        session.apply_action(Action::Label(LabelAction::Add(Label::with_name(name, 0))));
    }
    draw(&mut session, 0, 0, 1);
    draw(&mut session, 0, 1, 1);
    session.apply_action(Action::SetSlice(0));
    session.apply_action(Action::Label(LabelAction::Move {
        from: 1,
        to: 2,
        whole_case: false,
    }));
    assert_eq!(
        [count(&session, 0, 0, 2), count(&session, 0, 1, 2)],
        [36, 0]
    );
    session.apply_action(Action::Label(LabelAction::Move {
        from: 1,
        to: 2,
        whole_case: true,
    }));
    assert_eq!(
        [count(&session, 0, 0, 2), count(&session, 0, 1, 2)],
        [36, 36]
    );
    command(&mut session, UserCommand::Undo);
    assert_eq!(count(&session, 0, 1, 1), 36);
}

#[test]
fn a_case_marked_as_absent_can_be_accepted_and_undone() {
    let mut session = session(&[("a", 1), ("b", 1)], None);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Polyp", 0,
    ))));
    let key = session.cases[0].slice_key();
    let image = Image::new(64, 64, Pixels::U8(vec![7; 4096])).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        presets: Vec::new(),
        image: Arc::new(image),
        default_window,
    };
    session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(loaded)),
    });
    assert!(
        session
            .command_refusal(UserCommand::Accept)
            .unwrap()
            .contains("Mark as absent")
    );
    session.take_jobs();
    command(&mut session, UserCommand::NothingHere);
    assert_eq!(session.command_refusal(UserCommand::Accept), None);
    assert!(session.cases[0].is_absent(0, 1) && session.cases[0].absent_labels() == [1]);
    let step = session.take_jobs().into_iter().find_map(|j| match j {
        Job::Store(StoreJob::Append { step, .. }) => Some(step),
        _ => None,
    });
    let step = step.unwrap();
    assert_eq!(
        (step.also.absent.as_slice(), step.edits.len()),
        ([(0, 1)].as_slice(), 1)
    );
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        (session.cases[0].status, session.cases[0].absent_labels()),
        (Status::New, Vec::new())
    );
    assert!(
        session.command_refusal(UserCommand::Accept).is_some(),
        "there is nothing to accept again"
    );
    assert!(session.mask_of(key).is_none());
    command(&mut session, UserCommand::Redo);
    command(&mut session, UserCommand::Accept);
    assert_eq!(session.cases[0].status, Status::Accepted);
    let options = ExportOptions {
        formats: vec![ExportFormat::LabelMap],
        ..ExportOptions::default()
    };
    command(&mut session, UserCommand::PreviousCase);
    session.apply_action(Action::Export(ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::ThisCase,
        options,
    }));
    let export = session.take_jobs().into_iter().find_map(|j| {
        if let Job::MaskFiles(MaskFileJob::Export(e)) = j {
            Some(e)
        } else {
            None
        }
    });
    let export = export.unwrap();
    assert!(export.slices[0].mask.is_blank() && export.slices[0].absent == [1]);
}

#[test]
fn a_label_is_marked_as_absent_on_all_slices_without_it() {
    let mut session = session(&[("a", 5)], None);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Polyp", 0,
    ))));
    draw(&mut session, 0, 2, 1);
    session.nothing_elsewhere();
    let said: Vec<bool> = session.cases[0]
        .slices
        .iter()
        .map(|s| !s.absent.is_empty())
        .collect();
    assert_eq!(said, [true, true, false, true, true]);
    assert_eq!(count(&session, 0, 2, 1), 36);
    assert!((0..5).all(|slice| {
        session
            .mask_of(SliceKey {
                case: session.cases[0].id,
                slice,
            })
            .is_some()
    }));
    command(&mut session, UserCommand::Undo);
    assert!(session.cases[0].slices.iter().all(|s| s.absent.is_empty()));
    let has_mask = |slice| {
        session
            .mask_of(SliceKey {
                case: session.cases[0].id,
                slice,
            })
            .is_some()
    };
    assert_eq!(
        [0, 1, 2, 3, 4].map(has_mask),
        [false, false, true, false, false]
    );
}

#[test]
fn labels_of_another_task_are_not_listed_for_a_case() {
    let mut session = session(&[("heart", 1), ("head", 1)], Some(model("US")));
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Fetal head",
        0,
    ))));
    let (heart, head) = (session.cases[0].id, session.cases[1].id);
    session.apply_action(Action::ChooseTask {
        task: TaskChoice::New("Hearts".into()),
        whole_study: false,
    });
    let asked =
        |j: &Job| matches!(j, Job::Store(StoreJob::SetTask { cases, .. }) if cases == &[heart]);
    assert!(session.take_jobs().iter().any(asked));
    let tasks = vec![Task {
        key: TaskKey(1),
        name: "Hearts".into(),
    }];
    session.on_event(Event::Tasks {
        tasks,
        changed: vec![(heart, TaskKey(1))],
    });
    let of = |session: &Session| {
        labels(session)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(
        of(&session).iter().all(|l| l != "Fetal head"),
        "{:?}",
        of(&session)
    );
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Ventricle",
        1,
    ))));
    assert!(of(&session).contains(&"Ventricle".to_owned()));
    session.apply_action(Action::SelectCase(head));
    assert!(
        of(&session).contains(&"Fetal head".to_owned())
            && !of(&session).contains(&"Ventricle".to_owned())
    );
    assert_ne!(
        session.labels.label_name(session.labels.active_label()),
        "Ventricle"
    );
    session.apply_action(Action::SelectCase(heart));
    assert_eq!(session.task_name().as_deref(), Some("Hearts"));
    // A label with the same name in a file becomes a label of this task.
    let task = session.current_task();
    let value = session.values_of(&[Label::with_name("Fetal head", 0)], task);
    assert_eq!(
        session.labels.all_labels()[usize::from(value[0]) - 1]
            .kept
            .task,
        task
    );
}

#[test]
fn moving_to_another_label_needs_a_mask_of_the_first() {
    let mut session = session(&[("a", 2)], None);
    for name in ["Polyp", "Bone"] {
        session.apply_action(Action::Label(LabelAction::Add(Label::with_name(name, 0))));
    }
    session.apply_action(Action::Label(LabelAction::Choose(1)));
    assert_eq!(
        session.command_refusal(UserCommand::MoveToLabel),
        Some("This case has no mask of this label")
    );
    let slice = session.cases.current_case().unwrap().slice;
    draw(&mut session, 0, slice, 1);
    assert_eq!(session.command_refusal(UserCommand::MoveToLabel), None);
    assert!(session.is_on_slice(1));
    session.apply_action(Action::SetSlice(1 - slice));
    assert!(!session.is_on_slice(1));
}

#[test]
fn removing_a_case_from_a_filtered_list_shows_the_next_listed_one() {
    let mut session = session(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)], None);
    for case in [0, 2] {
        session.cases[case].status = Status::Accepted;
    }
    session.apply_action(Action::Filter(case_list::CaseFilter {
        kept: case_list::StatusFilter::Open,
        ..Default::default()
    }));
    session.apply_action(Action::SelectCase(session.cases[1].id));
    command(&mut session, UserCommand::RemoveCase);
    assert_eq!(
        session
            .cases
            .current_case()
            .map(case::Case::display_title)
            .as_deref(),
        Some("d"),
        "c is not in the filtered list"
    );
    command(&mut session, UserCommand::RemoveCase);
    assert_eq!(
        session
            .cases
            .current_case()
            .map(case::Case::display_title)
            .as_deref(),
        Some("c"),
        "the filtered list is empty"
    );
}

#[test]
fn removing_a_case_from_the_list_shows_the_next_one() {
    let mut session = session(&[("a", 1), ("b", 1), ("c", 1)], None);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Polyp", 0,
    ))));
    draw(&mut session, 1, 0, 1);
    command(&mut session, UserCommand::NextCase);
    let id = session.cases[1].id;
    session.take_jobs();
    command(&mut session, UserCommand::RemoveCase);
    let titles: Vec<String> = session
        .cases
        .iter()
        .map(case::Case::display_title)
        .collect();
    assert_eq!(
        (titles, session.cases.current),
        (vec!["a".to_owned(), "c".to_owned()], Some(1))
    );
    assert!(
        session
            .take_jobs()
            .iter()
            .any(|j| matches!(j, Job::Store(StoreJob::RemoveCase(case)) if *case == id))
    );
    assert!(session.next_undo_anywhere().is_none() && session.live_mask().is_some());
    command(&mut session, UserCommand::RemoveCase);
    command(&mut session, UserCommand::RemoveCase);
    assert!(session.cases.is_empty() && session.cases.current.is_none());
}
