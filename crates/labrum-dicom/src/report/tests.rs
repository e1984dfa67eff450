//! Reports are read back as they were drawn; those of others are placed on the images that they name.
#![allow(clippy::unwrap_used)]

mod others;

use super::{
    codes::{self, code, is_term},
    *,
};
use crate::{dataset::DataSet, file::DicomFile, fixture::Fixture};
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    boundary::Point,
    label::Code,
    measurement::{
        MeasurementPlace, QuantityKind, Shape, ShapeKind, Surface, ViewFrame, measure_shape,
    },
    stack::{Stack, ViewPlane},
    study::Slice,
};
use proptest::prelude::*;
use tempfile::TempDir;

const SIDE: u16 = 40;

/// Three CT slices 4 mm apart, pixels of 0.5 x 0.25 mm.
fn series(folder: &TempDir) -> Series {
    for (number, z) in [(1, 0.0), (2, 4.0), (3, 8.0)] {
        Fixture::new(SIDE, SIDE)
            .with_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.9")
            .with_text(tags::PATIENT_NAME, VR::PN, "Doe^Jane")
            .with_slice_position(number, z)
            .with_pixels(&[0; (SIDE as usize) * (SIDE as usize)])
            .write_to_folder(folder.path(), &format!("{number}.dcm"));
    }
    let catalog = crate::catalog::scan_path(folder.path()).unwrap();
    catalog.studies[0].series[0].clone()
}

fn drawn(kind: ShapeKind, slice: u32, points: &[Point]) -> DrawnMeasurement {
    let shape = Shape::new(kind, points.to_vec()).unwrap();
    let name = kind.display_name().to_owned();
    DrawnMeasurement::new(
        name,
        "R. Reader".into(),
        MeasurementPlace::Slice(slice),
        shape,
    )
}

/// One measurement of each kind. The first axis is the longer one, as reports have it.
fn one_of_each() -> Vec<DrawnMeasurement> {
    use ShapeKind as K;
    vec![
        drawn(K::Length, 0, &[[1.5, 2.25], [20.0, 9.0]]),
        drawn(K::Angle, 0, &[[1.0, 1.0], [10.0, 10.0], [30.0, 5.5]]),
        drawn(
            K::CobbAngle,
            1,
            &[[1.0, 1.0], [10.0, 3.0], [1.0, 20.0], [10.0, 15.0]],
        ),
        drawn(
            K::Bidirectional,
            1,
            &[[2.0, 10.0], [30.0, 10.0], [12.0, 8.0], [12.0, 12.0]],
        ),
        drawn(
            K::Ellipse,
            2,
            &[[2.0, 10.0], [30.0, 10.0], [16.0, 8.0], [16.0, 12.0]],
        ),
        drawn(K::Rectangle, 2, &[[3.0, 4.0], [17.25, 12.5]]),
        drawn(
            K::Freehand,
            2,
            &[[3.0, 4.0], [17.0, 5.0], [12.0, 20.0], [4.0, 11.0]],
        ),
        drawn(K::Point, 0, &[[7.5, 8.5]]),
    ]
}

fn values_of(series: &Series, drawn: &DrawnMeasurement) -> Measured {
    let scale = drawn
        .slice()
        .and_then(|slice| series.slices.get(slice))
        .map(Slice::length_scale)
        .unwrap_or_default();
    let surface = Surface {
        columns: series.columns,
        rows: series.rows,
        scale: &scale,
        image: None,
    };
    measure_shape(&drawn.shape, &surface)
}

/// Writes a report and returns the file.
fn written(
    folder: &TempDir,
    series: &Series,
    all: &[DrawnMeasurement],
    observers: &[&str],
) -> (std::path::PathBuf, ReportSummary) {
    let values: Vec<Measured> = all.iter().map(|drawn| values_of(series, drawn)).collect();
    let reported: Vec<Reported<'_>> = all
        .iter()
        .zip(&values)
        .map(|(drawn, measured)| Reported { drawn, measured })
        .collect();
    let path = folder.path().join("report.sr.dcm");
    let observers: Vec<String> = observers.iter().map(|name| (*name).to_owned()).collect();
    let summary = write_file(&path, series, &reported, &observers).unwrap();
    (path, summary)
}

#[test]
fn every_measurement_is_read_back_as_it_was_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let mut all = one_of_each();
    all[0].name = "Läsion 1".into();
    all[0].finding = Some(Code::new("52988006", "SCT", "Lesion"));
    let (path, summary) = written(&folder, &series, &all, &["R. Reader"]);
    assert!(summary.sop_instance_uid.starts_with("2.25."));
    let report = read_file(&path).unwrap();
    assert_eq!(report.observers, ["R. Reader"]);
    let found = measurements_in_series(&report, &series);
    assert_eq!(found.measurements, all.as_slice());
    assert_eq!((found.of_others, found.notes.len()), (0, 0));
}

