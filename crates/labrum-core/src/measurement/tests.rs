//! Values of drawn measurements against exact geometry, written down beside each.

#![allow(clippy::unwrap_used)]

mod handles;

use super::{QuantityKind as Kind, *};
use crate::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    image::{Image, Pixels, Rescale},
    measure::Unit,
    scale::{NoLength, Scale, ScaledRegion},
    stack::{Stack, ViewPlane},
    study::{Kind as FileKind, Series, Slice, Source},
};
use proptest::prelude::*;

fn spacing(row: f64, column: f64, source: SpacingSource) -> PixelSpacing {
    PixelSpacing {
        row,
        column,
        source,
    }
}

fn mm(row: f64, column: f64) -> Scale {
    Some(spacing(row, column, SpacingSource::PixelSpacing)).into()
}

fn shape(kind: ShapeKind, points: &[Point]) -> Shape {
    Shape::new(kind, points.to_vec()).unwrap()
}

/// Measured on a surface of 100 x 80 pixels without an image.
fn on_scale(shape: &Shape, scale: &Scale) -> Measured {
    let surface = Surface {
        columns: 100,
        rows: 80,
        scale,
        image: None,
    };
    measure_shape(shape, &surface)
}

/// Measured on an image without a length scale.
fn on_image(shape: &Shape, image: &Image) -> Measured {
    let surface = Surface {
        columns: image.columns,
        rows: image.rows,
        scale: &Scale::default(),
        image: Some(image),
    };
    measure_shape(shape, &surface)
}

fn value(measured: &Measured, kind: Kind) -> f64 {
    measured.value_of(kind).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * b.abs().max(1.0)
}

#[test]
fn a_length_uses_the_spacing_of_rows_and_columns() {
    let line = shape(ShapeKind::Length, &[[10.0, 10.0], [13.0, 14.0]]);
    // 3 columns of 1 mm and 4 rows of 2 mm: the square root of 9 + 64.
    let measured = on_scale(&line, &mm(2.0, 1.0));
    assert!(close(value(&measured, Kind::Length), 73f64.sqrt()));
    assert_eq!(measured.short_lines(), ["8.5 mm"]);
    let measured = on_scale(&line, &Scale::default());
    assert!(close(value(&measured, Kind::Length), 5.0));
    assert_eq!(
        (measured.unit(), measured.spacing),
        (Unit::Pixel, Err(NoLength::Unknown))
    );
    assert_eq!(measured.short_lines(), ["5.0 px"]);
}

#[test]
fn an_angle_is_that_in_the_patient_also_with_a_ratio_alone() {
    let corner = shape(
        ShapeKind::Angle,
        &[[30.0, 20.0], [20.0, 20.0], [30.0, 30.0]],
    );
    // Rows are the square root of 3 times as far apart as columns: tan = 1.732, that is 60 degrees, not 45.
    let ratio = Some(spacing(3f64.sqrt(), 1.0, SpacingSource::AspectRatioOnly));
    for scale in [mm(3f64.sqrt(), 1.0), ratio.into()] {
        let measured = on_scale(&corner, &scale);
        assert!(close(value(&measured, Kind::Angle), 60.0), "{measured:?}");
        assert_eq!(measured.short_lines(), ["60.0°"]);
    }
    let measured = on_scale(&corner, &Scale::default());
    assert!(close(value(&measured, Kind::Angle), 45.0));
}

#[test]
fn a_cobb_angle_does_not_depend_on_the_order_of_the_ends() {
    // Lines that tilt by 50 degrees to either side.
    let (dx, dy) = (
        20.0 * 50f64.to_radians().cos(),
        20.0 * 50f64.to_radians().sin(),
    );
    let ends = [
        [30.0, 20.0],
        [30.0 + dx, 20.0 + dy],
        [30.0, 60.0],
        [30.0 + dx, 60.0 - dy],
    ];
    for order in [[0, 1, 2, 3], [1, 0, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0]] {
        let lines = shape(ShapeKind::CobbAngle, &order.map(|i| ends[i]));
        let measured = on_scale(&lines, &mm(1.0, 1.0));
        // Within what steps of 1/1024 pixel change.
        assert!((value(&measured, Kind::CobbAngle) - 100.0).abs() < 0.01);
    }
    // Nearly upright lines, one leaning to either side by 2 degrees.
    let lean = 20.0 * 2f64.to_radians().tan();
    let upright = [
        [30.0, 20.0],
        [30.0 + lean, 40.0],
        [60.0, 20.0],
        [60.0 - lean, 40.0],
    ];
    let measured = on_scale(&shape(ShapeKind::CobbAngle, &upright), &mm(1.0, 1.0));
    assert!((value(&measured, Kind::CobbAngle) - 4.0).abs() < 0.01);
    // Nearly level lines side by side, one falling and one rising by 2 degrees.
    let beside = upright.map(|[x, y]| [y + if x > 45.0 { 50.0 } else { 0.0 }, x]);
    let measured = on_scale(&shape(ShapeKind::CobbAngle, &beside), &mm(1.0, 1.0));
    assert!((value(&measured, Kind::CobbAngle) - 4.0).abs() < 0.01);
}

