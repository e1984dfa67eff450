//! What waits until the workspace has answered.

use super::*;

#[test]
fn labels_cannot_be_added_before_the_workspace_is_open() {
    let mut session = Session::new(Settings::default());
    session.take_jobs();
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name("Bone", 0))));
    assert!(session.labels.all_labels().is_empty() && session.take_jobs().is_empty());
    let labels = vec![Label::with_name("Tumour", 0)];
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        labels: labels.clone(),
        ..WorkspaceInfo::default()
    })));
    assert_eq!(session.labels.all_labels(), labels);
}

#[test]
fn the_status_of_a_case_cannot_change_before_it_is_looked_up() {
    let mut session = session(&[("a", 1), ("b", 1)], None);
    session.cases[1].is_restored = false;
    let key = SliceKey {
        case: session.cases[0].id,
        slice: 0,
    };
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..4,
            rows: 3..4,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
    command(&mut session, UserCommand::NextCase);
    session.take_jobs();
    command(&mut session, UserCommand::Skip);
    assert_eq!(
        session.cases[1].status,
        Status::New,
        "it is restored from the workspace first"
    );
}

#[test]
fn masks_cannot_be_imported_before_those_of_the_workspace_are_loaded() {
    let mut session = session(&[("a", 1)], None);
    session.cases[0].is_restored = false;
    session.take_jobs();
    session.apply_action(Action::ImportMasks(vec!["/masks".into()]));
    assert!(session.take_jobs().is_empty() && !session.notices.list.is_empty());
    session.on_event(Event::Restored {
        case: session.cases[0].id,
        known: known(1),
        restored: None,
    });
    session.apply_action(Action::ImportMasks(vec!["/masks".into()]));
    assert!(
        session
            .take_jobs()
            .iter()
            .any(|j| matches!(j, Job::MaskFiles(MaskFileJob::Import { .. })))
    );
}

#[test]
fn masks_found_with_the_images_are_offered_for_import() {
    let mut session = session(&[("a", 1)], None);
    session.take_jobs();
    let command = Action::Command(UserCommand::ImportFound);
    assert!(session.command_refusal(UserCommand::ImportFound).is_some());
    session.apply_action(command.clone());
    assert!(session.take_jobs().is_empty());
    let passed = |name: &str, has_masks| PassedOver {
        path: name.into(),
        reason: "not an image (Segmentation)".into(),
        is_failure: false,
        has_masks,
    };
    session.passed_over = vec![
        passed("/study/plan.dcm", false),
        passed("/study/seg.dcm", true),
    ];
    session.tell_masks_found(1);
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("Ctrl+Shift+I"))
    );
    assert_eq!(session.command_refusal(UserCommand::ImportFound), None);
    session.apply_action(command);
    let jobs = session.take_jobs();
    assert!(jobs.iter().any(|j| matches!(j, Job::MaskFiles(MaskFileJob::Import { paths, .. }) if paths == &[std::path::PathBuf::from("/study/seg.dcm")])));
}

#[test]
fn a_proposal_restored_after_the_first_stroke_does_not_change_the_mask() {
    let mut session = session(&[("a", 1)], None);
    let key = session.cases.current_case().unwrap().slice_key();
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..4,
            rows: 3..4,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
    session.take_jobs();
    session.on_event(Event::RestoredSlice {
        key,
        finding: finding(),
        proposal: Some(finding()),
    });
    let state = &session.cases.current_case().unwrap().slices[0];
    assert!(
        state.proposal().is_some() && state.finding.is_none(),
        "the finding belongs to the mask before the stroke"
    );
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Shapes(ShapeJob::Survey(s)) if s.proposal.is_some()))
    );
}

#[test]
fn accepted_cases_are_read_from_the_workspace_before_export() {
    let mut session = session(&[("a", 1)], None);
    let options = ExportOptions {
        names: "{label}".into(),
        ..ExportOptions::default()
    };
    session.apply_action(Action::Export(ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::Accepted,
        options,
    }));
    let asks = |job: &Job| matches!(job, Job::Store(StoreJob::ReadAccepted));
    assert_eq!(
        session.take_jobs().iter().filter(|job| asks(job)).count(),
        1
    );
    assert!(session.exporting.is_some() && session.is_busy());
    // No case is accepted: a notice says so, and nothing is exported.
    session.on_event(Event::AcceptedCases(Ok(Vec::new())));
    assert!(session.exporting.is_none());
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("no case is accepted"))
    );
    assert_eq!(
        session.settings.export.names, "{label}",
        "the preset is remembered"
    );
}
