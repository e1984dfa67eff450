//! The result of a model on one slice in compact form: mask, probabilities, outlines, uncertain regions, measurements.

use labrum_core::{
    boundary::{Contour, boundary_confidence, doubtful_stretches, trace_contours},
    label::Label,
    mask::Mask,
    measure::{Measurement, measure_all},
    prediction::Prediction,
    scale::Scale,
};
use std::sync::Arc;

/// Boundary with a confidence below this is uncertain.
///
/// Measured with the shipped model on 62 HC18 images (most of them seen in training): the boundary is more than 4
/// pixels off along 95 % of the stretches with a confidence below 0.1, 46 % at 0.1 to 0.2, 19 % at 0.2 to 0.3, and 10 %
/// or less nearly everywhere above.
pub const DOUBTFUL_BELOW: f32 = 0.25;

/// Uncertain stretches shorter than this (in pixel edges) are ignored.
const SHORTEST_STRETCH: usize = 4;

/// Run-length encoding of a mask or of probabilities: the value and the end of each run.
#[derive(Clone, Debug, Default, PartialEq)]
struct ValueRuns {
    ends: Vec<u32>,
    values: Vec<u8>,
}

impl ValueRuns {
    fn from_values(values: impl Iterator<Item = u8>) -> Self {
        let mut runs = Self::default();
        for (i, value) in values.enumerate() {
            if runs.values.last() == Some(&value) {
                if let Some(end) = runs.ends.last_mut() {
                    *end = i as u32 + 1;
                }
            } else {
                runs.values.push(value);
                runs.ends.push(i as u32 + 1);
            }
        }
        runs
    }

    fn value_at(&self, index: usize) -> Option<u8> {
        self.values
            .get(self.ends.partition_point(|&end| end as usize <= index))
            .copied()
    }

    fn to_values(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ends.last().map_or(0, |&e| e as usize));
        for (&end, &value) in self.ends.iter().zip(&self.values) {
            out.resize(end as usize, value);
        }
        out
    }

    /// The values 0..=255 scaled to probabilities 0..=65535.
    fn to_probabilities(&self) -> Vec<u16> {
        let values = self.to_values();
        values.iter().map(|v| u16::from(*v) * 257).collect()
    }
}

/// One closed, smoothed outline, in pixels from the upper left corner of the image.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundaryRing {
    /// Its label.
    pub label: u8,
    /// The points; the last one is joined to the first.
    pub points: Vec<[f32; 2]>,
    /// Confidence of the model at each point, 0..=1.
    pub confidence: Vec<f32>,
    /// Smallest and largest x and y.
    pub bounds: [[f32; 2]; 2],
}

/// An uncertain stretch of boundary.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// Its label.
    pub label: u8,
    /// Index of the outline.
    pub outline: usize,
    /// Index of its first point; the stretch may wrap around the end of the outline.
    pub first: usize,
    /// Number of points.
    pub points: usize,
    /// Smallest and largest x and y.
    pub bounds: [[f32; 2]; 2],
    /// Mean confidence along it, 0..=1.
    pub confidence: f32,
}

/// The result of a model for one slice, or the outlines and measurements of a drawn mask.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name and version of the model: "Fetal head 1.0.0".
    pub model: Arc<str>,
    /// Hash of its weights; empty if unknown.
    pub weights: Arc<str>,
    /// Labels 1..=n of the model.
    pub labels: Arc<[Label]>,
    columns: usize,
    rows: usize,
    mask: ValueRuns,
    probabilities: Vec<ValueRuns>,
    /// The outlines of all labels.
    pub outlines: Vec<BoundaryRing>,
    /// Uncertain stretches, the most uncertain first.
    pub doubts: Vec<Doubt>,
    /// Measurements of the labels in the mask.
    pub measurements: Vec<Measurement>,
}

