//! A stack has the geometry of its slices, whatever their orientation, tilt and spacing.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    study::{Kind, Slice, Source},
};
use proptest::prelude::*;
use std::f64::consts::TAU;

const AXIAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const COLUMNS: usize = 12;
const ROWS: usize = 9;

/// A series of slices at these positions.
pub(crate) fn series(orientation: [f64; 6], positions: &[[f64; 3]]) -> Series {
    let spacing = PixelSpacing {
        row: 0.5,
        column: 0.75,
        source: SpacingSource::PixelSpacing,
    };
    let slice = |position: &[f64; 3]| Slice {
        plane: Some(Plane {
            position: *position,
            orientation,
        }),
        spacing: Some(spacing),
        ..Slice::from_source(Source {
            path: "/scans/volume".into(),
            frame: 0,
        })
    };
    Series {
        id: "volume".into(),
        modality: "CT".into(),
        description: "volume".into(),
        ..Series::from_slices(
            Kind::Dicom,
            COLUMNS,
            ROWS,
            positions.iter().map(slice).collect(),
        )
    }
}

/// Slices at these depths along the normal, each shifted by `aside` mm along the columns.
pub(crate) fn along_normal(orientation: [f64; 6], depths: &[f64], aside: f64) -> Series {
    let normal = Plane {
        position: [0.0; 3],
        orientation,
    }
    .unit_normal();
    let at = |(i, depth): (usize, &f64)| {
        std::array::from_fn(|k| 10.0 + normal[k] * depth + orientation[k + 3] * aside * i as f64)
    };
    series(
        orientation,
        &depths.iter().enumerate().map(at).collect::<Vec<_>>(),
    )
}

/// Any two perpendicular directions.
fn orientation() -> impl Strategy<Value = [f64; 6]> {
    (0.0..TAU, -1.0..1.0f64, 0.0..TAU).prop_map(|(turn, height, spin)| {
        let flat = (1.0 - height * height).sqrt();
        let n = [flat * turn.cos(), flat * turn.sin(), height];
        let helper = if n[0].abs() < 0.7 {
            [1.0, 0.0, 0.0]
        } else {
            [0.0, 1.0, 0.0]
        };
        let cross = |a: [f64; 3], b: [f64; 3]| {
            [
                a[1] * b[2] - a[2] * b[1],
                a[2] * b[0] - a[0] * b[2],
                a[0] * b[1] - a[1] * b[0],
            ]
        };
        let unit = |v: [f64; 3]| {
            let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v.map(|x| x / length)
        };
        let u = unit(cross(n, helper));
        let v = cross(n, u);
        let row: [f64; 3] = std::array::from_fn(|i| u[i] * spin.cos() + v[i] * spin.sin());
        let column = cross(n, row);
        [row[0], row[1], row[2], column[0], column[1], column[2]]
    })
}

proptest! {
    #[test]
    fn slice_and_grid_coordinates_map_to_the_same_patient_position(
        orientation in orientation(), gap in 0.3..8.0f64, aside in -3.0..3.0f64, x in 0.0..12.0f64, y in 0.0..9.0f64,
    ) {
        let series = along_normal(orientation, &[0.0, gap, 2.0 * gap, 3.0 * gap], aside);
        let stack = Stack::from_series(&series).unwrap();
        for (k, slice) in series.slices.iter().enumerate() {
            let grid = stack.grid_from_slice(k, [x, y]);
            let expected = slice.plane.unwrap().patient_from_pixel(slice.spacing.unwrap(), x - 0.5, y - 0.5);
            let found = stack.patient_from_grid(grid);
            // Shifts below a twentieth of a pixel are ignored.
            let off = (0..3).map(|i| (found[i] - expected[i]).powi(2)).sum::<f64>().sqrt();
            prop_assert!(off < 0.06, "{} mm off", off);
            let back = stack.slice_from_grid(k, grid);
            prop_assert!((back[0] - x).abs() < 1e-9 && (back[1] - y).abs() < 1e-9);
        }
    }

    #[test]
    fn views_and_grid_map_to_each_other_and_views_have_the_stated_directions(
        orientation in orientation(), x in 0.0..12.0f64, y in 0.0..9.0f64, z in 0.0..4.0f64,
    ) {
        let stack = Stack::from_series(&along_normal(orientation, &[0.0, 2.0, 4.0, 6.0], 0.0)).unwrap();
        for plane in ViewPlane::ALL {
            let pane = stack.view_pane(plane);
            let grid = [x, y, z];
            let place = pane.from_grid(grid);
            prop_assert_eq!(pane.to_grid(place, grid).map(|v| (v * 1e6).round()), grid.map(|v| (v * 1e6).round()));
            // One pixel to the right and one down move along `right` and `down`.
            for (step, direction, mm) in [([1.0, 0.0], pane.right, pane.spacing[0]), ([0.0, 1.0], pane.down, pane.spacing[1])] {
                let moved = pane.to_grid([place[0] + step[0], place[1] + step[1]], grid);
                let (a, b) = (stack.patient_from_grid(grid), stack.patient_from_grid(moved));
                for i in 0..3 {
                    prop_assert!((b[i] - a[i] - direction[i] * mm).abs() < 1e-6);
                }
            }
            // Down never points mainly to the patient's head.
            if plane != ViewPlane::Slice {
                prop_assert!(pane.down[2] < 1e-9 || pane.down[1].abs() > pane.down[2].abs());
            }
            let cell = pane.cell_at_pixel([1, 2], 3);
            let middle = pane.from_grid(cell.map(|c| c as f64 + 0.5));
            prop_assert!((middle[0] - 1.5).abs() < 1e-9 && (middle[1] - 2.5).abs() < 1e-9);
            prop_assert_eq!(pane.pixel_offset(cell), 2 * pane.size[0] + 1);
        }
    }
}

