//! A presentation state changes how its images are shown, and nothing else.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{Action, command::UserCommand, job::SliceKey, tests::with_pictures};
use labrum_core::{
    presentation::{ReferencedImage, Scoped, Shutter},
    study::Series,
};

/// A presentation state of the second and the third slice.
fn state(label: &str) -> PresentationState {
    let image = |slice: usize| ReferencedImage {
        uid: format!("1.2.{slice}"),
        frames: Vec::new(),
    };
    PresentationState {
        uid: format!("1.9.{label}"),
        label: label.into(),
        images: vec![image(1), image(2)],
        windows: vec![Scoped {
            images: vec![image(2)],
            content: Window::new(100.0, 50.0),
        }],
        is_inverted: true,
        quarter_turns: 1,
        is_flipped: true,
        ..PresentationState::default()
    }
}

/// Three slices, the first one on the screen, with these presentation states.
fn with_states(states: Vec<PresentationState>) -> Session {
    let mut session = with_pictures(&[("a", 3)]);
    session.apply_action(Action::SetSlice(0));
    let case = &mut session.cases[0];
    let mut series = Series::clone(&case.series);
    for (at, slice) in series.slices.iter_mut().enumerate() {
        slice.sop_instance_uid = Some(format!("1.2.{at}"));
    }
    case.series = Arc::new(series);
    case.presentations = states.into_iter().map(Arc::new).collect();
    session.take_jobs();
    session
}

fn choose(session: &mut Session, chosen: Option<usize>) {
    session.apply_action(Action::ChoosePresentation(chosen));
}

fn next(session: &mut Session) {
    session.apply_action(Action::Command(UserCommand::NextPresentation));
}

/// The window and the polarity of a slice on the screen.
fn greys(session: &Session, slice: usize) -> (Window, bool) {
    let case = &session.cases[0];
    let key = SliceKey {
        case: case.id,
        slice,
    };
    let loaded = session.loaded_slice(key).unwrap();
    (
        session.window_on(case, slice, loaded),
        case.appearance_on(slice, &loaded.image).is_inverted,
    )
}

#[test]
fn nothing_is_applied_before_it_is_chosen() {
    let session = with_states(vec![state("A")]);
    let case = &session.cases[0];
    assert_eq!(case.presentation, None);
    assert!(session.presentation_remarks(case, 1).is_empty());
    assert!(!greys(&session, 2).1);
    assert!(case.appearance.turn.is_upright());
}

#[test]
fn a_state_gives_its_slices_their_window_polarity_and_turn() {
    let mut session = with_states(vec![state("A")]);
    let own = greys(&session, 0);
    choose(&mut session, Some(0));
    let case = &session.cases[0];
    assert_eq!(case.slice, 1, "the first slice that it refers to");
    let turn = Turn::UPRIGHT.rotated_right().flipped_horizontally();
    assert_eq!(case.appearance.turn, turn);
    assert_eq!(greys(&session, 0), own, "it does not refer to this slice");
    assert_eq!(greys(&session, 1), (own.0, true), "no window of its own");
    assert_eq!(greys(&session, 2), (Window::new(100.0, 50.0), true));
    choose(&mut session, None);
    assert_eq!(greys(&session, 2), own);
    assert!(session.cases[0].appearance.turn.is_upright());
}

#[test]
fn the_user_changes_what_a_state_shows_and_reset_ends_it() {
    let mut session = with_states(vec![state("A")]);
    choose(&mut session, Some(0));
    session.apply_action(Action::Command(UserCommand::InvertGrey));
    assert!(!greys(&session, 2).1, "inverted once more");
    let chosen = Window::new(7.0, 8.0);
    session.apply_action(Action::SetWindow(chosen));
    assert_eq!(greys(&session, 2).0, chosen);
    session.apply_action(Action::Command(UserCommand::WindowReset));
    assert_eq!(greys(&session, 2).0, Window::new(100.0, 50.0));
    session.apply_action(Action::Command(UserCommand::ResetView));
    assert_eq!(session.cases[0].presentation, None);
}

#[test]
fn all_views_of_a_case_are_turned_by_its_state_and_back_by_a_reset() {
    let mut session = with_states(vec![state("A")]);
    session.apply_action(Action::Command(UserCommand::LayoutSideBySide));
    let turns = |session: &Session| {
        let views = [0, 1].map(|pane| session.pane_view(pane).unwrap());
        views.map(|view| view.appearance.turn)
    };
    choose(&mut session, Some(0));
    let turn = Turn::UPRIGHT.rotated_right().flipped_horizontally();
    assert_eq!(turns(&session), [turn; 2]);
    session.apply_action(Action::Command(UserCommand::ResetView));
    assert_eq!(turns(&session), [Turn::UPRIGHT; 2]);
}

