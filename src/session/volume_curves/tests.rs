//! Volumes over the times of a heart whose masks are discs.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{
    ExportRequest,
    finding::{Finding, tests::blurred_disc},
    job::{Event, ExportScope, Job, Restored, StoreJob, WorkspaceInfo},
    settings::ExportOptions,
    store::stored_step,
    tests::{command, known, link_times, with_pictures},
};
use labrum_core::{
    export_format::ExportFormat,
    geometry::{PixelSpacing, SpacingSource},
    label::Label,
    mask::PackedMask,
    scale::Scale,
};
use std::sync::Arc;

/// Gives all slices of a case a disc of label 1, with a radius in mm.
fn fill(session: &mut Session, at: usize, radius: f64) {
    let scale = Scale::from(Some(PixelSpacing {
        row: 1.0,
        column: 1.0,
        source: SpacingSource::PixelSpacing,
    }));
    let finding = Arc::new(Finding::from_prediction(
        &blurred_disc(64, radius),
        "US model 1".into(),
        [Label::with_name("Disc", 0)].into(),
        &scale,
    ));
    for slice in &mut session.cases[at].slices {
        slice.finding = Some(finding.clone());
        slice.mask = Some(PackedMask::from_mask(&finding.to_mask()));
    }
}

/// Three times of a heart of three slices, 8 mm apart; the last has no mask.
fn heart() -> Session {
    let mut session = with_pictures(&[("a", 3), ("b", 3), ("c", 3)]);
    link_times(&mut session);
    fill(&mut session, 0, 20.0);
    fill(&mut session, 1, 10.0);
    session
}

fn only_curve(session: &Session) -> VolumeCurve {
    let mut curves = session.volume_curves(session.cases.current_case().unwrap());
    assert_eq!(curves.len(), 1);
    let (label, curve) = curves.remove(0);
    assert_eq!(label, 1);
    curve
}

#[test]
fn volumes_of_all_times_give_the_ejection_fraction() {
    let session = heart();
    let curve = only_curve(&session);
    let volumes: Vec<(usize, usize)> = curve.volumes().iter().map(|v| (v.time, v.slices)).collect();
    assert_eq!(
        volumes,
        [(0, 3), (1, 3)],
        "a time without a mask is no point"
    );
    // Three discs with a radius of 20 mm, 8 mm apart: 3 x 8 x 400 pi mm³.
    let largest = curve.at_phase(CardiacPhase::EndDiastole).unwrap();
    assert!((largest.ml / 30.16 - 1.0).abs() < 0.05, "{largest:?}");
    // Half the radius is a quarter of the volume.
    let fraction = curve.ejection_fraction().unwrap();
    assert!((fraction - 75.0).abs() < 2.0, "{fraction}");
    let stroke = curve.stroke_volume().unwrap();
    assert!((stroke / largest.ml - fraction / 100.0).abs() < 1e-9);
}

#[test]
fn the_time_on_the_screen_is_marked_and_unmarked() {
    let mut session = heart();
    command(&mut session, UserCommand::NextTime);
    command(&mut session, UserCommand::MarkEndDiastole);
    let case = session.cases.current_case().unwrap();
    assert!(session.is_marked_phase(case, CardiacPhase::EndDiastole));
    assert!(!session.is_marked_phase(&session.cases[0], CardiacPhase::EndDiastole));
    let curve = only_curve(&session);
    assert_eq!(curve.at_phase(CardiacPhase::EndDiastole).unwrap().time, 1);
    command(&mut session, UserCommand::MarkEndDiastole);
    assert_eq!(
        only_curve(&session)
            .at_phase(CardiacPhase::EndDiastole)
            .unwrap()
            .time,
        0
    );
}

/// The time that is end diastole.
fn diastole(session: &Session) -> usize {
    let at = only_curve(session).at_phase(CardiacPhase::EndDiastole);
    at.unwrap().time
}

#[test]
fn a_mark_is_a_step_of_the_time_on_the_screen_that_is_saved_undone_and_redone() {
    let mut session = heart();
    command(&mut session, UserCommand::NextTime);
    session.take_jobs();
    command(&mut session, UserCommand::MarkEndDiastole);
    let case = session.cases[1].id;
    let saved = session.take_jobs().into_iter().find_map(|job| match job {
        Job::Store(StoreJob::Append { step, .. }) => Some(step),
        _ => None,
    });
    let saved = saved.unwrap();
    assert_eq!((saved.case, &*saved.tool), (case, "Mark end diastole"));
    assert!(saved.also.phase.unwrap().is_marked);
    assert!(saved.edits.is_empty() && saved.also.status.is_none());
    command(&mut session, UserCommand::Undo);
    assert_eq!(diastole(&session), 0, "the largest volume again");
    let undone = session.take_jobs().into_iter().any(|job| {
        matches!(job, Job::Store(StoreJob::SetUndone { step, undone: true, .. }) if step == saved.id)
    });
    assert!(undone);
    command(&mut session, UserCommand::Redo);
    assert_eq!(diastole(&session), 1);
    command(&mut session, UserCommand::MarkEndDiastole);
    assert_eq!(session.next_undo(), Some("Unmark end diastole"));
    assert_eq!(diastole(&session), 0);
    command(&mut session, UserCommand::Undo);
    assert_eq!(diastole(&session), 1);
}

