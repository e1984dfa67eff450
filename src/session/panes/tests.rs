//! Views beside each other: what each shows, which one takes part in the work, and how linked ones follow.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{
    Action,
    command::UserCommand,
    job::{Event, FileJob, Job, WorkspaceInfo},
    settings::Settings,
    tests::{command, session, with_pictures},
    tools::{PointerInput, PointerPhase},
};
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    study::{Catalog, Kind, Series, Slice, Source, Study},
};

const AXIAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const SAGITTAL: [f64; 6] = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0];

/// The titles and slices of all views, in their order.
fn shown(session: &Session) -> Vec<(String, usize)> {
    let views = (0..session.pane_count()).map(|pane| session.pane_view(pane).unwrap());
    views
        .map(|view| (session.cases.title_of(view.case), view.slice))
        .collect()
}

fn titled(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    let all = expected.iter();
    all.map(|(title, slice)| ((*title).to_owned(), *slice))
        .collect()
}

fn act(session: &mut Session, action: PaneAction) {
    session.apply_action(Action::Pane(action));
}

fn scroll(session: &mut Session, by: i64) {
    session.apply_action(Action::ScrollSlices(by));
}

fn view(session: &Session, pane: usize) -> PaneView {
    session.pane_view(pane).unwrap()
}

#[test]
fn every_view_keeps_its_case_slice_and_zoom_while_another_is_active() {
    let mut session = with_pictures(&[("a", 5), ("b", 3)]);
    command(&mut session, UserCommand::LayoutSideBySide);
    assert_eq!(shown(&session), titled(&[("a", 2), ("b", 1)]));
    scroll(&mut session, 2);
    act(&mut session, PaneAction::Activate(1));
    command(&mut session, UserCommand::ZoomIn);
    command(&mut session, UserCommand::FlipHorizontally);
    scroll(&mut session, -1);
    assert_eq!(shown(&session), titled(&[("a", 4), ("b", 0)]));
    assert_eq!(view(&session, 0).view, View::Fit);

    command(&mut session, UserCommand::NextView);
    assert_eq!(session.panes.active_index(), 0);
    let current = session.cases.current_case().unwrap();
    assert_eq!((current.display_title().as_str(), current.slice), ("a", 4));
    assert!(matches!(view(&session, 1).view, View::Free { .. }));
    assert!(!view(&session, 1).appearance.turn.is_upright());
    assert!(view(&session, 0).appearance.turn.is_upright());
}

#[test]
fn two_views_show_two_slices_of_a_case_and_only_the_active_one_is_drawn_on() {
    let mut session = with_pictures(&[("a", 5)]);
    command(&mut session, UserCommand::LayoutStacked);
    scroll(&mut session, 1);
    act(&mut session, PaneAction::Activate(1));
    scroll(&mut session, -2);
    assert_eq!(shown(&session), titled(&[("a", 3), ("a", 0)]));

    command(&mut session, UserCommand::ToolBrush);
    for phase in [PointerPhase::Press, PointerPhase::Release] {
        session.apply_action(Action::Pointer(PointerInput {
            phase,
            at: [30.0, 30.0],
            erases: false,
            is_shifted: false,
            scale: 1.0,
        }));
    }
    let [first, second] = [0, 1].map(|pane| view(&session, pane).slice_key());
    assert!(session.mask_of(second).is_some_and(|mask| !mask.is_blank()));
    assert!(session.mask_of(first).is_none_or(|mask| mask.is_blank()));
    act(&mut session, PaneAction::Activate(0));
    assert!(session.live_mask().unwrap().mask().is_blank());
    assert!(session.mask_of(second).is_some_and(|mask| !mask.is_blank()));
}

#[test]
fn a_case_goes_to_the_active_view_or_to_the_one_that_it_is_dropped_on() {
    let mut session = with_pictures(&[("a", 5), ("b", 3), ("c", 1)]);
    command(&mut session, UserCommand::LayoutSideBySide);
    let [a, c] = [0, 2].map(|at| session.cases[at].id);
    session.apply_action(Action::SelectCase(c));
    assert_eq!(shown(&session), titled(&[("c", 0), ("b", 1)]));
    act(&mut session, PaneAction::Show(1, a));
    assert_eq!(shown(&session), titled(&[("c", 0), ("a", 2)]));
    assert_eq!(session.panes.active_index(), 1);
    assert_eq!(session.cases.current, Some(0));
    act(&mut session, PaneAction::Show(7, c));
    assert_eq!(session.cases.current, Some(0), "there is no such view");
}