#[test]
fn the_long_axis_is_the_longer_one_in_mm() {
    // 30 columns of 0.5 mm are 15 mm, 20 rows of 2 mm are 40 mm.
    let axes = shape(
        ShapeKind::Bidirectional,
        &[[20.0, 30.0], [50.0, 30.0], [35.0, 20.0], [35.0, 40.0]],
    );
    let measured = on_scale(&axes, &mm(2.0, 0.5));
    assert!(close(value(&measured, Kind::LongAxis), 40.0));
    assert!(close(value(&measured, Kind::ShortAxis), 15.0));
    assert_eq!(measured.short_lines(), ["40.0 × 15.0 mm"]);
    assert_eq!(measured.summary(), "40.0 × 15.0 mm");
}

#[test]
fn an_ellipse_measures_like_its_formula_at_any_angle() {
    // Half axes 30 and 20 mm, turned by 30 degrees. Circumference 158.654 by the complete elliptic integral,
    // area 600 pi. Rows are 2 mm apart, columns 1.25 mm.
    let (sin, cos) = 30f64.to_radians().sin_cos();
    let at = |x: f64, y: f64| [50.0 + x / 1.25, 40.0 + y / 2.0];
    let points = [
        at(-30.0 * cos, -30.0 * sin),
        at(30.0 * cos, 30.0 * sin),
        at(20.0 * sin, -20.0 * cos),
        at(-20.0 * sin, 20.0 * cos),
    ];
    let ellipse = shape(ShapeKind::Ellipse, &points);
    let measured = on_scale(&ellipse, &mm(2.0, 1.25));
    assert!((value(&measured, Kind::Perimeter) - 158.654).abs() < 0.01);
    let area = 600.0 * std::f64::consts::PI;
    assert!((value(&measured, Kind::Area) / area - 1.0).abs() < 1e-4);

    // The same ellipse by its implicit equation, pixel by pixel.
    let inside = ellipse.pixels_inside(100, 80);
    for (column, row) in (0..80).flat_map(|row| (0..100).map(move |column| (column, row))) {
        let x = (column as f64 + 0.5 - 50.0) * 1.25;
        let y = (row as f64 + 0.5 - 40.0) * 2.0;
        let (u, v) = (x * cos + y * sin, y * cos - x * sin);
        let level = (u / 30.0).powi(2) + (v / 20.0).powi(2);
        if (level - 1.0).abs() > 1e-3 {
            assert_eq!(inside.contains(column, row), level < 1.0, "{column} {row}");
        }
    }
}

#[test]
fn values_are_those_of_pixels_whose_centre_is_inside_after_the_rescale() {
    let stored = (0..60).map(|i| (i % 10 + i / 10 * 10) as u16).collect();
    let mut image = Image::new(10, 6, Pixels::U16(stored)).unwrap();
    image.rescale = Rescale {
        slope: 2.0,
        intercept: -1000.0,
    };
    image.unit = Some("HU".into());
    // The centres of columns 2 to 4 and of rows 1 and 2: stored 12, 13, 14, 22, 23, 24. Mean 18, and the squares of the
    // distances from it, 36 + 25 + 16 + 16 + 25 + 36 = 154, over 6.
    let region = shape(ShapeKind::Rectangle, &[[1.6, 0.7], [5.4, 3.2]]);
    let measured = on_image(&region, &image);
    assert!(close(value(&measured, Kind::Mean), 2.0 * 18.0 - 1000.0));
    let deviation = 2.0 * (154.0f64 / 6.0).sqrt();
    assert!(close(value(&measured, Kind::Deviation), deviation));
    assert_eq!(value(&measured, Kind::Minimum), -976.0);
    assert_eq!(value(&measured, Kind::Maximum), -952.0);
    // 3.8 x 2.5 pixels, as far as steps of 1/1024 pixel allow.
    assert!((value(&measured, Kind::Area) - 9.5).abs() < 0.01);
    assert_eq!(
        measured.short_lines(),
        [
            "Area 9.5 px²",
            "Perimeter 12.6 px",
            "Mean -964 HU, SD 10.13 HU",
            "Min -976 HU, max -952 HU"
        ]
    );
    assert_eq!(measured.summary(), "9.5 px²  -964 HU");

    let point = shape(ShapeKind::Point, &[[3.9, 2.1]]);
    let measured = on_image(&point, &image);
    assert_eq!(measured.short_lines(), ["-954 HU"], "stored value 23");
    let outside = shape(ShapeKind::Point, &[[10.0, 2.0]]);
    assert!(on_image(&outside, &image).quantities.is_empty());
}

