//! Whether a candidate may take the place of the active model: both judged on the same held-out cases.

use super::{bootstrap::MeanInterval, counts::count_with_noun, metrics::Scores};
use serde::{Deserialize, Serialize};

/// With fewer cases nothing can be said.
pub const FEWEST: usize = 3;
/// A mean loss of Dice, or of boundary IoU, that a person is asked about where it is not proven.
const TOO_MUCH: f64 = 0.005;
/// Differences below this are none.
const NOTHING: f64 = 0.001;
/// Fewer cases than [`FEWEST`] still tell a ruin where all of them lose as much as this on the mean.
const RUIN: f64 = 0.2;
/// So much Dice nobody misses in a mask that was accepted as it was proposed.
const GOOD_ENOUGH: f64 = 0.03;
/// What little there is still speaks for a candidate that loses less than this share of what was left to win ...
const LITTLE: f64 = 0.25;
/// ... or whose loss has less than this chance of being one.
const LIKELY: f64 = 0.975;
/// A proposal is worth its while where less of it has to be changed than would have to be drawn: for a mask of the right
/// size, from this Dice on.
const WORTH_WHILE: f64 = 0.5;
/// A case counts as better or worse where its Dice changed by more than this.
const CHANGED: f64 = 0.002;
/// An accepted mask is suspicious that the candidate finds worse than this although it learned from it, ...
const MISSED: f64 = 0.6;
/// ... this much worse than the next one, ...
const APART: f64 = 0.25;
/// ... while it finds most others, and the active model those held out, as well as this.
const OTHERWISE_GOOD: f64 = 0.9;
/// The candidate must find what it learned from about as well as what is held out: this much less is a contradiction.
const CONTRADICTS: f64 = 0.25;

/// How both models did on a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateCase {
    /// Which, for programs.
    pub key: i64,
    /// Which, for people.
    pub name: String,
    /// The active model; none where there was none.
    pub active: Option<Scores>,
    /// The candidate.
    pub candidate: Scores,
    /// Its mask was accepted as a model had proposed it.
    #[serde(default)]
    pub is_untouched: bool,
}

impl GateCase {
    /// How much Dice the candidate wins; its Dice where there was no active model. 0 where nobody would see a difference.
    pub fn dice_gain(&self) -> f64 {
        if self.is_as_good() {
            0.0
        } else {
            self.candidate.dice - self.active.map_or(0.0, |s| s.dice)
        }
    }

    /// True where the mask was accepted as proposed and the candidate finds nearly the same: whoever accepts a proposal
    /// says that it is good enough, not that every pixel of it is right. Else a model would win by agreeing with itself.
    pub fn is_as_good(&self) -> bool {
        self.is_untouched && self.active.is_some() && self.candidate.dice > 1.0 - GOOD_ENOUGH
    }

    /// More than 0 where the candidate is better, less where it is worse, 0 where both are about as good.
    pub fn change_direction(&self) -> i8 {
        let gain = self.dice_gain();
        i8::from(gain > CHANGED) - i8::from(gain < -CHANGED)
    }
}

/// What the gate decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Verdict {
    /// The candidate is not worse.
    Better {
        /// In words.
        reason: String,
    },
    /// The candidate is worse, or something is wrong with the round.
    Worse {
        /// In words.
        reason: String,
    },
    /// No model proposes yet, and this one finds too little to begin with; the next round goes on from it.
    NotYet {
        /// In words.
        reason: String,
    },
    /// A person has to decide.
    Ask {
        /// In words.
        reason: String,
        /// What little there is speaks for the candidate.
        speaks_for: bool,
    },
}

impl Verdict {
    /// In words.
    pub fn reason_text(&self) -> &str {
        match self {
            Self::Better { reason }
            | Self::Worse { reason }
            | Self::NotYet { reason }
            | Self::Ask { reason, .. } => reason,
        }
    }

    /// True for a model that the next round goes on from although it does not propose.
    pub fn is_not_yet(&self) -> bool {
        matches!(self, Self::NotYet { .. })
    }
}

/// All that the gate saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The held-out cases.
    pub cases: Vec<GateCase>,
    /// Dice; none without an active model or without cases.
    pub dice: Option<MeanInterval>,
    /// Hausdorff 95, over cases where both have one; more is worse.
    pub hd95: Option<MeanInterval>,
    /// Boundary IoU.
    pub boundary_iou: Option<MeanInterval>,
    /// What was decided.
    pub verdict: Verdict,
}