#[test]
fn the_displayed_area_fills_the_view() {
    let area = |low, high| PresentationState {
        areas: vec![Scoped {
            images: Vec::new(),
            content: DisplayedArea { low, high },
        }],
        quarter_turns: 0,
        is_flipped: false,
        ..state("A")
    };
    let whole = area([0.0; 2], [64.0; 2]);
    let mut session = with_states(vec![area([10.0, 20.0], [30.0, 40.0]), whole]);
    choose(&mut session, Some(0));
    let View::Free { center, .. } = session.cases[0].view else {
        unreachable!("the area is not shown")
    };
    assert_eq!(center, [20.0, 30.0]);
    choose(&mut session, Some(1));
    assert_eq!(session.cases[0].view, View::Fit);
}

#[test]
fn the_command_goes_through_all_states_and_ends_without_one() {
    let mut session = with_states(Vec::new());
    let command = UserCommand::NextPresentation;
    assert!(session.command_refusal(command).is_some());
    session = with_states(vec![state("A"), state("B")]);
    assert_eq!(session.command_refusal(command), None);
    let mut seen = Vec::new();
    for _ in 0..3 {
        next(&mut session);
        let shown = session.cases[0].shown_presentation();
        seen.push(shown.map(|state| state.label.clone()));
    }
    assert_eq!(seen, [Some("A".to_owned()), Some("B".to_owned()), None]);
    choose(&mut session, Some(7));
    assert_eq!(session.cases[0].presentation, None);
}

#[test]
fn the_view_says_what_is_hidden_and_what_is_not_shown() {
    let state = PresentationState {
        shutters: vec![Shutter::Rectangle {
            low: [1.0; 2],
            high: [9.0; 2],
        }],
        not_shown: vec!["its overlays are not shown".into()],
        ..state("REPORT")
    };
    let mut session = with_states(vec![state]);
    choose(&mut session, Some(0));
    let case = &session.cases[0];
    assert_eq!(
        session.presentation_remarks(case, 1),
        [
            "Presentation state \"REPORT\".",
            "Its shutter hides parts of the image and of masks.",
            "Its overlays are not shown.",
        ]
    );
    assert_eq!(
        session.presentation_remarks(case, 0),
        ["Presentation state \"REPORT\" does not refer to this slice."]
    );
}

#[test]
fn states_that_are_found_again_stay_chosen_and_others_are_kept() {
    let mut session = with_states(vec![state("A"), state("B")]);
    choose(&mut session, Some(1));
    let id = session.cases[0].id;
    session.renew_presentations(id, &[]);
    assert_eq!(session.cases[0].presentations.len(), 2);
    session.renew_presentations(id, &[state("C"), state("A"), state("B")]);
    assert_eq!(session.cases[0].presentation, Some(2));
    let newer = PresentationState {
        created: "2024-01-31 10:11:12".into(),
        ..state("D")
    };
    session.renew_presentations(id, &[newer]);
    let case = &session.cases[0];
    let labels = case.presentations.iter().map(|state| state.label.as_str());
    assert_eq!(labels.collect::<Vec<_>>(), ["D", "C", "A", "B"]);
    assert_eq!(case.presentation, Some(3), "other files were opened");
}

#[test]
fn screenshots_have_annotations_with_the_drawn_measurements() {
    use crate::session::screenshot::{
        ScreenshotAction, ScreenshotContent, ScreenshotTarget, ScreenshotWish,
    };
    let mut session = with_states(vec![state("A")]);
    assert!(session.shows_annotations());
    for drawn in [true, false] {
        let wish = ScreenshotWish {
            content: ScreenshotContent {
                masks: true,
                drawn,
                information: false,
            },
            target: ScreenshotTarget::Clipboard,
        };
        session.apply_action(Action::Screenshot(ScreenshotAction::Take(wish)));
        assert_eq!(session.shows_annotations(), drawn);
        session.apply_action(Action::Screenshot(ScreenshotAction::Drawn));
    }
    session.apply_action(Action::Command(UserCommand::ToggleAnnotations));
    assert!(!session.shows_annotations());
}