impl Finding {
    /// Computes outlines, uncertain stretches and measurements of a prediction.
    pub fn from_prediction(
        prediction: &Prediction,
        model: Arc<str>,
        labels: Arc<[Label]>,
        scale: &Scale,
    ) -> Self {
        let mask = &prediction.mask;
        let mut finding = Self {
            model,
            weights: "".into(),
            columns: mask.columns(),
            rows: mask.rows(),
            mask: ValueRuns::from_values(mask.pixel_labels().iter().copied()),
            probabilities: prediction
                .probabilities
                .iter()
                .map(|p| ValueRuns::from_values(p.iter().map(quantize_probability)))
                .collect(),
            outlines: Vec::new(),
            doubts: Vec::new(),
            measurements: measure_all(mask, labels.len() as u8, scale),
            labels,
        };
        for label in 1..=finding.labels.len() as u8 {
            finding.add_boundary(label, prediction);
        }
        finding
            .doubts
            .sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        finding
    }

    /// Computes outlines and measurements of a mask that the user drew or corrected. Its confidence is that of the
    /// `proposal`; where the mask differs from the proposal nothing is uncertain, because the user has looked there.
    pub fn of_drawn(
        mask: &Mask,
        proposal: Option<&Self>,
        labels: Arc<[Label]>,
        scale: &Scale,
    ) -> Self {
        let known = proposal.filter(|p| (p.columns, p.rows) == mask.columns_and_rows());
        let probabilities: Vec<Vec<u16>> = match known {
            Some(p) => p
                .probabilities
                .iter()
                .map(ValueRuns::to_probabilities)
                .collect(),
            None => Vec::new(),
        };
        let prediction = Prediction {
            mask: mask.clone(),
            probabilities,
        };
        let model = known.map_or_else(|| "".into(), |p| p.model.clone());
        let mut finding = Self::from_prediction(&prediction, model, labels, scale);
        finding.weights = known.map_or_else(|| "".into(), |p| p.weights.clone());
        match known {
            Some(proposal) => {
                let proposed = proposal.to_mask();
                finding
                    .doubts
                    .retain(|d| same_within(mask, &proposed, d.bounds));
            }
            None => finding.doubts.clear(),
        }
        finding
    }

    /// True if it has the confidence of a model.
    pub fn has_confidence(&self) -> bool {
        !self.probabilities.is_empty()
    }

    /// For each of `count` labels the probability of every pixel, 0..=65535; 0 for labels unknown to the model.
    pub fn label_probabilities(&self, count: usize) -> Vec<Vec<u16>> {
        let known = self.probabilities.iter().take(count);
        let mut maps: Vec<Vec<u16>> = known.map(ValueRuns::to_probabilities).collect();
        maps.resize_with(count, || vec![0; self.columns * self.rows]);
        maps
    }

    /// Name and version of the model.
    pub fn model_and_version(&self) -> (String, String) {
        let (name, version) = self.model.rsplit_once(' ').unwrap_or((&self.model, ""));
        (name.to_owned(), version.to_owned())
    }

    /// A copy in which the label `from` is replaced by `to` (0 for background). Measurements are not updated.
    pub fn with_label_moved(&self, from: u8, to: u8) -> Self {
        let mut moved = self.clone();
        moved.mask = ValueRuns::from_values(
            self.mask
                .to_values()
                .into_iter()
                .map(|l| if l == from { to } else { l }),
        );
        if to > 0 {
            moved
                .outlines
                .iter_mut()
                .filter(|o| o.label == from)
                .for_each(|o| o.label = to);
            moved
                .doubts
                .iter_mut()
                .filter(|d| d.label == from)
                .for_each(|d| d.label = to);
            moved
                .measurements
                .iter_mut()
                .filter(|m| m.label == from)
                .for_each(|m| m.label = to);
            return moved;
        }
        // Uncertain stretches refer to outlines by index.
        moved.doubts.retain(|d| d.label != from);
        for doubt in &mut moved.doubts {
            let before = &self.outlines[..doubt.outline];
            doubt.outline = before.iter().filter(|o| o.label != from).count();
        }
        moved.outlines.retain(|o| o.label != from);
        moved.measurements.retain(|m| m.label != from);
        moved
    }

    /// Sets the hash of the model's weights.
    pub fn with_weights(self, weights: impl Into<Arc<str>>) -> Self {
        Self {
            weights: weights.into(),
            ..self
        }
    }

