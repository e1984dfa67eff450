//! Drawing and navigating by keys.

use super::*;

#[test]
fn a_shortcut_can_be_reassigned_and_the_command_that_loses_it_is_named() {
    let mut bench = with_proposal();
    bench.key(Key::F1, Modifiers::NONE);
    bench.harness.run_steps(2);
    bench
        .harness
        .get_by_label("Shortcut for Brush")
        .scroll_to_me();
    bench.harness.run_steps(30);
    bench.click("Shortcut for Brush");
    bench.key(Key::Space, Modifiers::NONE);
    assert!(
        bench
            .harness
            .query_by_label_contains("Space is reserved")
            .is_some()
    );
    bench.key(Key::E, Modifiers::NONE);
    assert!(
        bench
            .harness
            .query_by_label_contains("no longer works for Eraser")
            .is_some()
    );
    assert!(
        bench
            .session()
            .settings
            .keys
            .shortcuts_for(UserCommand::ToolEraser)
            .is_empty()
    );
    bench.click("Close");
    bench.key(Key::E, Modifiers::NONE);
    assert_eq!(bench.tool(), ToolKind::Brush);
    bench.key(Key::F1, Modifiers::NONE);
    bench.harness.run_steps(2);
    bench.click("Reset all shortcuts");
    bench.key(Key::Escape, Modifiers::NONE);
    bench.key(Key::E, Modifiers::NONE);
    assert_eq!(bench.tool(), ToolKind::Eraser);
}

/// A series without a matching model.
fn series() -> Bench {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the slice", |s| {
        s.current_loaded().is_some() && s.cases.current_case().is_some_and(|c| c.is_restored)
    });
    bench.harness.run_steps(4);
    bench
}

#[test]
fn every_shortcut_works() {
    const NONE: Modifiers = Modifiers::NONE;
    let mut bench = series();
    for (key, slice) in [
        (Key::Home, 0),
        (Key::ArrowDown, 1),
        (Key::ArrowUp, 0),
        (Key::PageDown, 10),
        (Key::PageUp, 0),
        (Key::End, 11),
    ] {
        bench.key(key, NONE);
        assert_eq!(
            bench.session().cases.current_case().unwrap().slice,
            slice,
            "{key:?}"
        );
    }
    bench.until("the last slice", |s| s.current_loaded().is_some());
    let scale =
        |bench: &Bench| bench.pixel(bench.at(200.0, 0.0))[0] - bench.pixel(bench.at(0.0, 0.0))[0];
    let fitted = scale(&bench);
    bench.key(Key::Plus, NONE);
    assert!(scale(&bench) < fitted, "the image is larger");
    bench.key(Key::Minus, NONE);
    bench.key(Key::Minus, NONE);
    assert!(scale(&bench) > fitted, "the image is smaller");
    bench.key(Key::F, NONE);
    assert_eq!(scale(&bench), fitted);

    let window = |bench: &Bench| {
        let session = bench.session();
        session.window_of(
            session.cases.current_case().unwrap(),
            session.current_loaded().unwrap(),
        )
    };
    let presets: Vec<_> = bench
        .session()
        .current_loaded()
        .unwrap()
        .presets
        .iter()
        .map(|p| p.window)
        .collect();
    assert!(presets.len() >= 4);
    for (key, preset) in [
        (Key::Num1, 0),
        (Key::Num2, 1),
        (Key::Num3, 2),
        (Key::Num4, 3),
    ] {
        bench.key(key, NONE);
        assert_eq!(window(&bench), presets[preset], "{key:?}");
    }
    bench.key(Key::A, NONE);
    assert_eq!(
        window(&bench),
        bench
            .session()
            .current_loaded()
            .unwrap()
            .image
            .auto_window()
    );

    for (key, tool) in [
        (Key::B, ToolKind::Brush),
        (Key::E, ToolKind::Eraser),
        (Key::P, ToolKind::Polygon),
        (Key::L, ToolKind::Lasso),
        (Key::G, ToolKind::Fill),
        (Key::S, ToolKind::SmartBrush),
    ] {
        bench.key(key, NONE);
        assert_eq!(bench.tool(), tool);
    }
    let radius = |bench: &Bench| bench.session().settings.tools.radius;
    let before = radius(&bench);
    bench.key(Key::CloseBracket, NONE);
    assert!(radius(&bench) > before);
    bench.key(Key::OpenBracket, NONE);
    assert_eq!(radius(&bench), before);

    bench.key(Key::B, NONE);
    bench.key(Key::C, NONE);
    assert_eq!(
        bench.session().next_undo(),
        Some("Brush"),
        "drawn without a mouse"
    );
    for (key, modifiers, is_done) in [
        (Key::Z, Modifiers::COMMAND, false),
        (Key::Y, Modifiers::COMMAND, true),
        (Key::Z, Modifiers::COMMAND, false),
        (Key::Z, Modifiers::COMMAND | Modifiers::SHIFT, true),
    ] {
        bench.key(key, modifiers);
        assert_eq!(
            bench.session().next_undo().is_some(),
            is_done,
            "{key:?} {modifiers:?}"
        );
    }
    for mode in [
        ViewMode::Outline,
        ViewMode::Confidence,
        ViewMode::Difference,
        ViewMode::Hidden,
        ViewMode::Fill,
    ] {
        bench.key(Key::O, NONE);
        assert_eq!(bench.session().settings.view_mode, mode);
    }
    bench.key(Key::S, Modifiers::COMMAND);
    assert!(bench.harness.query_by_label("Export folder").is_some());
    bench.key(Key::Escape, NONE);
    bench.key(Key::P, Modifiers::COMMAND);
    assert!(bench.harness.query_by_label("Find a command").is_some());
    bench.key(Key::Escape, NONE);
    bench.key(Key::Enter, NONE);
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Accepted
    );
    bench.key(Key::Backspace, NONE);
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Skipped
    );
    assert!(!bench.session().notices.list.is_empty());
    bench.key(Key::Escape, NONE);
    assert!(
        bench.session().notices.list.is_empty(),
        "Esc dismisses messages first"
    );
    assert_eq!(bench.tool(), ToolKind::Brush);
    bench.key(Key::Escape, NONE);
    assert_eq!(
        bench.tool(),
        ToolKind::Look,
        "Esc without a gesture deactivates the tool"
    );
}

