//! A session with loaded images, for tests of drawing.

use super::*;

/// A session with these series open and loaded. Each slice has a bright square and a bright
/// line on a dark background.
pub(crate) fn with_pictures(all: &[(&str, usize)]) -> Session {
    const SIDE: usize = 64;
    let mut session = session(all, None);
    let slices: Vec<(CaseId, usize)> = session
        .cases
        .iter()
        .map(|case| (case.id, case.slices.len()))
        .collect();
    for (case, slice) in slices
        .into_iter()
        .flat_map(|(case, count)| (0..count).map(move |slice| (case, slice)))
    {
        let low = 12 + 2 * slice % 9;
        let is_bright = |x: usize, y: usize| {
            (low..44).contains(&x) && (low..50).contains(&y) || x + y == 70 + slice
        };
        let value = |i: usize| {
            if is_bright(i % SIDE, i / SIDE) {
                180 + (i % 7) as u8
            } else {
                40 + (i % 5) as u8
            }
        };
        let image = Image::new(
            SIDE,
            SIDE,
            Pixels::U8((0..SIDE * SIDE).map(value).collect()),
        )
        .unwrap();
        let default_window = image.default_window();
        let loaded = Loaded {
            image: Arc::new(image),
            default_window,
            presets: Vec::new(),
        };
        session.on_event(Event::Loaded {
            key: SliceKey { case, slice },
            result: Ok(Arc::new(loaded)),
        });
    }
    for name in ["One", "Two"] {
        session.apply_action(Action::Label(LabelAction::Add(Label::with_name(name, 0))));
    }
    session.apply_action(Action::Label(LabelAction::Choose(1)));
    session.take_jobs();
    session
}
