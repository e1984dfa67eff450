//! The image with the mask on top, as displayed: tinted areas and smooth outlines.

use labrum_core::{
    boundary::{Point, trace_contours},
    image::{Image, Window},
    label::Label,
    mask::Mask,
    vector::{dot_product, point_along, vector_between},
};
use std::ops::Range;

/// How the mask is drawn on the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverlayLook {
    /// Opacity of the areas: 0 shows only the image, 1 only the colour.
    pub opacity: f32,
    /// Width of the outlines in image pixels; 0 draws none.
    pub line_width: f32,
}

impl OverlayLook {
    /// Lightly tinted areas, and outlines wide enough to see when the whole image is displayed.
    pub fn for_size(columns: usize, rows: usize) -> Self {
        Self {
            opacity: 0.25,
            line_width: (columns.max(rows) as f32 / 400.0).max(1.2),
        }
    }
}

/// RGB bytes of the overlay, with `window` or the default contrast of the image; hidden labels are omitted. `None` if mask
/// and image differ in size.
pub fn overlay_pixels(
    image: &Image,
    window: Option<Window>,
    mask: &Mask,
    labels: &[Label],
    look: OverlayLook,
) -> Option<Vec<u8>> {
    if mask.columns_and_rows() != image.columns_and_rows() {
        return None;
    }
    let rgba = image.to_rgba(image.contrast_for_window(window));
    let mut rgb: Vec<u8> = rgba
        .chunks_exact(4)
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    for (pixel, &label) in rgb.chunks_exact_mut(3).zip(mask.pixel_labels()) {
        if let Some(label) = visible_label(labels, label) {
            blend_color(pixel, label.color, look.opacity);
        }
    }
    for number in (1..=labels.len().min(255) as u8)
        .filter(|&n| look.line_width > 0.0 && visible_label(labels, n).is_some())
    {
        let coverage = outline_coverage(mask, number, look.line_width);
        for (pixel, c) in rgb
            .chunks_exact_mut(3)
            .zip(coverage)
            .filter(|(_, c)| *c > 0.0)
        {
            blend_color(pixel, labels[usize::from(number) - 1].color, c);
        }
    }
    Some(rgb)
}

fn visible_label(labels: &[Label], number: u8) -> Option<&Label> {
    labels
        .get(usize::from(number).checked_sub(1)?)
        .filter(|l| l.visible)
}

fn blend_color(pixel: &mut [u8], color: [u8; 3], opacity: f32) {
    for (p, c) in pixel.iter_mut().zip(color) {
        *p = (f32::from(*p) * (1.0 - opacity) + f32::from(c) * opacity).round() as u8;
    }
}

/// The fraction (0..=1) of each pixel that the outlines of `label` cover.
fn outline_coverage(mask: &Mask, label: u8, width: f32) -> Vec<f32> {
    let (columns, rows) = mask.columns_and_rows();
    let mut coverage = vec![0.0f32; columns * rows];
    let reach = f64::from(width) / 2.0 + 0.5;
    for contour in trace_contours(mask, label) {
        let ring = contour.taubin_smoothed().points;
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            for row in pixels_in_reach(a[1], b[1], reach, rows) {
                for column in pixels_in_reach(a[0], b[0], reach, columns) {
                    let distance =
                        distance_to_segment([column as f64 + 0.5, row as f64 + 0.5], *a, *b);
                    let covered = &mut coverage[row * columns + column];
                    *covered = covered.max((reach - distance).clamp(0.0, 1.0) as f32);
                }
            }
        }
    }
    coverage
}

/// The pixels along an axis of `most` pixels that may lie within `reach` of the segment from `a` to `b`.
#[inline]
fn pixels_in_reach(a: f64, b: f64, reach: f64, most: usize) -> Range<usize> {
    let low = (a.min(b) - reach).floor().max(0.0) as usize;
    let high = (a.max(b) + reach).ceil().max(0.0) as usize;
    low..high.min(most)
}

fn distance_to_segment(p: Point, a: Point, b: Point) -> f64 {
    let along = vector_between(a, b);
    let to_p = vector_between(a, p);
    let length_squared = dot_product(along, along);
    let t = if length_squared > 0.0 {
        (dot_product(along, to_p) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let [x, y] = point_along(to_p, along, -t);
    x.hypot(y)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::image::{Pixels, VoiLut};

    /// A grey image with a disc of label 1 in its middle.
    fn scene() -> (Image, Mask, Vec<Label>) {
        let inside =
            |i: usize| u8::from(((i % 40) as f64 - 19.5).hypot((i / 40) as f64 - 19.5) < 12.0);
        let mask = Mask::from_labels(40, 40, (0..1600).map(inside).collect()).unwrap();
        (
            Image::new(40, 40, Pixels::U8(vec![100; 1600])).unwrap(),
            mask,
            vec![Label::with_name("disc", 0)],
        )
    }

    fn at(rgb: &[u8], column: usize, row: usize) -> [u8; 3] {
        rgb[(row * 40 + column) * 3..][..3].try_into().unwrap()
    }

    #[test]
    fn areas_are_tinted_outlines_are_opaque_and_the_rest_is_the_image() {
        let (image, mask, labels) = scene();
        let look = OverlayLook {
            opacity: 0.5,
            line_width: 2.0,
        };
        let rgb = overlay_pixels(
            &image,
            Some(Window::from_range(0.0, 255.0)),
            &mask,
            &labels,
            look,
        )
        .unwrap();
        let color = labels[0].color;
        assert_eq!(at(&rgb, 2, 2), [100; 3]);
        assert_eq!(
            at(&rgb, 20, 20),
            color.map(|c| ((f32::from(c) + 100.0) / 2.0).round() as u8)
        );
        let rim = at(&rgb, 31, 20);
        assert!((0..3).all(|i| rim[i].abs_diff(color[i]) < 40), "{rim:?}");
    }

    #[test]
    fn hidden_labels_are_left_out() {
        let (image, mask, mut labels) = scene();
        labels[0].visible = false;
        let look = OverlayLook::for_size(40, 40);
        let rgb = overlay_pixels(
            &image,
            Some(Window::from_range(0.0, 255.0)),
            &mask,
            &labels,
            look,
        )
        .unwrap();
        assert!(rgb.iter().all(|&v| v == 100));
    }

    #[test]
    fn the_voi_lut_of_the_file_applies_until_a_window_is_chosen() {
        let (mut image, _, labels) = scene();
        let levels = (0..=255u8).map(|v| 1.0 - f32::from(v) / 255.0).collect();
        image.voi_lut = Some(VoiLut { first: 0.0, levels });
        let (look, nothing) = (OverlayLook::for_size(40, 40), Mask::new_blank(40, 40));
        let level = |window| overlay_pixels(&image, window, &nothing, &labels, look).unwrap()[0];
        assert_eq!(level(None), 155);
        assert_eq!(
            level(Some(image.default_window())),
            155,
            "the default window does not count as chosen"
        );
        assert_eq!(level(Some(Window::from_range(0.0, 200.0))), 128);
    }

    #[test]
    fn a_mask_of_a_different_size_is_refused() {
        let (image, _, labels) = scene();
        let look = OverlayLook::for_size(40, 40);
        let window = None;
        assert_eq!(
            overlay_pixels(&image, window, &Mask::new_blank(3, 3), &labels, look),
            None
        );
    }
}