    /// The probabilities as the workspace stores them: for each label the number of runs, then the end and the value of
    /// each run, all little-endian.
    pub fn probability_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for runs in &self.probabilities {
            bytes.extend((runs.ends.len() as u32).to_le_bytes());
            runs.ends
                .iter()
                .for_each(|end| bytes.extend(end.to_le_bytes()));
            bytes.extend(&runs.values);
        }
        bytes
    }

    /// A stored result of a model; `bytes` are those of [`Finding::probability_bytes`]. If they are missing or damaged
    /// there is no confidence.
    pub fn from_stored(
        mask: &Mask,
        bytes: &[u8],
        model: Arc<str>,
        labels: Arc<[Label]>,
        scale: &Scale,
    ) -> Self {
        let probabilities =
            unpack_probabilities(bytes, mask.pixel_labels().len()).unwrap_or_default();
        let is_known = !probabilities.is_empty();
        let prediction = Prediction {
            mask: mask.clone(),
            probabilities,
        };
        let mut finding = Self::from_prediction(&prediction, model, labels, scale);
        if !is_known {
            finding.doubts.clear();
        }
        finding
    }

    fn add_boundary(&mut self, label: u8, prediction: &Prediction) {
        let contours = trace_contours(&prediction.mask, label);
        if contours.is_empty() {
            return;
        }
        let confidences: Vec<Vec<f32>> = contours
            .iter()
            .map(|c| boundary_confidence(c, &prediction.mask, label, prediction))
            .collect();
        let smooth: Vec<Contour> = contours.iter().map(Contour::taubin_smoothed).collect();
        let first_outline = self.outlines.len();
        for (ring, confidence) in smooth.iter().zip(&confidences) {
            let points: Vec<[f32; 2]> = ring.points.iter().map(|p| p.map(|v| v as f32)).collect();
            let bounds = bounding_box(points.iter().copied());
            self.outlines.push(BoundaryRing {
                label,
                points,
                confidence: confidence.clone(),
                bounds,
            });
        }
        for stretch in doubtful_stretches(&contours, &confidences, DOUBTFUL_BELOW) {
            if stretch.edges < SHORTEST_STRETCH {
                continue;
            }
            let outline = first_outline + stretch.contour;
            let ring = &self.outlines[outline];
            let along = (0..stretch.edges).map(|k| (stretch.first + k) % ring.points.len().max(1));
            let confidence = along
                .clone()
                .filter_map(|i| ring.confidence.get(i))
                .sum::<f32>()
                / stretch.edges as f32;
            let bounds = bounding_box(along.filter_map(|i| ring.points.get(i).copied()));
            let first = stretch.first;
            let points = stretch.edges;
            self.doubts.push(Doubt {
                label,
                outline,
                first,
                points,
                bounds,
                confidence,
            });
        }
    }

    /// The label at a pixel.
    pub fn label_at(&self, column: usize, row: usize) -> u8 {
        self.mask.value_at(row * self.columns + column).unwrap_or(0)
    }

    /// The probability of a label 1..=n at a pixel, 0..=1 in steps of 1/255.
    pub fn probability_at(&self, label: u8, column: usize, row: usize) -> Option<f32> {
        let map = self.probabilities.get(usize::from(label).checked_sub(1)?)?;
        map.value_at(row * self.columns + column)
            .map(|p| f32::from(p) / 255.0)
    }

    /// True if the model gives a label 1..=n a probability above 0 anywhere on the slice.
    pub fn may_contain_label(&self, label: u8) -> bool {
        let map = usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.probabilities.get(i));
        map.is_some_and(|m| m.values.iter().any(|v| *v > 0))
    }

    /// The whole mask.
    pub fn to_mask(&self) -> Mask {
        Mask::from_labels(self.columns, self.rows, self.mask.to_values())
            .unwrap_or_else(|| Mask::new_blank(self.columns, self.rows))
    }

    /// Name of a label 1..=n.
    pub fn label_name(&self, label: u8) -> &str {
        usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.labels.get(i))
            .map_or("Background", |l| l.name.as_str())
    }
}

