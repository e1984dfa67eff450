//! The Click tool on orthogonal views: what the network is asked, steps over several slices, undo, and leaving the view.

use super::*;
use crate::session::{
    clicked::ClickedObject,
    job::{ClickAnswer, ClickJob, NetworkJob},
};
use labrum_core::{
    prompts::Prompt,
    region::{PixelRect, Region},
};
use std::ops::Range;

/// Columns and rows of the sagittal view of five slices: the rows of the slices across, the slices down, the last one on top.
const VIEW: [usize; 2] = [ROWS, 5];

/// A series with its views, all loaded, and the Click tool. The sagittal view shows column 7.
fn clicking_on(heights: &[f64]) -> Session {
    let mut session = session(axial(heights), Settings::default());
    (0..heights.len()).for_each(|slice| load(&mut session, slice));
    command(&mut session, UserCommand::ToggleOrtho);
    command(&mut session, UserCommand::ToolClick);
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 1));
    reslice_views(&mut session);
    session
}

fn clicking() -> Session {
    clicking_on(&[0.0, 2.0, 4.0, 6.0, 8.0])
}

/// Does what the worker would do for the views.
fn reslice_views(session: &mut Session) {
    for job in session.take_jobs() {
        if let Job::Reslice(job) = job {
            let pane = job.stack.view_pane(job.plane);
            let image = reslice::view_image(&job.stack, &pane, job.index, &job.images);
            session.on_event(Event::Resliced {
                case: job.case,
                plane: job.plane,
                index: job.index,
                slices: job.images.iter().flatten().count(),
                image: image.map(Arc::new),
            });
        }
    }
}

/// Press, moves and release on the sagittal view.
fn drag(session: &mut Session, places: &[Place], erases: bool, is_shifted: bool) {
    let last = places[places.len() - 1];
    let first = (PointerPhase::Press, places[0]);
    let moves = places[1..].iter().map(|at| (PointerPhase::Drag, *at));
    let all = [first].into_iter().chain(moves);
    for (phase, at) in all.chain([(PointerPhase::Release, last)]) {
        let event = PointerInput {
            erases,
            is_shifted,
            scale: 8.0,
            ..input(phase, at)
        };
        act(session, OrthoAction::Pointer(ViewPlane::Column, event));
    }
}

fn click(session: &mut Session, at: Place, erases: bool) {
    drag(session, &[at], erases, false);
}

/// The questions to the network since the last call.
fn questions(session: &mut Session) -> Vec<ClickJob> {
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| match job {
        Job::Network(NetworkJob::Click(job)) => Some(job),
        _ => None,
    })
    .collect()
}

