//! Shapes that are drawn and changed by their handles.

use super::*;

#[test]
fn new_axes_are_perpendicular_in_the_patient() {
    let size = [0.5, 2.0];
    let drawn = Shape::drawn(
        ShapeKind::Bidirectional,
        &[[20.0, 20.0], [60.0, 30.0]],
        size,
    )
    .unwrap();
    assert!(dot_of_axes(&drawn, size).abs() < 0.01);
    // 40 columns of 0.5 mm and 10 rows of 2 mm; the short axis is half as long.
    let measured = on_scale(&drawn, &mm(2.0, 0.5));
    assert!((value(&measured, Kind::LongAxis) - 800f64.sqrt()).abs() < 1e-3);
    assert!((value(&measured, Kind::ShortAxis) - 800f64.sqrt() / 2.0).abs() < 3e-3);

    let moved = drawn.with_moved_handle(1, [60.0, 60.0], size).unwrap();
    assert!(dot_of_axes(&moved, size).abs() < 0.02);
    let short = value(&on_scale(&moved, &mm(2.0, 0.5)), Kind::ShortAxis);
    assert!((short - 800f64.sqrt() / 2.0).abs() < 5e-3, "{short}");
    // An end of the short axis takes it along, and only this end comes nearer.
    let slid = drawn.with_moved_handle(2, drawn.points()[0], size).unwrap();
    assert_eq!(slid.points()[2], drawn.points()[0]);
    assert!(dot_of_axes(&slid, size).abs() < 0.02);
    assert!(drawn.with_moved_handle(4, [0.0, 0.0], size).is_none());
    assert!(
        drawn
            .with_moved_handle(1, drawn.points()[0], size)
            .is_none()
    );
}

/// Cosine of the angle between the axes of a shape with four points; 0 if one has no length.
fn dot_of_axes(shape: &Shape, size: [f64; 2]) -> f64 {
    let [a, b, c, d] = shape.points() else {
        return f64::NAN;
    };
    let long = [0, 1].map(|i| (b[i] - a[i]) * size[i]);
    let short = [0, 1].map(|i| (d[i] - c[i]) * size[i]);
    let lengths = long[0].hypot(long[1]) * short[0].hypot(short[1]);
    if lengths == 0.0 {
        return 0.0;
    }
    (long[0] * short[0] + long[1] * short[1]) / lengths
}

#[test]
fn an_ellipse_turns_with_its_first_axis_and_keeps_its_other_end() {
    let size = [1.0, 1.0];
    let drawn = Shape::drawn(ShapeKind::Ellipse, &[[20.0, 20.0], [60.0, 40.0]], size).unwrap();
    assert_eq!(
        drawn.points(),
        [[20.0, 30.0], [60.0, 30.0], [40.0, 20.0], [40.0, 40.0]]
    );
    let turned = drawn.with_moved_handle(1, [20.0, 70.0], size).unwrap();
    assert_eq!(
        turned.points(),
        [[20.0, 30.0], [20.0, 70.0], [30.0, 50.0], [10.0, 50.0]]
    );
    let wider = drawn.with_moved_handle(3, [40.0, 45.0], size).unwrap();
    assert_eq!(
        wider.points(),
        [[20.0, 30.0], [60.0, 30.0], [40.0, 15.0], [40.0, 45.0]]
    );
    assert!(drawn.with_moved_handle(3, [40.0, 30.0], size).is_none());
}

#[test]
fn opposite_corners_of_a_rectangle_follow() {
    let drawn = shape(ShapeKind::Rectangle, &[[10.0, 10.0], [30.0, 20.0]]);
    let moved = drawn.with_moved_handle(1, [40.0, 5.0], [1.0; 2]).unwrap();
    assert_eq!(
        moved.handles(),
        [[10.0, 5.0], [40.0, 5.0], [40.0, 20.0], [10.0, 20.0]]
    );
    assert_eq!(drawn.handle_near([29.0, 21.0], 2.0, [1.0; 2]), Some(2));
    assert_eq!(drawn.handle_near([20.0, 15.0], 2.0, [1.0; 2]), None);
    assert_eq!(drawn.distance_from([20.0, 13.0], [1.0, 2.0]), 6.0);
}

#[test]
fn a_shape_is_moved_no_farther_than_the_edge() {
    let line = shape(ShapeKind::Length, &[[10.0, 10.0], [30.0, 20.0]]);
    assert_eq!(
        line.moved_within([-50.0, 5.0], 100, 80).points(),
        [[0.0, 15.0], [20.0, 25.0]]
    );
    let beyond = shape(ShapeKind::Length, &[[-10.0, 10.0], [30.0, 20.0]]);
    assert_eq!(
        beyond.moved_within([5.0, 0.0], 100, 80).points(),
        [[-5.0, 10.0], [35.0, 20.0]]
    );
    assert_eq!(beyond.moved_within([-5.0, 0.0], 100, 80), beyond);
}

#[test]
fn what_has_no_extent_is_not_drawn() {
    let twice = [[10.0, 10.0], [10.0, 10.0]];
    for kind in [
        ShapeKind::Length,
        ShapeKind::Bidirectional,
        ShapeKind::Ellipse,
        ShapeKind::Rectangle,
    ] {
        assert!(Shape::drawn(kind, &twice, [1.0; 2]).is_none(), "{kind:?}");
    }
    let flat = [[10.0, 10.0], [20.0, 10.0], [30.0, 10.0]];
    assert!(Shape::drawn(ShapeKind::Freehand, &flat, [1.0; 2]).is_none());
    assert!(Shape::new(ShapeKind::Angle, twice.to_vec()).is_none());
    assert!(Shape::new(ShapeKind::Point, vec![[f64::NAN, 0.0]]).is_none());
    assert!(Shape::new(ShapeKind::Point, vec![[1e9, 0.0]]).is_none());
}
