//! Several windows on one workspace, the context menu, and window presets.

use super::*;
use egui::{Modifiers, PointerButton};

impl Bench {
    /// A second window on the same workspace.
    fn second_window(&self, paths: Vec<PathBuf>) -> Self {
        Self::with_data(tempfile::tempdir().unwrap(), self.folder.path(), paths)
    }
}

fn first_case(bench: &Bench) -> (Status, bool) {
    let case = &bench.session().cases[0];
    (case.status, case.has_mask())
}

#[test]
fn a_second_window_is_read_only_until_the_first_is_closed() {
    let path = || vec![samples().join("fetal-head")];
    let mut first = Bench::new(path());
    first.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
            && s.workspace.unsaved_count() == 0
    });
    first.click("Accept and next");
    first.until("the acceptance to be saved", |s| {
        s.workspace.unsaved_count() == 0
    });

    let mut second = first.second_window(path());
    second.until("the work of the first window", |s| {
        s.cases
            .first()
            .is_some_and(|c| c.status == Status::Accepted)
    });
    assert!(second.session().workspace.lock_holder().is_some());
    second.until("the mask", |s| s.cases[0].measured_slice_count() == 1);
    assert!(
        second
            .harness
            .query_by_label_contains("Read-only")
            .is_some()
    );
    // Keys change nothing.
    for key in [Key::B, Key::Backspace, Key::R] {
        second.harness.key_press(key);
        second.harness.run_steps(2);
    }
    assert_eq!(first_case(&second), (Status::Accepted, true));
    assert_eq!(
        second.session().tools.active_tool(),
        crate::session::tool_options::ToolKind::Look
    );

    let places = first.folder.path().to_owned();
    let Bench { harness, folder } = first;
    drop(harness);
    second.until("the first window to close", |s| s.workspace.can_take_over());
    second.click("Edit here");
    second.until("the work", |s| {
        s.workspace.lock_holder().is_none() && s.cases.first().is_some_and(|c| c.is_restored)
    });
    second.until("its status", |s| {
        s.cases.iter().any(|c| c.status == Status::Accepted)
    });
    second.harness.key_press(Key::B);
    second.harness.run_steps(2);
    assert_eq!(
        second.session().tools.active_tool(),
        crate::session::tool_options::ToolKind::Brush
    );
    assert!(places.exists());
    drop((second, folder));
}

#[test]
fn a_right_click_opens_a_menu_and_a_right_drag_changes_the_grey_window() {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the image", |s| s.current_loaded().is_some());
    bench.harness.run_steps(2);
    let middle = bench
        .harness
        .get_by_label_contains("Image:")
        .rect()
        .center();
    let press = |bench: &mut Bench, at: egui::Pos2, pressed: bool| {
        bench.harness.event(egui::Event::PointerMoved(at));
        let (button, modifiers) = (PointerButton::Secondary, Modifiers::NONE);
        bench.harness.event(egui::Event::PointerButton {
            pos: at,
            button,
            pressed,
            modifiers,
        });
        bench.harness.run_steps(2);
    };
    let before = bench.session().cases.current_case().unwrap().window;
    press(&mut bench, middle, true);
    press(&mut bench, middle + egui::vec2(60.0, 20.0), false);
    assert_ne!(
        bench.session().cases.current_case().unwrap().window,
        before,
        "a drag changes the grey window"
    );
    assert!(
        bench.harness.query_by_label("Fit to window").is_none(),
        "no menu"
    );

    press(&mut bench, middle, true);
    press(&mut bench, middle, false);
    bench.harness.run_steps(2);
    assert!(bench.harness.query_by_label("Fit to window").is_some());
    bench.harness.key_press(Key::Escape);
    bench.harness.run_steps(2);
    assert!(
        bench.harness.query_by_label("Fit to window").is_none(),
        "Esc closes the menu"
    );
    press(&mut bench, middle, true);
    press(&mut bench, middle, false);
    bench.harness.run_steps(2);
    let lung = bench
        .session()
        .current_loaded()
        .unwrap()
        .presets
        .iter()
        .position(|p| p.name == "Lung")
        .unwrap();
    let window = bench.session().current_loaded().unwrap().presets[lung].window;
    bench
        .harness
        .get_by_label(&format!("Window preset {}", lung + 1))
        .click();
    bench.harness.run_steps(3);
    assert_eq!(
        bench.session().cases.current_case().unwrap().window,
        Some(window)
    );
    assert!(
        bench.harness.query_by_label("Fit to window").is_none(),
        "the menu is closed"
    );
}

#[test]
fn window_presets_are_found_by_name() {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the image", |s| s.current_loaded().is_some());
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::P);
    bench.harness.run_steps(2);
    bench
        .harness
        .get_by_label("Find a command")
        .type_text("bone");
    bench.harness.run_steps(2);
    bench.harness.key_press(Key::Enter);
    bench.harness.run_steps(2);
    let window = bench
        .session()
        .cases
        .current_case()
        .unwrap()
        .window
        .unwrap();
    assert_eq!((window.center, window.width), (400.0, 1800.0));
    // An image with two presets refuses the fourth.
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::W);
    bench.harness.run_steps(2);
    bench.click("Open sample Fetal head");
    bench.until("the image", |s| s.current_loaded().is_some());
    let refusal = bench
        .session()
        .command_refusal(crate::session::command::UserCommand::WindowPreset4);
    assert_eq!(refusal, Some("This image does not have this window preset"));
}

#[test]
fn enter_starts_the_export() {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
    });
    bench.click("Export");
    bench.harness.run_steps(4);
    let out = bench.folder.path().join("out");
    bench.harness.get_by_label("Export folder").focus();
    bench.harness.step();
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::A);
    bench.harness.step();
    bench
        .harness
        .get_by_label("Export folder")
        .type_text(out.to_str().unwrap());
    bench.harness.run_steps(2);
    bench.harness.key_press(Key::Enter);
    bench.harness.run_steps(2);
    bench.until("the export", |s| {
        s.exporting.is_none() && !s.notices.list.is_empty()
    });
    assert!(out.is_dir(), "{:?}", bench.session().notices.list);
}
