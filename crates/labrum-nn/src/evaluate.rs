//! Scores predictions against reference masks: per case, as means with confidence intervals, and by size of the object.

use super::boundary_dou::boundary_and_size;
use super::preprocess::{self, Size};
use labrum_core::{
    Error, Result,
    bootstrap::MeanInterval,
    mask::{Mask, labels_in},
    measure::ellipse_circumference,
    metrics::{self, Scores},
    model_card::InputSpec,
};
use serde::{Deserialize, Serialize};
use std::{fmt, iter};

/// From this boundary share C/S on an object counts as small; alpha of Boundary DoU, 1 - 2 C/S, is then at most 0.6.
pub const SMALL_FROM: f64 = 0.2;

/// The scores of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseScores {
    /// Name of the image.
    pub name: String,
    /// Scores of the image.
    #[serde(flatten)]
    pub scores: Scores,
    /// Boundary share C/S of the reference mask, 0..=1: boundary pixels as a share of all labelled pixels, all labels
    /// together, at the size of the network's input, as in the loss. `None` for an empty mask.
    pub boundary_share: Option<f64>,
    /// Circumference of label 1 as measured by the model and by a person, if a person measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circumference: Option<Circumference>,
}

/// Circumference of an object, in mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circumference {
    /// Of the ellipse fitted to the predicted mask; 0 for an empty mask.
    pub found: f64,
    /// As measured by a person.
    pub truth: f64,
}

impl CaseScores {
    /// Scores of one image. `spacing` is the distance between rows, then between columns; `spec` is the network's
    /// input. Errors: masks of different sizes.
    pub fn new(
        name: &str,
        predicted: &Mask,
        truth: &Mask,
        spacing: [f64; 2],
        spec: &InputSpec,
    ) -> Result<Self> {
        let scores = metrics::score_masks(predicted, truth, spacing).ok_or_else(|| {
            let [p, t] = [predicted, truth].map(|m| format!("{} x {}", m.columns(), m.rows()));
            Error::new(
                format!("compare the masks of \"{name}\""),
                format!("their sizes differ ({p} and {t} pixels)"),
            )
        })?;
        Ok(Self {
            name: name.to_owned(),
            scores,
            boundary_share: boundary_share(truth, spec)?,
            circumference: None,
        })
    }

    /// Adds the circumference of label 1, which a person measured as `truth` mm.
    pub fn with_circumference(self, predicted: &Mask, truth: f64, spacing: [f64; 2]) -> Self {
        let found = ellipse_circumference(predicted, 1, spacing).unwrap_or(0.0);
        Self {
            circumference: Some(Circumference { found, truth }),
            ..self
        }
    }

    fn is_small(&self) -> bool {
        self.boundary_share.is_some_and(|share| share >= SMALL_FROM)
    }

    /// Not the opposite of small: an empty mask is neither.
    fn is_large(&self) -> bool {
        self.boundary_share.is_some_and(|share| share < SMALL_FROM)
    }
}

fn boundary_share(truth: &Mask, spec: &InputSpec) -> Result<Option<f64>> {
    let placement = preprocess::input_placement(
        Size {
            columns: truth.columns(),
            rows: truth.rows(),
        },
        spec,
    );
    let seen = preprocess::fit_mask(truth, &placement)?;
    let dims = [1, spec.rows, spec.columns];
    let (boundary, size) = labels_in(seen.iter().copied())
        .into_iter()
        .map(|label| boundary_and_size(&seen, dims, label))
        .fold((0, 0), |(boundary, size), (more_boundary, more_size)| {
            (boundary + more_boundary, size + more_size)
        });
    Ok((size > 0).then(|| boundary as f64 / size as f64))
}

/// Scores of several images; `Display` prints a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// SHA-256 (hex) of the weights.
    pub weights: String,
    /// Unit of Hausdorff distances: "px" or "mm".
    pub unit: String,
    /// Means over the cases; for the Hausdorff distance, over the cases that have one.
    pub mean: Scores,
    /// Confidence intervals of the means.
    pub intervals: Intervals,
    /// Cases with large objects: boundary share below [`SMALL_FROM`].
    pub large: Option<Group>,
    /// Cases with small objects: boundary share of [`SMALL_FROM`] or more.
    pub small: Option<Group>,
    /// Error of the circumference, for the cases that people measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circumference_error: Option<CircumferenceError>,
    /// Differences from another model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Scores of each case, in the order given.
    pub cases: Vec<CaseScores>,
}

