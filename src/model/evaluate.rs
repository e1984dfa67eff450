//! How good predictions are against masks that people drew: case by case, and the mean.

use crate::domain::{
    mask::Mask,
    metrics::{self, Scores},
};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The scores of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseScores {
    /// Name of the image.
    pub name: String,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
}

impl CaseScores {
    /// Scores of one image; `spacing` is the distance between rows, then between columns. Errors: masks of two sizes.
    pub fn new(name: &str, predicted: &Mask, truth: &Mask, spacing: [f64; 2]) -> Result<Self> {
        let scores = metrics::score(predicted, truth, spacing).ok_or_else(|| {
            let [p, t] = [predicted, truth].map(|m| format!("{} x {}", m.columns(), m.rows()));
            Error::new(format!("compare the masks of \"{name}\""), format!("one has {p} pixels, the other {t}"))
        })?;
        Ok(Self { name: name.to_owned(), scores })
    }
}

/// The scores of several images. As text it is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Mean over the cases; that of the Hausdorff distance over the cases that have one.
    pub mean: Scores,
    /// In the order in which they were given.
    pub cases: Vec<CaseScores>,
}

impl Report {
    /// A report on at least one case. Errors: none.
    pub fn new(cases: Vec<CaseScores>) -> Result<Self> {
        let scores: Vec<Scores> = cases.iter().map(|case| case.scores).collect();
        let mean = Scores::mean(&scores).ok_or_else(|| Error::new("evaluate the model", "there are no cases"))?;
        Ok(Self { mean, cases })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = CaseScores { name: format!("mean of {}", self.cases.len()), scores: self.mean };
        let width = |case: &CaseScores| case.name.chars().count();
        let width = self.cases.iter().chain([&mean]).map(width).max().unwrap_or(0);
        let title = format!("{:width$}  {:>6}  {:>6}  {:>7}  {:>12}", "case", "Dice", "IoU", "HD95", "boundary IoU");
        writeln!(f, "{title}")?;
        self.cases.iter().try_for_each(|case| write_line(f, case, width))?;
        writeln!(f, "{}", "-".repeat(title.chars().count()))?;
        write_line(f, &mean, width)
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, case: &CaseScores, width: usize) -> fmt::Result {
    let CaseScores { name, scores: Scores { dice, iou, hd95, boundary_iou } } = case;
    let hd95 = hd95.map_or("none".to_owned(), |d| format!("{d:.2}"));
    writeln!(f, "{name:width$}  {dice:6.4}  {iou:6.4}  {hd95:>7}  {boundary_iou:12.4}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report() -> Report {
        let full = Mask::from_labels(4, 4, vec![1; 16]).unwrap();
        let case = |name, predicted| CaseScores::new(name, predicted, &full, [1.0, 1.0]).unwrap();
        Report::new(vec![case("010_HC", &full), case("11", &Mask::empty(4, 4))]).unwrap()
    }

    #[test]
    fn the_json_names_mean_and_cases() {
        let json = serde_json::to_string(&report()).unwrap();
        let expected = concat!(
            r#"{"mean":{"dice":0.5,"iou":0.5,"hd95":0.0,"boundary_iou":0.5},"#,
            r#""cases":[{"name":"010_HC","dice":1.0,"iou":1.0,"hd95":0.0,"boundary_iou":1.0},"#,
            r#"{"name":"11","dice":0.0,"iou":0.0,"hd95":null,"boundary_iou":0.0}]}"#
        );
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }

    #[test]
    fn the_text_is_a_table() {
        let expected = "\
case         Dice     IoU     HD95  boundary IoU
010_HC     1.0000  1.0000     0.00        1.0000
11         0.0000  0.0000     none        0.0000
------------------------------------------------
mean of 2  0.5000  0.5000     0.00        0.5000
";
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn masks_of_two_sizes_and_no_cases_are_errors() {
        let error = CaseScores::new("a", &Mask::empty(4, 4), &Mask::empty(4, 5), [1.0, 1.0]).unwrap_err();
        assert!(error.to_string().contains("4 x 4") && error.to_string().contains("4 x 5"));
        assert!(Report::new(Vec::new()).is_err());
    }
}