#[test]
fn keys_run_the_model_and_step_through_labels_and_uncertain_regions() {
    let mut bench = with_proposal();
    bench.key(Key::N, Modifiers::NONE);
    let first = bench.session().viewports.focus.unwrap();
    bench.key(Key::N, Modifiers::NONE);
    bench.key(Key::N, Modifiers::SHIFT);
    assert_eq!(bench.session().viewports.focus, Some(first));
    bench.key(Key::R, Modifiers::NONE);
    bench.until("the model", |s| s.models.runs.is_empty());
    bench.key(Key::R, Modifiers::SHIFT);
    bench.until("the model on the series", |s| s.models.runs.is_empty());
    bench.click("Add a label");
    bench.harness.run_steps(2);
    bench.key(Key::Enter, Modifiers::NONE);
    assert_eq!(
        (
            bench.session().labels.all_labels().len(),
            bench.session().labels.active_label()
        ),
        (2, 2)
    );
    bench.key(Key::Q, Modifiers::NONE);
    assert_eq!(bench.session().labels.active_label(), 1);
    bench.key(Key::W, Modifiers::NONE);
    assert_eq!(bench.session().labels.active_label(), 2);
}

#[test]
fn a_series_is_corrected_with_the_keyboard_alone() {
    let mut bench = series();
    bench.key(Key::Home, Modifiers::NONE);
    bench.until("the first slice", |s| s.current_loaded().is_some());
    bench.key(Key::B, Modifiers::NONE);
    bench.key(Key::C, Modifiers::NONE);
    for slice in 1..12 {
        bench.key(Key::ArrowDown, Modifiers::NONE);
        bench.until("the slice", |s| s.current_loaded().is_some());
        bench.key(Key::Comma, Modifiers::NONE);
        bench.key(Key::ArrowRight, Modifiers::SHIFT);
        bench.key(Key::C, Modifiers::NONE);
        assert!(
            !bench.session().live_mask().unwrap().mask().is_blank(),
            "slice {slice}"
        );
    }
    bench.key(Key::Enter, Modifiers::NONE);
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Accepted
    );
    bench.until("the journal", |s| s.workspace.unsaved_count() == 0);
    assert!(bench.session().next_undo().is_some());
}

#[test]
fn a_series_is_corrected_with_the_mouse_alone() {
    let mut bench = series();
    bench.click("Brush");
    let (a, b) = (bench.at(-60.0, 0.0), bench.at(40.0, 30.0));
    bench.moved(a);
    bench.harness.step();
    bench.wheel(20.0, Modifiers::NONE);
    for slice in 0..12 {
        assert_eq!(bench.session().cases.current_case().unwrap().slice, slice);
        bench.until("the slice", |s| s.current_loaded().is_some());
        bench.draw(&[a, b]);
        assert_eq!(bench.label(a), 1);
        bench.wheel(-1.0, Modifiers::NONE);
    }
    bench.click("Undo");
    assert_eq!(bench.label(a), 0, "the stroke on the last slice is gone");
    bench.click("Accept and next");
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Accepted
    );
}