#[test]
fn the_report_has_the_attributes_and_the_tree_of_tid_1500() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let all = one_of_each();
    let (path, _) = written(&folder, &series, &all, &[]);
    let file = DicomFile::open(&path).ok().unwrap();
    assert_eq!(file.sop_class, uids::COMPREHENSIVE_SR_STORAGE);
    let data = &file.data;
    assert_eq!(data.text_value(tags::MODALITY).as_deref(), Some("SR"));
    assert_eq!(
        data.text_value(tags::PATIENT_NAME).as_deref(),
        Some("Doe^Jane")
    );
    assert_eq!(
        data.text_value(tags::STUDY_INSTANCE_UID).as_deref(),
        Some("1.2.3")
    );
    let evidence = data
        .first_item(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE)
        .and_then(|study| study.first_item(tags::REFERENCED_SERIES_SEQUENCE))
        .unwrap();
    assert_eq!(
        evidence.sequence_items(tags::REFERENCED_SOP_SEQUENCE).len(),
        3
    );
    let content = data.sequence_items(tags::CONTENT_SEQUENCE);
    let named = |term| content.iter().find(move |item| name_of(item, term));
    assert!(named(codes::LANGUAGE).is_some() && named(codes::PROCEDURE_REPORTED).is_some());
    assert!(named(codes::DEVICE_UID).is_some() && named(codes::PERSON_NAME).is_none());
    let groups = named(codes::IMAGING_MEASUREMENTS)
        .unwrap()
        .sequence_items(tags::CONTENT_SEQUENCE);
    assert_eq!(groups.len(), all.len());
    let templates: Vec<String> = groups
        .iter()
        .map(|group| {
            let template = group.first_item(tags::CONTENT_TEMPLATE_SEQUENCE).unwrap();
            template.text_value(tags::TEMPLATE_IDENTIFIER).unwrap()
        })
        .collect();
    // The point has no value, as the pixels are not known here: it is a region.
    let lines = ["1501"; 4].into_iter();
    let expected: Vec<&str> = lines.chain(["1410"; 4]).collect();
    assert_eq!(templates, expected);

    // The length: 18.5 columns of 0.25 mm and 6.75 rows of 0.5 mm.
    let number = groups[0]
        .sequence_items(tags::CONTENT_SEQUENCE)
        .iter()
        .find(|item| name_of(item, codes::LENGTH))
        .unwrap();
    let value = number.first_item(tags::MEASURED_VALUE_SEQUENCE).unwrap();
    let length = (18.5f64 * 0.25).hypot(6.75 * 0.5);
    let stored = value.numeric_value(tags::NUMERIC_VALUE).unwrap();
    assert!((stored - length).abs() < 1e-9, "{stored}");
    let unit = value
        .first_item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE)
        .unwrap();
    assert_eq!(unit.text_value(tags::CODE_VALUE).as_deref(), Some("mm"));
}

/// True if a content item has this concept name.
fn name_of(item: &DataSet, term: codes::Term) -> bool {
    let name = item.first_item(tags::CONCEPT_NAME_CODE_SEQUENCE);
    name.and_then(|name| name.text_value(tags::CODE_VALUE))
        .is_some_and(|value| value == term[0])
}

#[test]
fn a_measurement_across_the_slices_is_in_patient_coordinates() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let stack = Stack::from_series(&series).unwrap();
    let pane = stack.view_pane(ViewPlane::Column);
    let frame = ViewFrame::of_view(&stack, &pane, [7.5, 0.0, 0.0]);
    let mut across = drawn(ShapeKind::Length, 0, &[[3.5, 0.5], [20.25, 2.5]]);
    across.place = MeasurementPlace::View(frame);
    let mut region = drawn(ShapeKind::Rectangle, 0, &[[3.5, 0.5], [20.25, 2.5]]);
    region.place = MeasurementPlace::View(frame);
    // Each of its axes alone lies on another plane, too.
    let axes = [[3.5, 1.5], [20.25, 1.5], [10.5, 0.5], [10.5, 2.5]];
    let mut axes = drawn(ShapeKind::Bidirectional, 0, &axes);
    axes.place = MeasurementPlace::View(frame);
    let point = drawn(ShapeKind::Point, 1, &[[2.5, 3.5]]);
    let all = vec![across, point, region, axes];
    let (path, _) = written(&folder, &series, &all, &["A"]);
    let file = DicomFile::open(&path).ok().unwrap();
    assert_eq!(file.sop_class, uids::COMPREHENSIVE3_DSR_STORAGE);
    let found = measurements_in_series(&read_file(&path).unwrap(), &series);
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(found.measurements.len(), all.len());
    for (found, drawn) in found.measurements.iter().zip(&all) {
        assert_eq!((&found.id, &found.shape), (&drawn.id, &drawn.shape));
    }
    let MeasurementPlace::View(back) = found.measurements[0].place else {
        unreachable!("it lies across the slices")
    };
    let apart = back.corner_on(&frame, 1e-3).unwrap();
    assert!(apart.iter().all(|v| v.abs() < 1e-6), "{apart:?}");
}