#[test]
fn views_are_filled_with_the_next_cases_and_fewer_views_keep_the_active_one() {
    let mut session = with_pictures(&[("a", 5), ("b", 3), ("c", 1)]);
    assert!(session.command_refusal(UserCommand::NextView).is_some());
    command(&mut session, UserCommand::LayoutFour);
    let four = [("a", 2), ("b", 1), ("c", 0), ("a", 2)];
    assert_eq!(shown(&session), titled(&four));
    assert!(session.command_refusal(UserCommand::NextView).is_none());
    act(&mut session, PaneAction::Activate(1));
    command(&mut session, UserCommand::LayoutOne);
    assert_eq!(shown(&session), titled(&[("b", 1)]));
    command(&mut session, UserCommand::LayoutSideBySide);
    assert_eq!(shown(&session), titled(&[("b", 1), ("a", 2)]));
}

#[test]
fn views_of_a_removed_case_show_others_and_none_is_left_of_a_closed_list() {
    let mut session = with_pictures(&[("a", 5), ("b", 3), ("c", 1)]);
    let a = session.cases[0].id;
    command(&mut session, UserCommand::LayoutSideBySide);
    act(&mut session, PaneAction::Show(1, a));
    assert_eq!(shown(&session), titled(&[("a", 2), ("a", 2)]));
    command(&mut session, UserCommand::RemoveCase);
    assert_eq!(shown(&session), titled(&[("c", 0), ("b", 1)]));
    command(&mut session, UserCommand::CloseAll);
    assert!((0..2).all(|pane| session.pane_view(pane).is_none()));
}

#[test]
fn orthogonal_views_take_the_place_of_the_layout_and_a_layout_takes_theirs() {
    let mut session = crate::session::ortho::tests::shown();
    assert_eq!(session.pane_count(), 1);
    command(&mut session, UserCommand::LayoutSideBySide);
    assert!(session.viewports.ortho_views().is_none() && !session.settings.orthogonal);
    assert_eq!(session.pane_count(), 2);
    act(&mut session, PaneAction::Activate(1));
    command(&mut session, UserCommand::ToggleOrtho);
    assert!(session.viewports.ortho_views().is_some());
    act(&mut session, PaneAction::Activate(0));
    assert_eq!((session.pane_count(), session.panes.active_index()), (1, 1));
}

#[test]
fn the_slices_of_all_views_are_read_first_and_kept_longest() {
    let mut session = session(&[("a", 9), ("b", 9), ("c", 9)], None);
    session.take_jobs();
    command(&mut session, UserCommand::LayoutSideBySide);
    let wishes = session
        .take_jobs()
        .into_iter()
        .rev()
        .find_map(|job| match job {
            Job::Decode(wishes) => Some(wishes),
            _ => None,
        })
        .unwrap();
    let [first, second] = [0, 1].map(|pane| view(&session, pane).slice_key());
    assert_eq!([wishes[0].key, wishes[1].key], [first, second]);
    for case in [first.case, second.case] {
        let neighbours = wishes.iter().filter(|wish| wish.key.case == case);
        assert!(neighbours.count() > 3, "both are read ahead");
    }
    let rank = session.slice_ranking();
    assert_eq!([rank(first), rank(second)], [0, 0]);
    let elsewhere = SliceKey {
        case: session.cases[2].id,
        slice: 4,
    };
    let beside = SliceKey {
        slice: second.slice + 1,
        ..second
    };
    assert!(rank(beside) < rank(elsewhere));
    command(&mut session, UserCommand::LayoutOne);
    assert!(session.slice_ranking()(second) > 0);
}

#[test]
fn linked_views_without_geometry_follow_by_number_and_by_pixels() {
    let mut session = with_pictures(&[("a", 5), ("b", 3)]);
    command(&mut session, UserCommand::LayoutSideBySide);
    scroll(&mut session, -1);
    assert_eq!(shown(&session), titled(&[("a", 1), ("b", 1)]));
    scroll(&mut session, -1);
    assert_eq!(shown(&session), titled(&[("a", 0), ("b", 1)]), "not linked");

    command(&mut session, UserCommand::LinkViews);
    assert_eq!(shown(&session), titled(&[("a", 0), ("b", 0)]));
    scroll(&mut session, 4);
    assert_eq!(shown(&session), titled(&[("a", 4), ("b", 2)]));
    command(&mut session, UserCommand::ZoomIn);
    session.apply_action(Action::SetWindow(Window::new(90.0, 40.0)));
    assert!(matches!(view(&session, 1).view, View::Free { .. }));
    assert_eq!(view(&session, 1).view, view(&session, 0).view);
    assert_eq!(view(&session, 1).window, Some(Window::new(90.0, 40.0)));

    act(&mut session, PaneAction::Activate(1));
    let four = [("a", 4), ("b", 2)];
    assert_eq!(
        shown(&session),
        titled(&four),
        "becoming active moves nothing"
    );
    scroll(&mut session, -1);
    assert_eq!(shown(&session), titled(&[("a", 1), ("b", 1)]));
}

