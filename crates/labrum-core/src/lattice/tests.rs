//! Tests of `lattice`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::geometry::SpacingSource;

const VOLUME: Affine = Affine {
    steps: [[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 5.0]],
    origin: [-10.0, -20.0, 30.0],
};
const STRAIGHT: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const SIZE: [usize; 2] = [4, 3];

fn spacing(row: f64, column: f64) -> PixelSpacing {
    PixelSpacing {
        row,
        column,
        source: SpacingSource::PixelSpacing,
    }
}

fn plane(position: [f64; 3], orientation: [f64; 6]) -> Plane {
    Plane {
        position,
        orientation,
    }
}

fn onto_volume(
    position: [f64; 3],
    orientation: [f64; 6],
    [row, column]: [f64; 2],
    size: [usize; 2],
) -> GridMap {
    let slice = Affine::of_plane(&plane(position, orientation), spacing(row, column));
    GridMap::onto_volume(&slice, size, &VOLUME, [5, 4, 2]).unwrap()
}

/// 4 x 3 pixels of 2 mm (along rows) by 3 mm, the first at 10, 20, 5.
fn slice() -> (Plane, PixelSpacing) {
    (plane([10.0, 20.0, 5.0], STRAIGHT), spacing(3.0, 2.0))
}

fn onto(frame: (Plane, PixelSpacing), size: [usize; 2]) -> GridMap {
    GridMap::onto_frame(slice(), SIZE, frame, size).unwrap()
}

/// The pixel of the frame at each pixel of the slice, row by row.
fn pixels(map: &GridMap) -> Vec<Option<[usize; 3]>> {
    (0..3)
        .flat_map(|y| (0..4).map(move |x| (x, y)))
        .map(|(x, y)| map.grid_pixel_at(x, y))
        .collect()
}

fn expected(of: impl Fn(usize, usize) -> [usize; 2]) -> Vec<Option<[usize; 3]>> {
    let of = |(x, y)| of(x, y);
    (0..3)
        .flat_map(|y| (0..4).map(move |x| (x, y)))
        .map(of)
        .map(|[x, y]| Some([x, y, 0]))
        .collect()
}

