//! The promotion gate for the click model: the clicks that a candidate and the active model need on the same hold-out
//! cases.

use super::{
    FEWEST, GateReport, TOO_MUCH, Verdict,
    evidence::{self, Leaning},
    subject_key,
};
use crate::{bootstrap::MeanInterval, counts::count_with_noun};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum number of simulated clicks on an object; objects that never reach [`ENOUGH`] count with this number.
pub const MOST_CLICKS: usize = 10;
/// Dice to which the clicks are counted.
pub const ENOUGH: f64 = 0.9;
/// Differences of means below this are rounding errors.
const ROUNDING: f64 = 1e-9;
/// Loss of Dice after one click that matters even if fewer clicks are needed, unless that gain is certain.
const FIRST_CLICK_LOSS: f64 = 0.03;

/// Scores of a click model, means over objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClickScores {
    /// Number of clicks needed for Dice 0.90 (NoC90), 1 to 10; 10 where it was not reached.
    pub clicks: f64,
    /// Dice after one click.
    pub dice: f64,
}

impl ClickScores {
    /// The mean; `None` of none.
    pub fn mean_over(scores: &[Self]) -> Option<Self> {
        let count = scores.len() as f64;
        (!scores.is_empty()).then(|| Self {
            clicks: scores.iter().map(|s| s.clicks).sum::<f64>() / count,
            dice: scores.iter().map(|s| s.dice).sum::<f64>() / count,
        })
    }
}

/// Scores of both click models on one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClickCase {
    /// Key of the case in the workspace.
    pub key: i64,
    /// Name of the case.
    pub name: String,
    /// [`crate::holdout::subject_hash`] of its subject; empty if unknown.
    pub subject: String,
    /// Number of objects that were clicked.
    pub objects: usize,
    /// Scores of the active model.
    pub active: ClickScores,
    /// Scores of the candidate.
    pub candidate: ClickScores,
}

/// The data behind the decision about a click model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClickReport {
    /// The hold-out cases.
    pub cases: Vec<ClickCase>,
    /// Number of their subjects. Several cases of a subject count as one.
    pub subjects: usize,
    /// Difference of the number of clicks, candidate minus active model; fewer are better.
    pub clicks: Option<MeanInterval>,
    /// Difference of Dice after one click.
    pub dice: Option<MeanInterval>,
}

impl ClickReport {
    /// Compares both models case by case.
    pub fn new(cases: Vec<ClickCase>) -> Self {
        let pairs = scores_by_subject(&cases);
        let clicks: Vec<f64> = pairs.iter().map(|(a, c)| c.clicks - a.clicks).collect();
        let dice: Vec<f64> = pairs.iter().map(|(a, c)| c.dice - a.dice).collect();
        Self {
            subjects: pairs.len(),
            clicks: MeanInterval::from_values(&clicks),
            dice: MeanInterval::from_values(&dice),
            cases,
        }
    }

    /// Mean scores of the active model and of the candidate over the subjects; `None` without cases.
    pub fn mean_scores(&self) -> Option<(ClickScores, ClickScores)> {
        let (active, candidate): (Vec<_>, Vec<_>) =
            scores_by_subject(&self.cases).into_iter().unzip();
        ClickScores::mean_over(&active).zip(ClickScores::mean_over(&candidate))
    }

    /// Probability, 0..=1, that the candidate needs fewer clicks on average; `None` without cases.
    fn probability_fewer(&self) -> Option<f64> {
        let (active, candidate) = self.mean_scores()?;
        let saved: Vec<f64> = scores_by_subject(&self.cases)
            .iter()
            .map(|(active, candidate)| active.clicks - candidate.clicks)
            .collect();
        let mean = (active.clicks + candidate.clicks) / 2.0;
        let spread = evidence::expected_spread(mean, [1.0, MOST_CLICKS as f64]);
        Some(evidence::probability_above_zero(&saved, spread))
    }

    /// True if both models need the same number of clicks on average.
    pub(super) fn needs_as_many(&self) -> bool {
        self.clicks
            .is_some_and(|clicks| clicks.mean.abs() <= ROUNDING)
    }

