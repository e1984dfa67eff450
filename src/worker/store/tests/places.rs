//! Finding the images of a workspace, and resuming at the last slice.

use super::*;

/// Copies the four images of the sample to a new folder.
fn pictures(folder: &Path) -> PathBuf {
    let images = folder.join("images");
    std::fs::create_dir_all(&images).unwrap();
    for entry in std::fs::read_dir(samples("fetal-head")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "png") {
            std::fs::copy(&path, images.join(path.file_name().unwrap())).unwrap();
        }
    }
    images
}

/// Opens the workspace "My work" as in the window.
fn reopen_my_work(folder: &Path) -> Desk {
    let worker =
        Worker::start_threads(Arc::new(|| {}), places(folder), || Box::new(NoNetwork)).unwrap();
    let mut desk = Desk {
        session: Session::new(Settings::default()),
        worker,
    };
    desk.until("the default workspace", |s| {
        matches!(s.workspace.state(), WorkspaceState::Open(_))
    });
    desk.session
        .apply_action(Action::OpenWorkspace(folder.join("data/My work")));
    desk.until("the workspace", |s| {
        matches!(s.workspace.state(), WorkspaceState::Open(info) if !info.sources.is_empty()
        || !info.missing.is_empty())
    });
    desk
}

#[test]
fn a_workspace_opens_at_the_last_case_and_slice() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), pictures(folder.path()));
    desk.session
        .apply_action(Action::Open(vec![samples("sarcoma-ct")]));
    desk.until("the series", |s| {
        s.cases.len() == 5 && s.opening.is_none() && s.cases.iter().all(|c| c.is_restored)
    });
    desk.session.apply_action(Action::SetSlice(9));
    let [second, series] = [1, 4].map(|at| desk.session.cases[at].id);
    desk.session.apply_action(Action::SelectCase(second));
    desk.session.apply_action(Action::SelectCase(series));
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    drop(desk);

    let mut desk = reopen_my_work(folder.path());
    desk.until("all cases", |s| s.cases.len() == 5);
    let case = desk.session.cases.current_case().unwrap();
    assert_eq!((case.series.slices.len(), case.slice), (12, 9));
}

#[test]
fn moved_images_are_found_in_the_chosen_folder() {
    let folder = tempfile::tempdir().unwrap();
    let images = pictures(folder.path());
    let mut desk = Desk::open(folder.path(), images.clone());
    desk.command(UserCommand::ToolBrush);
    desk.dab([100.0, 100.0]);
    desk.until("the journal", |s| {
        s.workspace.unsaved_count() == 0 && s.cases.iter().all(|c| c.is_restored)
    });
    let masks = desk.masks();
    drop(desk);

    let there = folder.path().join("new disk/polyps");
    std::fs::create_dir_all(there.parent().unwrap()).unwrap();
    std::fs::rename(images, &there).unwrap();
    std::fs::rename(there.join("fetal-head-011_HC.png"), there.join("0001.png")).unwrap();
    let mut desk = reopen_my_work(folder.path());
    assert_eq!(
        (
            desk.session.workspace.missing_case_count(),
            desk.session.cases.len()
        ),
        (4, 0)
    );
    assert!(
        desk.session
            .command_refusal(UserCommand::FindImages)
            .is_none()
    );
    let told = |s: &Session, words: &str| {
        s.notices
            .list
            .iter()
            .any(|notice| notice.text.contains(words))
    };
    desk.until("the notice", |s| {
        told(s, "The images of 4 cases were not found")
    });
    desk.session
        .apply_action(Action::FindImages(samples("sarcoma-ct")));
    desk.until("the notice that nothing was found", |s| {
        told(s, "None of the missing images are in that folder")
    });
    desk.session
        .apply_action(Action::FindImages(folder.path().join("new disk")));
    desk.until("all cases", |s| {
        s.cases.len() == 4 && s.cases.iter().all(|c| c.is_restored)
    });
    assert_eq!(desk.session.workspace.missing_case_count(), 0);
    assert!(told(&desk.session, "Found the images of 4 cases"));
    let first = desk
        .session
        .cases
        .iter()
        .position(|c| c.display_title() == "0001.png")
        .unwrap();
    let id = desk.session.cases[first].id;
    desk.session.apply_action(Action::SelectCase(id));
    desk.until("the image", |s| s.current_loaded().is_some());
    assert_eq!(desk.masks(), masks);
}

#[test]
fn opening_a_folder_with_a_workspace_opens_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("Hips");
    drop(crate::workspace::Workspace::open(&other).unwrap());
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    desk.session.apply_action(Action::Open(vec![other.clone()]));
    desk.until(
        "the workspace",
        |s| matches!(s.workspace.state(), WorkspaceState::Open(info) if info.folder == other),
    );
    assert!(desk.session.cases.is_empty() && desk.session.opening.is_none());
}
