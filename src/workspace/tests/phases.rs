//! Times of a series: linked by what is stored, and marked by steps that are undone and redone after a restart.

use super::*;
use labrum_core::{
    cine::TimePoint,
    measurement::{CardiacPhase, MarkedPhases, PhaseChange},
    study::{Kind, Series},
};

const DIASTOLE: CardiacPhase = CardiacPhase::EndDiastole;
const SYSTOLE: CardiacPhase = CardiacPhase::EndSystole;

/// One of three times of a heart.
fn time(index: usize) -> CaseDescription {
    let time_point = Some(TimePoint {
        group: "1.2.3#1".into(),
        index,
        count: 3,
    });
    CaseDescription {
        time_point,
        ..described(
            &format!("1.2.3#{}", index + 1),
            &[&format!("a{index}"), &format!("b{index}")],
        )
    }
}

fn heart(workspace: &mut Workspace) -> [CaseKey; 3] {
    [0, 1, 2].map(|index| workspace.adopt_case(&time(index)).unwrap())
}

/// Appends a step that marks the time of a case as a phase, or removes that mark.
fn mark(
    workspace: &mut Workspace,
    case: CaseKey,
    phase: CardiacPhase,
    is_marked: bool,
) -> JournalStep {
    let seq = workspace.next_seq().unwrap();
    let also = Also {
        phase: Some(PhaseChange { phase, is_marked }),
        ..Also::default()
    };
    let step = JournalStep {
        also,
        ..step(seq, case, Vec::new())
    };
    workspace.append_step(&step, &[]).unwrap();
    step
}

/// The times that are marked as end diastole and end systole, as every time of the heart tells them.
fn marked(workspace: &mut Workspace) -> [Option<usize>; 2] {
    let all = [1, 2, 3].map(|number| stored(workspace, &format!("1.2.3#{number}")).marked);
    assert!(all.iter().all(|marks| *marks == all[0]), "{all:?}");
    CardiacPhase::ALL.map(|phase| all[0].time_of(phase))
}

#[test]
fn marks_belong_to_the_series_and_are_restored_after_closing() {
    let (_folder, mut workspace) = workspace();
    let [first, second, third] = heart(&mut workspace);
    let other = case(&mut workspace, "knee");
    let steps = [
        mark(&mut workspace, first, DIASTOLE, true),
        mark(&mut workspace, third, SYSTOLE, true),
        mark(&mut workspace, second, DIASTOLE, true),
    ];
    mark(&mut workspace, other, SYSTOLE, true);
    let mut workspace = reopened(workspace);
    assert_eq!(marked(&mut workspace), [Some(1), Some(2)]);
    assert_eq!(
        stored(&mut workspace, "knee").marked,
        MarkedPhases::default(),
        "it is no time of a series"
    );
    assert_eq!(
        stored(&mut workspace, "1.2.3#1").phases,
        [(steps[0].seq, steps[0].also.phase.unwrap())]
    );
    assert_eq!(
        workspace.recent_steps(&[first, second, third], 10).unwrap(),
        steps
    );
    let entry = stored(&mut workspace, "1.2.3#2").entry;
    assert_eq!(entry.status, Status::New, "no mask was drawn");
    assert_eq!(entry.description, time(1));
}

#[test]
fn marks_at_different_times_are_undone_and_redone_in_any_order() {
    let (_folder, mut workspace) = workspace();
    let [first, second, _] = heart(&mut workspace);
    let before = mark(&mut workspace, first, DIASTOLE, true).seq;
    let after = mark(&mut workspace, second, DIASTOLE, true).seq;
    workspace.set_undone(before, true).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(marked(&mut workspace), [Some(1), None]);
    workspace.set_undone(after, true).unwrap();
    assert_eq!(marked(&mut workspace), [None, None]);
    assert_eq!(stored(&mut workspace, "1.2.3#1").phases, []);
    workspace.set_undone(before, false).unwrap();
    assert_eq!(marked(&mut workspace), [Some(0), None]);
    let mut workspace = reopened(workspace);
    workspace.set_undone(after, false).unwrap();
    assert_eq!(marked(&mut workspace), [Some(1), None]);
    mark(&mut workspace, second, DIASTOLE, false);
    assert_eq!(marked(&mut workspace), [None, None]);
}

