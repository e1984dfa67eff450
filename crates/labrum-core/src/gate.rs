//! The promotion gate: decides whether a candidate replaces the active model, comparing both on the same hold-out
//! cases.

pub mod clicks;

use super::{bootstrap::MeanInterval, counts::count_with_noun, metrics::Scores};
use clicks::ClickReport;
use serde::{Deserialize, Serialize};

/// Minimum number of hold-out cases for a decision.
pub const FEWEST: usize = 3;
/// Mean loss of Dice or boundary IoU that matters; if it is not statistically certain, the user is asked.
const TOO_MUCH: f64 = 0.005;
/// Mean differences of Dice below this count as equal.
const NOTHING: f64 = 0.001;
/// With fewer than [`FEWEST`] cases, a candidate is still rejected if all cases lose and the mean loss of Dice exceeds
/// this.
const RUIN: f64 = 0.2;
/// Loss of Dice that is tolerated on a mask that was accepted as proposed.
const GOOD_ENOUGH: f64 = 0.03;
/// Weak evidence still favours a candidate that loses less than this share of the Dice missing to 1 ...
const LITTLE: f64 = 0.25;
/// ... or whose loss is real with a probability below this.
const LIKELY: f64 = 0.975;
/// Dice from which a proposal saves work: for a mask of the right size, correcting it then changes fewer pixels than
/// drawing it.
const WORTH_WHILE: f64 = 0.5;
/// A case counts as better or worse if its Dice changed by more than this.
const CHANGED: f64 = 0.002;
/// An accepted training mask is suspicious if the candidate's Dice on it is below this, ...
const MISSED: f64 = 0.6;
/// ... and lower by this than on the next worst case, ...
const APART: f64 = 0.25;
/// ... while the candidate's median Dice on the training cases, and the active model's mean Dice on the hold-out cases,
/// exceed this.
const OTHERWISE_GOOD: f64 = 0.9;
/// The candidate's mean Dice on its training cases may be lower than on the hold-out cases by this at most; more means
/// that the masks contradict each other.
const CONTRADICTS: f64 = 0.25;

/// Scores of both models on one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateCase {
    /// Key of the case in the workspace.
    pub key: i64,
    /// Name of the case.
    pub name: String,
    /// Scores of the active model; `None` if there was none.
    pub active: Option<Scores>,
    /// Scores of the candidate.
    pub candidate: Scores,
    /// True if its mask was accepted exactly as a model had proposed it.
    #[serde(default)]
    pub is_untouched: bool,
}

impl GateCase {
    /// Gain of Dice by the candidate, or its Dice if there was no active model. 0 if [`Self::is_as_good`].
    pub fn dice_gain(&self) -> f64 {
        if self.is_as_good() {
            0.0
        } else {
            self.candidate.dice - self.active.map_or(0.0, |s| s.dice)
        }
    }

    /// True if the mask was accepted as proposed and the candidate's mask is nearly the same. Accepting a proposal
    /// means that it is good enough, not that every pixel is right; otherwise a model would win by agreeing with
    /// itself.
    pub fn is_as_good(&self) -> bool {
        self.is_untouched && self.active.is_some() && self.candidate.dice > 1.0 - GOOD_ENOUGH
    }

    /// 1 if the candidate is better, -1 if it is worse, 0 if both are about equal.
    pub fn change_direction(&self) -> i8 {
        let gain = self.dice_gain();
        i8::from(gain > CHANGED) - i8::from(gain < -CHANGED)
    }

    /// A score of the candidate minus that of the active model; 0 if [`Self::is_as_good`]. `None` if either lacks it.
    fn score_difference(&self, figure: impl Fn(&Scores) -> Option<f64>) -> Option<f64> {
        let difference = figure(&self.candidate)? - figure(self.active.as_ref()?)?;
        Some(if self.is_as_good() { 0.0 } else { difference })
    }
}

/// The decision of the promotion gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Verdict {
    /// The candidate is at least as good.
    Better {
        /// The reason, a clause.
        reason: String,
    },
    /// The candidate is worse, or something is wrong with the round.
    Worse {
        /// The reason, a clause.
        reason: String,
    },
    /// No model is active yet, and this candidate is not good enough to propose masks; the next round continues from
    /// it.
    NotYet {
        /// The reason, a clause.
        reason: String,
    },
    /// The user has to decide.
    Ask {
        /// The reason, a clause.
        reason: String,
        /// True if the weak evidence favours the candidate.
        speaks_for: bool,
    },
}

