//! Tests of `preprocess`.
#![allow(clippy::unwrap_used)]

use super::*;
use labrum_core::{image::WindowPreset, metrics};

fn spec(channels: usize, columns: usize, rows: usize) -> InputSpec {
    InputSpec {
        channels,
        columns,
        rows,
        aspect: Aspect::Kept,
        mean: vec![0.0; channels],
        std: vec![1.0; channels],
    }
}

fn grey(columns: usize, rows: usize, values: Vec<u8>) -> Image {
    Image::new(columns, rows, Pixels::U8(values)).unwrap()
}

fn disc(columns: usize, rows: usize, x: f64, y: f64, radius: f64) -> Mask {
    let inside = |i: usize| ((i % columns) as f64 - x).hypot((i / columns) as f64 - y) <= radius;
    Mask::from_labels(
        columns,
        rows,
        (0..columns * rows).map(|i| u8::from(inside(i))).collect(),
    )
    .unwrap()
}

fn centroid(mask: &Mask) -> (f64, f64) {
    let inside: Vec<usize> = (0..mask.pixel_labels().len())
        .filter(|&i| mask.pixel_labels()[i] == 1)
        .collect();
    let mean = |of: &dyn Fn(usize) -> usize| inside.iter().map(|&i| of(i)).sum::<usize>() as f64;
    let n = inside.len() as f64;
    (
        mean(&|i| i % mask.columns()) / n,
        mean(&|i| i / mask.columns()) / n,
    )
}

/// One-hot probabilities of `labels`.
fn one_hot(labels: &[u8], classes: usize) -> Vec<f32> {
    (0..classes)
        .flat_map(|class| {
            labels
                .iter()
                .map(move |&l| f32::from(u8::from(usize::from(l) == class)))
        })
        .collect()
}

#[test]
fn an_image_of_the_input_size_is_unchanged() {
    let values: Vec<u8> = (0..32 * 16).map(|i| (i % 256) as u8).collect();
    let (input, placement) = fit_to_input(&grey(32, 16, values.clone()), &spec(1, 32, 16)).unwrap();
    assert_eq!(
        (placement.left, placement.top, placement.inner),
        (
            0,
            0,
            Size {
                columns: 32,
                rows: 16
            }
        )
    );
    assert!(
        input
            .iter()
            .zip(&values)
            .all(|(v, s)| (v - f32::from(*s) / 255.0).abs() < 1e-6)
    );
}

#[test]
fn a_wide_image_is_centred_and_padded_with_zero_before_normalisation() {
    let spec = InputSpec {
        mean: vec![0.5],
        std: vec![0.25],
        ..spec(1, 32, 32)
    };
    let (input, placement) = fit_to_input(&grey(64, 32, vec![255; 64 * 32]), &spec).unwrap();
    assert_eq!(
        (placement.left, placement.top, placement.inner.rows),
        (0, 8, 16)
    );
    assert_eq!(&input[..32 * 8], [-2.0; 32 * 8]);
    assert!(
        input[32 * 8..32 * 24]
            .iter()
            .all(|v| (v - 2.0).abs() < 1e-5)
    );
    assert_eq!(&input[32 * 24..], [-2.0; 32 * 8]);
}

#[test]
fn a_stretched_image_fills_the_input_and_its_mask_regains_the_proportions() {
    let spec = InputSpec {
        aspect: Aspect::Stretched,
        ..spec(1, 32, 32)
    };
    let (input, placement) = fit_to_input(&grey(64, 32, vec![255; 64 * 32]), &spec).unwrap();
    assert!(input.iter().all(|v| *v == 1.0));
    let left_half: Vec<u8> = (0..64 * 32).map(|i| u8::from(i % 64 < 32)).collect();
    let mask = Mask::from_labels(64, 32, left_half).unwrap();
    let fitted = fit_mask(&mask, &placement).unwrap();
    assert!(
        fitted
            .iter()
            .enumerate()
            .all(|(i, &label)| label == u8::from(i % 32 < 16))
    );
    assert_eq!(
        restore_to_source(&one_hot(&fitted, 2), 2, &placement)
            .unwrap()
            .mask,
        mask
    );
}

#[test]
fn grey_fills_three_channels_and_colour_becomes_luma_in_one() {
    let (input, _) = fit_raw(&grey(16, 16, vec![51; 256]), &spec(3, 16, 16)).unwrap();
    assert_eq!(input.len(), 3 * 256);
    assert!(input.iter().all(|v| (v - 0.2).abs() < 1e-6));
    let color = Image::new(16, 16, Pixels::Rgb8(vec![[255, 0, 51]; 256])).unwrap();
    let (input, _) = fit_raw(&color, &spec(1, 16, 16)).unwrap();
    assert!(
        (input[7] - (0.299 + 0.114 * 0.2)).abs() < 1e-4,
        "{}",
        input[7]
    );
    let (input, _) = fit_raw(&color, &spec(3, 16, 16)).unwrap();
    assert_eq!((input[0], input[256], input[600]), (1.0, 0.0, 0.2));
}