#[test]
fn marks_of_a_case_that_was_removed_from_the_list_do_not_count() {
    let (_folder, mut workspace) = workspace();
    let [first, second, _] = heart(&mut workspace);
    mark(&mut workspace, first, SYSTOLE, true);
    mark(&mut workspace, second, SYSTOLE, true);
    workspace.set_listed(second, false).unwrap();
    assert_eq!(marked(&mut workspace), [None, Some(0)]);
    workspace.set_listed(second, true).unwrap();
    assert_eq!(marked(&mut workspace), [None, Some(1)]);
}

#[test]
fn a_time_that_is_opened_by_itself_stays_linked_to_the_others() {
    let (_folder, mut workspace) = workspace();
    heart(&mut workspace);
    let alone = CaseDescription {
        time_point: None,
        ..time(2)
    };
    workspace.adopt_case(&alone).unwrap();
    assert_eq!(stored(&mut workspace, "1.2.3#3").entry.description, time(2));
    let grown = CaseDescription {
        time_point: Some(TimePoint {
            count: 4,
            ..time(2).time_point.unwrap()
        }),
        ..time(2)
    };
    workspace.adopt_case(&grown).unwrap();
    assert_eq!(stored(&mut workspace, "1.2.3#3").entry.description, grown);
}

#[test]
fn the_times_of_an_image_file_are_linked_by_its_hash_and_not_by_its_path() {
    let slice = described("k", &["a"]).slices.remove(0).source;
    let slice = labrum_core::study::Slice::from_source(slice);
    let series = Series {
        time_point: Some(TimePoint {
            group: "/scans/heart.nii".into(),
            index: 1,
            count: 2,
        }),
        ..Series::from_slices(Kind::Picture, 16, 16, vec![slice])
    };
    let about = CaseDescription::from_series("sha256:ab#12", "/scans", "", &series);
    assert_eq!(about.time_point.unwrap().group, "sha256:ab");
}

#[test]
fn rows_of_marks_are_never_deleted() {
    let (_folder, mut workspace) = workspace();
    let [first, ..] = heart(&mut workspace);
    mark(&mut workspace, first, SYSTOLE, true);
    let deleted =
        workspace.write_transaction("delete", |t| Ok(t.execute("DELETE FROM phase_change", ())?));
    assert!(deleted.is_err());
    assert_eq!(marked(&mut workspace), [None, Some(0)]);
}

#[test]
fn a_workspace_from_before_marks_is_migrated_and_its_times_are_linked_when_they_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    // The six versions before there were marks.
    let mut old = Workspace::open_with(folder.path(), &schema::MIGRATIONS[..6]).unwrap();
    old.write_transaction("fill", |t| {
        Ok(t.execute_batch(
            "INSERT INTO scan (identity, study, description, modality, study_date, columns, rows, opened_at)
             VALUES ('1.2.3#1', '1.2', 'PD sagittal', 'MR', '', 16, 16, 5)",
        )?)
    })
    .unwrap();
    old.close().unwrap();
    let mut workspace = Workspace::open(folder.path()).unwrap();
    let known = stored(&mut workspace, "1.2.3#1");
    assert_eq!(known.entry.description.time_point, None);
    assert!(folder.path().join("workspace-version-6.sqlite").exists());
    let [first, ..] = heart(&mut workspace);
    assert_eq!(first, known.entry.key);
    mark(&mut workspace, first, DIASTOLE, true);
    assert_eq!(marked(&mut workspace), [Some(0), None]);
}