impl Verdict {
    /// The reason, a clause.
    pub fn reason_text(&self) -> &str {
        match self {
            Self::Better { reason }
            | Self::Worse { reason }
            | Self::NotYet { reason }
            | Self::Ask { reason, .. } => reason,
        }
    }

    /// True for [`Self::NotYet`].
    pub fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet { .. })
    }
}

/// The validation report: the data and the decision of the promotion gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The hold-out cases.
    pub cases: Vec<GateCase>,
    /// Difference of Dice, candidate minus active model; `None` without an active model or without cases.
    pub dice: Option<MeanInterval>,
    /// Difference of HD95, over cases where both models have one; higher is worse.
    pub hd95: Option<MeanInterval>,
    /// Difference of boundary IoU.
    pub boundary_iou: Option<MeanInterval>,
    /// The decision.
    pub verdict: Verdict,
    /// The comparison of click models, if it is about these; the other figures are empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<ClickReport>,
}

impl GateReport {
    /// Judges a candidate. `learned` holds name and Dice of the candidate on its training cases: a training mask that
    /// it misses completely most likely belongs to another image.
    pub fn new(cases: Vec<GateCase>, learned: &[(String, f64)]) -> Self {
        let dice = mean_difference(&cases, |s| Some(s.dice));
        let hd95 = mean_difference(&cases, |s| s.hd95);
        let boundary_iou = mean_difference(&cases, |s| Some(s.boundary_iou));
        let verdict = decide_verdict(&cases, [dice, boundary_iou], learned);
        Self {
            cases,
            dice,
            hd95,
            boundary_iou,
            verdict,
            clicks: None,
        }
    }

    /// Applies the rule for a first model: its Dice has to reach 0.5 on average or on half of the cases.
    pub fn of_first_model(mut self) -> Self {
        let dice: Vec<f64> = self.cases.iter().map(|c| c.candidate.dice).collect();
        let mean = dice.iter().sum::<f64>() / dice.len().max(1) as f64;
        let useful = dice.iter().filter(|dice| **dice >= WORTH_WHILE).count();
        let is_useful = mean >= WORTH_WHILE || 2 * useful >= dice.len();
        if !dice.is_empty() && !is_useful && !matches!(self.verdict, Verdict::Worse { .. }) {
            let reason = format!(
                "it is not accurate enough to propose masks yet: Dice {mean:.3} on {} hold-out case{}, \
                 {WORTH_WHILE} needed",
                dice.len(),
                if dice.len() == 1 { "" } else { "s" }
            );
            self.verdict = Verdict::NotYet { reason };
        }
        self
    }

    /// Number of cases that became better, and of those that became worse.
    pub fn better_and_worse(&self) -> (usize, usize) {
        (self.count_by_direction(1), self.count_by_direction(-1))
    }

    /// Number of cases with this [`GateCase::change_direction`].
    fn count_by_direction(&self, direction: i8) -> usize {
        self.cases
            .iter()
            .filter(|c| c.change_direction() == direction)
            .count()
    }

    /// Mean scores of the active model and of the candidate.
    pub fn mean_scores(&self) -> (Option<Scores>, Option<Scores>) {
        let active: Vec<Scores> = self.cases.iter().filter_map(|c| c.active).collect();
        let candidate: Vec<Scores> = self.cases.iter().map(|c| c.candidate).collect();
        (Scores::mean_over(&active), Scores::mean_over(&candidate))
    }
}

/// Difference of a score, candidate minus active model, over the cases where both have it.
fn mean_difference(
    cases: &[GateCase],
    figure: impl Fn(&Scores) -> Option<f64>,
) -> Option<MeanInterval> {
    let differences: Vec<f64> = cases
        .iter()
        .filter_map(|c| c.score_difference(&figure))
        .collect();
    MeanInterval::from_values(&differences)
}

