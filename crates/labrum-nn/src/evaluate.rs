//! How good predictions are against masks that people drew: case by case, the mean and how sure it is, by size.

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
use std::fmt;

/// From this share of boundary pixels on, a thing counts as small: alpha of Boundary DoU is 1 - 2 C/S, and 0.6 here.
pub const SMALL_FROM: f64 = 0.2;

/// The scores of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseScores {
    /// Name of the image.
    pub name: String,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// C/S of the true mask at the size of the network's input, where the loss sees it, all labels together: pixels on the
    /// boundary, as a share of all its pixels. `None` where it is empty.
    pub boundary_share: Option<f64>,
    /// What a person and the model measured around label 1, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circumference: Option<Circumference>,
}

/// The way around what is to be found, in mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circumference {
    /// Of the ellipse through the predicted mask; 0 where that is empty.
    pub found: f64,
    /// As a person measured it.
    pub truth: f64,
}

impl CaseScores {
    /// Scores of one image; `spacing` is the distance between rows, then between columns, `spec` the input of the network.
    /// Errors: masks of two sizes.
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
                format!("one has {p} pixels, the other {t}"),
            )
        })?;
        Ok(Self {
            name: name.to_owned(),
            scores,
            boundary_share: boundary_share(truth, spec)?,
            circumference: None,
        })
    }

    /// The same with the way around label 1, where a person measured `truth` mm.
    pub fn with_circumference(self, predicted: &Mask, truth: f64, spacing: [f64; 2]) -> Self {
        let found = ellipse_circumference(predicted, 1, spacing).unwrap_or(0.0);
        Self {
            circumference: Some(Circumference { found, truth }),
            ..self
        }
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

/// The scores of several images. As text it is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// SHA-256 (hex) of the weights.
    pub weights: String,
    /// What Hausdorff distances are in: "px" or "mm".
    pub unit: String,
    /// Mean over the cases; that of the Hausdorff distance over the cases that have one.
    pub mean: Scores,
    /// How sure the means are.
    pub intervals: Intervals,
    /// Things of which less than [`SMALL_FROM`] of the pixels are on the boundary.
    pub large: Option<Group>,
    /// All others.
    pub small: Option<Group>,
    /// How far the way around is off, where people measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circumference_error: Option<CircumferenceError>,
    /// How much better it is than another model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// In the order in which they were given.
    pub cases: Vec<CaseScores>,
}

/// Differences to another model on the same cases, case by case: this one less the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// SHA-256 (hex) of the other model's weights.
    pub weights: String,
    /// Of Dice.
    pub dice: MeanInterval,
    /// Of intersection over union.
    pub iou: MeanInterval,
    /// Of the Hausdorff distance, over cases where both have one: below 0 is better.
    pub hd95: Option<MeanInterval>,
    /// Of boundary IoU.
    pub boundary_iou: MeanInterval,
}

/// 95 % confidence intervals of means over cases, by the bootstrap: lower end, upper end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of Dice.
    pub dice: [f64; 2],
    /// Of intersection over union.
    pub iou: [f64; 2],
    /// Of the Hausdorff distance; `None` where no case has one.
    pub hd95: Option<[f64; 2]>,
    /// Of boundary IoU.
    pub boundary_iou: [f64; 2],
}

/// Some of the cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How many.
    pub cases: usize,
    /// Their means.
    pub mean: Scores,
    /// How sure these are.
    pub intervals: Intervals,
}

/// Found less true way around, in mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircumferenceError {
    /// Cases that people measured.
    pub cases: usize,
    /// Mean: above 0 where the model finds too much.
    pub mean: MeanInterval,
    /// Mean without sign.
    pub absolute: MeanInterval,
}

impl EvaluationReport {
    /// A report on at least one case. Errors: none.
    pub fn new(weights: &str, unit: &str, cases: Vec<CaseScores>) -> Result<Self> {
        let group = |keeps: &dyn Fn(&CaseScores) -> bool| {
            Group::from_scores(
                &cases
                    .iter()
                    .filter(|case| keeps(case))
                    .map(|case| case.scores)
                    .collect::<Vec<_>>(),
            )
        };
        let all = group(&|_| true)
            .ok_or_else(|| Error::new("evaluate the model", "there are no cases"))?;
        let is_small =
            |case: &CaseScores| case.boundary_share.is_some_and(|share| share >= SMALL_FROM);
        let is_large =
            |case: &CaseScores| case.boundary_share.is_some_and(|share| share < SMALL_FROM);
        Ok(Self {
            weights: weights.to_owned(),
            unit: unit.to_owned(),
            mean: all.mean,
            intervals: all.intervals,
            large: group(&is_large),
            small: group(&is_small),
            circumference_error: CircumferenceError::from_cases(&cases),
            against: None,
            cases,
        })
    }