#[test]
fn the_inverse_maps_back_to_the_index() {
    let tilted = Affine {
        steps: [[2.0, 0.1, 0.0], [0.0, 3.0, -0.5], [0.3, 0.0, 5.0]],
        origin: [1.0, 2.0, 3.0],
    };
    let back = tilted
        .inverse()
        .unwrap()
        .map_point(tilted.map_point([4.0, 5.0, 6.0]));
    assert!(
        back.iter()
            .zip([4.0, 5.0, 6.0])
            .all(|(a, b)| (a - b).abs() < 1e-9),
        "{back:?}"
    );
    let flat = Affine {
        steps: [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        origin: [0.0; 3],
    };
    assert_eq!(flat.inverse(), None);
    assert_eq!(
        Affine {
            steps: [[f64::NAN; 3]; 3],
            ..flat
        }
        .inverse(),
        None
    );
}

#[test]
fn equal_grids_are_recognised_despite_rounding() {
    let rounded = (
        plane([10.01, 20.01, 5.0], [0.999999, 0.0, 0.0, 0.0, 1.0, 0.0]),
        spacing(3.001, 2.0),
    );
    for frame in [slice(), rounded] {
        let map = onto(frame, SIZE);
        assert_eq!(map.fit, GridFit::Same);
        assert_eq!(pixels(&map), expected(|x, y| [x, y]));
    }
}

#[test]
fn mirrored_and_rotated_frames_match_pixel_by_pixel() {
    let mirrored = (
        plane([16.0, 20.0, 5.0], [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        spacing(3.0, 2.0),
    );
    let map = onto(mirrored, SIZE);
    assert_eq!((map.fit, map.depth), (GridFit::Rearranged, 0.0));
    assert_eq!(pixels(&map), expected(|x, y| [3 - x, y]));
    let half_turn = (
        plane([16.0, 26.0, 5.0], [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]),
        spacing(3.0, 2.0),
    );
    assert_eq!(
        pixels(&onto(half_turn, SIZE)),
        expected(|x, y| [3 - x, 2 - y])
    );
    // Rows of the frame run down the slice: 3 columns of 3 mm, 4 rows of 2 mm.
    let quarter = (
        plane([16.0, 20.0, 5.0], [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]),
        spacing(2.0, 3.0),
    );
    let map = onto(quarter, [3, 4]);
    assert_eq!(map.fit, GridFit::Rearranged);
    assert_eq!(pixels(&map), expected(|x, y| [y, 3 - x]));
}

#[test]
fn shifts_other_pixel_sizes_and_other_planes_are_detected() {
    let shifted = (plane([10.8, 20.0, 5.0], STRAIGHT), spacing(3.0, 2.0));
    let map = onto(shifted, SIZE);
    assert!(
        matches!(map.fit, GridFit::Shifted(by) if (by - 0.4).abs() < 1e-9),
        "{:?}",
        map.fit
    );
    assert_eq!(map.grid_pixel_at(0, 0), Some([0; 3]));
    let coarse = (plane([11.0, 20.0, 7.5], STRAIGHT), spacing(3.0, 4.0));
    let map = onto(coarse, [2, 3]);
    assert_eq!((map.fit, map.depth, map.tilt), (GridFit::Other, 2.5, 0.0));
    assert_eq!(pixels(&map), expected(|x, y| [x / 2, y]));
    let (sin, cos) = 0.2f64.sin_cos();
    let tilted = (
        plane([10.0, 20.0, 5.0], [cos, 0.0, sin, 0.0, 1.0, 0.0]),
        spacing(3.0, 2.0),
    );
    let map = onto(tilted, SIZE);
    assert!(map.tilt > 1.0 && map.max_plane_distance() > 1.0, "{map:?}");
    let upright = (
        plane([10.0, 20.0, 5.0], [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        spacing(3.0, 2.0),
    );
    assert_eq!(onto(upright, SIZE).tilt, f64::MAX);
}

#[test]
fn a_shift_of_half_a_pixel_goes_to_the_same_side_despite_rounding() {
    for rounding in [-1e-4, 0.0, 1e-4] {
        let map = onto(
            (
                plane([11.0 + rounding, 20.0, 5.0], STRAIGHT),
                spacing(3.0, 2.0),
            ),
            SIZE,
        );
        assert!(
            matches!(map.fit, GridFit::Shifted(by) if (by - 0.5).abs() < 1e-3),
            "{:?}",
            map.fit
        );
        assert_eq!(
            [0, 1, 2, 3].map(|x| map.grid_pixel_at(x, 0).map(|p| p[0])),
            [Some(0), Some(1), Some(2), Some(3)]
        );
    }
}

#[test]
fn mirrored_and_swapped_axes_of_a_volume_give_the_same_voxels() {
    // Rows run down the first axis of the volume, columns backwards along the second.
    let map = onto_volume(
        [-10.0, -11.0, 35.0],
        [0.0, -1.0, 0.0, 1.0, 0.0, 0.0],
        [2.0, 3.0],
        [4, 5],
    );
    assert_eq!(map.fit, GridFit::Rearranged);
    assert_eq!(map.grid_pixel_at(0, 0), Some([0, 3, 1]));
    assert_eq!(map.grid_pixel_at(3, 4), Some([4, 0, 1]));
    assert_eq!(map.grid_pixel_at(4, 0), None);
    assert_eq!(
        onto_volume([-10.0, -20.0, 35.0], STRAIGHT, [3.0, 2.0], [5, 4]).fit,
        GridFit::Same
    );
}

#[test]
fn shifted_voxels_and_voxels_of_another_size_are_detected() {
    let fit = |position, spacing| onto_volume(position, STRAIGHT, spacing, [5, 4]).fit;
    assert!(
        matches!(fit([-9.5, -20.0, 30.0], [3.0, 2.0]), GridFit::Shifted(off) if (off - 0.25).abs() < 1e-9)
    );
    assert!(
        matches!(fit([-10.0, -20.0, 32.0], [3.0, 2.0]), GridFit::Shifted(off) if (off - 0.4).abs() < 1e-9)
    );
    // Twice as fine and twice as coarse.
    assert_eq!(fit([-10.0, -20.0, 30.0], [1.5, 1.0]), GridFit::Other);
    assert_eq!(fit([-10.0, -20.0, 30.0], [6.0, 4.0]), GridFit::Other);
}

#[test]
fn a_slice_outside_of_the_volume_has_no_voxels() {
    let map = onto_volume([-10.0, -20.0, 300.0], STRAIGHT, [3.0, 2.0], [5, 4]);
    assert_eq!(map.grid_pixel_at(0, 0), None);
}