/// Mean differences from another model, paired by case: this model minus the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// SHA-256 (hex) of the other model's weights.
    pub weights: String,
    /// Difference in Dice.
    pub dice: MeanInterval,
    /// Difference in intersection over union.
    pub iou: MeanInterval,
    /// Difference in the Hausdorff distance, over cases where both have one; negative is better.
    pub hd95: Option<MeanInterval>,
    /// Difference in boundary IoU.
    pub boundary_iou: MeanInterval,
}

/// 95 % confidence intervals of means over cases, by the bootstrap: `[lower, upper]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Interval of the mean Dice.
    pub dice: [f64; 2],
    /// Interval of the mean intersection over union.
    pub iou: [f64; 2],
    /// Interval of the mean Hausdorff distance; `None` if no case has one.
    pub hd95: Option<[f64; 2]>,
    /// Interval of the mean boundary IoU.
    pub boundary_iou: [f64; 2],
}

/// A group of cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Number of cases.
    pub cases: usize,
    /// Mean scores.
    pub mean: Scores,
    /// Confidence intervals of the means.
    pub intervals: Intervals,
}

/// Error of the circumference in mm: model minus person.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircumferenceError {
    /// Number of cases that people measured.
    pub cases: usize,
    /// Mean error; positive where the model measures too much.
    pub mean: MeanInterval,
    /// Mean absolute error.
    pub absolute: MeanInterval,
}

impl EvaluationReport {
    /// A report on the cases. Errors: no cases.
    pub fn new(weights: &str, unit: &str, cases: Vec<CaseScores>) -> Result<Self> {
        let all = Group::from_cases(&cases, |_| true)
            .ok_or_else(|| Error::new("evaluate the model", "there are no cases"))?;
        Ok(Self {
            weights: weights.to_owned(),
            unit: unit.to_owned(),
            mean: all.mean,
            intervals: all.intervals,
            large: Group::from_cases(&cases, CaseScores::is_large),
            small: Group::from_cases(&cases, CaseScores::is_small),
            circumference_error: CircumferenceError::from_cases(&cases),
            against: None,
            cases,
        })
    }

    /// Adds the differences from another model's report. Errors: different cases or a different unit.
    pub fn compare_with(&mut self, other: &Self) -> Result<()> {
        if self.case_names() != other.case_names() || self.unit != other.unit {
            return Err(Error::new(
                "compare the two models",
                "the reports cover different images or use different units",
            ));
        }
        self.against = self.differences_to(other);
        Ok(())
    }

    fn case_names(&self) -> Vec<&str> {
        self.cases.iter().map(|case| case.name.as_str()).collect()
    }

    /// Differences from a report on the same cases.
    fn differences_to(&self, other: &Self) -> Option<Against> {
        Some(Against {
            weights: other.weights.clone(),
            dice: self.mean_difference(other, |scores| Some(scores.dice))?,
            iou: self.mean_difference(other, |scores| Some(scores.iou))?,
            hd95: self.mean_difference(other, |scores| scores.hd95),
            boundary_iou: self.mean_difference(other, |scores| Some(scores.boundary_iou))?,
        })
    }

    /// Mean difference of one figure, over the cases that have it in both reports.
    fn mean_difference(
        &self,
        other: &Self,
        figure: fn(&Scores) -> Option<f64>,
    ) -> Option<MeanInterval> {
        let differences: Vec<f64> = self
            .cases
            .iter()
            .zip(&other.cases)
            .filter_map(|(own, theirs)| Some(figure(&own.scores)? - figure(&theirs.scores)?))
            .collect();
        MeanInterval::from_values(&differences)
    }
}

impl Group {
    /// Groups the cases for which `is_kept` is true; `None` if there are none.
    fn from_cases(cases: &[CaseScores], is_kept: impl Fn(&CaseScores) -> bool) -> Option<Self> {
        let scores: Vec<Scores> = cases
            .iter()
            .filter(|case| is_kept(case))
            .map(|case| case.scores)
            .collect();
        Some(Self {
            cases: scores.len(),
            mean: Scores::mean_over(&scores)?,
            intervals: Intervals::from_scores(&scores)?,
        })
    }
}

impl Intervals {
    fn from_scores(scores: &[Scores]) -> Option<Self> {
        Some(Self {
            dice: interval_ends(scores, |scores| Some(scores.dice))?,
            iou: interval_ends(scores, |scores| Some(scores.iou))?,
            hd95: interval_ends(scores, |scores| scores.hd95),
            boundary_iou: interval_ends(scores, |scores| Some(scores.boundary_iou))?,
        })
    }

