//! A second look at a promotion: the active model and the version before it, compared on cases that neither has learned
//! from, among them those that were accepted since.

use super::{Figures, GateCase, evidence, held_out_text, is_equal};
use crate::{bootstrap::MeanInterval, counts::count_with_noun};
use serde::{Deserialize, Serialize};

/// The comparison of the active model with the version before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondLook {
    /// Name of the active model.
    pub active: String,
    /// Name of the version that was active before it.
    pub previous: String,
    /// Number of cases that were accepted since, of subjects that neither has learned from.
    pub new_cases: usize,
    /// Number of hold-out cases, in addition to these.
    pub holdout_cases: usize,
    /// Number of subjects of all of them.
    pub subjects: usize,
    /// Difference of Dice, active model minus the version before it.
    pub dice: MeanInterval,
    /// Probability, 0..=1, that the active model is better.
    pub probability: f64,
}

impl SecondLook {
    /// Compares both on `cases`, in which the version before takes the place of the active model, and the active model that
    /// of the candidate; `new_cases` of them were accepted since. `None` without new cases.
    pub fn new(
        cases: &[GateCase],
        new_cases: usize,
        [active, previous]: [&str; 2],
    ) -> Option<Self> {
        let figures = Figures::new(cases);
        let (dice, probability) = figures.dice.zip(figures.probability)?;
        (new_cases > 0).then(|| Self {
            active: active.to_owned(),
            previous: previous.to_owned(),
            new_cases,
            holdout_cases: cases.len().saturating_sub(new_cases),
            subjects: figures.subjects,
            dice,
            probability,
        })
    }

    /// True if the version before is so likely better that it should be made active again.
    pub fn advises_return(&self) -> bool {
        !is_equal(&self.dice) && evidence::is_unlikely(self.probability)
    }

    /// What was found, a sentence; with the advice to go back, if there is any.
    pub fn summary_text(&self) -> String {
        let Self {
            active, previous, ..
        } = self;
        let held_out = match self.holdout_cases {
            0 => String::new(),
            cases => format!(" and {}", held_out_text(cases, cases)),
        };
        let found = format!(
            "Second look at {active}, on {}{held_out} that neither it nor {previous} has learned from: Dice {:+.4} \
             compared with {previous} (95 % CI {:+.4} to {:+.4}, probability that it is better {}).",
            count_with_noun(self.new_cases, "new case"),
            self.dice.mean,
            self.dice.low,
            self.dice.high,
            evidence::probability_text(self.probability)
        );
        if self.advises_return() {
            format!(
                "{found} {active} is probably worse. Consider making {previous} active again in \"Versions\"."
            )
        } else {
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Scores;

    fn case(key: i64, before: f64, after: f64) -> GateCase {
        let scores = |dice: f64| Scores {
            dice,
            ..Scores::PERFECT
        };
        GateCase {
            key,
            name: format!("case {key}"),
            subject: String::new(),
            active: Some(scores(before)),
            candidate: scores(after),
            is_untouched: false,
        }
    }

    fn look(pairs: &[(f64, f64)], new_cases: usize) -> Option<SecondLook> {
        let cases: Vec<GateCase> = (0..)
            .zip(pairs)
            .map(|(key, (before, after))| case(key, *before, *after))
            .collect();
        SecondLook::new(&cases, new_cases, ["Model round-3", "Model round-2"])
    }

    #[test]
    fn a_promotion_that_was_wrong_is_found_once_there_are_enough_cases() {
        let lost = (0.8, 0.6);
        let one = look(&[lost], 1);
        assert!(one.is_some_and(|look| !look.advises_return()));
        let many = look(&[lost; 8], 5);
        assert!(many.as_ref().is_some_and(SecondLook::advises_return));
        let text = many.map(|look| look.summary_text()).unwrap_or_default();
        assert!(text.contains("5 new cases and 3 hold-out cases"), "{text}");
        assert!(text.contains("making Model round-2 active again"), "{text}");
    }

    #[test]
    fn a_promotion_that_was_right_is_left_alone() {
        for pairs in [[(0.6, 0.8); 8], [(0.7, 0.7); 8], [(0.7, 0.699); 8]] {
            let look = look(&pairs, 8);
            assert!(look.is_some_and(|look| !look.advises_return()));
        }
    }

    #[test]
    fn hold_out_cases_alone_are_no_second_look() {
        assert_eq!(look(&[(0.8, 0.6); 8], 0), None);
        assert_eq!(look(&[], 0), None);
    }
}
