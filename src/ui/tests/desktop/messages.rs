//! Messages and errors over the window.

use super::*;

/// A window with `count` error messages.
fn with_errors(count: usize) -> Harness<'static, App> {
    let mut session = empty();
    (0..count).for_each(|n| {
        session.show_error(&Error::at_path(
            "open",
            format!("/scan {n}"),
            "it is cut off",
        ))
    });
    let mut harness = window(session);
    harness.run_steps(2);
    harness
}

#[test]
fn escape_dismisses_messages_and_errors_stay_in_their_list() {
    let mut harness = with_errors(2);
    assert!(harness.query_by_label_contains("/scan 1").is_some());
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("/scan 1").is_none());
    harness.get_by_label("Error messages: 2").click();
    harness.run_steps(3);
    for n in 0..2 {
        assert!(
            harness
                .query_by_label_contains(&format!("/scan {n}"))
                .is_some()
        );
    }
    harness.get_by_label("Copy all").click();
    harness.step();
    let copied = harness.output().platform_output.commands.iter().any(
        |c| matches!(c, egui::OutputCommand::CopyText(text) if text.contains("/scan 0") && text.contains("/scan 1")),
    );
    assert!(copied);
    harness.get_by_label("Clear").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("No errors.").is_some());
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(
        !harness.state().window.has_dialog(),
        "Enter presses the default button"
    );
    assert!(harness.query_by_label_contains("Error messages:").is_none());
}

#[test]
fn messages_do_not_move_while_the_pointer_is_on_them() {
    let mut harness = with_errors(3);
    let dismiss = |harness: &Harness<'static, App>, n: usize| {
        let mut places: Vec<Rect> = harness
            .query_all_by_label("Dismiss")
            .map(|node| node.rect())
            .collect();
        places.sort_by(|a, b| a.top().total_cmp(&b.top()));
        places[n]
    };
    let (top, lowest) = (dismiss(&harness, 0), dismiss(&harness, 2));
    harness.hover_at(lowest.center());
    harness.run_steps(2);
    assert!(harness.state().window.has_pointer_on_messages());
    let lowest_button = harness
        .query_all_by_label("Dismiss")
        .find(|node| node.rect() == lowest)
        .unwrap();
    lowest_button.click();
    harness.run_steps(3);
    assert_eq!(harness.query_all_by_label("Dismiss").count(), 2);
    assert_eq!(dismiss(&harness, 0), top, "the others do not move");
    // They move down once the pointer has left.
    harness.hover_at(egui::pos2(100.0, 100.0));
    harness.run_steps(3);
    assert!(dismiss(&harness, 0).top() > top.top());
}

#[test]
fn lower_messages_stay_in_place_when_one_above_disappears() {
    let mut harness = with_errors(2);
    let lowest = |harness: &Harness<'static, App>| {
        harness
            .query_all_by_label("Dismiss")
            .map(|node| node.rect())
            .max_by(|a, b| a.top().total_cmp(&b.top()))
            .unwrap()
    };
    let before = lowest(&harness);
    let newest = harness.state().session.notices.list.last().unwrap().id;
    harness
        .state_mut()
        .session
        .apply_action(Action::Dismiss(newest));
    harness.step();
    assert_eq!(harness.query_all_by_label("Dismiss").count(), 1);
    assert_eq!(lowest(&harness), before, "in the same frame");
}

#[test]
fn messages_stay_in_a_corner_of_the_window() {
    for size in SIZES {
        let mut session = empty();
        for n in 0..9 {
            let path = format!("/a/long/way/to/a/scan/with/a/name/that/wraps/{n}/").repeat(6);
            session.show_error(&Error::at_path("open", path, "it is cut off"));
        }
        let harness = sized(session, size);
        let shown = overlay_rects(&harness)
            .into_iter()
            .fold(Rect::NOTHING, Rect::union);
        assert!(
            shown.width() <= size[0] * 0.5 + 20.0,
            "{shown:?} of {size:?}"
        );
        assert!(
            Rect::from_min_size(egui::Pos2::ZERO, vec2(size[0], size[1])).contains_rect(shown),
            "{shown:?} of {size:?}"
        );
    }
}

#[test]
fn opening_another_workspace_dismisses_messages() {
    let mut session = empty();
    session.show_error(&Error::new("open", "it is cut off"));
    session.apply_action(Action::OpenWorkspace("/work/b".into()));
    assert!(session.notices.list.is_empty());
    assert_eq!(session.notices.errors.len(), 1);
    session.notices.add(Severity::Warning, "soon gone");
    assert!(session.notices.drop_expired(Instant::now()).is_some());
}