    /// The lower (0) or upper (1) ends, as a line of the table.
    fn scores_at_end(&self, end: usize) -> Scores {
        Scores {
            dice: self.dice[end],
            iou: self.iou[end],
            hd95: self.hd95.map(|ends| ends[end]),
            boundary_iou: self.boundary_iou[end],
        }
    }
}

/// Confidence interval of the mean of one figure, `[lower, upper]`.
fn interval_ends(scores: &[Scores], figure: fn(&Scores) -> Option<f64>) -> Option<[f64; 2]> {
    let values: Vec<f64> = scores.iter().filter_map(figure).collect();
    MeanInterval::from_values(&values).map(|mean| [mean.low, mean.high])
}

impl CircumferenceError {
    fn from_cases(cases: &[CaseScores]) -> Option<Self> {
        let off: Vec<f64> = cases
            .iter()
            .filter_map(|c| c.circumference)
            .map(|c| c.found - c.truth)
            .collect();
        let absolute: Vec<f64> = off.iter().map(|e| e.abs()).collect();
        Some(Self {
            cases: off.len(),
            mean: MeanInterval::from_values(&off)?,
            absolute: MeanInterval::from_values(&absolute)?,
        })
    }
}

impl fmt::Display for EvaluationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = format!("mean of {}", self.cases.len());
        let groups = [
            ("large (C/S < 0.2)", &self.large),
            ("small (C/S >= 0.2)", &self.small),
        ];
        let groups: Vec<(String, Group)> = groups
            .iter()
            .filter_map(|(what, g)| g.map(|g| (format!("{} {what}", g.cases), g)))
            .collect();
        let names = self
            .cases
            .iter()
            .map(|c| &c.name)
            .chain(groups.iter().map(|(name, _)| name))
            .chain([&mean]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let hd95 = format!("HD95 {}", self.unit);
        let title = format!(
            "{:width$}  {:>6}  {:>6}  {hd95:>7}  {:>12}",
            "case", "Dice", "IoU", "boundary IoU"
        );
        let line = "-".repeat(title.chars().count());
        writeln!(f, "{title}")?;
        self.cases
            .iter()
            .try_for_each(|case| write_line(f, &case.name, &case.scores, width))?;
        writeln!(f, "{line}")?;
        let all = Group {
            cases: self.cases.len(),
            mean: self.mean,
            intervals: self.intervals,
        };
        for (name, group) in iter::once((mean, all)).chain(groups) {
            write_line(f, &name, &group.mean, width)?;
            write_intervals(f, &group.intervals, width)?;
        }
        if let Some(error) = &self.circumference_error {
            let CircumferenceError {
                cases,
                mean,
                absolute,
            } = error;
            write!(
                f,
                "circumference error (n = {cases}): mean {:+.2} mm ({:+.2} to {:+.2}), ",
                mean.mean, mean.low, mean.high
            )?;
            writeln!(
                f,
                "mean absolute {:.2} mm ({:.2} to {:.2})",
                absolute.mean, absolute.low, absolute.high
            )?;
        }
        if let Some(against) = &self.against {
            let mut parts = vec![
                difference_text("Dice", &against.dice),
                difference_text("IoU", &against.iou),
            ];
            let hd95 = against.hd95.as_ref();
            parts.extend(hd95.map(|difference| difference_text("HD95", difference)));
            parts.push(difference_text("boundary IoU", &against.boundary_iou));
            writeln!(
                f,
                "compared with {:.12}: {}",
                against.weights,
                parts.join(", ")
            )?;
        }
        writeln!(f, "weights {}", self.weights)
    }
}

fn difference_text(name: &str, difference: &MeanInterval) -> String {
    let MeanInterval {
        mean, low, high, ..
    } = difference;
    format!("{name} {mean:+.4} ({low:+.4} to {high:+.4})")
}

fn write_line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    scores: &Scores,
    width: usize,
) -> fmt::Result {
    let Scores {
        dice,
        iou,
        hd95,
        boundary_iou,
    } = scores;
    let hd95 = hd95.map_or("none".to_owned(), |d| format!("{d:.2}"));
    writeln!(
        f,
        "{name:width$}  {dice:6.4}  {iou:6.4}  {hd95:>7}  {boundary_iou:12.4}"
    )
}

fn write_intervals(f: &mut fmt::Formatter<'_>, intervals: &Intervals, width: usize) -> fmt::Result {
    write_line(f, "  95 % CI, lower", &intervals.scores_at_end(0), width)?;
    write_line(f, "  95 % CI, upper", &intervals.scores_at_end(1), width)
}

#[cfg(test)]
mod tests;