/// A series with slices at these places along its normal, in mm, with square pixels of this size.
fn placed(name: &str, orientation: [f64; 6], along: &[f64], mm: f64) -> Series {
    let normal = Plane {
        position: [0.0; 3],
        orientation,
    }
    .unit_normal();
    let slice = |at: &f64| Slice {
        plane: Some(Plane {
            position: normal.map(|n| n * at),
            orientation,
        }),
        spacing: Some(PixelSpacing {
            row: mm,
            column: mm,
            source: SpacingSource::PixelSpacing,
        }),
        ..Slice::from_source(Source {
            path: format!("/scans/{name}").into(),
            frame: 0,
        })
    };
    Series {
        id: name.into(),
        modality: if name.starts_with("pet") { "PT" } else { "CT" }.into(),
        description: name.into(),
        frame_of_reference_uid: Some("1.2.3".into()),
        ..Series::from_slices(Kind::Dicom, 40, 40, along.iter().map(slice).collect())
    }
}

/// A session with these series open, as many views as fit, and linked.
fn linked(series: Vec<Series>, layout: UserCommand) -> Session {
    let mut session = Session::new(Settings::default());
    session.on_event(Event::Workspace(Ok(WorkspaceInfo::default())));
    session.take_jobs();
    session.apply_action(Action::Open(vec!["/scans".into()]));
    let id = session.take_jobs().iter().find_map(|job| match job {
        Job::Files(FileJob::Open { id, .. }) => Some(*id),
        _ => None,
    });
    let study = Study {
        id: "study".into(),
        description: String::new(),
        date: String::new(),
        time: String::new(),
        patient: Default::default(),
        series,
    };
    let catalog = Catalog {
        studies: vec![study],
        passed_over: Vec::new(),
    };
    session.on_event(Event::Opened {
        id: id.unwrap(),
        result: Ok(catalog),
    });
    command(&mut session, layout);
    command(&mut session, UserCommand::LinkViews);
    session
}

#[test]
fn linked_stacks_of_one_frame_of_reference_follow_by_position_in_the_patient() {
    let ct = placed("ct", AXIAL, &[0.0, 2.0, 4.0, 6.0, 8.0], 1.0);
    let pet = placed("pet", AXIAL, &[8.0, 4.0, 0.0], 2.0);
    let mut session = linked(vec![ct, pet], UserCommand::LayoutSideBySide);
    assert_eq!(shown(&session), titled(&[("ct", 2), ("pet", 1)]));
    scroll(&mut session, 2);
    assert_eq!(shown(&session), titled(&[("ct", 4), ("pet", 0)]));
    act(&mut session, PaneAction::Activate(1));
    scroll(&mut session, 2);
    assert_eq!(shown(&session), titled(&[("ct", 0), ("pet", 2)]));

    session.cases[1].view = View::Free {
        scale: 6.0,
        center: [5.5, 7.5],
    };
    session.apply_action(Action::SetWindow(Window::new(3.0, 2.0)));
    let expected = View::Free {
        scale: 3.0,
        center: [10.5, 14.5],
    };
    assert_eq!(
        view(&session, 0).view,
        expected,
        "the same mm in the middle"
    );
    assert_eq!(view(&session, 0).window, None, "CT values are no uptake");
    command(&mut session, UserCommand::ZoomFit);
    assert_eq!(view(&session, 0).view, View::Fit);
}

#[test]
fn a_linked_stack_across_the_active_one_follows_magnification_alone() {
    let axial = placed("ct", AXIAL, &[0.0, 2.0, 4.0], 1.0);
    let across = placed("sagittal", SAGITTAL, &[0.0, 3.0, 6.0], 0.5);
    let mut session = linked(vec![axial, across], UserCommand::LayoutSideBySide);
    let before = view(&session, 1);
    scroll(&mut session, 1);
    session.cases[0].view = View::Free {
        scale: 4.0,
        center: [1.0, 2.0],
    };
    session.apply_action(Action::ClearErrors);
    assert_eq!(view(&session, 1).slice, before.slice);
    let expected = View::Free {
        scale: 2.0,
        center: [20.0, 20.0],
    };
    assert_eq!(view(&session, 1).view, expected);
}

#[test]
fn images_of_one_place_over_time_follow_by_number() {
    let loop_of = |name| placed(name, AXIAL, &[5.0; 4], 1.0);
    let mut session = linked(
        vec![loop_of("first"), loop_of("second")],
        UserCommand::LayoutSideBySide,
    );
    scroll(&mut session, 1);
    assert_eq!(shown(&session), titled(&[("first", 3), ("second", 3)]));
}