    /// The decision: a candidate that needs more clicks never becomes active by itself.
    fn decide(&self) -> Verdict {
        let (Some(clicks), Some(dice), Some(probability)) =
            (self.clicks, self.dice, self.probability_fewer())
        else {
            return Verdict::Ask {
                reason:
                    "no hold-out case has been accepted yet, so the model for clicks could not \
                         be tested"
                        .into(),
                speaks_for: true,
            };
        };
        let figures = format!(
            "{:+.2} clicks to Dice {ENOUGH:.2} (95 % CI {:+.2} to {:+.2}, probability that it needs fewer {}) and \
             Dice {:+.4} after one click, on {}",
            clicks.mean,
            clicks.low,
            clicks.high,
            evidence::probability_text(probability),
            dice.mean,
            count_with_noun(self.subjects, "hold-out subject")
        );
        let leaning = Leaning::new(probability, self.needs_as_many());
        if leaning == Leaning::ClearlyAgainst {
            let reason = format!("it needs more clicks: {figures}");
            return Verdict::Worse { reason };
        }
        if self.needs_as_many() && dice.mean < -TOO_MUCH {
            let reason = format!("it is less accurate after one click: {figures}");
            return Verdict::Worse { reason };
        }
        let is_safe = dice.mean > -FIRST_CLICK_LOSS || clicks.high < 0.0;
        let speaks_for = leaning == Leaning::For && is_safe;
        if self.subjects < FEWEST {
            let reason = format!("{}: {figures}", self.too_few_subjects());
            return Verdict::Ask { reason, speaks_for };
        }
        if !speaks_for {
            let reason = format!("these cases do not show whether it is better: {figures}");
            return Verdict::Ask { reason, speaks_for };
        }
        let how = match self.needs_as_many() {
            true => "is not worse",
            false if clicks.high < 0.0 => "needs fewer clicks",
            false => "probably needs fewer clicks",
        };
        Verdict::Better {
            reason: format!("it {how}: {figures}"),
        }
    }

    /// Why there are too few subjects for a decision, a clause.
    fn too_few_subjects(&self) -> String {
        format!(
            "only {}, at least {FEWEST} needed",
            count_with_noun(self.subjects, "hold-out subject")
        )
    }
}

impl GateReport {
    /// The report on a candidate for the click model; it has no scores of masks.
    pub fn of_clicks(report: ClickReport) -> Self {
        Self {
            cases: Vec::new(),
            subjects: report.subjects,
            dice: None,
            hd95: None,
            boundary_iou: None,
            probability: report.probability_fewer(),
            verdict: report.decide(),
            clicks: Some(report),
            second_look: None,
        }
    }
}

