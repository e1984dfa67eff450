//! What several rehearsals with different seeds have in common: means and ranges.

use super::RoundResult;
use serde::{Deserialize, Serialize};

/// A figure over several seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedSpread {
    /// Mean.
    pub mean: f64,
    /// Lowest value.
    pub lowest: f64,
    /// Highest value.
    pub highest: f64,
}

impl SeedSpread {
    /// Of some values; zeros if there are none.
    fn of_values(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count();
        if count == 0 {
            return Self::default();
        }
        Self {
            mean: values.clone().sum::<f64>() / count as f64,
            lowest: values.clone().fold(f64::INFINITY, f64::min),
            highest: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The rounds with the same number of training cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundSummary {
    /// Number of training cases.
    pub cases: usize,
    /// Number of rehearsals.
    pub seeds: usize,
    /// Mean Dice on the test set of the model that is active after the round.
    pub test_dice: SeedSpread,
    /// Mean Dice on the test set of the candidate.
    pub candidate_test_dice: SeedSpread,
    /// Share of the labelled pixels that were corrected, averaged over the new cases.
    pub corrected_share: SeedSpread,
    /// Number of candidates that became active.
    pub accepted: usize,
    /// Number of decisions that lost Dice on the test set.
    pub wrong: usize,
    /// Mean Dice on the test set that the decisions lost.
    pub lost_test_dice: SeedSpread,
    /// Number of second looks that made the earlier model active again.
    pub went_back: usize,
}

/// Summarises rounds of several rehearsals by their number of training cases, ascending.
pub fn summarize_rounds(results: &[RoundResult]) -> Vec<RoundSummary> {
    let mut cases: Vec<usize> = results.iter().map(|r| r.cases).collect();
    cases.sort_unstable();
    cases.dedup();
    cases
        .into_iter()
        .map(|cases| {
            let rounds = results.iter().filter(|r| r.cases == cases);
            RoundSummary {
                cases,
                seeds: rounds.clone().count(),
                test_dice: SeedSpread::of_values(rounds.clone().map(|r| r.test_dice)),
                candidate_test_dice: SeedSpread::of_values(
                    rounds.clone().map(|r| r.candidate_test_dice),
                ),
                corrected_share: SeedSpread::of_values(rounds.clone().map(|r| r.corrected_share)),
                accepted: rounds.clone().filter(|r| r.accepted).count(),
                wrong: rounds.clone().filter(|r| r.lost_test_dice > 0.0).count(),
                lost_test_dice: SeedSpread::of_values(rounds.clone().map(|r| r.lost_test_dice)),
                went_back: rounds.filter(|r| r.went_back).count(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::GateDecision;
    use super::*;

    fn round(seed: u64, cases: usize, test_dice: f64, lost_test_dice: f64) -> RoundResult {
        RoundResult {
            seed,
            cases,
            holdout_cases: 2,
            holdout_subjects: 2,
            test_dice,
            active_test_dice: None,
            candidate_test_dice: test_dice,
            lost_test_dice,
            decision: GateDecision::Passed,
            probability: None,
            second_look: None,
            went_back: false,
            holdout_dice: None,
            accepted: true,
            reason: String::new(),
            seconds: 1.0,
            steps: 10,
            corrected_pixels: 5,
            corrected_share: 0.5,
        }
    }

    #[test]
    fn rounds_of_several_seeds_are_summarised_by_their_number_of_cases() {
        let rounds = [
            round(1, 5, 0.6, 0.0),
            round(1, 10, 0.8, 0.02),
            round(2, 5, 0.7, 0.0),
            round(2, 10, 0.9, 0.0),
        ];
        let summary = summarize_rounds(&rounds);
        let cases: Vec<usize> = summary.iter().map(|round| round.cases).collect();
        assert_eq!(cases, [5, 10]);
        let second = &summary[1];
        assert_eq!((second.seeds, second.accepted, second.wrong), (2, 2, 1));
        assert!((second.test_dice.mean - 0.85).abs() < 1e-12);
        assert_eq!(
            (second.test_dice.lowest, second.test_dice.highest),
            (0.8, 0.9)
        );
        assert!((second.lost_test_dice.mean - 0.01).abs() < 1e-12);
        assert!(summarize_rounds(&[]).is_empty());
    }
}
