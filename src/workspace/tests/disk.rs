//! Folders and disks that cannot be written.

use super::*;

#[test]
fn a_full_disk_is_reported_and_the_step_can_be_saved_later() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    let kept = paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 9), 1);
    workspace.set_undone(kept, true).unwrap();
    workspace.hold_at(1).unwrap();
    // The step that does not fit fails; those before it are saved.
    let mut seq = workspace.next_seq().unwrap();
    let failure = loop {
        let edit = Edit::between(&[0; 256], &[1, 2].repeat(128));
        match workspace.append_step(&step(seq, knee, vec![(0, edit)]), &[]) {
            Ok(()) => seq += 1,
            Err(failure) => break failure,
        }
        assert!(seq < 1000, "the disk was never full");
    };
    assert!(failure.kind == ErrorKind::Disk);
    assert!(
        failure
            .to_string()
            .contains("the disk is full. Free some space"),
        "{failure}"
    );
    assert!(failure.to_string().contains("knees"), "{failure}");
    assert_eq!(workspace.next_seq().unwrap(), seq);
    assert_eq!(
        workspace.recent_steps(&[knee], 2000).unwrap().len() as i64,
        seq - 2
    );
    // Reading still works, and small changes can still be written.
    assert!(stored(&mut workspace, "k").slices[0].is_touched);
    workspace.set_status(knee, Status::Skipped).unwrap();
    workspace.hold_at(0).unwrap();
    let edit = Edit::between(&[0; 256], &[1, 2].repeat(128));
    workspace
        .append_step(&step(seq, knee, vec![(0, edit)]), &[])
        .unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.next_seq().unwrap(), seq + 1);
}

#[test]
fn a_read_only_disk_is_reported_and_writing_can_be_retried() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    // Root may write anywhere, so the connection is made read-only instead.
    workspace
        .read_database("hold", |c| Ok(c.pragma_update(None, "query_only", true)?))
        .unwrap();
    let failure = workspace.set_status(knee, Status::Skipped).unwrap_err();
    assert!(
        failure.kind == ErrorKind::Disk
            && failure.to_string().contains("the workspace is read-only"),
        "{failure}"
    );
    workspace
        .read_database("release", |c| {
            Ok(c.pragma_update(None, "query_only", false)?)
        })
        .unwrap();
    workspace.set_status(knee, Status::Skipped).unwrap();
}

#[test]
fn a_folder_that_cannot_be_created_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for place in [file.clone(), file.join("below")] {
        let error = Workspace::open(&place).unwrap_err().to_string();
        assert!(
            error.contains("is a file, not a folder") && error.contains("file"),
            "{error}"
        );
    }
    // A folder in the place of the database.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir_all(blocked.join(DATABASE)).unwrap();
    let error = Workspace::open(&blocked).unwrap_err().to_string();
    assert!(error.contains("blocked"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_write_permission_is_named_in_the_error() {
    // Not even root can create files there.
    let error = Workspace::open(Path::new("/sys/labrum"))
        .unwrap_err()
        .to_string();
    let expected = ["permission denied", "is read-only"];
    assert!(
        error.contains("/sys/labrum") && expected.iter().any(|e| error.contains(e)),
        "{error}"
    );
}
