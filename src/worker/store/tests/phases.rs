//! Marks of end diastole and end systole from the session to the database and back after a restart.

use super::*;
use crate::session::{ExportRequest, job::ExportScope, settings::ExportOptions};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_core::{export_format::ExportFormat, measurement::CardiacPhase};
use labrum_dicom::fixture::Fixture;

/// A heart of two slices at three times, in a folder.
fn heart(folder: &Path) -> PathBuf {
    let images = folder.join("heart");
    std::fs::create_dir_all(&images).unwrap();
    for number in 0..6 {
        Fixture::new(64, 64)
            .with_slice_position(number + 1, f64::from(number % 2) * 8.0)
            .with_text(
                tags::TRIGGER_TIME,
                VR::DS,
                &format!("{}", 10 + 30 * (number / 2)),
            )
            .with_pixels(&[100; 64 * 64])
            .write_to_folder(&images, &format!("{number}.dcm"));
    }
    images
}

/// The times that are marked as end diastole and end systole.
fn marked(desk: &Desk) -> [Option<usize>; 2] {
    let session = &desk.session;
    CardiacPhase::ALL.map(|phase| {
        let mut cases = session.cases.iter();
        cases.position(|case| session.is_marked_phase(case, phase))
    })
}

fn all_restored(desk: &mut Desk) {
    desk.until("the work of all times", |s| {
        s.cases.len() == 3 && s.cases.iter().all(|case| case.is_restored)
    });
}

#[test]
fn marked_times_are_the_same_after_a_restart_and_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    let images = heart(folder.path());
    let mut desk = Desk::open(folder.path(), images.clone());
    all_restored(&mut desk);
    desk.command(UserCommand::MarkEndDiastole);
    desk.command(UserCommand::NextTime);
    desk.command(UserCommand::MarkEndSystole);
    desk.command(UserCommand::NextTime);
    desk.command(UserCommand::MarkEndSystole);
    assert_eq!(marked(&desk), [Some(0), Some(2)]);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    drop(desk);

    let mut desk = Desk::open(folder.path(), images.clone());
    all_restored(&mut desk);
    assert_eq!(marked(&desk), [Some(0), Some(2)]);
    desk.command(UserCommand::UndoAnywhere);
    assert_eq!(
        marked(&desk),
        [Some(0), Some(1)],
        "the mark before is there again"
    );
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    drop(desk);

    let mut desk = Desk::open(folder.path(), images);
    all_restored(&mut desk);
    assert_eq!(marked(&desk), [Some(0), Some(1)]);
    desk.command(UserCommand::RedoAnywhere);
    assert_eq!(marked(&desk), [Some(0), Some(2)]);
}

#[test]
fn accepted_times_are_exported_with_the_volumes_at_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let images = heart(folder.path());
    let mut desk = Desk::open(folder.path(), images);
    all_restored(&mut desk);
    desk.command(UserCommand::ToolBrush);
    // The first time gets the larger mask; nothing is drawn at the second.
    for (time, dabs) in [(0, 2), (2, 1)] {
        let case = desk.session.cases[time].id;
        desk.session.apply_action(Action::SelectCase(case));
        desk.until("the slice", |s| s.current_loaded().is_some());
        for dab in 0..dabs {
            desk.dab([12.0 + 40.0 * f64::from(dab), 32.0]);
        }
        desk.command(UserCommand::Accept);
        assert_eq!(desk.session.cases[time].status, Status::Accepted);
    }
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let out = folder.path().join("out");
    desk.session.apply_action(Action::Export(ExportRequest {
        folder: out.clone(),
        scope: ExportScope::Accepted,
        options: ExportOptions {
            formats: vec![ExportFormat::OverTimeCsv],
            ..ExportOptions::default()
        },
    }));
    desk.until("the export", |s| s.exporting.is_none());
    let manifest = std::fs::read(out.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let cases = manifest["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2, "{manifest}");
    for case in cases {
        let path = case["files"][0]["path"].as_str().unwrap();
        let table = std::fs::read_to_string(out.join(path)).unwrap();
        let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
        assert_eq!(rows.len(), 3, "{table}");
        assert_eq!((rows[1][2], rows[1][5]), ("1", "largest"), "{table}");
        assert_eq!((rows[2][2], rows[2][6]), ("3", "smallest"), "{table}");
        let fraction: f64 = rows[1][8].parse().unwrap();
        assert!((1.0..99.0).contains(&fraction), "{table}");
    }
}