/// Mean scores of both models for each subject. A case of an unknown subject stands for itself.
fn scores_by_subject(cases: &[ClickCase]) -> Vec<(ClickScores, ClickScores)> {
    let mut subjects: BTreeMap<String, Vec<&ClickCase>> = BTreeMap::new();
    for case in cases {
        let subject = subject_key(&case.subject, case.key);
        subjects.entry(subject).or_default().push(case);
    }
    subjects
        .values()
        .filter_map(|cases| {
            let active: Vec<ClickScores> = cases.iter().map(|c| c.active).collect();
            let candidate: Vec<ClickScores> = cases.iter().map(|c| c.candidate).collect();
            ClickScores::mean_over(&active).zip(ClickScores::mean_over(&candidate))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of its own subject: clicks and Dice of the active model, then of the candidate.
    fn case(key: i64, active: (f64, f64), candidate: (f64, f64)) -> ClickCase {
        let scores = |(clicks, dice): (f64, f64)| ClickScores { clicks, dice };
        ClickCase {
            key,
            name: format!("case {key}"),
            subject: String::new(),
            objects: 1,
            active: scores(active),
            candidate: scores(candidate),
        }
    }

    /// The decision on cases that the active model segments with 4 clicks, Dice 0.8 after the first.
    fn judge(candidates: &[(f64, f64)]) -> Verdict {
        let cases = (0..)
            .zip(candidates)
            .map(|(key, candidate)| case(key, (4.0, 0.8), *candidate))
            .collect();
        GateReport::of_clicks(ClickReport::new(cases)).verdict
    }

    #[test]
    fn a_candidate_passes_if_it_needs_fewer_clicks_or_as_many() {
        let fewer = judge(&[(3.0, 0.85), (4.0, 0.8), (2.0, 0.9), (5.0, 0.8)]);
        assert!(matches!(fewer, Verdict::Better { .. }), "{fewer:?}");
        assert!(
            fewer
                .reason_text()
                .starts_with("it probably needs fewer clicks: -0.50 clicks to Dice 0.90")
        );
        let all = judge(&[(3.0, 0.85), (3.0, 0.8), (2.0, 0.9), (2.0, 0.8)]);
        assert!(all.reason_text().starts_with("it needs fewer clicks"));
        let same = judge(&[(4.0, 0.8), (4.0, 0.81), (4.0, 0.8)]);
        assert!(matches!(same, Verdict::Better { .. }), "{same:?}");
    }

    #[test]
    fn a_candidate_that_needs_more_clicks_never_becomes_active_by_itself() {
        for candidates in [&[(5.0, 0.9)][..], &[(5.0, 0.9), (4.0, 0.8), (4.0, 0.9)][..]] {
            let verdict = judge(candidates);
            assert!(
                matches!(
                    verdict,
                    Verdict::Ask {
                        speaks_for: false,
                        ..
                    }
                ),
                "little evidence: {verdict:?}"
            );
        }
        let worse = judge(&[(7.0, 0.7), (6.0, 0.8), (8.0, 0.8), (6.0, 0.8)]);
        assert!(matches!(worse, Verdict::Worse { .. }), "{worse:?}");
        let same = judge(&[(4.0, 0.7), (4.0, 0.8), (4.0, 0.79)]);
        assert!(matches!(same, Verdict::Worse { .. }), "{same:?}");
    }

    #[test]
    fn a_person_is_asked_if_there_are_too_few_cases_or_they_disagree() {
        let asked = |verdict: Verdict| match verdict {
            Verdict::Ask { speaks_for, .. } => Some(speaks_for),
            _ => None,
        };
        assert_eq!(asked(judge(&[])), Some(true));
        assert_eq!(asked(judge(&[(3.0, 0.8), (3.0, 0.9)])), Some(true));
        let worse_first = [(1.0, 0.6), (4.5, 0.6), (4.0, 0.6)];
        assert_eq!(asked(judge(&worse_first)), Some(false));
    }

    #[test]
    fn cases_of_one_subject_count_as_one() {
        let mut cases: Vec<ClickCase> = (0..6)
            .map(|key| case(key, (4.0, 0.8), (3.0, 0.8)))
            .collect();
        for case in &mut cases[..5] {
            case.subject = "one".to_owned();
            case.candidate.clicks = 7.0;
        }
        let report = ClickReport::new(cases);
        assert_eq!(report.subjects, 2);
        let (active, candidate) = report.mean_scores().unwrap_or_default();
        assert_eq!((active.clicks, candidate.clicks), (4.0, 5.0));
        assert_eq!(report.clicks.map(|clicks| clicks.mean), Some(1.0));
    }

    #[test]
    fn a_report_of_masks_is_written_as_before_and_one_of_clicks_is_read_back() {
        let masks = GateReport::new(Vec::new(), &[]);
        let text = serde_json::to_string(&masks).unwrap_or_default();
        assert!(!text.contains("clicks"), "{text}");
        let clicks = GateReport::of_clicks(ClickReport::new(vec![case(1, (4.0, 0.8), (3.0, 0.9))]));
        for report in [masks, clicks] {
            let text = serde_json::to_string(&report).unwrap_or_default();
            assert_eq!(serde_json::from_str::<GateReport>(&text).ok(), Some(report));
        }
    }
}
