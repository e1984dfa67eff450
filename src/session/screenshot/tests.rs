//! Screenshots: what is shown on them, and where they go.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{
    Action,
    command::UserCommand,
    job::{PacsJob, SendingJob},
    panes::PaneAction,
    tests::with_pictures,
};
use labrum_core::{
    pacs::Server,
    study::{Kind, Series},
};
use std::sync::Arc;

fn act(session: &mut Session, action: ScreenshotAction) {
    session.apply_action(Action::Screenshot(action));
}

fn take(session: &mut Session, masks: bool, information: bool) {
    let wish = ScreenshotWish {
        content: ScreenshotContent {
            masks,
            drawn: masks,
            information,
        },
        target: ScreenshotTarget::Clipboard,
    };
    act(session, ScreenshotAction::Take(wish));
}

fn shown(session: &Session) -> (ViewMode, bool) {
    (session.shown_view_mode(), session.shows_information())
}

#[test]
fn a_screenshot_shows_or_hides_masks_and_patient_without_changing_a_setting() {
    let mut session = with_pictures(&[("a", 1)]);
    session.apply_action(Action::Command(UserCommand::ShowOutline));
    let settings = session.settings.clone();
    take(&mut session, false, false);
    assert_eq!(shown(&session), (ViewMode::Hidden, false));
    assert!(!session.shows_drawn());
    act(&mut session, ScreenshotAction::Drawn);
    assert_eq!(shown(&session), (ViewMode::Outline, true));
    assert!(session.shows_drawn());
    take(&mut session, true, true);
    assert_eq!(shown(&session), (ViewMode::Outline, true));
    assert_eq!(session.settings, settings);

    session.apply_action(Action::Command(UserCommand::ShowNothing));
    session.apply_action(Action::Command(UserCommand::ToggleInformation));
    assert_eq!(shown(&session), (ViewMode::Fill, true), "masks are wanted");
    act(&mut session, ScreenshotAction::Drawn);
    assert_eq!(shown(&session), (ViewMode::Hidden, false));
}

#[test]
fn a_copy_shows_what_is_on_the_screen() {
    let mut session = with_pictures(&[("a", 1)]);
    for command in [
        UserCommand::ShowConfidence,
        UserCommand::ToggleInformation,
        UserCommand::CopyScreenshot,
    ] {
        session.apply_action(Action::Command(command));
    }
    assert_eq!(shown(&session), (ViewMode::Confidence, false));
    let wish = session.viewports.screenshot.clone().unwrap();
    assert_eq!(wish.target, ScreenshotTarget::Clipboard);
    assert!(wish.content.masks && wish.content.drawn && !wish.content.information);
}

#[test]
fn a_saved_screenshot_is_written_and_its_folder_offered_again() {
    let mut session = with_pictures(&[("a", 1)]);
    let screenshot = Screenshot {
        columns: 2,
        rows: 1,
        rgb: vec![9, 8, 7, 6, 5, 4],
    };
    assert_eq!(format!("{screenshot:?}"), "Screenshot(2 x 1)");
    let path = PathBuf::from("/out/picture.png");
    act(
        &mut session,
        ScreenshotAction::Save(screenshot.clone(), path.clone()),
    );
    assert_eq!(session.settings.export_folder, Some("/out".into()));
    let jobs = session.take_jobs();
    assert!(jobs.iter().any(|job| matches!(
        job,
        Job::Viewer(ViewerJob::SaveScreenshot(saved, to)) if *saved == screenshot && *to == path
    )));
}

#[test]
fn a_dicom_screenshot_names_the_slices_that_it_shows_and_how() {
    let mut session = with_pictures(&[("a", 3)]);
    let case = session.cases.current_case().unwrap();
    let (id, series) = (case.id, case.series.clone());
    let content = ScreenshotContent {
        masks: true,
        drawn: false,
        information: true,
    };
    let shown = SliceKey { case: id, slice: 2 };
    let pictured = session.pictured_slices(shown, content).unwrap();
    assert_eq!(pictured.slices, [2]);
    assert_eq!(pictured.series, series);
    assert!(pictured.shows_patient);
    let words = &pictured.description;
    assert!(words.starts_with("Screenshot of slice 3 of 3"), "{words}");
    assert!(words.ends_with(", with masks"), "{words}");
    let elsewhere = SliceKey {
        case: id + 1,
        slice: 0,
    };
    assert_eq!(session.pictured_slices(elsewhere, content), None);

    let screenshot = Screenshot {
        columns: 1,
        rows: 1,
        rgb: vec![1, 2, 3],
    };
    let path = PathBuf::from("/out/picture.dcm");
    let save = ScreenshotAction::SaveDicom(screenshot, Box::new(pictured), path.clone());
    let logged = format!("{save:?}");
    assert!(!logged.contains("/scans"), "{logged}");
    act(&mut session, save);
    assert_eq!(session.settings.export_folder, Some("/out".into()));
    let jobs = session.take_jobs();
    assert!(jobs.iter().any(|job| matches!(
        job,
        Job::Viewer(ViewerJob::SaveDicomScreenshot(_, pictured, to))
            if pictured.slices == [2] && *to == path
    )));
}

