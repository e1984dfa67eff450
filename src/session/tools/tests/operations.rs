//! Commands that change a whole mask, and their preview.

use super::*;

#[test]
fn copies_and_operations_change_only_the_active_label() {
    let mut session = drawing(2);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    session.apply_action(Action::SetSlice(0));
    click(&mut session, [20.0, 20.0], false);
    let first = mask(&session);
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    session.apply_action(Action::SetSlice(1));
    click(&mut session, [40.0, 40.0], false);
    session.apply_action(Action::Label(LabelAction::Choose(1)));
    command(&mut session, UserCommand::CopyFromPrevious);
    assert_eq!(mask(&session).label_region(1), first.label_region(1));
    let two = mask(&session).label_region(2);
    for operation in [
        UserCommand::Grow,
        UserCommand::Smooth,
        UserCommand::Shrink,
        UserCommand::FillHoles,
    ] {
        command(&mut session, operation);
        assert_eq!(mask(&session).label_region(2), two, "{operation:?}");
    }
    session.apply_action(Action::PreviewCommand(Some(UserCommand::Grow)));
    let (before, shown) = (
        mask(&session).label_region(1),
        session.tools.tool_preview().region.clone().unwrap(),
    );
    command(&mut session, UserCommand::Grow);
    assert_eq!(
        mask(&session).label_region(1).difference(&before),
        shown,
        "the preview shows what changes"
    );
}

#[test]
fn interpolation_fills_the_slices_between_and_is_one_step() {
    let mut session = drawing(5);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    for slice in [0, 4] {
        session.apply_action(Action::SetSlice(slice));
        click(&mut session, [20.0, 20.0], false);
    }
    command(&mut session, UserCommand::Interpolate);
    let job = session.take_jobs().into_iter().find_map(|j| {
        if let Job::Shapes(ShapeJob::Interpolate(j)) = j {
            Some(j)
        } else {
            None
        }
    });
    let job = job.unwrap();
    assert_eq!(
        job.shapes
            .iter()
            .map(|(a, _, b, _)| (*a, *b))
            .collect::<Vec<_>>(),
        [(0, 4)]
    );
    let shape = job.shapes[0].1.clone();
    session.on_event(Event::Interpolated(
        job,
        (1..4).map(|s| (s, shape.clone())).collect(),
    ));
    assert!((0..5).all(|slice| {
        session
            .mask_of(SliceKey {
                case: session.cases[0].id,
                slice,
            })
            .is_some()
    }));
    command(&mut session, UserCommand::Undo);
    let case = session.cases[0].id;
    assert!(
        session
            .mask_of(SliceKey { case, slice: 2 })
            .is_none_or(|mask| mask.is_blank())
    );
}

#[test]
fn interpolation_skips_a_slice_with_a_stroke_in_progress() {
    let mut session = drawing(3);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    for slice in [0, 2, 1] {
        session.apply_action(Action::SetSlice(slice));
        if slice != 1 {
            click(&mut session, [20.0, 20.0], false);
        }
    }
    command(&mut session, UserCommand::Interpolate);
    let job = session.take_jobs().into_iter().find_map(|j| {
        if let Job::Shapes(ShapeJob::Interpolate(j)) = j {
            Some(j)
        } else {
            None
        }
    });
    let shape = job.as_ref().unwrap().shapes[0].1.clone();
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    point(&mut session, PointerPhase::Press, [24.0, 20.0], false);
    session.on_event(Event::Interpolated(job.unwrap(), vec![(1, shape)]));
    point(&mut session, PointerPhase::Release, [24.0, 20.0], false);
    let drawn = mask(&session);
    command(&mut session, UserCommand::Undo);
    assert!(
        mask(&session).is_blank(),
        "the stroke was the only step on this slice"
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(mask(&session), drawn);
}

#[test]
fn the_preview_shows_exactly_what_would_change() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    click(&mut session, [20.0, 20.0], false);
    command(&mut session, UserCommand::ToolFill);
    point(&mut session, PointerPhase::Hover, [20.0, 20.0], false);
    assert!(
        session
            .tools
            .tool_preview()
            .region
            .as_ref()
            .unwrap()
            .is_empty(),
        "it has the label already"
    );
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    point(&mut session, PointerPhase::Hover, [20.5, 20.0], false);
    assert_eq!(
        session.tools.tool_preview().region,
        Some(mask(&session).label_region(1))
    );
    let locked = Label {
        locked: true,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, locked)));
    point(&mut session, PointerPhase::Hover, [20.0, 20.0], false);
    assert!(
        session
            .tools
            .tool_preview()
            .region
            .as_ref()
            .unwrap()
            .is_empty(),
        "it is locked"
    );
}