#[test]
fn a_freehand_region_has_the_area_of_its_polygon() {
    // A right triangle with legs of 40 columns (0.5 mm) and 30 rows (1 mm): 20 x 30 / 2 mm², hypotenuse 36.0555 mm.
    let triangle = shape(
        ShapeKind::Freehand,
        &[[20.0, 20.0], [60.0, 20.0], [20.0, 50.0]],
    );
    let measured = on_scale(&triangle, &mm(1.0, 0.5));
    assert!(close(value(&measured, Kind::Area), 300.0));
    assert!(close(
        value(&measured, Kind::Perimeter),
        50.0 + 1300f64.sqrt()
    ));
}

#[test]
fn a_colour_image_has_three_values() {
    let image = Image::new(2, 1, Pixels::Rgb8(vec![[10, 20, 30], [20, 40, 60]])).unwrap();
    let both = shape(ShapeKind::Rectangle, &[[0.0, 0.0], [2.0, 1.0]]);
    let measured = on_image(&both, &image);
    let means: Vec<(Option<Channel>, f64)> = measured
        .quantities
        .iter()
        .filter(|q| q.kind == Kind::Mean)
        .map(|q| (q.channel, q.value))
        .collect();
    assert_eq!(
        means,
        [
            (Some(Channel::Red), 15.0),
            (Some(Channel::Green), 30.0),
            (Some(Channel::Blue), 45.0)
        ]
    );
    let point = shape(ShapeKind::Point, &[[1.5, 0.5]]);
    assert_eq!(
        on_image(&point, &image).short_lines(),
        ["red 20", "green 40", "blue 60"]
    );
}

#[test]
fn values_that_are_not_finite_are_left_out() {
    let stored = vec![1.0, f32::NAN, 3.0, f32::INFINITY];
    let image = Image::new(4, 1, Pixels::F32(stored)).unwrap();
    let all = shape(ShapeKind::Rectangle, &[[0.0, 0.0], [4.0, 1.0]]);
    let values = region_statistics(&image, &all.pixels_inside(4, 1));
    assert_eq!((values[0].count, values[0].mean), (2, 2.0));
    assert_eq!(values[0].deviation, 1.0);
    let none = Image::new(1, 1, Pixels::F32(vec![f32::NAN])).unwrap();
    assert!(region_statistics(&none, &all.pixels_inside(4, 1)).is_empty());
}

#[test]
fn pet_has_uptake_values_where_the_header_gives_them() {
    let image = Image {
        unit: Some("BQML".into()),
        suv_factor: Some(0.5),
        ..Image::new(2, 1, Pixels::U16(vec![4, 8])).unwrap()
    };
    let all = shape(ShapeKind::Rectangle, &[[0.0, 0.0], [2.0, 1.0]]);
    let found = region_statistics(&image, &all.pixels_inside(2, 1))[0];
    assert_eq!((found.mean, found.deviation), (3.0, 1.0));
    assert_eq!((found.maximum, value_unit(&image)), (4.0, "SUV"));
    let without = Image {
        suv_factor: None,
        ..image
    };
    assert_eq!(value_unit(&without), "BQML");
}

