//! Tests of `looks`.
#![allow(clippy::unwrap_used)]

use super::super::image::Pixels;
use super::*;

/// A disc of this radius with waves of this length, varied by `seed`.
fn picture(length: f64, radius: f64, seed: usize) -> Image {
    let (columns, rows) = (160, 120);
    let shift = seed as f64 * 0.7;
    let level = |i: usize| {
        let (x, y) = ((i % columns) as f64, (i / columns) as f64);
        let is_inside = (x - 80.0).hypot(y - 60.0) < radius + shift.sin() * 6.0;
        let wave = ((x + shift * 5.0) / length).sin() * ((y - shift * 3.0) / length).cos();
        let noise = ((i * 7919 + seed * 104_729) % 37) as f64;
        if is_inside {
            110.0 + 60.0 * wave + noise
        } else {
            20.0 + noise / 4.0
        }
    };
    let pixels = (0..columns * rows)
        .map(|i| level(i).clamp(0.0, 255.0) as u8)
        .collect();
    Image::new(columns, rows, Pixels::U8(pixels)).unwrap()
}

pub(crate) fn looks(length: f64, radius: f64, seeds: std::ops::Range<usize>) -> Vec<Look> {
    seeds
        .map(|seed| Look::from_image(&picture(length, radius, seed)))
        .collect()
}

#[test]
fn images_like_the_examples_are_familiar_and_others_are_not() {
    let looks_of_it = Looks::from_examples(&looks(6.0, 50.0, 0..240), &[]).unwrap();
    let share = |looks: &[Look]| {
        looks.iter().filter(|l| looks_of_it.is_familiar(l)).count() as f64 / looks.len() as f64
    };
    assert!(share(&looks(6.0, 50.0, 300..360)) > 0.9);
    assert_eq!(share(&looks(2.0, 50.0, 0..40)), 0.0, "finer");
    assert_eq!(share(&looks(6.0, 20.0, 0..40)), 0.0, "smaller");
}

#[test]
fn counterexamples_are_not_familiar() {
    let own = looks(6.0, 50.0, 0..240);
    let near = looks(5.2, 50.0, 0..200);
    let looks_of_it = Looks::from_examples(&own, &near).unwrap();
    let share = |looks: &[Look]| {
        looks.iter().filter(|l| looks_of_it.is_familiar(l)).count() as f64 / looks.len() as f64
    };
    assert!(share(&looks(5.2, 50.0, 300..340)) < 0.1);
    assert!(share(&looks(6.0, 50.0, 300..360)) > 0.9);
}

#[test]
fn the_model_for_fewer_kinds_of_images_is_the_likelier_one() {
    let narrow = Looks::from_examples(&looks(6.0, 50.0, 0..240), &[]).unwrap();
    let kinds = [4.0, 6.0, 9.0].map(|length| looks(length, 50.0, 0..120));
    let broad = Looks::from_examples(&kinds.concat(), &[]).unwrap();
    let new = looks(6.0, 50.0, 300..360);
    let both: Vec<&Look> = new
        .iter()
        .filter(|look| narrow.is_familiar(look) && broad.is_familiar(look))
        .collect();
    assert!(both.len() > 30, "{} images fit both", both.len());
    assert!(
        both.iter()
            .all(|look| narrow.log_density(look) > broad.log_density(look))
    );
}

#[test]
fn the_determinant_is_that_of_the_matrix() {
    let mut matrix = vec![0.0f32; FIGURES * FIGURES];
    (0..FIGURES).for_each(|i| matrix[i * FIGURES + i] = 2.0);
    (matrix[1], matrix[FIGURES]) = (1.0, 1.0);
    // 3 for the first two rows together, 2 for each other one.
    let expected = 3f64.ln() + (FIGURES - 2) as f64 * 2f64.ln();
    assert!((log_determinant(&matrix).unwrap() - expected).abs() < 1e-6);
    matrix[0] = -1.0;
    assert_eq!(log_determinant(&matrix), None);
}

#[test]
fn an_image_with_black_borders_stays_familiar() {
    let inner = picture(6.0, 50.0, 1);
    let Pixels::U8(pixels) = &inner.pixels else {
        unreachable!()
    };
    let mut wide = vec![0u8; 400 * 300];
    for (y, row) in pixels.chunks_exact(160).enumerate() {
        wide[(y + 90) * 400 + 120..][..160].copy_from_slice(row);
    }
    let wide = Image::new(400, 300, Pixels::U8(wide)).unwrap();
    let looks_of_it = Looks::from_examples(&looks(6.0, 50.0, 0..240), &[]).unwrap();
    assert!(looks_of_it.is_familiar(&Look::from_image(&wide)));
}

#[test]
fn too_few_examples_give_none_and_tiny_images_give_finite_figures() {
    assert_eq!(Looks::from_examples(&looks(6.0, 50.0, 0..20), &[]), None);
    for (columns, rows) in [(1, 1), (1, 500), (300, 2), (3, 3)] {
        let image = Image::new(columns, rows, Pixels::U8(vec![0; columns * rows])).unwrap();
        let look = Look::from_image(&image);
        assert_eq!(look.figures.len(), FIGURES);
        assert!(
            look.figures.iter().all(|f| f.is_finite()),
            "{columns} x {rows}"
        );
    }
}
