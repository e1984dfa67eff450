//! The model's confidence along a boundary, and the stretches where it is low.

use super::{Contour, PixelEdge, Point, is_within_image};
use crate::{mask::Mask, prediction::Prediction};

/// The model's confidence along an exact contour of `label`: 0..=1 for each pixel edge, in the order of the points of
/// [`Contour::taubin_smoothed`].
///
/// The agreement at a pixel is (1 + m) / 2, where m is the probability of the label minus that of its strongest rival.
/// It is averaged over a band of [`band_width`] pixels inside the label, and 1 minus it over the same band outside; the
/// mean of both sides is rescaled so that 0.5 becomes 0. A sharp step from 1 to 0 gives 1; a wide, flat transition
/// tends to 0, and so does a boundary drawn where the model sees none. The band ends where the mask changes again and
/// at the edge of the image.
pub fn boundary_confidence(
    contour: &Contour,
    mask: &Mask,
    label: u8,
    prediction: &Prediction,
) -> Vec<f32> {
    let same_size = mask.columns_and_rows() == prediction.mask.columns_and_rows();
    if !same_size {
        return vec![0.0; contour.pixel_edges().count()];
    }
    let band = band_width(mask.columns(), mask.rows()) as i64;
    let judged = JudgedLabel {
        mask,
        label,
        prediction,
    };
    let confidences: Vec<f32> = contour
        .pixel_edges()
        .map(|edge| judged.edge_confidence(&edge, band))
        .collect();
    running_mean(&confidences, 2)
}

/// A label of a mask, with the model's prediction for the same pixels.
struct JudgedLabel<'a> {
    mask: &'a Mask,
    label: u8,
    /// Same size as the mask.
    prediction: &'a Prediction,
}

impl JudgedLabel<'_> {
    /// Confidence at one pixel edge, 0..=1, from the `band` pixels on each side of it.
    fn edge_confidence(&self, edge: &PixelEdge, band: i64) -> f32 {
        let sides = [
            self.mean_agreement(edge, 0..band, true),
            self.mean_agreement(edge, (-band..0).rev(), false),
        ];
        let known: Vec<f32> = sides.into_iter().flatten().collect();
        let agreement = known.iter().sum::<f32>() / known.len().max(1) as f32;
        (2.0 * agreement - 1.0).clamp(0.0, 1.0)
    }

    /// The model's mean agreement, 0..=1, that the pixels at these depths are inside the label (`is_inside`) or
    /// outside, up to where the mask changes again or the image ends; `None` if that is the case at the first depth.
    fn mean_agreement(
        &self,
        edge: &PixelEdge,
        depths: impl Iterator<Item = i64>,
        is_inside: bool,
    ) -> Option<f32> {
        let mut sum = 0.0;
        let mut count = 0;
        for [x, y] in depths.map(|depth| edge.pixel_at_depth(depth)) {
            let is_in_label = self.mask.label_at(x, y) == self.label;
            if !is_within_image(self.mask, x, y) || is_in_label != is_inside {
                break;
            }
            let index = y as usize * self.mask.columns() + x as usize;
            let margin = probability_margin(self.prediction, self.label, index);
            sum += if is_inside {
                (1.0 + margin) / 2.0
            } else {
                (1.0 - margin) / 2.0
            };
            count += 1;
        }
        (count > 0).then(|| sum / count as f32)
    }
}

/// How many pixels [`boundary_confidence`] uses on each side of a contour: 1 % of the longer side of the image, at
/// least 3, because the model's transition zone scales with the image.
pub fn band_width(columns: usize, rows: usize) -> usize {
    (columns.max(rows) / 100).max(3)
}

/// Probability of `label` minus that of the most likely other label (background included): -1..=1.
fn probability_margin(prediction: &Prediction, label: u8, index: usize) -> f32 {
    let others = (0..=prediction.probabilities.len() as u8).filter(|&l| l != label);
    let rival = others
        .map(|l| prediction.label_probability(l, index))
        .fold(0.0, f32::max);
    prediction.label_probability(label, index) - rival
}

/// Running mean along a closed ring, over `reach` values on each side.
fn running_mean(ring: &[f32], reach: usize) -> Vec<f32> {
    let n = ring.len();
    let width = 2 * reach + 1;
    (0..n)
        .map(|i| {
            let near = (0..width).map(|k| ring[(i + n * reach + k - reach) % n]);
            near.sum::<f32>() / width as f32
        })
        .collect()
}