#[test]
fn statistics_of_parts_make_those_of_the_whole() {
    let image = Image::new(6, 1, Pixels::I16(vec![-1000, -980, 40, 55, 3000, 17])).unwrap();
    let of = |from: f64, to: f64| {
        let part = shape(ShapeKind::Rectangle, &[[from, 0.0], [to, 1.0]]);
        region_statistics(&image, &part.pixels_inside(6, 1))
    };
    let mut parts = of(0.0, 2.0);
    merge_statistics(&mut parts, &of(2.0, 6.0));
    let (parts, whole) = (parts[0], of(0.0, 6.0)[0]);
    assert_eq!(
        (parts.count, parts.minimum, parts.maximum),
        (6, -1000.0, 3000.0)
    );
    assert!(close(parts.mean, whole.mean) && close(parts.deviation, whole.deviation));
}

#[test]
fn a_measurement_has_the_scale_of_its_ultrasound_region() {
    let region = |low, high, side| ScaledRegion {
        low,
        high,
        spacing: Some(spacing(side, side, SpacingSource::UltrasoundRegion)),
        has_priority: false,
    };
    let scale = Scale {
        spacing: None,
        regions: vec![
            region([0, 0], [49, 79], 0.5),
            region([50, 0], [89, 79], 0.1),
            region([10, 10], [19, 19], 0.25),
        ],
    };
    let length = |a: Point, b: Point| on_scale(&shape(ShapeKind::Length, &[a, b]), &scale);
    let inside = length([25.0, 30.0], [45.0, 30.0]);
    assert!(close(value(&inside, Kind::Length), 10.0));
    let other = length([60.0, 30.0], [80.0, 30.0]);
    assert!(close(value(&other, Kind::Length), 2.0));
    let across = length([40.0, 30.0], [60.0, 30.0]);
    assert_eq!(across.spacing, Err(NoLength::AcrossRegions));
    assert!(close(value(&across, Kind::Length), 20.0));
    // Both ends are in the first region, but the line crosses another one with its own scale.
    let over = length([5.0, 15.0], [30.0, 15.0]);
    assert_eq!(over.spacing, Err(NoLength::AcrossRegions));
    let beyond = length([85.0, 30.0], [95.0, 30.0]);
    assert_eq!(beyond.spacing, Err(NoLength::OutsideRegions));
    // A region on the image that holds all of a small region is in both scales.
    let around = shape(ShapeKind::Rectangle, &[[5.0, 5.0], [30.0, 30.0]]);
    assert_eq!(
        on_scale(&around, &scale).spacing,
        Err(NoLength::AcrossRegions)
    );
}

#[test]
fn values_are_shown_with_four_digits() {
    let shown = [0.0, -1024.0, 10.132, 0.001_234, 1234.56, -0.5].map(format_value);
    assert_eq!(
        shown,
        ["0", "-1024", "10.13", "0.001234", "1235", "-0.5000"]
    );
}

#[test]
fn the_tracking_uid_is_the_id_as_a_number() {
    let point = shape(ShapeKind::Point, &[[1.0, 1.0]]);
    let mut drawn = DrawnMeasurement::new(
        "Point 1".into(),
        String::new(),
        MeasurementPlace::Slice(0),
        point,
    );
    assert_eq!(drawn.id.len(), 32);
    drawn.id = "000000000000000000000000000000ff".into();
    assert_eq!(drawn.tracking_uid(), "2.25.255");
    drawn.id = "not hexadecimal".into();
    let uid = drawn.tracking_uid();
    assert!(
        uid.len() <= 64 && uid.starts_with("2.25.") && uid != "2.25.0",
        "{uid}"
    );
}

