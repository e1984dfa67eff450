//! A session with loaded images, for tests of drawing.

use super::*;
use labrum_core::{
    cine::TimePoint,
    geometry::{PixelSpacing, Plane, SpacingSource},
};

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

/// Makes the open cases the times of one heart, with slices 8 mm apart.
pub(crate) fn link_times(session: &mut Session) {
    let count = session.cases.len();
    for (index, case) in session.cases.iter_mut().enumerate() {
        let mut series = Series::clone(&case.series);
        series.time_point = Some(TimePoint {
            group: "heart".into(),
            index,
            count,
        });
        for (place, slice) in series.slices.iter_mut().enumerate() {
            slice.plane = Some(Plane {
                position: [0.0, 0.0, 8.0 * place as f64],
                orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            });
            slice.spacing = Some(PixelSpacing {
                row: 1.0,
                column: 1.0,
                source: SpacingSource::PixelSpacing,
            });
        }
        case.series = Arc::new(series);
    }
}