/// A stretch of boundary where the model is uncertain.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Index of the contour.
    pub contour: usize,
    /// Index of its first pixel edge.
    pub first: usize,
    /// Number of pixel edges; the stretch may wrap around the end of the ring.
    pub edges: usize,
    /// Point halfway along, on the smooth contour.
    pub middle: Point,
    /// How far the confidence is below the threshold, summed over the edges.
    pub doubt: f32,
}

/// Connected stretches of boundary whose confidence is below `threshold`, the most uncertain first.
///
/// `confidences` holds the result of [`boundary_confidence`] for each contour.
pub fn doubtful_stretches(
    contours: &[Contour],
    confidences: &[Vec<f32>],
    threshold: f32,
) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (index, (contour, confidence)) in contours.iter().zip(confidences).enumerate() {
        let points = contour.taubin_smoothed().points;
        for (first, edges) in low_runs(confidence, threshold) {
            let Some(&middle) = points.get((first + edges / 2) % points.len().max(1)) else {
                continue;
            };
            let doubt = (0..edges)
                .map(|k| threshold - confidence[(first + k) % confidence.len()])
                .sum();
            stretches.push(Stretch {
                contour: index,
                first,
                edges,
                middle,
                doubt,
            });
        }
    }
    stretches.sort_by(|a, b| b.doubt.total_cmp(&a.doubt));
    stretches
}

/// (first, length) of the runs below `threshold` on a closed ring; a run may wrap around the end.
fn low_runs(ring: &[f32], threshold: f32) -> Vec<(usize, usize)> {
    let n = ring.len();
    let Some(high) = ring.iter().position(|&c| c >= threshold) else {
        return if n > 0 { vec![(0, n)] } else { Vec::new() };
    };
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut in_run = false;
    for i in (high..high + n).map(|i| i % n) {
        let low = ring[i] < threshold;
        match runs.last_mut() {
            Some(run) if low && in_run => run.1 += 1,
            _ if low => runs.push((i, 1)),
            _ => {}
        }
        in_run = low;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{
        super::{tests::disc, trace_contours},
        *,
    };

    /// Prediction of a disc: its edge is `width` pixels wide on the right and sharp on the left.
    fn prediction(size: usize, radius: f64, width: f64) -> Prediction {
        let c = size as f64 / 2.0;
        let probability = |i: usize| {
            let (x, y) = ((i % size) as f64 + 0.5 - c, (i / size) as f64 + 0.5 - c);
            let width = if x > radius / 2.0 { width } else { 0.1 };
            let p = (0.5 + (radius - x.hypot(y)) / width).clamp(0.0, 1.0);
            (p * 65535.0) as u16
        };
        Prediction {
            mask: disc(size, radius),
            probabilities: vec![(0..size * size).map(probability).collect()],
        }
    }

    #[test]
    fn confidence_is_high_on_a_sharp_boundary_and_low_on_a_blurred_one() {
        let of = |width| {
            let model = prediction(100, 30.0, width);
            let contour = trace_contours(&model.mask, 1).remove(0);
            boundary_confidence(&contour, &model.mask, 1, &model)
        };
        assert!(of(0.1).iter().all(|&c| c > 0.9));
        let blurred = of(20.0);
        assert!(blurred.iter().any(|&c| c < 0.4), "right side");
        assert!(blurred.iter().any(|&c| c > 0.9), "left side");
    }

    #[test]
    fn confidence_is_low_where_the_model_sees_no_boundary() {
        let model = prediction(100, 30.0, 0.1);
        let drawn = disc(100, 12.0);
        let contour = trace_contours(&drawn, 1).remove(0);
        assert!(
            boundary_confidence(&contour, &drawn, 1, &model)
                .iter()
                .all(|&c| c < 0.1)
        );
    }

    #[test]
    fn the_uncertain_region_is_where_the_edge_is_blurred() {
        let model = prediction(100, 30.0, 20.0);
        let contours = trace_contours(&model.mask, 1);
        let confidence = boundary_confidence(&contours[0], &model.mask, 1, &model);
        let found = doubtful_stretches(&contours, &[confidence], 0.5);
        assert_eq!(found.len(), 1);
        let [x, y] = found[0].middle;
        assert!(x > 75.0 && (y - 50.0).abs() < 3.0, "{x} {y}");
    }

    #[test]
    fn runs_wrap_around_the_end_of_a_ring() {
        assert_eq!(low_runs(&[0.0, 1.0, 0.0, 0.0], 0.5), [(2, 3)]);
        assert_eq!(low_runs(&[0.0, 0.0], 0.5), [(0, 2)]);
        assert_eq!(low_runs(&[1.0, 0.0, 1.0, 0.0, 1.0], 0.5), [(1, 1), (3, 1)]);
    }
}
