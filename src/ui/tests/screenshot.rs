//! Screenshots, and folders shown from messages.

use super::*;
use crate::session::{
    job::{Screenshot, ViewerJob},
    ortho::tests::shown,
    screenshot::{ScreenshotAction, ScreenshotContent, ScreenshotTarget, ScreenshotWish},
    tests::with_pictures,
};
use egui::{Color32, ColorImage, Key, Modifiers, OutputCommand, Rect, Shape};
use std::sync::Arc;

/// Ends a frame for a screenshot: the pixels of the window arrive, each with its position in it.
fn deliver(harness: &mut Harness<'static, App>) {
    let window = &mut harness.state_mut().window;
    let request = window.screenshots.take_request().unwrap();
    let pixels = (0..1280 * 800).map(|i| color_at(i % 1280, i / 1280));
    let image = ColorImage::new([1280, 800], pixels.collect());
    request.send(Arc::new(image)).unwrap();
    harness.step();
}

fn color_at(x: usize, y: usize) -> Color32 {
    Color32::from_rgb(
        (x % 256) as u8,
        (y % 256) as u8,
        (16 * (y / 256) + x / 256) as u8,
    )
}

/// The views, in whole points.
fn view_rect(harness: &Harness<'static, App>) -> Rect {
    let slice = harness.get_by_label_contains("Image:").rect();
    let all = harness
        .query_all_by_label_contains("View: ")
        .fold(slice, |all, view| all.union(view.rect()));
    Rect::from_min_max(all.min.round(), all.max.round())
}

fn size_of(area: Rect) -> [usize; 2] {
    [area.width(), area.height()].map(|side| side as usize)
}

fn actions(harness: &Harness<'static, App>) -> String {
    harness.state().actions.join("\n")
}

/// The image that the last frame put on the clipboard.
fn copied(harness: &Harness<'static, App>) -> Option<ColorImage> {
    let commands = &harness.output().platform_output.commands;
    commands.iter().find_map(|command| match command {
        OutputCommand::CopyImage(image) => Some(image.clone()),
        _ => None,
    })
}

/// The texts painted in the last frame that begin in `area`.
fn texts_in(harness: &Harness<'static, App>, area: Rect) -> String {
    let mut all = String::new();
    for clipped in &harness.output().shapes {
        if let Shape::Text(text) = &clipped.shape
            && area.contains(text.pos)
        {
            all += text.galley.text();
            all.push('\n');
        }
    }
    all
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

#[test]
fn a_key_copies_the_views_and_nothing_around_them() {
    let mut harness = window(shown());
    let area = view_rect(&harness);
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    assert_eq!(harness.state().session.viewports.screenshot, None);
    deliver(&mut harness);
    let image = copied(&harness).unwrap();
    assert_eq!(image.size, size_of(area));
    let corner = color_at(area.min.x as usize, area.min.y as usize);
    assert_eq!(image.pixels[0], corner);
    harness.run_steps(2);
    let message =
        "Sent the screenshot to the clipboard. If it cannot be pasted, save it as a file.";
    assert!(harness.query_by_label(message).is_some());
}

/// Draws the frame of a screenshot.
fn draw_for(harness: &mut Harness<'static, App>, masks: bool, information: bool) {
    let wish = ScreenshotWish {
        content: ScreenshotContent {
            masks,
            drawn: masks,
            information,
        },
        target: ScreenshotTarget::Clipboard,
    };
    let session = &mut harness.state_mut().session;
    session.apply_action(Action::Screenshot(ScreenshotAction::Take(wish)));
    harness.step();
}

#[test]
fn the_frame_of_a_screenshot_has_the_wanted_corners_and_nothing_over_the_views() {
    let mut harness = window(shown());
    let (area, everywhere) = (view_rect(&harness), Rect::EVERYTHING);
    let message = "Something to read.";
    let session = &mut harness.state_mut().session;
    session.on_event(Event::Notice("something to read".into()));
    harness.run_steps(4);
    assert!(texts_in(&harness, everywhere).contains(message));
    assert!(texts_in(&harness, area).contains("Doe, Jane"));
    for information in [true, false] {
        draw_for(&mut harness, true, information);
        let texts = texts_in(&harness, area);
        assert_eq!(texts.contains("Doe, Jane"), information, "{texts}");
        assert_eq!(texts.contains("Chest"), information, "{texts}");
        assert!(texts.contains("Zoom"), "{texts}");
        assert!(!texts_in(&harness, everywhere).contains(message));
        harness.run_steps(2);
        assert!(texts_in(&harness, everywhere).contains(message));
        assert!(texts_in(&harness, area).contains("Doe, Jane"));
    }
    assert!(harness.state().session.settings.information);
}

#[test]
fn a_screenshot_has_all_views_beside_each_other_with_the_patient_in_each_or_in_none() {
    let mut harness = window(shown());
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    let views =
        ["View 1 of 2", "View 2 of 2"].map(|name| harness.get_by_label_contains(name).rect());
    for information in [true, false] {
        draw_for(&mut harness, true, information);
        for view in views {
            let texts = texts_in(&harness, view);
            assert_eq!(texts.contains("Doe, Jane"), information, "{texts}");
            assert!(texts.contains("Zoom"), "{texts}");
        }
        harness.run_steps(2);
    }
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    deliver(&mut harness);
    let all = views[0].union(views[1]);
    let all = Rect::from_min_max(all.min.round(), all.max.round());
    assert_eq!(copied(&harness).unwrap().size, size_of(all));
}

#[test]
fn a_screenshot_is_saved_without_the_patient_unless_asked_for() {
    let mut harness = window(shown());
    let area = view_rect(&harness);
    for with_patient in [false, true] {
        press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
        if with_patient {
            for name in ["Patient and acquisition", "Masks"] {
                harness.get_by_label(name).click();
                harness.run_steps(2);
            }
        }
        harness.get_by_label("Save").click();
        harness.run_steps(3);
        let content = ScreenshotContent {
            masks: !with_patient,
            drawn: true,
            information: with_patient,
        };
        let taken = format!("Take(ScreenshotWish {{ content: {content:?}");
        assert!(actions(&harness).contains(&taken), "{taken}");
        harness.state_mut().jobs.clear();
        deliver(&mut harness);
        let saved = harness.state().jobs.iter().find_map(|job| match job {
            Job::Viewer(ViewerJob::SaveScreenshot(screenshot, path)) => Some((screenshot, path)),
            _ => None,
        });
        let (Screenshot { columns, rows, rgb }, path) = saved.unwrap();
        assert_eq!([*columns, *rows], size_of(area));
        assert_eq!(rgb.len(), columns * rows * 3);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("screenshot-20") && name.ends_with(".png"));
    }
}

