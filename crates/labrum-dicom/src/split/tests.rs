//! Tests of `split`.

use super::*;
use labrum_core::{geometry::Plane, study::Source};

fn frame(z: f64, trigger: Option<f64>, number: i64) -> StackFrame {
    let plane = Plane {
        position: [0.0, 0.0, z],
        orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    };
    let slice = Slice {
        source: Source {
            path: format!("{number}.dcm").into(),
            frame: 0,
        },
        sop_instance_uid: None,
        instance_number: Some(number),
        plane: Some(plane),
        thickness: None,
        spacing: None,
        regions: Vec::new(),
    };
    let times = [
        None,
        trigger,
        None,
        None,
        None,
        None,
        None,
        Some(number as f64),
    ];
    StackFrame {
        slice,
        size: (4, 4),
        color: false,
        clip: None,
        image_type: String::new(),
        times,
        diffusion: Diffusion::default(),
        tilt: None,
        is_short: false,
        missing_behind: 0,
        has_overlays: false,
        cine: Default::default(),
    }
}

fn numbers(stack: &FrameStack) -> Vec<i64> {
    stack
        .frames
        .iter()
        .filter_map(|f| f.slice.instance_number)
        .collect()
}

#[test]
fn slices_are_ordered_by_position_not_by_number() {
    let stacks = into_stacks(vec![
        frame(10.0, None, 1),
        frame(0.0, None, 2),
        frame(5.0, None, 3),
    ]);
    assert_eq!(stacks.len(), 1);
    assert_eq!(numbers(&stacks[0]), [2, 3, 1]);
    assert!(stacks[0].notes.is_empty());
}

#[test]
fn a_missing_slice_is_noted() {
    let stacks = into_stacks(vec![
        frame(0.0, None, 1),
        frame(5.0, None, 2),
        frame(15.0, None, 3),
    ]);
    assert_eq!(
        stacks[0].notes,
        ["1 slice is missing: slice spacing is 5.00 mm, but slices 2 and 3 are 10.00 mm apart"]
    );
}

#[test]
fn a_cine_of_several_positions_becomes_one_stack_per_time_point_despite_heart_rates() {
    let stacks = into_stacks(vec![
        frame(0.0, Some(40.0), 2),
        frame(0.0, Some(10.0), 1),
        frame(8.0, Some(12.0), 4),
        frame(8.0, Some(44.0), 3),
    ]);
    assert_eq!(
        stacks.iter().map(numbers).collect::<Vec<_>>(),
        [[1, 4], [2, 3]]
    );
    assert_eq!(stacks[1].notes, ["time 2 of 2, ordered by trigger time"]);
    let times: Vec<_> = stacks.iter().filter_map(|stack| stack.time).collect();
    assert_eq!(
        times.iter().map(|t| (t.index, t.count)).collect::<Vec<_>>(),
        [(0, 2), (1, 2)]
    );
}

#[test]
fn a_loop_at_one_position_stays_one_series_ordered_by_time() {
    let stacks = into_stacks(vec![frame(0.0, Some(40.0), 1), frame(0.0, Some(10.0), 2)]);
    assert_eq!(stacks.len(), 1);
    assert_eq!(numbers(&stacks[0]), [2, 1]);
    assert_eq!(stacks[0].time, None);
}

fn weighted(z: f64, b: f64, direction: Option<[f64; 3]>, number: i64) -> StackFrame {
    let mut frame = frame(z, None, number);
    frame.diffusion = Diffusion {
        b_value: Some(b),
        direction,
    };
    frame.slice.sop_instance_uid = Some(format!("1.2.{}", 9 - number));
    frame
}

#[test]
fn each_diffusion_direction_is_a_stack_whatever_the_order_and_names_of_the_files() {
    let x = Some([1.0, 0.0, 0.0]);
    // Instance numbers restart with each direction, so they are ignored; so is the direction of b =
    // 0.
    let mut frames = vec![
        weighted(0.0, 0.0, None, 1),
        weighted(0.0, 1000.0, x, 1),
        weighted(0.0, 1000.0, Some([0.0, 1.0, 0.0]), 1),
        weighted(5.0, 0.0, Some([0.3, 0.0, 0.0]), 2),
        weighted(5.0, 1000.0, Some([0.0, 0.999, 0.0]), 2),
        weighted(5.0, 1000.0, x, 2),
    ];
    let expected = ["b 0", "b 1000, direction 0 1 0", "b 1000, direction 1 0 0"];
    for turn in 0..6 {
        frames.rotate_left(1);
        (0..)
            .zip(&mut frames)
            .for_each(|(i, f)| f.slice.source.path = format!("{}.dcm", (i * 5 + turn) % 7).into());
        let stacks = into_stacks(frames.clone());
        assert_eq!(
            stacks.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            expected
        );
        assert!(
            stacks
                .iter()
                .all(|s| s.frames.len() == 2 && numbers(s) == [1, 2])
        );
        assert!(
            stacks[1]
                .frames
                .iter()
                .all(|f| f.diffusion.direction.unwrap_or_default()[1] > 0.9)
        );
    }
}

#[test]
fn a_direction_that_was_acquired_twice_becomes_two_stacks() {
    let mut frames = Vec::new();
    for (b, repeats) in [(0.0, 1), (1000.0, 2)] {
        for repeat in 0..repeats {
            frames
                .extend([0.0, 5.0].map(|z| weighted(z, b, Some([1.0, 0.0, 0.0]), repeat * 2 + 1)));
        }
    }
    let names: Vec<String> = into_stacks(frames).into_iter().map(|s| s.name).collect();
    assert_eq!(
        names,
        [
            "b 0",
            "b 1000, direction 1 0 0, time 1 of 2",
            "b 1000, direction 1 0 0, time 2 of 2"
        ]
    );
}

#[test]
fn images_that_cannot_be_distinguished_are_noted() {
    let stacks = into_stacks(
        [0.0, 5.0]
            .iter()
            .flat_map(|z| [frame(*z, None, 1), frame(*z, None, 1)])
            .collect(),
    );
    assert_eq!(stacks.len(), 2);
    assert!(
        stacks[0]
            .notes
            .iter()
            .any(|note| note.contains("images of several acquisitions")),
        "{:?}",
        stacks[0].notes
    );
}

#[test]
fn another_size_or_orientation_is_another_stack() {
    let mut wide = frame(0.0, None, 2);
    wide.size = (8, 4);
    let mut turned = frame(0.0, None, 3);
    turned.slice.plane = turned.slice.plane.map(|p| Plane {
        orientation: [0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
        ..p
    });
    let stacks = into_stacks(vec![frame(0.0, None, 1), wide, turned]);
    assert_eq!(
        stacks.iter().map(|s| s.name.clone()).collect::<Vec<_>>(),
        ["part 1 of 3", "part 2 of 3", "part 3 of 3"]
    );
}