#[test]
fn several_views_give_one_dicom_screenshot_only_if_they_show_one_series() {
    let mut session = with_pictures(&[("a", 3), ("b", 1)]);
    let mut dicom = Series::clone(&session.cases[0].series);
    dicom.kind = Kind::Dicom;
    session.cases[0].series = Arc::new(dicom);
    let [first, second] = [0, 1].map(|at| session.cases[at].id);
    session.apply_action(Action::SelectCase(first));
    session.apply_action(Action::Command(UserCommand::LayoutSideBySide));
    session.apply_action(Action::Pane(PaneAction::Show(1, first)));
    session.apply_action(Action::SetSlice(2));
    session.apply_action(Action::Pane(PaneAction::Activate(0)));
    session.apply_action(Action::SetSlice(0));
    let shown = SliceKey {
        case: first,
        slice: 0,
    };
    let pictured = session.pictured_slices(shown, session.shown_content());
    let pictured = pictured.unwrap();
    assert_eq!(pictured.slices, [0, 2]);
    assert!(
        pictured
            .description
            .starts_with("Screenshot of slices 1, 3 of 3")
    );
    assert_eq!(session.refuse_dicom_screenshot(&session.cases[0]), None);

    session.apply_action(Action::Pane(PaneAction::Show(1, second)));
    session.apply_action(Action::Pane(PaneAction::Activate(0)));
    assert_eq!(
        session.pictured_slices(shown, session.shown_content()),
        None
    );
    assert!(session.refuse_dicom_screenshot(&session.cases[0]).is_some());
}

#[test]
fn a_screenshot_is_sent_to_the_server_of_this_name_alone() {
    let mut session = with_pictures(&[("a", 1)]);
    session.settings.servers = vec![Server {
        name: "archive".into(),
        ..Server::default()
    }];
    let case = session.cases.current_case().unwrap();
    let shown = SliceKey {
        case: case.id,
        slice: 0,
    };
    let pictured = session.pictured_slices(shown, session.shown_content());
    let pictured = Box::new(pictured.unwrap());
    let screenshot = Screenshot {
        columns: 1,
        rows: 1,
        rgb: vec![1, 2, 3],
    };
    for (name, is_known) in [("elsewhere", false), ("archive", true)] {
        let send = ScreenshotAction::Send(screenshot.clone(), pictured.clone(), name.into());
        act(&mut session, send);
        let jobs = session.take_jobs();
        let is_sent = jobs.iter().any(|job| {
            matches!(job, Job::Pacs(job) if matches!(
                &**job,
                PacsJob::Sending(SendingJob::SendScreenshot { server, .. }) if server.name == name
            ))
        });
        assert_eq!(is_sent, is_known, "{name}");
    }
}

#[test]
fn image_files_have_no_study_for_a_dicom_screenshot() {
    let mut session = with_pictures(&[("a", 1)]);
    let refusal = |session: &Session| session.command_refusal(UserCommand::SaveDicomScreenshot);
    assert_eq!(refusal(&session), None);
    let series = Series {
        kind: Kind::Picture,
        ..(*session.cases[0].series).clone()
    };
    session.cases[0].series = Arc::new(series);
    assert!(refusal(&session).unwrap().contains("image files"));
    let png = session.command_refusal(UserCommand::SaveScreenshot);
    assert_eq!(png, None);
}

#[test]
fn a_screenshot_that_fails_says_so() {
    let mut session = with_pictures(&[("a", 1)]);
    act(&mut session, ScreenshotAction::Failed);
    assert_eq!(session.notices.errors.len(), 1);
}

#[test]
fn there_is_no_screenshot_without_an_image() {
    let session = Session::new(Default::default());
    for command in [
        UserCommand::CopyScreenshot,
        UserCommand::SaveScreenshot,
        UserCommand::SaveDicomScreenshot,
    ] {
        assert_eq!(session.command_refusal(command), Some("Nothing is open"));
    }
}