fn question(session: &mut Session) -> ClickJob {
    let mut all = questions(session);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Answers with a rectangle of the image of the question.
fn reply(session: &mut Session, job: &ClickJob, columns: Range<usize>, rows: Range<usize>) {
    let width = job.image.columns;
    let probabilities: Vec<f32> = (0..width * job.image.rows)
        .map(|at| {
            let is_in = columns.contains(&(at % width)) && rows.contains(&(at / width));
            if is_in { 0.9 } else { 0.1 }
        })
        .collect();
    let found = ClickedObject::from_probabilities(&probabilities, width, job.image.rows);
    session.on_event(Event::Clicked(ClickAnswer {
        case: job.case,
        object: job.object,
        revision: job.revision,
        prompts: job.prompts.len(),
        model: "Clicks 1.0.0".to_owned(),
        result: Ok(Arc::new(found)),
    }));
}

/// A click on the sagittal view that is answered with a rectangle; returns the question.
fn click_and_reply(
    session: &mut Session,
    at: Place,
    columns: Range<usize>,
    rows: Range<usize>,
) -> ClickJob {
    click(session, at, false);
    let job = question(session);
    reply(session, &job, columns, rows);
    job
}

/// The voxels in column 7 of these slices and rows of slices.
fn in_column_7(slices: Range<usize>, rows: Range<usize>) -> Vec<(usize, usize, usize)> {
    slices
        .flat_map(|slice| rows.clone().map(move |row| (slice, 7, row)))
        .collect()
}

fn prompt_count(session: &Session) -> usize {
    session.clicks.object().map_or(0, |o| o.prompts().count())
}

fn sagittal_index(session: &Session) -> usize {
    let ortho = session.viewports.ortho_views().unwrap();
    ortho.cell_index(ViewPlane::Column)
}

fn says(session: &Session, words: &str) -> bool {
    let mut notices = session.notices.list.iter();
    notices.any(|notice| notice.text.contains(words))
}

#[test]
fn the_network_sees_the_image_of_the_view_with_its_pixel_aspect() {
    let mut session = clicking();
    click(&mut session, [3.5, 1.5], false);
    let job = question(&mut session);
    assert_eq!([job.image.columns, job.image.rows], VIEW);
    assert_eq!(
        job.image.modality_value(ROWS + 3),
        f64::from(3000 + 3 * COLUMNS as i32 + 7),
        "the second row is slice 3, the fourth pixel is row 3"
    );
    assert!((job.pixel_aspect - 2.0 / 0.5).abs() < 1e-9);
    let expected = Prompt::Click {
        at: [3.5, 1.5],
        adds: true,
    };
    assert_eq!(job.prompts, [expected]);
    assert!(job.earlier.is_none());
}

#[test]
fn an_answer_is_one_step_over_several_slices_and_is_undone_and_redone() {
    let mut session = clicking();
    click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
    assert_eq!(voxels(&session), in_column_7(1..4, 2..5));
    assert_eq!(session.next_undo(), Some("Click"));
    let second = click_and_reply(&mut session, [6.5, 1.5], 2..7, 1..3);
    assert_eq!(second.prompts.len(), 2);
    assert!(second.earlier.is_some());
    assert_eq!(voxels(&session), in_column_7(2..4, 2..7));
    assert_eq!(session.history.len(), 2);

    command(&mut session, UserCommand::Undo);
    assert_eq!(voxels(&session), in_column_7(1..4, 2..5));
    assert_eq!(prompt_count(&session), 1);
    command(&mut session, UserCommand::Undo);
    assert!(voxels(&session).is_empty() && prompt_count(&session) == 0);
    command(&mut session, UserCommand::Redo);
    command(&mut session, UserCommand::Redo);
    assert_eq!(voxels(&session), in_column_7(2..4, 2..7));
    assert_eq!(prompt_count(&session), 2);
}

#[test]
fn the_step_is_kept_without_its_prompts() {
    let mut session = clicking();
    click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
    let step = session.history.next_undo(None).unwrap();
    assert_eq!(step.edits.len(), 3, "the slices under the object");
    assert!(step.also.prompts.is_none(), "they lie on no slice");
}

#[test]
fn escape_discards_the_object_and_enter_finishes_it() {
    let mut session = clicking();
    click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
    click_and_reply(&mut session, [6.5, 1.5], 2..7, 1..4);
    command(&mut session, UserCommand::Cancel);
    assert!(voxels(&session).is_empty() && session.clicks.object().is_none());

    click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
    command(&mut session, UserCommand::Accept);
    assert!(session.clicks.object().is_none());
    let next = click_and_reply(&mut session, [7.5, 0.5], 7..8, 0..1);
    assert_eq!(next.prompts.len(), 1);
    assert!(voxels(&session).len() > 9, "both objects are there");
}

#[test]
fn a_drag_is_a_box_and_a_stroke_with_shift_is_a_scribble() {
    let path = [[1.5, 0.5], [4.5, 1.5], [6.5, 3.5]];
    let drawn = |erases, is_shifted| {
        let mut session = clicking();
        click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
        let cross = session.viewports.ortho_views().unwrap().cross;
        drag(&mut session, &path, erases, is_shifted);
        let after = session.viewports.ortho_views().unwrap().cross;
        assert_eq!(after, cross, "the crosshair stays");
        question(&mut session).prompts.remove(1)
    };
    let scribble = |adds| Prompt::Scribble {
        points: path.to_vec(),
        adds,
    };
    assert_eq!(
        drawn(false, false),
        Prompt::Box {
            from: path[0],
            to: path[2]
        }
    );
    assert_eq!(drawn(false, true), scribble(true));
    assert_eq!(drawn(true, false), scribble(false));
}

#[test]
fn a_first_negative_click_corrects_an_island_that_was_drawn_across_slices() {
    let mut session = clicking();
    let tools = ToolOptions {
        radius: 1.0,
        unit: BrushUnit::Mm,
        ..ToolOptions::default()
    };
    session.apply_action(Action::SetTools(tools));
    command(&mut session, UserCommand::ToolBrush);
    stroke(&mut session, ViewPlane::Column, &[[4.5, 1.5], [4.5, 3.5]]);
    let drawn = in_column_7(1..4, 2..7);
    assert_eq!(voxels(&session), drawn);
    command(&mut session, UserCommand::ToolClick);
    session.take_jobs();
    click(&mut session, [4.5, 3.5], true);
    let job = question(&mut session);
    let island = PixelRect {
        columns: 2..7,
        rows: 1..4,
    };
    let island = Region::from_fn(&island, |_, _| true);
    assert_eq!(job.earlier.as_ref().unwrap().region(), &island);
    reply(&mut session, &job, 2..7, 1..3);
    assert_eq!(voxels(&session), in_column_7(2..4, 2..7));
    command(&mut session, UserCommand::Undo);
    assert_eq!(voxels(&session), drawn);
}

#[test]
fn scrolling_finishes_the_object_and_its_late_answer_stays_on_its_plane() {
    let mut session = clicking();
    click(&mut session, [3.5, 1.5], false);
    let job = question(&mut session);
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 2));
    assert!(session.clicks.object().is_none());
    reply(&mut session, &job, 2..5, 1..4);
    assert_eq!(voxels(&session), in_column_7(1..4, 2..5));
}

