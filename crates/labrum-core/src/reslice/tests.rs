//! Reformatted views show the pixels of the stack, and drawing on them changes those pixels.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{mask::Rule, region::PixelRect, stack::tests::along_normal, tools::stroke};
use proptest::prelude::*;

const AXIAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

/// Slices in which every pixel has a different value.
fn slices(stack: &Stack, count: usize) -> Vec<Option<Arc<Image>>> {
    let [columns, rows] = stack.slice_size();
    let one = |slice: usize| {
        let values = (0..columns * rows)
            .map(|i| (slice * 1000 + i) as i16)
            .collect();
        Image::new(columns, rows, Pixels::I16(values)).map(Arc::new)
    };
    (0..count).map(one).collect()
}

fn planes() -> [ViewPlane; 2] {
    [ViewPlane::Column, ViewPlane::Row]
}

proptest! {
    #[test]
    fn every_pixel_of_a_view_comes_from_the_slice_at_its_position(
        aside in -2.0..2.0f64, gap in 1.0..5.0f64, index in 0usize..9, sagittal in any::<bool>(),
    ) {
        let orientation = if sagittal { [0.0, 1.0, 0.0, 0.0, 0.0, -1.0] } else { AXIAL };
        let stack = Stack::from_series(&along_normal(orientation, &[0.0, gap, 2.0 * gap, 3.0 * gap], aside)).unwrap();
        let all = slices(&stack, 4);
        for pane in planes().map(|plane| stack.view_pane(plane)) {
            let picture = view_image(&stack, &pane, index, &all).unwrap();
            for row in 0..picture.rows {
                for column in 0..picture.columns {
                    let [x, y, z] = pane.cell_at_pixel([column, row], index);
                    let slice = stack.slice_of_layer(z).unwrap();
                    let expected = stack.pixel_of(slice, x, y).map_or(f64::from(i16::MIN), |[x, y]| {
                        (slice * 1000 + y * stack.slice_size()[0] + x) as f64
                    });
                    prop_assert_eq!(picture.modality_value(row * picture.columns + column), expected);
                }
            }
        }
    }

    #[test]
    fn a_stroke_in_a_view_paints_the_voxels_under_it_and_no_others(
        aside in -2.0..2.0f64, index in 0usize..9, from in (0.0..12.0f64, 0.0..5.0f64), to in (0.0..12.0f64, 0.0..5.0f64),
    ) {
        let stack = Stack::from_series(&along_normal(AXIAL, &[0.0, 2.0, 4.0, 10.0, 12.0], aside)).unwrap();
        let [columns, rows] = stack.slice_size();
        for pane in planes().map(|plane| stack.view_pane(plane)) {
            let region = stroke::capsule_region([from.0, from.1], [to.0, to.1], [2.0, 1.0], pane.size[0], pane.size[1]);
            let mut masks = vec![Mask::new_blank(columns, rows); 5];
            for (slice, region) in slices_under(&stack, &pane, index, &region) {
                masks[slice].paint_region(&region, 1, &Rule::FREE);
            }
            let mut expected = vec![Mask::new_blank(columns, rows); 5];
            for row in 0..pane.size[1] {
                for column in (0..pane.size[0]).filter(|column| region.contains(*column, row)) {
                    let [x, y, z] = pane.cell_at_pixel([column, row], index);
                    let Some(slice) = stack.slice_of_layer(z) else { continue };
                    if let Some([x, y]) = stack.pixel_of(slice, x, y) {
                        let pixel = PixelRect { columns: x..x + 1, rows: y..y + 1 };
                        expected[slice].paint_region(&Region::from_fn(&pixel, |_, _| true), 1, &Rule::FREE);
                    }
                }
            }
            prop_assert_eq!(&masks, &expected);
            // The view shows what was painted, from packed and unpacked masks.
            let packed: Vec<PackedMask> = masks.iter().map(PackedMask::from_mask).collect();
            let open = view_mask(&stack, &pane, index, |slice| masks.get(slice).map(HeldMask::Open));
            prop_assert_eq!(&open, &view_mask(&stack, &pane, index, |slice| packed.get(slice).map(HeldMask::Packed)));
            for row in 0..pane.size[1] {
                for column in 0..pane.size[0] {
                    let [x, y, z] = pane.cell_at_pixel([column, row], index);
                    let pixel = stack.slice_of_layer(z).and_then(|s| Some((s, stack.pixel_of(s, x, y)?)));
                    let label = pixel.map_or(0, |(s, [x, y])| masks[s].label_at(x as i64, y as i64));
                    prop_assert_eq!(open.label_at(column as i64, row as i64), label);
                }
            }
        }
    }
}

#[test]
fn slices_that_are_not_loaded_yet_are_black() {
    let stack = Stack::from_series(&along_normal(AXIAL, &[0.0, 2.0, 4.0], 0.0)).unwrap();
    let mut all = slices(&stack, 3);
    all[1] = None;
    let picture = view_image(&stack, &stack.view_pane(ViewPlane::Row), 0, &all).unwrap();
    // Head up: the last slice is the top row.
    assert_eq!(
        [0, 12, 24].map(|i| picture.modality_value(i)),
        [2000.0, f64::from(i16::MIN), 0.0]
    );
    assert!(
        super::view_image(
            &stack,
            &stack.view_pane(ViewPlane::Row),
            0,
            &[None, None, None]
        )
        .is_none()
    );
}

#[test]
fn slices_with_different_rescaling_are_shown_by_modality_value() {
    let stack = Stack::from_series(&along_normal(AXIAL, &[0.0, 2.0], 0.0)).unwrap();
    let mut all = slices(&stack, 2);
    let mut second = (*all[1].take().unwrap()).clone();
    second.rescale = Rescale {
        slope: 2.0,
        intercept: 1.0,
    };
    all[1] = Some(Arc::new(second));
    let picture = view_image(&stack, &stack.view_pane(ViewPlane::Row), 0, &all).unwrap();
    assert_eq!([0, 12].map(|i| picture.modality_value(i)), [2001.0, 0.0]);
}