#[test]
fn an_axial_series_has_a_sagittal_and_a_coronal_view_with_head_up_and_left_on_the_right() {
    let stack = Stack::from_series(&along_normal(AXIAL, &[0.0, 3.0, 6.0], 0.0)).unwrap();
    let [axial, sagittal, coronal] = ViewPlane::ALL.map(|plane| stack.view_pane(plane));
    assert_eq!(
        [&axial.name, &sagittal.name, &coronal.name],
        ["Axial", "Sagittal", "Coronal"]
    );
    assert_eq!(
        (sagittal.right, sagittal.down),
        ([0.0, 1.0, 0.0], [0.0, 0.0, -1.0])
    );
    assert_eq!(
        (coronal.right, coronal.down),
        ([1.0, 0.0, 0.0], [0.0, 0.0, -1.0])
    );
    assert_eq!((sagittal.size, sagittal.spacing), ([ROWS, 3], [0.5, 3.0]));
    assert_eq!((coronal.size, coronal.spacing), ([COLUMNS, 3], [0.75, 3.0]));
    assert!(stack.notes.is_empty());
}

#[test]
fn a_sagittal_series_has_an_axial_view_with_anterior_up() {
    let stack = Stack::from_series(&along_normal(
        [0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
        &[0.0, 4.0, 8.0],
        0.0,
    ))
    .unwrap();
    let [sagittal, coronal, axial] = ViewPlane::ALL.map(|plane| stack.view_pane(plane));
    assert_eq!(
        [&sagittal.name, &coronal.name, &axial.name],
        ["Sagittal", "Coronal", "Axial"]
    );
    assert_eq!(
        (axial.right, axial.down),
        ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    );
    assert_eq!(
        (coronal.right, coronal.down),
        ([1.0, 0.0, 0.0], [0.0, 0.0, -1.0])
    );
}

#[test]
fn oblique_views_are_named_by_their_angle() {
    let (s, c) = 0.4f64.sin_cos();
    let stack = Stack::from_series(&along_normal(
        [1.0, 0.0, 0.0, 0.0, c, s],
        &[0.0, 4.0, 8.0],
        0.0,
    ))
    .unwrap();
    let names = ViewPlane::ALL.map(|plane| stack.view_pane(plane).name);
    assert_eq!(
        names,
        [
            "Acquired, 23° off axial",
            "Sagittal",
            "Oblique, 23° off coronal"
        ]
    );
}

#[test]
fn a_tilted_gantry_shifts_the_slices_and_is_noted() {
    // 5 mm from slice to slice along the table, 20 degrees off the normal.
    let tilt = 20f64.to_radians();
    let gap = 5.0 * tilt.cos();
    let series = along_normal(AXIAL, &[0.0, gap, 2.0 * gap, 3.0 * gap], 5.0 * tilt.sin());
    let stack = Stack::from_series(&series).unwrap();
    assert_eq!(
        stack.notes,
        ["the gantry was tilted by 20°: slices are shown at their true position"]
    );
    assert_eq!(
        stack.size,
        [COLUMNS, ROWS + 11, 4],
        "three shifts of 1.71 mm are 10.3 rows"
    );
    assert_eq!(stack.pixel_of(0, 0, 0), Some([0, 0]));
    assert_eq!(
        stack.pixel_of(3, 0, 0),
        None,
        "above the first row of the last slice"
    );
    assert_eq!(stack.pixel_of(3, 0, 10), Some([0, 0]));
}

#[test]
fn missing_slices_stay_empty_and_are_noted() {
    let stack =
        Stack::from_series(&along_normal(AXIAL, &[0.0, 5.0, 10.0, 25.0, 30.0], 0.0)).unwrap();
    assert_eq!(stack.notes, ["2 slices are missing: gaps are shown empty"]);
    let shown: Vec<_> = (0..stack.size[2])
        .map(|layer| stack.slice_of_layer(layer))
        .collect();
    assert_eq!(
        shown,
        [Some(0), Some(1), Some(2), None, None, Some(3), Some(4)]
    );
    assert_eq!(
        [0, 3, 4, 6].map(|layer| stack.slice_near(layer)),
        [0, 2, 3, 4]
    );
    assert_eq!(stack.layer_of_slice(3), 5);
}

#[test]
fn unevenly_spaced_slices_keep_their_positions() {
    let stack = Stack::from_series(&along_normal(AXIAL, &[0.0, 2.0, 6.0, 9.0], 0.0)).unwrap();
    assert_eq!(stack.spacing[2], 2.0);
    let shown: Vec<_> = (0..stack.size[2])
        .map(|layer| stack.slice_of_layer(layer))
        .collect();
    assert_eq!(
        shown,
        [Some(0), Some(1), Some(1), Some(2), Some(3), Some(3)]
    );
}

#[test]
fn a_series_that_is_not_a_volume_is_refused_with_the_reason() {
    let reason = |series: &Series| Stack::from_series(series).unwrap_err();
    assert_eq!(
        reason(&along_normal(AXIAL, &[0.0], 0.0)),
        "The series has only one slice."
    );
    assert_eq!(
        reason(&along_normal(AXIAL, &[0.0, 0.0, 5.0], 0.0)),
        "Several slices have the same position."
    );
    let mut turned = along_normal(AXIAL, &[0.0, 5.0], 0.0);
    turned.slices[1].plane.as_mut().unwrap().orientation = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0];
    assert_eq!(reason(&turned), "The slices are not parallel.");
    let mut nowhere = along_normal(AXIAL, &[0.0, 5.0], 0.0);
    nowhere.slices[1].plane = None;
    assert_eq!(
        reason(&nowhere),
        "Not all slices have an image position and orientation."
    );
}