/// A measurement on an orthogonal view through a grid position.
fn across(series: &Series, plane: ViewPlane, at: Point, points: &[Point]) -> DrawnMeasurement {
    let stack = Stack::from_series(series).unwrap();
    let kind = match points.len() {
        1 => ShapeKind::Point,
        2 => ShapeKind::Length,
        _ => ShapeKind::Angle,
    };
    let frame = ViewFrame::of_view(&stack, &stack.view_pane(plane), [at[0], at[1], 0.0]);
    DrawnMeasurement {
        place: MeasurementPlace::View(frame),
        ..drawn(kind, 0, points)
    }
}

#[test]
fn what_was_drawn_on_a_view_within_one_slice_comes_back_on_that_view() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let at = [7.5, 9.5];
    let all = [
        // Within a slice: through its middle, and beside it.
        across(&series, ViewPlane::Column, at, &[[3.25, 1.5], [20.25, 1.5]]),
        across(&series, ViewPlane::Row, at, &[[3.25, 1.25], [20.25, 1.75]]),
        // Along the slices, within one column and one row.
        across(&series, ViewPlane::Column, at, &[[3.25, 0.5], [3.25, 2.5]]),
        across(&series, ViewPlane::Row, at, &[[3.25, 0.5], [3.25, 2.5]]),
        across(&series, ViewPlane::Column, at, &[[3.25, 1.5]]),
        across(&series, ViewPlane::Row, at, &[[3.25, 1.5]]),
        across(
            &series,
            ViewPlane::Row,
            at,
            &[[3.25, 1.5], [9.0, 1.5], [20.25, 1.75]],
        ),
    ];
    let (path, _) = written(&folder, &series, &all, &["A"]);
    let mut report = read_file(&path).unwrap();
    assert!(report.is_own);
    let found = measurements_in_series(&report, &series);
    assert_eq!(found.notes, Vec::<String>::new());
    for (index, (found, drawn)) in found.measurements.iter().zip(&all).enumerate() {
        let places = (&found.place, &drawn.place);
        let (MeasurementPlace::View(back), MeasurementPlace::View(frame)) = places else {
            unreachable!("{index} lies on a slice")
        };
        let apart = back.corner_on(frame, 1e-3);
        assert!(
            apart.is_some_and(|at| at.iter().all(|v| v.abs() < 1e-4)),
            "{index}: {apart:?}"
        );
        let ends = found.shape.points().iter().zip(drawn.shape.points());
        for (found, drawn) in ends {
            assert!(
                (found[0] - drawn[0]).hypot(found[1] - drawn[1]) < 2e-3,
                "{index}"
            );
        }
    }
    // Another program may have drawn the first on the slice itself; the third lies across slices for anybody.
    report.is_own = false;
    let found = measurements_in_series(&report, &series);
    assert_eq!(found.measurements[0].slice(), Some(1));
    assert_eq!(found.measurements[2].slice(), None);
}

#[test]
fn image_files_and_empty_lists_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let path = folder.path().join("none.dcm");
    assert!(write_file(&path, &series, &[], &[]).is_err());
    let picture = Series {
        kind: Kind::Picture,
        ..series.clone()
    };
    let all = one_of_each();
    let measured = values_of(&series, &all[0]);
    let reported = Reported {
        drawn: &all[0],
        measured: &measured,
    };
    let error = write_file(&path, &picture, &[reported], &[]).unwrap_err();
    assert!(error.reason.contains("image files"), "{error}");
    assert!(!path.exists());
    let error = read_file(&folder.path().join("1.dcm")).unwrap_err();
    assert_eq!(error.kind, labrum_core::ErrorKind::NotFound, "an image");
}

#[test]
fn statistics_name_what_was_measured_and_how() {
    use labrum_core::measurement::QuantityUnit;
    let hu = QuantityUnit::OfValues("HU".into());
    let (concept, derivation) = codes::quantity_concept(QuantityKind::Mean, None, &hu);
    assert_eq!(concept.value, "112031");
    assert_eq!(derivation.map(|term| term[0]), Some("373098007"));
    assert_eq!(codes::unit_code(&hu).value, "[hnsf'U]");
    let none = QuantityUnit::OfValues(String::new());
    let (concept, derivation) = codes::quantity_concept(QuantityKind::Maximum, None, &none);
    assert_eq!((concept.value.as_str(), derivation), ("56851009", None));
}