#[test]
fn marks_at_several_times_are_undone_time_by_time() {
    let mut session = heart();
    command(&mut session, UserCommand::MarkEndSystole);
    command(&mut session, UserCommand::NextTime);
    command(&mut session, UserCommand::MarkEndSystole);
    let is_systole = |session: &Session, at: usize| {
        session.is_marked_phase(&session.cases[at], CardiacPhase::EndSystole)
    };
    assert!(is_systole(&session, 1) && !is_systole(&session, 0));
    command(&mut session, UserCommand::PreviousTime);
    command(&mut session, UserCommand::Undo);
    assert!(is_systole(&session, 1), "the mark of another time stays");
    command(&mut session, UserCommand::Redo);
    assert!(is_systole(&session, 1), "it is the newer one");
    command(&mut session, UserCommand::NextTime);
    command(&mut session, UserCommand::Undo);
    assert!(is_systole(&session, 0), "the one before is there again");
}

#[test]
fn marks_of_the_workspace_are_restored_and_can_be_undone() {
    let mut session = heart();
    let change = |phase| PhaseChange {
        phase,
        is_marked: true,
    };
    let also = |phase| Also {
        phase: Some(change(phase)),
        ..Also::default()
    };
    let [diastole, systole] = CardiacPhase::ALL;
    // The second time was marked after the first one, and comes first.
    for (at, seq, phase) in [(1, 9, diastole), (0, 4, diastole), (2, 5, systole)] {
        let case = session.cases[at].id;
        let name = step_name(change(phase));
        let restored = Restored {
            phases: vec![(seq, change(phase))],
            done: vec![stored_step(seq, case, name, Vec::new(), also(phase))],
            ..Restored::default()
        };
        session.cases[at].is_restored = false;
        session.on_event(Event::Restored {
            case,
            known: known(at as i64),
            restored: Some(Box::new(restored)),
        });
    }
    let marked = |session: &Session, phase: CardiacPhase| {
        let mut cases = session.cases.iter();
        cases.position(|case| session.is_marked_phase(case, phase))
    };
    assert_eq!(marked(&session, diastole), Some(1));
    assert_eq!(marked(&session, systole), Some(2));
    command(&mut session, UserCommand::NextTime);
    command(&mut session, UserCommand::Undo);
    assert_eq!(marked(&session, diastole), Some(0));
    // A label was removed: the same step has another id.
    let case = session.cases[0].id;
    let restored = Restored {
        done: vec![stored_step(4, case, "Mark", Vec::new(), also(diastole))],
        is_anew: true,
        ..Restored::default()
    };
    session.on_event(Event::Restored {
        case,
        known: known(0),
        restored: Some(Box::new(restored)),
    });
    assert_eq!(marked(&session, diastole), Some(0));
    command(&mut session, UserCommand::PreviousTime);
    command(&mut session, UserCommand::Undo);
    assert_eq!(marked(&session, diastole), None);
}

#[test]
fn nothing_is_marked_in_a_workspace_that_is_only_looked_at() {
    let mut session = heart();
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        holder: Some("the other window".into()),
        ..WorkspaceInfo::default()
    })));
    command(&mut session, UserCommand::MarkEndSystole);
    assert!(!session.is_marked_phase(&session.cases[0], CardiacPhase::EndSystole));
    assert!(
        session
            .command_refusal(UserCommand::MarkEndSystole)
            .is_some()
    );
}

#[test]
fn marks_end_with_the_list_of_cases() {
    let mut session = heart();
    command(&mut session, UserCommand::MarkEndSystole);
    let case = session.cases.current_case().unwrap().clone();
    assert!(session.is_marked_phase(&case, CardiacPhase::EndSystole));
    command(&mut session, UserCommand::CloseAll);
    assert!(!session.is_marked_phase(&case, CardiacPhase::EndSystole));
}

#[test]
fn a_case_of_a_single_time_has_no_curve_and_cannot_be_marked() {
    let mut session = with_pictures(&[("a", 3)]);
    fill(&mut session, 0, 20.0);
    assert!(session.volume_curves(&session.cases[0]).is_empty());
    assert_eq!(
        session.command_refusal(UserCommand::MarkEndSystole),
        Some("This case has only one time")
    );
}

#[test]
fn an_export_of_the_case_has_the_curves_and_one_of_a_slice_has_not() {
    let mut session = heart();
    let mut exported = |scope| {
        let request = ExportRequest {
            folder: "/out".into(),
            scope,
            options: ExportOptions::default(),
        };
        session.export_job(request).unwrap().over_time
    };
    let curves = exported(ExportScope::ThisCase);
    assert_eq!(curves.len(), 1);
    assert_eq!(curves[0].1.volumes().len(), 2);
    assert!(exported(ExportScope::ThisSlice).is_empty());
}

#[test]
fn the_table_of_volumes_needs_several_times_and_the_whole_case() {
    let session = heart();
    let refusal =
        |session: &Session, scope| session.cannot_export(scope, ExportFormat::OverTimeCsv);
    assert_eq!(refusal(&session, ExportScope::ThisCase), None);
    assert_eq!(refusal(&session, ExportScope::Accepted), None);
    assert_eq!(
        refusal(&session, ExportScope::ThisSlice),
        Some("Volumes over time are those of the whole case")
    );
    let mut single = with_pictures(&[("a", 3)]);
    fill(&mut single, 0, 20.0);
    assert_eq!(
        refusal(&single, ExportScope::ThisCase),
        Some("This case has only one time")
    );
}