#[test]
fn a_screenshot_is_saved_as_dicom_with_the_slices_that_it_shows() {
    let mut harness = window(shown());
    let session = &mut harness.state_mut().session;
    session.apply_action(Action::Command(UserCommand::ToggleOrtho));
    harness.run_steps(3);
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    harness.get_by_label("DICOM (Secondary Capture)").click();
    harness.run_steps(2);
    harness.get_by_label("Save").click();
    harness.run_steps(3);
    harness.state_mut().jobs.clear();
    deliver(&mut harness);
    let saved = harness.state().jobs.iter().find_map(|job| match job {
        Job::Viewer(ViewerJob::SaveDicomScreenshot(_, pictured, path)) => Some((pictured, path)),
        _ => None,
    });
    let (pictured, path) = saved.unwrap();
    let case = harness.state().session.cases.current_case().unwrap();
    assert_eq!(pictured.slices, [case.slice]);
    assert!(!pictured.shows_patient, "the patient was not asked for");
    assert_eq!(path.extension().unwrap(), "dcm");
}

#[test]
fn a_screenshot_whose_pixels_do_not_come_says_so() {
    let mut harness = window(with_pictures(&[("a", 1)]));
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    assert!(harness.state().session.notices.errors.is_empty());
    drop(harness.state_mut().window.screenshots.take_request());
    harness.run_steps(4);
    assert_eq!(harness.state().session.notices.errors.len(), 1);
}

#[test]
fn a_message_about_a_file_shows_its_folder() {
    let mut harness = window(Session::new(Settings::default()));
    harness.state_mut().session.on_event(Event::Written {
        text: "exported the report to /out".into(),
        folder: "/out".into(),
    });
    harness.run_steps(4);
    let message = "Exported the report to /out.";
    assert!(harness.query_by_label(message).is_some());
    harness.get_by_label("Show folder").click();
    harness.run_steps(2);
    let shows = |job: &&Job| matches!(job, Job::Viewer(ViewerJob::ShowFolder(folder)) if folder.as_os_str() == "/out");
    assert_eq!(harness.state().jobs.iter().filter(shows).count(), 1);
}
