//! How an image looks changes nothing that was drawn or measured on it, bit by bit.

use super::*;
use crate::session::{ExportRequest, job::ExportScope, settings::ExportOptions};
use labrum_core::{
    export_format::ExportFormat,
    measurement::{DrawnMeasurement, Measured, ShapeKind},
};

/// Commands that change how an image looks, and nothing else.
const LOOKS: [UserCommand; 11] = [
    UserCommand::FlipHorizontally,
    UserCommand::FlipVertically,
    UserCommand::RotateLeft,
    UserCommand::RotateRight,
    UserCommand::InvertGrey,
    UserCommand::NextColorMap,
    UserCommand::ColorViridis,
    UserCommand::ToggleInterpolation,
    UserCommand::ToggleMagnifier,
    UserCommand::ZoomIn,
    UserCommand::ResetView,
];

/// The mask, the measurements with their values, what an export gets, and what the store was told.
#[derive(Debug, PartialEq)]
struct Outcome {
    mask: Mask,
    measured: Vec<(DrawnMeasurement, Measured)>,
    export: String,
    stored: Vec<String>,
}

fn outcome(session: &mut Session) -> Outcome {
    let request = ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::ThisCase,
        options: ExportOptions {
            formats: ExportFormat::ALL.to_vec(),
            ..ExportOptions::default()
        },
    };
    let export = format!("{:?}", session.export_job(request).unwrap());
    let jobs = session.take_jobs();
    let stored = jobs.iter().filter(|job| matches!(job, Job::Store(_)));
    let measurements = &session.cases[0].measurements;
    let values =
        |drawn: &DrawnMeasurement| Measured::clone(measurements.values_of(&drawn.id).unwrap());
    let all = measurements.all().iter();
    Outcome {
        mask: mask(session),
        measured: all.map(|drawn| (drawn.clone(), values(drawn))).collect(),
        export,
        stored: stored.map(|job| format!("{job:?}")).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_look_changes_a_mask_a_measurement_or_an_export(
        shapes in prop::collection::vec((0usize..8, prop::array::uniform4(1.0..63.0f64)), 1..4),
        looks in prop::collection::vec(0..LOOKS.len(), 1..12),
    ) {
        let mut session = drawing(2);
        take(&mut session, UserCommand::ToolBrush, 6.0);
        drag(&mut session, &[[20.0, 20.0], [40.0, 31.0]], false);
        for (kind, [x, y, u, v]) in shapes {
            command(&mut session, UserCommand::for_measure_kind(ShapeKind::ALL[kind]));
            drag(&mut session, &[[x, y], [u, y], [u, v]], false);
            click(&mut session, [v, u], false);
            click(&mut session, [y, x], false);
            command(&mut session, UserCommand::Cancel);
        }
        session.take_jobs();
        let before = outcome(&mut session);
        prop_assert!(!before.mask.is_blank() && before.stored.is_empty());
        for look in looks {
            command(&mut session, LOOKS[look]);
            // Not compared by `prop_assert_eq`: a message with masks would be megabytes.
            prop_assert!(outcome(&mut session) == before, "{:?}", LOOKS[look]);
        }
    }
}