impl GateReport {
    /// Judges a candidate. `learned` is what it does on the cases that it learned from: name and Dice; a mask that it
    /// cannot find at all there is most likely not one of its image.
    pub fn new(cases: Vec<GateCase>, learned: &[(String, f64)]) -> Self {
        let pairs = |of: &dyn Fn(&Scores) -> Option<f64>| -> Vec<f64> {
            let difference = |c: &GateCase| {
                let difference = of(&c.candidate)? - of(c.active.as_ref()?)?;
                Some(if c.is_as_good() { 0.0 } else { difference })
            };
            cases.iter().filter_map(difference).collect()
        };
        let dice = MeanInterval::from_values(&pairs(&|s| Some(s.dice)));
        let hd95 = MeanInterval::from_values(&pairs(&|s| s.hd95));
        let boundary_iou = MeanInterval::from_values(&pairs(&|s| Some(s.boundary_iou)));
        let verdict = decide_verdict(&cases, [dice, boundary_iou], learned);
        Self {
            cases,
            dice,
            hd95,
            boundary_iou,
            verdict,
        }
    }

    /// The same where no model proposes yet: a first one has to be worth its while on the mean, or on half of the cases.
    pub fn of_first_model(mut self) -> Self {
        let dice: Vec<f64> = self.cases.iter().map(|c| c.candidate.dice).collect();
        let mean = dice.iter().sum::<f64>() / dice.len().max(1) as f64;
        let useful = dice.iter().filter(|dice| **dice >= WORTH_WHILE).count();
        let is_useful = mean >= WORTH_WHILE || 2 * useful >= dice.len();
        if !dice.is_empty() && !is_useful && !matches!(self.verdict, Verdict::Worse { .. }) {
            let reason = format!(
                "it does not find enough to propose masks yet: Dice {mean:.3} on {} held-out case{}, {WORTH_WHILE} is needed",
                dice.len(),
                if dice.len() == 1 { "" } else { "s" }
            );
            self.verdict = Verdict::NotYet { reason };
        }
        self
    }

    /// Cases that became better, and those that became worse.
    pub fn better_and_worse(&self) -> (usize, usize) {
        let count = |sign: i8| {
            self.cases
                .iter()
                .filter(|c| c.change_direction() == sign)
                .count()
        };
        (count(1), count(-1))
    }

    /// Means of the active model and of the candidate.
    pub fn mean_scores(&self) -> (Option<Scores>, Option<Scores>) {
        let active: Vec<Scores> = self.cases.iter().filter_map(|c| c.active).collect();
        let candidate: Vec<Scores> = self.cases.iter().map(|c| c.candidate).collect();
        (Scores::mean_over(&active), Scores::mean_over(&candidate))
    }
}

fn decide_verdict(
    cases: &[GateCase],
    [dice, boundary]: [Option<MeanInterval>; 2],
    learned: &[(String, f64)],
) -> Verdict {
    if let Some(name) = most_suspicious_case(cases, learned) {
        let reason = format!(
            "\"{name}\" does not fit the other accepted cases: even a model that learned from its mask does not find \
             it. Look at that mask, then train again"
        );
        return Verdict::Worse { reason };
    }
    if let Some((learned, held_out)) = find_contradiction(cases, learned) {
        let reason = format!(
            "the accepted masks contradict those held out: the candidate finds the latter with Dice {held_out:.2} and what \
             it learned from with {learned:.2}. Are labels mixed up?"
        );
        return Verdict::Worse { reason };
    }
    let count = cases.len();
    let on = format!("on {}", count_with_noun(count, "held-out case"));
    let Some(dice) = dice else {
        let candidates: Vec<Scores> = cases.iter().map(|c| c.candidate).collect();
        return match Scores::mean_over(&candidates) {
            Some(mean) => Verdict::Better {
                reason: format!("the first model: Dice {:.3} {on}", mean.dice),
            },
            None => Verdict::Ask {
                reason: "no held-out case is accepted yet, so the model could not be tested".into(),
                speaks_for: true,
            },
        };
    };
    let figures = format!(
        "Dice {:+.4} (95 % interval {:+.4} to {:+.4}) {on}",
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
                reason: format!("it is far worse: {figures}"),
            }
        } else {
            let reason = format!(
                "only {}, {FEWEST} are needed for a test: {figures}",
                count_with_noun(count, "held-out case")
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
    // Sharp boundaries are what the masks are for.
    if let Some(b) = boundary.filter(|b| b.high < 0.0 && b.mean < -TOO_MUCH && dice.mean < TOO_MUCH)
    {
        return Verdict::Worse {
            reason: format!("its boundaries are worse: boundary IoU {:+.4} {on}", b.mean),
        };
    }
    if dice.mean < -TOO_MUCH {
        let reason = format!("these cases cannot tell whether it is worse: {figures}");
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

/// Mean Dice of the candidate on what it learned from and on the hold-out, where the first is far below the second.
fn find_contradiction(cases: &[GateCase], learned: &[(String, f64)]) -> Option<(f64, f64)> {
    let held_out = Scores::mean_over(&cases.iter().map(|c| c.candidate).collect::<Vec<_>>())?.dice;
    let mean = learned.iter().map(|(_, dice)| dice).sum::<f64>() / learned.len().max(1) as f64;
    (cases.len() >= FEWEST && !learned.is_empty() && mean + CONTRADICTS < held_out)
        .then_some((mean, held_out))
}

/// The case whose mask is most likely not of its image.
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
