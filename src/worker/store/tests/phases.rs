//! Marks of end diastole and end systole from the session to the database and back after a restart.

use super::*;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_core::measurement::CardiacPhase;
use labrum_dicom::fixture::Fixture;

/// A heart of two slices at three times, in a folder.
fn heart(folder: &Path) -> PathBuf {
    let images = folder.join("heart");
    std::fs::create_dir_all(&images).unwrap();
    for number in 0..6 {
        Fixture::new(2, 2)
            .with_slice_position(number + 1, f64::from(number % 2) * 8.0)
            .with_text(
                tags::TRIGGER_TIME,
                VR::DS,
                &format!("{}", 10 + 30 * (number / 2)),
            )
            .with_pixels(&[0, 1, 2, 3])
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
