//! How likely a candidate is better than the active model, from their differences on a few subjects. docs/gate.md derives
//! the rule and its constants, and has its error rates.

use std::f64::consts::FRAC_2_PI;

/// Weight of the prior, as a number of subjects without a change: with few subjects, the estimate stays near "no change".
const NO_CHANGE: f64 = 4.0;
/// Degrees of freedom of the standard deviation that is expected before any subject is seen.
const EXPECTED_FROM: usize = 4;
/// Expected standard deviation of a subject's difference, as a share of what is missing to a perfect score.
const EXPECTED_SHARE: f64 = 0.6;
/// At least this much is assumed to be missing, as a share of the range of the score.
const LEAST_MISSING: f64 = 0.01;
/// A candidate is rejected without asking if the probability that it is better is at most this. One subject alone, however
/// bad, gives 0.197 or more.
const UNLIKELY: f64 = 0.15;

/// What the evidence says about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaning {
    /// It is more likely better than worse, or both are equal.
    For,
    /// It is more likely worse than better, but not by much.
    Against,
    /// It is more than five times as likely worse as better.
    ClearlyAgainst,
}

impl Leaning {
    /// From the probability that the candidate is better; `is_equal` if the models do not differ.
    pub(super) fn new(probability: f64, is_equal: bool) -> Self {
        if is_equal || probability >= 0.5 {
            Self::For
        } else if is_unlikely(probability) {
            Self::ClearlyAgainst
        } else {
            Self::Against
        }
    }
}

/// True if a candidate with this probability of being better is rejected without asking.
pub(super) fn is_unlikely(probability: f64) -> bool {
    probability <= UNLIKELY
}

/// Standard deviation that is expected of the differences of a score, from the `mean` of both models and the ends of its
/// `range`: models that miss little differ little, and so do models that find little.
pub(super) fn expected_spread(mean: f64, range: [f64; 2]) -> f64 {
    let [low, high] = range;
    let room = (mean - low).min(high - mean);
    EXPECTED_SHARE * room.max(LEAST_MISSING * (high - low))
}

/// Probability, 0..=1, that the mean difference over all subjects is above 0, given those of some subjects; 0.5 without
/// any. `spread` is the standard deviation that is expected of them, above 0.
///
/// The posterior of a normal mean and variance with a conjugate prior around "no change": Student's t (Gelman et al.,
/// "Bayesian Data Analysis", 3rd edition, section 3.3).
pub(super) fn probability_above_zero(differences: &[f64], spread: f64) -> f64 {
    let count = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / count.max(1.0);
    let deviations: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    let weight = NO_CHANGE + count;
    let squares = EXPECTED_FROM as f64 * spread.powi(2)
        + deviations
        + NO_CHANGE * count / weight * mean.powi(2);
    let freedom = EXPECTED_FROM + differences.len();
    let error = (squares / freedom as f64 / weight).sqrt();
    student_t(count * mean / weight / error, freedom)
}

/// "82 %"; "below 1 %" and "above 99 %" at the ends.
pub(super) fn probability_text(probability: f64) -> String {
    match 100.0 * probability {
        percent if percent < 1.0 => "below 1 %".to_owned(),
        percent if percent > 99.0 => "above 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// Student's t distribution with at least two degrees of `freedom`: the probability of a value below `t` (Abramowitz and
/// Stegun 26.7.3 and 26.7.4, exact for whole numbers).
fn student_t(t: f64, freedom: usize) -> f64 {
    let (sine, cosine) = (t / (freedom as f64).sqrt()).atan().sin_cos();
    let is_odd = freedom % 2 == 1;
    let mut term = if is_odd { cosine } else { 1.0 };
    let mut sum = term;
    for power in (freedom % 2 + 2..=freedom.saturating_sub(2)).step_by(2) {
        term *= (power as f64 - 1.0) / power as f64 * cosine.powi(2);
        sum += term;
    }
    let between = if is_odd {
        (sine.atan2(cosine) + sine * sum) * FRAC_2_PI
    } else {
        sine * sum
    };
    0.5 + 0.5 * between
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probability(differences: &[f64]) -> f64 {
        probability_above_zero(differences, 0.1)
    }

    #[test]
    fn students_t_is_that_of_the_tables() {
        // Quantiles of 0.975 and 0.9 (Abramowitz and Stegun, table 26.10).
        for (freedom, high, low) in [
            (2, 4.303, 1.886),
            (5, 2.571, 1.476),
            (6, 2.447, 1.440),
            (9, 2.262, 1.383),
            (30, 2.042, 1.310),
        ] {
            assert!((student_t(high, freedom) - 0.975).abs() < 1e-4, "{freedom}");
            assert!((student_t(low, freedom) - 0.9).abs() < 1e-3, "{freedom}");
            let mirrored = student_t(-high, freedom) + student_t(high, freedom);
            assert!((mirrored - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn without_evidence_or_without_a_change_nothing_is_likelier() {
        for differences in [&[][..], &[0.0], &[0.0; 40], &[-0.2, 0.2]] {
            assert!((probability(differences) - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn more_gain_on_every_subject_makes_better_likelier() {
        let noise = [-0.12, 0.01, 0.03, 0.0, 0.08];
        let mut last = 0.0;
        for gain in -20..=20 {
            let shifted = noise.map(|d| d + 0.02 * f64::from(gain));
            let now = probability(&shifted);
            assert!(now > last && now < 1.0, "{gain}: {now} after {last}");
            last = now;
        }
    }

    #[test]
    fn the_same_loss_on_fewer_subjects_says_less() {
        let of = |count: usize| probability(&[-0.06, -0.02].repeat(count));
        let all = [1, 2, 4, 8, 16].map(of);
        assert!(all.is_sorted_by(|a, b| a > b), "{all:?}");
        assert!(all[0] > 0.3, "two subjects say little: {all:?}");
        assert!(all[4] < 0.01, "thirty-two are enough: {all:?}");
    }

    #[test]
    fn gain_and_loss_are_judged_alike() {
        let differences = [0.05, -0.01, 0.02, -0.3, 0.0, 0.11];
        let sum = probability(&differences) + probability(&differences.map(|d| -d));
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_same_loss_says_more_where_models_differ_less() {
        let losses = [-0.01, -0.012, -0.008, -0.011];
        let [easy, hard] = [0.97, 0.5]
            .map(|dice| probability_above_zero(&losses, expected_spread(dice, [0.0, 1.0])));
        assert!(easy < 0.2 && hard > 0.4, "{easy} and {hard}");
    }

    #[test]
    fn one_subject_alone_never_rejects() {
        for loss in [0.01, 0.1, 0.5, 1.0] {
            // The active model misses nothing, the candidate misses `loss`.
            let spread = expected_spread(1.0 - loss / 2.0, [0.0, 1.0]);
            let leaning = Leaning::new(probability_above_zero(&[-loss], spread), false);
            assert_eq!(leaning, Leaning::Against, "{loss}");
        }
    }
}