/// Kind, points and place of a measurement: 0 to 2 are slices, 3 is a view across columns, 4 one across rows.
fn any_measurement() -> impl Strategy<Value = (ShapeKind, Vec<Point>, u32)> {
    let points = prop::collection::vec(prop::array::uniform2(0.0..40.0f64), 5..9);
    (0usize..8, points, 0u32..5).prop_map(|(kind, mut points, place)| {
        let kind = ShapeKind::ALL[kind];
        points.truncate(match kind {
            ShapeKind::Point => 1,
            ShapeKind::Length | ShapeKind::Rectangle => 2,
            ShapeKind::Angle => 3,
            ShapeKind::CobbAngle | ShapeKind::Bidirectional | ShapeKind::Ellipse => 4,
            ShapeKind::Freehand => points.len(),
        });
        (kind, points, place)
    })
}

/// A measurement of [`any_measurement`] on a series.
fn measurement_on(
    series: &Series,
    (kind, points, place): (ShapeKind, Vec<Point>, u32),
) -> DrawnMeasurement {
    let plane = match place {
        3 => ViewPlane::Column,
        4 => ViewPlane::Row,
        slice => return drawn(kind, slice, &points),
    };
    let stack = Stack::from_series(series).unwrap();
    let frame = ViewFrame::of_view(&stack, &stack.view_pane(plane), [7.5, 9.5, 0.0]);
    // There are three slices.
    let on_view: Vec<Point> = points.iter().map(|[x, y]| [*x, y * 3.0 / 40.0]).collect();
    DrawnMeasurement {
        place: MeasurementPlace::View(frame),
        ..drawn(kind, 0, &on_view)
    }
}

/// Where its points are: column, row and slice, or in the patient in mm.
fn places_of(drawn: &DrawnMeasurement) -> Vec<[f64; 3]> {
    let points = drawn.shape.points().iter();
    points
        .map(|point| match drawn.place {
            MeasurementPlace::Slice(slice) => [point[0], point[1], f64::from(slice)],
            MeasurementPlace::View(frame) => frame.patient_from_point(*point),
        })
        .collect()
}

/// True if points are the same, but for the rounding of coordinates in the patient to single precision.
fn are_same_places(a: &[[f64; 3]], b: &[[f64; 3]]) -> bool {
    let is_near = |(a, b): (&[f64; 3], &[f64; 3])| (0..3).all(|i| (a[i] - b[i]).abs() < 5e-3);
    a.len() == b.len() && a.iter().zip(b).all(is_near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_measurements_on_slices_and_views_come_back_where_they_were(
        all in prop::collection::vec(any_measurement(), 1..6)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let series = series(&folder);
        let all: Vec<DrawnMeasurement> = all.into_iter().map(|m| measurement_on(&series, m)).collect();
        let (path, _) = written(&folder, &series, &all, &["R. Reader"]);
        let found = measurements_in_series(&read_file(&path).unwrap(), &series);
        prop_assert_eq!(found.notes, Vec::<String>::new());
        prop_assert_eq!(found.measurements.len(), all.len());
        for (found, drawn) in found.measurements.iter().zip(&all) {
            prop_assert_eq!((&found.id, &found.name), (&drawn.id, &drawn.name));
            prop_assert_eq!(found.shape.kind(), drawn.shape.kind());
            prop_assert_eq!(found.slice(), drawn.slice());
            let (back, mut before) = (places_of(found), places_of(drawn));
            let is_same = are_same_places(&back, &before);
            // Reports have the longer one of two axes first.
            let half = before.len() / 2;
            before.rotate_left(half);
            let has_axes = matches!(drawn.shape.kind(), ShapeKind::Bidirectional | ShapeKind::Ellipse);
            let is_turned = has_axes && are_same_places(&back, &before);
            prop_assert!(is_same || is_turned, "{:?}, {:?}", found, drawn);
        }
    }

    #[test]
    fn any_polygon_is_read_back_bit_by_bit(
        points in prop::collection::vec(prop::array::uniform2(0.0..40.0f64), 5..60)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let series = series(&folder);
        let shape = Shape::new(ShapeKind::Freehand, points).unwrap();
        prop_assume!(shape.points().first() != shape.points().last());
        let mut all = vec![drawn(ShapeKind::Point, 1, &[[1.0, 1.0]])];
        all[0].shape = shape;
        let (path, _) = written(&folder, &series, &all, &["R. Reader"]);
        let found = measurements_in_series(&read_file(&path).unwrap(), &series);
        prop_assert_eq!(found.measurements, all);
    }

    #[test]
    fn a_report_with_a_broken_byte_is_read_or_refused(at in 132usize..4000, byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let series = series(&folder);
        let (path, _) = written(&folder, &series, &one_of_each(), &["A"]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(report) = read_file(&path) {
            let found = measurements_in_series(&report, &series);
            prop_assert!(found.measurements.len() <= report.groups.len());
        }
    }
}