#[test]
fn a_click_on_a_slice_begins_another_object() {
    let mut session = clicking();
    let first = click_and_reply(&mut session, [3.5, 1.5], 2..5, 1..4);
    for phase in [PointerPhase::Press, PointerPhase::Release] {
        session.apply_action(Action::Pointer(PointerInput {
            scale: 8.0,
            ..input(phase, [2.5, 2.5])
        }));
    }
    let job = question(&mut session);
    assert_ne!(job.object, first.object);
    assert_eq!([job.image.columns, job.image.rows], [COLUMNS, ROWS]);
    assert_eq!(job.pixel_aspect, 1.0);
    reply(&mut session, &job, 1..4, 1..4);
    assert_eq!(voxels(&session).len(), 9 + 9);
}

#[test]
fn undo_of_a_click_without_an_answer_shows_its_plane() {
    let mut session = clicking();
    click(&mut session, [3.5, 1.5], false);
    let late = question(&mut session);
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 2));
    assert_eq!(sagittal_index(&session), 9);
    command(&mut session, UserCommand::Undo);
    assert_eq!(sagittal_index(&session), 7);
    assert!(says(&session, "still being computed"));
    reply(&mut session, &late, 2..5, 1..4);
    assert!(voxels(&session).is_empty());
}

#[test]
fn a_view_that_is_not_complete_cannot_be_clicked_yet() {
    let mut session = clicking();
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 1));
    click(&mut session, [3.5, 1.5], false);
    assert!(says(&session, "The view is still loading"));
    reslice_views(&mut session);
    click(&mut session, [3.5, 1.5], false);
    assert_eq!(questions(&mut session).len(), 1);

    let mut session = super::session(axial(&[0.0, 2.0, 4.0]), Settings::default());
    load(&mut session, 0);
    load(&mut session, 1);
    command(&mut session, UserCommand::ToggleOrtho);
    command(&mut session, UserCommand::ToolClick);
    reslice_views(&mut session);
    click(&mut session, [3.5, 1.5], false);
    assert!(questions(&mut session).is_empty(), "a slice is missing");
}

#[test]
fn closing_the_views_finishes_the_object() {
    let mut session = clicking();
    click(&mut session, [3.5, 1.5], false);
    let job = question(&mut session);
    command(&mut session, UserCommand::ToggleOrtho);
    reply(&mut session, &job, 2..5, 1..4);
    assert!(session.clicks.object().is_none());
    assert_eq!(voxels(&session), in_column_7(1..4, 2..5));
}

#[test]
fn a_slice_that_several_rows_of_the_view_show_keeps_what_belongs_to_the_object() {
    // Slice 2 is shown in the two upper rows; below them is a gap.
    let mut session = clicking_on(&[0.0, 2.0, 7.0]);
    click_and_reply(&mut session, [3.5, 0.5], 2..5, 0..2);
    assert_eq!(voxels(&session), in_column_7(2..3, 2..5));
    click_and_reply(&mut session, [4.5, 0.5], 2..5, 0..1);
    assert_eq!(voxels(&session), in_column_7(2..3, 2..5));
    click_and_reply(&mut session, [4.5, 4.5], 2..4, 4..5);
    assert_eq!(voxels(&session), in_column_7(0..1, 2..4));
}