#[test]
fn the_window_of_the_image_is_used_and_monochrome1_is_inverted() {
    let mut image = Image::new(16, 16, Pixels::I16(vec![40; 256])).unwrap();
    let window = labrum_core::image::Window::from_range(0.0, 160.0);
    image.windows.push(WindowPreset {
        name: String::new(),
        window,
    });
    assert!((fit_raw(&image, &spec(1, 16, 16)).unwrap().0[0] - 0.25).abs() < 1e-6);
    image.inverted = true;
    assert!((fit_raw(&image, &spec(1, 16, 16)).unwrap().0[0] - 0.75).abs() < 1e-6);
}

#[test]
fn the_network_sees_the_initial_display() {
    let mut by_table = grey(16, 16, (0..=255).collect());
    let levels = (0..=255u8).map(|v| 1.0 - f32::from(v) / 255.0).collect();
    by_table.voi_lut = Some(labrum_core::image::VoiLut { first: 0.0, levels });
    let mut usual = Image::new(
        16,
        16,
        Pixels::I16((-500..-500 + 256 * 4).step_by(4).collect()),
    )
    .unwrap();
    usual.usual_window = Some(labrum_core::image::Window::SOFT_TISSUE);
    let mut inverted = grey(16, 16, (0..=255).collect());
    inverted.inverted = true;
    for image in [by_table, usual, inverted] {
        let (seen, _) = fit_raw(&image, &spec(1, 16, 16)).unwrap();
        let shown = image.to_rgba(image.first_contrast());
        let differ = seen
            .iter()
            .zip(shown.chunks_exact(4))
            .any(|(v, p)| (v * 255.0 - f32::from(p[0])).abs() > 0.51);
        assert!(!differ, "{:?}", image.pixels);
    }
}

/// Rounding to whole pixels moves the centroid of each disc at random; the mean shows a true shift.
#[test]
fn a_mask_survives_a_round_trip_at_any_scale() {
    for (scale, columns, rows) in [
        (0.3, 400, 300),
        (0.48, 500, 370),
        (1.0, 200, 160),
        (2.5, 96, 64),
    ] {
        let source = Size { columns, rows };
        let scaled = |side: usize| (side as f64 * scale) as usize;
        let placement = InputPlacement::centred_in_input(
            source,
            Size {
                columns: scaled(columns),
                rows: scaled(rows) + 40,
            },
        );
        let mut shift = [0.0, 0.0];
        for step in 0..10 {
            let (x, y) = (
                0.45 * columns as f64 + 0.37 * f64::from(step),
                0.5 * rows as f64 + 0.61 * f64::from(step),
            );
            let mask = disc(columns, rows, x, y, 0.3 * rows as f64);
            let fitted = fit_mask(&mask, &placement).unwrap();
            let back = restore_to_source(&one_hot(&fitted, 2), 2, &placement)
                .unwrap()
                .mask;
            let dice = metrics::score_masks(&back, &mask, [1.0, 1.0]).unwrap().dice;
            assert!(dice > 0.97, "scale {scale}: Dice {dice}");
            let (there, here) = (centroid(&back), centroid(&mask));
            shift = [
                shift[0] + (there.0 - here.0) / 10.0,
                shift[1] + (there.1 - here.1) / 10.0,
            ];
        }
        assert!(
            shift[0].hypot(shift[1]) < 0.1,
            "scale {scale}: shifted by {shift:?}"
        );
    }
}

#[test]
fn several_labels_keep_their_positions() {
    let labels: Vec<u8> = (0..90 * 60).map(|i| [0, 1, 3][(i % 90) / 30]).collect();
    let mask = Mask::from_labels(90, 60, labels).unwrap();
    let placement = InputPlacement::centred_in_input(
        Size {
            columns: 90,
            rows: 60,
        },
        Size {
            columns: 48,
            rows: 48,
        },
    );
    let fitted = fit_mask(&mask, &placement).unwrap();
    let back = restore_to_source(&one_hot(&fitted, 4), 4, &placement).unwrap();
    assert_eq!(
        (
            back.mask.label_at(10, 30),
            back.mask.label_at(45, 30),
            back.mask.label_at(80, 30)
        ),
        (0, 1, 3)
    );
    assert_eq!(back.probabilities.len(), 3);
    assert_eq!(
        (back.label_probability(3, 80), back.label_probability(2, 80)),
        (1.0, 0.0)
    );
    assert_eq!(back.mask.count_pixels(2), 0);
}

#[test]
fn predictions_and_masks_of_another_size_are_refused() {
    let placement = InputPlacement::centred_in_input(
        Size {
            columns: 9,
            rows: 6,
        },
        Size {
            columns: 16,
            rows: 16,
        },
    );
    assert!(restore_to_source(&[0.0; 16], 2, &placement).is_err());
    assert!(fit_mask(&Mask::new_blank(6, 9), &placement).is_err());
}

#[test]
fn an_image_of_one_row_is_placed_in_the_input() {
    let (input, placement) = fit_raw(&grey(1000, 1, vec![255; 1000]), &spec(1, 32, 32)).unwrap();
    assert_eq!((placement.inner.rows, placement.top), (1, 15));
    assert_eq!(input.iter().filter(|v| **v > 0.0).count(), 32);
}