fn decide_verdict(
    cases: &[GateCase],
    [dice, boundary]: [Option<MeanInterval>; 2],
    learned: &[(String, f64)],
) -> Verdict {
    if let Some(name) = most_suspicious_case(cases, learned) {
        let reason = format!(
            "the mask of \"{name}\" does not match the other accepted cases: even a model trained on it does not \
             reproduce it. Check that mask, then train again"
        );
        return Verdict::Worse { reason };
    }
    if let Some((learned, held_out)) = find_contradiction(cases, learned) {
        let reason = format!(
            "the accepted masks contradict the hold-out cases: the candidate reaches Dice {held_out:.2} on the \
             hold-out cases, but {learned:.2} on its training cases. Are labels mixed up?"
        );
        return Verdict::Worse { reason };
    }
    let count = cases.len();
    let on = format!("on {}", count_with_noun(count, "hold-out case"));
    let Some(dice) = dice else {
        let candidates: Vec<Scores> = cases.iter().map(|c| c.candidate).collect();
        return match Scores::mean_over(&candidates) {
            Some(mean) => Verdict::Better {
                reason: format!("first model: Dice {:.3} {on}", mean.dice),
            },
            None => Verdict::Ask {
                reason: "no hold-out case has been accepted yet, so the model could not be tested"
                    .into(),
                speaks_for: true,
            },
        };
    };
    let figures = format!(
        "Dice {:+.4} (95 % CI {:+.4} to {:+.4}) {on}",
        dice.mean, dice.low, dice.high
    );
    let active: f64 = cases
        .iter()
        .filter_map(|c| c.active)
        .map(|s| s.dice)
        .sum::<f64>()
        / count as f64;
    let is_little = dice.mean > -LITTLE * (1.0 - active) - NOTHING;
    if count < FEWEST {
        let is_ruin = dice.mean < -RUIN && cases.iter().all(|c| c.dice_gain() < 0.0);
        return if is_ruin {
            Verdict::Worse {
                reason: format!("it is much worse: {figures}"),
            }
        } else {
            let reason = format!(
                "only {}, at least {FEWEST} needed: {figures}",
                count_with_noun(count, "hold-out case")
            );
            Verdict::Ask {
                reason,
                speaks_for: is_little,
            }
        };
    }
    if dice.high < 0.0 && dice.mean < -NOTHING {
        return Verdict::Worse {
            reason: format!("it is worse: {figures}"),
        };
    }
    // Boundary IoU decides too: equal Dice must not hide coarser boundaries.
    if let Some(b) = boundary.filter(|b| b.high < 0.0 && b.mean < -TOO_MUCH && dice.mean < TOO_MUCH)
    {
        return Verdict::Worse {
            reason: format!("its boundaries are worse: boundary IoU {:+.4} {on}", b.mean),
        };
    }
    if dice.mean < -TOO_MUCH {
        let reason = format!("these cases do not show whether it is worse: {figures}");
        return Verdict::Ask {
            reason,
            speaks_for: is_little || dice.below_zero < LIKELY,
        };
    }
    let how = if dice.low > 0.0 && dice.mean > NOTHING {
        "better"
    } else {
        "not worse"
    };
    Verdict::Better {
        reason: format!("it is {how}: {figures}"),
    }
}

/// Mean Dice of the candidate on its training cases and on the hold-out cases, if the first is far below the second.
fn find_contradiction(cases: &[GateCase], learned: &[(String, f64)]) -> Option<(f64, f64)> {
    let held_out = Scores::mean_over(&cases.iter().map(|c| c.candidate).collect::<Vec<_>>())?.dice;
    let mean = learned.iter().map(|(_, dice)| dice).sum::<f64>() / learned.len().max(1) as f64;
    (cases.len() >= FEWEST && !learned.is_empty() && mean + CONTRADICTS < held_out)
        .then_some((mean, held_out))
}

/// Name of a training case whose mask most likely belongs to another image.
fn most_suspicious_case<'a>(cases: &[GateCase], learned: &'a [(String, f64)]) -> Option<&'a str> {
    let active: Vec<Scores> = cases.iter().filter_map(|c| c.active).collect();
    let is_good = Scores::mean_over(&active).is_some_and(|mean| mean.dice > OTHERWISE_GOOD);
    let mut order: Vec<&(String, f64)> = learned.iter().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let median = order.get(order.len() / 2)?.1;
    let [worst, next, ..] = order[..] else {
        return None;
    };
    let is_apart = worst.1 < MISSED && next.1 - worst.1 > APART;
    (is_good && median > OTHERWISE_GOOD && is_apart).then_some(worst.0.as_str())
}

#[cfg(test)]
mod tests;
