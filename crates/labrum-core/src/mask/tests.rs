//! Tests of `mask`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::region::Span;
use proptest::prelude::*;

const SIDE: usize = 16;

fn mask() -> impl Strategy<Value = Mask> {
    proptest::collection::vec(0u8..4, SIDE * SIDE)
        .prop_map(|l| Mask::from_labels(SIDE, SIDE, l).unwrap())
}

fn region() -> impl Strategy<Value = Region> {
    proptest::collection::vec(any::<bool>(), SIDE * SIDE)
        .prop_map(|c| Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, y| c[y * SIDE + x]))
}

fn rule() -> impl Strategy<Value = Rule> {
    let set = || {
        proptest::collection::vec(0u8..4, 0..4).prop_map(|l| l.into_iter().collect::<LabelSet>())
    };
    (set(), set()).prop_map(|(locked, over)| Rule { locked, over })
}

#[test]
fn a_mask_with_a_label_at_any_pixel_is_not_blank() {
    assert!(Mask::new_blank(7, 11).is_blank());
    for pixel in 0..77 {
        let mut labels = vec![0; 77];
        labels[pixel] = 1;
        assert!(!Mask::from_labels(7, 11, labels).unwrap().is_blank());
    }
}

#[test]
fn an_impossibly_large_mask_is_none() {
    // 2^32 - 1 pixels in a single run.
    let bytes = [
        &65_535u32.to_le_bytes()[..],
        &65_537u32.to_le_bytes(),
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1],
    ]
    .concat();
    assert_eq!(PackedMask::from_bytes(&bytes), None);
}

proptest! {
    #[test]
    fn every_write_is_undone_by_its_edit_and_keeps_locked_labels(
        start in mask(), other in mask(), region in region(), window in region(), rule in rule(), label in 0u8..4,
    ) {
        type Write = Box<dyn Fn(&mut Mask) -> Edit>;
        let (r, w) = (region.clone(), window.clone());
        let writes: [Write; 3] = [
            Box::new(move |m| m.paint_region(&r, label, &rule)),
            Box::new({ let r = region.clone(); move |m| m.reshape_label(label.max(1), &r, &w, &rule) }),
            Box::new(move |m| m.copy_region_from(&other, &region, &rule)),
        ];
        for write in writes {
            let mut mask = start.clone();
            let edit = write(&mut mask);
            let written = mask.clone();
            for locked in (0..4).filter(|l| rule.locked.contains(*l)) {
                prop_assert_eq!(mask.label_region(locked), start.label_region(locked));
            }
            mask.apply_edit(&edit.inverse());
            prop_assert_eq!(&mask, &start);
            mask.apply_edit(&edit);
            prop_assert_eq!(mask, written);
        }
    }

    #[test]
    fn painting_long_runs_in_blocks_equals_painting_pixel_by_pixel(
        runs in proptest::collection::vec((0u8..3, 1usize..90), 1..12), start in 0usize..100, length in 0usize..300,
    ) {
        let labels: Vec<u8> = runs.iter().flat_map(|(l, n)| std::iter::repeat_n(*l, *n)).collect();
        let columns = labels.len();
        let mut mask = Mask::from_labels(columns, 1, labels.clone()).unwrap();
        let rule = Rule { locked: LabelSet::NONE.with_label(2), over: LabelSet::ALL };
        let span = Span { row: 0, start, end: start + length };
        let edit = mask.paint_region(&Region::from_spans(vec![span]), 1, &rule);
        let painted = |(i, l): (usize, &u8)| if i >= start && i < start + length && *l != 2 { 1 } else { *l };
        let expected: Vec<u8> = labels.iter().enumerate().map(painted).collect();
        prop_assert_eq!(mask.pixel_labels(), &expected);
        prop_assert_eq!(edit, Edit::between(&labels, &expected));
    }

    #[test]
    fn edits_of_a_gesture_are_merged_into_one(start in mask(), parts in proptest::collection::vec((region(), 0u8..4), 0..5)) {
        let mut mask = start.clone();
        let edits: Vec<Edit> = parts.iter().map(|(r, l)| mask.paint_region(r, *l, &Rule::FREE)).collect();
        prop_assert_eq!(mask.merge_edits(&edits), Edit::between(start.pixel_labels(), mask.pixel_labels()));
    }

    #[test]
    fn a_packed_mask_unpacks_to_the_same_mask(mask in mask()) {
        let packed = PackedMask::from_mask(&mask);
        prop_assert_eq!(packed.to_mask(), mask);
        prop_assert_eq!(PackedMask::from_bytes(&packed.to_bytes()).unwrap(), packed);
    }
}
