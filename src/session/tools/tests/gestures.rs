//! Any gestures in any order, with undo and redo between them.

use super::*;

#[derive(Clone, Debug)]
enum ToolGesture {
    Drag(UserCommand, Vec<Place>, bool),
    Do(UserCommand),
    Label(u8),
    Over(PaintOver),
}

fn gesture() -> impl Strategy<Value = ToolGesture> {
    use UserCommand as C;
    let place = || [-5.0..70.0f64, -5.0..70.0f64];
    let tools = prop::sample::select(vec![
        C::ToolBrush,
        C::ToolEraser,
        C::ToolSmartBrush,
        C::ToolLasso,
        C::ToolPolygon,
        C::ToolLiveWire,
        C::ToolFill,
        C::ToolPull,
    ]);
    let operations = prop::sample::select(vec![
        C::Grow,
        C::Shrink,
        C::Smooth,
        C::FillHoles,
        C::RemoveIslands,
        C::KeepLargest,
        C::EmptyLabel,
        C::CopyFromPrevious,
        C::CopyFromNext,
        C::NextSlice,
        C::PreviousSlice,
    ]);
    prop_oneof![
        6 => (tools, prop::collection::vec(place(), 1..6), any::<bool>()).prop_map(|(t, p, e)| ToolGesture::Drag(t, p, e)),
        2 => operations.prop_map(ToolGesture::Do),
        1 => (1u8..4).prop_map(ToolGesture::Label),
        1 => prop_oneof![
            Just(PaintOver::Everything),
            Just(PaintOver::Background),
            (1u8..4).prop_map(PaintOver::Label)
        ].prop_map(ToolGesture::Over),
    ]
}

fn play(session: &mut Session, gesture: &ToolGesture) {
    match gesture {
        ToolGesture::Drag(tool, places, erases) => {
            take(session, *tool, 6.0);
            if matches!(tool, UserCommand::ToolPolygon | UserCommand::ToolLiveWire) {
                places.iter().for_each(|at| click(session, *at, *erases));
                // Without an open polygon, the command would accept the case.
                if session.tools.is_drawing() {
                    command(session, UserCommand::Accept);
                }
            } else {
                drag(session, places, *erases);
            }
        }
        ToolGesture::Do(operation) => command(session, *operation),
        ToolGesture::Label(label) => {
            session.apply_action(Action::Label(LabelAction::Choose(*label)))
        }
        ToolGesture::Over(over) => {
            session.apply_action(Action::Label(LabelAction::PaintOver(*over)))
        }
    }
}

fn masks(session: &Session) -> Vec<Mask> {
    let case = session.cases[0].id;
    let of = |slice| {
        session
            .mask_of(SliceKey { case, slice })
            .map_or_else(|| Mask::new_blank(SIDE, SIDE), |m| m.into_owned())
    };
    (0..session.cases[0].slices.len()).map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_edit_can_be_undone_and_redone_and_locked_labels_never_change(
        before in prop::collection::vec(gesture(), 1..6),
        after in prop::collection::vec(gesture(), 1..8),
        locked in 1u8..4,
    ) {
        let mut session = drawing(3);
        before.iter().for_each(|g| play(&mut session, g));
        let mut label = session.labels.all_labels()[usize::from(locked) - 1].clone();
        label.locked = true;
        session.apply_action(Action::Label(LabelAction::Change(locked, label)));
        let (start, steps) = (masks(&session), session.history.len());
        let mut states = vec![start.clone()];
        for gesture in &after {
            play(&mut session, gesture);
            prop_assert!(!session.tools.is_drawing());
            let now = masks(&session);
            for (now, start) in now.iter().zip(&start) {
                prop_assert_eq!(now.label_region(locked), start.label_region(locked), "a locked label changed by {:?}", gesture);
                prop_assert!(now.pixel_labels().iter().all(|l| *l <= 3));
            }
            if states.last() != Some(&now) {
                states.push(now);
            }
        }
        prop_assert_eq!(session.history.len() - steps, states.len() - 1, "one step for each change");
        for state in states.iter().rev().skip(1) {
            command(&mut session, UserCommand::Undo);
            prop_assert_eq!(&masks(&session), state);
        }
        for state in &states[1..] {
            command(&mut session, UserCommand::Redo);
            prop_assert_eq!(&masks(&session), state);
        }
    }
}
