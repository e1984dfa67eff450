//! Reports of other programs.

use super::*;

#[test]
fn reports_about_other_images_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let (path, _) = written(&folder, &series, &one_of_each(), &["A"]);
    let report = read_file(&path).unwrap();
    let mut other = series.clone();
    other.slices.remove(0);
    let found = measurements_in_series(&report, &other);
    // Three of the eight lie on the slice that is missing.
    assert_eq!((found.measurements.len(), found.of_others), (5, 3));
    other.slices.clear();
    let found = measurements_in_series(&report, &other);
    assert_eq!((found.measurements.len(), found.of_others), (0, 8));
}

/// A group of a report of another program.
fn group(graphic: &str, concept: codes::Term, points: &[Point]) -> ReportGroup {
    ReportGroup {
        name: "L1".into(),
        uid: Some("1.2.840.99.1".into()),
        finding: None,
        coordinates: vec![ReportCoordinates {
            concept: code(concept),
            graphic: graphic.into(),
            dimensions: 2,
            values: points.iter().flatten().copied().collect(),
            image: Some(("1.2.3.2".into(), Vec::new())),
            frame_of_reference: None,
        }],
    }
}

fn found_in(series: &Series, group: ReportGroup) -> FoundMeasurements {
    let report = MeasurementReport {
        observers: vec!["Dr X".into()],
        groups: vec![group],
        is_own: false,
    };
    measurements_in_series(&report, series)
}

#[test]
fn shapes_of_other_programs_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let uid = series.slices[1].sop_instance_uid.clone().unwrap();
    let kind_of = |graphic: &str, concept, points: &[Point]| {
        let mut group = group(graphic, concept, points);
        group.coordinates[0].image = Some((uid.clone(), Vec::new()));
        let found = found_in(&series, group);
        found
            .measurements
            .first()
            .map(|m| (m.shape.kind(), m.place))
    };
    let on_second = |kind| Some((kind, MeasurementPlace::Slice(1)));
    // An angle as two lines that meet at the vertex.
    let angle = [[1.0, 1.0], [5.0, 5.0], [5.0, 5.0], [9.0, 1.0]];
    assert_eq!(
        kind_of("POLYLINE", codes::ANGLE, &angle),
        on_second(ShapeKind::Angle)
    );
    assert_eq!(
        kind_of("CIRCLE", codes::IMAGE_REGION, &[[10.0, 10.0], [14.0, 10.0]]),
        on_second(ShapeKind::Ellipse)
    );
    let square = [[2.0, 2.0], [8.0, 2.0], [8.0, 6.0], [2.0, 6.0], [2.0, 2.0]];
    assert_eq!(
        kind_of("POLYLINE", codes::IMAGE_REGION, &square),
        on_second(ShapeKind::Rectangle)
    );
    let turned = [[5.0, 2.0], [8.0, 5.0], [5.0, 8.0], [2.0, 5.0], [5.0, 2.0]];
    assert_eq!(
        kind_of("POLYLINE", codes::IMAGE_REGION, &turned),
        on_second(ShapeKind::Freehand)
    );
    assert_eq!(kind_of("MULTIPOINT", codes::LENGTH, &angle), None);
    assert_eq!(kind_of("POLYLINE", codes::LENGTH, &angle[..0]), None);

    let mut other = group("POLYLINE", codes::LENGTH, &angle[..2]);
    other.coordinates[0].image = Some((uid, Vec::new()));
    let first = found_in(&series, other.clone()).measurements.remove(0);
    let again = found_in(&series, other).measurements.remove(0);
    assert_eq!(first, again, "a report that is read twice gives the same");
    assert_eq!((first.name.as_str(), first.author.as_str()), ("L1", "Dr X"));
    assert_eq!(first.id.len(), 32);
}

#[test]
fn retired_codes_count_as_their_successors() {
    let srt = Code::new("G-A185", "SRT", "Long Axis");
    assert!(is_term(&srt, codes::LONG_AXIS) && !is_term(&srt, codes::SHORT_AXIS));
    assert!(is_term(&code(codes::SHORT_AXIS), codes::SHORT_AXIS));
    let other = Code::new("G-A185", "99XYZ", "Something else");
    assert!(!is_term(&other, codes::LONG_AXIS));
}