    /// Adds the differences to another model's report. Errors: it is on other cases, or in another unit.
    pub fn compare_with(&mut self, other: &Self) -> Result<()> {
        let names = |report: &Self| {
            report
                .cases
                .iter()
                .map(|c| c.name.clone())
                .collect::<Vec<_>>()
        };
        if names(self) != names(other) || self.unit != other.unit {
            return Err(Error::new(
                "compare the two models",
                "the other report is on other images or in another unit",
            ));
        }
        let pairs = || {
            self.cases
                .iter()
                .zip(&other.cases)
                .map(|(a, b)| (&a.scores, &b.scores))
        };
        let interval = |of: fn(&Scores) -> Option<f64>| {
            MeanInterval::from_values(
                &pairs()
                    .filter_map(|(a, b)| Some(of(a)? - of(b)?))
                    .collect::<Vec<_>>(),
            )
        };
        self.against = interval(|s| Some(s.dice))
            .zip(interval(|s| Some(s.iou)))
            .zip(interval(|s| Some(s.boundary_iou)))
            .map(|((dice, iou), boundary_iou)| {
                let (weights, hd95) = (other.weights.clone(), interval(|s| s.hd95));
                Against {
                    weights,
                    dice,
                    iou,
                    hd95,
                    boundary_iou,
                }
            });
        Ok(())
    }
}

impl Group {
    fn from_scores(scores: &[Scores]) -> Option<Self> {
        let interval = |of: fn(&Scores) -> Option<f64>| {
            let values: Vec<f64> = scores.iter().filter_map(of).collect();
            MeanInterval::from_values(&values).map(|mean| [mean.low, mean.high])
        };
        let intervals = Intervals {
            dice: interval(|s| Some(s.dice))?,
            iou: interval(|s| Some(s.iou))?,
            hd95: interval(|s| s.hd95),
            boundary_iou: interval(|s| Some(s.boundary_iou))?,
        };
        Some(Self {
            cases: scores.len(),
            mean: Scores::mean_over(scores)?,
            intervals,
        })
    }
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
            ("C/S below 0.2", &self.large),
            ("C/S from 0.2 on", &self.small),
        ];
        let groups: Vec<(String, Group)> = groups
            .iter()
            .filter_map(|(what, g)| g.map(|g| (format!("{} with {what}", g.cases), g)))
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
        for (name, group) in std::iter::once((mean, all)).chain(groups) {
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
                "circumference of {cases}: off by {:+.2} mm ({:+.2} to {:+.2}), ",
                mean.mean, mean.low, mean.high
            )?;
            writeln!(
                f,
                "without sign {:.2} mm ({:.2} to {:.2})",
                absolute.mean, absolute.low, absolute.high
            )?;
        }
        if let Some(against) = &self.against {
            let part = |name: &str, d: &MeanInterval| {
                format!("{name} {:+.4} ({:+.4} to {:+.4})", d.mean, d.low, d.high)
            };
            let mut parts = vec![part("Dice", &against.dice), part("IoU", &against.iou)];
            parts.extend(against.hd95.as_ref().map(|d| part("HD95", d)));
            parts.push(part("boundary IoU", &against.boundary_iou));
            writeln!(f, "against {:.12}: {}", against.weights, parts.join(", "))?;
        }
        writeln!(f, "weights {}", self.weights)
    }
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
    let ends = |end: usize| {
        let hd95 = intervals.hd95.map(|ends| ends[end]);
        let (dice, iou, boundary_iou) = (
            intervals.dice[end],
            intervals.iou[end],
            intervals.boundary_iou[end],
        );
        Scores {
            dice,
            iou,
            hd95,
            boundary_iou,
        }
    };
    write_line(f, "  95 % from", &ends(0), width)?;
    write_line(f, "  95 % to", &ends(1), width)
}

#[cfg(test)]
mod tests;
