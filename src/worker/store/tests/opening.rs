//! Workspaces that are opened, moved, missing, or open elsewhere.

use super::*;

#[test]
fn work_without_a_workspace_is_saved_in_the_one_chosen_later() {
    let folder = tempfile::tempdir().unwrap();
    // A file in place of the folder stands for a disk that cannot be written to.
    std::fs::write(folder.path().join("data"), "in the way").unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.until("the failure", |s| {
        matches!(s.workspace.state(), WorkspaceState::Failed(_))
    });
    assert!(
        !desk.session.notices.list.is_empty(),
        "the user is notified"
    );
    desk.command(UserCommand::ToolBrush);
    desk.dab([60.0, 60.0]);
    desk.dab([80.0, 60.0]);
    desk.until("the write error", |s| s.workspace.trouble().is_some());
    assert!(desk.session.workspace.unsaved_count() >= 2);
    let masks = desk.masks();
    assert!(
        masks.iter().flatten().any(|m| !m.is_blank()),
        "the work is kept in memory"
    );

    let chosen = folder.path().join("chosen");
    desk.session
        .apply_action(Action::OpenWorkspace(chosen.clone()));
    desk.until("the journal", |s| {
        s.workspace.unsaved_count() == 0 && matches!(s.workspace.state(), WorkspaceState::Open(_))
    });
    assert_eq!(desk.masks(), masks);
    drop(desk);

    std::fs::remove_file(folder.path().join("data")).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::rename(chosen, folder.path().join("data/My work")).unwrap();
    let desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    assert_eq!(desk.masks(), masks);
}

#[test]
fn a_second_window_is_read_only_and_notices_when_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Desk::open(folder.path(), samples("sarcoma-ct"));
    first.command(UserCommand::ToolBrush);
    first.dab([60.0, 60.0]);
    first.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let masks = first.masks();
    let mut second = Desk::open(folder.path(), samples("sarcoma-ct"));
    second.until("the lock holder", |s| s.workspace.lock_holder().is_some());
    let WorkspaceState::Open(info) = second.session.workspace.state() else {
        panic!()
    };
    assert!(info.folder.ends_with("My work"), "{info:?}");
    assert_eq!(second.masks(), masks);
    second.command(UserCommand::ToolBrush);
    second.dab([30.0, 30.0]);
    assert_eq!(second.masks(), masks, "nothing can be drawn");
    // The first window can still save, whatever the second does with its copy.
    first.dab([90.0, 60.0]);
    first.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let masks = first.masks();
    assert!(!second.session.workspace.can_take_over());
    drop(first);
    second.until("the first window to close", |s| s.workspace.can_take_over());
    drop(second);
    assert_eq!(
        Desk::open(folder.path(), samples("sarcoma-ct")).masks(),
        masks
    );
}

/// Puts a file in place of the data folder, so that it cannot be opened.
fn block_data_folder(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    std::fs::write(&data, "in the way").unwrap();
    data
}

#[test]
fn work_is_saved_automatically_once_the_workspace_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = block_data_folder(folder.path());
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.command(UserCommand::ToolBrush);
    desk.dab([60.0, 60.0]);
    desk.until("the write error", |s| s.workspace.trouble().is_some());
    let masks = desk.masks();
    std::fs::remove_file(data).unwrap();
    desk.until("the journal", |s| {
        s.workspace.unsaved_count() == 0 && matches!(s.workspace.state(), WorkspaceState::Open(_))
    });
    assert_eq!(desk.masks(), masks);
    drop(desk);
    assert_eq!(
        Desk::open(folder.path(), samples("sarcoma-ct")).masks(),
        masks
    );
}

#[test]
fn a_retry_opens_the_workspace_and_restores_its_masks_before_drawing() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.command(UserCommand::ToolBrush);
    desk.dab([60.0, 60.0]);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let masks = desk.masks();
    drop(desk);

    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    std::fs::rename(&data, &away).unwrap();
    block_data_folder(folder.path());
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.until("the failure", |s| {
        matches!(s.workspace.state(), WorkspaceState::Failed(_))
    });
    desk.session.apply_action(Action::RetryStore);
    desk.until("the second failure", |s| {
        matches!(s.workspace.state(), WorkspaceState::Failed(_))
    });
    assert!(
        desk.session.cases.current_case().unwrap().is_restored,
        "drawing is possible without a workspace"
    );
    std::fs::remove_file(&data).unwrap();
    std::fs::rename(&away, &data).unwrap();
    desk.session.apply_action(Action::RetryStore);
    desk.command(UserCommand::ToolBrush);
    desk.dab([20.0, 20.0]);
    desk.until("the work", |s| {
        s.cases.current_case().unwrap().is_restored
            && matches!(s.workspace.state(), WorkspaceState::Open(_))
    });
    let pixels = |masks: &[Option<Mask>]| -> Vec<usize> {
        let drawn = |(slice, mask): (usize, &Option<Mask>)| {
            let labels = mask
                .iter()
                .flat_map(|mask| mask.pixel_labels().iter().copied().enumerate())
                .collect::<Vec<_>>();
            labels
                .into_iter()
                .filter(|(_, label)| *label > 0)
                .map(move |(at, _)| slice << 20 | at)
        };
        masks.iter().enumerate().flat_map(drawn).collect()
    };
    let (before, after) = (pixels(&masks), pixels(&desk.masks()));
    assert!(
        before.iter().all(|pixel| after.contains(pixel)),
        "the stroke has replaced the restored mask"
    );
    assert!(
        after.len() > before.len(),
        "the stroke made meanwhile is missing"
    );
}

#[test]
fn moving_the_workspace_leaves_nothing_unsaved() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    let target = folder.path().join("elsewhere");
    desk.session
        .apply_action(Action::MoveWorkspace(target.clone()));
    desk.until(
        "the move",
        |s| matches!(s.workspace.state(), WorkspaceState::Open(info) if info.folder == target),
    );
    assert_eq!(desk.session.workspace.unsaved_count(), 0);
    desk.command(UserCommand::ToolBrush);
    desk.dab([60.0, 60.0]);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
}

#[test]
fn of_two_workspaces_opened_at_once_the_later_one_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let (mut handle, heard) = start_store(folder.path());
    let chosen = folder.path().join("Chosen");
    {
        // Both are queued before the thread handles either.
        let mut queue = handle.shared.queue.lock();
        queue.put_job(StoreJob::Open {
            folder: None,
            with_cases: false,
        });
        queue.put_job(StoreJob::Open {
            folder: Some(chosen.clone()),
            with_cases: true,
        });
    }
    handle.submit_job(StoreJob::Rename("Hips".into()));
    handle.wait_until_stored(Duration::from_secs(10));
    handle.close_and_join();
    let last = heard
        .try_iter()
        .filter_map(|e| {
            if let Event::Workspace(Ok(info)) = e {
                Some(info)
            } else {
                None
            }
        })
        .last();
    let last = last.unwrap();
    assert_eq!((last.folder, last.name.as_str()), (chosen, "Hips"));
}