#[test]
fn a_frame_is_found_again_on_the_same_plane_and_on_no_other() {
    let slice = |i: u32| Slice {
        plane: Some(Plane {
            position: [-10.0, 5.0, 3.0 * f64::from(i)],
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        }),
        spacing: Some(spacing(0.5, 0.25, SpacingSource::PixelSpacing)),
        ..Slice::from_source(Source {
            path: "s".into(),
            frame: i,
        })
    };
    let series = Series::from_slices(FileKind::Dicom, 40, 20, (0..10).map(slice).collect());
    let stack = Stack::from_series(&series).unwrap();
    let at = [12.5, 3.5, 4.5];
    let patient = stack.patient_from_grid(at);
    let back = stack.grid_from_patient(patient);
    assert!((0..3).all(|i| (back[i] - at[i]).abs() < 1e-9), "{back:?}");

    let pane = stack.view_pane(ViewPlane::Column);
    let frame = ViewFrame::of_view(&stack, &pane, at);
    let steps = frame.step_lengths();
    assert!((0..2).all(|i| (steps[i] - pane.spacing[i]).abs() < 1e-9));
    let place = frame.patient_from_point(pane.from_grid(at));
    assert!((0..3).all(|i| (place[i] - patient[i]).abs() < 1e-9));
    assert_eq!(frame.corner_on(&frame, 1e-3), Some([0.0, 0.0]));
    // The next column is 0.25 mm away.
    let next = ViewFrame::of_view(&stack, &pane, [13.5, 3.5, 4.5]);
    assert_eq!(frame.corner_on(&next, 0.1), None);
    assert!(frame.corner_on(&next, 0.3).is_some());
    let across = ViewFrame::of_view(&stack, &stack.view_pane(ViewPlane::Row), at);
    assert_eq!(frame.corner_on(&across, 100.0), None);
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let place = prop::array::uniform2(-5.0..105.0f64);
    let kind = prop::sample::select(ShapeKind::ALL.to_vec());
    (kind, prop::collection::vec(place, 3..12)).prop_map(|(kind, places)| {
        let count = match kind {
            ShapeKind::Freehand => places.len(),
            ShapeKind::Point => 1,
            ShapeKind::Length | ShapeKind::Rectangle => 2,
            ShapeKind::Angle => 3,
            _ => 4,
        };
        let points = places.iter().cycle().take(count).copied().collect();
        Shape::new(kind, points).unwrap()
    })
}

proptest! {
    #[test]
    fn a_measurement_is_read_back_from_json_bit_by_bit(shape in any_shape(), slice in 0u32..300) {
        let place = MeasurementPlace::Slice(slice);
        let drawn = DrawnMeasurement::new("Lesion \"A\"".into(), "R. Reader".into(), place, shape);
        let json = serde_json::to_string(&drawn).unwrap();
        let back: DrawnMeasurement = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, &drawn);
        // DICOM keeps single precision.
        for point in drawn.shape.points() {
            prop_assert_eq!(point.map(|v| f64::from(v as f32)), *point);
        }
    }

    #[test]
    fn any_json_is_a_shape_or_refused(kind in "[a-z-]{0,12}", count in 0usize..6) {
        let points = vec![[1.5, 2.5]; count];
        let json = serde_json::json!({"kind": kind, "points": points}).to_string();
        if let Ok(shape) = serde_json::from_str::<Shape>(&json) {
            prop_assert_eq!(shape.points().len(), count);
        }
    }

    #[test]
    fn a_change_and_its_inverse_leave_the_list_as_it_was(shapes in prop::collection::vec(any_shape(), 1..5), at in 0usize..5) {
        let drawn = |shape: &Shape| {
            DrawnMeasurement::new("A".into(), String::new(), MeasurementPlace::Slice(0), shape.clone())
        };
        let mut list: Vec<DrawnMeasurement> = shapes.iter().map(drawn).collect();
        let before = list.clone();
        let changed = &before[at % before.len()];
        let renamed = DrawnMeasurement { name: "B".into(), ..changed.clone() };
        let change = MeasurementChange { before: Some(changed.clone()), after: Some(renamed.clone()) };
        apply_change(&mut list, &change);
        prop_assert!(list.contains(&renamed) && list.len() == before.len());
        apply_change(&mut list, &change.inverse());
        prop_assert_eq!(&list, &before);
        let deletion = MeasurementChange { before: Some(changed.clone()), after: None };
        apply_change(&mut list, &deletion);
        prop_assert!(!list.contains(changed));
        apply_change(&mut list, &deletion.inverse());
        prop_assert!(list.contains(changed) && list.len() == before.len());
    }

    #[test]
    fn the_pixels_of_a_region_lie_on_the_image_and_moving_its_handles_is_never_fatal(
        shape in any_shape(), index in 0usize..5, to in prop::array::uniform2(0.0..100.0f64),
    ) {
        let bounds = shape.pixels_inside(40, 30).bounds();
        prop_assert!(bounds.columns.end <= 40 && bounds.rows.end <= 30);
        if let Some(moved) = shape.with_moved_handle(index, to, [0.7, 1.3]) {
            prop_assert_eq!(moved.kind(), shape.kind());
            let measured = on_scale(&moved, &mm(1.3, 0.7));
            prop_assert!(measured.quantities.iter().all(|q| q.value.is_finite()));
        }
    }
}