/// True if two masks are equal within a rectangle and two pixels around it.
fn same_within(a: &Mask, b: &Mask, [low, high]: [[f32; 2]; 2]) -> bool {
    let rows = low[1] as i64 - 2..=high[1] as i64 + 2;
    let columns = low[0] as i64 - 2..=high[0] as i64 + 2;
    rows.into_iter().all(|row| {
        columns
            .clone()
            .all(|column| a.label_at(column, row) == b.label_at(column, row))
    })
}

fn unpack_probabilities(mut bytes: &[u8], pixels: usize) -> Option<Vec<Vec<u16>>> {
    let mut maps = Vec::new();
    while !bytes.is_empty() {
        let (count, rest) = bytes.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (ends, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (values, rest) = rest.split_at_checked(count)?;
        let mut map = Vec::with_capacity(pixels);
        for (end, value) in ends.as_chunks().0.iter().zip(values) {
            let end = u32::from_le_bytes(*end) as usize;
            if end < map.len() || end > pixels {
                return None;
            }
            map.resize(end, u16::from(*value) * 257);
        }
        if map.len() != pixels {
            return None;
        }
        maps.push(map);
        bytes = rest;
    }
    Some(maps)
}

fn quantize_probability(probability: &u16) -> u8 {
    ((u32::from(*probability) * 255 + 32767) / 65535) as u8
}

fn bounding_box(points: impl Iterator<Item = [f32; 2]>) -> [[f32; 2]; 2] {
    points.fold(
        [[f32::INFINITY; 2], [f32::NEG_INFINITY; 2]],
        |[low, high], p| {
            [
                [low[0].min(p[0]), low[1].min(p[1])],
                [high[0].max(p[0]), high[1].max(p[1])],
            ]
        },
    )
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A disc with a blurred right side; elsewhere the model is confident.
    pub(crate) fn blurred_disc(size: usize, radius: f64) -> Prediction {
        let mut labels = Vec::new();
        let mut probabilities = Vec::new();
        for y in 0..size {
            for x in 0..size {
                let (dx, dy) = (
                    x as f64 + 0.5 - size as f64 / 2.0,
                    y as f64 + 0.5 - size as f64 / 2.0,
                );
                let blur = if dx > radius / 2.0 { 20.0 } else { 0.2 };
                let p = 1.0 / (1.0 + (((dx * dx + dy * dy).sqrt() - radius) / blur).exp());
                labels.push(u8::from(p >= 0.5));
                probabilities.push((p * 65535.0) as u16);
            }
        }
        Prediction {
            mask: Mask::from_labels(size, size, labels).unwrap(),
            probabilities: vec![probabilities],
        }
    }

    #[test]
    fn mask_and_probabilities_are_restored_from_their_packed_form() {
        let prediction = blurred_disc(64, 20.0);
        let finding = Finding::from_prediction(
            &prediction,
            "test".into(),
            [Label::with_name("Disc", 0)].into(),
            &Scale::default(),
        );
        assert_eq!(finding.to_mask(), prediction.mask);
        for (x, y) in [(0, 0), (32, 32), (50, 32), (63, 63)] {
            let exact = prediction.label_probability(1, y * 64 + x);
            assert!((finding.probability_at(1, x, y).unwrap() - exact).abs() < 0.003);
            assert!(finding.may_contain_label(1) && !finding.may_contain_label(2));
            assert_eq!(
                i64::from(finding.label_at(x, y)),
                i64::from(prediction.mask.label_at(x as i64, y as i64))
            );
        }
    }

    #[test]
    fn only_the_blurred_side_has_uncertain_regions() {
        let finding = Finding::from_prediction(
            &blurred_disc(128, 40.0),
            "test".into(),
            [Label::with_name("Disc", 0)].into(),
            &Scale::default(),
        );
        assert!(!finding.doubts.is_empty());
        for doubt in &finding.doubts {
            assert!(
                doubt.bounds[0][0] > 70.0,
                "the left side is sharp: {doubt:?}"
            );
        }
    }
}
